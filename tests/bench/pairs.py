"""Compares the CPU time of two builds in pairs. Started by pairs.sh."""
import argparse
import contextlib
import dataclasses
import pathlib
import statistics
import sys
import tempfile

import instructions
from contestants import SIZES, Origin, Roktcached, Setup
from load import Keys, Load, get, target
from processes import LOAD_CORES, Wrong

TOLERATED = 1.03
HOLDS, FAILS, UNDECIDED = 0, 1, 2  # exit codes
SAID = ("holds", "FAILS", "noisy")
COUNTED = ("hit, 208 B", "miss, 208 B, stored")  # of instructions.py's rows


def build_class(program):
    """A contestant that is this build."""
    return type("Build", (Roktcached,), {"binary": str(pathlib.Path(program).resolve(strict=True))})


def cpu_seconds(server):
    """User and system time of all its threads so far, in nanoseconds' resolution: a clock tick is 1 % of a round."""
    return sum(int(file.read_text().split()[0]) for file in pathlib.Path(f"/proc/{server.child.pid}/task").glob("*/schedstat")) / 1e9


class HitLoad:
    title = "a: hit, 208 B"

    def prepare(self, server, _):
        for _ in range(2):
            get(server.port, target(SIZES["208 B"]))

    def run(self, server, origin, seconds):
        """@return how many were asked for; all were hits"""
        before = origin.count()
        made = Load(path=target(SIZES["208 B"])).run(server.port, seconds)["requests"]
        if origin.count() != before:
            raise Wrong(f"{server.binary} asked the origin: not all are hits")
        return made


class MissLoad:
    title = "h: miss, 208 B, stored"
    keys = Keys(100_000_000, SIZES["208 B"])

    def __init__(self):
        self.next = {}

    def prepare(self, server, _):
        self.next[server] = 0
        get(server.port, self.keys.target(self.keys.count - 1))

    def run(self, server, origin, seconds):
        before = origin.count()
        made = Load(("each", self.keys.pattern, self.keys.count, self.next[server])).run(server.port, seconds)["requests"]
        # What was under way at the end has been asked for, too.
        self.next[server] += made + 4096
        if origin.count() - before < made:
            raise Wrong(f"{server.binary} asked the origin {origin.count() - before} times for {made}: not all are misses")
        return made


def started(builds, folder, origin, closing):
    servers = []
    for name, kind in zip(("old", "new"), builds):
        (folder / name).mkdir()
        servers.append(kind(Setup(origin=origin, folder=folder / name, cache=None)))
        closing.callback(servers[-1].stop)
        servers[-1].wait_until_ready()
    return servers


@dataclasses.dataclass
class Pair:
    """Microseconds of a request."""
    old: float
    new: float


def is_decided(quotients):
    """Whether the median is farther from the bar than twice its standard error, as a normal distribution of this width has it."""
    low, middle, high = statistics.quantiles(quotients, n=4)
    return abs(middle - TOLERATED) > 2 * 1.25 * (high - low) / 1.35 / len(quotients) ** 0.5


def measure(load, builds, rounds, seconds):
    """@param rounds  that count; up to four times as many where they decide nothing
    @return a Pair a round; the first round, which warms both, does not count"""
    with contextlib.ExitStack() as closing:
        folder = pathlib.Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="roktcached-pairs-", ignore_cleanup_errors=True)))
        origin = Origin(folder, LOAD_CORES)
        closing.callback(origin.stop)
        origin.wait_until_ready()
        servers = started(builds, folder, origin, closing)
        for server in servers:
            load.prepare(server, origin)
        pairs = []
        for number in range(4 * rounds + 1):
            if number > rounds and is_decided([pair.new / pair.old for pair in pairs[1:]]):
                break
            cost = {}
            for at in (0, 1) if number % 2 else (1, 0):
                before = cpu_seconds(servers[at])
                made = load.run(servers[at], origin, seconds)
                cost[at] = (cpu_seconds(servers[at]) - before) * 1e6 / made
            pairs.append(Pair(cost[0], cost[1]))
        return pairs[1:]


def compare_cpu(load, builds, chosen):
    """@return the verdict"""
    pairs = measure(load, builds, chosen.rounds, chosen.seconds)
    quotients = [pair.new / pair.old for pair in pairs]
    low, middle, high = statistics.quantiles(quotients, n=4)
    verdict = HOLDS if middle <= TOLERATED else FAILS if is_decided(quotients) else UNDECIDED
    print(f"{SAID[verdict]:<6} {load.title:<26} old {statistics.median(p.old for p in pairs):7.2f} µs   "
          f"new {statistics.median(p.new for p in pairs):7.2f} µs   new/old {middle:.3f} (quartiles {low:.3f} to {high:.3f}, {len(pairs)} pairs)", flush=True)
    return verdict


def compare_instructions(builds):
    """Under callgrind each build has a life with few requests and one with many; the difference is theirs.
    @return the verdict"""
    verdict = HOLDS
    for row in (row for row in instructions.ROWS if row.title in COUNTED):
        counts = []
        for build in builds:
            instructions.UnderCallgrind.binary = build.binary
            few, many = (instructions.run(row, n)[0] for n in (instructions.FEW, instructions.MANY))
            counts.append((many - few) / (instructions.MANY - instructions.FEW))
        holds = counts[1] <= counts[0] * TOLERATED
        verdict = verdict if holds else FAILS
        print(f"{'holds' if holds else 'FAILS':<6} {row.title:<26} old {counts[0]:7,.0f}      new {counts[1]:7,.0f} instructions   "
              f"new/old {counts[1] / counts[0]:.3f}", flush=True)
    return verdict


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/pairs.sh", description=__doc__.split(".", maxsplit=1)[0] + ".")
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--rounds", type=int, default=15, help="at least, and up to four times as many where they decide nothing (15)")
    parser.add_argument("--seconds", type=int, default=1, help="of load a build and round (1)")
    parser.add_argument("--instructions", action="store_true", help="count instructions in user space, too")
    chosen = parser.parse_args()
    builds = [build_class(chosen.old), build_class(chosen.new)]
    print(f"CPU time of a request, user and system; at most {TOLERATED - 1:.0%} more is asked for", flush=True)
    verdicts = [compare_cpu(load, builds, chosen) for load in (HitLoad(), MissLoad())]
    if chosen.instructions:
        verdicts.append(compare_instructions(builds))
    return FAILS if FAILS in verdicts else max(verdicts)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Wrong as wrong:
        sys.exit(f"pairs.sh: {wrong}")
    except OSError as error:
        sys.exit(f"pairs.sh: {error}")
