"""HTTP/1.1 on the wire: framing, limits, timeouts."""
import re
import socket
import subprocess
import time

from harness import TestCase, overview, raw, request, wait_until

GET = f"GET {overview()} HTTP/1.1\r\nHost: localhost\r\n"


def statuses(received):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def whole(received):
    """Whether a whole answer has come, with the content that its length announces."""
    head, end, content = received.partition(b"\r\n\r\n")
    while end and head.startswith(b"HTTP/1.1 1"):
        head, end, content = content.partition(b"\r\n\r\n")
    length = re.search(rb"\r\nContent-Length: (\d+)", head)
    return bool(end) and len(content) >= int(length[1] if length else 0)


class Http(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = TestCase()
        cls.upstream, cls.proxy = cls.base.pair(listen_head_timeout="2s", listen_body_timeout="2s", listen_idle_timeout="4s")

    @classmethod
    def tearDownClass(cls):
        cls.base.doCleanups()

    def test_curl_sees_a_hit(self):
        url = f"http://127.0.0.1:{self.proxy.port}{overview()}"
        subprocess.run(["curl", "-fsS", "-o", "/dev/null", url], check=True)
        shown = subprocess.run(["curl", "-fsSi", url], check=True, capture_output=True, text=True).stdout
        self.assertIn("Cache-Status: roktcached; hit; ttl=", shown)
        self.assertIn("Age: ", shown)

    def test_pipelined_requests_are_answered_in_order(self):
        ids = [f"X-Request-Id: number-{i}\r\n" for i in range(16)]
        data = "".join(GET + i + "\r\n" for i in ids[:-1]) + GET + ids[-1] + "Connection: close\r\n\r\n"
        received = raw(self.proxy.port, data.encode())
        self.assertEqual(statuses(received), [200] * 16)
        found = [line.split(b": ")[1] for line in received.split(b"\r\n") if line.startswith(b"X-Request-Id")]
        self.assertEqual(found, [f"number-{i}".encode() for i in range(16)])

    def test_a_request_in_pieces_is_acknowledged_piece_by_piece(self):
        def seconds():
            with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=30) as sock:
                started = time.monotonic()
                for piece in (GET, "Accept: */*\r\n", "Connection: close\r\n", "\r\n"):
                    sock.sendall(piece.encode())  # the kernel holds it back until the last one is acknowledged
                while sock.recv(65536):
                    pass
                return time.monotonic() - started

        # Linux puts an acknowledgement off for 40 ms, and never for less.
        self.assertLess(min(seconds() for _ in range(20)), 0.03)

    def test_http_1_0(self):
        received = raw(self.proxy.port, f"GET {overview()} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        self.assertEqual(statuses(received), [200])
        self.assertIn(b"Connection: close\r\n", received)

    def test_a_large_body(self):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        reply = request(self.proxy.port, "/auth/oauth2/token", "POST", form, "x" * 100_000)
        self.assertEqual((reply.status, reply.problem()["type"]), (413, "urn:roktcached:content-too-large"))
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        head = b"POST /auth/oauth2/token HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.assertEqual(statuses(raw(self.proxy.port, head + chunk * 3 + b"0\r\n\r\n")), [413])

    def test_slow_heads_and_bodies_end(self):
        started = time.monotonic()
        received = raw(self.proxy.port, b"GET /reporting HTTP/1.1\r\nHost:")
        self.assertEqual(statuses(received), [408])
        received = raw(self.proxy.port, b"POST /auth/oauth2/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\ngrant")
        self.assertEqual(statuses(received), [408])
        self.assertLess(time.monotonic() - started, 14)

    def test_an_idle_connection_is_closed_silently(self):
        self.assertEqual(raw(self.proxy.port, b""), b"")
        received = raw(self.proxy.port, (GET + "\r\n").encode())
        self.assertEqual(statuses(received), [200])

    def test_connections_beyond_the_bound_are_turned_away(self):
        proxy = self.daemon(self.upstream, listen_max_connections=2)
        held = []

        def is_held():
            sock = socket.create_connection(("127.0.0.1", proxy.port))
            held.append(sock)
            sock.sendall((GET + "\r\n").encode())
            return sock.recv(12) == b"HTTP/1.1 200"

        try:
            for _ in range(2):
                # The connection by which the harness saw that the daemon is ready counts until the daemon has seen its end.
                wait_until(is_held, "it is not turned away")
            for said in ("", GET + "\r\n"):
                self.assertEqual(statuses(raw(proxy.port, said.encode())), [503])
        finally:
            for sock in held:
                sock.close()

    def on_one_connection(self, *requests):
        """Sends each when the answer to the one before is there; returns the statuses of all. The last asks for the end."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=10) as sock:
            for data in requests:
                sock.sendall(data.encode())
                before = len(received)
                while not whole(received[before:]):
                    if not (piece := sock.recv(65536)):
                        break
                    received += piece
        return statuses(received)

    def test_an_upgrade_is_ignored_and_the_connection_goes_on(self):
        """What Java's HttpClient sends on each new connection."""
        h2c = GET + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n\r\n"
        websocket = GET + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        self.assertEqual(self.on_one_connection(h2c, h2c, websocket, GET + "\r\n"), [200, 200, 200, 200])

    def test_an_expectation_ends_no_connection(self):
        form = "grant_type=client_credentials"
        post = f"POST /auth/oauth2/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(form)}\r\n"
        self.assertEqual(self.on_one_connection(GET + "Expect: 100-continue\r\n\r\n", post + f"Expect: 100-continue\r\n\r\n{form}",
                                                GET + "Expect: something-else\r\n\r\n", GET + "\r\n"), [200, 200, 417, 200])
        # Nobody can tell whether content comes behind an expectation that is not known.
        self.assertEqual(statuses(raw(self.proxy.port, (post + f"Expect: something-else\r\n\r\n{form}" + GET + "\r\n").encode())), [417])

    def test_the_server_that_the_target_names_counts(self):  # RFC 9112, section 3.2.2
        def status(authority, host):
            head = f"GET http://{authority}{overview()} HTTP/1.1\r\n" + "".join(f"Host: {one}\r\n" for one in host)
            return statuses(raw(self.proxy.port, (head + "Connection: close\r\n\r\n").encode()))

        self.assertEqual(status("localhost:8080", ["evil.example"]), [200])
        self.assertEqual(status("127.0.0.1", ["localhost"]), [200])
        self.assertEqual(status("evil.example", ["localhost"]), [421])
        self.assertEqual(status("evil.example", ["evil.example"]), [421])
        for authority, host in (("localhost", []), ("localhost", ["localhost"] * 2), ("localhost", ["a b"]), ("user@localhost", ["localhost"])):
            self.assertEqual(status(authority, host), [400], (authority, host))

    def test_curl_by_way_of_us_as_a_proxy(self):
        shown = subprocess.run(["curl", "-sSi", "--proxy", f"http://127.0.0.1:{self.proxy.port}", f"http://localhost{overview()}"],
                               check=True, capture_output=True, text=True).stdout
        self.assertTrue(shown.startswith("HTTP/1.1 200 OK"), shown)

    def test_expect_continue(self):
        body = b"grant_type=client_credentials"
        head = (f"POST /auth/oauth2/token HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n"
                "Connection: close\r\n\r\n").encode()
        with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=10) as sock:
            sock.sendall(head)
            self.assertEqual(sock.recv(1000), b"HTTP/1.1 100 Continue\r\n\r\n")
            sock.sendall(body)
            self.assertIn(b"200 OK", sock.recv(1000))
