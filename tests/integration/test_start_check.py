"""Each mistake that keeps the daemon from starting is one that `check` finds, too: by the same words, with exit code 78, and with
nothing opened or made."""
import os
import pathlib
import re
import sqlite3
import stat
import subprocess

from certificates import Authority
from clients import client
from harness import BINARY, Process, TestCase, free_port, wait_until

CONFIGURATION = 78
UNAVAILABLE = 69
AS_ROOT = os.geteuid() == 0
NOBODY = 65534

# A setting a line, so that the line of each is found by its name.
SETTINGS = """\
[listen]
addresses = ["127.0.0.1:{port}", "unix:{folder}/sockets/proxy.sock"]
unix_group = "{group}"
token_key_file = "{folder}/keys/token.key"
[listen.tls]
addresses = ["127.0.0.1:{tls_port}"]
certificate_file = "{folder}/tls.pem"
key_file = "{folder}/tls.key"
client_ca_file = "{folder}/client-ca.pem"
[admin]
address = "unix:{folder}/sockets/admin.sock"
token_file = "{folder}/admin.token"
[upstream]
url = "https://localhost:1"
ca_file = "{folder}/upstream-ca.pem"
[cache]
file = "{folder}/state/cache.db"
[[credential]]
name = "emea"
app_id_file = "{folder}/app.id"
app_secret_file = "{folder}/app.secret"
"""
SECRET_FILES = ("app.id", "app.secret", "admin.token", "tls.key")


def run(verb, *arguments, folder, **environment):
    kept = {"PATH": os.environ["PATH"], "HOME": folder}
    return subprocess.run([BINARY, verb, *arguments], env={**kept, **environment}, cwd=folder, capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL)


def write(path, content, mode=0o600):
    pathlib.Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())
    os.chmod(path, mode)


def database(path, *statements):
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def tree(folder):
    """Every name below the folder, with what a change would show in. A folder's own time is not among it: SQLite makes and
    removes its shared memory there."""
    found = []
    for path in pathlib.Path(folder).rglob("*"):
        status = os.lstat(path)
        found.append((str(path), status.st_mode, status.st_ino, None if stat.S_ISDIR(status.st_mode) else status.st_mtime_ns))
    return sorted(found)


def replaced(name, content, mode=0o600):
    """A mistake: a file has that content and mode."""
    return lambda folder: write(os.path.join(folder, name), content, mode)


def removed(name):
    return lambda folder: os.unlink(os.path.join(folder, name))


def with_mode(name, mode):
    return lambda folder: os.chmod(os.path.join(folder, name), mode)


def as_folder(name):
    def make(folder):
        if os.path.exists(os.path.join(folder, name)):
            os.unlink(os.path.join(folder, name))
        os.mkdir(os.path.join(folder, name))
    return make


def as_link(name, target):
    return lambda folder: os.symlink(target.format(folder=folder), os.path.join(folder, name))


def owned_by_another(name):
    def give(folder):
        path = pathlib.Path(folder, name)
        path.touch()
        os.chown(path, NOBODY, NOBODY)
    return give


def without_folder(name):
    return lambda folder: os.rmdir(os.path.join(folder, name))


def key_of_another(folder):
    os.replace(os.path.join(folder, "other.key"), os.path.join(folder, "tls.key"))


def with_fleet(url, *files, **settings):
    """A mistake in [fleet]; its files hold what is no certificate, no key and no password."""
    def make(folder):
        for name in files:
            write(os.path.join(folder, name), "a b\n")
        lines = [f'{key} = "{value.format(folder=folder)}"' for key, value in {"url": url, **settings}.items()]
        with open(os.path.join(folder, "settings.toml"), "a", encoding="ascii") as file:
            file.write("\n[fleet]\n" + "\n".join(lines) + "\n")
    return make


TLS_ENGINE, ENGINE = "rediss://localhost:1", "redis://localhost:1"
APP_ID, APP_SECRET = 'credential.app_id_file of "emea"', 'credential.app_secret_file of "emea"'

