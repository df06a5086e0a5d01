"""Holds the C++ sources to their shape: no file over 400 lines, no function over 60.

clang-format sets the braces: a block ends at the first "}" below its first line that is indented as that line is. A function's
lines are all those from its return type to that brace. architecture_check.py runs it.
"""
import pathlib
import re
import subprocess

TOP = pathlib.Path(__file__).resolve().parent.parent
MOST_IN_A_FILE = 400
MOST_IN_A_FUNCTION = 60
# "FILE", or "FILE: NAME" of a function, and the reason.
EXCEPTIONS = {}
CLASS = re.compile(r"(template <.*> ?)?(class|struct|union)\b[^()=]*$|(template <.*> ?)?(class|struct|union)\b.* : .*$")
NAME = re.compile(r"([\w:~]+(?: ?[=<>+\-*/!&|\[\]()]+)?)\(")


def functions(lines, indent=""):
    """Name, first line (from 0) and number of lines of each function that stands at this indentation."""
    number = 0
    while number < len(lines):
        first = number
        if not re.match(indent + r"[\w~:\[<]", lines[first]) or lines[first].startswith("namespace"):
            number += 1
            continue
        while number < len(lines) - 1 and not lines[number].endswith(("{", ";", "}", ":")):
            number += 1
        head = " ".join(line.strip() for line in lines[first : number + 1])
        number += 1
        if not head.endswith("{"):
            continue
        while number < len(lines) and not lines[number].startswith(indent + "}"):
            number += 1
        if CLASS.match(head[:-1].strip()):
            yield from ((name, first + 1 + at, length) for name, at, length in functions(lines[first + 1 : number], indent + "  "))
        elif (name := NAME.search(head)) and "= {" not in head:
            yield name[1], first, number - first + 1


def mistakes():
    names = subprocess.run(["git", "ls-files", "*.h", "*.cpp"], cwd=TOP, check=True, capture_output=True, text=True).stdout.split()
    for name in filter(lambda name: (TOP / name).exists(), names):
        lines = (TOP / name).read_text().splitlines()
        if len(lines) > MOST_IN_A_FILE and name not in EXCEPTIONS:
            yield f"{name}: {len(lines)} lines, more than {MOST_IN_A_FILE}"
        for function, first, length in functions(lines):
            if length > MOST_IN_A_FUNCTION and f"{name}: {function}" not in EXCEPTIONS:
                yield f"{name}:{first + 1}: {function} has {length} lines, more than {MOST_IN_A_FUNCTION}"
