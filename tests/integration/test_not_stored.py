"""Why an answer was not stored: Cache-Status, the access line and the metric use the same word for it, and `explain` too."""
from exposition import Exposition
from harness import TestCase, overview, request, run_command, wait_until
from test_http_routes import ROUTES, Origin
from test_upstream_wire import Upstream, answer

FRESH = ("Cache-Control", "max-age=60")
ON_HTTP_ROUTES = {  # by path: what the origin answers, and how it is asked
    "method": (200, [FRESH], {"method": "POST"}),
    "request-no-store": (200, [FRESH], {"fields": {"Cache-Control": "no-store"}}),
    "response-no-store": (200, [("Cache-Control", "no-store")], {}),
    "private": (200, [("Cache-Control", "private, max-age=60")], {}),
    "authorization": (200, [FRESH], {"fields": {"Authorization": "Bearer its-own"}}),
    "vary-any": (200, [FRESH, ("Vary", "*")], {}),
    "status": (412, [FRESH], {}),
    "no-lifetime": (200, [], {}),
}
ON_REPORTS = {
    "not-json": answer(b"<html>"),
    "status": answer(b"{}", "403 Forbidden"),
    "too-large": answer(b"[" + b" " * (1 << 20) + b"]"),
    "stored": answer(b"{}"),
}


class NotStored(TestCase):
    def counts(self, proxy):
        metrics = Exposition(request(proxy.admin_at, "/metrics").body.decode())
        return {dict(labels)["reason"]: count for labels, count in metrics.of("roktcached_not_stored_total").items()}

    def expect(self, proxy, ask, why):
        """That `why` is said of an answer in all places, and counted once."""
        before = self.counts(proxy)
        reply = ask()
        self.assertIn("; stored; ttl=" if why == "stored" else f"; detail={why}", reply.cache_status)
        request_id = reply.fields["x-request-id"]
        wait_until(lambda: request_id in proxy.log(), "its access line is there")
        line = next(line for line in proxy.log().splitlines() if request_id in line)
        self.assertIn(f" not_stored={'-' if why == 'stored' else why} ", line)
        counted = {name: count - before[name] for name, count in self.counts(proxy).items() if count != before[name]}
        self.assertEqual(counted, {} if why == "stored" else {why: 1})

    def test_on_http_routes(self):
        origin = Origin(lambda handler: (*ON_HTTP_ROUTES[handler.path[len("/files/"):]][:2], b"body"))
        proxy = self.daemon(self.serve(origin), tables=ROUTES)
        for why, (_, _, how) in ON_HTTP_ROUTES.items():
            with self.subTest(why):
                self.expect(proxy, lambda target=f"/files/{why}", how=how: request(proxy.at, target, **how), why)

    def test_on_report_routes(self):
        upstream = Upstream()
        self.serve(upstream)
        proxy = self.daemon(upstream.port, upstream_max_response="1MiB", cache_max_transient="64MiB")
        for campaign, (why, sent) in enumerate(ON_REPORTS.items(), 1):
            with self.subTest(why):
                upstream.report = sent
                self.expect(proxy, lambda target=overview(campaign): proxy.get(target), why)

    def test_nothing_is_said_to_be_stored_that_no_tier_has_taken(self):
        upstream = Upstream()
        self.serve(upstream)
        proxy = self.daemon(upstream.port, cache_file="", cache_max_memory="1MiB")
        upstream.report = answer(b"[" + b" " * (2 << 20) + b"]")
        for _ in range(2):
            self.expect(proxy, lambda: proxy.get(overview()), "too-large-for-cache")
        self.assertEqual(proxy.status()["cache"]["memory"]["entries"], 0)

    def test_explain_says_it_too(self):
        never = run_command("explain", overview(), ROKTCACHED_FRESHNESS_SETTLED="0s")
        self.assertRegex(never.stdout, r"(?m)^not stored: +no-lifetime, ")
        self.assertNotIn("not stored", run_command("explain", overview()).stdout)
