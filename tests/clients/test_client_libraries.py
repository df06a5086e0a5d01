"""Real client libraries ask one question: it costs one upstream call, however each spells it and whatever language it asks for.

Run by tests/clients/run.sh, which installs what it needs.
"""
import collections
import concurrent.futures
import hashlib
import json
import pathlib
import re
import sys
import unittest
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

# pylint: disable=wrong-import-position
from canary import canary
from certificates import tls_table
from client_programs import CLIENTS, OPENID_CLIENT, PANDAS, REQUESTS_OAUTHLIB, named
from clients import client
from forwarder import field_of, forward, target_of
from harness import TestCase, free_port, request, wait_until
from own_certificate import own_certificate

PATH = "/reporting/accounts/12/campaigns/3/breakdown"
REPORT = {"dateStart": "2025-03-01T00:00:00", "dateEnd": "2025-03-31T23:59:59", "currency": "USD",
          "timeZoneVariation": "America/New_York", "groupby": "creative"}
AT_ONCE = 6

# Each differs from all others in one thing at least: no two may share an answer.
QUESTIONS = [
    (PATH, {**REPORT, **changes}) for changes in (
        {"timeZoneVariation": "Europe/London"}, {"timeZoneVariation": "Australia/Sydney"}, {"timeZoneVariation": "Etc/GMT+6"},
        {"timeZoneVariation": "Etc/GMT-6"}, {"timeZoneVariation": "America/Argentina/Buenos_Aires"}, {"currency": "GBP"},
        {"currency": "JPY"}, {"groupby": "country"}, {"groupby": "audience"}, {"groupby": "campaign"},
        {"dateStart": "2025-03-01"}, {"dateStart": "2025-03-01T00:00:00.5"}, {"dateStart": "2025-03-01T01:00:00"},
        {"dateEnd": "2025-03-31"}, {"dateEnd": "2025-03-30T23:59:59"}, {"label": "a/b:c"}, {"label": "a/b:C"}, {"label": "a/b"},
        {"label": "a~b*c"})
] + [("/reporting/accounts/12/campaigns/4/breakdown", REPORT)]


def as_asked(path, parameters):
    """A question to be compared. Zeros at the end of a second's fraction do not count."""
    without_zeros = {name: re.sub(r"(T..:..:..(\.\d*[1-9])?)\.?0*$", r"\1", value) for name, value in parameters.items()}
    return path, tuple(sorted(without_zeros.items()))


def question_of(target):
    """What a target asks for. '+' is itself."""
    path, _, query = target.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    parameters = {urllib.parse.unquote(name): urllib.parse.unquote(value) for name, _, value in pairs}
    assert len(parameters) == len(pairs), target
    return as_asked(path, parameters)


def upstream_calls(simulator):
    """How often the upstream was asked which question, in all spellings."""
    calls = collections.Counter()
    for target, count in simulator.ledger()["by_target"].items():
        calls[question_of(target.removeprefix("GET "))] += count
    return calls


def upstream_body(simulator, path, parameters):
    """What the upstream itself answers."""
    reply = request(simulator.port, f"{path}?{urllib.parse.urlencode(parameters)}", fields={"Authorization": f"Bearer {simulator.token()}"})
    assert reply.status == 200, reply
    return reply.body


