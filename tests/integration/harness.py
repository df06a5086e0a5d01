"""Runs the real daemon and simulator on free ports of 127.0.0.1 and talks to them over real sockets.

ROKTCACHED_BINARY names the binary, so that one suite serves the release and the sanitizer builds.
"""
import concurrent.futures
import contextlib
import dataclasses
import http.client
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

import canary
import eavesdropper

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = os.environ.get("ROKTCACHED_BINARY", str(TOP / "build" / "release" / "roktcached"))
SANITIZED = "asan" in BINARY or "tsan" in BINARY
ADDRESSES = ("listen_addresses", "listen_tls_addresses", "admin_address", "health_addresses", "health_tls_addresses")
CREDENTIAL = {"ROKT_APP_ID": "demo-app", "ROKT_APP_SECRET": "demo-secret"}  # of the simulated world
NOW = "2026-01-31T12:30:00Z"  # the simulated data's clock; the daemon's own runs
ZONE = "America/New_York"
# A report is stale a millisecond after it was stored, and whoever asks then waits for the upstream: see until_stale().
STALE_AT_ONCE = {"freshness_settled": "1ms", "freshness_stale_while_revalidate": "0ms", "freshness_min_refetch_interval": "0ms"}


# Below the ports that the system gives to outgoing connections: nobody takes one between here and its use.
next_port = itertools.cycle(range(first := int(os.environ.get("ROKTCACHED_TEST_PORTS", "19700")), first + 300))


def route(name, path, *methods, cache="http", inject_token=False):
    """The table of a route of the operator's. Without methods it has those that are usual; with a token the one that is usual."""
    lines = [f'name = "{name}"', f'path = "{path}"', f'cache = "{cache}"']
    lines += [f"methods = {json.dumps(methods)}"] * bool(methods) + ["inject_token = false"] * (not inject_token)
    return "\n".join(["[[route]]", *lines, ""])


def free_port():
    for port in itertools.islice(next_port, 300):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no port is free")


def wait_until(condition, what, seconds=30):
    """Asks seldom for what takes long: most of the processors' time would else go into asking."""
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < seconds:
        if condition():
            return
        time.sleep(min(max(waited / 10, 0.01), 0.06))
    raise AssertionError(f"not within {seconds} s: {what}")


def until_stale():
    """Waits until that which was stored before the call, and is fresh for 1 ms, is stale.

    A fast machine asks twice within that millisecond, and the second answer is then a hit. Nothing shows from outside that the
    millisecond is over, for to ask is to fetch. So this waits, and ten times as long as it must.
    """
    time.sleep(0.01)


def query(**changes):
    """A query of a settled month; a value of None leaves the parameter out."""
    values = {"dateStart": "2025-03-01", "dateEnd": "2025-03-31", "currency": "USD", "timeZoneVariation": ZONE}
    values.update(changes)
    return "&".join(f"{name}={value}" for name, value in values.items() if value is not None)


def overview(campaign=3, account=12, **changes):
    return f"/reporting/accounts/{account}/campaigns/{campaign}/overview?{query(**changes)}"


@dataclasses.dataclass
class Reply:
    status: int
    fields: dict  # names in lower case
    body: bytes

    def json(self):
        return json.loads(self.body)

    def problem(self):
        assert self.fields["content-type"] == "application/problem+json", self.fields
        return self.json()

    @property
    def cache_status(self):
        return self.fields.get("cache-status", "")

    @property
    def is_hit(self):
        return self.cache_status.startswith("roktcached; hit")


@dataclasses.dataclass(frozen=True)
class Tls:
    """Where a daemon listens with TLS, and whom a client believes there."""

    port: int
    context: ssl.SSLContext


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def connection_to(at, timeout=60):
    """`at` is a port, the path of a Unix socket, or a Tls."""
    if isinstance(at, str):
        return UnixConnection(at, timeout)
    if isinstance(at, Tls):
        return http.client.HTTPSConnection("127.0.0.1", at.port, timeout=timeout, context=at.context)
    return http.client.HTTPConnection("127.0.0.1", at, timeout=timeout)


