"""Upstreams that say 200 and send no report: a sign-in page, nothing, half of one. What is stored outlives them all, and none of them is kept."""
import json
import time

from harness import STALE_AT_ONCE, TestCase, in_parallel, overview, request, until_stale, wait_until
from test_upstream_wire import Upstream, answer, compressed

GOOD = json.dumps({"grossCost": 1, "name": "Über"}).encode()
OTHER = b'{"grossCost":2}'
PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form action=/login></form></body></html>"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

# What the upstream sends, and what a client is to get of it where nothing is stored.
NO_REPORTS = {
    "a sign-in page": (answer(PAGE), PAGE),
    "a sign-in page under gzip": (compressed(PAGE), PAGE),
    "a page that calls itself cacheable": (answer(PAGE, fields=("Cache-Control: public, max-age=86400", 'ETag: "page"')), PAGE),
    "nothing": (answer(b""), b""),
    "no more than a line's end": (answer(b"\r\n"), b"\r\n"),
    "half a document, cut with the connection": (HEAD + b"\r\n" + GOOD[:-5], GOOD[:-5]),
    "the first of two objects, and the comma": (HEAD + b"\r\n" + GOOD + b",", GOOD + b","),
    "half a document, in chunks that are whole": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n" + GOOD[:5] + b"\r\n0\r\n\r\n", GOOD[:5]),
    "words": (answer(b"Service temporarily unavailable"), b"Service temporarily unavailable"),
    "a number": (answer(b"17"), b"17"),
    "a text": (answer(b'"queued"'), b'"queued"'),
    "null": (answer(b"null"), b"null"),
    "XML": (answer(b"<?xml version='1.0'?><error/>"), b"<?xml version='1.0'?><error/>"),
    "a report with a page behind it": (answer(GOOD + PAGE), GOOD + PAGE),
    "NaN": (answer(b'{"grossCost":NaN}'), b'{"grossCost":NaN}'),
    "a page of 100 KiB": (answer(PAGE * 1000), PAGE * 1000),
}
REPORTS = {
    "an object": b"{}",
    "an array": b"[]",
    "two objects, as the API's page shows a histogram": b'{"a":1},{"b":2}',
    "two objects in two lines": b'{"a":1}\n{"b":2}\n',
    "two arrays, white space and a comma": b"[1] ,\r\n [2]",
    "a byte order mark before it": b"\xef\xbb\xbf" + GOOD,
    "white space around it": b"\r\n\t " + GOOD + b" \n",
    "a text in Latin-1": '{"name":"Über"}'.encode("latin-1"),
    "half a surrogate pair": rb'{"name":"cut \ud83d"}',
}
STOOD_IN = "roktcached; fwd=stale; fwd-status={}; detail=stale-if-error"