def each_asks(clients, base, asks_of):
    """Several at once. asks_of(number) is what the client of this number asks; returns a list of Answers for each client."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda pair: pair[1].ask(base, asks_of(pair[0])), enumerate(clients)))


class Questions(TestCase):
    def test_one_report_costs_one_upstream_call(self):
        simulator, daemon = self.pair()
        forwarder, base = forward(self, daemon.port)
        answers = dict(zip((one.name for one in CLIENTS), each_asks(CLIENTS, base, lambda _: [(PATH, REPORT)])))
        calls = upstream_calls(simulator)
        statuses = {name: answer.status for name, [answer] in answers.items()}
        self.assertEqual(statuses, dict.fromkeys(statuses, 200))
        self.assertEqual(calls, {as_asked(PATH, REPORT): 1}, simulator.ledger())
        body = hashlib.sha256(upstream_body(simulator, PATH, REPORT)).hexdigest()
        self.assertEqual({answer.sha256 for [answer] in answers.values()}, {body})
        fetched = [name for name, [answer] in answers.items() if not answer.is_hit and "collapsed" not in answer.cache_status]
        self.assertEqual(len(fetched), 1, answers)
        self.expect_spellings(forwarder)

    def expect_spellings(self, forwarder):
        """That the clients do differ: were they to spell alike, the tests here would show nothing."""
        heads = forwarder.heads()
        spellings = {target_of(head) for head in heads}
        for spelling in ("America/New_York", "America%2FNew_York", "America%2fNew_York", "T00:00:00", "T00%3A00%3A00", "T00%3a00%3a00"):
            self.assertTrue(any(spelling in target for target in spellings), (spelling, spellings))
        self.assertTrue(any(target.endswith("&") for target in spellings), spellings)
        self.assertTrue(any("&&" in target for target in spellings), spellings)
        languages = {field_of(head, "Accept-Language") for head in heads}
        self.assertLessEqual({None, "*", "de-DE,de;q=0.9"}, languages)
        self.assertGreaterEqual(len(languages), 10)
        self.assertGreaterEqual(len({field_of(head, "User-Agent") for head in heads}), 14)

    def test_another_question_never_shares(self):
        """Whoever asks first, the answer is the same for all: each client is the first to ask something."""
        self.assertEqual(len(QUESTIONS), len(CLIENTS))
        simulator, daemon = self.pair()
        _, base = forward(self, daemon.port)
        first = [answer for [answer] in each_asks(CLIENTS, base, lambda number: [QUESTIONS[number]])]
        for asker, answer in zip(CLIENTS, first):
            with self.subTest(client=asker.name):
                self.assertEqual(answer.status, 200)
                self.assertIn("fwd=miss; stored", answer.cache_status)
        everybody = each_asks(CLIENTS, base, lambda _: QUESTIONS)
        self.assertEqual(upstream_calls(simulator), dict.fromkeys((as_asked(*question) for question in QUESTIONS), 1))
        expected = [hashlib.sha256(upstream_body(simulator, *question)).hexdigest() for question in QUESTIONS]
        self.assertEqual([answer.sha256 for answer in first], expected)
        for asker, answers in zip(CLIENTS, everybody):
            with self.subTest(client=asker.name):
                self.assertEqual([answer.sha256 for answer in answers], expected)
                self.assertEqual([answer.is_hit for answer in answers], [True] * len(QUESTIONS), answers)

    def test_connections_are_kept(self):
        """Java's HttpClient asks to upgrade its first connection to h2c, and goes on with it where that is ignored."""
        _, daemon = self.pair()
        asks = [(PATH, REPORT), *QUESTIONS[:4], (PATH, REPORT)]
        for asker in [one for one in CLIENTS if one.connections]:
            with self.subTest(client=asker.name):
                forwarder, base = forward(self, daemon.port)
                answers = asker.ask(base, asks)
                self.assertEqual([answer.status for answer in answers], [200] * len(asks))
                self.assertEqual(len(forwarder.heads()), len(asks))
                self.assertLessEqual(len(forwarder.connections), asker.connections)
                if asker is named("Java HttpClient"):
                    self.assertEqual(field_of(forwarder.heads()[0], "Upgrade"), "h2c")
                    self.assertIsNotNone(field_of(forwarder.heads()[0], "HTTP2-Settings"))

    def test_pandas_reads_the_same_rows(self):
        simulator, daemon = self.pair()
        base = f"http://127.0.0.1:{daemon.port}"
        named("curl, literal").ask(base, [(PATH, REPORT)])
        done = PANDAS.run(base, [(PATH, REPORT)])
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(upstream_calls(simulator), {as_asked(PATH, REPORT): 1})
        rows = json.loads(upstream_body(simulator, PATH, REPORT))["items"]
        self.assertGreater(len(rows), 1)
        self.assertEqual(json.loads(done.stdout), rows)


NAME = "power-bi"
WAYS = ("basic", "form")  # to show a name and a secret to the token endpoint


