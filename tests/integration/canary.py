"""Secrets that nobody may see: each is registered when it is made, and all that the suite sees of a daemon is searched for
them, in every spelling that a program could turn them into by accident.
"""
import base64
import os
import re
import secrets
import urllib.parse

SHORTEST = 6  # of fewer bytes, base64 keeps too little to be told from chance
LOOKED_AT_BYTES = 16 << 20  # of a larger file, so much at either end
UPSTREAM_TOKEN = re.compile(rb"sim-[0-9a-f]{32}")  # the simulator's

needles = {}  # bytes to look for: how the secret was spelled


def canary(purpose):
    """A new secret, registered."""
    return register(f"canary-{purpose}-{secrets.token_hex(12)}")


def register(secret):
    assert len(secret) >= SHORTEST, "too short to be looked for"
    for spelling, needle in spellings(secret.encode()):
        needles.setdefault(needle, f"{secret[:-4]}... ({spelling})")
    return secret


def spellings(secret):
    yield "plain", secret
    yield "hex", secret.hex().encode()
    quoted = urllib.parse.quote_from_bytes(secret, safe="").encode()
    yield "percent-encoded", quoted
    every = b"".join(b"%%%02X" % byte for byte in secret)
    yield "percent-encoded", every
    yield "percent-encoded", every.lower()
    # What stands before it, "name:" for one, shifts its bits: three shifts, without the characters that hold a neighbour's.
    for shift in range(3):
        end = (shift + len(secret)) // 3 * 3 - shift
        encoded = base64.b64encode(bytes(shift) + secret[:end])[-(-shift * 8 // 6):]
        yield "base64", encoded
        yield "base64url", encoded.replace(b"+", b"-").replace(b"/", b"_")


def find(data):
    """What was found in `data`, for people; empty where there is nothing."""
    found = sorted({what for needle, what in needles.items() if needle in data})
    if match := UPSTREAM_TOKEN.search(data):
        found.append(f"a token of the upstream ({match[0][:12].decode()}...)")
    return found


def check(data, where):
    found = find(data)
    assert not found, f"{where} shows {', '.join(found)}"


def check_files(folder):
    """Looks into every file below; but for those that hold a secret and nothing else, as it was given to the daemon."""
    for path, _, names in os.walk(folder):
        for name in names:
            file = os.path.join(path, name)
            if os.path.isfile(file) and not os.path.islink(file):
                data = head_and_tail(file)
                if data.strip() not in needles:
                    check(data, file)


def head_and_tail(path):
    with open(path, "rb") as file:
        data = file.read(LOOKED_AT_BYTES)
        size = os.fstat(file.fileno()).st_size
        if size > len(data):
            file.seek(max(len(data), size - LOOKED_AT_BYTES))
            data += file.read()
    return data
