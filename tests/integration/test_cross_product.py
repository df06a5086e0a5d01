"""Every client with every account, cached and not: who may gets the right account's bytes, who may not cannot tell what there is."""
import itertools
import json
import random
import re
import socket
import statistics
import time

from canary import canary
from certificates import Authority, tls_table
from clients import basic, client
from harness import SANITIZED, TestCase, Tls, free_port, overview, raw, request
from test_clients import local_token
from test_credentials import Tokens, write_secret

CREDENTIALS = """
[[credential]]
name = "one"
accounts = ["1", "12", "123"]
app_id_file = "{folder}/one.id"
app_secret_file = "{folder}/one.secret"
[[credential]]
name = "two"
accounts = ["2", "13", "21", "31"]
app_id_file = "{folder}/two.id"
app_secret_file = "{folder}/two.secret"
"""
CREDENTIAL_OF = {"1": "one", "12": "one", "123": "one", "2": "two", "13": "two", "21": "two"}
UNTOUCHED = "31"  # an account of which nothing is ever cached
MAY = {"all": {*CREDENTIAL_OF, UNTOUCHED}, "first": {"1"}, "mixed": {"12", "21"}, "longest": {"123", "13"}, "others": {"2", "12"}}
CACHED, COLD = 1, 2  # campaigns
PAIRS = 1000 if SANITIZED else 3000
AT_ONCE = 32  # refusals in a pipeline: what differs adds up, what surrounds it does not
PIPELINES, MARGIN = (600, 0.1) if SANITIZED else (6000, 0.03)  # by chance the share is within two thirds of it, but once in a thousand
WAYS = ("X-API-Key", "X-API-Key with a name", "api_key", "api_key with a name", "Basic", "local token", "certificate", "another's certificate beside X-API-Key")
# What could bring out whether there is something in the cache.
CURIOUS = {"nothing more": "", "only-if-cached": "Cache-Control: only-if-cached\r\n", "no-cache": "Cache-Control: no-cache\r\n", "If-None-Match": "If-None-Match: *\r\n",
           "If-Modified-Since": "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n", "Range": "Range: bytes=0-1\r\n", "gzip": "Accept-Encoding: gzip\r\n"}


class Reports(Tokens):
    """Answers with the account that was asked for, and with whose credential."""

    def report(self, handler):
        status, fields, body = super().report(handler)
        account = handler.path.split("/")[3]
        return status, fields, json.dumps({**json.loads(body), "account": account}).encode()


def encoded(account):
    """The same account in another spelling, which must open and close the same doors."""
    return f"%{ord(account[0]):02x}{account[1:]}"


def receive(sock, answers):
    """The bytes of so many refusals."""
    received = b""
    while received.count(b"HTTP/1.1 403 ") < answers or not received.endswith(b"}\n"):
        more = sock.recv(65536)
        if not more:
            raise ConnectionError(f"ended behind {received!r}")
        received += more
    return received


def without_what_differs(answer, account):
    """By request, and by what the client itself has said."""
    answer = re.sub(rb"(?i)\r\n(x-request-id|date): [^\r]*", b"", answer)
    answer = re.sub(rb'"requestId":"[^"]*"', b"", answer)
    length = int(re.search(rb"\r\nContent-Length: (\d+)", answer)[1]) - len(account)
    answer = re.sub(rb"\r\nContent-Length: \d+", b"\r\nContent-Length: %d" % length, answer)
    head, body = answer.split(b"\r\n\r\n")
    return head, re.sub(rb"\b%s\b" % account.encode(), b"", body)


