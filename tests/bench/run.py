"""Measures roktcached beside nginx, HAProxy, Varnish and a bare epoll loop. Started by run.sh, which installs and builds what it
needs and says where that is."""
import argparse
import datetime
import pathlib
import platform
import re
import resource
import signal
import sys
import tempfile

from contestants import PEERS, BareLoop, Roktcached, versions
from processes import CORES, Wrong
from rows import ROWS
from runs import Run

COLUMNS = [kind.title for kind in (BareLoop, Roktcached, *PEERS)]


def machine():
    cpu = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return (f"{cpu[1] if cpu else platform.machine()}, {len(CORES)} cores, Linux {platform.release()}; "
            f"{datetime.datetime.now(datetime.timezone.utc):%F %H:%M} UTC; load {open('/proc/loadavg').read().split()[0]}")


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run.sh", description=__doc__.split(".")[0] + ".")
    letters = "".join(row.letter for row in ROWS)
    parser.add_argument("--rows", default=",".join(letters), help="those alone, e.g. a,b,g")
    parser.add_argument("--rounds", type=int, default=9, help="of every row; the table has their medians (9)")
    parser.add_argument("--seconds", type=int, default=1, help="of load a contestant and round (1)")
    parser.add_argument("--entries", type=int, default=1_000_000, help="on disk, of g and k (1,000,000)")
    parser.add_argument("--quick", action="store_true",
                        help="sees that everything works: one short round, small caches; its figures say nothing")
    parser.add_argument("--check", action="store_true", help="fails where a bar is missed")
    chosen = parser.parse_args()
    chosen.rows = chosen.rows.replace(",", "")
    if unknown := set(chosen.rows) - set(letters):
        parser.error(f"no row {', '.join(sorted(unknown))}")
    return chosen


def line(cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def cells_of(row, measured):
    return line([row.letter, row.title, *(measured.get(column, "–") for column in COLUMNS)])


def table(results):
    lines = [line(["", "one core", *COLUMNS]), line(["---"] * (len(COLUMNS) + 2))]
    return "\n".join([*lines, *(cells_of(*result) for result in results)])


def bars(results):
    """@return lines, and whether all hold"""
    judged = [(row, text, holds(measured)) for row, measured in results for text, holds in row.bars]
    return ([f"{'holds ' if held else 'MISSED'}: {row.letter}: {text}" for row, text, held in judged],
            all(held for _, _, held in judged))


def main():
    chosen = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of what stops the servers and removes the folders
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    idle = min(10_000, (most - 1000) // 2)  # each may need two open files of roktcached's, which takes no more than it can have
    with tempfile.TemporaryDirectory(prefix="roktcached-bench-", ignore_cleanup_errors=True) as folder:
        size = (dict(rounds=1, seconds=1, entries=20_000, cached=10_000, connections=1000) if chosen.quick else
                dict(rounds=chosen.rounds, seconds=chosen.seconds, entries=chosen.entries, cached=100_000, connections=idle))
        run = Run(folder=pathlib.Path(folder), **size)
        results = []
        with run.closing:
            for row in ROWS:
                if row.letter in chosen.rows:
                    print(f"{row.letter}: {row.title} …", file=sys.stderr, flush=True)
                    results.append((row, row.measure(run)))
                    print(cells_of(*results[-1]), file=sys.stderr, flush=True)
    lines, all_hold = bars(results)
    print(f"{machine()}\n{'; '.join(versions())}\n")
    if chosen.quick:
        print("A quick run: it shows that everything works, and nothing else.\n")
    print(f"Requests a second, median of {size['rounds']} rounds of {size['seconds']} s (lowest to highest); the server's CPU time "
          f"for each; what 99 % did not exceed.\ng and k: {size['entries']:,} entries; i: {size['connections']:,} connections; "
          f"j: {size['cached']:,} entries.\n")
    print(table(results), *lines, sep="\n" if not lines else "\n")
    return 1 if chosen.check and not all_hold else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Wrong as wrong:
        sys.exit(f"run.sh: {wrong}")
    except KeyboardInterrupt:
        sys.exit(130)
