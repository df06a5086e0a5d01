#!/usr/bin/env python3
"""Processes change under load: hand-overs, restarts on sockets that stay open, reloads, new certificates, logs that are renamed. No request fails, no entry is lost."""
import collections
import itertools
import json
import multiprocessing
import os
import pathlib
import signal
import socket
import sqlite3
import time

from proof import SHORT, Daemon, Proof, World
from client import ROUTES, Ways
from harness import Tls, overview, request, wait_until
from upstream import Upstream

ROUNDS = 3 if SHORT else 15  # of a hand-over, a reload with a new certificate and a renamed log
RESTARTS = 2 if SHORT else 6
WORKERS = 4
RATE = 2_400  # requests a second, of all workers together
STORED = 200  # entries that are hits from the beginning
NEW_EVERY = 40  # one request in so many is for what is not stored yet
BETWEEN = 0.3 if SHORT else 1.0
PAD = "0123456789" * 20


def body(target):
    return json.dumps({"target": target, "rows": PAD}).encode()


def answer(exchange):
    exchange.reply(body(exchange.target))
    return True


HOT = [overview(campaign=1 + number % 12, n=f"hot-{number}") for number in range(STORED)]


class Client:
    """One kept connection, made anew where the answer before has said that it ends."""

    def __init__(self, at, result):
        self.at, self.result, self.sock, self.answers = at, result, None, 0

    def connect(self):
        if isinstance(self.at, str):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(30)
            self.sock.connect(self.at)
        else:
            tls = isinstance(self.at, Tls)
            self.sock = socket.create_connection(("127.0.0.1", self.at.port if tls else self.at), 30)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                self.sock = self.at.context.wrap_socket(self.sock, server_hostname="127.0.0.1")
        self.answers = 0

    def ask(self, target):
        """Once more where a connection that was kept is closed before a byte of the answer (RFC 9112, section 9.3.1); that is counted."""
        for _ in range(2):
            if self.sock is None:
                self.connect()
            received = b""
            try:
                self.sock.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                received = self.read()
            except (BrokenPipeError, ConnectionResetError):
                pass
            if received:
                return self.judge(target, received)
            kept = self.answers > 0
            self.sock.close()
            self.sock = None
            if not kept:
                raise ConnectionError("a new connection was closed without an answer")
            self.result["asked again"] += 1
        raise ConnectionError("closed twice without an answer")

    def read(self):
        received = b""
        while True:
            part = self.sock.recv(65536)
            received += part
            head, end, content = received.partition(b"\r\n\r\n")
            if end:
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                if len(content) >= length:
                    return received
            if not part:
                if received:
                    raise ConnectionError("an answer was cut")
                return b""

    def judge(self, target, received):
        head, _, content = received.partition(b"\r\n\r\n")
        self.answers += 1
        self.result["requests"] += 1
        if b"cache-status: roktcached; hit" in head.lower():
            self.result["hits"] += 1
        if not head.startswith(b"HTTP/1.1 200 ") or content != body(target):
            raise ConnectionError(f"{target}: {head[:200]!r}")
        if b"connection: close" in head.lower():
            self.sock.close()
            self.sock = None


def work(name, ways, stopped, results):
    """Asks at its share of the rate, over each way in turn. What it has not kept up with is left out, not made up for."""
    result, failures, asked = collections.Counter(), [], []
    clients = [Client(at, result) for at in ways]
    began = time.monotonic()
    for number in itertools.count():
        if stopped.is_set():
            break
        due = began + number * WORKERS / RATE
        now = time.monotonic()
        if due > now:
            time.sleep(due - now)
        elif now - due > 1:
            began += now - due
        target = HOT[(number * 7 + name) % STORED] if number % NEW_EVERY else overview(campaign=1 + number % 12, n=f"new-{name}-{number}")
        try:
            clients[number % len(clients)].ask(target)
            if number % NEW_EVERY == 0:
                asked.append(target)
        except (OSError, ValueError) as error:
            failures.append(f"{clients[number % len(clients)].at}: {error!r}")
            clients[number % len(clients)].sock = None
    results.put((dict(result), failures, asked))


class Load:
    """Clients in processes of their own, for as long as its `with` lasts."""

    def __init__(self, ways):
        self.ways = list(ways)
        self.result, self.failures, self.asked = collections.Counter(), [], []

    def __enter__(self):
        context = multiprocessing.get_context("fork")
        self.stopped, self.results = context.Event(), context.Queue()
        self.processes = [context.Process(target=work, args=(number, self.ways, self.stopped, self.results), daemon=True) for number in range(WORKERS)]
        for process in self.processes:
            process.start()
        self.began = time.monotonic()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for _ in self.processes:
            result, failures, asked = self.results.get(timeout=60)
            self.result.update(result)
            self.failures += failures
            self.asked += asked
        self.seconds = time.monotonic() - self.began
        for process in self.processes:
            process.join()


def first(problems):
    return f"{len(problems)}: {problems[0][:120]}" if problems else "0"


