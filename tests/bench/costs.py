"""The rows that are no rates: the time that a miss adds, the memory of connections and entries, the time of a start."""
import contextlib
import dataclasses
import pathlib
import random
import re
import socket
import statistics
import subprocess
import time

from contestants import PEERS, SIZES, BareLoop, Nginx, Roktcached, Varnish
from load import Keys, answer_bytes, fetch_each, get, target
from processes import Wrong, wait_until

HERE = pathlib.Path(__file__).parent
KIB = 1024


@dataclasses.dataclass(frozen=True)
class Row:
    letter: str
    title: str
    bars: tuple = ()


class Misses(Row):
    """What a miss adds: miss.sh, which takes turns with single requests, as latencies need it."""
    @dataclasses.dataclass
    class Added:
        median: float
        p99: float  # of all that the miss takes

        def __str__(self):
            return f"{self.median:.0f} µs<br>in all p99 {self.p99:.0f} µs"

    def measure(self, run):
        printed = subprocess.run([HERE / "miss.sh"], capture_output=True, text=True)
        rounds = re.findall(r"^\| +\d+ \|(.*)\|$", printed.stdout, re.M)
        if printed.returncode != 0 or not rounds:
            raise Wrong(f"miss.sh: {printed.stdout}{printed.stderr}")
        # A round: median and p99 of the origin, of roktcached and of nginx.
        rows = [[float(number) for number in re.findall(r"[\d.]+", line)][:6] for line in rounds]

        def added(at):
            return self.Added(statistics.median(row[at] - row[0] for row in rows),
                              statistics.median(row[at + 1] for row in rows))
        return {"roktcached": added(2), "nginx": added(4)}


class Idle(Row):
    """Connections that a client keeps and does not use, and a hit on each of them."""
    @dataclasses.dataclass
    class Memory:
        each: float
        median_us: float
        count: int

        def __str__(self):
            return f"{max(self.each, 0) / KIB:.2f} KiB<br>then a hit: {self.median_us:.0f} µs"

    def measure(self, run):
        results = {}
        for kind in [BareLoop, Roktcached, *PEERS]:
            origin = run.origin()
            with run.started([kind], origin, connections=run.connections + 64) as (server,):
                results[server.title] = self.connect(run, server)
        return results

    def connect(self, run, server):
        path = target(SIZES["208 B"])
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        for _ in range(2):
            get(server.port, path)
        before = server.memory_bytes()
        with contextlib.ExitStack() as closing:
            clients = [closing.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
                       for _ in range(run.connections)]
            for client in clients:
                self.ask(server, client, request)
            time.sleep(1)
            each = (server.memory_bytes() - before) / run.connections
            times = [self.ask(server, client, request) for client in clients]
        return self.Memory(each, statistics.median(times) * 1e6, run.connections)

    @staticmethod
    def ask(server, client, request):
        began = time.perf_counter()
        client.sendall(request)
        answer = client.recv(4096)
        took = time.perf_counter() - began
        if not answer.startswith(b"HTTP/1.1 200 ") or b"\r\n\r\n" not in answer:
            raise Wrong(f"{server.name} on an idle connection: {answer[:300]}")
        while len(answer) < answer.index(b"\r\n\r\n") + 4 + SIZES["208 B"]:
            answer += client.recv(4096)
        return took


class Cached(Row):
    """Memory for each report that is cached. What nginx keeps in memory is where its file is; HAProxy takes all of its memory when
    it starts."""
    @dataclasses.dataclass
    class Memory:
        each: float
        entry: int  # key, head and body

        def __str__(self):
            return f"{self.each:,.0f} B"

    def measure(self, run):
        keys = Keys(run.cached, SIZES["1 KB"])
        results = {}
        for kind in [Roktcached, Nginx, Varnish]:
            origin = run.origin()
            with run.started([kind], origin, on_disk=False) as (server,):
                few = Keys(64, keys.size)
                fetch_each(server, origin, few)
                before = server.memory_bytes()
                fetch_each(server, origin, keys)
                each = (server.memory_bytes() - before) / (keys.count - few.count)
                path = keys.target(keys.count - 1)
                results[server.title] = self.Memory(each, answer_bytes(server.port, path, {}) + len(path))
        return results


class Start(Row):
    """From the start of the process to the first answer out of a full cache on disk."""
    @dataclasses.dataclass
    class Times:
        times: list
        warm: float = 0

        def __str__(self):
            until_warm = f"<br>cache loader done after {self.warm:.0f} s" if self.warm else ""
            return f"{statistics.median(self.times) * 1000:.0f} ms (up to {max(self.times) * 1000:.0f}){until_warm}"

    def measure(self, run):
        keys, cache, origin = run.filled
        results = {kind.title: self.Times([]) for kind in (Roktcached, Nginx)}
        for _ in range(run.rounds):
            for kind in (Roktcached, Nginx):
                fetched = origin.count()
                began = time.monotonic()
                with run.started([kind], origin, cache=cache) as (server,):
                    status, _, body = get(server.port, keys.target(random.randrange(keys.count)))
                    results[server.title].times.append(time.monotonic() - began)
                    if status != 200 or len(body) != keys.size:
                        raise Wrong(f"{server.name} answers {status} after its start")
                if origin.count() != fetched:
                    raise Wrong(f"{server.name} does not find on disk what was cached")
        if run.entries >= 1_000_000:
            results[Nginx.title].warm = self.until_loaded(run, origin, cache)
        return results

    @staticmethod
    def until_loaded(run, origin, cache):
        """nginx serves from the first moment on, and reads its cache's folder into memory, for eviction, from the first minute
        on."""
        with run.started([Nginx], origin, cache=cache) as (server,):
            began = time.monotonic()
            log = server.output_path.parent / "nginx.log"
            wait_until(lambda: "http file cache: " in log.read_text(errors="replace"), "nginx has loaded its cache", 1800)
            return time.monotonic() - began
