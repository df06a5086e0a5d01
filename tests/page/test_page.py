"""The dashboard in a real Chromium: it shows what /status says, to everybody, and asks nobody else.

Run by tests/page/run.sh, which installs what it needs.
"""
import datetime
import json
import os
import pathlib
import re
import statistics
import sys
import unittest
import urllib.parse

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(TOP / "tests" / "integration"), str(TOP / "tests" / "fleet")]

# pylint: disable=wrong-import-position
import test_upstream_wire as wire
from canary import canary
from engine import Engine
from fleet_engine import FleetCase
from harness import TestCase, overview, query, request, until_stale, wait_until
from page_browser import PageBrowser

SUMMARY = f"/reporting/accounts/12/summary?{query()}"
VIEWS = ("light", "dark", "phone")
HOSTILE = "<img src=x onerror=window.stolen=1><script>window.stolen=1</script>"
ANSWERS = ("hit", "refreshing_hit", "miss", "revalidated", "collapsed", "stale_if_error", "passed", "not_json", "too_large")


def number(text):
    return int(re.search(r"[\d,]+", text)[0].replace(",", ""))


class Page(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = PageBrowser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()

    def with_token(self, simulator, folder=None, **settings):
        """A daemon with an admin token, which is returned, too."""
        folder = folder or self.folder()
        token = canary("admin")
        at = pathlib.Path(folder, "admin_token")
        at.touch(0o600)
        at.write_text(token)
        return self.daemon(simulator, folder, admin_token_file=str(at), **settings), token

    def open(self, daemon, **options):
        self.browser.open(url=f"http://127.0.0.1:{daemon.admin_port}/", **options)

    def assert_quiet(self, daemon):
        """Nothing has gone wrong in the page, and it has asked the daemon alone."""
        heard = self.browser.heard()
        self.assertEqual((heard["console"], heard["errors"]), ([], []))
        self.assertEqual({urllib.parse.urlsplit(url).netloc for url in heard["requests"]}, {f"127.0.0.1:{daemon.admin_port}"})

    def test_all_can_use_it_right_after_the_start(self):
        _, daemon = self.pair()
        for view in VIEWS:
            with self.subTest(view=view):
                self.open(daemon, view=view)
                self.assertEqual(self.browser.text("#saved"), "No answers yet")
                self.assertEqual(self.browser.axe(), [])
                self.assertTrue(self.browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is cut at the side")
                self.assert_quiet(daemon)

    def test_it_shows_what_the_status_says(self):
        simulator, daemon = self.pair()
        daemon.get("/reporting/nothing")
        daemon.share_one_fetch(simulator, 5, lambda _: daemon.get(overview()))
        for campaign in (1, 2, 3, 3, 3, 3):
            daemon.get(overview(campaign))
        daemon.get(SUMMARY)
        simulator.faults({"path_prefix": "/reporting", "kind": "status", "status": 503})
        daemon.get(overview(7))
        status = daemon.wait_until_counted(miss=5, collapsed=4, hit=4, refused=2)
        requests = status["requests"]
        self.assertGreater(requests["hit"], 2)
        for view in VIEWS:
            with self.subTest(view=view):
                self.open(daemon, view=view)
                answers = sum(requests[outcome] for outcome in ANSWERS)
                self.assertEqual(self.browser.text("#saved"), f"{answers} answers")
                self.assertIn(f"for {status['upstream_requests']} upstream calls", self.browser.text("#saved-detail"))
                self.assertEqual(self.browser.text("#health"), "Healthy")
                self.assertEqual(self.browser.text("#freshness"), "100 % fresh")
                shown = {row[0].split("\n")[0].replace(" ", "_"): number(row[1]) for row in self.browser.rows("#outcomes")}
                self.assertEqual(shown, {outcome: count for outcome, count in requests.items() if count})
                ((client, asked, _, spent, share),) = self.browser.rows("#clients")
                (told,) = status["clients"]
                self.assertEqual((client, number(asked), number(spent), share.strip()), (told["client"], told["asked"], told["upstream"], "100 %"))
                routes = {row[0]: (number(row[1]), number(row[3])) for row in self.browser.rows("#reports")}
                self.assertEqual(routes, {name: (route["asked"], route["upstream"]) for name, route in told["routes"].items() if name != "-"})
                memory = status["cache"]["memory"]["entries"]
                self.assertIn(f"Memory: {memory} entries", self.browser.text("#tiers"))
                self.assertEqual([row[0:2] for row in self.browser.rows("#states")], [["settled", str(memory)]])
                hottest = [(row[0].split("\n")[0], number(row[1]), row[3]) for row in self.browser.rows("#hottest")]
                self.assertEqual(hottest[0], ("campaign-overview", 9, "127.0.0.1 (9)"))
                self.assertEqual(sum(asked for _, asked, _ in hottest), 12)
                self.assertIn("No number has changed", self.browser.text("#restated"))
                problems = [(row[1], row[2], row[3]) for row in self.browser.rows("#problems")]
                self.assertIn(("unknown route", "404", "none"), problems)
                self.assertIn("503", [status for _, status, _ in problems])
                self.assertEqual(self.browser.axe(), [])
                self.assert_quiet(daemon)

    def test_it_goes_on_by_itself_and_follows_a_restart(self):
        simulator = self.simulator()
        folder = self.folder()
        daemon = self.daemon(simulator, folder)
        daemon.get(SUMMARY)
        self.open(daemon)
        self.assertEqual(self.browser.text("#saved"), "1 answer")
        daemon.get(SUMMARY)
        self.browser.shows(selector="#saved", text="2 answers")
        self.browser.shows(selector="#traffic-legend", text="/s")  # two samples have been taken
        self.assertIn("from the cache", self.browser.label("#traffic-chart"))
        at = {"listen_addresses": f"127.0.0.1:{daemon.port}", "admin_address": f"127.0.0.1:{daemon.admin_port}"}
        daemon.stop()
        self.browser.state("lost")
        self.assertEqual(self.browser.text("#health"), "No answer")
        again = self.daemon(simulator, folder, port=daemon.port, wait=False, **at)
        again.admin_port = again.admin_at = daemon.admin_port
        wait_until(again.ready, "the daemon is ready again")
        self.browser.shows(selector="#saved", text="No answers yet")
        request(daemon.port, SUMMARY)
        self.browser.shows(selector="#saved", text="1 answer")
        self.assertEqual(self.browser.heard()["errors"], [])
        self.assertTrue(again.alive())

    def test_it_asks_nothing_while_nobody_looks(self):
        _, daemon = self.pair()
        self.open(daemon, clock=True)
        for stop, go in (("click", "click"), ("hide", "hide")):
            with self.subTest(by=stop):
                getattr(self.browser, stop)("#pause" if stop == "click" else True)
                before = len(self.browser.heard()["requests"])
                self.browser.forward(600_000)
                self.assertEqual(len(self.browser.heard()["requests"]), before)
                getattr(self.browser, go)("#pause" if go == "click" else False)
                wait_until(lambda asked=before: len(self.browser.heard()["requests"]) > asked, "it asks again")

    def test_a_dead_token_and_a_restatement_are_seen(self):
        upstream = wire.Upstream()
        self.serve(upstream)
        upstream.report = wire.answer(b'{"revenue":10,"purchases":3}')
        daemon = self.daemon(upstream.port, freshness_settled="1ms", freshness_stale_while_revalidate="0ms", freshness_min_refetch_interval="0ms")
        daemon.get(SUMMARY)
        until_stale()
        upstream.report = wire.answer(b'{"revenue":1200.5,"purchases":3}')
        daemon.get(SUMMARY)
        wait_until(lambda: daemon.status()["restatements"] == 1, "the restatement is counted")
        self.open(daemon)
        ((_, report, times, moved),) = self.browser.rows("#restated")
        self.assertEqual((report, times, moved), ("account-summary\naccount 12", "1", "/revenue 10 → 1,200.5"))
        self.assertEqual(self.browser.axe(), [])
        refused = self.daemon(self.simulator(), app_id="another-app")
        wait_until(lambda: refused.status()["token"]["failures"] > 0, "the token is refused")
        self.open(refused)
        self.assertEqual(self.browser.text("#health"), "Degraded")
        self.assertIn("No access token", self.browser.text("#health-detail"))
        self.assertEqual(self.browser.axe(), [])
        self.assert_quiet(refused)

    def test_what_was_warmed_is_seen(self):
        path = "/metadata/accounts/12/campaigns/3"
        at = datetime.datetime.now(datetime.timezone.utc).strftime("%H:%M")
        daemon = self.daemon(self.simulator(), tables=f'[[warm]]\npath = "{path}"\nat = "{at}"\ntime_zone = "UTC"\n')
        wait_until(lambda: daemon.status()["warming"]["warmed"] == 1, "it is warmed")
        daemon.get(path)
        wait_until(lambda: daemon.status()["warming"]["used"] == 1, "its use is seen")
        self.open(daemon)
        ((report, today, *counts),) = self.browser.rows("#warmed")
        self.assertEqual((report, today, counts), (f"{path}\nnamed, in UTC", "used", ["1", "1", "0"]))
        self.assertIn("1 warmed", self.browser.text("#warmed-facts"))
        self.assertEqual(self.browser.axe(), [])
        self.assert_quiet(daemon)

    def test_a_fleet_is_seen_where_there_is_one(self):
        simulator, alone = self.pair()
        self.open(alone)
        self.assertTrue(self.browser.evaluate("document.querySelector('#fleet-panel').hidden"))
        engine = Engine()
        self.addCleanup(engine.stop)
        daemon = self.daemon(simulator, fleet_url=engine.url)
        FleetCase.wait_together(daemon)
        daemon.get(overview())
        wait_until(lambda: daemon.status()["fleet"]["fetches"]["landed"] == 1, "its answer has landed")
        self.open(daemon)
        shown = {row[0].split("\n")[0]: number(row[1]) for row in self.browser.rows("#fleet")}
        self.assertEqual(shown, daemon.status()["fleet"]["fetches"])
        self.assertIn("1 of 1 members", self.browser.text("#fleet-facts"))
        self.assertEqual(self.browser.text("#health"), "Healthy")
        self.assertEqual(self.browser.axe(), [])
        engine.kill()
        wait_until(lambda: daemon.status()["fleet"]["state"] == "alone", "it is alone")
        self.open(daemon)
        self.assertEqual(self.browser.text("#health"), "Degraded")
        self.assertIn("Alone, without the fleet: ", self.browser.text("#health-detail"))
        self.assertIn("alone", self.browser.text("#fleet-facts"))
        self.assert_quiet(daemon)

    def test_a_purge_is_confirmed_and_needs_the_token(self):
        daemon, token = self.with_token(self.simulator())
        daemon.get(overview())
        self.open(daemon)
        self.browser.fill(selector="#purge-value", text=f"http://localhost:8080{overview()}&api_key=mine")
        self.browser.click("#purge-soft")
        self.browser.click("#purge-form button")
        self.assertIn(overview(), self.browser.text("#confirm-text"))
        self.assertNotIn("mine", self.browser.text("#confirm-text"))
        self.assertEqual(self.browser.axe(), [])
        self.browser.press("Escape")
        self.assertTrue(daemon.get(overview()).is_hit, "cancelled")
        self.browser.click("#purge-form button")
        self.browser.fill(selector="#token", text="not the token")
        self.browser.click("#confirm-do")
        self.browser.shows(selector="#confirm-error", text="with the admin token")
        self.assertTrue(daemon.get(overview()).is_hit, "refused")
        self.browser.fill(selector="#token", text=token)
        self.browser.press("Enter")
        self.browser.shows(selector="#purge-result", text="Purged: 1.")
        self.assertFalse(daemon.get(overview()).is_hit, "purged")
        # The token is asked for once, and is nowhere that outlives the page.
        self.browser.select(selector="#purge-by", value="all")
        self.browser.click("#purge-form button")
        self.assertFalse(self.browser.evaluate("document.getElementById('token').checkVisibility()"))
        self.browser.click("#confirm-do")
        self.browser.shows(selector="#purge-result", text="Purged: 1.")
        kept = self.browser.evaluate("[JSON.stringify({...localStorage}), JSON.stringify({...sessionStorage}), document.cookie, location.href, document.documentElement.outerHTML].join()")
        self.assertNotIn(token, kept)
        self.assertNotIn(token, json.dumps(self.browser.heard()))

    def test_an_address_is_explained(self):
        daemon, _ = self.with_token(self.simulator())
        daemon.get(overview())
        self.open(daemon)
        spelling = overview().replace("America/New_York", "America%2fNew_York")
        self.browser.fill(selector="#address", text=f"http://127.0.0.1:8080{spelling}&")
        self.browser.click("#explain-form button")
        explained = request(daemon.admin_port, f"/explain?target={urllib.parse.quote(spelling, safe='')}")
        self.assertEqual(explained.status, 200, explained.body)
        self.browser.shows(selector="#explanation", text=explained.json()["key"])
        shown = self.browser.text("#explanation")
        for text in ("A hit", overview(), "campaign-overview", "Fresh until", "Usable until", "127.0.0.1 (1)"):
            self.assertIn(text, shown)
        self.assertEqual(self.browser.axe(), [])
        self.browser.fill(selector="#address", text=overview(currency="EUR"))
        self.browser.click("#explain-form button")
        self.browser.shows(selector="#explanation", text="They differ in currency: USD or EUR")
        self.browser.fill(selector="#address", text="/nothing")
        self.browser.click("#explain-form button")
        self.browser.shows(selector="#explanation .bad", text="no route")

    def test_from_the_page_to_a_report_without_a_terminal(self):
        _, daemon = self.pair()
        self.open(daemon)
        self.browser.fill(selector="#address", text=f"https://api.rokt.com{overview()}")
        self.browser.press("Tab")
        self.browser.press("Enter")
        self.browser.shows(selector="#explanation", text="nothing is stored for this key")
        self.assertIn("by nobody since the start", self.browser.text("#explanation"))
        opened = self.browser.follow("#explanation a.button")
        self.assertEqual(opened["url"], f"http://127.0.0.1:{daemon.port}{overview()}")
        reply = daemon.get(overview())
        self.assertTrue(reply.is_hit, "the link has fetched it")
        self.assertEqual(json.loads(opened["text"]), reply.json())
        self.browser.click("#explain-form button")
        self.browser.shows(selector="#explanation", text="A hit")
        self.browser.shows(selector="#explanation", text="127.0.0.1 (2), last")
        self.assertEqual(self.browser.axe(), [])

    def called(self, module, function, *arguments):
        """What a function of one of the page's modules makes of these."""
        return self.browser.called(module=module, name=function, values=arguments)

    def test_figures_are_honest(self):
        for share, shown in ((1, "100 %"), (0.99999, "99.9 %"), (0.996, "99.6 %"), (0.5, "50 %"), (0.0421, "4.2 %"), (0.0001, "< 0.1 %"), (0, "0 %"), (None, "–")):
            self.assertEqual(self.called("format", "percent", share), shown)
        for ms, shown in ((0, "0 ms"), (999, "999 ms"), (1000, "1 s"), (61_000, "1 min 1 s"), (3_600_000, "1 h"), (90_000_000, "1 d 1 h")):
            self.assertEqual(self.called("format", "duration", ms), shown)
        for number_of, shown in ((0, "0 B"), (1023, "1,023 B"), (1536, "1.5 KiB"), (268435456, "256 MiB")):
            self.assertEqual(self.called("format", "bytes", number_of), shown)
        for number_of, digits, shown in ((0, 0, "0"), (999.6, 0, "1,000"), (1234567.891, 2, "1,234,567.89"), (-1234.5, 6, "-1,234.5"), (-0.001, 2, "0"), (44650.481, 6, "44,650.481"), (100, 0, "100")):
            self.assertEqual(self.called("format", "decimal", number_of, digits), shown)
        for pasted, target in ((" https://api.rokt.com/a?b=1#c ", "/a?b=1"), ("/a?api_key=x&b=1", "/a?b=1"), ("http://localhost:8080/a?API_KEY=x", "/a"), ("/a?b=?&", "/a?b=?")):
            self.assertEqual(self.called("explain", "targetOf", pasted), target)

    def test_a_report_is_opened_where_the_daemon_listens(self):
        for listeners, url in (
            ([("127.0.0.1:8080", False)], "http://127.0.0.1:8080/a?b=1"),
            ([("unix:/run/a", False), ("0.0.0.0:8443", True)], "https://proxy.example:8443/a?b=1"),
            ([("0.0.0.0:8443", True), ("[::]:8080", False)], "http://proxy.example:8080/a?b=1"),
            ([("[::1]:8080", False)], "http://[::1]:8080/a?b=1"),
            ([("unix:/run/a", False)], None),
        ):
            status = {"listeners": [{"address": address, "tls": tls} for address, tls in listeners]}
            self.assertEqual(self.called("model", "reportUrl", status, "/a?b=1", "proxy.example"), url)

    def test_a_pause_of_the_samples_is_a_gap_and_what_is_known_is_not_added_twice(self):
        series = {"every_s": 5, "at_unix_ms": [0, 5000, 10_000, 70_000, 75_000]}
        self.assertEqual(self.called("model", "rates", series, [0, 10, 10, 50, 55], 0), [2, 0, None, 1])
        self.assertEqual(self.called("model", "rates", series, [0, 10, 3, 3, 3], 0), [2, 0, None, 0], "no rate is below zero")

        def history(*at):
            columns = {"every_s": 5, "at_unix_ms": list(at), "requests": {"hit": list(at)}, "queued": list(at)}
            return {"started_at_unix_ms": 1, "hour": columns, "day": {**columns, "every_s": 300}, "problems": []}

        merged = self.called("model", "merged", history(1, 2), history(2, 3))
        self.assertEqual((merged["hour"], merged["day"]["at_unix_ms"]), (history(1, 2, 3)["hour"], [1, 2, 3]))
        merged = self.called("model", "merged", history(*range(720)), history(720, 721))
        self.assertEqual((len(merged["hour"]["queued"]), merged["hour"]["requests"]["hit"][0], merged["hour"]["queued"][-1]), (720, 2, 721))

    def test_no_text_of_the_daemon_s_becomes_markup(self):
        simulator, daemon = self.pair()
        daemon.get(SUMMARY)
        daemon.get("/reporting/nothing")
        self.open(daemon, hostile=HOSTILE)
        self.assertIn(HOSTILE, self.browser.text("#clients"))
        self.assertIn(HOSTILE, self.browser.text("#reports"))
        self.assertEqual(self.browser.evaluate("[document.images.length, document.scripts.length, window.stolen ?? null]"), [0, 2, None])
        self.assertTrue(simulator.alive())

    def test_the_keyboard_reaches_all_and_shows_where_it_is(self):
        _, daemon = self.pair()
        self.open(daemon)
        places = self.browser.focused(100)
        names = [name for name, _ in places]
        wanted = ["Skip to the content", "pause", "address", "Explain", "900", "3600", "86400", "clients", "purge-by", "purge-value", "purge-soft", "Purge…", "status"]
        self.assertEqual([name for name in names if name in wanted][:len(wanted)], wanted)
        self.assertEqual([name for name, is_seen in places if not is_seen], [])

    def test_it_is_small_and_loaded_once(self):
        _, daemon = self.pair()
        self.open(daemon)
        weight = self.browser.weight()
        self.assertLess(weight["bytes"], 150 * 1024)
        self.assertEqual(weight["files"], [], "the document is all")
        first = request(daemon.admin_port, "/")
        again = request(daemon.admin_port, "/", fields={"If-None-Match": first.fields["etag"]})
        self.assertEqual((first.status, again.status, again.body), (200, 304, b""))
        self.assertEqual(request(daemon.admin_port, "/", "HEAD").fields["content-type"], "text/html; charset=utf-8")
        self.assertEqual(request(daemon.admin_port, "/", "POST").status, 405)
        self.assertEqual(request(daemon.admin_port, "/page/page.js").status, 404)
        self.assertNotIn(b"<script>", request(daemon.port, "/").body, "it is on the admin listener alone")

    def test_a_browser_has_it_within_100_ms(self):
        """The best of several loads: other programs can only make one slower. Where they make an empty page slow, too, that is the measure."""
        _, daemon = self.pair()
        daemon.get(SUMMARY)
        self.open(daemon)
        loads = self.browser.loads(url=f"http://127.0.0.1:{daemon.admin_port}/", times=12)
        best = {}
        for whose, took in loads.items():
            for what in (name for name in took[0] if took[0][name] is not None):
                values = [one[what] for one in took]
                best[whose, what] = min(values)
                print(f"{whose}, {what}: {min(values):.0f} ms at best, {statistics.median(values):.0f} at the median")
        empty = best["empty", "loaded"]
        self.assertLess(best["page", "loaded"], max(100, 3 * empty))
        self.assertLess(best["page", "shown"], max(150, 5 * empty))

    def test_what_takes_long_is_not_done_before_the_figures_are_shown(self):
        """A new tab's first use of Intl takes as long as all of the page's own script; the library of charts is such a use."""
        _, daemon = self.pair()
        daemon.get(SUMMARY)
        self.open(daemon, before="""
            window.used = [];
            for (const name of ['NumberFormat', 'DateTimeFormat']) {
              Intl[name] = new Proxy(Intl[name], Object.fromEntries(['construct', 'apply'].map((how) =>
                [how, (...given) => { window.used.push(performance.now()); return Reflect[how](...given); }])));
            }""")
        wait_until(lambda: self.browser.evaluate("document.querySelector('#traffic-chart canvas') !== null"), "a chart is drawn")
        shown, used = self.browser.evaluate("[performance.getEntriesByName('shown')[0].startTime, window.used]")
        self.assertTrue(used, "the library of charts uses it")
        self.assertEqual([at for at in used if at < shown], [])

    def test_the_library_is_the_published_one(self):
        embedded = TOP / "server" / "admin" / "page" / "uplot"
        published = pathlib.Path(os.environ["PAGE_LIBRARIES"], "node_modules", "uplot")
        version = json.loads((published / "package.json").read_text())["version"]
        self.assertIn(f"uPlot {version}", (embedded.parent / "README.md").read_text())
        for name, source in (("uPlot.iife.min.js", "dist/uPlot.iife.min.js"), ("uPlot.min.css", "dist/uPlot.min.css"), ("LICENSE", "LICENSE")):
            self.assertEqual((embedded / name).read_bytes(), (published / source).read_bytes(), name)


class History(TestCase):
    def test_it_counts_as_the_status_does(self):
        _, daemon = self.pair()
        daemon.get(SUMMARY)
        daemon.get(SUMMARY)
        daemon.get("/reporting/nothing?secret=value-of-a-query")
        status = daemon.wait_until_counted(miss=1, hit=1, refused=2)  # who looked whether it is ready was refused, too

        def sampled():
            return request(daemon.admin_port, "/history").json()["hour"]

        def is_sampled():
            return {outcome: counts[-1] for outcome, counts in sampled()["requests"].items()} == status["requests"]

        wait_until(is_sampled, "a sample has been taken since")
        hour = sampled()
        self.assertEqual(hour["upstream_requests"][-1], status["upstream_requests"])
        self.assertEqual(hour["memory_bytes"][-1], status["cache"]["memory"]["bytes"])
        self.assertEqual(sorted(hour["at_unix_ms"]), hour["at_unix_ms"])
        reply = request(daemon.admin_port, "/history")
        problems = reply.json()["problems"]  # one for each thread that has seen it
        told = {(problem["route"], problem["outcome"], problem["status"], problem["reason"]) for problem in problems}
        self.assertEqual(told, {("-", "refused", 404, "unknown-route")})
        self.assertEqual(sum(problem["times"] for problem in problems), status["requests"]["refused"])
        self.assertNotIn(b"value-of-a-query", reply.body)
        later = request(daemon.admin_port, f"/history?since={hour['at_unix_ms'][-1]}").json()
        self.assertTrue(all(at > hour["at_unix_ms"][-1] for at in later["hour"]["at_unix_ms"]))
        refused = request(daemon.admin_port, "/history?since=yesterday")
        self.assertEqual(refused.status, 400)
        self.assertIn("since", refused.problem()["detail"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
