"""An upstream that misbehaves: what is cached is served, nothing broken is ever passed on or kept."""
import time

from harness import STALE_AT_ONCE, TestCase, in_parallel, overview, query, until_stale, wait_until

BROKEN = {
    "reset": ({"kind": "reset"}, 502, "upstream-unreachable"),
    "hang": ({"kind": "hang"}, 504, "upstream-timeout"),
    "truncate": ({"kind": "truncate"}, 502, "upstream-invalid-response"),
    "wrong_length": ({"kind": "wrong_length"}, 502, "upstream-invalid-response"),
    "trickle": ({"kind": "trickle", "latency_ms": 1000}, 504, "upstream-timeout"),
}


class Faults(TestCase):
    def test_each_fault_is_an_honest_error_where_nothing_is_cached(self):
        upstream, proxy = self.pair(upstream_head_timeout="2s", upstream_body_timeout="2s")
        for name, (fault, status, problem) in BROKEN.items():
            with self.subTest(name):
                upstream.faults({"path_prefix": "/reporting", **fault})
                started = time.monotonic()
                reply = proxy.get(overview(campaign=1))
                self.assertEqual(reply.status, status)
                self.assertEqual(reply.problem()["type"], f"urn:roktcached:{problem}")
                self.assertIn("proxy-status", reply.fields)
                self.assertLess(time.monotonic() - started, 15)
                upstream.faults()
        # Nothing of all that was kept.
        whole = proxy.get(overview(campaign=1))
        self.assertIn("fwd=miss; stored", whole.cache_status)

    def test_each_fault_is_covered_by_a_stale_answer(self):
        upstream, proxy = self.pair(upstream_head_timeout="2s", upstream_body_timeout="2s", **STALE_AT_ONCE)
        good = proxy.get(overview())
        self.assertEqual(good.status, 200)
        until_stale()
        for name, (fault, _, _) in BROKEN.items():
            with self.subTest(name):
                upstream.faults({"path_prefix": "/reporting", **fault})
                stale = proxy.get(overview())
                self.assertEqual((stale.status, stale.body), (200, good.body))
                self.assertEqual(stale.cache_status, "roktcached; fwd=stale; detail=stale-if-error")
        for status in (500, 502, 503, 504, 429):
            with self.subTest(status):
                upstream.faults({"path_prefix": "/reporting", "kind": "status", "status": status})
                stale = proxy.get(overview())
                self.assertEqual((stale.status, stale.body), (200, good.body))
                self.assertEqual(stale.cache_status, f"roktcached; fwd=stale; fwd-status={status}; detail=stale-if-error")

    def test_upstream_errors_pass_unchanged_where_nothing_is_cached(self):
        upstream, proxy = self.pair()
        for status in (500, 503, 429):
            upstream.faults({"path_prefix": "/reporting", "kind": "status", "status": status})
            reply = proxy.get(overview(campaign=2))
            self.assertEqual(reply.status, status)
            self.assertEqual(reply.json()["message"], "a fault was asked for")
            self.assertNotIn("stored", reply.cache_status)

    def test_a_dead_upstream_every_cached_report_is_served(self):
        upstream, proxy = self.pair(freshness_settled="1ms", freshness_stale_while_revalidate="0ms", upstream_connect_timeout="2s")
        bodies = {campaign: proxy.get(overview(campaign=campaign)).body for campaign in range(1, 11)}
        upstream.child.kill()
        upstream.wait()
        until_stale()
        for campaign, body in bodies.items():
            reply = proxy.get(overview(campaign=campaign))
            self.assertEqual((reply.status, reply.body), (200, body))
            self.assertEqual(reply.cache_status, "roktcached; fwd=stale; detail=stale-if-error")
        missing = proxy.get(overview(campaign=11))
        self.assertEqual((missing.status, missing.problem()["type"]), (502, "urn:roktcached:upstream-unreachable"))

    def test_stale_while_revalidate_answers_at_once_and_refreshes_behind(self):
        upstream, proxy = self.pair(freshness_settled="500ms", freshness_min_refetch_interval="0ms")
        proxy.get(overview())
        time.sleep(0.6)
        upstream.faults({"path_prefix": "/reporting", "kind": "latency", "latency_ms": 300})
        stale = proxy.get(overview())
        self.assertRegex(stale.cache_status, r"^roktcached; hit; ttl=-\d+$")
        wait_until(lambda: upstream.ledger()["total"] == 2, "the refresh has happened")
        wait_until(lambda: "ttl=-" not in proxy.get(overview()).cache_status, "the answer is fresh again")

    def test_a_validator_is_used_and_an_unchanged_answer_lives_on(self):
        upstream, proxy = self.pair("--entity-tags", **STALE_AT_ONCE)
        first = proxy.get(overview())
        until_stale()
        second = proxy.get(overview())
        self.assertEqual(upstream.ledger()["by_status"], {"200": 1, "304": 1})
        self.assertEqual((second.status, second.body), (200, first.body))
        self.assertIn("fwd=stale; fwd-status=304; stored", second.cache_status)

    def test_connections_are_reused_and_a_closed_one_is_replaced_unnoticed(self):
        upstream = self.simulator()
        proxy = self.daemon(upstream)
        self.assertEqual(proxy.get(overview(campaign=1)).status, 200)
        upstream.child.kill()
        upstream.wait()
        self.simulator(port=upstream.port)  # it knows none of the old tokens, and the pooled connection is dead
        replies = [proxy.get(overview(campaign=campaign)).status for campaign in range(2, 6)]
        self.assertTrue(set(replies) <= {200, 403}, replies)  # 403: the token was too young to be doubted

    def test_an_answer_over_the_limit_streams_through(self):
        upstream, proxy = self.pair(upstream_max_response="1KiB")
        target = f"/reporting/accounts/12/campaigns/3/histogram?{query()}"
        for number in (1, 2):
            reply = proxy.get(target)
            self.assertEqual((reply.status, reply.cache_status), (200, "roktcached; fwd=miss; detail=too-large"))
            self.assertGreater(len(reply.body), 1024)
            self.assertEqual(reply.body, self.daemon(upstream).get(target).body)
            self.assertEqual(upstream.ledger()["total"], 2 * number)

    def test_too_many_waiting_are_turned_away(self):
        upstream = self.simulator()
        upstream.faults({"path_prefix": "/reporting", "kind": "hang"})
        proxy = self.daemon(upstream, upstream_max_connections=1, upstream_max_waiting=1, upstream_head_timeout="3s")
        replies = in_parallel(10, lambda i: proxy.get(overview(account=i + 1)))
        statuses = sorted(reply.status for reply in replies)
        self.assertIn(503, statuses)
        for reply in replies:
            if reply.status == 503:
                self.assertEqual(reply.problem()["type"], "urn:roktcached:overloaded")
                self.assertEqual(reply.fields["retry-after"], "1")
