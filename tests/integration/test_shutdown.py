"""SIGTERM drains: no answer in flight is cut, what is queued reaches the disk."""
import http.client
import signal
import socket
import sqlite3
import threading
import time

from harness import TestCase, overview, request, wait_until


class Shutdown(TestCase):
    def test_a_slow_answer_in_flight_is_not_cut(self):
        upstream, proxy = self.pair()
        upstream.faults({"path_prefix": "/reporting", "kind": "latency", "latency_ms": 2000})
        replies = []
        client = threading.Thread(target=lambda: replies.append(proxy.get(overview())))
        client.start()
        wait_until(lambda: upstream.ledger()["total"] == 1, "the request is in flight")
        started = time.monotonic()
        proxy.signal(signal.SIGTERM)
        client.join()
        self.assertEqual(proxy.wait(20), 0, proxy.output)
        self.assertLess(time.monotonic() - started, 10)
        self.assertEqual(replies[0].status, 200)
        self.assertEqual(replies[0].fields.get("connection"), "close")

    def test_idle_connections_are_closed_and_new_ones_refused(self):
        _, proxy = self.pair()
        idle = http.client.HTTPConnection("127.0.0.1", proxy.port)
        idle.request("GET", overview())
        idle.getresponse().read()
        started = time.monotonic()
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(20), 0, proxy.output)
        self.assertLess(time.monotonic() - started, 10)
        self.assertEqual(idle.sock.recv(1), b"")
        with self.assertRaises(OSError):
            request(proxy.port, overview())

    def test_a_client_that_says_nothing_does_not_hold_it_up(self):
        _, proxy = self.pair()
        silent = socket.create_connection(("127.0.0.1", proxy.port))
        half = socket.create_connection(("127.0.0.1", proxy.port))
        half.sendall(b"GET / HTTP/1.1\r\nHost:")
        time.sleep(0.2)
        started = time.monotonic()
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(20), 0, proxy.output)
        self.assertLess(time.monotonic() - started, 11)
        silent.close()
        half.close()

    def test_a_hanging_upstream_does_not_hold_it_up(self):
        upstream, proxy = self.pair()
        upstream.faults({"path_prefix": "/reporting", "kind": "hang"})
        hanging = socket.create_connection(("127.0.0.1", proxy.port))
        hanging.sendall(f"GET {overview()} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        wait_until(lambda: upstream.ledger()["total"] == 1, "the request is in flight")
        started = time.monotonic()
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(20), 0, proxy.output)
        self.assertLess(time.monotonic() - started, 11)
        hanging.close()

    def test_queued_writes_reach_the_disk(self):
        folder = self.folder()
        upstream = self.simulator()
        proxy = self.daemon(upstream, folder)
        for account in range(1, 101):
            self.assertEqual(proxy.get(overview(account=account, dateEnd="2025-03-01")).status, 200)
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(20), 0, proxy.output)
        with sqlite3.connect(f"{folder}/cache.db") as database:
            self.assertEqual(database.execute("SELECT count(*) FROM responses").fetchone()[0], 100)

    def test_nothing_keeps_a_thread_once_a_report_is_cached(self):
        _, proxy = self.pair()
        self.assertEqual(proxy.get(overview()).status, 200)
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(), 0)
        self.assertNotIn("not every thread", proxy.output)
        self.assertIn("stopped", proxy.output)

    def test_sigint_is_the_same(self):
        _, proxy = self.pair()
        proxy.signal(signal.SIGINT)
        self.assertEqual(proxy.wait(20), 0, proxy.output)
