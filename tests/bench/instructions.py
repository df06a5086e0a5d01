"""Counts the instructions of a hit, in memory and on disk, and of a miss, with callgrind. Started by instructions.sh."""
import collections
import contextlib
import pathlib
import random
import re
import socket
import subprocess
import sys
import tempfile

from contestants import SIZES, Origin, Roktcached, RoktcachedWithClients, Setup
from load import Keys, get, target
from processes import LOAD_CORES, Wrong

COMMITTED = pathlib.Path(__file__).parent / "instructions.txt"
FEW, MANY = 20, 1020
TOLERATED = 1.03

# What a client of the usual kind sends.
FIELDS = "User-Agent: python-requests/2.32.3\r\nAccept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n"


class UnderCallgrind(Roktcached):
    """Started as the benchmark starts it, with nothing on disk that a row does not need: only the hits may differ from run to run."""

    def __init__(self, setup, api_key=""):
        self.api_key = api_key
        self.profile = setup.folder / "callgrind.out"
        super().__init__(setup)

    def command(self, conf):
        return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.profile}", *super().command(conf)]

    def total(self):
        return int(re.search(r"^(?:summary|totals): (\d+)", self.profile.read_text(), re.M)[1])


HIT, STORED = b"roktcached; hit", b"roktcached; fwd=miss; stored"


def receive(client, answer=b"", status=HIT):
    """One whole answer of those that `answer` begins, with such a Cache-Status."""
    while b"\r\n\r\n" not in answer:
        answer += client.recv(1 << 20)
    length = re.search(rb"^Content-Length: (\d+)", answer, re.M | re.I)
    whole = answer.index(b"\r\n\r\n") + 4 + (int(length[1]) if length and not answer.startswith(b"HTTP/1.1 304") else 0)
    while len(answer) < whole:
        answer += client.recv(1 << 20)
    if not answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 304 ")) or status not in answer[:whole]:
        raise Wrong(f"not {status.decode()}: {answer[:500]}")
    return answer[whole:]