# What is wrong: how it comes about, which setting is to be named, and what of the reason is to be said.
PUBLIC_MISTAKES = {
    "no certificate": (removed("tls.pem"), "listen.tls.certificate_file", "tls.pem"),
    "no certificate in its file": (replaced("tls.pem", "nothing"), "listen.tls.certificate_file", "tls.pem"),
    "no client CA": (removed("client-ca.pem"), "listen.tls.client_ca_file", "client-ca.pem"),
    "no client CA in its file": (replaced("client-ca.pem", ""), "listen.tls.client_ca_file", "client-ca.pem"),
    "no upstream CA": (removed("upstream-ca.pem"), "upstream.ca_file", "upstream-ca.pem"),
    "no upstream CA in its file": (replaced("upstream-ca.pem", "nothing"), "upstream.ca_file", "upstream-ca.pem"),
    "a pipe as upstream CA": (lambda folder: (os.unlink(f"{folder}/upstream-ca.pem"), os.mkfifo(f"{folder}/upstream-ca.pem")),
                              "upstream.ca_file", "not a regular file"),
    "a folder as client CA": (as_folder("client-ca.pem"), "listen.tls.client_ca_file", "not a regular file"),
    "a pipe as certificate": (lambda folder: (os.unlink(f"{folder}/tls.pem"), os.mkfifo(f"{folder}/tls.pem")),
                              "listen.tls.certificate_file", "not a regular file"),
    "no folder for the sockets": (without_folder("sockets"), "listen.addresses", "proxy.sock: No such file"),
    "a file in the socket's place": (replaced("sockets/proxy.sock", ""), "listen.addresses", "exists and is no socket"),
    "a file in the admin socket's place": (replaced("sockets/admin.sock", ""), "admin.address", "exists and is no socket"),
    "a folder as cache file": (as_folder("state/cache.db"), "cache.file", "is a directory"),
    "a link as cache file": (as_link("state/cache.db", "{folder}/elsewhere"), "cache.file", "is a symlink"),
    "a link as its lock": (as_link("state/cache.db.lock", "{folder}/elsewhere"), "cache.file", "cache.db.lock: is a symlink"),
    "a cache file that others write": (replaced("state/cache.db", "", 0o622), "cache.file", "has mode 0622"),
    "a log of SQLite's that others write": (replaced("state/cache.db-wal", "", 0o622), "cache.file", "cache.db-wal: has mode 0622"),
    "a folder where others write": (with_mode("state", 0o777), "cache.file", "has mode 0777"),
    "a file as the cache's folder": (lambda folder: (os.rmdir(f"{folder}/state"), write(f"{folder}/state", "")), "cache.file", "is no directory"),
    "a database of another program": (lambda folder: database(f"{folder}/state/cache.db", "CREATE TABLE precious (x)"),
                                      "cache.file", "is a database of another program"),
    "a cache file of a later version": (lambda folder: database(f"{folder}/state/cache.db", "PRAGMA application_id = 0x524f4b54",
                                                                "PRAGMA user_version = 999"), "cache.file", "newer roktcached"),
}
PUBLIC_MISTAKES |= {
    "no CA of the engine": (with_fleet(TLS_ENGINE, ca_file="{folder}/fleet-ca.pem"), "fleet.ca_file", "fleet-ca.pem: No such file"),
    "no CA of the engine in its file": (with_fleet(TLS_ENGINE, "fleet.pem", ca_file="{folder}/fleet.pem"), "fleet.ca_file", "fleet.pem"),
    "no certificate for the engine": (with_fleet(TLS_ENGINE, certificate_file="{folder}/fleet.pem", key_file="{folder}/tls.key"),
                                      "fleet.certificate_file", "fleet.pem: No such file"),
    "a password to be read on the way": (with_fleet("redis://192.0.2.1"), "fleet.url", "beyond loopback without TLS"),
}
SECRET_MISTAKES = {
    "another certificate's key for the engine": (with_fleet(TLS_ENGINE, certificate_file="{folder}/tls.pem", key_file="{folder}/other.key"),
                                                 "fleet.key_file", "does not belong to fleet.certificate_file"),
    "no password of the engine": (with_fleet(ENGINE, password_file="{folder}/fleet.password"), "fleet.password_file", "No such file"),
    "an engine's password with a space": (with_fleet(ENGINE, "fleet.password", password_file="{folder}/fleet.password"),
                                          "fleet.password_file", "not visible ASCII"),
    "a user of the engine without a password": (with_fleet(ENGINE, username="me"), "fleet.username", "there is no password"),
    "a short key for shared answers": (with_fleet(ENGINE, entry_key_file="{folder}/admin.token"), "fleet.entry_key_file", "shorter than 32"),
    "no key": (removed("tls.key"), "listen.tls.key_file", "tls.key: No such file"),
    "no key in its file": (replaced("tls.key", "nothing"), "listen.tls.key_file", "tls.key"),
    "the key of another certificate": (key_of_another, "listen.tls.key_file", "does not belong to"),
    "a key that all can read": (with_mode("tls.key", 0o644), "listen.tls.key_file", "has mode 0644"),
    "no admin token": (removed("admin.token"), "admin.token_file", "admin.token: No such file"),
    "an admin token that can be guessed": (replaced("admin.token", "short"), "admin.token_file", "shorter than 16"),
    "an admin token that its group can write": (with_mode("admin.token", 0o660), "admin.token_file", "has mode 0660"),
    "no app id": (removed("app.id"), APP_ID, "app.id: No such file"),
    "an app id with a space": (replaced("app.id", "a b"), APP_ID, "not visible ASCII"),
    "an empty app secret": (replaced("app.secret", "\n"), APP_SECRET, "is empty"),
    "an app secret that all can read": (with_mode("app.secret", 0o444), APP_SECRET, "below /run/secrets"),
    "an app secret in UTF-16": (replaced("app.secret", "secret".encode("utf-16")), APP_SECRET, "UTF-16"),
    "a folder as app secret": (as_folder("app.secret"), APP_SECRET, "not a regular file"),
    "a token key that is none": (replaced("keys/token.key", "short"), "listen.token_key_file", "32 bytes"),
    "a token key that all can read": (replaced("keys/token.key", bytes(32), 0o644), "listen.token_key_file", "has mode 0644"),
    "a token key that leads nowhere": (as_link("keys/token.key", "nowhere"), "listen.token_key_file", "symbolic link to nothing"),
    "no folder for the token key": (without_folder("keys"), "listen.token_key_file", "token.key: No such file"),
}
if AS_ROOT:  # only root can give a file to another user
    PUBLIC_MISTAKES["a cache file of another user"] = (owned_by_another("state/cache.db"), "cache.file", f"belongs to user {NOBODY}")
    SECRET_MISTAKES["a key of another user"] = (owned_by_another("tls.key"), "listen.tls.key_file", f"owned by user {NOBODY}")
    SECRET_MISTAKES["a token key of another user"] = (owned_by_another("keys/token.key"), "listen.token_key_file", f"owned by user {NOBODY}")


