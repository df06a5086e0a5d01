#!/usr/bin/env python3
"""Holds the house to its rule: arrows point down, server -> storage -> core and server -> config -> core, and inside server, too.

Checks every #include of every room, that core reads no clock and knows no socket, database or thread, and that every source
file belongs to its room's CMake target; and that no file and no function is too long (length_check.py).
"""
import pathlib
import re
import sys

import length_check

TOP = pathlib.Path(__file__).resolve().parent.parent
MAY_INCLUDE = {
    "core": {"core"},
    "storage": {"storage", "core"},
    "config": {"config", "core"},
    "server": {"server", "storage", "config", "core"},
}
# Inside server. A header at its top is for every room, but for the parts of the daemon, which compose the rooms.
ROOMS_OF_SERVER = {
    "net": set(),
    "http": {"net"},
    "counters": {"http"},
    "access": {"http", "net"},
    "upstream": {"http", "net", "counters"},
    "session": {"access", "http", "net"},
    "proxy": {"upstream", "access", "counters", "http", "net"},
    "openapi": set(),
    "fleet": {"proxy", "upstream", "http", "net", "counters"},
    "admin": {"openapi", "fleet", "session", "proxy", "upstream", "access", "counters", "http", "net"},
    "simulator": {"http", "net"},
}
OF_THE_DAEMON = {"daemon", "daemon_handover", "daemon_lifecycle", "daemon_listeners", "daemon_reload", "client_thread", "handover", "handover_link", "settings_check"}
COMPOSING = OF_THE_DAEMON | {"main", "runtime"}
FORBIDDEN_IN_CORE = re.compile(r"#include <(boost/(asio|beast)|sqlite3|thread|mutex|spdlog)|(system|steady)_clock::now\(")
INCLUDE = re.compile(r'#include "(\w+)/')
INCLUDE_OF_SERVER = re.compile(r'#include "server/(?:(\w+)/(?:\w+/)?)?(\w+)\.h"')


def mistakes_inside_server(name, text):
    room = name.parts[1] if len(name.parts) > 2 else None
    if room == "commands" or (room is None and name.stem in COMPOSING):
        return
    for other, header in INCLUDE_OF_SERVER.findall(text):
        if not other and header in OF_THE_DAEMON:
            yield f"{name}: {header}.h is a part of the daemon, which composes the rooms"
        if other and other != room and other not in ROOMS_OF_SERVER.get(room, set()):
            yield f"{name}: {f'server/{room}/' if room else 'the top of server/'} may not include from server/{other}/"


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
            if room == "server":
                yield from mistakes_inside_server(name, text)
            if room == "core" and path.name == "mutex.h":
                continue  # for the other rooms; core itself has none
            if room == "core" and (FORBIDDEN_IN_CORE.search(text) or '#include "core/mutex.h"' in text):
                yield f"{name}: core/ knows no socket, database, thread or clock"
            if path.suffix == ".cpp" and not re.search(rf"(^|[\s/]){re.escape(path.name)}(\s|$|\))", lists):
                yield f"{name}: is in no CMake target"


found = [*mistakes(), *length_check.mistakes()]
for line in found:
    print(line)
print("layout: ok" if not found else f"layout: {len(found)} mistakes")
sys.exit(1 if found else 0)
