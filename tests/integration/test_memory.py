"""Memory follows the settings: the bytes of all bodies have one bound, and clients that take nothing give way to others."""
import hashlib
import json
import os
import pathlib
import re
import socket
import uuid

from exposition import Exposition
from harness import SANITIZED, TestCase, request, route, wait_until
from test_streaming import Origin

MIB = 1 << 20
SIZE = 8 * MIB  # of a body: more than the kernel holds for a client
MEMORY, TRANSIENT, SLACK = 16 * MIB, 32 * MIB, 64 * MIB
BODIES = [os.urandom(SIZE) for _ in range(10)]
ROUTE = route("files", "/files/{number}", "GET")


def answer(connection, head):
    number = head.split()[1].rsplit(b"/", 1)[1]
    body = BODIES[int(number)] if number.isdigit() else b"short"
    connection.sendall(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


class Idle:
    """A client that asks, and reads the head of the answer at most."""

    def __init__(self, port, number):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.settimeout(60)
        self.sock.connect(("127.0.0.1", port))
        self.sock.sendall(f"GET /files/{number} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.head = b""
        while b"\r\n\r\n" not in self.head:
            self.head += self.sock.recv(512)

    @property
    def status(self):
        return int(self.head.split()[1])


class Memory(TestCase):
    def setUp(self):
        self.origin = Origin(answer)
        self.addCleanup(self.origin.stop)
        self.log = pathlib.Path(self.folder(), "log")
        self.proxy = self.daemon(self.origin.port, log_file=str(self.log), log_file_format="json", log_stderr="always", tables=ROUTE, cache_max_memory=f"{MEMORY}B", cache_max_transient=f"{TRANSIENT}B",
                                 cache_read_timeout="60s",  # a look-up that a busy disk makes late would be one more fetch
                                 upstream_max_response="16MiB")

    def fetch_all(self):
        for number, body in enumerate(BODIES):
            reply = request(self.proxy.port, f"/files/{number}")
            self.assertEqual(hashlib.sha256(reply.body).digest(), hashlib.sha256(body).digest())
            self.wait_until_written(number + 1)

    def wait_until_written(self, entries):
        """It is stored after the client has all of it, and written by and by; what waits for that takes room, too."""
        def is_written():
            disk = self.proxy.status()["cache"]["disk"]
            return disk["entries"] >= entries and disk["queued_writes"] == 0
        wait_until(is_written, "it is written")

    def bodies(self):
        bodies = self.proxy.status()["bodies"]
        self.assertLessEqual(bodies["memory"] + bodies["growing"] + bodies["held"], bodies["limit"])
        return bodies

    def resident(self):
        with open(f"/proc/{self.proxy.child.pid}/status", encoding="ascii") as status:
            return 1024 * int(re.search(r"VmRSS:\s*(\d+)", status.read())[1])

    def check_resident(self):
        if not SANITIZED:
            self.assertLess(self.resident(), MEMORY + TRANSIENT + SLACK)

    def test_clients_that_take_nothing_give_way_and_memory_comes_back(self):
        self.fetch_all()
        self.assertEqual(self.bodies()["limit"], MEMORY + TRANSIENT)
        idle = []
        for number in list(range(8)) * 4:
            idle.append(client := Idle(self.proxy.port, number))
            self.addCleanup(client.sock.close)
            self.assertIn(client.status, (200, 503))
            if client.status == 503:
                self.assertRegex(client.head, rb"(?i)\r\nRetry-After: \d+\r\n")
            self.bodies()
            self.check_resident()
        self.assertIn(200, [client.status for client in idle])

        def is_served():
            reply = request(self.proxy.port, "/files/9")
            self.assertIn(reply.status, (200, 503))
            self.check_resident()
            return reply.status == 200 and reply.body == BODIES[9]
        # Each client is in the way for a second or two, and then goes where its memory is needed.
        wait_until(is_served, "somebody gives way")
        cuts = Exposition(request(self.proxy.admin_port, "/metrics").body.decode()).get("answers_cut_total", reason="overloaded")
        self.assertGreater(cuts, 0)
        wait_until(lambda: self.proxy.log().count("cut=overloaded") >= cuts, "each cut has its access line")
        self.assertIn("memory: answers fill cache.max_memory and cache.max_transient", self.proxy.log())
        pressure = [event for event in map(json.loads, self.log.read_text().rpartition("\n")[0].splitlines()) if event["event"] == "memory-pressure"]
        self.assertGreater(sum(event["clients_cut"] + event["refused"] for event in pressure), 0)
        self.assertEqual(len(self.origin.requests), len(BODIES), "what is stored is not fetched again for want of memory")

        for client in idle:
            client.sock.close()

        def nothing_is_held():
            request(self.proxy.port, f"/files/short?{uuid.uuid4()}")  # a fetch that ended lately is forgotten with the next one
            return self.bodies()["held"] < MIB
        wait_until(nothing_is_held, "nothing is held any more")
        self.check_resident()
        if not SANITIZED:
            wait_until(lambda: self.resident() < MEMORY + SLACK, "memory comes back", 5)

    def test_status_and_metrics_say_where_bodies_are(self):
        request(self.proxy.port, "/files/1")
        self.wait_until_written(1)
        wait_until(lambda: (self.bodies()["memory"], self.bodies()["held"]) == (SIZE, 0), "it is in memory, once")
        metrics = Exposition(request(self.proxy.admin_port, "/metrics").body.decode())
        self.assertEqual(metrics.get("body_bytes", place="memory"), SIZE)
        self.assertEqual(metrics.get("body_bytes", place="growing"), 0)
        self.assertEqual(metrics.get("body_limit_bytes"), MEMORY + TRANSIENT)

    def test_room_for_less_than_the_largest_answer_is_refused(self):
        self.refusal("cache.max_transient", "upstream.max_response", cache_max_transient="31MiB")


if __name__ == "__main__":
    import unittest
    unittest.main()
