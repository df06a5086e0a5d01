"""The world of fleet.py: an upstream that counts, daemons with one engine, a relay that can be cut, and clients. One event loop runs
the upstream, the relay and the clients; daemons and engine are processes of their own.
"""
import asyncio
import collections
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tests" / "fleet"))
BINARY = os.environ.get("ROKTCACHED_BINARY", str(TOP / "build" / "release" / "roktcached"))
KEY = re.compile(r"[?&]n=([\w-]+)")


def target(name, account=12):
    """A report of a settled month. No other has this name."""
    return (f"/reporting/accounts/{account}/campaigns/3/overview?currency=USD&dateEnd=2025-03-31&dateStart=2025-03-01"
            f"&n={name}&timeZoneVariation=America%2FNew_York")


async def wait_until(condition, what, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        await asyncio.sleep(0.005)


async def read_message(reader):
    """The first line, the fields in lower case, and the body of a message with a Content-Length or without a body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    return first, fields, await reader.readexactly(int(fields.get("content-length", 0)))


class Upstream:
    """Answers with the key that it was asked for, the number of the call and the generation of the data.

    `rate` a second from a bucket of `burst`, else 429; 0: no limit. Tokens are refused once they are in `dead`.
    """

    def __init__(self, latency=0.05, rate=0, burst=5, size=0, expires_in=3600):
        self.latency, self.rate, self.burst, self.size, self.expires_in = latency, rate, burst, size, expires_in
        self.calls = collections.Counter()  # a key, without those that got 401 or 429
        self.times = []  # (when, key, status) of every call
        self.generation = 0
        self.mints = 0
        self.token = ""
        self.dead = set()
        self.tokens, self.filled_at = burst, time.monotonic()
        self.server = self.port = None
        self.handlers = set()

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1000)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def stop(self):
        self.server.close()
        for handler in list(self.handlers):
            handler.cancel()
        await asyncio.gather(*self.handlers, return_exceptions=True)

    async def serve(self, reader, writer):
        task = asyncio.current_task()
        self.handlers.add(task)
        try:
            while True:
                first, fields, _ = await read_message(reader)
                status, more, body = await self.answer(first.split(" ")[1], fields)
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode()
                             + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            pass
        finally:
            self.handlers.discard(task)
            writer.close()

    async def answer(self, path, fields):
        if path.startswith("/auth/"):
            self.mints += 1
            self.token = f"token-{self.mints}"
            await asyncio.sleep(self.latency)
            granted = {"access_token": self.token, "expires_in": self.expires_in, "token_type": "Bearer"}
            return 200, "", json.dumps(granted).encode()
        found = KEY.search(path)
        key = found[1] if found else path
        status = self.judge(fields.get("authorization", ""))
        self.times.append((time.monotonic(), key, status))
        if status != 200:
            return status, "", b'{"error":"refused"}'
        self.calls[key] += 1
        # Made when the call arrives: what is under way at a purge has the data from before it.
        body = {"key": key, "call": self.calls[key], "generation": self.generation, "pad": "x" * self.size}
        await asyncio.sleep(self.latency)
        return 200, "", json.dumps(body).encode()

    def judge(self, authorization):
        if authorization.removeprefix("Bearer ") in self.dead:
            return 401
        if not self.rate:
            return 200
        now = time.monotonic()
        self.tokens = min(self.burst, self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.tokens < 1:
            return 429
        self.tokens -= 1
        return 200

    def most_in_a_second(self, since, until):
        """Calls, refused ones too, in any second."""
        times = [at for at, _, _ in self.times if since <= at <= until]
        most = first = 0
        for last, at in enumerate(times):
            while at - times[first] >= 1:
                first += 1
            most = max(most, last - first + 1)
        return most


class Relay:
    """Between one daemon and the engine. `cut` keeps connections open and passes nothing; new ones are taken, and get nothing."""

    def __init__(self, path):
        self.path, self.is_cut, self.server, self.port = path, False, None, None
        self.tasks = set()
        self.mended = asyncio.Event()
        self.mended.set()

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    def cut(self):
        self.mended.clear()

    def mend(self):
        self.mended.set()

    async def stop(self):
        self.server.close()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def serve(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        try:
            await self.mended.wait()
            theirs, ours = await asyncio.open_unix_connection(self.path)
            await asyncio.gather(self.pump(reader, ours), self.pump(theirs, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self.tasks.discard(task)
            writer.close()

    async def pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                await self.mended.wait()
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()


class Answer:
    def __init__(self, status, fields, body, seconds):
        self.status, self.fields, self.body, self.seconds = status, fields, body, seconds

    @property
    def is_hit(self):
        return self.fields.get("cache-status", "").startswith("roktcached; hit")

    def json(self):
        return json.loads(self.body)

    def is_of(self, name):
        """Whether it is the answer to this key, whole."""
        return self.status == 200 and self.body.endswith(b"}") and self.json()["key"] == name


class Daemon:
    """An instance; `url` of the engine, or none: alone. Its admin listener is a Unix socket, so that it may be told to purge."""

    def __init__(self, number, upstream, url=None, **settings):
        self.number, self.folder = number, tempfile.mkdtemp(prefix="roktcached-fleet-")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.admin = os.path.join(self.folder, "admin.sock")
        values = {"listen_addresses": f"127.0.0.1:{self.port}", "listen_threads": 1, "admin_address": f"unix:{self.admin}",
                  "upstream_url": f"http://127.0.0.1:{upstream.port}", "cache_file": os.path.join(self.folder, "cache.db"),
                  "log_level": "info", "log_access": "false", "upstream_budget_requests_per_second": 1000,
                  "upstream_budget_burst": 100, "upstream_budget_max_concurrent": 128, "upstream_max_connections": 128,
                  **settings}
        if url:
            values.update(fleet_url=url, fleet_instance=f"instance-{number}")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("ROKT")}
        self.environment.update({f"ROKTCACHED_{name.upper()}": str(value) for name, value in values.items()})
        self.environment.update(ROKT_APP_ID="demo-app", ROKT_APP_SECRET="demo-secret")
        self.idle, self.child = [], None

    async def start(self):
        with open(os.path.join(self.folder, "output"), "ab") as output:
            self.child = subprocess.Popen([BINARY, "serve"], env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        deadline = time.monotonic() + 15
        while True:
            if self.child.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the daemon does not start: {self.output[-500:]}")
            try:
                if (await self.ask("/livez", admin=True)).status == 200:
                    return self
            except OSError:
                await asyncio.sleep(0.02)

    @property
    def output(self):
        return pathlib.Path(self.folder, "output").read_text(errors="replace")

    def kill(self):
        self.child.kill()
        self.child.wait()
        self.close_idle()

    def close_idle(self):
        while self.idle:
            self.idle.pop()[1].close()

    def stop(self):
        self.close_idle()
        if self.child and self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def ask(self, path, method="GET", body=b"", admin=False, **fields):
        """One request. A kept connection that was closed before a byte of the answer is replaced once."""
        begun = time.monotonic()
        while True:
            kept = bool(self.idle) and not admin
            if kept:
                reader, writer = self.idle.pop()
            elif admin:
                reader, writer = await asyncio.open_unix_connection(self.admin)
            else:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
            lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
            length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
            try:
                writer.write(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}{lines}\r\n".encode() + body)
                first, got, content = await read_message(reader)
            except (asyncio.IncompleteReadError, ConnectionError) as failed:
                writer.close()
                if kept:
                    continue
                raise ConnectionError(str(failed)) from failed
            except BaseException:
                writer.close()
                raise
            if admin or got.get("connection", "") == "close":
                writer.close()
            else:
                self.idle.append((reader, writer))
            return Answer(int(first.split(" ")[1]), got, content, time.monotonic() - begun)

    async def get(self, name, **fields):
        return await self.ask(target(name), **fields)

    async def status(self):
        return (await self.ask("/status", admin=True)).json()

    async def fleet(self):
        return (await self.status()).get("fleet", {})

    async def purge(self, **what):
        answer = await self.ask("/purge", "POST", json.dumps(what).encode(), admin=True)
        assert answer.status == 200, answer.body
        return answer.json() | {"seconds": answer.seconds}

    def cpu_seconds(self):
        """User and system time of all its threads, in nanoseconds' resolution."""
        tasks = pathlib.Path(f"/proc/{self.child.pid}/task").glob("*/schedstat")
        return sum(int(file.read_text().split()[0]) for file in tasks) / 1e9


class World:
    """An upstream, an engine (or none), and `count` daemons that have found each other."""

    def __init__(self, count, engine=None, upstream=None, settings=None, relayed=()):
        self.count, self.engine, self.settings, self.relayed = count, engine, settings or {}, relayed
        self.upstream = Upstream(**(upstream or {}))
        self.daemons, self.relays = [], {}

    async def __aenter__(self):
        await self.upstream.start()
        try:
            for number in range(self.count):
                url = self.engine and f"unix:{self.engine.path}"
                if number in self.relayed and self.engine:
                    self.relays[number] = await Relay(self.engine.path).start()
                    url = f"redis://127.0.0.1:{self.relays[number].port}"
                self.daemons.append(Daemon(number, self.upstream, url, **self.settings))
            await asyncio.gather(*(daemon.start() for daemon in self.daemons))
            if self.engine:
                await self.together()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_):
        for daemon in self.daemons:
            daemon.stop()
        for relay in self.relays.values():
            await relay.stop()
        await self.upstream.stop()

    async def states(self):
        return [await daemon.fleet() for daemon in self.daemons if daemon.child.poll() is None]

    async def together(self, seconds=10):
        """Until each of them says that it is together with all, and has done all purges: what is fetched meanwhile may not be stored."""
        deadline = time.monotonic() + seconds
        while True:
            states = await self.states()
            if all(state.get("state") == "together" and state.get("members") == len(states) and not state.get("purges_due") for state in states):
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"not together within {seconds} s: {states}")
            await asyncio.sleep(0.05)

    async def ask_all(self, names):
        """Asks for the names, in turn of the daemons, all at once. Returns the answers, or what went wrong."""
        asked = [(self.daemons[number % len(self.daemons)], name) for number, name in enumerate(names)]
        return await asyncio.gather(*(daemon.get(name) for daemon, name in asked), return_exceptions=True)