def ask_each(port, keys, numbers, status):
    """Asks for reports one by one; each answer has such a Cache-Status."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        for number in numbers:
            client.sendall(f"GET {keys.target(number)} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{FIELDS}\r\n".encode())
            receive(client, status=status)


class Row:
    """Hits of one kind."""
    memory_mib = 1024
    on_disk = False
    api_key = ""

    def __init__(self, title, size=SIZES["208 B"], depth=1, if_none_match=False):
        self.title = title
        self.path = target(size)
        self.depth = depth
        self.if_none_match = if_none_match

    def prepare(self, setup):
        pass

    def ask(self, port, count):
        credentials = {"X-API-Key": self.api_key} if self.api_key else {}
        _, fields, _ = get(port, self.path, fields=credentials)
        condition = f"If-None-Match: {fields['etag']}\r\n" if self.if_none_match else ""
        shown = f"X-API-Key: {self.api_key}\r\n" if self.api_key else ""
        request = f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{FIELDS}{condition}{shown}\r\n".encode()
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            for _ in range(count // self.depth):
                client.sendall(request * self.depth)
                rest = b""
                for _ in range(self.depth):
                    rest = receive(client, rest)


class KeyedHits(Row):
    """The client shows a key that the daemon knows."""
    api_key = RoktcachedWithClients.api_key


class Misses(Row):
    """Each for another report, over a kept connection to the origin, and stored in memory."""

    def ask(self, port, count):
        keys = Keys(count + 1, SIZES["208 B"])
        get(port, keys.target(count))
        ask_each(port, keys, range(count), STORED)


class ColdHits(Row):
    """Each of another report, which only the cache file has: what was asked before has filled the memory."""
    memory_mib = 1
    on_disk = True
    before = 1000
    keys = Keys(before + MANY, SIZES["1 KB"])
    order = random.Random(1).sample(range(keys.count), keys.count)

    def prepare(self, setup):
        daemon = Roktcached(setup)
        try:
            daemon.wait_until_ready()
            ask_each(daemon.port, self.keys, range(self.keys.count), STORED)
        finally:
            daemon.stop()

    def ask(self, port, count):
        ask_each(port, self.keys, self.order[:self.before + count], HIT)


ROWS = [Row("hit, 208 B"), Row("hit, 50 KB", size=SIZES["50 KB"]), Row("hit with If-None-Match, 304", if_none_match=True),
        Row("hit, 208 B, 10 requests pipelined", depth=10), KeyedHits("hit, 208 B, with an API key"), ColdHits("hit on disk, 1 KB"),
        Misses("miss, 208 B, stored")]


def run(row, requests):
    """@return the instructions of a whole life with so many requests, and of each function in it"""
    with contextlib.ExitStack() as closing:
        folder = pathlib.Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="roktcached-instructions-")))
        origin = Origin(folder, LOAD_CORES)
        closing.callback(origin.stop)
        origin.wait_until_ready()
        setup = Setup(origin=origin, folder=folder, cache=folder if row.on_disk else None, memory_mib=row.memory_mib)
        row.prepare(setup)
        daemon = UnderCallgrind(setup, row.api_key)
        closing.callback(daemon.stop)
        daemon.wait_until_ready()
        row.ask(daemon.port, requests)
        daemon.stop()
        return daemon.total(), {inclusive: by_function(daemon.profile, inclusive) for inclusive in ("no", "yes")}


def by_function(profile, inclusive):
    """What callgrind_annotate says. It has a line for each file that a function was inlined from: what the function itself takes is
    their sum; with what it calls it is what the line of its own file says, the highest."""
    counts = collections.Counter()
    if "--profile" in sys.argv:
        text = subprocess.run(["callgrind_annotate", "--auto=no", "--show=Ir", "--threshold=100", f"--inclusive={inclusive}",
                               profile], capture_output=True, text=True, check=True).stdout
        for count, function in re.findall(r"^ *([\d,]+) \([ \d.]+%\) +[^ :]*:(.*?)(?: \[[^]]*\])?$", text, re.M):
            count = int(count.replace(",", ""))
            counts[function] = max(counts[function], count) if inclusive == "yes" else counts[function] + count
    return counts


def measure():
    """@return for each row the instructions of a request, and the functions that they are in"""
    measured = {}
    for row in ROWS:
        few, few_by_function = run(row, FEW)
        many, many_by_function = run(row, MANY)
        for inclusive, functions in many_by_function.items():
            functions.subtract(few_by_function[inclusive])
        measured[row.title] = round((many - few) / (MANY - FEW)), many_by_function
    return measured


def print_profile(by_kind):
    for inclusive, title in (("no", "itself"), ("yes", "with all that it calls")):
        print(f"\n  of a request, in a function {title}:")
        for function, count in by_kind[inclusive].most_common(45):
            print(f"  {count / (MANY - FEW):>9,.0f}  {shortened(function)}")


def shortened(function):
    """Without its parameters and templates' arguments."""
    while (plain := re.sub(r"<[^<>]*>|\([^()]*\)(?! *::)| const$", "", function)) != function:
        function = plain
    return function[:130]


def committed():
    if not COMMITTED.exists():
        return {}
    lines = (line.rpartition(":") for line in COMMITTED.read_text().splitlines() if not line.startswith("#") and ":" in line)
    return {title: int(count.replace(",", "")) for title, _, count in lines}


def environment():
    versions = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", "g++", "libc6", "libboost1.81-dev"],
                              capture_output=True, text=True).stdout
    return ", ".join(versions.splitlines())


def main():
    before = committed()
    grown = []
    measured = measure()
    for title, (count, functions) in measured.items():
        was = before.get(title)
        change = f"   {was:>8,} before: {(count - was) / was:+.1%}" if was else ""
        print(f"{title + ':':<36} {count:>8,}{change}")
        if was and count > was * TOLERATED:
            grown.append(title)
        if "--profile" in sys.argv:
            print_profile(functions)
    if "--write" in sys.argv:
        COMMITTED.write_text("# Instructions of a request in user space: what tests/bench/instructions.sh counts and compares with.\n"
                             f"# Release build; {environment()}.\n"
                             + "".join(f"{title + ':':<36} {count:>8,}\n" for title, (count, _) in measured.items()))
    if grown and "--check" in sys.argv:
        sys.exit(f"More than {TOLERATED - 1:.0%} more than before: {'; '.join(grown)}")


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"instructions.sh: {wrong}")
