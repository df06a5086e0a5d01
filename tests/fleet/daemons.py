"""Daemons of one fleet with a real engine, an upstream whose answers say what they answer, and a proxy in between that may lie."""
import hashlib
import http.server
import json
import os
import pathlib
import socket
import sys
import threading
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
os.environ.setdefault("ROKTCACHED_TEST_PORTS", "21000")

# pylint: disable=wrong-import-position
from harness import Daemon, TestCase, in_parallel, overview, request, wait_until

from resp import Connection, EngineError, command
from scripts import SOURCES

__all__ = ["ADMIN", "Daemon", "FleetCase", "LyingProxy", "Raw", "SILENCE", "Upstream", "encoded", "in_parallel", "overview", "request",
           "settings_of", "wait_until"]

NAMES = {hashlib.sha1(source.encode()).hexdigest(): name for name, source in SOURCES.items()} | {
    source: name for name, source in SOURCES.items()}


ADMIN = "an-admin-token-of-the-tests"


class Upstream(http.server.ThreadingHTTPServer):
    """Each answer says its target and how often that was asked for; tokens are numbered."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answering)
        self.lock = threading.Lock()
        self.answers = {}  # by target, in order
        self.delay = 0  # seconds
        self.mint_delay = 0
        self.minted = 0
        self.limit = None  # requests a second; beyond it is 429
        self.times = []
        self.limited = 0
        self.asked = None  # is called with each target, counted already, before it is answered, and may keep it waiting
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def calls(self, target=None):
        with self.lock:
            return len(self.answers.get(target, [])) if target else sum(map(len, self.answers.values()))

    def answer(self, target):
        with self.lock:
            given = self.answers.setdefault(target, [])
            given.append(json.dumps({"target": target, "version": len(given) + 1}))
            self.times.append(time.monotonic())
            return given[-1]

    def stop(self):
        self.shutdown()
        self.server_close()


class Answering(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server = self.server
        if self.path.startswith("/auth/"):
            with server.lock:
                server.minted += 1
                number = server.minted
            self.tell_of_it()
            time.sleep(server.mint_delay)
            return self.send(json.dumps({"access_token": f"token-{number}", "expires_in": 3600, "token_type": "Bearer"}))
        body = server.answer(self.path)
        self.tell_of_it()
        time.sleep(server.delay)
        return self.send(body)

    def tell_of_it(self):
        asked = self.server.asked
        if asked:
            asked(self.path)

    def send(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body.encode())
        except OSError:
            pass  # who asked is gone

    do_POST = do_GET

    def log_message(self, *_):
        pass


class Raw(bytes):
    """Octets that are sent as they are, instead of a reply."""


SILENCE = Raw()


def encoded(reply):
    if isinstance(reply, Raw):
        return bytes(reply)
    if reply is None:
        return b"$-1\r\n"
    if isinstance(reply, EngineError):
        return f"-{reply}\r\n".encode()
    if isinstance(reply, str):
        return f"+{reply}\r\n".encode()
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    if isinstance(reply, bytes):
        return b"$%d\r\n%s\r\n" % (len(reply), reply)
    return b"*%d\r\n" % len(reply) + b"".join(map(encoded, reply))


class LyingProxy:
    """Stands between daemons and an engine. `lie(name, words, reply)` says what is answered instead: a reply, Raw octets, or None for
    the truth; `name` is the script's, or the command. What is in `swallowed` the engine never hears of. `before(name, words)` is called
    before the engine hears of a command, and may keep it waiting. `cut` breaks all connections and takes none."""

    def __init__(self, engine):
        self.engine = engine
        self.lie = None
        self.before = None
        self.swallowed = ()
        self.cut_off = False
        self.connections = set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.cut_off:
                client.close()
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.add(client)
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            with self.engine.connect(60) as server, client, client.makefile("rb") as file:
                reader = Connection.__new__(Connection)
                reader.sock, reader.file = client, file
                while True:
                    words = reader.read()
                    verb = words[0].decode()
                    name = NAMES.get(words[1].decode(), verb) if verb in ("EVAL", "EVALSHA") else verb
                    reply = None
                    before = self.before
                    if before:
                        before(name, words)
                    if name not in self.swallowed:
                        server.sock.sendall(command(*words))
                        reply = server.read()
                    lie = self.lie
                    if isinstance(reply, EngineError) and reply.kind == "NOSCRIPT":
                        lie = None  # it is asked again, whole
                    told = lie(name, words, reply) if lie else None
                    client.sendall(encoded(reply if told is None else told))
        except (OSError, ValueError):
            pass
        finally:
            self.connections.discard(client)

    def break_all(self):
        for client in list(self.connections):
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        self.cut_off = True
        self.break_all()

    def mend(self):
        self.cut_off = False

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.accepting.join()  # else it goes on with whatever gets this number next, the listener of the next test, say
        self.listener.close()
        self.cut()


def settings_of(url, name, folder, **settings):
    token = pathlib.Path(folder, "token")
    token.touch(0o600)
    token.write_text(ADMIN + "\n")
    return {"fleet_url": url, "fleet_instance": name, "log_level": "info", "freshness_min_refetch_interval": "0ms",
            "admin_token_file": str(token), **settings}


class FleetCase(TestCase):
    """Its tests make the daemons: see fleet()."""

    control_timeout = "1s"  # on a busy machine an engine takes longer for an answer than the default allows; a test of times has that

    def upstream(self):
        upstream = Upstream()
        self.addCleanup(upstream.stop)
        return upstream

    def member(self, upstream, url, name, folder=None, **settings):
        folder = folder or self.folder()
        settings = {"fleet_control_timeout": self.control_timeout, **settings}
        return self.daemon(upstream.port, folder, **settings_of(url, name, folder, **settings))

    def fleet(self, upstream, url, count=3, **settings):
        """`url` is one for all, or a list."""
        urls = url if isinstance(url, list) else [url] * count
        members = [self.member(upstream, urls[i], f"m{i}", **settings) for i in range(count)]
        self.wait_together(members)
        # An engine that they have not met before makes stale what they have. Purges are done in their order, so that is over then.
        wait_until(lambda: self.purge(members[0], target=overview(campaign=9999))["confirmed"] == count, "all have done all purges")
        return members

    @staticmethod
    def seen(daemon):
        return daemon.status()["fleet"]

    def wait_together(self, members, present=None, seconds=15):
        for member in members:
            wait_until(lambda member=member: self.is_together(self.seen(member), present or len(members)), "they are together", seconds)

    @staticmethod
    def is_together(seen, present):
        """A purge that is done later could keep an answer from being stored, so none of before is to be left."""
        return seen["state"] == "together" and seen["members"] == present and seen["purges_due"] == 0

    def wait_alone(self, members, seconds=15):
        for member in members:
            wait_until(lambda member=member: self.seen(member)["state"] == "alone", "it is alone", seconds)

    def expect_own(self, upstream, target, reply):
        """It is what the upstream has said to this very target, sometime."""
        self.assertEqual(reply.status, 200, reply.body)
        self.assertEqual(reply.json()["target"], target)
        self.assertIn(reply.body.decode(), upstream.answers[target])

    def wait_until_shared(self, upstream, members, next_target):
        """What one fetches all have, within a moment. `next_target` gives a target that nobody has asked for."""
        def shared():
            target = next_target()
            for reply in in_parallel(len(members), lambda i: members[i].get(target)):
                self.expect_own(upstream, target, reply)
            return upstream.calls(target) == 1
        wait_until(shared, "what one fetches all have")

    @staticmethod
    def purge(daemon, **content):
        fields = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"}
        reply = request(daemon.admin_port, "/purge", "POST", fields, json.dumps(content))
        assert reply.status == 200, reply
        return reply.json()

    def purge_everywhere(self, by, count, **content):
        """All `count` instances have done it when this returns. It is done again where one of them was alone for a moment, as it happens on
        a busy machine. @return how many instances there are, as it says"""
        said = []

        def all_confirm():
            said.append(self.purge(by, **content))
            return said[-1]["confirmed"] == count
        wait_until(all_confirm, "all have done it")
        return said[-1]["instances"]

    def version(self, member, target):
        """Of the answer that it gives now. The case has an `origin`."""
        reply = member.get(target)
        self.expect_own(self.origin, target, reply)
        return reply.json()["version"]

    def wait_done_by_all(self, members):
        """All purges up to now: each has shown that it has come so far."""
        self.wait_together(members)
        wait_until(lambda: self.purge(members[-1], target="/reporting/of-nobody")["confirmed"] == len(members), "all have done it")

    def timed(self, daemon, target, **fields):
        begun = time.monotonic()
        reply = daemon.get(target, **fields)
        return reply, time.monotonic() - begun