searched = eavesdropper.places  # where daemons listen: no answer from there may show a secret


def is_searched(at):
    return (at.port if isinstance(at, Tls) else at) in searched


def request(at, target, method="GET", fields=None, body=None, timeout=60):
    connection = connection_to(at, timeout)
    try:
        connection.request(method, target, body=body, headers=fields or {})
        answer = connection.getresponse()
        reply = Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()
    if is_searched(at):
        canary.check(repr(answer.getheaders()).encode(), f"the head of the answer to {method} {target}")
        canary.check(reply.body, f"the answer to {method} {target}")
    return reply


def raw(at, data, seconds=15):
    """Sends bytes as they are; returns everything that comes back until the peer closes or falls silent."""
    connection = connection_to(at, seconds)
    received = b""
    try:
        connection.connect()
        connection.sock.sendall(data)
        while chunk := connection.sock.recv(65536):
            received += chunk
    except (TimeoutError, ConnectionResetError, ssl.SSLEOFError):
        pass
    finally:
        connection.close()
    if is_searched(at):
        canary.check(received, "an answer")
    return received


def multiply_rows(path, copies, account="account_id"):
    """Copies the one row of a cache file that nobody has open, each copy under a key of its own.

    A million through the daemon would take too long; this is the same file format. `account` is an SQL expression of i.
    """
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA synchronous = OFF")
        columns = [row[1] for row in database.execute("PRAGMA table_info(responses)")]
        others = [c for c in columns if c not in ("id", "key_hash", "account_id")]
        database.execute("DROP TRIGGER responses_added")
        database.execute(f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {copies}) "
                         f"INSERT INTO responses (key_hash, account_id, {', '.join(others)}) "
                         f"SELECT randomblob(16), {account}, {', '.join(others)} FROM responses, n")
        database.execute("UPDATE totals SET entries = (SELECT count(*) FROM responses)")
        database.execute("CREATE TRIGGER responses_added AFTER INSERT ON responses BEGIN UPDATE totals SET "
                         "entries = entries + 1, bytes = bytes + new.stored_size; END")
    database.close()


def in_parallel(count, call):
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def environment_with(**variables):
    """That of this process with these variables, and without those that would set up a daemon."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("ROKT", "XDG_CACHE", "CACHE_DIR"))} | variables


def run_command(*arguments, folder="/", given="", **environment):
    """Runs the program with these arguments to its end; `given` is its input, `environment` is added to environment_with()."""
    return subprocess.run([BINARY, *arguments], env=environment_with(**environment), cwd=folder, input=given, capture_output=True,
                          text=True, timeout=60, check=False)


class Process:
    """A child with its output in a file; always stopped by its process id."""

    def __init__(self, arguments, environment=None, folder=None, binary=None, **options):
        """`options` are Popen's: user, umask and the like."""
        self.folder = folder
        self.output_path = tempfile.mkstemp(prefix="roktcached-test-")[1]
        with open(self.output_path, "wb") as output:
            self.child = subprocess.Popen([binary or BINARY, *arguments], stdin=subprocess.DEVNULL, stdout=output,
                                          stderr=output, env=environment_with(**(environment or {})), cwd=folder, **options)

    @property
    def output(self):
        return pathlib.Path(self.output_path).read_text(errors="replace")

    def alive(self):
        return self.child.poll() is None

    def signal(self, number):
        self.child.send_signal(number)

    def wait(self, seconds=30):
        return self.child.wait(seconds)

    def stop(self):
        asked = self.alive()
        if asked:
            self.signal(signal.SIGTERM)
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        if not os.path.exists(self.output_path):
            return
        output = self.output
        os.unlink(self.output_path)
        # A sanitizer's report, a leak for one, may come as late as this; each makes its test fail.
        assert not re.search(r"(Address|Leak|Thread)Sanitizer|: runtime error: ", output), output
        assert not asked or self.child.returncode == 0, f"exit code {self.child.returncode}\n{output}"
        self.inspect(output)

    def inspect(self, output):
        """Once it has ended."""


