"""GET /metrics on the admin listener: strictly readable, adding up with what was asked and what was sent upstream."""
import itertools
import threading
import time
import urllib.parse

from clients import basic
from exposition import Exposition
from harness import TestCase, in_parallel, overview, request, until_stale, wait_until

TABLES = """
[[freshness.override]]
accounts = ["346"]
settled = "1ms"
"""
OTHERS = {"dateStart": "2025-02-03", "dateEnd": "2025-02-04", "currency": "GBP", "timeZoneVariation": "Europe/London"}


def scrape(proxy):
    reply = request(proxy.admin_port, "/metrics")
    assert reply.status == 200, reply
    return Exposition(reply.body.decode())


class Metrics(TestCase):
    def settled_scrape(self, proxy, answered):
        """Once `answered` requests are counted: that happens after the answer has left."""
        wait_until(lambda: scrape(proxy).sum("requests_total") == answered, f"{answered} requests are counted")
        return scrape(proxy)

    def test_is_a_page_like_the_others(self):
        _, proxy = self.pair()
        reply = request(proxy.admin_port, "/metrics")
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.fields["content-type"], "text/plain; version=0.0.4; charset=utf-8")
        self.assertEqual(reply.fields["cache-control"], "no-store")
        head = request(proxy.admin_port, "/metrics", "HEAD")
        self.assertEqual((head.status, head.fields["content-type"], head.body), (200, reply.fields["content-type"], b""))
        self.assertGreater(int(head.fields["content-length"]), 1000)
        refused = request(proxy.admin_port, "/metrics", "POST", body="{}")
        self.assertEqual((refused.status, refused.fields["allow"]), (405, "GET, HEAD"))
        self.assertEqual(request(proxy.port, "/metrics").status, 404, "it is not for clients")

    def test_they_add_up(self):
        upstream, proxy = self.pair(tables=TABLES, freshness_refresh_ahead_uses="0")
        answered = self.settled_scrape(proxy, 1).sum("requests_total")  # the one that has found it ready
        asked = []

        def ask(client, target, status=200, method="GET", **fields):
            asked.append((client, target))
            reply = request(proxy.port, target, method, {"Authorization": basic(client), **fields})
            self.assertEqual(reply.status, status, reply)
            return reply

        first = overview(7, 345, **OTHERS)
        tag = ask("alice", first).fields["etag"]                 # a miss
        ask("alice", first)                                      # a hit
        ask("bob", first, method="HEAD")                         # a hit
        ask("bob", first, 304, **{"If-None-Match": tag})         # a hit
        ask("bob", overview(7, 345, currency="XXX"), 400)        # refused
        ask("bob", "/reporting/secret-report?api=1", 404)        # no such route
        ask("bob", first, 405, "DELETE")                         # no such method
        ask("alice", overview(77, 345, **OTHERS), 404)           # a miss, and the upstream knows no such campaign
        ask("alice", "/metadata/accounts/345/campaigns/8")       # a miss of another route
        ask("alice", overview(7, 346, **OTHERS))                 # a miss
        until_stale()
        ask("bob", overview(7, 346, **OTHERS))                   # a stale hit, refreshed behind
        wait_until(lambda: upstream.ledger()["total"] == 5, "it is refreshed")
        upstream.faults({"path_prefix": "/reporting", "kind": "status", "status": 503})
        ask("alice", overview(9, 345, **OTHERS), 503)            # a miss that fails
        proxy.share_one_fetch(upstream, 5, lambda _: ask("carol", overview(3, 345, **OTHERS)), seconds=0.5)  # a miss and four that share it

        metrics = self.settled_scrape(proxy, answered + len(asked))
        report = {"route": "campaign-overview"}
        self.assertEqual(metrics.get("requests_total", outcome="hit", code="200", **report), 2)
        self.assertEqual(metrics.get("requests_total", outcome="hit", code="304", **report), 1)
        self.assertEqual(metrics.get("requests_total", outcome="refreshing_hit", code="200", **report), 1)
        self.assertEqual(metrics.get("requests_total", outcome="miss", code="200", **report), 3)
        self.assertEqual(metrics.get("requests_total", outcome="miss", code="404", **report), 1)
        self.assertEqual(metrics.get("requests_total", outcome="miss", code="503", **report), 1)
        self.assertEqual(metrics.get("requests_total", outcome="collapsed", code="200", **report), 4)
        self.assertEqual(metrics.get("requests_total", outcome="miss", code="200", route="campaign-metadata"), 1)
        self.assertEqual(metrics.get("requests_total", outcome="refused", code="400", route="-"), 1)
        self.assertEqual(metrics.get("requests_total", outcome="refused", code="404", route="-"), answered + 1)
        self.assertEqual(metrics.get("requests_total", outcome="refused", code="405", route="-"), 1)
        self.assertEqual(metrics.by("outcome", "request_duration_seconds_count"), metrics.by("outcome", "requests_total"))
        self.assertGreaterEqual(metrics.get("request_duration_seconds_sum", outcome="collapsed"), 4 * 0.5)
        self.assertEqual(metrics.get("coalesced_requests_total"), 4)

        ledger = upstream.ledger()
        self.assertEqual(metrics.by("code", "upstream_requests_total"), ledger["by_status"])
        self.assertEqual(metrics.by("reason", "upstream_requests_total"), {"miss": 6, "revalidation": 1})
        self.assertEqual(metrics.sum("upstream_requests_total"), ledger["total"])
        self.assertEqual(metrics.sum("upstream_duration_seconds_count"), ledger["total"])
        self.assertEqual(metrics.by("route", "upstream_duration_seconds_count"), metrics.by("route", "upstream_requests_total"))
        self.assertGreaterEqual(metrics.sum("upstream_duration_seconds_sum", route="campaign-overview"), 0.5)
        self.assertEqual(metrics.sum("token_refreshes_total", result="success"), ledger["tokens_minted"])
        self.assertEqual(metrics.sum("token_refreshes_total", result="failure"), 0)
        expiry = metrics.sum("token_expiry_timestamp_seconds")
        self.assertTrue(time.time() < expiry < time.time() + 86400, expiry)

        status = proxy.status()
        outcomes = {outcome: count for outcome, count in status["requests"].items() if count}
        self.assertEqual(metrics.by("outcome", "requests_total"), outcomes)
        self.assertEqual(metrics.by("tier", "cache_entries").keys(), {"memory", "disk"})
        self.assertEqual(metrics.get("cache_entries", tier="memory"), status["cache"]["memory"]["entries"])
        self.assertEqual(metrics.get("cache_bytes", tier="memory"), status["cache"]["memory"]["bytes"])
        self.assertEqual(metrics.get("build_info", version=status["version"]), 1)
        self.assertEqual(metrics.get("storage_errors_total"), 0)
        self.assert_no_label_is_from_a_request(metrics, asked)

    def assert_no_label_is_from_a_request(self, metrics, asked):
        values = {text for _, labeled in metrics.samples for name, text in labeled if name != "le"}
        used = set()
        for client, target in asked:
            path, _, query = target.partition("?")
            used |= {client, target, path, query, *path.split("/"), *itertools.chain(*urllib.parse.parse_qsl(query))}
        self.assertTrue({"345", "346", "7", "alice", "carol", "GBP", "Europe/London", "secret-report"} < used)
        self.assertEqual(values & used, set())
        for text in ("345", "346", "alice", "bob", "carol", "127.0.0.1", "GBP", "London", "secret", "2025", "/"):
            self.assertFalse([value for value in values if text in value], text)

    def test_lines_that_the_log_has_lost_are_counted(self):
        _, proxy = self.pair(log_file="/dev/full")
        lost = lambda: scrape(proxy).get("log_lines_dropped_total", reason="not_written")
        before = lost()
        self.assertGreater(before, 0, "those of the start")
        self.assertEqual(proxy.get(overview()).status, 200)
        wait_until(lambda: lost() > before, "its access line is counted")
        self.assertGreater(proxy.status()["log"]["dropped_not_written"], 0)
        self.assertEqual(proxy.output.count("the log has lost a line: No space left on device"), 1, "once a minute")

    def test_a_scrape_under_load_is_whole(self):
        _, proxy = self.pair()
        before = self.settled_scrape(proxy, 1)
        answered = before.sum("requests_total")
        scrapes = [before]
        ended = threading.Event()
        failures = []

        def keep_scraping():
            try:
                while not ended.is_set() or len(scrapes) <= 10:  # on a slow machine some come after the load
                    scrapes.append(scrape(proxy))
            except Exception as failure:  # pylint: disable=broad-except
                failures.append(failure)

        def ask(number):
            for i in range(60):
                target = overview(1 + i % 3, 20 + number) if i % 4 else "/nothing/of/the/kind"
                self.assertEqual(request(proxy.port, target).status, 200 if i % 4 else 404)

        scraper = threading.Thread(target=keep_scraping)
        scraper.start()
        try:
            in_parallel(8, ask)
        finally:
            ended.set()
            scraper.join()
        self.assertEqual(failures, [])
        last = self.settled_scrape(proxy, answered + 8 * 60)
        scrapes.append(last)
        for one, next_one in itertools.pairwise(scrapes):
            self.assertEqual(one.types, next_one.types)
            later = next_one.counters()
            for key, value in one.counters().items():
                self.assertLessEqual(value, later[key], key)
        self.assertEqual(last.by("outcome", "request_duration_seconds_count"), last.by("outcome", "requests_total"))
        self.assertEqual(last.sum("requests_total", route="campaign-overview", code="200"), 8 * 45)
        self.assertEqual(last.sum("requests_total", outcome="miss"), 8 * 3)
        self.assertEqual(last.sum("upstream_requests_total"), 8 * 3)

    def test_an_upstream_in_trouble_shows(self):
        upstream, proxy = self.pair(upstream_max_retries="2", upstream_budget_requests_per_second="100")
        quiet = self.settled_scrape(proxy, 1)  # the one that has found it ready
        self.assertEqual(quiet.get("upstream_state", state="closed"), 1)
        self.assertEqual(quiet.sum("upstream_requests_per_second"), 100)
        self.assertEqual(quiet.sum("upstream_budget_available"), 20)
        upstream.faults({"path_prefix": "/reporting", "kind": "status", "status": 429, "count": 1})
        self.assertEqual(proxy.get(overview(1)).status, 200, "the retry brings it")
        limited = scrape(proxy)
        self.assertEqual(limited.sum("upstream_limited_total"), 1)
        self.assertEqual(limited.get("upstream_retries_total"), 1)
        self.assertEqual(limited.get("upstream_requests_total", route="campaign-overview", code="429", reason="miss"), 1)
        self.assertEqual(limited.get("upstream_requests_total", route="campaign-overview", code="200", reason="retry"), 1)
        learned = proxy.status()["upstream"]["credentials"][0]["budget"]["requests_per_second"]
        self.assertEqual(limited.sum("upstream_requests_per_second"), learned)

        upstream.faults({"path_prefix": "/reporting", "kind": "truncate"})
        for number in range(2, 12):
            self.assertEqual(proxy.get(overview(number)).status, 502)
        broken = scrape(proxy)
        self.assertEqual(broken.get("upstream_state", state="open"), 1)
        self.assertEqual(broken.get("upstream_state", state="closed"), 0)
        ended_badly = broken.sum("upstream_requests_total", code="none")
        self.assertGreaterEqual(ended_badly, 8)
        self.assertEqual(broken.sum("upstream_requests_total"), 2 + ended_badly)
        self.assertEqual(broken.sum("upstream_requests_total"), upstream.ledger()["total"])
        self.assertEqual(broken.sum("upstream_requests_total", reason="retry"), broken.get("upstream_retries_total"))
        self.settled_scrape(proxy, quiet.sum("requests_total") + 11)

    def test_no_limit_and_no_token_are_no_numbers(self):
        upstream = self.simulator()
        upstream.faults({"path_prefix": "/auth", "kind": "status", "status": 503})
        proxy = self.daemon(upstream)
        wait_until(lambda: scrape(proxy).sum("token_refreshes_total", result="failure") >= 1, "a token is asked for")
        metrics = scrape(proxy)
        self.assertEqual(metrics.of("roktcached_token_expiry_timestamp_seconds"), {})
        self.assertEqual(metrics.sum("upstream_requests_per_second"), float("inf"))
