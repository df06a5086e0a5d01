"""What passes through an intermediary after RFC 9110 and 9112, on routes with cache = "off" and "http", and what of a client never does."""
import email.utils
import re
import time

from canary import canary
from clients import basic, client
from harness import TestCase, overview, raw, request, route
from test_upstream_wire import OWN_TOKEN, Upstream, answer

ROUTES = (
    route("pass", "/pass/{rest...}", "GET", "POST", "OPTIONS", cache="off") +
    route("pass-shared", "/pass-shared/{rest...}", "GET", cache="off", inject_token=True) +
    route("http", "/http/{rest...}", "GET", "OPTIONS") +
    route("http-shared", "/http-shared/{rest...}", "GET", inject_token=True))
OPEN = ("/pass/a", "/http/a")
SHARED = ("/pass-shared/a", "/http-shared/a")
# Each makes a GET something else for one server or another, or names a field that does for who takes '_' for '-'.
OVERRIDES = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-Method", "X-Forwarded-Method", "X-Original-URL",
             "X-Rewrite-URL", "X-Original-URI", "X-Forwarded-Uri", "X-Forwarded-Prefix", "X-Forwarded-Host", "x-http-method-override",
             "X_HTTP_Method_Override", "X-HTTP_Method-Override", "Any_Name"]


def lines_of(received, name):
    """The values of every field line of this name in all heads that were received."""
    return [line.split(b":", 1)[1].strip().decode() for line in received.split(b"\r\n") if line.lower().startswith(name.lower().encode() + b":")]


def statuses(received):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def ask(port, *lines, first="GET /pass/a HTTP/1.1"):
    """Sends a head as it is, on a connection of its own."""
    return raw(port, "\r\n".join([first, "Host: localhost", "Connection: close", *lines, "", ""]).encode())


