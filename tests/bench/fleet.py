#!/usr/bin/env python3
"""What a fleet does: N daemons and a redis-server on loopback, before an upstream that counts. Prints each figure beside its bar.

    tests/bench/fleet.py                    8 instances, a quarter of an hour
    tests/bench/fleet.py --short --check    3 instances, under 90 s; exits 1 where a bar is missed
    tests/bench/fleet.py --rows cold,limit  some rows
    tests/bench/fleet.py --without-fleet    the same instances, each for itself: what the figures are to be compared with
    tests/bench/fleet.py --json FILE        the figures, and what fleet_simulation.py is calibrated by

ROKTCACHED_BINARY names another build, ROKTCACHED_ENGINE another engine. On two cores all of these processes share two cores: times
are upper bounds.
"""
import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import pathlib
import resource
import signal
import sys
import time

import fleet_engine
import fleet_failures
import fleet_sharing
from fleet_report import Report
from fleet_world import BINARY, TOP, World

import engine as engines

ROWS = {"engine": fleet_engine.scripts, "traffic": fleet_engine.traffic, "cold": fleet_sharing.cold, "token": fleet_sharing.tokens,
        "limit": fleet_sharing.limit, "purge": fleet_sharing.purges, "failures": fleet_failures.failures,
        "partition": fleet_failures.partition, "recovery": fleet_failures.recovery, "owner": fleet_failures.owner,
        "hit": fleet_sharing.hits, "large": fleet_sharing.large}
LONGEST_ROW_SECONDS = 400


class Setup:
    """What the rows share: how many, how long, and the engine, which is empty at the beginning of each row."""

    def __init__(self, chosen):
        self.count, self.short, self.alone = chosen.instances, chosen.short, chosen.without_fleet
        self.engine = engines.Engine(maxmemory_policy="volatile-lru")

    def world(self, count=None, **named):
        """With all daemons in the fleet, or each for itself; the engine is empty."""
        self.empty()
        return FleetWorld(count or self.count, None if self.alone else self.engine, **named)

    async def together(self, world):
        if not self.alone:
            await world.together()

    def command(self, *arguments):
        with self.engine.connect() as connection:
            return connection(*arguments)

    def fill(self):
        self.command("CONFIG", "SET", "maxmemory", 1)

    def unfill(self):
        self.command("CONFIG", "SET", "maxmemory", 0)

    def empty(self):
        self.command("FLUSHALL")

    def begin_row(self):
        self.engine.kill()
        self.engine.start()


class FleetWorld(World):
    """Without an engine, nobody is cut off from it."""

    def cut(self, number):
        if number in self.relays:
            self.relays[number].cut()

    def mend(self, number):
        if number in self.relays:
            self.relays[number].mend()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a bar is missed")
    parser.add_argument("--promises", action="store_true", help="the same of what holds however slow the machine is")
    parser.add_argument("--instances", type=int)
    parser.add_argument("--rows", type=lambda text: text.split(","), default=list(ROWS))
    parser.add_argument("--without-fleet", action="store_true")
    parser.add_argument("--json", type=pathlib.Path, default=TOP / "build" / "fleet.json")
    chosen = parser.parse_args()
    chosen.instances = chosen.instances or (3 if chosen.short else 8)
    unknown = set(chosen.rows) - set(ROWS)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    return chosen


async def run(chosen, setup, report):
    for name in chosen.rows:
        setup.begin_row()
        begun = time.monotonic()
        try:
            await asyncio.wait_for(ROWS[name](setup, report), LONGEST_ROW_SECONDS)
        except Exception as failed:  # pylint: disable=broad-except
            # One row that cannot be measured is one that is missed; the others are measured all the same.
            report.add(name, f"not measured: {type(failed).__name__}: {str(failed)[:600]}", 1, most=0, promise=True)
        print(f"{name:<12} took {time.monotonic() - begun:.1f} s", flush=True)


def main():
    chosen = arguments()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 16384), hard), hard))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the daemons end with it
    report, setup = Report(), Setup(chosen)
    with contextlib.closing(contextlib.ExitStack()) as closing:
        closing.callback(setup.engine.stop)
        kind = "each for itself" if chosen.without_fleet else f"with {engines.PROGRAM}"
        print(f"{chosen.instances} instances of {os.path.relpath(BINARY, TOP)}, {kind}, {os.cpu_count()} cores")
        asyncio.run(run(chosen, setup, report))
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    figures = [dataclasses.asdict(figure) for figure in report.figures]
    chosen.json.write_text(json.dumps({"instances": chosen.instances, **report.measured, "figures": figures}, indent=1) + "\n")
    print(f"{len(report.figures)} figures, {len(report.missed)} bars missed; {chosen.json}")
    broken = [figure for figure in report.missed if figure.is_promise]
    return 1 if (chosen.check and report.missed) or (chosen.promises and broken) else 0


sys.exit(main())
