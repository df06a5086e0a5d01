"""The rows of the table: what each measures, and the bars that roktcached is held to."""
import contextlib
import dataclasses
import functools
import os
import pathlib
import random
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

from contestants import PEERS, SIZES, BareLoop, Nginx, Origin, Roktcached, Setup, Varnish
from load import Keys, Load, answer_bytes, fetch_each, get, target
from processes import CORES, LOAD_CORES, SERVER_CORES, Process, Wrong, wait_until

HERE = pathlib.Path(__file__).parent
KIB = 1024


@dataclasses.dataclass
class Run:
    """What all rows share."""
    rounds: int
    seconds: int           # of one contestant in one round
    entries: int           # on disk, for g and k
    cached: int            # in memory, for j
    connections: int       # idle, for i
    folder: pathlib.Path

    def __post_init__(self):
        self.closing = contextlib.ExitStack()

    @functools.cached_property
    def filled(self):
        """Folders whose cache files hold `entries` reports, made once: nginx's by fetching them, which it alone can do."""
        keys = Keys(self.entries, SIZES["1 KB"])
        # Not where miss.sh puts its files: this is about the disk.
        cache = pathlib.Path(self.closing.enter_context(tempfile.TemporaryDirectory(
            prefix="roktcached-bench-", dir=os.environ.get("BENCH_DISK", "/var/tmp"))))
        origin = self.origin()
        with self.started([Nginx], origin, cache=cache) as (nginx,):
            fetch_each(nginx, origin, keys)
        files = sum(len(files) for _, _, files in os.walk(cache / "nginx"))
        if files != keys.count:
            raise Wrong(f"nginx keeps {files} files of {keys.count} keys")
        (cache / "roktcached").mkdir(mode=0o700)
        targets = "".join(keys.target(number) + "\n" for number in range(keys.count))
        subprocess.run([os.environ["FILL_CACHE_BINARY"], cache / "roktcached/cache.db", Roktcached.app_id, origin.url,
                        origin.folder / f"body-{keys.size}"], input=targets, text=True, check=True, stdout=subprocess.DEVNULL)
        return keys, cache, origin

    def origin(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="origin-", dir=self.folder))
        origin = Origin(folder, LOAD_CORES)
        self.closing.callback(origin.stop)
        origin.wait_until_ready()
        return origin

    @contextlib.contextmanager
    def started(self, classes, origin, *, on_disk=True, cache=None, bare=None, **settings):
        """Each of the classes, listening; stopped at the end."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="servers-", dir=self.folder))
        with contextlib.ExitStack() as stopping:
            stopping.callback(shutil.rmtree, folder, ignore_errors=True)
            cache = cache or (folder if on_disk else None)
            setup = Setup(origin=origin, folder=folder, cache=cache, **settings)
            servers = []
            for kind in classes:
                servers.append(kind(setup, **(bare or {})) if kind is BareLoop else kind(setup))
                stopping.callback(servers[-1].stop)
            for server in servers:
                server.wait_until_ready()
            yield servers


@dataclasses.dataclass
class Figures:
    """Of one contestant in one row: a value a round."""
    rate: list = dataclasses.field(default_factory=list)
    cpu_us: list = dataclasses.field(default_factory=list)
    p99_ms: list = dataclasses.field(default_factory=list)

    def middle(self, name):
        return statistics.median(getattr(self, name))

    def __str__(self):
        low, high = min(self.rate), max(self.rate)
        spread = f" ({low:,.0f}–{high:,.0f})" if len(self.rate) > 1 else ""
        # Of pipelined requests wrk times only the last.
        slow = f", p99 {self.middle('p99_ms'):.2f} ms" if self.middle("p99_ms") else ""
        return f"{self.middle('rate'):,.0f}{spread}<br>{self.middle('cpu_us'):.1f} µs{slow}"


@dataclasses.dataclass(frozen=True)
class Hits:
    """A row of hits a second: every contestant in turn, in every round."""
    letter: str
    title: str
    size: int = SIZES["208 B"]
    mode: str = "same"
    keys: int = 0
    fields: tuple = ()
    if_none_match: bool = False
    threads: int = 1
    with_bare_loop: bool = True
    bars: tuple = ()

    def measure(self, run):
        origin = run.origin()
        cores = {"cores": SERVER_CORES if self.threads == 1 else CORES}
        bare = {"size": self.size, "status": 304 if self.if_none_match else 200}
        classes = [*([BareLoop] if self.with_bare_loop else []), Roktcached, *PEERS]
        with run.started(classes, origin, threads=self.threads, unchanged=self.if_none_match, bare=bare,
                         **cores) as servers:
            return self.compare(run, origin, servers, Keys(self.keys, self.size))

    def compare(self, run, origin, servers, keys):
        loads = {server: self.prepare(server, origin, keys) for server in servers}
        figures = {server.title: Figures() for server in servers}
        for number in range(run.rounds):
            for server in servers[number % len(servers):] + servers[:number % len(servers)]:
                self.play(server, origin, *loads[server], run.seconds, figures[server.title])
        return figures

    def prepare(self, server, origin, keys):
        """Has the server cache what will be asked for, and sees that it gives what is expected of a hit.
        @return the load, and how long each of its answers must be"""
        fields = dict(self.fields)
        path = keys.target(0) if keys.count else target(self.size)
        if keys.count:
            fetch_each(server, origin, keys)
        knows_one_answer = isinstance(server, BareLoop)
        plain = 304 if self.if_none_match and knows_one_answer else 200
        self.expect(get(server.port, path), plain)
        before = origin.count()
        _, found, _ = self.expect(get(server.port, path), plain)
        if self.if_none_match:
            fields["If-None-Match"] = found["etag"]
            self.expect(get(server.port, path, fields), 304)
        if origin.count() != before:
            raise Wrong(f"{server.name} does not keep {path}")
        mode = {"same": (), "pipelined": (16,)}.get(self.mode, (keys.pattern, keys.count))
        load = Load((self.mode, *mode), path, fields, self.threads, 64 * self.threads,
                    LOAD_CORES if self.threads == 1 else CORES)
        return load, answer_bytes(server.port, path, fields)

    def expect(self, answer, wanted):
        status, fields, body = answer
        if status != wanted or len(body) != (self.size if wanted == 200 else 0):
            raise Wrong(f"row {self.letter}: not the {wanted} that was expected: {status} {fields} {body[:200]}")
        return answer

    def play(self, server, origin, load, size, seconds, figures):
        fetched, cpu = origin.count(), server.cpu_seconds()
        made = load.run(server.port, seconds)
        cpu = server.cpu_seconds() - cpu
        if origin.count() != fetched:
            raise Wrong(f"row {self.letter}: {server.name} asked the origin {origin.count() - fetched} times: not all are hits")
        # The length of Age and of an answer that the end cut off may differ.
        each = made["bytes"] / made["requests"]
        if abs(each - size) > max(8, size * 0.02):
            raise Wrong(f"row {self.letter}: answers of {server.name} have {each:.1f} bytes, not {size}")
        figures.rate.append(made["requests"] / made["seconds"])
        figures.cpu_us.append(cpu * 1e6 / made["requests"])
        figures.p99_ms.append(made["p99_us"] / 1000)


@dataclasses.dataclass(frozen=True)
class ColdHits(Hits):
    """Hits on what is on disk only, but for what the memory tier of roktcached and open_file_cache of nginx hold."""

    def measure(self, run):
        keys, cache, origin = run.filled
        with run.started([Roktcached, Nginx], origin, cache=cache, memory_mib=64) as servers:
            return self.compare(run, origin, servers, keys)

    def prepare(self, server, origin, keys):
        self.expect(get(server.port, keys.target(0)), 200)
        return (Load(("uniform", keys.pattern, keys.count), keys.target(0)),
                answer_bytes(server.port, keys.target(keys.count // 2), {}))


class Misses:
    """What a miss adds: miss.sh, which takes turns with single requests, as latencies need it."""
    letter, title = "h", "miss, stored: added latency"
    bars = (("at most 150 µs", lambda r: r["roktcached"].median <= 150),
            ("no more than nginx", lambda r: r["roktcached"].median <= r["nginx"].median))

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


class Idle:
    """Connections that a client keeps and does not use, and a hit on each of them."""
    letter, title = "i", "idle keep-alive connections: resident each"
    bars = (("at most 2 KiB each", lambda r: r["roktcached"].each <= 2 * KIB),)

    @dataclasses.dataclass
    class Memory:
        each: float
        median_us: float
        count: int

        def __str__(self):
            return f"{self.each / KIB:.2f} KiB<br>then a hit: {self.median_us:.0f} µs"

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


class Cached:
    """Memory for each report that is cached. What nginx keeps in memory is where its file is; HAProxy takes all of its memory when
    it starts."""
    letter, title = "j", "resident for each cached entry of 1 KB"

    bars = (("at most the entry and 256 bytes", lambda r: r["roktcached"].each <= r["roktcached"].entry + 256),)

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


class Start:
    """From the start of the process to the first answer out of a full cache on disk."""
    letter, title = "k", "start to first answer"
    bars = (("under 300 ms", lambda r: max(r["roktcached"].times) < 0.3),)

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


def ahead_of_peers(results):
    ours = results["roktcached"].middle("rate")
    return all(ours > results[peer.title].middle("rate") for peer in PEERS)


def as_prompt_as_peers(results):
    return results["roktcached"].middle("p99_ms") <= min(results[peer.title].middle("p99_ms") for peer in PEERS)


def at_least(share, other, name="rate"):
    return lambda r: r["roktcached"].middle(name) >= share * r[other].middle(name)


def at_most(share, other, name="cpu_us"):
    return lambda r: r["roktcached"].middle(name) <= share * r[other].middle(name)


AHEAD = ("a higher rate than every peer", ahead_of_peers)
PROMPT = ("p99 no worse than the best peer's", as_prompt_as_peers)

ROWS = [
    Hits("a", "hit, 208 B", bars=(
        ("CPU at most 1.3 × the bare loop's", at_most(1.3, "bare loop")),
        ("CPU at most 0.9 × HAProxy's", at_most(0.9, "HAProxy")),
        ("rate at least 1.05 × HAProxy's", at_least(1.05, "HAProxy")), PROMPT)),
    Hits("b", "hit, 50 KB", size=SIZES["50 KB"],
         bars=(("rate at least 1.1 × nginx's", at_least(1.1, "nginx")), PROMPT)),
    Hits("c", "hit with If-None-Match, 304", if_none_match=True, bars=(AHEAD,)),
    Hits("d", "hit, 208 B, 16 requests pipelined", mode="pipelined", bars=(AHEAD,)),
    Hits("e", "hit, 208 B, a new connection each", fields=(("Connection", "close"),),
         bars=(("rate at least nginx's", at_least(1.0, "nginx")),)),
    Hits("f", "hit, 1 KB, 10,000 keys by Zipf", size=SIZES["1 KB"], mode="zipf", keys=10_000, with_bare_loop=False,
         bars=(AHEAD, PROMPT)),
    ColdHits("g", "hit on disk, 1 KB, memory tier 64 MiB", size=SIZES["1 KB"], with_bare_loop=False,
             bars=(("rate at least nginx's", at_least(1.0, "nginx")),)),
    Misses(),
    Idle(),
    Cached(),
    Start(),
    Hits("l", "hit, 208 B, both cores, load on the same", threads=2, bars=(AHEAD,)),
]
