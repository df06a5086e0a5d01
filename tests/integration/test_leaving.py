"""Clients that hang up before they have their answers: nothing is sent for them any more, and what is under way for them alone
is broken off, so that it keeps nobody else waiting."""
import os
import re
import signal
import socket
import time

from certificates import Authority, tls_table
from harness import TestCase, Tls, free_port, request, route, wait_until
from test_slow_readers import Reader
from test_streaming import Origin

ROUTES = route("off", "/off/{rest...}", "GET", cache="off")
WITH_TOKEN = route("off", "/off/{rest...}", "GET", cache="off", inject_token=True)


class Leaving(TestCase):
    def start(self, **settings):
        self.asked, self.ended = [], []  # targets: that the upstream was asked for, and whose connection has ended since
        self.origin = Origin(self.answer)
        self.addCleanup(self.origin.stop)
        authority = Authority(self.folder())
        port, tls_port, unix = free_port(), free_port(), os.path.join(self.folder(), "proxy.sock")
        tables = tls_table(*authority.issue("/CN=proxy"), f"127.0.0.1:{tls_port}") + ROUTES
        values = {"upstream_head_timeout": "10m", "upstream_body_timeout": "10m", **settings}
        proxy = self.daemon(self.origin.port, port=port, tables=tables, listen_addresses=f"127.0.0.1:{port},unix:{unix}", **values)
        self.ways = {"plain": port, "TLS": Tls(tls_port, authority.context()), "Unix socket": unix}
        return proxy

    def answer(self, connection, head):
        target = head.split()[1].decode()
        self.asked.append(target)
        if "/silent" in target or "/stalls" in target:
            if "/stalls" in target:
                connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\npiece\r\n")
            connection.settimeout(60)
            try:
                while connection.recv(1024):
                    pass
            except ConnectionError:
                pass
            self.ended.append(target)
            return
        if "/slow" in target:
            time.sleep(1)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nquick")

    def access(self, proxy, reader):
        """What the access line says of it, as a dict."""
        def lines():
            return [line for line in proxy.output.splitlines() if f"request_id={reader.id}" in line]
        wait_until(lines, "it is logged")
        return dict(re.findall(r"(\w+)=(\S+)", lines()[0]))

    def expect_left(self, proxy, reader, status):
        said = self.access(proxy, reader)
        self.assertEqual((said["status"], said["cut"], said["route"]), (str(status), "client_gone", "off"), said)
        if status == 499:
            self.assertEqual(said["bytes"], "0")

    def readers(self, target):
        """By each way one that has asked for a target of its own, how it leaves, and the target."""
        for way, at in self.ways.items():
            reader = Reader(at, f"{target}/{way.split()[0]}")
            yield way, reader, reader.close, f"{target}/{way.split()[0]}"
        reader = Reader(self.ways["plain"], f"{target}/half")
        self.addCleanup(reader.close)
        yield "its half", reader, lambda: reader.sock.shutdown(socket.SHUT_WR), f"{target}/half"

    def test_who_leaves_before_the_head_frees_the_connection_to_the_upstream(self):
        proxy = self.start()
        for way, reader, leave, target in self.readers("/off/silent"):
            with self.subTest(way):
                wait_until(lambda: target in self.asked, "the upstream is asked")
                self.assertNotIn(target, self.ended)
                leave()
                wait_until(lambda: target in self.ended, "its connection ends", 10)
                self.expect_left(proxy, reader, 499)

    def test_who_leaves_behind_the_head_frees_the_connection_to_the_upstream(self):
        proxy = self.start()
        for way, reader, leave, target in self.readers("/off/stalls"):
            with self.subTest(way):
                while b"piece" not in reader.received:
                    self.assertTrue(reader.take(1024))
                leave()
                wait_until(lambda: target in self.ended, "its connection ends", 10)
                self.expect_left(proxy, reader, 200)

    def test_who_has_asked_for_more_leaves_as_well(self):
        proxy = self.start()
        reader = Reader(proxy.port, "/off/silent/a")
        reader.sock.sendall(b"GET /off/never HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: self.asked, "the upstream is asked")
        reader.close()
        wait_until(lambda: self.ended, "its connection ends", 10)
        self.expect_left(proxy, reader, 499)
        self.assertEqual(self.asked, ["/off/silent/a"])

    def test_a_hundred_that_leave_keep_nobody_waiting_and_cost_nothing_more(self):
        proxy = self.start(upstream_max_connections=2, upstream_budget_max_queue_wait="5m")
        for target in ("/off/silent", "/off/stalls"):
            with self.subTest(target):
                self.asked.clear()
                self.ended.clear()
                readers = [Reader(proxy.port, f"{target}/{number}") for number in range(100)]
                # Before the head each has a connection to the upstream, or waits for one; behind it a stream keeps none of them.
                under_way = 2 if "silent" in target else 100
                wait_until(lambda: len(self.asked) == under_way, "they are under way")
                for reader in readers:
                    reader.close()
                started = time.monotonic()
                self.assertEqual(request(proxy.port, "/off/quick", timeout=20).body, b"quick")
                print(f"\n{target}: the next after a hundred that have left took {time.monotonic() - started:.2f} s")
                for reader in readers:
                    self.expect_left(proxy, reader, 499 if "silent" in target else 200)
                # A connection that becomes free may go to one who has left as well, and of whom that is not known yet.
                asked = len(self.asked)
                self.assertLess(asked, under_way + 10, "nothing is sent for those who have left")
                wait_until(lambda: len(self.ended) == asked - 1, "what was under way is broken off", 10)
                self.assertEqual(request(proxy.port, "/off/quick", timeout=20).body, b"quick")
                self.assertEqual(len(self.asked), asked + 1)

    def test_who_stays_is_served_however_long_it_takes(self):
        self.start()
        readers = [Reader(at, "/off/slow") for at in self.ways.values()]
        for reader in readers:
            self.assertEqual(reader.take_all().content, b"quick")

    def test_who_leaves_waits_for_no_token(self):
        upstream = self.simulator()
        upstream.faults({"path_prefix": "/auth", "kind": "hang"})
        proxy = self.daemon(upstream, tables=WITH_TOKEN)
        reader = Reader(proxy.port, "/off/a")
        time.sleep(0.5)  # too soon, or not: it leaves all the same
        reader.close()
        self.expect_left(proxy, reader, 499)
        self.assertEqual(upstream.ledger()["total"], 0)

    def test_the_wait_for_a_connection_is_bounded(self):
        proxy = self.start(upstream_max_connections=1, upstream_budget_max_queue_wait="1s")
        while not self.asked:  # on a busy machine a fetch of the token can have the one connection for longer than the wait
            first = Reader(proxy.port, "/off/silent")
            self.addCleanup(first.close)
            wait_until(lambda first=first: self.asked or f"request_id={first.id}" in proxy.output, "the upstream is asked, or it was refused")
        reply = request(proxy.port, "/off/quick", timeout=30)
        self.assertEqual((reply.status, reply.problem()["type"]), (503, "urn:roktcached:overloaded"))
        self.assertGreaterEqual(int(reply.fields["retry-after"]), 1)

    def test_an_end_is_not_held_up(self):
        proxy = self.start()
        reader = Reader(proxy.port, "/off/silent")
        wait_until(lambda: self.asked, "the upstream is asked")
        reader.close()
        self.expect_left(proxy, reader, 499)
        self.assertEqual(request(proxy.port, "/off/quick").body, b"quick")
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(5), 0)
