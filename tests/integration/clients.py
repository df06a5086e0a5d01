"""The [[client]] tables of a daemon, and what its clients show."""
import base64
import hashlib
import os


def basic(name, secret="x"):
    """The Authorization of who goes by this name."""
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def secret_hash(secret):
    """As `roktcached hash-secret` prints it, but made and verified in a millisecond."""
    salt = os.urandom(16)
    digest = hashlib.scrypt(secret.encode(), salt=salt, n=1 << 10, r=8, p=1, dklen=32)
    text = lambda data: base64.b64encode(data).decode().rstrip("=")
    return f"$scrypt$ln=10,r=8,p=1${text(salt)}${text(digest)}"


def client(name, secret=None, **settings):
    """A [[client]] table. Values are TOML where they are text."""
    if secret is not None:
        settings["secret_hash"] = f'"{secret_hash(secret)}"'
    return "\n".join(["", "[[client]]", f'name = "{name}"', *(f"{key} = {value}" for key, value in settings.items()), ""])
