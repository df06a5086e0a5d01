"""What one client sends, and what the upstream once says oddly, spoils nobody else's answers: each a way in which it could."""
import http.server
import json
import pathlib
import threading
import time

from harness import TestCase, overview, request, route, wait_until
from test_http_routes import Origin

ROUTES = (
    route("files", "/files/{rest...}", "GET", "POST") +
    route("read", "/kept/{accountId}/{rest...}", "GET", inject_token=True) +
    route("write", "/kept/{accountId}/{rest...}", "POST") +
    route("pass", "/passed/{rest...}", "POST", cache="off") +
    route("of-passed", "/passed/{rest...}", "GET"))
TWO_CREDENTIALS = """
[[credential]]
name = "first"
accounts = ["1"]
app_id_file = "{folder}/app"
app_secret_file = "{folder}/app"
[[credential]]
name = "second"
app_id_file = "{folder}/app"
app_secret_file = "{folder}/app"
"""
FRESH = ("Cache-Control", "max-age=600")
ADMIN = "an-admin-token-of-the-tests"
NO_CACHE = {"Cache-Control": "no-cache"}


class Mint:
    """Gives numbered tokens."""

    def __init__(self, lifetime=3600):
        self.lifetime = lifetime
        self.minted = 0
        self.down = False

    def __call__(self, _):
        if self.down:
            return 500, [], b""
        self.minted += 1
        return 200, [], json.dumps({"access_token": f"token-{self.minted}", "expires_in": self.lifetime,
                                    "token_type": "Bearer"}).encode()


class OthersAnswers(TestCase):
    def proxy(self, script, mint=None, tables=ROUTES, **settings):
        self.origin = Origin(script, mint or Mint())
        settings.setdefault("freshness_min_refetch_interval", "0ms")
        return self.daemon(self.serve(self.origin), tables=tables, **settings)

    def expect(self, proxy, target, body, method="GET", **fields):
        reply = request(proxy.port, target, method, {name.replace("_", "-"): value for name, value in fields.items()})
        self.assertEqual((reply.status, reply.body), (200, body), reply)
        return reply