class Simulator(Process):
    def __init__(self, *arguments, port=None, now=NOW):
        self.port = port or free_port()
        searched.discard(self.port)
        clock = ["--now", now] if now else []
        super().__init__(["simulate", "--listen", f"127.0.0.1:{self.port}", *clock, *arguments])
        wait_until(self.answers, "the simulator answers")

    def answers(self):
        assert self.alive(), self.output
        try:
            return request(self.port, "/_simulator/requests").status == 200
        except OSError:
            return False

    def ledger(self):
        return request(self.port, "/_simulator/requests").json()

    def faults(self, *faults):
        if faults:
            reply = request(self.port, "/_simulator/faults", "POST", body=json.dumps(faults))
        else:
            reply = request(self.port, "/_simulator/faults", "DELETE")
        assert reply.status == 200, reply

    def hold(self, prefix="/reporting", **more):
        """Requests wait here until the next call of faults()."""
        self.faults({"path_prefix": prefix, "kind": "hold", **more})

    def token(self):
        basic = {"Authorization": "Basic ZGVtby1hcHA6ZGVtby1zZWNyZXQ=", "Content-Type": "application/x-www-form-urlencoded"}
        reply = request(self.port, "/auth/oauth2/token", "POST", basic, "grant_type=client_credentials")
        assert reply.status == 200, reply
        return reply.json()["access_token"]


class Daemon(Process):
    """The proxy in front of `upstream` (a port). Settings are given as section_key="value", tables as TOML. `wrapper` is a command
    that runs it, `flags` are those of `serve`.

    All that it says and keeps is searched for the secrets that it was given and those that canary knows.
    """

    def __init__(self, upstream, folder, wait=True, port=None, admin_port=None, url=None, tables="", app_id="demo-app", process=None, wrapper=(), flags=(), **settings):
        self.port = port or free_port()
        self.admin_port = admin_port or free_port()
        values = {
            "listen_addresses": f"127.0.0.1:{self.port}",
            "admin_address": f"127.0.0.1:{self.admin_port}",
            "upstream_url": url or f"http://127.0.0.1:{upstream}",
            "cache_file": os.path.join(folder, "cache.db"),
            "log_level": "trace",
            # What most tests are about is not the budget: test_budget.py runs on the defaults.
            "upstream_budget_requests_per_second": "0",
            "upstream_budget_max_concurrent": "1024",
            "upstream_max_retries": "0",
            **settings,
        }
        self.at = first_address(values["listen_addresses"], self.port)
        self.admin_at = first_address(values["admin_address"], self.admin_port)
        self.places = {self.port, self.admin_port, *places_in(*re.findall(r"addresses *= *(.*)", tables), *(str(values.get(name, "")) for name in ADDRESSES))}
        searched.update(self.places)
        for path in [values.get("admin_token_file", ""), *re.findall(r'secret_file *= *"(.*?)"', tables)]:
            register_file(path)
        canary.register("demo-secret")
        environment = {f"ROKTCACHED_{name.upper()}": str(value) for name, value in values.items()}
        if tables:
            pathlib.Path(folder, "roktcached.toml").write_text(tables)  # found as the working directory's
        environment.update(ROKT_APP_ID=app_id, ROKT_APP_SECRET="demo-secret")
        command = [*wrapper, BINARY, "serve", *flags]
        super().__init__(command[1:], environment, folder, **{"binary": command[0], **(process or {})})
        if wait:
            wait_until(self.ready, "the daemon is ready")

    def ready(self):
        assert self.alive(), self.output
        try:
            # To who shows nothing, a daemon with clients says 401 only.
            return request(self.admin_at, "/livez").status == 200 and request(self.at, "/nothing").status in (401, 404)
        except OSError:
            return False

    def get(self, target, **fields):
        return request(self.at, target, fields={name.replace("_", "-"): value for name, value in fields.items()})

    def share_one_fetch(self, upstream, count, call, prefix="/reporting", seconds=0):
        """Calls it so often at once; the upstream answers so long after they have come to share a fetch.
        @return what the calls have returned
        """
        before = self.status()["collapsed_requests"]
        upstream.hold(prefix)

        def release():
            try:
                wait_until(lambda: self.status()["collapsed_requests"] >= before + count - 1, "all but one share a fetch")
                time.sleep(seconds)
            finally:  # else the others wait for ever, and what they say then hides why
                upstream.faults()
        return in_parallel(count + 1, lambda i: call(i) if i < count else release())[:count]

    def status(self):
        return request(self.admin_at, "/status").json()

    def wait_until_counted(self, **answers):
        """An answer is counted behind its last octet. Waits until at least so many of each outcome are.
        @return the status then
        """
        wait_until(lambda: all(self.status()["requests"][outcome] >= count for outcome, count in answers.items()), f"{answers} are counted")
        return self.status()

    def wait_for_token(self):
        """It is ready before it has its first token."""
        wait_until(lambda: self.status()["token"]["minted"] > 0, "the first token is there")

    def log(self):
        """All that it has said up to now. The log is written behind: SIGUSR1 marks how far it has to come first."""
        marks = self.output.count("SIGUSR1: ")
        self.signal(signal.SIGUSR1)
        wait_until(lambda: self.output.count("SIGUSR1: ") > marks, "the log has come this far")
        return self.output

    def stop(self):
        if self.alive():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it may be about to end
                canary.check_process(self.child.pid)
            self.look_at_admin()
        super().stop()

    def look_at_admin(self):
        try:
            for target in ("/status", "/metrics", "/entries", "/restatements", "/history"):
                request(self.admin_at, target, timeout=5)  # and searches it
        except (OSError, http.client.HTTPException):
            pass  # a test has stopped it, or left it busy

    def inspect(self, output):
        canary.check(output.encode(), "the daemon's output")
        canary.check_files(self.folder)
        self.search_what_was_heard()

    def search_what_was_heard(self):
        """Of what is made known to a client on purpose, before it is registered."""
        for at in self.places:
            for data in eavesdropper.take(at):
                canary.check(data, "what a client received")


