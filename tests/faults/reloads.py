#!/usr/bin/env python3
"""Settings are read again a thousand times under load: no request fails, no entry is forgotten, and what was in force before is freed."""
import http.client
import itertools
import json
import os
import pathlib
import re
import signal
import threading

from proof import SHORT, Proof, World
from client import ROUTES, Ways
from clients import client, secret_hash
from harness import connection_to, in_parallel, overview, request, run_command, wait_until
from upstream import Upstream

RELOADS = 60 if SHORT else 1000
IN_ERROR_EVERY = 10
FIRST_LOOK = RELOADS // 5  # what the process holds after this many is compared with what it holds at the end
CONNECTIONS_EACH_WAY = 2
MEMORY_MIB = 1  # the memory tier is full before the first look
SLACK_MIB, SLACK_COUNT = 8, 8  # a thread or file that each reload keeps would be far more
CONFIGURATION = 78  # exit code of `roktcached reload` for settings in error
KEY = {"X-API-Key": "key-of-tableau"}

CACHED = (lambda name: overview(n=name), lambda name: f"/http/{name}")
HOT = [target("hot") for target in CACHED]
SETTINGS_IN_ERROR = ('[freshness]\nopne = "1m"\n', "[freshness\n", '[cache]\nmax_transient = "1MiB"\n', '[admin]\ntoken_file = "/nonexistent"\n')


def body(target):
    return json.dumps({"target": target, "rows": "0123456789" * 100}).encode()


def answer(exchange):
    exchange.reply(body(exchange.target), "Cache-Control: max-age=86400")
    return True


def marker(number):
    return f"/marker-{number}"


def variants(ways):
    """Settings that differ in clients, routes, freshness, limits and the certificate. What is stored under one may be used under each."""
    tableau, excel = (f'"{secret_hash(f"key-of-{name}")}"' for name in ("tableau", "excel"))
    differences = (client("tableau", secret_hash=tableau),
                   client("excel", secret_hash=excel) + client("tableau", secret_hash=tableau, upstream_share=2) + '[freshness]\nopen = "1m"\n',
                   client("tableau", secret_hash=tableau) + client("excel", secret_hash=excel, accounts='["13"]') + '[listen]\nidle_timeout = "50s"\n')
    route = '\n[[route]]\nname = "marker"\npath = "{}"\nmethods = ["GET"]\ncache = "off"\ninject_token = false\n'
    return [difference + ROUTES + route.format(marker(number)) + ways.new_certificate() for number, difference in enumerate(differences)]


