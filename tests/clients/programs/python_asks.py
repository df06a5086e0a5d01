"""How the clients in Python read what they are to ask and print what they got; see ../client_programs.py."""
import hashlib
import sys

BASE, LANGUAGE = sys.argv[1:3]
FIELDS = {"Accept-Language": LANGUAGE} if LANGUAGE else {}


def asks():
    """(URL, parameters) of each."""
    for line in sys.stdin:
        path, *parameters = line.rstrip("\n").split("\t")
        yield BASE + path, dict(parameter.split("=", 1) for parameter in parameters)


def show(status, body, cache_status):
    print(status, hashlib.sha256(body).hexdigest(), cache_status, sep="\t")