class Place:
    """Where one daemon follows another: their folder, settings and addresses."""

    def __init__(self, world, **more):
        self.world = world
        self.upstream = world.enter_context(Upstream(answer))
        self.ways = Ways(world)
        self.folder = world.folder()
        self.admin = os.path.join(world.folder(), "admin.sock")
        self.log = pathlib.Path(self.folder, "daemon.log")
        self.settings = {"tables": self.ways.tables + ROUTES, "listen_threads": 2, "admin_address": f"unix:{self.admin}", "log_file": str(self.log), "cache_max_memory": "1MiB",
                         "listen_idle_timeout": "50s", **self.ways.settings, **more}

    def start(self, **options):
        daemon = Daemon(self.upstream.port, self.folder, **{"log_level": "info", **self.settings, **options})
        self.world.callback(daemon.stop)
        return daemon

    def fill(self):
        for target in HOT:
            request(self.ways.port, target)

    def reload_with_new_certificate(self, daemon):
        pathlib.Path(self.folder, "roktcached.toml").write_text(self.ways.new_certificate() + ROUTES)
        done = json.loads(request(self.admin, "/reload", "POST", {"Content-Type": "application/json"}, "{}").body)
        assert done["result"] == "success", done
        self.log.rename(f"{self.log}.1")
        daemon.signal(signal.SIGUSR1)
        wait_until(self.log.exists, "the log is opened again")

    def entries_that_are_no_hit(self, targets):
        return [target for target in targets if b"hit" not in request(self.ways.port, target).fields.get("cache-status", "").encode()]

    def rows(self):
        with sqlite3.connect(os.path.join(self.folder, "cache.db")) as database:
            return database.execute("SELECT count(*) FROM responses").fetchone()[0]


def report(proof, place, load, daemon, what, may_ask_again):
    rate = load.result["requests"] / load.seconds
    again = load.result["asked again"]
    proof.row(f"{what}: {load.result['requests']} requests, {load.result['hits']} of them hits", f"failed {first(load.failures)}", "none", not load.failures)
    if not may_ask_again:
        proof.row("kept connections closed under a request", str(again), "none", again == 0)
    else:
        proof.note(f"{again} requests were sent again, as the kept connection was closed before an answer began (RFC 9112, section 9.3.1)")
    proof.note(f"{rate:.0f} requests a second over TCP, TLS and a Unix socket, of {RATE} offered")
    if not SHORT:
        proof.row("load", f"{rate:.0f} requests a second", "2000", rate >= 2000)
    entries, sent = HOT + load.asked, len(place.upstream.asked)
    lost = place.entries_that_are_no_hit(entries)
    proof.row(f"each of {len(entries)} entries, afterwards", f"no hit {first(lost)}; sent upstream {len(place.upstream.asked) - sent}", "hits, nothing sent",
              not lost and len(place.upstream.asked) == sent)
    proof.row("requests sent upstream, of each entry", str(sent), f"{len(entries)}", sent == len(entries))
    daemon.stop()
    proof.row("entries in the cache file, after the last has ended", str(place.rows()), str(len(entries)), place.rows() == len(entries))


def hand_over(proof, world):
    place = Place(world, listen_handover_socket=os.path.join(world.folder(), "handover.sock"))
    daemon = place.start(wait=False)
    wait_until(lambda: os.path.exists(place.admin) and request(place.admin, "/readyz").status == 200, "it serves")
    daemon.wait_for_token()
    place.fill()
    codes = []
    with Load(place.ways.at.values()) as load:
        for _ in range(ROUNDS):
            time.sleep(BETWEEN)
            place.reload_with_new_certificate(daemon)
            successor = place.start(wait=False, tables="", flags=("--take-over",))
            codes.append(daemon.wait(40))
            daemon = successor
            assert daemon.alive(), daemon.output
        time.sleep(BETWEEN)
    proof.row(f"{ROUNDS} hand-overs, each after a reload with another certificate", f"exit codes {sorted(set(codes))}", "0", codes == [0] * ROUNDS)
    report(proof, place, load, daemon, "hand-overs", may_ask_again=False)


def activate(place, sockets):
    """As systemd does it: descriptors from 3 on."""
    moved = [80 + number for number in range(len(sockets))]
    shell = " ".join(f"{target}<&{source} {source}<&-" for source, target in zip(moved, range(3, 3 + len(moved))))
    script = f'export LISTEN_PID=$$ LISTEN_FDS={len(moved)}; exec "$0" "$@" {shell}'

    def at_fixed_numbers():
        for one, number in zip(sockets, moved):
            os.dup2(one.fileno(), number)
    return place.start(wait=False, wrapper=("/bin/bash", "-c", script), process={"preexec_fn": at_fixed_numbers, "close_fds": False})


def restart(proof, world):
    place = Place(world)
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(place.ways.at["Unix"])
    unix.listen(4096)
    sockets = [world.enter_context(one) for one in (*(socket.create_server(("127.0.0.1", port), backlog=4096) for port in (place.ways.port, place.ways.at["TLS"].port)), unix)]
    daemon = activate(place, sockets)
    wait_until(lambda: os.path.exists(place.admin) and request(place.admin, "/readyz").status == 200, "it serves")
    daemon.wait_for_token()
    place.fill()
    codes = []
    with Load(place.ways.at.values()) as load:
        for _ in range(RESTARTS):
            time.sleep(BETWEEN)
            daemon.signal(signal.SIGTERM)
            codes.append(daemon.wait(40))
            daemon = activate(place, sockets)
        time.sleep(2 * BETWEEN)
    proof.row(f"{RESTARTS} restarts on sockets that stay open", f"exit codes {sorted(set(codes))}", "0", codes == [0] * RESTARTS)
    report(proof, place, load, daemon, "restarts", may_ask_again=True)


def main():
    proof = Proof(f"Processes change while {WORKERS} clients ask {RATE} times a second over TCP, TLS and a Unix socket")
    for what, part in (("hand-overs", hand_over), ("restarts", restart)):
        with World() as world:
            proof.guard(what, lambda part=part, world=world: part(proof, world))
    proof.finish()


main()