class CrossProduct(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = TestCase()
        cls.origin = Reports({"id-one": "secret-one", "id-two": "secret-two"})
        cls.base.serve(cls.origin)
        folder = cls.base.folder()
        for name in ("one", "two"):
            write_secret(folder, f"{name}.id", f"id-{name}\n")
            write_secret(folder, f"{name}.secret", f"secret-{name}\n")
        authority = Authority(folder)
        cls.secrets = {name: canary(name) for name in MAY}
        tables = "".join(client(name, secret, certificate=f'"{name}.internal"', **({} if name == "all" else {"accounts": json.dumps(sorted(MAY[name]))}))
                         for name, secret in cls.secrets.items())
        port = free_port()
        tables += tls_table(*authority.issue("/CN=proxy"), f"127.0.0.1:{port}", client_ca_file=f'"{authority.certificate}"')
        cls.certified = {name: Tls(port, authority.context(authority.issue(f"/CN={name}.internal", names=""))) for name in MAY}
        cls.proxy = cls.base.daemon(cls.origin.server_address[1], folder, tables=tables + CREDENTIALS.format(folder=folder), log_access="false")
        cls.tokens = {name: local_token(cls.proxy, name, secret) for name, secret in cls.secrets.items()}
        for account in CREDENTIAL_OF:
            assert cls.ask("all", overview(CACHED, account=account)).status == 200

    @classmethod
    def tearDownClass(cls):
        cls.base.doCleanups()

    @classmethod
    def shown(cls, name, target, way):
        """Where a client asks, for what, and with which fields, when it shows itself that way."""
        secret = cls.secrets[name]
        pair = f"{name}:{secret}"
        stranger = "all" if name != "all" else "first"
        return {"X-API-Key": (cls.proxy.at, target, {"X-API-Key": secret}),
                "X-API-Key with a name": (cls.proxy.at, target, {"X-API-Key": pair}),
                "api_key": (cls.proxy.at, f"{target}&api_key={secret}", {}),
                "api_key with a name": (cls.proxy.at, target.replace("?", f"?api_key={pair}&"), {}),
                "Basic": (cls.proxy.at, target, {"Authorization": basic(name, secret)}),
                "local token": (cls.proxy.at, target, {"Authorization": f"Bearer {cls.tokens.get(name)}"}),
                "certificate": (cls.certified[name], target, {}),
                "another's certificate beside X-API-Key": (cls.certified[stranger], target, {"X-API-Key": secret})}[way]

    @classmethod
    def ask(cls, name, target, way="X-API-Key"):
        at, target, fields = cls.shown(name, target, way)
        return request(at, target, fields=fields)

    def head(self, name, target, more="", way="X-API-Key", method="GET"):
        """Where it goes, and its bytes."""
        at, target, fields = self.shown(name, target, way)
        lines = "".join(f"{field}: {value}\r\n" for field, value in fields.items())
        return at, f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n{lines}{more}\r\n".encode()

    def test_exactly_the_allowed(self):
        cold = itertools.count(100)
        for way in WAYS:
            for name, allowed in MAY.items():
                campaigns = CACHED, next(cold)
                for account, credential in CREDENTIAL_OF.items():
                    for campaign in campaigns:
                        with self.subTest(client=name, account=account, campaign=campaign, way=way):
                            asked = len(self.origin.seen)
                            for spelled, is_hit in ((encoded(account), campaign == CACHED), (account, True)):
                                reply = self.ask(name, overview(campaign, account=spelled), way)
                                if account in allowed:
                                    self.assertEqual((reply.status, reply.json()), (200, {"app": f"id-{credential}", "account": account}))
                                    self.assertEqual(reply.is_hit, is_hit)
                                    self.assertEqual(len(self.origin.seen), asked + (campaign != CACHED))
                                else:
                                    self.assertEqual((reply.status, reply.problem()["type"]), (403, "urn:roktcached:account-not-allowed"))
                                    self.assertEqual(len(self.origin.seen), asked)

    def test_what_is_nearly_right_is_nobody(self):
        first, mixed = self.secrets["first"], self.secrets["mixed"]
        for shown in ({}, {"X-API-Key": first[:-1]}, {"X-API-Key": f"{first}x"}, {"X-API-Key": f"mixed:{first}"}, {"Authorization": basic("mixed", first)},
                      {"Authorization": basic("first", mixed)}, {"Authorization": f"Bearer {self.tokens['first'][:-1]}"}, {"Authorization": f"Bearer {self.tokens['first']}x"},
                      {"Authorization": f"Bearer {first}"}, {"Authorization": f"Basic {self.tokens['first']}"}, {"X-API-Key": self.tokens["first"]}):
            for campaign in (CACHED, COLD):
                with self.subTest(shown, campaign=campaign):
                    asked = len(self.origin.seen)
                    reply = request(self.proxy.at, overview(campaign, account=1), fields=shown)
                    self.assertEqual((reply.status, reply.problem()["type"]), (401, "urn:roktcached:unauthenticated"))
                    self.assertNotIn("cache-status", reply.fields)
                    self.assertEqual(len(self.origin.seen), asked)

    def test_a_refusal_does_not_tell_what_is_cached(self):
        asked = len(self.origin.seen)
        for way, name, (curious, more), method in itertools.product(WAYS, [name for name in MAY if name != "all"], CURIOUS.items(), ("GET", "HEAD")):
            if way != "X-API-Key" and curious != "nothing more":
                continue  # who it is has been found out by then
            with self.subTest(client=name, way=way, more=curious, method=method):
                seen = set()
                for account in sorted({*CREDENTIAL_OF, UNTOUCHED} - MAY[name]):
                    for campaign in (CACHED, COLD):
                        answer = raw(*self.head(name, overview(campaign, account=account), f"{more}Connection: close\r\n", way, method))
                        self.assertTrue(answer.startswith(b"HTTP/1.1 403 "), answer)
                        self.assertNotRegex(answer, rb"(?i)\r\n(cache-status|age|etag|report-state):")
                        seen.add(without_what_differs(answer, account))
                self.assertEqual(len(seen), 1, seen)
        self.assertEqual(len(self.origin.seen), asked)

    def test_nor_does_the_time_that_it_takes(self):
        """The probability that one of the two takes longer: noise hits both alike, since they alternate."""
        asked = len(self.origin.seen)
        heads = [self.head("first", overview(CACHED, account=account))[1] for account in (13, UNTOUCHED)]
        times = [], []
        with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=30) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(PAIRS):
                for which in random.sample((0, 1), 2):
                    started = time.perf_counter_ns()
                    sock.sendall(heads[which])
                    answer = sock.recv(65536)
                    times[which].append(time.perf_counter_ns() - started)
                    self.assertTrue(answer.startswith(b"HTTP/1.1 403 "), answer)
        slower = share_of_larger(*times)
        print(f"\nof {PAIRS} pairs of refusals, that of a cached account's report takes longer than that of another's: {slower:.1%}")
        self.assertLess(abs(slower - 0.5), 0.06)
        self.assertEqual(len(self.origin.seen), asked)

    def test_nor_does_the_work_that_it_takes(self):
        """What the other client has asked again and again is not only in the cache: the thread of this connection knows it by heart."""
        reports = [overview(CACHED, account=account) for account in (13, UNTOUCHED)]
        pipelines = [self.head("first", report)[1] * AT_ONCE for report in reports]
        times = [], []
        with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=30) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(3):
                sock.sendall(self.head("all", reports[0])[1])
                answer = sock.recv(65536)
                self.assertTrue(answer.startswith(b"HTTP/1.1 200 ") and b"roktcached; hit" in answer, answer)
            asked = len(self.origin.seen)
            sock.sendall(pipelines[0])
            length = len(receive(sock, AT_ONCE))
            for _ in range(PIPELINES):
                for which in random.sample((0, 1), 2):
                    started = time.perf_counter_ns()
                    sock.sendall(pipelines[which])
                    left = length
                    while left > 0:
                        received = sock.recv(65536)
                        self.assertTrue(received, "the connection has ended")
                        left -= len(received)
                    times[which].append(time.perf_counter_ns() - started)
                    self.assertEqual(left, 0, "the answers are as long as each other")
        slower = share_of_slower(*times)
        middles = [statistics.median(each) / AT_ONCE for each in times]
        print(f"\nof {PIPELINES} pairs of {AT_ONCE} refusals each, those of the cached account take longer: {slower:.1%}; {middles[0]:.0f} and {middles[1]:.0f} ns each")
        self.assertLess(abs(slower - 0.5), MARGIN)
        self.assertEqual(len(self.origin.seen), asked)

    def test_and_a_difference_would_be_seen(self):
        always = random.Random(1)  # the same numbers in every run: what is tested is the measure
        values = [always.gauss(50, 10) for _ in range(PAIRS)]
        self.assertLess(abs(share_of_larger(values, always.choices(values, k=PAIRS)) - 0.5), 0.06)
        self.assertGreater(share_of_larger([value + 5 for value in values], values) - 0.5, 0.06)
        drift = [always.gauss(50, 10) for _ in range(PIPELINES)]  # of the machine, which hits both of a pair
        one, other = ([value + always.gauss(0, 1) for value in drift] for _ in range(2))
        self.assertLess(abs(share_of_slower(one, other) - 0.5), MARGIN)
        self.assertGreater(share_of_slower([value + 0.5 for value in one], other) - 0.5, MARGIN)


def share_of_slower(ones, others):
    """The share of the pairs, each measured in one breath, in which the one is slower."""
    return sum(one > other for one, other in zip(ones, others)) / len(ones)


def share_of_larger(ones, others):
    """The share of all pairs of one and other in which the one is larger, those that are equal by half."""
    ranked = sorted([(value, 0) for value in ones] + [(value, 1) for value in others])
    larger, others_below, at = 0.0, 0, 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        equal = sum(which for _, which in ranked[at:end])
        larger += (end - at - equal) * (others_below + equal / 2)
        others_below += equal
        at = end
    return larger / (len(ones) * len(others))
