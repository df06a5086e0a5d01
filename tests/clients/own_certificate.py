"""A certificate of one's own, made by the line of the page about listeners."""
import pathlib
import re
import shlex
import subprocess

from harness import TOP


def own_certificate(folder):
    """(certificate, key): two files in `folder`."""
    [command] = re.findall(r"^ *\$? *(openssl req -x509 .*)$", (TOP / "deploy/doc/listeners.md").read_text(), re.MULTILINE)
    subprocess.run(command, shell=True, cwd=folder, check=True, capture_output=True)
    words = shlex.split(command)
    return tuple(str(pathlib.Path(folder, words[words.index(option) + 1])) for option in ("-out", "-keyout"))
