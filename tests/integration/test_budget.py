"""What goes upstream is within the budget and the upstream's own limit, in fair shares, and the urgent first."""
import concurrent.futures
import contextlib
import json
import math
import re
import threading
import time

from clients import basic, client
from harness import TestCase, in_parallel, overview, request, wait_until
from load import Load, cold

DEFAULTS = {"upstream_budget_requests_per_second": "10", "upstream_budget_burst": "20", "upstream_budget_max_concurrent": "8",
            "upstream_max_retries": "2", "log_access": "false"}
LONGEST_WAIT_SECONDS = 6  # behind the whole of a flood it takes twice as long, or longer


def ask(proxy, client, target=None):
    """Returns the answer and how long it took."""
    started = time.monotonic()
    reply = request(proxy.port, target or cold(), fields={"Authorization": basic(client)})
    return reply, time.monotonic() - started


def percentile(values, share):
    return sorted(values)[math.ceil(len(values) * share) - 1]


def spent(proxy, reason):
    return sum(client["upstream_by_reason"].get(reason, 0) for client in proxy.status()["clients"])


class Budget(TestCase):
    def expect_refusal(self, status, head, body):
        self.assertEqual((status, json.loads(body)["type"]), (503, "urn:roktcached:upstream-budget-exhausted"))
        self.assertGreaterEqual(int(re.search(r"(?i)\r\nretry-after: *(\d+)", head)[1]), 1)

    def test_one_clients_flood_delays_no_other_client(self):
        upstream, proxy = self.pair(**DEFAULTS)
        rate, burst, seconds = 10, 20, 25
        started = time.monotonic()
        over = threading.Event()
        above = []  # by how much the ledger was above the budget, or below

        def watch():
            while not over.wait(1):
                total = upstream.ledger()["total"]
                above.append(total - rate * (time.monotonic() - started) - burst)

        def be_patient(number):
            waits = []
            while time.monotonic() - started < seconds:
                reply, took = ask(proxy, f"patient-{number}")
                waits.append((took, reply.status))
                time.sleep(1)
            return waits

        self.addCleanup(over.set)
        watcher = threading.Thread(target=watch)
        watcher.start()
        with Load(proxy.port, "flood", rate=500) as flood:
            waits = [wait for waits in in_parallel(19, be_patient) for wait in waits]
        over.set()
        watcher.join()
        total, took = upstream.ledger()["total"], time.monotonic() - started
        times = [wait for wait, _ in waits]
        print(f"\n{flood.sent} requests of one client in {took:.0f} s: {dict(flood.statuses)}; {len(waits)} of 19 others: "
              f"median {percentile(times, 0.5):.2f} s, 99 % {percentile(times, 0.99):.2f} s, longest {max(times):.2f} s; "
              f"{total} went upstream")
        self.assertEqual({status for _, status in waits}, {200})
        self.assertLess(percentile(times, 0.99), LONGEST_WAIT_SECONDS)
        self.assertLessEqual(max(above), 0, above)
        self.assertGreater(total, 0.8 * rate * seconds, "the budget was used")
        self.assertGreater(flood.sent, 5 * total, "it was a flood")
        self.assertEqual((set(flood.statuses), flood.lost), ({200, 503}, 0))
        for head, body in flood.refused:
            self.expect_refusal(503, head, body)

    def test_who_comes_back_after_retry_after_is_served(self):
        settings = {"upstream_budget_requests_per_second": "1", "upstream_budget_burst": "1", "upstream_budget_max_queue_wait": "2s"}
        _, proxy = self.pair(**{**DEFAULTS, **settings})
        replies = [reply for reply, _ in in_parallel(10, lambda _: ask(proxy, "alone"))]
        refused = [reply for reply in replies if reply.status != 200]
        self.assertTrue(5 <= len(refused) < 10, [reply.status for reply in replies])
        for reply in refused:
            self.expect_refusal(reply.status, f"\r\nRetry-After: {reply.fields['retry-after']}", reply.body)
        wait = max(int(reply.fields["retry-after"]) for reply in refused)
        self.assertLessEqual(wait, 10)
        time.sleep(wait)
        reply, took = ask(proxy, "alone")
        print(f"\n{len(refused)} of 10 at once refused, to come back after {wait} s; then: {reply.status} in {took:.2f} s")
        self.assertEqual(reply.status, 200)

    def test_who_shares_a_fetch_that_waits_behind_a_flood_does_not_wait_for_the_flood(self):
        # One client asks for many reports at once; another, who has asked for nothing yet, for the last of them.
        _, proxy = self.pair(**{**DEFAULTS, "upstream_budget_requests_per_second": "5", "upstream_budget_burst": "1"})
        with concurrent.futures.ThreadPoolExecutor(70) as pool:
            exports = []
            for target in [cold() for _ in range(70)]:
                exports.append(pool.submit(ask, proxy, "export", target))
                time.sleep(0.005)
            time.sleep(0.5)
            reply, took = ask(proxy, "reader", target)
            alone, took_alone = ask(proxy, "reader")
            exports = [export.result()[0].status for export in exports]
        print(f"\nthe last of {exports.count(200)} reports that another waits for: {reply.status} in {took:.2f} s; one of its own: "
              f"{took_alone:.2f} s")
        self.assertEqual((reply.status, alone.status), (200, 200))
        self.assertLess(took, LONGEST_WAIT_SECONDS)

    def test_who_joins_a_refresh_that_gives_way_does_not_give_way(self):
        _, proxy = self.pair(**{**DEFAULTS, "upstream_budget_requests_per_second": "5", "upstream_budget_burst": "1",
                                "freshness_settled": "1s", "freshness_min_refetch_interval": "0ms",
                                "freshness_refresh_ahead_uses": "0"})
        target = overview()
        self.assertEqual(ask(proxy, "reader", target)[0].status, 200)
        with Load(proxy.port, "many", waiting=20):
            time.sleep(2)
            self.assertTrue(ask(proxy, "reader", target)[0].is_hit)  # stale: its refresh waits behind all the others
            time.sleep(0.2)
            started = time.monotonic()
            reply = proxy.get(target, Cache_Control="no-cache")
            took = time.monotonic() - started
        print(f"\na report that is being refreshed behind, asked for anew while 20 of another's wait: {took:.2f} s, "
              f"{reply.cache_status}")
        self.assertEqual(reply.status, 200)
        self.assertNotIn("detail=stale-if-error", reply.cache_status)
        self.assertLess(took, LONGEST_WAIT_SECONDS)

    def test_a_full_queue_keeps_room_for_who_has_little_in_it(self):
        settings = {"upstream_budget_max_queued": "20", "upstream_budget_max_queue_wait": "1m", "upstream_budget_burst": "1"}
        _, proxy = self.pair(**{**DEFAULTS, **settings})
        budget = lambda: proxy.status()["upstream"]["credentials"][0]["budget"]
        with Load(proxy.port, "flood", rate=200) as flood:
            wait_until(lambda: budget()["queued"] == 20, "the queue is full")
            waits = [ask(proxy, "other") for _ in range(10)]
            self.assertLessEqual(budget()["queued"], 20)
        longest = max(took for _, took in waits)
        print(f"\na queue of 20 full of one client's: {dict(flood.statuses)}; another's 10 took {longest:.2f} s at most")
        self.assertEqual({reply.status for reply, _ in waits}, {200})
        self.assertLess(longest, LONGEST_WAIT_SECONDS)
        self.assertGreater(flood.statuses[503], 0)
        for head, body in flood.refused:
            self.expect_refusal(503, head, body)

    def test_who_has_a_larger_share_gets_so_much_more(self):
        _, proxy = self.pair(**{**DEFAULTS, "upstream_budget_requests_per_second": "20", "upstream_budget_burst": "1"},
                             tables=client("tableau", "x", upstream_share=4) + client("plain", "x")
                             + client("nightly", "x", upstream_share=0.5))
        with contextlib.ExitStack() as stack:
            loads = [stack.enter_context(Load(proxy.port, name, waiting=40)) for name in ("tableau", "plain", "nightly")]
            wait_until(lambda: all(load.statuses[200] for load in loads), "all are served")
            before = [load.statuses[200] for load in loads]
            time.sleep(8)
            tableau, plain, nightly = (load.statuses[200] - had for load, had in zip(loads, before))
        print(f"\nshares of 4, 1 and 0.5: {tableau}, {plain} and {nightly} of {tableau + plain + nightly}")
        self.assertTrue(3 <= tableau / plain <= 5)
        self.assertTrue(1.5 <= plain / nightly <= 2.8)

    def test_refreshes_that_nobody_waits_for_give_way(self):
        _, proxy = self.pair(**{**DEFAULTS, "upstream_budget_requests_per_second": "5", "upstream_budget_burst": "2",
                                "freshness_refresh_ahead_uses": "1", "freshness_min_refetch_interval": "0ms"},
                             tables="[[freshness.override]]\naccounts = ['13']\nsettled = '1s'\nstale_while_revalidate = '10m'\n"
                                    "[[freshness.override]]\naccounts = ['14']\nsettled = '4s'\nstale_while_revalidate = '0ms'\n")
        stale, popular = overview(account=13), overview(account=14)
        for target in (stale, popular):
            self.assertEqual(ask(proxy, "reader", target)[0].status, 200)
        with Load(proxy.port, "many", waiting=60):
            wait_until(lambda: proxy.status()["upstream"]["credentials"][0]["budget"]["queued"] >= 10, "requests wait")
            until = time.monotonic() + 8
            refetched, longest = 0, 0
            while time.monotonic() < until:
                reply, took = ask(proxy, "reader", stale)
                self.assertTrue(reply.is_hit and took < LONGEST_WAIT_SECONDS, (reply, took))
                reply, took = ask(proxy, "reader", popular)
                self.assertEqual(reply.status, 200)
                longest = max(longest, took)
                refetched += not reply.is_hit
                time.sleep(0.1)
            behind, ahead, misses = (spent(proxy, reason) for reason in ("revalidation", "refresh_ahead", "miss"))
        print(f"\nwith 60 waiting at 5 a second: {misses} misses, {refetched} of a reader that waited {longest:.2f} s at most, "
              f"{behind} revalidations, {ahead} refreshes ahead")
        self.assertEqual((behind, ahead), (0, 0))
        self.assertGreaterEqual(misses, 20)
        self.assertGreaterEqual(refetched, 1, "the popular one expired")
        self.assertLess(longest, LONGEST_WAIT_SECONDS)

        def refresh():
            ask(proxy, "reader", stale)
            ask(proxy, "reader", popular)
            return spent(proxy, "revalidation") >= 1 and spent(proxy, "refresh_ahead") >= 1

        wait_until(refresh, "both are refreshed when nobody waits")
