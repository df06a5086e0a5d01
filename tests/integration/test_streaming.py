"""Answers on http routes that are large, endless or preceded by interim ones go through as they come."""
import hashlib
import os
import pathlib
import socket
import threading
import time

from harness import SANITIZED, TestCase, raw, request, route, wait_until

ROUTE = route("files", "/files/{rest...}", "GET", "POST")


class Origin(threading.Thread):
    """Takes connections one at a time and lets `script(socket, request head)` write the answer."""

    def __init__(self, script):
        super().__init__(daemon=True)
        self.script = script
        self.requests = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # to close it would leave accept() waiting
        self.listener.close()
        self.join()

    def serve(self, connection):
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                received = connection.recv(65536)
                if not received:
                    return
                head += received
            if b"/auth/" in head.split(b"\r\n")[0]:
                return
            self.requests.append(head)
            try:
                self.script(connection, head)
            except OSError:
                pass


def read_until(connection, ending, seconds=15):
    connection.settimeout(seconds)
    data = b""
    while ending not in data:
        received = connection.recv(65536)
        if not received:
            break
        data += received
    return data


class Streaming(TestCase):
    def proxy(self, script, routes=ROUTE, **settings):
        self.origin = Origin(script)
        self.addCleanup(self.origin.stop)
        settings.setdefault("upstream_body_timeout", "5s")
        return self.daemon(self.origin.port, tables=routes, **settings)

    def ask(self, proxy, target="/files/a", version="1.1"):
        connection = socket.create_connection(("127.0.0.1", proxy.port))
        self.addCleanup(connection.close)
        connection.sendall(f"GET {target} HTTP/{version}\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return connection

    def test_the_beginning_arrives_before_the_end_is_written(self):
        go_on = threading.Event()

        def script(connection, _):
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nCache-Control: max-age=60\r\n\r\n5\r\nfirst\r\n")
            go_on.wait(10)
            connection.sendall(b"6\r\nsecond\r\n0\r\n\r\n")

        proxy = self.proxy(script)
        client = self.ask(proxy)
        beginning = read_until(client, b"first")
        self.assertIn(b"first", beginning)
        self.assertIn(b"Transfer-Encoding: chunked", beginning)
        self.assertNotIn(b"second", beginning)
        go_on.set()
        self.assertTrue(read_until(client, b"0\r\n\r\n").endswith(b"0\r\n\r\n"))
        # What went through whole is kept.
        wait_until(lambda: request(proxy.port, "/files/a").is_hit, "it is stored")
        self.assertEqual(request(proxy.port, "/files/a").body, b"firstsecond")
        self.assertEqual(len(self.origin.requests), 1)

    def test_what_is_sent_behind_the_last_request_costs_nothing_of_its_answer(self):
        body = os.urandom(500_000)

        def script(connection, _):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nCache-Control: max-age=60\r\n\r\n" % len(body) + body)

        proxy = self.proxy(script)

        def ask(target, behind, later):
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # most of it is still to be sent at the end
                client.settimeout(60)
                client.connect(("127.0.0.1", proxy.port))
                client.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode() + behind)
                answer = b""
                while not answer.endswith(body):
                    received = client.recv(65536)
                    self.assertTrue(received, f"{target}: {len(answer)} bytes")
                    answer += received
                    if len(answer) > len(body) // 2:  # the daemon has written it all
                        client.sendall(later)
                self.assertIn(b"Connection: close\r\n", answer)

        # More than is read at once; and what is read together with the request, while more is on its way.
        for behind, later in ((b"x" * 40_000, b""), (b"x" * 100, b"x")):
            stored = f"/files/{len(behind)}"
            for target in (stored, stored, f"{stored}?again"):  # streamed, a hit, streamed
                ask(target, behind, later)
                wait_until(lambda: request(proxy.port, stored).is_hit, "it is stored")

    def test_a_large_one_is_the_same_bytes_and_larger_than_the_bound_is_not_kept(self):
        body = os.urandom(3 * 1024 * 1024)

        def script(connection, _):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nCache-Control: max-age=60\r\n\r\n" % len(body) + body)

        proxy = self.proxy(script, upstream_max_response="1MiB")
        for _ in range(2):
            reply = request(proxy.port, "/files/a")
            self.assertEqual(hashlib.sha256(reply.body).digest(), hashlib.sha256(body).digest())
            self.assertEqual(reply.fields["content-length"], str(len(body)))
            self.assertFalse(reply.is_hit)
        self.assertEqual(len(self.origin.requests), 2)

    def test_a_hundred_mebibytes_do_not_pass_through_memory(self):
        piece = os.urandom(1024 * 1024)

        def script(connection, _):
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            for _ in range(100):
                connection.sendall(piece)

        proxy = self.proxy(script, upstream_max_response="1MiB")
        client = self.ask(proxy)
        time.sleep(0.5)  # a client that does not read: the origin has to wait, not the proxy to swell
        received = 0
        client.settimeout(20)
        while True:
            data = client.recv(1 << 20)
            received += len(data)
            if data[-5:] == b"0\r\n\r\n" or not data:
                break
        self.assertGreater(received, 100 * len(piece))
        peak = int(next(line for line in pathlib.Path(f"/proc/{proxy.child.pid}/status").read_text().splitlines()
                        if line.startswith("VmHWM")).split()[1])
        print(f"streamed 100 MiB, peak resident memory {peak // 1024} MiB")
        if not SANITIZED:  # a sanitizer keeps freed memory in quarantine
            self.assertLess(peak, 90 * 1024)

    def test_one_that_breaks_off_is_never_taken_for_whole_nor_kept(self):
        def script(connection, _):
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nCache-Control: max-age=60\r\n\r\n5\r\nfirst\r\n")
            time.sleep(0.2)

        proxy = self.proxy(script)
        for _ in range(2):
            client = self.ask(proxy)
            client.settimeout(15)
            data = b""
            while (received := client.recv(65536)):
                data += received
            self.assertIn(b"first", data)
            self.assertNotIn(b"0\r\n\r\n", data)
        self.assertEqual(len(self.origin.requests), 2)

    def test_a_client_that_goes_away_strands_nobody(self):
        go_on = threading.Event()

        def script(connection, _):
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nCache-Control: max-age=60\r\n\r\n5\r\nfirst\r\n")
            go_on.wait(10)
            connection.sendall(b"6\r\nsecond\r\n0\r\n\r\n")

        proxy = self.proxy(script)
        leader = self.ask(proxy)
        read_until(leader, b"first")
        replies = []
        follower = threading.Thread(target=lambda: replies.append(request(proxy.port, "/files/a")))
        follower.start()
        leader.close()
        time.sleep(0.2)
        go_on.set()
        follower.join(15)
        self.assertEqual([reply.body for reply in replies], [b"firstsecond"])
        self.assertEqual(len(self.origin.requests), 1)

    def test_clients_that_go_away_give_back_what_they_held(self):
        # More than fits into what is under way to a client: the upstream's answer waits for room when its reader goes.
        size = 64 << 20
        ended = []

        def script(connection, head):
            if b"/small" in head:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody")
                return
            try:
                connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nCache-Control: no-store\r\n\r\n".encode())
                connection.sendall(bytes(size))
            finally:
                ended.append(head)

        off = route("off", "/off/{rest...}", "GET", cache="off")
        proxy = self.proxy(script, routes=ROUTE + off, upstream_max_connections=2, upstream_max_response="1MiB")
        for target in ("/files/a", "/off/a"):
            with self.subTest(target):
                ended.clear()
                for number in range(4):  # twice as many as there may be connections
                    client = self.ask(proxy, f"{target}{number}")
                    read_until(client, b"\r\n\r\n")
                    time.sleep(0.3)
                    client.close()
                self.assertEqual(request(proxy.port, f"{target}/small", timeout=10).body, b"body")
                wait_until(lambda: len(ended) == 4, "the upstream is rid of them", 10)

    def test_an_endless_answer_ends_with_its_reader(self):
        ended = []

        def script(connection, head):
            try:
                connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for _ in range(600):
                    connection.sendall(b"5\r\ntick\n\r\n")
                    time.sleep(0.1)
            except OSError:
                ended.append(head)

        off = route("off", "/off/{rest...}", "GET", cache="off")
        proxy = self.proxy(script, routes=off, upstream_body_timeout="30s")
        for number in range(3):
            client = self.ask(proxy, f"/off/{number}")
            read_until(client, b"tick")
            client.close()
        wait_until(lambda: len(ended) == 3, "the upstream is told", 10)

    def test_slow_readers_leave_the_connections_to_others(self):
        def script(connection, head):
            if b"/small" in head:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody")
                return
            connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {64 << 20}\r\n\r\n".encode())
            connection.sendall(bytes(64 << 20))

        proxy = self.proxy(script, upstream_max_connections=1, upstream_max_response="1MiB")
        for number in range(3):
            read_until(self.ask(proxy, f"/files/{number}"), b"\r\n\r\n")  # and no more
        self.assertEqual(request(proxy.port, "/files/small", timeout=10).body, b"body")

    def test_a_refusal_is_bounded_too(self):
        def script(connection, _):
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(64):
                connection.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")
            connection.sendall(b"0\r\n\r\n")

        proxy = self.proxy(script, upstream_max_response="1MiB")
        reply = request(proxy.port, "/files/a")
        self.assertEqual((reply.status, reply.problem()["type"]), (502, "urn:roktcached:upstream-invalid-response"))

    def test_interim_answers_pass_and_are_never_stored(self):
        def script(connection, _):
            connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x\r\nX: 1\r\n"
                               b"Set-Cookie: a=b\r\n\r\n")
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nCache-Control: max-age=60\r\n\r\nbody")

        proxy = self.proxy(script)
        first = read_until(self.ask(proxy), b"body")
        self.assertTrue(first.startswith(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
                                         b"HTTP/1.1 200 OK\r\n"), first)
        second = read_until(self.ask(proxy), b"body")
        self.assertTrue(second.startswith(b"HTTP/1.1 200 OK\r\n"), second)
        self.assertIn(b"roktcached; hit", second)
        self.assertEqual(len(self.origin.requests), 1)

    def test_an_old_client_gets_no_interim_answer_and_no_chunks(self):
        def script(connection, _):
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
                               b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            time.sleep(0.2)
            connection.sendall(b"6\r\nsecond\r\n0\r\n\r\n")

        proxy = self.proxy(script)
        answer = raw(proxy.port, b"GET /files/a HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)
        self.assertTrue(answer.endswith(b"\r\n\r\nfirstsecond"), answer)
        self.assertNotIn(b"chunked", answer)