class Load:
    """Clients that ask over kept connections, without a pause, until stopped: in turn for what is stored and what is not yet."""

    def __init__(self, ways):
        self.stopped = threading.Event()
        self.lost = []  # what went wrong, as text
        self.asked = []  # what every client has asked for and is stored now
        self.hits = 0
        self.threads = [threading.Thread(target=self.run, args=(at, f"{way}-{number}")) for way, at in ways.at.items() for number in range(CONNECTIONS_EACH_WAY)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def run(self, at, name):
        connection = connection_to(at)
        asked, hits = [], 0
        try:
            connection.connect()
            sock = connection.sock
            for number in itertools.count():
                if self.stopped.is_set():
                    break
                self.ask(connection, HOT[number % len(HOT)], hit=True)
                new = CACHED[number % len(CACHED)](f"{name}-{number}")
                self.ask(connection, new, hit=False)
                self.ask(connection, f"/off/{name}-{number}", hit=False)
                asked.append(new)
                hits += 1
                if connection.sock is not sock:
                    raise http.client.HTTPException("its connection was closed")
        except (OSError, http.client.HTTPException) as error:
            self.lost.append(f"{name}: {error!r}")
        finally:
            connection.close()
            self.asked += asked
            self.hits += hits

    def ask(self, connection, target, hit):
        connection.request("GET", target, headers=KEY)
        got = connection.getresponse()
        received, said = got.read(), got.getheader("Cache-Status", "")
        if got.status != 200 or received != body(target) or said.startswith("roktcached; hit") != hit:
            self.lost.append(f"{target}: {got.status} {said}")

    def ask_again(self, at, targets):
        """Asks for all that was stored, once more."""
        connection = connection_to(at)
        for target in targets:
            self.ask(connection, target, hit=True)
        connection.close()


class Reloads:
    """Writes the daemon's settings and has them read, by the signal and by the command in turn."""

    def __init__(self, daemon, tables):
        self.daemon = daemon
        self.tables = tables
        self.admin = connection_to(daemon.admin_at)
        self.failed = []  # which reload ended otherwise than it should, as text
        self.good = self.bad = 0

    def count(self):
        self.admin.request("GET", "/status")
        reloads = json.loads(self.admin.getresponse().read())["reloads"]
        return reloads["succeeded"], reloads["failed"]

    def reload(self, number):
        in_error = number % IN_ERROR_EVERY == IN_ERROR_EVERY - 1
        settings = SETTINGS_IN_ERROR[self.bad % len(SETTINGS_IN_ERROR)] if in_error else self.tables[self.good % len(self.tables)]
        pathlib.Path(self.daemon.folder, "roktcached.toml").write_text(settings)
        self.good, self.bad = self.good + (not in_error), self.bad + in_error
        if number % 2:
            self.daemon.signal(signal.SIGHUP)
            wait_until(lambda: self.count() == (self.good, self.bad), f"{self.good} reloads have succeeded and {self.bad} have failed")
        else:
            done = run_command("reload", folder=self.daemon.folder, ROKTCACHED_ADMIN_ADDRESS=f"unix:{self.daemon.admin_at}")
            if done.returncode != (CONFIGURATION if in_error else 0):
                self.failed.append(f"{number}: exit code {done.returncode}, {done.stderr.strip()}")
        self.look(number)

    def look(self, number):
        """Whether the settings in force are the last that were good: each variant has a route that the others do not."""
        statuses = [request(self.daemon.port, marker(which), fields=KEY).status for which in range(len(self.tables))]
        if statuses != [200 if which == (self.good - 1) % len(self.tables) else 404 for which in range(len(self.tables))]:
            self.failed.append(f"{number}: its routes answer {statuses}")

    def metric(self, result):
        text = request(self.daemon.admin_at, "/metrics").body.decode()
        return int(re.search(rf'(?m)^roktcached_config_reloads_total\{{result="{result}"\}} (\d+)$', text)[1])


class Held:
    """What the process holds."""

    def __init__(self, daemon):
        of_process = f"/proc/{daemon.child.pid}"
        self.mib = daemon.resident_mib()
        self.threads = len(os.listdir(f"{of_process}/task"))
        self.files = len(os.listdir(f"{of_process}/fd"))


def first(problems):
    return f"{len(problems)}: {problems[0]}" if problems else "0"


def run(proof, world):
    upstream = world.enter_context(Upstream(answer))
    ways = Ways(world)
    tables = variants(ways)
    daemon = world.daemon(upstream, tables=tables[0], listen_threads=2, log_access="false", cache_max_memory=f"{MEMORY_MIB}MiB",
                          cache_read_timeout="60s", admin_address=f"unix:{world.folder()}/admin.sock", **ways.settings)
    daemon.wait_for_token()
    for target in HOT:
        request(daemon.port, target, fields=KEY)
    reloads = Reloads(daemon, tables)
    looks = {}
    with Load(ways) as load:
        for number in range(RELOADS):
            reloads.reload(number)
            if number + 1 in (FIRST_LOOK, RELOADS):
                looks[number + 1] = Held(daemon)
    before, after = looks[FIRST_LOOK], looks[RELOADS]
    proof.row(f"{RELOADS} reloads, {reloads.bad} of them in error", f"{first(reloads.failed)} ended otherwise", "none", not reloads.failed)
    counted = reloads.metric("success"), reloads.metric("failure")
    proof.row("roktcached_config_reloads_total", "success {}, failure {}".format(*counted), f"{reloads.good}, {reloads.bad}",
              counted == (reloads.good, reloads.bad))
    proof.row(f"{load.hits} hits, {load.hits} misses and {load.hits} passed on", f"failed {first(load.lost)}", "none", not load.lost and load.hits >= RELOADS)
    proof.row("resident memory", f"{before.mib:.1f} MiB after {FIRST_LOOK}, {after.mib:.1f} after all", f"at most {SLACK_MIB} more", after.mib <= before.mib + SLACK_MIB)
    proof.row("threads, open files", f"{before.threads}, {before.files} after {FIRST_LOOK}; {after.threads}, {after.files} after all", f"at most {SLACK_COUNT} more",
              after.threads <= before.threads + SLACK_COUNT and after.files <= before.files + SLACK_COUNT)
    entries = load.asked + HOT
    sent, load.lost = len(upstream.asked), []
    in_parallel(4, lambda part: load.ask_again(daemon.port, entries[part::4]))
    proof.row(f"each of {len(entries)} entries, afterwards", f"no hit {first(load.lost)}; sent upstream {len(upstream.asked) - sent}", "hits, nothing sent",
              not load.lost and len(upstream.asked) == sent)


def main():
    proof = Proof(f"Settings are reloaded {RELOADS} times, by SIGHUP and by `roktcached reload`, while {3 * CONNECTIONS_EACH_WAY} clients ask over TCP, TLS and a Unix socket")
    with World() as world:
        proof.guard("reloads", lambda: run(proof, world))
    proof.finish()


main()
