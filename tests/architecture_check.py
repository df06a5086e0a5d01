#!/usr/bin/env python3
"""Holds the house to its rule: arrows point down, server -> storage -> core and server -> config -> core.

Checks every #include of every room, that core reads no clock and knows no socket, database or thread, and that every source
file belongs to its room's CMake target.
"""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
MAY_INCLUDE = {
    "core": {"core"},
    "storage": {"storage", "core"},
    "config": {"config", "core"},
    "server": {"server", "storage", "config", "core"},
}
FORBIDDEN_IN_CORE = re.compile(r"#include <(boost/(asio|beast)|sqlite3|thread|mutex|spdlog)|(system|steady)_clock::now\(")
INCLUDE = re.compile(r'#include "(\w+)/')


def mistakes():
    for room, allowed in MAY_INCLUDE.items():
        lists = "".join(p.read_text() for p in (TOP / room).rglob("CMakeLists.txt"))
        for path in sorted((TOP / room).rglob("*")):
            if path.suffix not in (".h", ".cpp"):
                continue
            text = path.read_text()
            name = path.relative_to(TOP)
            for other in INCLUDE.findall(text):
                if other not in allowed:
                    yield f"{name}: {room}/ may not include from {other}/"
            if room == "core" and FORBIDDEN_IN_CORE.search(text):
                yield f"{name}: core/ knows no socket, database, thread or clock"
            if path.suffix == ".cpp" and not re.search(rf"(^|[\s/]){re.escape(path.name)}(\s|$|\))", lists):
                yield f"{name}: is in no CMake target"


found = list(mistakes())
for line in found:
    print(line)
print("layout: ok" if not found else f"layout: {len(found)} mistakes")
sys.exit(1 if found else 0)
