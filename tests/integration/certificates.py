"""An authority of the tests' own, and the certificates that it signs."""
import itertools
import os
import ssl
import subprocess


class Authority:
    """Keeps all in `folder`. Every file of a key has mode 0600."""

    def __init__(self, folder, name="Test CA"):
        self.folder = folder
        self.numbers = itertools.count()
        self.prefix = name.replace(" ", "-")
        self.key, self.certificate = self.path("key"), self.path("pem")
        self.openssl("req", "-x509", *self.new_key(self.key), "-out", self.certificate, "-days", "2", "-subj", f"/CN={name}",
                     "-addext", "basicConstraints=critical,CA:TRUE")

    def path(self, suffix):
        return os.path.join(self.folder, f"{self.prefix}.{suffix}")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    @staticmethod
    def new_key(path):
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path

    def issue(self, subject, names="DNS:localhost,IP:127.0.0.1", days=2):
        """(certificate, key), two files."""
        number = next(self.numbers)
        certificate, key, request, extensions = (self.path(f"{number}.{suffix}") for suffix in ("pem", "key", "csr", "ext"))
        with open(extensions, "w", encoding="ascii") as file:
            file.write(f"subjectAltName={names}\n" if names else "basicConstraints=CA:FALSE\n")
        self.openssl("req", *self.new_key(key), "-out", request, "-subj", subject)
        self.openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-out",
                     certificate, "-days", str(days), "-extfile", extensions)
        return certificate, key

    def context(self, own=None):
        """Of a client that trusts this authority, with a certificate of its own."""
        context = ssl.create_default_context(cafile=self.certificate)
        if own:
            context.load_cert_chain(*own)
        return context


def tls_table(certificate, key, addresses, **settings):
    """The [listen.tls] section; settings are TOML."""
    lines = [f'addresses = ["{addresses}"]', f'certificate_file = "{certificate}"', f'key_file = "{key}"']
    return "\n".join(["", "[listen.tls]", *lines, *(f"{name} = {value}" for name, value in settings.items()), ""])
