#!/usr/bin/env python3
"""Writes zone_aliases.inc, the legacy names of time zones, from a tzdata.zi. Run it after a new release of the tz database.

    core/rokt/make_zone_aliases.py [/usr/share/zoneinfo/tzdata.zi]

The names are those that the tz database's file `backward` links to a zone. Debian keeps eleven of them, the System V names,
as zones of their own, so they are listed here: the links that `backward` has had for them since release 2024b.
"""
import pathlib
import sys

SYSTEM_V = {
    "CET": "Europe/Brussels", "CST6CDT": "America/Chicago", "EET": "Europe/Athens", "EST": "America/Panama",
    "EST5EDT": "America/New_York", "HST": "Pacific/Honolulu", "MET": "Europe/Brussels", "MST": "America/Phoenix",
    "MST7MDT": "America/Denver", "PST8PDT": "America/Los_Angeles", "WET": "Europe/Lisbon",
}


def main():
    source = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/zoneinfo/tzdata.zi")
    lines = source.read_text(encoding="ascii").splitlines()
    version = lines[0].removeprefix("# version ")
    links = dict(SYSTEM_V)
    for line in lines:
        kind, *words = line.split()
        if kind == "L":
            zone, name = words
            links[name] = zone
    while chained := {name: links[zone] for name, zone in links.items() if zone in links}:
        links.update(chained)
    rows = [f'{{"{name}", "{zone}"}},' for name, zone in sorted(links.items())]
    head = [f"// The links of the tz database, release {version} (public domain), by name. Written by make_zone_aliases.py."]
    pathlib.Path(__file__).with_name("zone_aliases.inc").write_text("\n".join(head + rows) + "\n", encoding="ascii")


main()
