"""Secrets that nobody may see: each is registered when it is made, and all that the suite sees of a daemon is searched for
them, in every spelling that a program could turn them into by accident.
"""
import base64
import glob
import os
import pathlib
import re
import secrets
import urllib.parse

import unpacking

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
    yield "hex", secret.hex().upper().encode()
    quoted = urllib.parse.quote_from_bytes(secret, safe="").encode()
    yield "percent-encoded", quoted
    yield "percent-encoded", re.sub(rb"%..", lambda octet: octet[0].lower(), quoted)
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
    """What was found in `data` and in what is packed there, for people; empty where there is nothing."""
    return found_in(unpacking.all_within(data))


def found_in(parts):
    found = set()
    for part in parts:
        found.update(what for needle, what in needles.items() if needle in part)
        if match := UPSTREAM_TOKEN.search(part):
            found.add(f"a token of the upstream ({match[0][:12].decode()}...)")
    return sorted(found)


def check(data, where):
    report(find(data), where)


def report(found, where):
    assert not found, f"{where} shows {', '.join(found)}"


def check_files(folder):
    """Looks into every file below; but for those that hold a secret and nothing else, as it was given to the daemon."""
    for path, _, names in os.walk(folder):
        for name in names:
            file = os.path.join(path, name)
            if os.path.isfile(file) and not os.path.islink(file):
                data = head_and_tail(file)
                if data.startswith(unpacking.SQLITE):
                    check_rows(file)
                    report(found_in([data]), file)  # also what is in none of the rows any more
                elif data.strip() not in needles:
                    check(data, file)


def check_rows(file):
    """Of an SQLite file, whose pages may have torn apart what belongs together."""
    report(find(b"\n".join(unpacking.values_of(file))), f"a row of {file}")


def check_process(pid):
    """Looks at what `ps` and /proc show of a process, and of its children, which inherit what it has not taken away."""
    proc = pathlib.Path("/proc", str(pid))
    check(proc.joinpath("cmdline").read_bytes(), "the command line")
    for name in glob.glob(f"{proc}/task/*/comm"):
        check(pathlib.Path(name).read_bytes(), "a thread's name")
    for children in glob.glob(f"{proc}/task/*/children"):
        for child in pathlib.Path(children).read_text().split():
            check(pathlib.Path("/proc", child, "environ").read_bytes(), "a child's environment")
            check_process(child)


def head_and_tail(path):
    with open(path, "rb") as file:
        data = file.read(LOOKED_AT_BYTES)
        size = os.fstat(file.fileno()).st_size
        if size > len(data):
            file.seek(max(len(data), size - LOOKED_AT_BYTES))
            data += file.read()
    return data