class Reports(OthersAnswers):
    def test_a_trace_that_the_upstream_refuses_is_not_sent(self):
        def script(handler):
            sent = handler.headers.get("traceparent", "")
            return (200, [], sent.encode()) if len(sent) < 100 else (400, [], b"header too large")

        proxy = self.proxy(script)
        self.expect(proxy, overview(1), b"", traceparent="x" * 9000)
        self.expect(proxy, overview(2), b"", traceparent="00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01")
        good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        self.expect(proxy, overview(3), good.encode(), traceparent=good)

    def test_a_304_about_something_else_confirms_nothing(self):
        asked, state = [], {"tag": '"a"', "odd": True}

        def script(handler):
            condition = handler.headers.get("If-None-Match")
            asked.append(condition)
            if condition and (condition == state["tag"] or state.pop("odd", False)):
                return 304, [("ETag", state["tag"])], b""
            return 200, [("ETag", state["tag"])], f'[{state["tag"]}]'.encode()

        proxy = self.proxy(script)
        self.expect(proxy, overview(), b'["a"]')
        state["tag"] = '"b"'
        request(proxy.port, overview(), fields=NO_CACHE)  # the odd one: whatever stands in for it
        self.expect(proxy, overview(), b'["b"]', **{"Cache-Control": "no-cache"})
        self.assertEqual(asked[:2], [None, '"a"'])
        self.assertNotIn('"b"', asked, "nothing but what came with a body is asked about")

    def test_what_changed_within_its_second_is_not_asked_about_by_that(self):
        date = "Thu, 01 Jan 2026 00:00:0{} GMT"
        asked = []
        modified = {"at": date.format(5)}

        def script(handler):
            asked.append(handler.headers.get("If-Modified-Since"))
            return 200, [("Last-Modified", modified["at"])], b"[%d]" % len(asked)

        # The origin's Date is today's; that of the raw one below is within the same second.
        proxy = self.proxy(script)
        for _ in range(2):
            request(proxy.port, overview(), fields=NO_CACHE)
        self.assertEqual(asked, [None, modified["at"]])

        class SameSecond(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            sent = []

            def do_GET(self):
                self.sent.append(self.headers.get("If-Modified-Since"))
                self.wfile.write(f"HTTP/1.1 200 OK\r\nDate: {date.format(5)}\r\nLast-Modified: {date.format(5)}\r\n"
                                 "Content-Length: 2\r\n\r\n{}".encode())

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                body = b'{"access_token":"t","expires_in":3600,"token_type":"Bearer"}'
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

            def log_message(self, *_):
                pass

        proxy = self.daemon(self.serve(http.server.ThreadingHTTPServer(("127.0.0.1", 0), SameSecond)), freshness_min_refetch_interval="0ms")
        for _ in range(2):
            self.assertEqual(request(proxy.port, overview(), fields=NO_CACHE).status, 200)
        self.assertEqual(SameSecond.sent, [None, None])

    def test_a_400_for_what_has_worked_is_the_tokens_fault_first(self):
        mint, revoked = Mint(lifetime=20), set()

        def script(handler):
            token = handler.headers["Authorization"].removeprefix("Bearer ")
            return (400, [], b"bad request") if token in revoked else (200, [], b'["report"]')

        proxy = self.proxy(script, mint)
        self.expect(proxy, overview(), b'["report"]')
        time.sleep(2.1)  # a younger token is not doubted
        revoked.update(f"token-{number}" for number in range(1, mint.minted + 1))
        self.expect(proxy, overview(), b'["report"]', **NO_CACHE)
        self.assertTrue(proxy.get(overview()).is_hit)

    def test_a_403_is_the_upstreams_word_where_the_token_is_good_for_others(self):
        mint, forbidden = Mint(lifetime=20), set()

        def script(handler):
            return (403, [], b"not yours") if any(word in handler.path for word in forbidden) else (200, [], b'["report"]')

        proxy = self.proxy(script, mint)
        self.expect(proxy, overview(1), b'["report"]')
        time.sleep(2.1)
        forbidden.add("campaigns/1/")
        mint.down = True
        self.expect(proxy, overview(2), b'["report"]')
        reply = request(proxy.port, overview(1), fields=NO_CACHE)
        self.assertEqual((reply.status, reply.body), (403, b"not yours"), reply)


class HttpRoutes(OthersAnswers):
    def test_what_selects_a_variant_is_never_shown_nor_written(self):
        secrets = {"Authorization": "Bearer MY-OWN-SECRET", "Cookie": "session=COOKIE-SECRET"}
        proxy = self.proxy(lambda _: (200, [("Cache-Control", "public, max-age=600"), ("Vary", "Authorization, Cookie")], b"mine"))
        self.expect(proxy, "/files/a", b"mine", **secrets)
        self.assertTrue(self.expect(proxy, "/files/a", b"mine", **secrets).is_hit)
        self.assertFalse(self.expect(proxy, "/files/a", b"mine", Cookie="another").is_hit)
        shown = request(proxy.admin_port, "/entries").body
        self.assertIn(b"/files/a", shown)
        proxy.stop()
        written = b"".join(path.read_bytes() for path in pathlib.Path(proxy.folder).rglob("*") if path.is_file())
        self.assertIn(b"/files/a", written)
        for secret in (b"MY-OWN-SECRET", b"COOKIE-SECRET"):
            self.assertNotIn(secret, shown)
            self.assertNotIn(secret, written)

    def test_a_field_for_this_connection_selects_nothing(self):
        proxy = self.proxy(lambda h: (200, [FRESH, ("Vary", "Accept-Language")], h.headers.get("Accept-Language", "none").encode()))
        self.expect(proxy, "/files/a", b"none", Accept_Language="de", Connection="keep-alive, accept-language")
        self.expect(proxy, "/files/a", b"de", Accept_Language="de")
        self.assertTrue(self.expect(proxy, "/files/a", b"none").is_hit)

    def test_answers_to_one_clients_conditions_are_kept_for_nobody(self):
        def script(handler):
            status = 416 if handler.headers.get("Range") else 412 if handler.headers.get("If-Match") else 200
            return status, [FRESH], b"whole" if status == 200 else b""

        proxy = self.proxy(script)
        for target, status, fields in (("/files/a", 416, {"Range": "bytes=99999-"}), ("/files/b", 412, {"If-Match": '"zz"'})):
            self.assertEqual(request(proxy.port, target, fields=fields).status, status)
            self.expect(proxy, target, b"whole")

    def test_a_part_answers_no_head(self):
        def script(handler):
            if handler.headers.get("Range"):
                return 206, [FRESH, ("Content-Range", "bytes 0-4/10"), ("ETag", '"a"')], b"01234"
            return 200, [FRESH, ("ETag", '"a"')], b"0123456789"

        proxy = self.proxy(script)
        self.assertEqual(request(proxy.port, "/files/a", fields={"Range": "bytes=0-4"}).status, 206)
        self.assertEqual(request(proxy.port, "/files/a", "HEAD", {"Range": "bytes=0-4"}).status, 200)

    def test_a_late_head_brings_no_older_version_back(self):
        head_came, go_on = threading.Event(), threading.Event()
        self.addCleanup(go_on.set)
        version = [b"a"]

        def script(handler):
            body = version[0]
            fields = [("Cache-Control", "max-age=600" if handler.command == "HEAD" or body == b"b" else "max-age=0"), ("ETag", f'"{body.decode()}"')]
            if handler.command == "HEAD":
                head_came.set()
                go_on.wait(60)
            return 200, fields, body

        proxy = self.proxy(script)
        self.expect(proxy, "/files/a", b"a")
        time.sleep(0.01)  # it is stale, and what comes is later
        slow = threading.Thread(target=lambda: request(proxy.port, "/files/a", "HEAD"))
        slow.start()
        self.assertTrue(head_came.wait(60))
        version[0] = b"b"
        self.expect(proxy, "/files/a", b"b", Cache_Control="no-cache")
        go_on.set()
        slow.join()
        self.expect(proxy, "/files/a", b"b")


class Writes(OthersAnswers):
    """After a write, what was stored of its target is not served (RFC 9111, section 4.4)."""

    def setUp(self):
        self.writes = 0
        self.write = lambda handler: (200, [], b"done")

    def script(self, handler):
        if handler.command == "POST":
            self.writes += 1
            return self.write(handler)
        return 200, [FRESH], f"after {self.writes}".encode()

    def test_under_another_credential(self):
        folder = self.folder()
        pathlib.Path(folder, "app").write_text("app")
        pathlib.Path(folder, "app").chmod(0o600)
        proxy = self.proxy(self.script, tables=TWO_CREDENTIALS.format(folder=folder) + ROUTES, folder=folder)
        for account in (1, 2):
            before = self.writes
            self.expect(proxy, f"/kept/{account}/a", f"after {before}".encode())
            self.expect(proxy, f"/kept/{account}/a", b"done", "POST")
            self.expect(proxy, f"/kept/{account}/a", f"after {before + 1}".encode())

    def test_on_a_route_that_is_not_cached(self):
        proxy = self.proxy(self.script)
        self.expect(proxy, "/passed/a", b"after 0")
        self.expect(proxy, "/passed/a", b"done", "POST")
        self.expect(proxy, "/passed/a", b"after 1")

    def test_whose_answer_is_lost_or_long_in_coming(self):
        for prefix in ("/files", "/passed"):
            begun, go_on = threading.Event(), threading.Event()
            self.addCleanup(go_on.set)

            def broken(handler):
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
                begun.set()
                go_on.wait(60)
                handler.close_connection = True
                raise ConnectionAbortedError

            self.write = broken
            proxy = self.proxy(self.script)
            self.origin.handle_error = lambda *_: None
            before = self.writes
            self.expect(proxy, f"{prefix}/a", f"after {before}".encode())
            heads = []

            def post():
                try:
                    heads.append(request(proxy.port, f"{prefix}/a", "POST").status)
                except OSError:
                    heads.append("broken off")
                except Exception as failure:  # http.client's own
                    heads.append(repr(failure))

            writer = threading.Thread(target=post)
            writer.start()
            self.assertTrue(begun.wait(60))
            wait_until(lambda: request(proxy.port, f"{prefix}/a").body == f"after {before + 1}".encode(), "while it comes")
            go_on.set()
            writer.join()
            self.expect(proxy, f"{prefix}/a", f"after {before + 1}".encode())

    def test_that_was_cut_off_before_any_answer(self):
        for prefix in ("/files", "/passed"):
            def cut(handler):
                handler.close_connection = True
                raise ConnectionAbortedError

            self.write = cut
            proxy = self.proxy(self.script)
            self.origin.handle_error = lambda *_: None
            before = self.writes
            self.expect(proxy, f"{prefix}/a", f"after {before}".encode())
            self.assertEqual(request(proxy.port, f"{prefix}/a", "POST").status, 502)
            self.expect(proxy, f"{prefix}/a", f"after {self.writes}".encode())
            self.assertGreater(self.writes, before)


class Purges(OthersAnswers):
    def test_of_an_account_take_what_http_routes_keep_of_it(self):
        for vary in ([], [("Vary", "X-A")]):
            folder = self.folder()
            token = pathlib.Path(folder, "token")
            token.touch(0o600)
            token.write_text(ADMIN)
            proxy = self.proxy(lambda _: (200, [FRESH, *vary], b"kept"), folder=folder, admin_token_file=token)
            for account in (1, 2):
                self.expect(proxy, f"/kept/{account}/a", b"kept")
            purged = request(proxy.admin_at, "/purge", "POST", {"Content-Type": "application/json", "Authorization": "Bearer " + ADMIN},
                             json.dumps({"account": "1"}))
            self.assertEqual((purged.status, purged.json()["purged"]), (200, 1), purged)
            self.assertEqual([request(proxy.port, f"/kept/{account}/a").is_hit for account in (1, 2)], [False, True])
