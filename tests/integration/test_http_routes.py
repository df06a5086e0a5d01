"""Routes with cache = "http": what RFC 9111 wants, over real sockets and against an origin that counts."""
import gzip
import http.server
import threading
import time

from harness import TestCase, in_parallel, overview, raw, request, route, wait_until

ROUTES = route("files", "/files/{rest...}", "GET", "POST", "PUT", "DELETE")


class Origin(http.server.ThreadingHTTPServer):
    """Answers by `script(handler)`, which returns status, fields and body; counts what it was asked.

    `mint` is the script of the token endpoint.
    """

    daemon_threads = True

    def __init__(self, script, mint=lambda _: (503, [], b"")):
        self.script = script
        self.mint = mint
        self.asked = []
        self.dead = False  # closes connections without a word
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes

    def do_GET(self):
        self.request_body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.dead:
            self.close_connection = True
            return
        if self.path.startswith("/auth/"):
            status, fields, body = self.server.mint(self)
        else:
            self.server.asked.append(self)
            status, fields, body = self.server.script(self)
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(body)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, *_):
        pass


class HttpRoutes(TestCase):
    def proxy(self, script, **settings):
        self.origin = Origin(script)
        return self.daemon(self.serve(self.origin), tables=ROUTES, **settings)

    @property
    def asked(self):
        return len(self.origin.asked)

    def test_a_miss_a_hit_and_a_revalidation_say_so(self):
        def script(handler):
            if handler.headers.get("If-None-Match") == '"v1"':
                return 304, [("ETag", '"v1"'), ("Cache-Control", "max-age=60"), ("X-Round", "2")], b""
            lifetime = 1 if handler.path == "/files/brief" else 60
            return 200, [("ETag", '"v1"'), ("Cache-Control", f"max-age={lifetime}"), ("X-Round", "1")], b"body"

        proxy = self.proxy(script)
        miss = proxy.get("/files/a")
        self.assertRegex(miss.cache_status, r"^roktcached; fwd=miss; stored; ttl=(60|[1-5]\d)$")
        hit = proxy.get("/files/a")
        self.assertRegex(hit.cache_status, r"^roktcached; hit; ttl=(60|[1-5]\d)$")
        self.assertEqual((hit.body, int(hit.fields["age"]) < 60, hit.fields["x-round"]), (b"body", True, "1"))
        proxy.get("/files/brief")
        time.sleep(1.1)
        again = proxy.get("/files/brief")
        self.assertRegex(again.cache_status, r"^roktcached; fwd=stale; fwd-status=304; stored; ttl=(60|[1-5]\d)$")
        self.assertEqual((again.body, again.fields["x-round"]), (b"body", "2"))
        self.assertEqual(proxy.get("/files/brief").fields["x-round"], "2")
        self.assertEqual(self.asked, 3)

    def test_what_may_not_be_shared_is_never_shared(self):
        def script(handler):
            time.sleep(0.3)
            return 200, [("Cache-Control", "private, max-age=60")], handler.headers["X-Who"].encode()

        proxy = self.proxy(script)
        replies = in_parallel(60, lambda number: (number, proxy.get("/files/mine", X_Who=f"client-{number}").body))
        for number, body in replies:
            self.assertEqual(body, f"client-{number}".encode())
        self.assertEqual(self.asked, 60)

    def test_what_may_be_shared_is_fetched_once(self):
        def script(_):
            time.sleep(0.3)
            return 200, [("Cache-Control", "max-age=60")], b"everybody's"

        proxy = self.proxy(script)
        bodies = in_parallel(60, lambda number: proxy.get("/files/ours", X_Who=str(number)).body)
        self.assertEqual(set(bodies), {b"everybody's"})
        self.assertEqual(self.asked, 1)

    def fresh(self, **fields):
        """Whether an answer with these fields is answered with again from the cache."""
        self.script = lambda _: (200, [(name.replace("_", "-"), one) for name, value in fields.items()
                                       for one in (value if isinstance(value, list) else [value])], b"x")
        target = f"/files/{self.asked}"
        self.assertEqual(self.shared.get(target).status, 200)
        return self.shared.get(target).is_hit

    def test_age_is_the_first_member_of_a_list_and_ignored_where_it_is_none(self):  # RFC 9111, section 5.1
        """By the names that http-cache-tests gives these (age-parse-*), of which the edition on npm wants some otherwise."""
        self.shared = self.proxy(lambda handler: self.script(handler))
        cases = {"nonnumeric": ("abc", True), "negative": ("-7200", True), "float": ("7200.0", True), "parameter": ("7200;foo=bar", True),
                 "numeric-parameter": ("7200;foo=111", True), "empty": ("", True), "suffix": ("7200, 0", False), "prefix": ("0, 7200", True),
                 "suffix-twoline": (["7200", "0"], False), "prefix-twoline": (["0", "7200"], True), "dup-0": ("0, 0", True),
                 "dup-0-twoline": (["0", "0"], True), "dup-old": ("3600, 3600", False), "a number": ("100", True), "an old one": ("3600", False)}
        for name, (age, fresh) in cases.items():
            self.assertEqual(self.fresh(Cache_Control="max-age=3600", Age=age), fresh, name)

    def test_dates_have_no_case(self):  # RFC 9111, section 4.2
        """freshness-expires-wrong-case-* of http-cache-tests, and their like for dates that are over."""
        self.shared = self.proxy(lambda handler: self.script(handler))
        for date, fresh in (("Thu, 18 Aug 2050 02:01:18 gmt", True), ("thu, 18 Aug 2050 02:01:18 GMT", True), ("Thu, 18 aug 2050 02:01:18 GMT", True),
                            ("THURSDAY, 18-AUG-50 02:01:18 GMT", True), ("THU AUG 18 02:01:18 2050", True), ("thu, 18 aug 1994 02:01:18 gmt", False),
                            ("Thu, 18 Aug 2050 02:01:18 PST", False), ("Thu, 18 Aug 2050 02:01:18", False)):
            self.assertEqual(self.fresh(Expires=date), fresh, date)

    def test_vary_compares_values_as_they_are(self):  # RFC 9111, section 4.1
        def script(handler):
            return 200, [("Cache-Control", "max-age=60"), ("Vary", handler.headers["X-Vary"])], str(self.asked).encode()

        proxy = self.proxy(script)

        def body(name, *lines):
            fields = "".join(f"{name}: {line}\r\n" for line in lines)
            return raw(proxy.port, f"GET /files/{name} HTTP/1.1\r\nHost: localhost\r\nX-Vary: {name}\r\n{fields}Connection: close\r\n\r\n".encode()).split(b"\r\n\r\n")[1]

        for name in ("User-Agent", "Referer", "Cookie", "X-Custom"):
            spelled = [("a, b",), ("a,b",), ("a", "b"), ("b", "a"), ("a; b",), ("a",), ("A",), ()]
            first = [body(name, *lines) for lines in spelled]
            self.assertEqual(len(set(first)), len(spelled), f"{name}: each has its own answer")
            self.assertEqual([body(name, *lines) for lines in spelled], first)
        for name in ("Accept", "Accept-Encoding", "Accept-Language"):
            same = {body(name, *lines) for lines in (("a, b",), ("a,b",), ("a", "b"), (" a ,, b ",))}
            self.assertEqual(len(same), 1, f"{name} is a list")
            self.assertNotIn(body(name, "a"), same)
        self.assertNotEqual(body("Accept", "b, a"), body("Accept", "a, b"))

    def test_variants_asked_for_together_get_each_its_own(self):
        def script(handler):
            time.sleep(0.1)
            return 200, [("Cache-Control", "max-age=60"), ("Vary", "X-Who")], handler.headers["X-Who"].encode()

        proxy = self.proxy(script)
        for _ in range(2):
            replies = in_parallel(40, lambda number: (number % 4, proxy.get("/files/v", X_Who=str(number % 4)).body))
            for number, body in replies:
                self.assertEqual(body, str(number).encode())
        asked = self.asked
        replies = in_parallel(40, lambda number: (number % 4, proxy.get("/files/v", X_Who=str(number % 4)).body))
        for number, body in replies:
            self.assertEqual(body, str(number).encode())
        self.assertLessEqual(self.asked - asked, 4)

    def test_a_clients_own_credential_is_not_shared(self):
        def script(handler):
            return 200, [("Cache-Control", "max-age=60")], handler.headers.get("Authorization", "none").encode()

        proxy = self.proxy(script)
        self.assertEqual(proxy.get("/files/a", Authorization="Basic YTpi").body, b"Basic YTpi")
        self.assertEqual(proxy.get("/files/a").body, b"none")
        self.assertEqual(self.asked, 2)

    def test_an_unsafe_method_invalidates_also_what_it_names_and_what_is_under_way(self):
        slow = threading.Event()

        def script(handler):
            if handler.command == "POST":
                return 201, [("Location", "/files/new"), ("Content-Location", "http://other.example/files/far")], b""
            if handler.headers.get("X-Slow"):
                slow.set()
                time.sleep(0.5)
            return 200, [("Cache-Control", "max-age=60"), ("Vary", "X-Variant")], str(self.asked).encode()

        proxy = self.proxy(script)
        for target in ("/files/a", "/files/new", "/files/far"):
            proxy.get(target, X_Variant="1")
            proxy.get(target, X_Variant="2")
            self.assertTrue(proxy.get(target, X_Variant="1").is_hit, target)
        under_way = threading.Thread(target=lambda: proxy.get("/files/a", X_Variant="3", X_Slow="1"))
        under_way.start()
        slow.wait(10)
        self.assertEqual(request(proxy.port, "/files/a", method="POST", body=b"x").status, 201)
        under_way.join()
        for target in ("/files/a", "/files/new"):
            for variant in ("1", "2", "3"):
                self.assertFalse(proxy.get(target, X_Variant=variant).is_hit, (target, variant))
        self.assertTrue(proxy.get("/files/far", X_Variant="1").is_hit)

    def test_a_failed_unsafe_method_invalidates_nothing(self):
        def script(handler):
            return (500, [], b"") if handler.command == "DELETE" else (200, [("Cache-Control", "max-age=60")], b"x")

        proxy = self.proxy(script)
        proxy.get("/files/a")
        self.assertEqual(request(proxy.port, "/files/a", method="DELETE").status, 500)
        self.assertTrue(proxy.get("/files/a").is_hit)

    def test_ranges_of_what_is_stored(self):
        def script(_):
            return 200, [("Cache-Control", "max-age=60"), ("ETag", '"e"')], b"0123456789"

        proxy = self.proxy(script)
        proxy.get("/files/a")
        part = proxy.get("/files/a", Range="bytes=2-4")
        self.assertEqual((part.status, part.body, part.fields["content-range"], part.fields["content-length"]),
                         (206, b"234", "bytes 2-4/10", "3"))
        none = proxy.get("/files/a", Range="bytes=10-")
        self.assertEqual((none.status, none.fields["content-range"]), (416, "bytes */10"))
        self.assertEqual(proxy.get("/files/a", Range="bytes=2-4", If_Range='"other"').status, 200)
        self.assertEqual(proxy.get("/files/a", Range="bytes=2-4", If_None_Match='"e"').status, 304)
        self.assertEqual(self.asked, 1)

    def test_private_fields_go_to_who_caused_them_and_to_nobody_else(self):
        def script(_):
            return 200, [("Cache-Control", 'max-age=60, private="X-Secret"'), ("X-Secret", "s"), ("X-Open", "o")], b"x"

        proxy = self.proxy(script)
        self.assertEqual(proxy.get("/files/a").fields.get("x-secret"), "s")
        second = proxy.get("/files/a")
        self.assertTrue(second.is_hit)
        self.assertNotIn("x-secret", second.fields)
        self.assertEqual(second.fields["x-open"], "o")

    def test_what_is_stored_outlives_a_restart_variants_and_all(self):
        def script(handler):
            return 200, [("Cache-Control", "max-age=60"), ("Vary", "X-V")], handler.headers.get("X-V", "-").encode()

        folder = self.folder()
        proxy = self.proxy(script, folder=folder)
        for variant in ("1", "2"):
            proxy.get("/files/a", X_V=variant)
        proxy.stop()
        again = self.daemon(self.origin.server_address[1], folder=folder, tables=ROUTES)
        for variant in ("1", "2"):
            reply = again.get("/files/a", X_V=variant)
            self.assertTrue(reply.is_hit, reply.cache_status)
            self.assertEqual(reply.body, variant.encode())
        self.assertEqual(self.asked, 2)

    def test_cookies_pass_here_and_never_on_a_reports_route(self):
        def script(_):
            return 200, [("Cache-Control", "max-age=60"), ("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")], b"{}"

        proxy = self.proxy(script)
        for _ in range(2):
            answer = raw(proxy.port, b"GET /files/a HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            self.assertEqual(answer.count(b"Set-Cookie: "), 2, answer)
        answer = raw(proxy.port, f"GET {overview()} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        self.assertNotIn(b"Set-Cookie", answer)

    def test_the_origin_sees_the_clients_fields_less_those_of_the_connection(self):
        proxy = self.proxy(lambda _: (200, [], b"x"))
        proxy.get("/files/a", X_Own="1", Connection="X-Hop", X_Hop="2", Cookie="a=b", TE="trailers", If_None_Match='"x"',
                  Proxy_Authorization="Basic eDp5")
        seen = self.origin.asked[0].headers
        self.assertEqual((seen["X-Own"], seen["Cookie"]), ("1", "a=b"))
        for name in ("X-Hop", "TE", "If-None-Match", "Proxy-Authorization", "Authorization"):
            self.assertIsNone(seen[name], name)

    def test_a_refresh_behind_keeps_the_form_that_the_client_took(self):
        versions = [gzip.compress(b"one " * 100), gzip.compress(b"two " * 100)]
        fields = [("Content-Encoding", "gzip"), ("Cache-Control", "max-age=1, stale-while-revalidate=60")]

        def script(handler):
            number = min(len(self.origin.asked), 2) - 1
            return 200, [*fields, ("ETag", f'"v{number}"')], versions[number]

        proxy = self.proxy(script)
        ask = lambda: request(proxy.port, "/files/a", fields={"Accept-Encoding": "gzip"})  # what Go sends by itself
        self.assertEqual(ask().body, versions[0])
        time.sleep(1.2)
        self.assertEqual(ask().body, versions[0])  # stale, and refreshed behind
        wait_until(lambda: ask().fields["etag"] == '"v1"', "the refresh is stored")
        refreshed = ask()
        self.assertEqual((refreshed.body, refreshed.fields["content-encoding"]), (versions[1], "gzip"))

    def test_stale_stands_in_where_the_origin_is_gone_but_not_where_that_is_forbidden(self):
        def script(handler):
            forbids = ", must-revalidate" if "strict" in handler.path else ""
            return 200, [("Cache-Control", f"max-age=1{forbids}")], b"x"

        proxy = self.proxy(script)
        for target in ("/files/lax", "/files/strict"):
            proxy.get(target)
        self.origin.dead = True
        time.sleep(1.1)
        lax = proxy.get("/files/lax")
        self.assertEqual(lax.status, 200)
        self.assertIn("detail=stale-if-error", lax.cache_status)
        self.assertEqual(proxy.get("/files/strict").status, 502)