class Intermediary(TestCase):
    def setUp(self):
        self.upstream = Upstream()
        self.serve(self.upstream)

    def proxy(self, tables=ROUTES, **settings):
        return self.daemon(self.upstream.port, tables=tables, **settings)

    def seen(self):
        """The fields of the latest request that came to the upstream."""
        return self.upstream.seen[-1][1]

    def assert_is_now(self, date):
        self.assertRegex(date, r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")
        self.assertLess(abs(email.utils.parsedate_to_datetime(date).timestamp() - time.time()), 120)

    def test_the_clients_own_fields_pass(self):
        proxy = self.proxy()
        sent = {"User-Agent": "a-tool/1.0", "Cookie": "a=b", "X-Custom": "c", "Accept": "text/plain", "Accept-Encoding": "br", "Referer": "http://localhost/x?a=1",
                "X-Forwarded-For": "10.0.0.1", "X-HTTP-Method-Override": "v", "any_name": "v", "Authorization": "Basic YTpi"}
        for target in OPEN:
            self.assertEqual(request(proxy.port, target, fields=sent).status, 200)
            for name, value in sent.items():
                self.assertEqual(self.seen().get(name.lower()), value, (target, name))

    def test_fields_of_a_connection_do_not(self):
        proxy = self.proxy()
        for target in OPEN + SHARED:
            received = ask(proxy.port, "Connection: X-Hop, Upgrade, HTTP2-Settings", "X-Hop: 1", "Keep-Alive: timeout=5", "TE: trailers", "Upgrade: h2c",
                           "HTTP2-Settings: AAMA", "Proxy-Authorization: Basic eDp5", "Proxy-Connection: keep-alive", "Expect: 100-continue",
                           first=f"GET {target} HTTP/1.1")
            self.assertEqual(statuses(received), [200])
            for name in ("x-hop", "keep-alive", "te", "upgrade", "http2-settings", "proxy-authorization", "proxy-connection", "expect"):
                self.assertNotIn(name, self.seen(), target)
            self.assertEqual(self.seen()["host"], f"127.0.0.1:{self.upstream.port}")

    def test_two_lines_of_cookies_are_one(self):
        proxy = self.proxy()
        for target in OPEN:
            ask(proxy.port, "Cookie: a=1", "X-Custom: a", "Cookie: b=2; c=3", "X-Custom: b", first=f"GET {target} HTTP/1.1")
            self.assertEqual((self.seen()["cookie"], self.seen()["x-custom"]), ("a=1; b=2; c=3", "a, b"))

    def test_with_the_shared_token_nothing_makes_another_request_of_a_get(self):
        proxy = self.proxy()
        fields = {name: "DELETE" for name in OVERRIDES}
        for target in SHARED:
            reply = request(proxy.port, target, fields={**fields, "Authorization": "Basic YTpi", "X-Custom": "c", "Cookie": "a=b", "User-Agent": "a-tool/1.0"})
            self.assertEqual(reply.status, 200)
            self.assertEqual(self.seen()["authorization"], f"Bearer {OWN_TOKEN}")
            self.assertEqual([name for name in OVERRIDES if name.lower() in self.seen()], [], target)
            self.assertEqual([self.seen().get(name) for name in ("x-custom", "cookie", "user-agent")], ["c", "a=b", "a-tool/1.0"])

    def test_what_a_client_shows_to_us_never_goes_upstream(self):
        secret = canary("alice")
        proxy = self.proxy(tables=ROUTES + client("alice", secret))
        addresses = {name: f"http://localhost/x?api_key={secret}" for name in ("Referer", "X-Original-URI", "X-Forwarded-Uri")}
        token = request(proxy.port, "/auth/oauth2/token", "POST", {"Authorization": basic("alice", secret), "Content-Type": "application/x-www-form-urlencoded"},
                        "grant_type=client_credentials").json()["access_token"]
        ways = [{"X-API-Key": secret}, {"Authorization": basic("alice", secret)}, {"Authorization": f"Bearer {token}"}]
        for target in OPEN + SHARED:
            asked = [(target, fields) for fields in ways] + [(f"{target}?api_key={secret}", {})]
            for address, fields in asked:
                self.assertEqual(request(proxy.port, address, fields={**addresses, **fields}).status, 200)
                line, went, body = self.upstream.seen.pop()
                self.assertNotIn(secret, f"{line}{went}{body}")
                self.assertNotIn("local.", f"{line}{went}")
                self.assertEqual(went.get("authorization"), f"Bearer {OWN_TOKEN}" if target in SHARED else None)
            self.assertEqual(request(proxy.port, target, fields={"X-API-Key": secret, "Authorization": "Basic eDp5"}).status, 200)
            self.assertEqual(self.seen()["authorization"], f"Bearer {OWN_TOKEN}" if target in SHARED else "Basic eDp5", "its own, for the upstream")

    def test_a_local_token_stays_here_where_everybody_may_ask(self):
        proxy = self.proxy()
        token = request(proxy.port, "/auth/oauth2/token", "POST", {"Content-Type": "application/x-www-form-urlencoded"},
                        "grant_type=client_credentials").json()["access_token"]
        for target in OPEN:
            self.assertEqual(request(proxy.port, target, fields={"Authorization": f"Bearer {token}"}).status, 200)
            self.assertNotIn("authorization", self.seen())

    def test_max_forwards_of_options(self):  # RFC 9110, section 7.6.2
        self.upstream.report = answer(fields=("Connection: close",))  # it closes, and OPTIONS is not sent twice
        proxy = self.proxy()
        for target, allowed in (("/pass/a", "GET, HEAD, POST, OPTIONS"), ("/http/a", "GET, HEAD, OPTIONS"), ("/pass-shared/a", "GET, HEAD"),
                                (overview(), "GET, HEAD"), ("/auth/oauth2/token", "POST")):
            reply = request(proxy.port, target, "OPTIONS", {"Max-Forwards": "0"})
            self.assertEqual((reply.status, reply.body, reply.fields.get("allow")), (204, b"", allowed), target)
            self.assert_is_now(reply.fields["date"])
        self.assertEqual(request(proxy.port, "/nothing", "OPTIONS", {"Max-Forwards": "0"}).status, 404)
        self.assertEqual(self.upstream.seen, [])
        for target in OPEN:
            for sent, goes_on in (("1", "0"), ("10", "9"), ("99999999999999", "4294967294"), ("x", None)):
                self.assertEqual(request(proxy.port, target, "OPTIONS", {"Max-Forwards": sent}).status, 200)
                self.assertEqual((self.upstream.seen[-1][0].split()[0], self.seen().get("max-forwards")), ("OPTIONS", goes_on))
            request(proxy.port, target, fields={"Max-Forwards": "0"})
            self.assertEqual(self.seen()["max-forwards"], "0", "it says nothing of a GET")
        before = len(self.upstream.seen)
        reply = request(proxy.port, "/pass/a", "TRACE", {"Max-Forwards": "0", "X-Custom": "c"})
        self.assertEqual((reply.status, reply.fields["allow"]), (405, "GET, HEAD, POST, OPTIONS"))
        self.assertNotIn(b"X-Custom", reply.body, "nothing is sent back of what was sent")
        self.assertEqual(len(self.upstream.seen), before)

    def test_every_answer_has_one_date(self):  # RFC 9110, section 6.6.1
        secret = canary("key")
        proxy = self.proxy(listen_head_timeout="1s", listen_allowed_origins="https://bi.example", tables=ROUTES + client("alice", secret))
        key = f"X-API-Key: {secret}"
        host = "Host: localhost\r\nConnection: close\r\n"
        cases = {"a report": f"GET {overview()} HTTP/1.1\r\n{host}{key}\r\n\r\n", "a hit": f"GET {overview()} HTTP/1.1\r\n{host}{key}\r\n\r\n",
                 "its 304": f"GET {overview()} HTTP/1.1\r\n{host}{key}\r\nIf-None-Match: *\r\n\r\n", "no client": f"GET {overview()} HTTP/1.1\r\n{host}\r\n",
                 "a bad parameter": f"GET {overview(currency='X')} HTTP/1.1\r\n{host}{key}\r\n\r\n", "no route": f"GET /no HTTP/1.1\r\n{host}{key}\r\n\r\n",
                 "no method": f"PUT {overview()} HTTP/1.1\r\n{host}{key}\r\n\r\n", "no Host": "GET / HTTP/1.1\r\n\r\n", "another Host": "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                 "no request": "\x01\r\n\r\n", "a slow head": "GET / HTTP/1.1\r\n", "too long a head": "GET /" + "a" * 20_000, "OPTIONS *": f"OPTIONS * HTTP/1.1\r\n{host}\r\n",
                 "OPTIONS": f"OPTIONS /pass/a HTTP/1.1\r\n{host}{key}\r\nMax-Forwards: 0\r\n\r\n", "an expectation": f"GET / HTTP/1.1\r\n{host}Expect: x\r\n\r\n",
                 "a token": f"POST /auth/oauth2/token HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n",
                 "a preflight": f"OPTIONS {overview()} HTTP/1.1\r\n{host}Origin: https://bi.example\r\nAccess-Control-Request-Method: GET\r\n\r\n",
                 "a page elsewhere": f"GET / HTTP/1.1\r\n{host}Origin: https://evil.example\r\n\r\n",
                 "passed": f"GET /pass/a HTTP/1.1\r\n{host}{key}\r\n\r\n", "http": f"GET /http/a HTTP/1.1\r\n{host}{key}\r\n\r\n",
                 "only-if-cached": f"GET /http/b HTTP/1.1\r\n{host}{key}\r\nCache-Control: only-if-cached\r\n\r\n"}
        for what, data in cases.items():
            received = raw(proxy.port, data.encode())
            self.assertEqual(len(statuses(received)), 1, (what, received))
            self.assertEqual(len(dates := lines_of(received, "Date")), 1, (what, received))
            self.assert_is_now(dates[0])
        for target, status in (("/livez", 200), ("/readyz", 200), ("/status", 200), ("/metrics", 200), ("/entries", 200), ("/no", 404), ("/entries?limit=x", 400)):
            received = raw(proxy.admin_port, f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            self.assertEqual(statuses(received), [status])
            self.assert_is_now(*lines_of(received, "Date"))

    def test_a_date_that_is_there_stays(self):
        proxy = self.proxy()
        date = "Sun, 06 Nov 1994 08:49:37 GMT"
        for target in OPEN:
            self.upstream.report = answer(fields=(f"Date: {date}",))
            self.assertEqual(lines_of(ask(proxy.port, first=f"GET {target}?dated HTTP/1.1"), "Date"), [date])
            self.upstream.report = answer()
            self.assert_is_now(*lines_of(ask(proxy.port, first=f"GET {target}?undated HTTP/1.1"), "Date"))

    def test_if_modified_since_of_a_report(self):  # RFC 9110, section 13.1.3
        proxy = self.proxy()
        modified = "Sat, 05 Nov 1994 08:49:37 GMT"
        since = lambda *values, target=overview(), others=(): statuses(ask(proxy.port, *[f"If-Modified-Since: {value}" for value in values], *others, first=f"GET {target} HTTP/1.1"))
        for target in (overview(), "/metadata/accounts/12/campaigns/3", "/http/a"):
            self.upstream.report = answer(fields=(f"Last-Modified: {modified}", "Cache-Control: max-age=60"))
            self.assertEqual(lines_of(ask(proxy.port, first=f"GET {target} HTTP/1.1"), "Last-Modified"), [modified])
            self.assertEqual(since(modified, target=target), [304])
            self.assertEqual(since("SAT, 05 NOV 1994 08:49:38 gmt", target=target), [304])
            self.assertEqual(since("Sat, 05 Nov 1994 08:49:36 GMT", target=target), [200])
            self.assertEqual(since(modified, modified, target=target), [200], "two are none")
            self.assertEqual(since("yesterday", target=target), [200])
            self.assertEqual(since(modified, target=target, others=('If-None-Match: "other"',)), [200], "If-None-Match alone counts")
        self.assertEqual(len(self.upstream.seen), 3, "nobody asked the upstream again")
        self.upstream.report = answer()
        ask(proxy.port, first=f"GET {overview(4)} HTTP/1.1")
        self.assertEqual(since("Fri, 31 Dec 2100 00:00:00 GMT", target=overview(4)), [200], "there was no Last-Modified")

    def test_a_rest_may_be_empty_behind_its_slash(self):
        tables = route("all", "/{rest...}", "GET", cache="off")
        self.upstream.report = answer(status="404 Not Found")  # for the harness, which asks for what is not there until it is answered
        proxy = self.proxy(tables=tables)
        self.upstream.report = answer()
        for target in ("/", "/?a=b", "/a", "/a/", "/a/b/"):
            self.assertEqual(proxy.get(target).status, 200, target)
            self.assertEqual(self.upstream.seen[-1][0], f"GET {target} HTTP/1.1")
        for target in ("//", "/a//", "//a"):
            self.assertEqual(proxy.get(target).status, 404, target)
        files = self.proxy()
        self.assertEqual([files.get(target).status for target in ("/pass/", "/pass/a/", "/pass", "/pass//")], [200, 200, 404, 404])
