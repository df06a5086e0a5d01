"""The rows of hits a second: who answers how many, what each costs its server, and what the slowest wait."""
import dataclasses
import gzip
import statistics

from contestants import PEERS, SIZES, BareLoop, HAProxy, Nginx, Roktcached, report_of
from load import Keys, LightLoad, Load, answer_bytes, fetch_each, get, target
from processes import CORES, LOAD_CORES, SERVER_CORES, Wrong


@dataclasses.dataclass
class Figures:
    """Of one contestant in one row: a value a round."""
    rate: list = dataclasses.field(default_factory=list)
    cpu_us: list = dataclasses.field(default_factory=list)
    p99_ms: list = dataclasses.field(default_factory=list)
    note: str = ""

    def add(self, made, cpu):
        """@param made, cpu  what a load has made of requests, and what CPU time its server took for them"""
        self.rate.append(made["requests"] / made["seconds"])
        self.cpu_us.append(cpu * 1e6 / made["requests"])
        self.p99_ms.append(made["p99_us"] / 1000)

    def middle(self, name):
        return statistics.median(getattr(self, name))

    def __str__(self):
        low, high = min(self.rate), max(self.rate)
        spread = f" ({low:,.0f}–{high:,.0f})" if len(self.rate) > 1 else ""
        # Of pipelined requests wrk times only the last.
        slow = f", p99 {self.middle('p99_ms'):.2f} ms" if self.middle("p99_ms") else ""
        return f"{self.middle('rate'):,.0f}{spread}<br>{self.middle('cpu_us'):.1f} µs{slow}{self.note}"


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
    load_apart: bool = True   # on a core of its own, where the server has one thread
    by_wrk: bool = True
    with_bare_loop: bool = True
    tls: bool = False
    compressed: bool = False
    bars: tuple = ()

    def measure(self, run):
        origin = run.origin()
        cores = {"cores": SERVER_CORES if self.threads == 1 else CORES}
        bare = {"size": self.size, "status": 304 if self.if_none_match else 200}
        peers = [Nginx, HAProxy] if self.tls else PEERS
        classes = [*([BareLoop] if self.with_bare_loop else []), Roktcached, *peers]
        with run.started(classes, origin, threads=self.threads, size=self.size, unchanged=self.if_none_match, bare=bare,
                         tls=self.tls, compressed=self.compressed, **cores) as servers:
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
        self.expect(get(server.port, path, fields, server.tls), plain)
        before = origin.count()
        _, found, _ = self.expect(get(server.port, path, fields, server.tls), plain)
        if self.if_none_match:
            fields["If-None-Match"] = found["etag"]
            self.expect(get(server.port, path, fields), 304)
        if origin.count() != before:
            raise Wrong(f"{server.name} does not keep {path}")
        mode = {"same": (), "pipelined": (16,)}.get(self.mode, (keys.pattern, keys.count))
        cores = CORES if self.threads > 1 else LOAD_CORES if self.load_apart else SERVER_CORES
        load = (Load((self.mode, *mode), path, fields, self.threads, 64 * self.threads, cores, server.tls) if self.by_wrk
                else LightLoad(path, tls=server.tls))
        return load, answer_bytes(server.port, path, fields, server.tls)

    def expect(self, answer, wanted):
        status, fields, body = answer
        if fields.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        elif self.compressed:
            raise Wrong(f"row {self.letter}: not compressed: {fields}")
        bodies = (report_of(self.size).encode(), b"x" * self.size) if wanted == 200 else (b"",)  # x: the bare loop's
        if status != wanted or body not in bodies:
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
        figures.add(made, cpu)


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
