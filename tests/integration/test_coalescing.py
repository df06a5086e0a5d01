"""Request collapsing: many who want one thing cost one fetch."""
import socket
import time

from harness import TestCase, in_parallel, overview, request, wait_until


class Coalescing(TestCase):
    def test_a_thousand_cold_requests_for_one_key_are_one_fetch(self):
        upstream, proxy = self.pair()
        replies = proxy.share_one_fetch(upstream, 1000, lambda _: proxy.get(overview()))
        self.assertEqual({reply.status for reply in replies}, {200})
        self.assertEqual(len({reply.body for reply in replies}), 1)
        self.assertEqual(upstream.ledger()["total"], 1)
        self.assertEqual(sum("collapsed" in reply.cache_status for reply in replies), 999)

    def test_a_fast_upstream_changes_nothing(self):
        upstream, proxy = self.pair()
        in_parallel(200, lambda _: proxy.get(overview()))
        self.assertEqual(upstream.ledger()["total"], 1)

    def test_a_leader_that_goes_away_strands_nobody(self):
        upstream, proxy = self.pair()
        upstream.hold()
        leader = socket.create_connection(("127.0.0.1", proxy.port))
        leader.sendall(f"GET {overview()} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        wait_until(lambda: upstream.ledger()["total"] == 1, "the fetch has started")
        leader.close()

        def ask(i):
            if i < 20:
                return proxy.get(overview())
            try:
                return wait_until(lambda: proxy.status()["collapsed_requests"] == 20, "all of them wait for what the leader has begun")
            finally:
                upstream.faults()
        replies = in_parallel(21, ask)[:20]
        self.assertEqual({reply.status for reply in replies}, {200})
        self.assertEqual(upstream.ledger()["total"], 1)

    def test_a_failed_flight_fails_its_waiters_once(self):
        upstream = self.simulator()
        upstream.faults({"path_prefix": "/reporting", "kind": "hang"})
        slow = self.daemon(upstream, upstream_head_timeout="3s")
        before = upstream.ledger()["total"]
        started = time.monotonic()
        replies = in_parallel(300, lambda _: slow.get(overview()))
        self.assertEqual({reply.status for reply in replies}, {504})
        self.assertEqual(upstream.ledger()["total"], before + 1)
        self.assertEqual({reply.problem()["type"] for reply in replies}, {"urn:roktcached:upstream-timeout"})
        print(f"\n300 waiters failed together after {time.monotonic() - started:.1f} s, one fetch")
        upstream.faults()
        self.assertEqual(slow.get(overview()).status, 200)

    def test_different_keys_do_not_wait_for_each_other(self):
        upstream, proxy = self.pair()
        upstream.faults({"path_prefix": "/reporting/accounts/1/", "kind": "hang"})
        hanging = socket.create_connection(("127.0.0.1", proxy.port))
        hanging.sendall(f"GET {overview(account=1)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        wait_until(lambda: upstream.ledger()["total"] == 1, "the hanging fetch has started")
        self.assertEqual(request(proxy.port, overview(account=2)).status, 200)
        hanging.close()


class CoalescingOnOneThread(Coalescing):
    """The same where one thread serves the clients and the upstream."""

    def daemon(self, *arguments, **settings):
        return super().daemon(*arguments, listen_threads="1", **settings)
