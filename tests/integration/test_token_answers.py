"""What real token endpoints answer: lifetimes in other spellings, Retry-After, and why there is no token; and who a local token is for."""
import base64
import json
import re
import signal
import time
import urllib.parse

from harness import TestCase, overview, request, wait_until
from test_http_routes import Origin

APP_ID, SECRET = "demo-app", "demo-secret"  # as in harness.Daemon
JSON = [("Content-Type", "application/json")]


def granted(**members):
    return 200, JSON, json.dumps({"access_token": "our-own-token", "token_type": "Bearer", **members}).encode()


def refused(status, error, description, *fields):
    return status, [*JSON, *fields], json.dumps({"error": error, "error_description": description}).encode()


class TokenAnswers(TestCase):
    def start(self, answer, wait_for="failures", **settings):
        """A daemon whose token endpoint gives self.answer, once it has had one."""
        self.answer = answer
        self.times = []
        origin = Origin(lambda _: (200, JSON, b'{"a":1}'), self.mint)
        proxy = self.daemon(self.serve(origin), **settings)
        wait_until(lambda: proxy.status()["token"][wait_for] > 0, f"{wait_for} of tokens")
        return proxy

    def mint(self, _):
        self.times.append(time.monotonic())
        return self.answer

    def log_has(self, proxy, text):
        wait_until(lambda: text in proxy.output, f"{text!r} is logged")

    def test_a_lifetime_is_taken_as_it_is_written(self):
        for lifetime in ("3600", 3600.0, "3600.0", None):
            with self.subTest(lifetime):
                proxy = self.start(granted(expires_in=lifetime), "minted")
                token = proxy.status()["token"]
                self.assertEqual(token["state"], "alive")
                self.assertAlmostEqual(token["expires_at_unix_ms"] / 1000, time.time() + 3600, delta=300)
                self.assertEqual(proxy.get(overview()).status, 200)
                proxy.stop()

    def test_a_retry_after_is_obeyed(self):
        for status in (429, 503):
            with self.subTest(status):
                proxy = self.start(refused(status, "temporarily_unavailable", "Come back", ("Retry-After", "4")))
                reply = proxy.get(overview())
                self.assertEqual((reply.status, reply.problem()["type"]), (503, "urn:roktcached:token-unavailable"))
                self.assertTrue(1 <= int(reply.fields["retry-after"]) <= 4, reply.fields)
                self.answer = granted(expires_in=3600)
                wait_until(lambda: len(self.times) > 1, "it is asked again")
                self.assertGreaterEqual(self.times[1] - self.times[0], 3.9)
                proxy.stop()

    def test_a_retry_after_is_bounded(self):
        proxy = self.start(refused(503, "temporarily_unavailable", "Never", ("Retry-After", "86400")))
        self.assertTrue(3540 <= int(proxy.get(overview()).fields["retry-after"]) <= 3600)

    def test_why_there_is_no_token_is_said_everywhere(self):
        description = "Unknown\r\napplication \u2603\x00 " + "z" * 10_000
        proxy = self.start(refused(401, "invalid_client", description))
        shown = "credential default: the token endpoint answered 401: invalid_client (Unknownapplication  " + "z" * 180 + "...)"
        self.log_has(proxy, f"token: {shown}")
        degraded = request(proxy.admin_port, "/readyz").json()["degraded"]
        self.assertEqual([(one["part"], one["name"], one["reason"]) for one in degraded], [("token", "default", f"no access token for the upstream: {shown}")])
        status = proxy.status()
        self.assertEqual(status["token"]["last_error"], shown)
        self.assertEqual(status["upstream"]["credentials"][0]["token"]["last_error"], shown)
        reply = proxy.get(overview())
        self.assertEqual((reply.status, reply.problem()["detail"]), (503, shown))
        self.assertNotIn("z" * 300, proxy.log())

    def test_a_description_that_repeats_the_credential_shows_nothing_of_it(self):
        pair = f"{APP_ID}:{SECRET}".encode()
        echoes = (SECRET, SECRET.upper(), pair.decode(), base64.b64encode(pair).decode(), base64.urlsafe_b64encode(b"x" + SECRET.encode()).decode(),
                  SECRET.encode().hex(), "".join(f"%{byte:02X}" for byte in SECRET.encode()), urllib.parse.quote(pair), "\x01".join(SECRET),
                  "." * 190 + SECRET, SECRET[:9], APP_ID)
        for echo in echoes:
            with self.subTest(echo):
                proxy = self.start(refused(400, "invalid_client", f"no such pair: {echo}"))
                detail = proxy.get(overview()).problem()["detail"]
                self.assertEqual(detail, "credential default: the token endpoint answered 400: invalid_client (withheld: it repeats the credential)")
                self.log_has(proxy, detail)
                proxy.stop()  # the harness searches all that it has said

    def test_a_refused_credential_is_shown_once_a_minute_and_at_once_after_a_hangup(self):
        proxy = self.start(refused(401, "invalid_client", "Disabled"))
        for number in range(5):
            reply = proxy.get(overview(n=number))
            self.assertEqual(reply.status, 503)
            self.assertTrue(30 <= int(reply.fields["retry-after"]) <= 60, reply.fields)
        self.assertEqual(len(self.times), 1, "no request for a report has asked for a token")
        proxy.signal(signal.SIGHUP)
        wait_until(lambda: len(self.times) == 2, "it is asked again, though the secret is the same")
        wait_until(lambda: proxy.status()["token"]["failures"] == 2, "and refused again")
        self.answer = granted(expires_in=3600)
        proxy.signal(signal.SIGHUP)
        wait_until(lambda: proxy.get(overview()).status == 200, "somebody has enabled it")
        self.assertEqual(len(self.times), 3)

    def test_lines_of_the_log_name_the_credential(self):
        proxy = self.start(refused(500, "server_error", "Sorry"), tables='[[credential]]\nname = "emea"\n')
        self.log_has(proxy, "token: credential emea: the token endpoint answered 500: server_error (Sorry)")
        self.answer = granted(expires_in=3600)
        self.log_has(proxy, "token: credential emea: minted, lives 3600 s")


class LocalTokens(TestCase):
    def test_an_id_in_the_form_names_the_caller_as_basic_does(self):
        _, proxy = self.pair()
        for client_id, name in (("tableau", "tableau"), ("demo-app", "default"), ("not a name", "127.0.0.1")):
            with self.subTest(client_id):
                form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": client_id, "client_secret": "any-thing"})
                mark = f"token-of-{name}"
                fields = {"Content-Type": "application/x-www-form-urlencoded", "X-Request-Id": mark}
                reply = request(proxy.port, "/auth/oauth2/token", "POST", fields, form)
                self.assertEqual(reply.status, 200)
                named = re.compile(rf"client={re.escape(name)} .*request_id={re.escape(mark)}\n")
                wait_until(lambda named=named: named.search(proxy.output), "the token request's line, which follows its count, names it")
                before = self.requests_of(proxy, name)
                bearer = {"Authorization": f"Bearer {reply.json()['access_token']}"}
                self.assertEqual(request(proxy.port, overview(), fields=bearer).status, 200)
                wait_until(lambda name=name, before=before: self.requests_of(proxy, name) > before, "it is counted")
                self.assertEqual(self.requests_of(proxy, name), before + 1)

    def requests_of(self, proxy, name):
        return sum(client["asked"] for client in proxy.status()["clients"] if client["client"] == name)
