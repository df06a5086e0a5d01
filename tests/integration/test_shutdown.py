"""SIGTERM drains: no answer in flight is cut, what is queued reaches the disk."""
import contextlib
import http.client
import os
import signal
import socket
import sqlite3
import subprocess
import threading
import time

from harness import BINARY, TestCase, connection_to, environment_with, free_port, overview, request, wait_until


class Shutdown(TestCase):
    def test_a_log_that_nobody_reads_does_not_hold_it_up(self):
        reads, writes = os.pipe()
        self.addCleanup(os.close, reads)
        os.set_blocking(writes, False)
        with self.assertRaises(BlockingIOError):
            while True:
                os.write(writes, b"x" * 4096)
        os.set_blocking(writes, True)
        port = free_port()
        environment = environment_with(ROKTCACHED_LISTEN_ADDRESSES=f"127.0.0.1:{port}", ROKTCACHED_ADMIN_ADDRESS=f"127.0.0.1:{free_port()}")
        child = subprocess.Popen([BINARY, "serve", "--demo"], stdin=subprocess.DEVNULL, stdout=writes, stderr=writes, env=environment, cwd=self.folder())
        os.close(writes)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)

        def answers():
            with contextlib.suppress(OSError):
                return request(port, "/nothing").status == 404
            return False
        wait_until(answers, "it serves, whoever reads its log")
        started = time.monotonic()
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(20), 1, "it says that it could not end as it should")
        self.assertLess(time.monotonic() - started, 13)

    def test_a_slow_answer_in_flight_is_not_cut(self):
        upstream, proxy = self.pair()
        upstream.hold()
        replies = []
        client = threading.Thread(target=lambda: replies.append(proxy.get(overview())))
        client.start()
        wait_until(lambda: upstream.ledger()["total"] == 1, "the request is in flight")
        started = time.monotonic()
        proxy.signal(signal.SIGTERM)
        wait_until(lambda: "draining" in proxy.output, "it wants to end")
        upstream.faults()
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
        self.assertLess(time.monotonic() - started, 13)
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
        self.assertLess(time.monotonic() - started, 13)
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

    def purging(self):
        """A daemon at a purge that waits for a lock on the cache file. @return it, what has the lock, who waits for the answer, and the answer"""
        folder, admin = self.folder(), os.path.join(self.folder(), "admin.sock")
        proxy = self.daemon(self.simulator(), folder, admin_address=f"unix:{admin}")
        self.assertEqual(proxy.get(overview()).status, 200)
        other = sqlite3.connect(os.path.join(folder, "cache.db"), isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        kept, answers = connection_to(admin), []
        kept.request("GET", "/livez")
        kept.getresponse().read()
        kept.request("POST", "/purge", '{"all":true}', {"Content-Type": "application/json"})

        def wait():
            try:
                answers.append(kept.getresponse().status)
            except (http.client.RemoteDisconnected, ConnectionError) as error:
                answers.append(repr(error))
        client = threading.Thread(target=wait)
        client.start()
        self.addCleanup(client.join)
        for _ in range(2):  # requests that came later are answered: the purge has begun
            self.assertEqual(request(admin, "/livez").status, 200)
        return proxy, other, client, answers

    def test_an_admin_request_under_way_is_answered(self):
        proxy, other, client, answers = self.purging()
        proxy.signal(signal.SIGTERM)
        wait_until(lambda: "draining" in proxy.output, "it drains")
        time.sleep(2)  # longer than it takes to end where nothing is waited for
        other.execute("ROLLBACK")
        client.join()
        self.assertIn(answers[0], (200, 503), "503 where this machine was so slow that the purge has waited in vain")
        self.assertEqual(proxy.wait(20), 0, proxy.output)

    def test_a_purge_that_is_cut_stands_in_the_log(self):
        proxy, other, client, answers = self.purging()
        proxy.signal(signal.SIGTERM)
        wait_until(lambda: "draining" in proxy.output, "it drains")
        proxy.signal(signal.SIGTERM)  # nobody is waited for any more
        wait_until(lambda: "is not finished" in proxy.output or not proxy.alive() or answers, "it gives up")
        other.execute("ROLLBACK")
        client.join()
        self.assertEqual(proxy.wait(20), 0, proxy.output)
        if answers[0] != 503:  # this machine was so slow that the purge has waited in vain
            self.assertRegex(proxy.output, "the purge by all that .* has asked for is not finished; some of its entries may be left")
