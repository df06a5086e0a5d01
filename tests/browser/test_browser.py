"""A page that is open in a browser on the daemon's machine: it cannot read, steer or even find the daemon.

Run by tests/browser/run.sh, which installs what it needs.
"""
import http.server
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

# pylint: disable=wrong-import-position
from canary import canary
from chromium import Chromium
from clients import basic, client
from harness import TestCase, free_port, overview, request

LOOK = (HERE / "look.js").read_text().split("\n", 1)[1].strip()
HOSTS = ("evil.test", "rebind.test", "bi.test")
FETCH = "async (url, options) => fetch(url, options).then(async (r) => [r.status, await r.text(), [...r.headers.keys()]], (e) => e.name)"
LINK = "async (href) => document.body.append(Object.assign(document.createElement('a'), {id: 'link', href, textContent: 'A report'}))"
FRAMED = """async (src) => {
  const frame = Object.assign(document.createElement('iframe'), {src});
  const event = await new Promise((done) => { frame.onload = () => done('load'); document.body.append(frame); });
  try { return [event, frame.contentWindow.location.href]; } catch (error) { return [event, error.name]; }
}"""
TEXT = "async () => document.body.innerText"


class Page(http.server.BaseHTTPRequestHandler):
    """An empty page, whatever is asked for."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>A page</title><body></body>")

    def log_message(self, *_):
        pass


def forgetful(daemon_port, *also):
    """Passes requests on without the fields that newer browsers send along, and answers without those of `also`."""

    class Forgetful(Page):
        def do_GET(self):
            fields = {name: value for name, value in self.headers.items() if not name.lower().startswith("sec-")}
            reply = request(daemon_port, self.path, fields={**fields, "Host": "localhost", "Accept-Encoding": "identity"})
            self.send_response(reply.status)
            for name, value in reply.fields.items():
                if name not in ("connection", "date", *also):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

    return Forgetful


class Browser(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = TestCase()
        cls.pages = cls.base.serve(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page))
        cls.secret = canary("bi")
        cls.upstream, cls.open = cls.base.pair()
        cls.guarded = cls.base.daemon(cls.upstream, tables=client("bi", cls.secret),
                                      listen_allowed_origins=f"http://bi.test:{cls.pages}")
        for _ in range(2):
            cls.open.get(overview())
            cls.guarded.get(overview(), X_API_Key=cls.secret)
        cls.browser = Chromium(free_port(), HOSTS)
        cls.base.addCleanup(cls.browser.close)

    @classmethod
    def tearDownClass(cls):
        cls.base.doCleanups()

    def at(self, host):
        self.browser.open(f"http://{host}:{self.pages}/")

    def look(self, port):
        return self.browser.run(LOOK, f"http://127.0.0.1:{port}", overview())

    def test_a_page_sees_no_more_than_of_a_port_where_nobody_listens(self):
        before = self.upstream.ledger()["total"]
        closed = free_port()
        for host in ("evil.test", "localhost", "127.0.0.1"):
            self.at(host)
            nobody = self.look(closed)
            self.assertEqual(nobody["fetch"], "TypeError: Failed to fetch")
            self.assertEqual(nobody["frame"].split()[0], "load", "a frame loads, if only the browser's own page of an error")
            for name, port in (("clients", self.open.port), ("admin", self.open.admin_port), ("guarded", self.guarded.port)):
                with self.subTest(page=host, listener=name):
                    seen = self.look(port)
                    self.assertEqual({way: (seen[way], nobody[way]) for way in nobody if seen[way] != nobody[way]}, {})
        self.assertEqual(self.upstream.ledger()["total"], before, "nothing was asked of the upstream")
        self.assertTrue(self.open.get(overview()).is_hit, "nothing was purged")

    def test_and_it_would_see_if_there_were_something_to_see(self):
        self.at("evil.test")
        seen, nobody = self.look(self.pages), self.look(free_port())
        differs = {way for way in nobody if seen[way] != nobody[way]}
        self.assertLessEqual({"fetch, no-cors", "HEAD, no-cors"}, differs, seen)

    def follow(self, host, url):
        """Clicks on a link to `url` on a page of `host`; returns the text of where it leads."""
        self.at(host)
        self.browser.run(LINK, url)
        self.browser.click("#link")
        return self.browser.run(TEXT)

    def test_a_link_can_be_followed_and_what_it_leads_to_not_embedded(self):
        for host in ("evil.test", "localhost"):
            with self.subTest(page=host):
                url = f"http://127.0.0.1:{self.open.port}{overview()}"
                self.assertIn("grossCost", self.follow(host, url))
                self.assertIn("grossCost", self.follow(host, f"http://127.0.0.1:{self.guarded.port}{overview()}&api_key={self.secret}"))
                # Challenged with Basic, the browser asks for a name and a secret, and here nobody gives one.
                self.assertEqual(self.follow(host, f"http://127.0.0.1:{self.guarded.port}{overview()}"), "")
                self.at(host)  # the browser may have kept it
                seen, nobody = self.look(self.open.port), self.look(free_port())
                self.assertEqual({way: (seen[way], nobody[way]) for way in nobody if seen[way] != nobody[way]}, {})

    def test_a_browser_that_does_not_say_what_it_asks_for_shows_no_answer_in_a_frame(self):
        for stripped in ((), ("x-frame-options",)):  # without that it would
            with self.subTest(stripped=stripped):
                port = self.base.serve(http.server.ThreadingHTTPServer(("127.0.0.1", 0), forgetful(self.open.port, *stripped)))
                url = f"http://localhost:{port}{overview()}"
                self.assertIn("grossCost", self.follow("evil.test", url), "a link leads there")
                self.at("evil.test")
                self.assertEqual(self.browser.run(FRAMED, url), ["load", "SecurityError"])
                self.assertEqual("grossCost" in self.browser.frame_text(), bool(stripped))

    def test_a_name_that_is_bound_to_this_machine_gets_421(self):
        for port in (self.open.port, self.open.admin_port):
            self.browser.open(f"http://rebind.test:{port}/status")
            self.assertIn("urn:roktcached:unknown-host", self.browser.run(TEXT))
            status, text, _ = self.browser.run(FETCH, overview(), {})
            self.assertEqual(status, 421)
            self.assertNotIn("grossCost", text)
            status, _, _ = self.browser.run(FETCH, "/purge", {"method": "POST", "headers": {"Content-Type": "application/json"},
                                                             "body": '{"all":true}'})
            self.assertEqual(status, 421)

    def test_who_sits_at_the_browser_may(self):
        self.browser.open(f"http://127.0.0.1:{self.open.port}{overview()}")
        self.assertIn("grossCost", self.browser.run(TEXT))
        status, text, _ = self.browser.run(FETCH, overview(), {})
        self.assertEqual((status, "grossCost" in text), (200, True), "the daemon's own origin")

    def test_an_origin_that_is_allowed_can_read_a_report(self):
        url = f"http://127.0.0.1:{self.guarded.port}{overview()}"
        shown = {"headers": {"Authorization": basic("bi", self.secret)}}
        self.at("bi.test")
        status, text, fields = self.browser.run(FETCH, url, shown)
        self.assertEqual((status, "grossCost" in text), (200, True))
        self.assertIn("cache-status", fields)
        self.assertEqual(self.browser.run(FETCH, url, {"headers": {"X-API-Key": self.secret}})[0], 200)
        self.assertEqual(self.browser.run(FETCH, url, {})[0], 401, "its page is told why")
        self.assertEqual(self.browser.run(FETCH, f"http://127.0.0.1:{self.guarded.admin_port}/status", {}), "TypeError")
        for host in ("evil.test", "localhost"):
            self.at(host)
            self.assertEqual(self.browser.run(FETCH, url, shown), "TypeError")
            self.assertEqual(self.browser.run(FETCH, f"{url}&api_key={self.secret}", {}), "TypeError")

    def test_a_preflight_is_no_report(self):
        asked = {"Origin": f"http://bi.test:{self.pages}", "Access-Control-Request-Method": "GET",
                 "Access-Control-Request-Headers": "authorization"}
        reply = request(self.guarded.port, overview(), "OPTIONS", asked)
        self.assertEqual((reply.status, reply.body), (204, b""))
        self.assertEqual(reply.fields["access-control-allow-origin"], asked["Origin"])
        self.assertNotIn("access-control-allow-credentials", reply.fields)
        other = request(self.guarded.port, overview(), "OPTIONS", {**asked, "Origin": f"http://evil.test:{self.pages}"})
        self.assertEqual(other.status, 403)
        self.assertNotIn("access-control-allow-origin", other.fields)


if __name__ == "__main__":
    unittest.main(verbosity=2)