class OAuth(TestCase):
    """Libraries that get a token from POST /auth/oauth2/token, as they would from the upstream."""

    def guarded(self, **settings):
        secret = canary("power-bi")
        tables = client(NAME, secret) + settings.pop("tables", "")
        simulator, daemon = self.pair(tables=tables, **settings)
        return simulator, daemon, {"CLIENT_ID": NAME, "CLIENT_SECRET": secret}

    def test_each_gets_a_token_and_shares_the_report(self):
        simulator, daemon, shown = self.guarded()
        base = f"http://127.0.0.1:{daemon.port}"
        answers = [asker.ask(base, [(PATH, REPORT)], CLIENT_AUTHENTICATION=way, **allowed, **shown)[0]
                   for asker, allowed in ((REQUESTS_OAUTHLIB, {"OAUTHLIB_INSECURE_TRANSPORT": "1"}), (OPENID_CLIENT, {"CLIENT_ALLOW_INSECURE": "1"}))
                   for way in WAYS]
        self.assertEqual([answer.status for answer in answers], [200] * 4)
        self.assertEqual([answer.is_hit for answer in answers], [False, True, True, True], answers)
        self.assertEqual(len({answer.sha256 for answer in answers}), 1)
        self.assertEqual(upstream_calls(simulator), {as_asked(PATH, REPORT): 1})
        asked = lambda: {one["client"]: one for one in daemon.status()["clients"]}
        wait_until(lambda: NAME in asked(), "the client is noted by its name")

    def test_without_the_pages_line_each_refuses_plain_http(self):
        simulator, daemon, shown = self.guarded()
        for asker, says in ((REQUESTS_OAUTHLIB, "OAuth 2 MUST utilize https"), (OPENID_CLIENT, "only requests to HTTPS are allowed")):
            with self.subTest(client=asker.name):
                done = asker.run(f"http://127.0.0.1:{daemon.port}", [(PATH, REPORT)], CLIENT_AUTHENTICATION="basic", **shown)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(says, done.stderr)
        self.assertEqual(upstream_calls(simulator), {})

    def test_the_pages_certificate_serves_them_without_it(self):
        folder = self.folder()
        certificate, key = own_certificate(folder)
        port = free_port()
        simulator, daemon, shown = self.guarded(tables=tls_table(certificate, key, f"127.0.0.1:{port}"))
        trust = {name: certificate for name in ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE")}
        for asker in (REQUESTS_OAUTHLIB, OPENID_CLIENT):
            for way in WAYS:
                with self.subTest(client=asker.name, way=way):
                    [answer] = asker.ask(f"https://localhost:{port}", [(PATH, REPORT)], CLIENT_AUTHENTICATION=way, **trust, **shown)
                    self.assertEqual(answer.status, 200)
        self.assertEqual(upstream_calls(simulator), {as_asked(PATH, REPORT): 1})


class Tls(TestCase):
    def test_the_pages_certificate_is_believed(self):
        certificate, key = own_certificate(self.folder())
        port = free_port()
        simulator, _ = self.pair(tables=tls_table(certificate, key, f"127.0.0.1:{port}"))
        believers = {"curl, literal": "CURL_CA_BUNDLE", "Requests": "REQUESTS_CA_BUNDLE", "Node.js fetch": "NODE_EXTRA_CA_CERTS",
                     "Go net/http": "SSL_CERT_FILE", "Ruby Net::HTTP": "SSL_CERT_FILE"}
        for host in ("localhost", "127.0.0.1"):
            for name, variable in believers.items():
                with self.subTest(host=host, client=name):
                    [answer] = named(name).ask(f"https://{host}:{port}", [(PATH, REPORT)], **{variable: certificate})
                    self.assertEqual(answer.status, 200)
                    self.assertNotEqual(named(name).run(f"https://{host}:{port}", [(PATH, REPORT)]).returncode, 0, "believed without being trusted")
        self.assertEqual(upstream_calls(simulator), {as_asked(PATH, REPORT): 1})


if __name__ == "__main__":
    unittest.main(verbosity=2)
