"""A daemon that another one takes over from, and what a test can put between the two."""
import contextlib
import http.client
import json
import os
import socket
import sqlite3
import threading

from harness import TestCase, connection_to, free_port, request, route, wait_until
from test_http_routes import Origin

TOKEN = "an-admin-token-of-hand-overs"
FIELDS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
ROUTE = route("files", "/files/{rest...}", "GET", "POST")


class Kept:
    """A connection from before the hand-over, which the former process serves until its next answer, or until it ends."""

    def __init__(self, test, port):
        self.connection = connection_to(port)
        test.addCleanup(self.connection.close)

    def ask(self, target, method="GET", body=None, fields=None):
        """@return status, fields and content; None where the former process has closed the connection already"""
        try:
            self.connection.request(method, target, body, fields or {})
            answer = self.connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):
            return None
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


class HandoverCase(TestCase):
    def place(self, upstream=None, **settings):
        """Settings of a daemon that another one can take over from, and that daemon."""
        self.home = self.folder()
        token = os.path.join(self.home, "token")
        with open(os.open(token, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(TOKEN + "\n")
        self.upstream = upstream or self.simulator()
        self.settings = {"port": free_port(), "admin_port": free_port(), "listen_threads": "2", "admin_token_file": token,
                         "listen_handover_socket": os.path.join(self.home, "handover.sock"), **settings}
        return self.daemon(self.upstream, self.home, **self.settings)

    def place_with_a_file(self):
        """A daemon that has the one file of its origin in memory and in the cache file. A client's POST writes that file.
        @return the daemon, and a list with the content of the file
        """
        content = ["old"]

        def script(asked):
            if asked.command == "POST":
                content[0] = asked.request_body.decode()
            return 200, [("Cache-Control", "max-age=600")], content[0].encode()
        former = self.place(self.serve(Origin(script)), tables=ROUTE)
        former.get("/files/x")
        wait_until(lambda: former.get("/files/x").is_hit, "it is stored")
        wait_until(lambda: former.status()["cache"]["disk"]["queued_writes"] == 0, "all is in the file")
        return former, content

    def locked(self):
        """The cache file, which another program has locked until it is closed."""
        other = sqlite3.connect(os.path.join(self.home, "cache.db"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        return contextlib.closing(other)

    def begin_next(self, **changes):
        return self.daemon(self.upstream, self.home, flags=("--take-over",), wait=False, **{**self.settings, **changes})

    def next(self, former):
        successor = self.begin_next()
        wait_until(lambda: "another process serves" in former.output, "it hands over")
        wait_until(successor.ready, "the next one serves")
        return successor

    def purge(self, **what):
        return request(self.settings["admin_port"], "/purge", "POST", FIELDS, json.dumps(what or {"all": True}))


class Between:
    """Stands between the former process and the next one, so that a test chooses the moment at which each hears of the other.

    The next process asks here for the sockets of the former one, and gets them. The test decides when each of the two hears
    what the other says then. It opens a hand-over socket of its own in the place of this one.
    """

    def __init__(self, test, former_path):
        self.path = os.path.join(test.folder(), "between.sock")
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(self.path)
        os.chmod(self.path, 0o600)
        self.listening.listen()
        self.former = socket.socket(socket.AF_UNIX)
        self.former_path = former_path
        for one in (self.listening, self.former):
            test.addCleanup(one.close)
            one.settimeout(30)
        self.test = test

    def pass_sockets(self):
        """Once the next process has begun: until it has the sockets."""
        self.next, _ = self.listening.accept()
        self.test.addCleanup(self.next.close)
        os.unlink(self.path)
        self.next.settimeout(30)
        self.former.connect(self.former_path)
        octet = b""
        while octet != b".":
            octet, sent, _, _ = socket.recv_fds(self.former, 1, 253)
            socket.send_fds(self.next, [octet], sent)
            for descriptor in sent:
                os.close(descriptor)

    def hear_next(self):
        """The next process says that it serves."""
        self.test.assertEqual(self.next.recv(1), b"s")

    def tell_former(self):
        self.former.sendall(b"s")

    def pass_all(self):
        """From now on all that they say goes through."""
        for source, target in ((self.former, self.next), (self.next, self.former)):
            source.settimeout(None)
            threading.Thread(target=self.pump, args=(source, target), daemon=True).start()

    @staticmethod
    def pump(source, target):
        with contextlib.suppress(OSError):
            while octets := source.recv(65536):
                target.sendall(octets)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
