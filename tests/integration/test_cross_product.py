"""Every client with every account, cached and not: who may gets the right account's bytes, who may not cannot tell what there is."""
import json
import random
import re
import socket
import time

from canary import canary
from certificates import Authority, tls_table
from clients import client
from harness import SANITIZED, TestCase, Tls, free_port, overview, raw, request
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
MAY = {"all": {*CREDENTIAL_OF, UNTOUCHED}, "first": {"1"}, "mixed": {"12", "21"}, "longest": {"123", "13"}, "certified": {"2", "12"}}
CACHED, COLD = 1, 2  # campaigns
PAIRS = 1000 if SANITIZED else 3000


class Reports(Tokens):
    """Answers with the account that was asked for, and with whose credential."""

    def report(self, handler):
        status, fields, body = super().report(handler)
        account = handler.path.split("/")[3]
        return status, fields, json.dumps({**json.loads(body), "account": account}).encode()


def encoded(account):
    """The same account to a server that decodes a path before it reads it. Ours does not: it has no such route."""
    return f"%{ord(account[0]):02x}{account[1:]}"


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
        cls.secrets = {name: canary(name) for name in MAY if name != "certified"}
        tables = "".join(client(name, secret, **({} if name == "all" else {"accounts": json.dumps(sorted(MAY[name]))}))
                         for name, secret in cls.secrets.items())
        tables += client("certified", accounts=json.dumps(sorted(MAY["certified"])), certificate='"certified.internal"')
        port = free_port()
        tables += tls_table(*authority.issue("/CN=proxy"), f"127.0.0.1:{port}", client_ca_file=f'"{authority.certificate}"')
        cls.certified_at = Tls(port, authority.context(authority.issue("/CN=certified.internal", names="")))
        cls.proxy = cls.base.daemon(cls.origin.server_address[1], folder, tables=tables + CREDENTIALS.format(folder=folder))
        for account in CREDENTIAL_OF:
            assert cls.ask("all", overview(CACHED, account=account)).status == 200

    @classmethod
    def tearDownClass(cls):
        cls.base.doCleanups()

    @classmethod
    def ask(cls, name, target):
        if name == "certified":
            return request(cls.certified_at, target)
        return request(cls.proxy.at, target, fields={"X-API-Key": cls.secrets[name]})

    def head(self, name, target, more=""):
        shown = "" if name == "certified" else f"X-API-Key: {self.secrets[name]}\r\n"
        return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{shown}{more}\r\n".encode()

    def test_exactly_the_allowed(self):
        for number, (name, allowed) in enumerate(MAY.items()):
            for account, credential in CREDENTIAL_OF.items():
                for campaign in (CACHED, 100 + number):
                    with self.subTest(client=name, account=account, campaign=campaign):
                        asked = len(self.origin.seen)
                        self.assertEqual(self.ask(name, overview(campaign, account=encoded(account))).status, 404)
                        self.assertEqual(len(self.origin.seen), asked)
                        reply = self.ask(name, overview(campaign, account=account))
                        if account in allowed:
                            self.assertEqual((reply.status, reply.json()), (200, {"app": f"id-{credential}", "account": account}))
                            self.assertEqual(reply.is_hit, campaign == CACHED)
                        else:
                            self.assertEqual((reply.status, reply.problem()["type"]), (403, "urn:roktcached:account-not-allowed"))
                            self.assertEqual(len(self.origin.seen), asked)

    def test_a_refusal_does_not_tell_what_is_cached(self):
        asked = len(self.origin.seen)
        for name, allowed in MAY.items():
            at = self.certified_at if name == "certified" else self.proxy.at
            seen = set()
            for account in sorted({*CREDENTIAL_OF, UNTOUCHED} - allowed):
                for campaign in (CACHED, COLD):
                    answer = raw(at, self.head(name, overview(campaign, account=account), "Connection: close\r\n"))
                    self.assertTrue(answer.startswith(b"HTTP/1.1 403 "), answer)
                    self.assertNotRegex(answer, rb"(?i)\r\n(cache-status|age|etag|report-state):")
                    seen.add(without_what_differs(answer, account))
            self.assertEqual(len(seen), 0 if name == "all" else 1, seen)
        self.assertEqual(len(self.origin.seen), asked)

    def test_nor_does_the_time_that_it_takes(self):
        """The probability that one of the two takes longer: noise hits both alike, since they alternate."""
        asked = len(self.origin.seen)
        heads = [self.head("first", overview(CACHED, account=account)) for account in (13, UNTOUCHED)]
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

    def test_and_a_difference_would_be_seen(self):
        values = [random.gauss(50, 10) for _ in range(PAIRS)]
        self.assertLess(abs(share_of_larger(values, random.choices(values, k=PAIRS)) - 0.5), 0.06)
        self.assertGreater(share_of_larger([value + 5 for value in values], values) - 0.5, 0.06)


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