class StartCheck(TestCase):
    @classmethod
    def setUpClass(cls):
        holder = TestCase()
        folder = holder.folder()
        cls.addClassCleanup(holder.doCleanups)
        authority = Authority(folder)
        read = lambda path: pathlib.Path(path).read_text()
        certificate, key = authority.issue("/CN=proxy")
        cls.files = {"tls.pem": read(certificate), "tls.key": read(key), "other.key": read(authority.issue("/CN=other")[1]),
                     "client-ca.pem": read(authority.certificate), "upstream-ca.pem": read(authority.certificate),
                     "app.id": "demo-app\n", "app.secret": "demo-secret\n", "admin.token": "0123456789abcdef\n"}

    def make(self):
        """A folder with all that the settings name, and the settings."""
        folder = self.folder()
        for name, content in self.files.items():
            write(os.path.join(folder, name), content)
        for name in ("sockets", "state", "keys"):
            os.mkdir(os.path.join(folder, name), 0o700)
        group = subprocess.run(["id", "-gn"], capture_output=True, text=True, check=True).stdout.strip()
        settings = SETTINGS.format(folder=folder, port=free_port(), tls_port=free_port(), group=group) + client("alice", "a-secret-of-alice")
        path = os.path.join(folder, "settings.toml")
        write(path, settings)
        return folder, path

    def assert_refused_by_both(self, folder, path, *parts):
        before = tree(folder)
        said = []
        for verb in ("check", "serve"):
            result = run(verb, "--config", path, folder=folder)
            self.assertEqual(result.returncode, CONFIGURATION, f"{verb}: {result.stderr}")
            self.assertEqual(result.stdout, "")
            self.assertNotIn("demo-secret", result.stderr)
            for part in parts:
                self.assertIn(part, result.stderr)
            said.append(result.stderr)
        self.assertEqual(said[0], said[1])
        self.assertNotIn("listening", said[1])
        self.assertEqual(tree(folder), before, "something was made or changed")
        return said[0]

    def place_of(self, path, setting):
        """FILE:LINE of a setting; each key stands once, but for addresses."""
        section, key = re.match(r"(.*)\.(\w+)", setting.split(" of ")[0]).groups()
        lines = pathlib.Path(path).read_text().splitlines()
        start = next(i for i, line in enumerate(lines) if line.strip("[]") == section)
        return f"{path}:{next(i for i in range(start, len(lines)) if lines[i].startswith(f'{key} =')) + 1}"

    def test_without_a_mistake_both_are_content(self):
        folder, path = self.make()
        before = tree(folder)
        result = run("check", "--config", path, folder=folder)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(tree(folder), before, "check makes nothing")
        daemon = Process(["serve", "--config", path], {"HOME": folder}, folder)
        self.addCleanup(daemon.stop)
        wait_until(lambda: "admin on unix:" in daemon.output, "it listens")
        self.assertTrue(os.path.exists(f"{folder}/state/cache.db"))
        self.assertTrue(os.path.exists(f"{folder}/keys/token.key"))
        result = run("check", "--config", path, folder=folder)
        self.assertEqual((result.returncode, result.stderr), (0, ""), "what a daemon has in use is no mistake")

    def test_each_mistake_is_refused_by_both_alike(self):
        for name, (make, setting, part) in {**PUBLIC_MISTAKES, **SECRET_MISTAKES}.items():
            with self.subTest(name):
                folder, path = self.make()
                make(folder)
                self.assert_refused_by_both(folder, path, f"{self.place_of(path, setting)}: {setting}: ", part)

    def test_a_group_that_is_not_there(self):
        folder, path = self.make()
        text = pathlib.Path(path).read_text()
        write(path, re.sub("unix_group = .*", 'unix_group = "no-such-group"', text))
        place = self.place_of(path, "listen.unix_group")
        self.assert_refused_by_both(folder, path, f'{place}: listen.unix_group: "no-such-group": there is no such group')

    def test_all_mistakes_come_at_once(self):
        folder, path = self.make()
        settings = set()
        for name in ("no upstream CA", "no app id", "an empty app secret", "no key", "a folder as cache file", "an admin token that can be guessed",
                     "a file in the socket's place", "a token key that is none"):
            make, setting, _ = {**PUBLIC_MISTAKES, **SECRET_MISTAKES}[name]
            make(folder)
            settings.add(setting)
        settings.remove(APP_SECRET)  # a credential is read as far as it is good
        said = self.assert_refused_by_both(folder, path, *(f"{self.place_of(path, setting)}: {setting}: " for setting in settings))
        self.assertEqual(len(said.splitlines()), len(settings), said)

    def test_a_setting_of_the_environment_is_named_by_its_variable(self):
        folder, path = self.make()
        for verb in ("check", "serve"):
            result = run(verb, "--config", path, folder=folder, ROKTCACHED_UPSTREAM_CA_FILE="/nonexistent.pem")
            self.assertEqual(result.returncode, CONFIGURATION, result.stderr)
            self.assertIn("$ROKTCACHED_UPSTREAM_CA_FILE: upstream.ca_file: /nonexistent.pem: ", result.stderr)

    def test_a_folder_that_takes_no_files_is_found_out(self):
        folder, path = self.make()
        for setting, value in (("ROKTCACHED_CACHE_FILE", "/proc/cache.db"), ("ROKTCACHED_CACHE_FILE", "/proc/new/cache.db"),
                               ("ROKTCACHED_LISTEN_TOKEN_KEY_FILE", "/proc/token.key"), ("ROKTCACHED_ADMIN_ADDRESS", "unix:/proc/admin.sock")):
            for verb in ("check", "serve"):
                with self.subTest(value, verb=verb):
                    result = run(verb, "--config", path, folder=folder, **{setting: value})
                    self.assertEqual(result.returncode, CONFIGURATION, result.stderr)
                    self.assertIn(f"${setting}: ", result.stderr)
                    self.assertIn(value, result.stderr)

    def test_without_secrets_all_else_is_checked(self):
        folder, path = self.make()
        for name in SECRET_FILES:
            os.unlink(os.path.join(folder, name))
        self.assertEqual(run("check", "--config", path, folder=folder).returncode, CONFIGURATION)
        result = run("check", "--no-secrets", "--config", path, folder=folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("secrets were not read", result.stderr)
        self.assertIn("[upstream]", result.stdout)
        for name, (make, setting, part) in PUBLIC_MISTAKES.items():
            with self.subTest(name):
                folder, path = self.make()
                make(folder)
                result = run("check", "--no-secrets", "--config", path, folder=folder)
                self.assertEqual(result.returncode, CONFIGURATION, result.stderr)
                self.assertIn(f"{self.place_of(path, setting)}: {setting}: ", result.stderr)
                self.assertIn(part, result.stderr)
        for name, (make, _, _) in SECRET_MISTAKES.items():
            with self.subTest(name):
                folder, path = self.make()
                make(folder)
                self.assertEqual(run("check", "--no-secrets", "--config", path, folder=folder).returncode, 0)

    def test_a_certificate_that_has_expired_is_a_warning(self):
        folder, path = self.make()
        openssl = lambda *arguments: subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
        openssl("req", "-new", "-key", "tls.key", "-out", "tls.csr", "-subj", "/CN=proxy")
        openssl("x509", "-req", "-in", "tls.csr", "-signkey", "tls.key", "-out", "tls.pem", "-days", "-1")
        result = run("check", "--config", path, folder=folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stderr, r"warning: listen\.tls\.certificate_file: .*tls\.pem: has expired")
        daemon = Process(["serve", "--config", path], {"HOME": folder}, folder)
        self.addCleanup(daemon.stop)
        wait_until(lambda: "has expired" in daemon.output and "admin on unix:" in daemon.output, "it warns, and serves")

    def test_an_address_that_is_taken_leaves_nothing_behind(self):
        folder, path = self.make()
        taken = free_port()
        other = Process(["simulate", "--listen", f"127.0.0.1:{taken}"])
        self.addCleanup(other.stop)
        wait_until(lambda: str(taken) in other.output or not other.alive(), "the port is taken")
        write(path, re.sub(r"\[admin\]\naddress = .*", f'[admin]\naddress = "127.0.0.1:{taken}"', pathlib.Path(path).read_text()))
        before = tree(folder)
        result = run("serve", "--config", path, folder=folder)
        self.assertEqual(result.returncode, UNAVAILABLE, result.stderr)
        self.assertIn(f"127.0.0.1:{taken}: Address already in use", result.stderr)
        self.assertEqual(tree(folder), before)

    def test_a_file_nested_without_end_is_refused_and_crashes_nothing(self):
        for text in ("a." * 50_000 + "a = 1\n", "[" + "a." * 50_000 + "a]\n", "a = " + "[" * 50_000 + "\n", "a = " + "{a=" * 50_000 + "\n"):
            with self.subTest(text[:10]):
                folder, path = self.make()
                write(path, text)
                self.assert_refused_by_both(folder, path, f"{path}:1: is nested too deep; accepted: ")
        folder, path = self.make()
        write(path, "#" * (1024 * 1024 + 1))
        self.assert_refused_by_both(folder, path, "is longer than 1 MiB")