class NotAReport(TestCase):
    def setUp(self):
        self.upstream = Upstream()
        self.serve(self.upstream)

    def proxy(self, **settings):
        return self.daemon(self.upstream.port, upstream_head_timeout="3s", upstream_body_timeout="3s", **settings)

    def entries(self, proxy):
        return proxy.status()["cache"]["memory"]["entries"]

    def test_a_stored_report_outlives_every_answer_that_is_none(self):
        proxy = self.proxy(**STALE_AT_ONCE)
        for kind in (overview(), "/metadata/accounts/12/campaigns/3"):
            self.upstream.report = answer(GOOD)
            if kind != overview():
                proxy = self.proxy(**{**STALE_AT_ONCE, "freshness_metadata": "1ms"})
            self.assertIn("fwd=miss; stored", proxy.get(kind).cache_status)
            for what, (sent, _) in NO_REPORTS.items():
                with self.subTest(what, target=kind):
                    self.upstream.report = sent
                    asked = len(self.upstream.seen)
                    until_stale()
                    reply = proxy.get(kind)
                    self.assertEqual((reply.status, reply.body, reply.cache_status), (200, GOOD, STOOD_IN.format(200)))
                    self.assertEqual(len(self.upstream.seen), asked + 1, "it was asked once, and not again for that")
            self.upstream.report = answer(OTHER)
            until_stale()
            back = proxy.get(kind)
            self.assertEqual(back.body, OTHER)
            self.assertIn("fwd=stale; stored", back.cache_status)

    def test_none_is_stored_where_nothing_is(self):
        proxy = self.proxy()
        for campaign, (what, (sent, passed)) in enumerate(NO_REPORTS.items(), 1):
            with self.subTest(what):
                self.upstream.report = sent
                for _ in range(2):
                    reply = proxy.get(overview(campaign=campaign))
                    self.assertEqual((reply.status, reply.body), (200, passed))
                    self.assertEqual(reply.cache_status, "roktcached; fwd=miss; detail=not-json")
                    self.assertNotIn("report-state", reply.fields)
                head = request(proxy.port, overview(campaign=campaign), "HEAD")
                self.assertEqual((head.body, head.fields["content-length"]), (b"", str(len(passed))))
        self.assertEqual(len(self.upstream.seen), 3 * len(NO_REPORTS))
        self.assertEqual(self.entries(proxy), 0)
        proxy.wait_until_counted(not_json=3 * len(NO_REPORTS))
        metrics = request(proxy.admin_port, "/metrics").body.decode()
        self.assertIn(f'roktcached_requests_total{{route="campaign-overview",outcome="not_json",code="200"}} {3 * len(NO_REPORTS)}', metrics)
        wait_until(lambda: "outcome=not_json" in proxy.output, "the access line says so")

    def expect_stored_still(self, proxy, body=GOOD):
        """As it shows when the upstream answers no more."""
        self.upstream.report = b""
        until_stale()
        reply = proxy.get(overview())
        self.assertEqual((reply.status, reply.body, reply.cache_status), (200, body, "roktcached; fwd=stale; detail=stale-if-error"))

    def test_a_refusal_in_html_is_none_of_the_api_and_the_stored_report_stands_in(self):
        proxy = self.proxy(**STALE_AT_ONCE)
        self.upstream.report = answer(GOOD)
        proxy.get(overview())
        for status in ("404 Not Found", "400 Bad Request"):
            with self.subTest(status):
                self.upstream.report = answer(PAGE, status, content_type="text/html")
                until_stale()
                reply = proxy.get(overview())
                self.assertEqual((reply.status, reply.body, reply.cache_status), (200, GOOD, STOOD_IN.format(status[:3])))
                self.expect_stored_still(proxy)

    def test_a_refusal_of_the_api_is_passed_on_and_the_stored_report_outlives_it(self):
        proxy = self.proxy(**STALE_AT_ONCE)
        refusal = b'{"message":"no"}'
        for status in ("404 Not Found", "400 Bad Request"):
            with self.subTest(status):
                self.upstream.report = answer(GOOD)
                proxy.get(overview(), Cache_Control="no-cache")
                self.upstream.report = answer(refusal, status)
                until_stale()
                reply = proxy.get(overview())
                self.assertEqual((str(reply.status), reply.body), (status[:3], refusal))
                self.assertNotIn("report-state", reply.fields)
                self.expect_stored_still(proxy)

    def test_the_beginning_of_the_stored_report_replaces_it_only_where_its_end_is_known(self):
        """Where the end of the connection ends an answer, a cut between two objects leaves a document that reads as a whole one."""
        two, one = b'{"a":1},{"b":2}', b'{"a":1}'
        proxy = self.proxy(**STALE_AT_ONCE)
        self.upstream.report = answer(two)
        proxy.get(overview())
        for fields in ("", "Connection: close\r\n"):
            self.upstream.report = HEAD + fields.encode() + b"\r\n" + one
            until_stale()
            self.assertEqual(proxy.get(overview()).body, two)
            self.expect_stored_still(proxy, two)
        chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n7\r\n" + one + b"\r\n0\r\n\r\n"
        # One that is longer, one of the same length, and two whose ends are known.
        for body, sent in ((two + b"\n", None), (two[:-2] + b"3}\n", None), (one, answer(one)), (two, None), (one, chunked)):
            self.upstream.report = sent or HEAD + b"\r\n" + body
            until_stale()
            reply = proxy.get(overview())
            self.assertEqual(reply.body, body)
            self.assertIn("fwd=stale; stored", reply.cache_status)
            self.expect_stored_still(proxy, body)

    def test_every_kind_of_report_is_kept(self):
        proxy = self.proxy()
        for campaign, (what, body) in enumerate(REPORTS.items(), 1):
            with self.subTest(what):
                self.upstream.report = answer(body)
                miss, hit = (proxy.get(overview(campaign=campaign)) for _ in range(2))
                self.assertIn("fwd=miss; stored", miss.cache_status)
                self.assertEqual((hit.is_hit, hit.body, hit.fields["report-state"]), (True, body, "settled"))

    def test_other_successes_and_redirects_replace_nothing_either(self):
        proxy = self.proxy(**STALE_AT_ONCE)
        self.upstream.report = answer(GOOD)
        proxy.get(overview())
        for status, body, detail in (("202 Accepted", b"{}", "; detail=status"), ("203 Transformed", GOOD, "; detail=status"), ("206 Partial Content", GOOD[:5], None),
                                     ("204 No Content", b"", "; detail=not-json"), ("302 Found", PAGE, "; detail=status"), ("201 Created", PAGE, "; detail=not-json")):
            with self.subTest(status):
                self.upstream.report = answer(body, status, ("Location: https://login.example/",)) if body else b"HTTP/1.1 204 No Content\r\n\r\n"
                until_stale()
                reply = proxy.get(overview())
                self.assertEqual((reply.status, reply.body), (200, GOOD))
                self.assertTrue(reply.cache_status.endswith("detail=stale-if-error"), reply.cache_status)
                other = proxy.get(overview(campaign=int(status[:3]) % 12 + 20))
                if detail is None:  # nobody has asked for a range
                    self.assertEqual(other.status, 502)
                    continue
                self.assertEqual((str(other.status), other.body), (status[:3], body))
                self.assertEqual(other.cache_status, f"roktcached; fwd=miss{detail}")
        self.assertEqual(self.entries(proxy), 1)

    def test_refusals_pass_and_are_kept_as_before_and_have_no_report_state(self):
        proxy = self.proxy()
        for campaign, (status, stored) in enumerate((("404 Not Found", True), ("400 Bad Request", True), ("403 Forbidden", False)), 1):
            self.upstream.report = answer(PAGE, status)
            reply = proxy.get(overview(campaign=campaign))
            self.assertEqual((str(reply.status), reply.body), (status[:3], PAGE))
            self.assertEqual("stored" in reply.cache_status, stored)
            again = proxy.get(overview(campaign=campaign))
            self.assertEqual(again.is_hit, stored)
            for one in (reply, again):
                self.assertNotIn("report-state", one.fields)
                self.assertEqual("detail=status" in one.cache_status, not stored)

    def test_a_refresh_behind_that_brings_none_leaves_the_report_and_is_no_restatement(self):
        proxy = self.proxy(freshness_settled="1ms", freshness_min_refetch_interval="0ms")
        self.upstream.report = answer(GOOD)
        proxy.get(overview())
        self.upstream.report = answer(PAGE)
        until_stale()
        began = time.monotonic()
        for _ in range(20):
            reply = proxy.get(overview())
            self.assertEqual((reply.body, reply.is_hit), (GOOD, True))
        wait_until(lambda: "not JSON: route=campaign-overview" in proxy.output, "the log says so")
        self.assertLessEqual(len(self.upstream.seen), 2 + time.monotonic() - began, "once for the report, and once a second")
        self.assertEqual(proxy.status()["restatements"], 0)
        self.assertNotIn("restated:", proxy.log())

    def test_all_who_wait_are_treated_alike(self):
        proxy = self.proxy(**STALE_AT_ONCE)
        self.upstream.report = answer(GOOD)
        proxy.get(overview())
        self.upstream.report = answer(PAGE)
        until_stale()
        for reply in in_parallel(20, lambda _: proxy.get(overview())):
            self.assertEqual((reply.status, reply.body), (200, GOOD))
        for reply in in_parallel(20, lambda _: proxy.get(overview(campaign=5))):
            self.assertEqual((reply.status, reply.body), (200, PAGE))
            self.assertIn("detail=not-json", reply.cache_status)

    def test_they_spend_no_retries_and_open_no_circuit(self):
        proxy = self.proxy(upstream_max_retries="5")
        self.upstream.report = answer(PAGE)
        for _ in range(30):
            self.assertEqual(proxy.get(overview()).body, PAGE)
        self.assertEqual(len(self.upstream.seen), 30)
        upstream = proxy.status()["upstream"]
        self.assertEqual((upstream["retries"], upstream["circuit_opened"]), (0, 0))

    def test_past_stale_if_error_the_page_is_all_that_there_is(self):
        proxy = self.proxy(**STALE_AT_ONCE, freshness_stale_if_error="100ms")
        self.upstream.report = answer(GOOD)
        proxy.get(overview())
        self.upstream.report = answer(PAGE)
        time.sleep(0.2)
        reply = proxy.get(overview())
        self.assertEqual((reply.body, reply.fields["cache-status"]), (PAGE, "roktcached; fwd=miss; detail=not-json"))
