"""What goes over the wire to the upstream and what of its answer comes back, seen by an upstream that writes everything down."""
import gzip
import json
import os
import socketserver

from harness import STALE_AT_ONCE, TestCase, overview, request, route, until_stale, wait_until

REPORT = b'{"grossCost":1}'
OWN_TOKEN = "our-own-token"
TOKEN = json.dumps({"access_token": OWN_TOKEN, "expires_in": 3600, "token_type": "Bearer"}).encode()


def answer(body=REPORT, status="200 OK", fields=(), content_type="application/json"):
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def compressed(body, coding="gzip", fields=()):
    """As gzip has it, whatever the answer says it is."""
    return answer(gzip.compress(body, mtime=0), fields=(f"Content-Encoding: {coding}", *fields))


class Upstream(socketserver.ThreadingTCPServer):
    """Answers the token endpoint with `token`, all else with `report`: bytes as they are, or a function that writes them.

    One request a connection.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        self.token = answer(TOKEN)
        self.report = answer()
        self.seen = []  # (request line, fields in lower case, body) of what was not for the token endpoint
        self.minted = 0
        super().__init__(("127.0.0.1", 0), Talk)

    @property
    def port(self):
        return self.server_address[1]


class Talk(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().decode().strip()
        if not line:
            return
        fields = {}
        while (field := self.rfile.readline().decode().strip()):
            name, value = field.split(":", 1)
            fields[name.lower()] = value.strip()
        body = self.rfile.read(int(fields.get("content-length", "0")))
        if line.startswith("POST /auth/oauth2/token"):
            self.server.minted += 1
            self.wfile.write(self.server.token)
        else:
            self.server.seen.append((line, fields, body))
            report = self.server.report
            report(self.wfile) if callable(report) else self.wfile.write(report)


class Wire(TestCase):
    def setUp(self):
        self.upstream = Upstream()
        self.serve(self.upstream)

    def proxy(self, **settings):
        return self.daemon(self.upstream.port, upstream_head_timeout="3s", upstream_body_timeout="3s", **settings)

    def test_a_redirect_is_passed_on_and_leads_here(self):
        proxy = self.proxy()
        for location, seen in ((f"http://127.0.0.1:{self.upstream.port}/reporting/moved?a=1", "/reporting/moved?a=1"),
                               ("https://login.example/x", "https://login.example/x")):
            self.upstream.report = answer(b"", "302 Found", (f"Location: {location}",))
            reply = proxy.get(overview())
            self.assertEqual((reply.status, reply.fields["location"]), (302, seen))
        self.assertEqual(len(self.upstream.seen), 2, "nobody followed it with the token")

    def test_only_two_of_the_callers_fields_go_upstream(self):
        sent = {"Authorization": "Bearer callers-own", "X-API-Key": "callers-key", "Cookie": "a=b", "X-Forwarded-For": "10.0.0.1",
                "Sec-Fetch-Site": "none", "Proxy-Authorization": "Basic eDp5", "If-None-Match": '"x"', "Range": "bytes=0-1",
                "X-Request-Id": "callers-id", "rokt-version": "alpha-1", "Accept-Language": "de",
                "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
        reply = request(self.proxy().port, overview(), fields=sent)
        self.assertEqual(reply.status, 200)
        line, fields, body = self.upstream.seen[0]
        self.assertEqual((line, body), (f"GET {overview()} HTTP/1.1", b""))
        self.assertEqual(fields["authorization"], f"Bearer {OWN_TOKEN}")
        for name in ("rokt-version", "traceparent"):
            self.assertEqual(fields[name], next(value for key, value in sent.items() if key.lower() == name))
        for name in ("accept-language", "x-api-key", "cookie", "x-forwarded-for", "origin", "proxy-authorization", "if-none-match", "range"):
            self.assertNotIn(name, fields)
        self.assertNotIn("callers-own", str(fields))

    def test_the_target_goes_upstream_in_one_spelling(self):
        target = overview(note="%41%2f+b", timeZoneVariation="America%2FNew_York").replace("/12/", "/%312/") + "&"
        self.assertEqual(self.proxy().get(target).status, 200)
        self.assertEqual(self.upstream.seen[0][0], f"GET {overview(note='A/+b')} HTTP/1.1")

    def test_a_head_is_asked_for_as_a_get(self):
        proxy = self.proxy()
        head = request(proxy.port, overview(), "HEAD")
        self.assertEqual((head.status, head.body, head.fields["content-length"]), (200, b"", str(len(REPORT))))
        self.assertEqual([line for line, _, _ in self.upstream.seen], [f"GET {overview()} HTTP/1.1"])
        self.assertEqual(proxy.get(overview()).body, REPORT)

    def test_hop_by_hop_fields_and_cookies_never_come_back(self):
        self.upstream.report = answer(fields=("Set-Cookie: session=1", "Connection: close, X-Hop", "X-Hop: 1", "Keep-Alive: timeout=5",
                                              "Proxy-Authenticate: Basic", "Upgrade: h2c", "Age: 77", "Cache-Control: max-age=1",
                                              "X-Rokt: kept"))
        proxy = self.proxy()
        for reply in (proxy.get(overview()), proxy.get(overview())):
            self.assertEqual(reply.fields["x-rokt"], "kept")
            self.assertEqual(reply.fields["cache-control"], "private, no-cache")
            self.assertNotEqual(reply.fields.get("age"), "77")
            for name in ("set-cookie", "x-hop", "keep-alive", "proxy-authenticate", "upgrade"):
                self.assertNotIn(name, reply.fields)
        self.assertTrue(proxy.get(overview()).is_hit)  # the upstream's own freshness decides nothing

    def test_bodies_of_every_framing_arrive_whole(self):
        # Any octets that may stand in a string, also those that are no UTF-8: JSON, or it would not be kept.
        body = b'["' + bytes(set(range(32, 256)) - set(b'"\\')) * 300 + b'"]'
        chunks = b"".join(f"{len(part):x};x=y\r\n".encode() + part + b"\r\n" for part in (body[:1], body[1:50_000], body[50_000:]))
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
        framings = {
            "length": answer(body),
            "chunks with a trailer": head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nX-Trailer: 1\r\n\r\n",
            "until the connection closes": head + b"Connection: close\r\n\r\n" + body,
            "after an interim answer": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(body),
        }
        proxy = self.proxy()
        for number, (what, framed) in enumerate(framings.items(), 1):
            with self.subTest(what):
                self.upstream.report = framed
                miss, hit = proxy.get(overview(campaign=number)), proxy.get(overview(campaign=number))
                self.assertEqual((miss.status, miss.body), (200, body))
                self.assertEqual((hit.is_hit, hit.body), (True, body))
                self.assertNotIn("transfer-encoding", hit.fields)

    def test_no_answer_at_all_is_not_kept(self):
        # What is no answer otherwise is in hostile_answers.py.
        self.upstream.report = b""
        proxy = self.proxy()
        reply = proxy.get(overview())
        self.assertEqual((reply.status, reply.problem()["type"]), (502, "urn:roktcached:upstream-unreachable"))
        self.upstream.report = answer()
        self.assertIn("fwd=miss; stored", proxy.get(overview()).cache_status)

    def test_a_304_that_nobody_asked_for_confirms_nothing(self):
        proxy = self.proxy(**STALE_AT_ONCE)
        self.assertEqual(proxy.get(overview()).status, 200)  # without ETag or Last-Modified: nothing to ask with
        until_stale()
        self.upstream.report = b"HTTP/1.1 304 Not Modified\r\n\r\n"
        reply = proxy.get(overview())
        self.assertEqual((reply.status, reply.body), (200, REPORT))
        self.assertIn("detail=stale-if-error", reply.cache_status)

    def test_a_redirect_is_passed_on_and_not_followed_or_kept(self):
        self.upstream.report = answer(b"", "302 Found", ("Location: http://169.254.169.254/",))
        proxy = self.proxy()
        for _ in range(2):
            self.assertEqual(proxy.get(overview()).status, 302)
        self.assertEqual(len(self.upstream.seen), 2)

    def test_a_last_modified_date_revalidates_too(self):
        modified = "Mon, 03 Mar 2025 10:00:00 GMT"
        self.upstream.report = answer(fields=(f"Last-Modified: {modified}",))
        proxy = self.proxy(**STALE_AT_ONCE)
        proxy.get(overview())
        until_stale()
        self.upstream.report = b"HTTP/1.1 304 Not Modified\r\n\r\n"
        reply = proxy.get(overview())
        self.assertEqual((reply.status, reply.body), (200, REPORT))
        self.assertIn("fwd-status=304", reply.cache_status)
        self.assertEqual(self.upstream.seen[1][1]["if-modified-since"], modified)

    def test_every_malformed_token_answer_is_a_failure(self):
        for body in (b"", b"<html>sign in</html>", b"[]", b"null", b'{"expires_in":3600}', b'{"access_token":""}', b'{"access_token":7}',
                     b'{"access_token":"a b"}', b'{"access_token":"a\\r\\nX: y"}', b'{"access_token":"x","expires_in":0}',
                     b'{"access_token":"x","expires_in":-1}', b'{"access_token":"x","expires_in":"soon"}',
                     b'{"access_token":"x","token_type":"mac"}', b'{"access_token":"x"'):
            with self.subTest(body):
                self.upstream.token = answer(body)
                proxy = self.proxy()
                wait_until(lambda proxy=proxy: proxy.status()["token"]["failures"] > 0, "the refresh has failed")
                self.assertEqual(proxy.status()["token"]["state"], "dead")
                reply = proxy.get(overview())
                self.assertEqual((reply.status, reply.problem()["type"]), (503, "urn:roktcached:token-unavailable"))
                self.assertIn("retry-after", reply.fields)
                proxy.stop()
        self.assertEqual(self.upstream.seen, [])

    def test_no_secret_is_ever_logged(self):
        # The bytes of an upstream's bad answer and the caller's own secrets count as well.
        sent = {"Authorization": "Bearer callers-own", "X-API-Key": "callers-key"}
        for form in ("text", "json"):
            with self.subTest(form):
                proxy = self.proxy(log_level="trace", log_format=form)
                for target in (overview(campaign=1), overview(campaign=1), overview(api_key="url-key"), "/x?api_key=url-key"):
                    request(proxy.port, target, fields=sent)
                self.upstream.report = answer(b"", "401 Unauthorized")
                request(proxy.port, overview(campaign=2), fields=sent)
                self.upstream.report = answer()
                proxy.child.terminate()
                self.assertEqual(proxy.wait(), 0)
                lines = proxy.output.splitlines()
                self.assertGreater(len(lines), 5)
                for secret in (OWN_TOKEN, "demo-secret", "callers-own", "callers-key", "url-key", "ZGVtby1hcHA6"):
                    self.assertNotIn(secret, proxy.output)
                if form == "json":
                    parsed = [json.loads(line) for line in lines]
                    self.assertEqual({"hit", "miss"} - {line.get("outcome") for line in parsed}, set())

    def test_the_operators_routes(self):
        folder = self.folder()
        config = os.path.join(folder, "roktcached.toml")
        with open(config, "w", encoding="ascii") as file:
            file.write(route("menu", "/reporting/accounts/{accountId}/campaigns/overview", "GET", cache="report", inject_token=True) +
                       route("open", "/open/{rest...}", "GET", "POST", cache="off"))
        proxy = self.proxy(config=config)
        menu = overview().replace("/campaigns/3/", "/campaigns/")
        self.assertIn("fwd=miss; stored", proxy.get(menu).cache_status)
        self.assertTrue(proxy.get(menu).is_hit)
        self.assertEqual(self.upstream.seen[-1][1]["authorization"], f"Bearer {OWN_TOKEN}")
        for number in (1, 2):
            reply = request(proxy.port, "/open/a/b?c=d", "POST", {"Authorization": "Bearer callers-own"}, b"text")
            self.assertEqual((reply.status, reply.cache_status), (200, "roktcached; fwd=bypass"))
            line, fields, body = self.upstream.seen[-1]
            self.assertEqual((line, body, len(self.upstream.seen)), ("POST /open/a/b?c=d HTTP/1.1", b"text", number + 1))
            self.assertEqual(fields["authorization"], "Bearer callers-own", "of the client's own, for the upstream")
        self.assertEqual(request(proxy.port, "/open/a", "DELETE").status, 405)

    def test_lenient_parameters_are_forwarded_and_still_keyed_in_full(self):
        proxy = self.proxy(parameters_validation="lenient")
        for currency in ("XXX", "usd", None):
            target = overview(currency=currency)
            self.assertIn("fwd=miss", proxy.get(target).cache_status)
            self.assertEqual(self.upstream.seen[-1][0], f"GET {target} HTTP/1.1")
        strict = self.proxy(parameters_extra_currencies="CHF")
        self.assertEqual(strict.get(overview(currency="CHF")).status, 200)
        self.assertEqual(strict.get(overview(currency="XXX")).status, 400)

    def test_the_bounds_of_memory_and_disk_are_kept(self):
        noise = os.urandom(400_000).translate(None, bytes(range(32)) + b'"\\')
        self.upstream.report = answer(b'["' + noise[:256 * 1024 - 4] + b'"]')  # cannot be compressed
        folder = self.folder()
        proxy = self.proxy(folder=folder, cache_max_disk="32MiB", cache_max_memory="8MiB", upstream_max_connections=4)
        for account in range(1, 251):
            self.assertEqual(proxy.get(overview(account=account)).status, 200)
        wait_until(lambda: proxy.status()["cache"]["disk"]["queued_writes"] == 0, "everything is written")
        cache = proxy.status()["cache"]
        for tier in ("memory", "disk"):
            self.assertLessEqual(cache[tier]["bytes"], cache[tier]["bytes_max"])
            self.assertGreater(cache[tier]["entries"], 10)
            self.assertGreater(cache[tier]["evictions"], 0)
            self.assertEqual((cache[tier]["errors"], cache[tier]["dropped_writes"]), (0, 0))
        wait_until(lambda: os.path.getsize(os.path.join(folder, "cache.db")) <= 36 << 20, "the file itself is within its bound")
        self.assertTrue(proxy.get(overview(account=250)).is_hit)
        print(f"\n250 answers of 256 KiB: {cache['memory']['entries']} in memory, {cache['disk']['entries']} on disk, "
              f"{cache['disk']['dropped_writes']} writes dropped")
