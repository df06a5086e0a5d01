"""Kept connections that the upstream drops in the moment of their next request: nobody notices, and nothing is spent on it."""
import json
import socket
import socketserver
import struct
import sys
import threading

from harness import TestCase, in_parallel, overview, request, route

TOKEN = json.dumps({"access_token": "our-own-token", "expires_in": 3600, "token_type": "Bearer"}).encode()
CONNECTIONS = 8
ROUTE = route("orders", "/orders/{rest...}", "GET", "POST", cache="off")


class Upstream(socketserver.ThreadingTCPServer):
    """Keeps its connections, until the test condemns them: then each ends in its own way with its next request."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self):
        self.lock = threading.Lock()
        self.connections = 0
        self.condemned = 0  # connections up to this number
        self.end = "reset"
        self.meeting = None  # of requests that are answered when all have come
        self.seen = []  # (connection's number, method and target) of what was not for the token endpoint
        super().__init__(("127.0.0.1", 0), Talk)

    def condemn(self, end):
        with self.lock:
            self.end, self.condemned = end, self.connections
            self.seen.clear()


class Talk(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        with self.server.lock:
            self.server.connections += 1
            number = self.server.connections
        while True:
            if not self.connection.recv(1, socket.MSG_PEEK):  # between requests it waits here, and may be condemned meanwhile
                return
            if number <= self.server.condemned and self.server.end == "unread":
                return self.reset()
            line = self.rfile.readline().decode("latin-1")
            length = 0
            while (field := self.rfile.readline().strip()):
                if field.lower().startswith(b"content-length:"):
                    length = int(field.split(b":")[1])
            self.rfile.read(length)
            if line.startswith("POST /auth/"):
                self.answer(TOKEN)
                continue
            with self.server.lock:
                self.server.seen.append((number, line.rsplit(" ", 1)[0]))
            if number <= self.server.condemned:
                return self.reset() if self.server.end == "reset" else None
            if meeting := self.server.meeting:
                meeting.wait(15)
            self.answer(json.dumps({"asked": line.split()[1]}).encode())

    def answer(self, body):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


class KeptConnections(TestCase):
    def start(self, **settings):
        upstream = Upstream()
        proxy = self.daemon(self.serve(upstream), tables=ROUTE, **settings)
        proxy.wait_for_token()
        return upstream, proxy

    def keep(self, upstream, proxy):
        """Makes eight requests at once, so that eight connections are kept."""
        upstream.meeting = threading.Barrier(CONNECTIONS)
        before = upstream.connections
        replies = in_parallel(CONNECTIONS, lambda number: proxy.get(overview(campaign=number + 1, n=upstream.connections)))
        upstream.meeting = None
        self.assertEqual([reply.status for reply in replies], [200] * CONNECTIONS)
        self.assertLessEqual(upstream.connections, before + CONNECTIONS)
        self.assertEqual(len({number for number, _ in upstream.seen[-CONNECTIONS:]}), CONNECTIONS, "each had one of its own")

    def test_eight_that_die_at_once_cost_nothing(self):
        for end in ("reset", "close", "unread"):
            with self.subTest(end):
                # The most that can go wrong: no retry is allowed at all.
                upstream, proxy = self.start(upstream_max_retries="0")
                for round_number in range(3):
                    self.keep(upstream, proxy)
                    upstream.condemn(end)
                    upstream.meeting = threading.Barrier(CONNECTIONS)  # so that no new connection serves two of them
                    targets = [overview(campaign=number + 1, account=20 + round_number) for number in range(CONNECTIONS)]
                    replies = in_parallel(CONNECTIONS, lambda number, targets=targets: proxy.get(targets[number]))
                    self.assertEqual([reply.status for reply in replies], [200] * CONNECTIONS)
                    self.assertEqual([reply.json()["asked"] for reply in replies], targets)
                    read = sum(number <= upstream.condemned for number, _ in upstream.seen)
                    self.assertEqual(read, 0 if end == "unread" else CONNECTIONS, "of the requests on dead connections")
                    upstream.meeting = None
                status = proxy.status()["upstream"]
                self.assertEqual((status["retries"], status["retries_refused"], status["circuit_opened"]), (0, 0, 0))
                self.assertEqual(status["resent"], 3 * CONNECTIONS)

    def test_the_request_goes_over_a_new_connection_and_never_over_another_dead_one(self):
        upstream, proxy = self.start()
        self.keep(upstream, proxy)
        upstream.condemn("reset")
        self.assertEqual(proxy.get(overview(account=30)).status, 200)
        numbers = [number for number, _ in upstream.seen]
        self.assertEqual(len(numbers), 2)
        self.assertLessEqual(numbers[0], upstream.condemned)
        self.assertGreater(numbers[1], upstream.condemned)

    def test_what_may_have_been_done_is_not_sent_again(self):
        upstream, proxy = self.start()
        upstream.condemned = sys.maxsize
        reply = request(proxy.port, "/orders/1", "POST", body=b"one more")
        self.assertEqual((reply.status, reply.problem()["type"]), (502, "urn:roktcached:upstream-unreachable"))
        self.assertEqual([line for _, line in upstream.seen], ["POST /orders/1"])

    def test_a_write_goes_over_a_new_connection_and_so_loses_none_that_is_kept(self):
        for end in ("reset", "close", "unread"):
            with self.subTest(end):
                upstream, proxy = self.start()
                for _ in range(2):
                    self.keep(upstream, proxy)
                    upstream.condemn(end)
                    for _ in range(CONNECTIONS):
                        self.assertEqual(request(proxy.port, "/orders/1", "POST", body=b"x").status, 200)
                    self.assertEqual([line for _, line in upstream.seen], ["POST /orders/1"] * CONNECTIONS, "each was sent once")
                    self.assertGreater(min(number for number, _ in upstream.seen), upstream.condemned)
                status = proxy.status()["upstream"]
                self.assertEqual((status["retries"], status["circuit_opened"]), (0, 0))
