"""Rows of hits and misses that are no plain comparison: with a client's key, many misses at once, and hits while others miss."""
import contextlib
import dataclasses
import json
import socket
import threading

from contestants import PEERS, SIZES, Nginx, Roktcached, RoktcachedWithClients
from hits import Figures, Hits
from load import Keys, Load
from processes import SERVER_CORES, Wrong

EVERY_KEY = 10 ** 9  # more than are ever asked for


@dataclasses.dataclass(frozen=True)
class KeyedHits(Hits):
    """A hit of a client that shows its key, beside one where nobody has to."""

    def measure(self, run):
        origin = run.origin()
        with run.started([RoktcachedWithClients, Roktcached], origin, size=self.size, cores=SERVER_CORES) as servers:
            measured = self.compare(run, origin, servers, Keys(0, self.size))
        with_key, without = measured[RoktcachedWithClients.title], measured[Roktcached.title]
        with_key.note = f"<br>without a key {without.middle('cpu_us'):.1f} µs"
        return {Roktcached.title: with_key, "without a key": without}

    def prepare(self, server, origin, keys):
        fields = (("X-API-Key", server.api_key),) if server.api_key else ()
        return super(KeyedHits, dataclasses.replace(self, fields=fields)).prepare(server, origin, keys)


class NewKeys:
    """Keys that a server has not been asked for yet."""

    def __init__(self, size):
        self.keys = Keys(EVERY_KEY, size)
        self.next = 1_000_000  # no key of an account that is asked for otherwise

    def load(self, **how):
        return Load(("each", self.keys.pattern, self.keys.count, self.next), self.keys.target(self.next), **how)

    @property
    def account(self):
        return str(1 + self.next // 1000)

    def asked(self, requests):
        self.next += requests + 4096  # what was under way when wrk ended, too


@dataclasses.dataclass(frozen=True)
class ConcurrentMisses(Hits):
    """Every request is for another report, 64 of them at once; all are stored."""

    def measure(self, run):
        origin = run.origin()
        with run.started([Roktcached, *PEERS], origin, size=self.size, cores=SERVER_CORES) as servers:
            return self.compare(run, origin, servers, None)

    def prepare(self, server, origin, keys):
        return NewKeys(self.size), 0

    def play(self, server, origin, load, size, seconds, figures):
        fetched, cpu = origin.count(), server.cpu_seconds()
        made = load.load().run(server.port, seconds)
        load.asked(made["requests"])
        cpu = server.cpu_seconds() - cpu
        if origin.count() - fetched < made["requests"]:
            raise Wrong(f"row {self.letter}: {server.name} asked the origin for {origin.count() - fetched} of {made['requests']}")
        figures.add(made, cpu)


@dataclasses.dataclass(frozen=True)
class DisturbedHits(Hits):
    """Hits while others ask for reports of 50 KB that are not there yet, which drives others out, in memory and on disk; of
    roktcached the account that others ask for is purged every 50 ms as well, which nginx does not know. CPU time is that of all of it, for each hit."""

    def measure(self, run):
        origin = run.origin()
        with run.started([Roktcached, Nginx], origin, size=self.size, memory_mib=64, disk="256m", cores=SERVER_CORES) as servers:
            return self.compare(run, origin, servers, Keys(0, self.size))

    def prepare(self, server, origin, keys):
        load, size = super().prepare(server, origin, keys)
        return (load, NewKeys(SIZES["50 KB"])), size

    def play(self, server, origin, load, size, seconds, figures):
        hits, misses = load
        fetched, cpu = origin.count(), server.cpu_seconds()
        with contextlib.ExitStack() as stopping:
            stopping.enter_context(beside(lambda: misses.asked(misses.load(connections=8).run(server.port, seconds)["requests"])))
            if isinstance(server, Roktcached):
                stopping.enter_context(beside(lambda: purge(server.admin, misses.account), every=0.05))
            made = hits.run(server.port, seconds)
        cpu = server.cpu_seconds() - cpu
        if origin.count() - fetched < 10 * seconds:
            raise Wrong(f"row {self.letter}: {server.name} missed {origin.count() - fetched} times only")
        figures.add(made, cpu)


@contextlib.contextmanager
def beside(action, every=None):
    """Does something on another thread meanwhile: once, or again and again. What it raises is raised here, too."""
    ended, failures = threading.Event(), []

    def run():
        try:
            action()
            while every is not None and not ended.wait(every):
                action()
        except Exception as failure:
            failures.append(failure)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if failures:
        raise failures[0]


def purge(admin, account):
    content = json.dumps({"account": account}).encode()
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(admin))
        client.sendall(b"POST /purge HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
                       b"Content-Length: %d\r\n\r\n" % len(content) + content)
        answer = client.recv(4096)
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise Wrong(f"a purge: {answer[:300]}")