def first_address(addresses, port):
    first = addresses.split(",")[0]
    return first.removeprefix("unix:") if first.startswith("unix:") else port


def places_in(*texts):
    """The ports and the paths of Unix sockets in settings."""
    for text in texts:
        yield from (int(port) for port in re.findall(r"(?<=[0-9\]]):(\d+)\b", text))
        yield from re.findall(r'unix:([^",]+)', text)


def register_file(path):
    """The secret in a file, if there is one."""
    if os.path.isfile(path) and len(text := pathlib.Path(path).read_text(errors="replace").strip()) >= canary.SHORTEST:
        canary.register(text)


class TestCase(unittest.TestCase):
    """Cleans up after itself: folders, daemons and simulators end with their test."""

    def folder(self):
        path = tempfile.mkdtemp(prefix="roktcached-test-")
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def simulator(self, *arguments, **options):
        simulator = Simulator(*arguments, **options)
        self.addCleanup(simulator.stop)
        return simulator

    def daemon(self, simulator, folder=None, **settings):
        upstream = simulator.port if isinstance(simulator, Simulator) else simulator
        daemon = Daemon(upstream, folder or self.folder(), **settings)
        self.addCleanup(daemon.stop)
        return daemon

    def pair(self, *arguments, **settings):
        simulator = self.simulator(*arguments)
        return simulator, self.daemon(simulator, **settings)

    def serve(self, server):
        """Runs a socketserver until the test is over; returns its port."""
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

    def refusal(self, *named, code=78, folder=None, **settings):
        """Starts a daemon that refuses its settings; returns what it says, in which each of `named` stands."""
        daemon = Daemon(1, folder or self.folder(), wait=False, **settings)
        try:
            self.assertEqual(daemon.wait(10), code, daemon.output)
            for text in named:
                self.assertIn(text, daemon.output)
            return daemon.output
        except subprocess.TimeoutExpired:
            raise self.failureException(f"it starts all the same:\n{daemon.output}") from None
        finally:
            daemon.stop()
