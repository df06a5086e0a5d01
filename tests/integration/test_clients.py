"""Who may ask: each way of showing who one is, what gets nobody in, local tokens, rates, and what never reaches the upstream."""
import base64
import hashlib
import os
import re
import time
import urllib.parse

from canary import canary, register
from clients import basic, client
from harness import TestCase, overview, raw, request, route, run_command, wait_until
from test_credentials import Tokens
from test_http_routes import Origin

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
GRANT = "grant_type=client_credentials"
TOKEN = "/auth/oauth2/token"


def token_request(proxy, secret=None, name="alice", form=GRANT, **fields):
    """With Basic where there is a secret."""
    if secret:
        fields["Authorization"] = basic(name, secret)
    return request(proxy.at, TOKEN, "POST", {**FORM, **fields}, form)


def local_token(proxy, name, secret):
    reply = token_request(proxy, secret, name)
    assert reply.status == 200, reply
    proxy.search_what_was_heard()
    return register(reply.json()["access_token"])


def with_key(target, text, name="api_key", first=False):
    path, _, query = target.partition("?")
    parts = [f"{name}={urllib.parse.quote(text, safe='')}", query]
    return f"{path}?{'&'.join(part for part in (parts if first else parts[::-1]) if part)}"


def challenges(at, target, fields):
    """Each line of WWW-Authenticate (RFC 9110, section 11.6.1)."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    received = raw(at, f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n".encode())
    return re.findall(r"(?m)^WWW-Authenticate: (.*)\r$", received.decode())


class Clients(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = TestCase()
        cls.alice, cls.bob = canary("alice"), canary("bob")
        cls.upstream, cls.proxy = cls.base.pair(tables=client("alice", cls.alice) + client("bob", cls.bob, accounts='["12", "13"]'))

    @classmethod
    def tearDownClass(cls):
        cls.base.doCleanups()

    def ways(self, target):
        """Every way in which Alice can show who she is: (target, fields)."""
        token = local_token(self.proxy, "alice", self.alice)
        form = token_request(self.proxy, form=f"{GRANT}&client_id=alice&client_secret={self.alice}")
        self.assertEqual(form.status, 200, form)
        head, tail = target.split("&", 1)
        pair = f"alice:{self.alice}"
        return [
            (target, {"Authorization": basic("alice", self.alice)}),
            (target, {"Authorization": basic("alice", self.alice).replace("Basic", "bAsIc")}),
            (target, {"X-API-Key": self.alice}),
            (target, {"X-API-Key": pair}),
            (with_key(target, self.alice), {}),
            (with_key(target, pair), {}),
            (with_key(target, self.alice, first=True), {}),
            (f"{head}&api_key={self.alice}&{tail}", {}),
            (with_key(target, self.alice, name="api%5Fkey"), {}),
            (with_key(target, self.alice, name="%61%70%69%5f%6B%65%79"), {}),
            (with_key(target, "".join(f"%{ord(c):02x}" for c in self.alice)).replace("%25", "%"), {}),
            (target, {"Authorization": f"Bearer {token}"}),
            (target, {"Authorization": f"Bearer {register(form.json()['access_token'])}"}),
        ]

    def test_each_way_leads_to_the_same_entry_and_none_to_the_upstream(self):
        before = self.upstream.ledger()
        target = overview(5, account=77)
        replies = [request(self.proxy.at, asked, fields=fields) for asked, fields in self.ways(target)]
        self.assertEqual([reply.status for reply in replies], [200] * len(replies))
        self.assertEqual([reply.is_hit for reply in replies], [False] + [True] * (len(replies) - 1))
        self.assertEqual(len({reply.body for reply in replies}), 1)
        after = self.upstream.ledger()
        self.assertEqual(after["total"] - before["total"], 1)
        new = set(after["by_target"]) - set(before["by_target"])
        self.assertEqual(len(new), 1)
        self.assertNotIn("key", new.pop())
        wait_until(lambda: self.proxy.output.count("campaign-overview") >= len(replies), "all are logged")
        self.assertNotRegex(self.proxy.log(), "(?i)api(_|%5f)key=")

    def test_a_miss_by_api_key_is_sent_without_it(self):
        for number, name in enumerate(("api_key", "api%5Fkey", "%61pi_key")):
            target = overview(6, account=78, n=number)
            before = set(self.upstream.ledger()["by_target"])
            self.assertEqual(self.proxy.get(with_key(target, self.alice, name=name, first=True)).status, 200)
            new = set(self.upstream.ledger()["by_target"]) - before
            self.assertEqual(len(new), 1)
            self.assertEqual(sorted(re.split("[?&]", new.pop())), sorted(re.split("[?&]", f"GET {target}")))
            self.assertTrue(self.proxy.get(target, X_API_Key=self.alice).is_hit)

    def test_who_shows_nothing_valid_gets_401(self):
        wrong = canary("wrong")
        shown = [
            {}, {"Authorization": ""}, {"X-API-Key": ""}, {"X-API-Key": wrong}, {"X-API-Key": f"alice:{wrong}"},
            {"X-API-Key": f"bob:{self.alice}"}, {"X-API-Key": f"nobody:{self.alice}"}, {"X-API-Key": self.alice[:-1]},
            {"X-API-Key": self.alice.upper()}, {"X-API-Key": f":{self.alice}"}, {"X-API-Key": "alice"}, {"X-API-Key": "alice:"},
            {"Authorization": basic("alice", wrong)}, {"Authorization": basic("bob", self.alice)},
            {"Authorization": basic("Alice", self.alice)}, {"Authorization": basic("", self.alice)},
            {"Authorization": "Basic !"}, {"Authorization": "Basic " + base64.b64encode(b"alice").decode()},
            {"Authorization": f"Bearer {self.alice}"}, {"Authorization": f"Digest {self.alice}"}, {"Authorization": "Bearer local."},
            {"Authorization": f"Bearer {self.upstream.token()}"},
        ]
        cases = [(overview(5, account=77), fields) for fields in shown]
        cases += [(with_key(overview(5, account=77), text), {}) for text in (wrong, "", f"bob:{self.alice}")]
        cases += [("/nothing", {}), ("/", {}), ("/nothing", {"X-API-Key": wrong}), (overview(currency="XXX"), {})]
        before = self.upstream.ledger()["total"]
        for target, fields in cases:
            with self.subTest(target=target, fields=fields):
                reply = request(self.proxy.at, target, fields=fields)
                self.assertEqual((reply.status, reply.problem()["type"]), (401, "urn:roktcached:unauthenticated"))
                token = fields.get("Authorization", "").startswith("Bearer ")
                bearer = 'Bearer realm="roktcached"' + (', error="invalid_token"' if token else "")
                self.assertEqual(challenges(self.proxy.at, target, fields), ['Basic realm="roktcached"', bearer])
                self.assertNotIn("cache-status", reply.fields)
        self.assertEqual(self.upstream.ledger()["total"], before)

    def test_an_answer_does_not_tell_what_was_wrong(self):
        """Nor that there is a client of this name."""
        replies = [self.proxy.get(overview(), Authorization=shown) for shown in
                   (basic("alice", "wrong"), basic("nobody", "wrong"), "Bearer local.alice.a.b", "Bearer x")]
        contents = [{k: v for k, v in reply.problem().items() if k != "requestId"} for reply in replies]
        self.assertEqual(contents, [contents[0]] * len(contents))

    def test_more_than_one_api_key_gets_400(self):
        one, target = self.alice, overview(5, account=77)
        twice = f"X-API-Key: {one}\r\nX-API-Key: {one}\r\n"
        cases = [(target, twice), (target, f"X-API-Key: {one}\r\nx-api-key: {self.bob}\r\n"),
                 (with_key(target, one), f"X-API-Key: {one}\r\n"), (with_key(with_key(target, one), one), ""),
                 (with_key(with_key(target, one), self.bob, name="api%5fkey"), ""), (with_key(with_key(target, ""), one), "")]
        for asked, fields in cases:
            with self.subTest(asked=asked, fields=fields):
                received = raw(self.proxy.at, f"GET {asked} HTTP/1.1\r\nHost: localhost\r\n{fields}Connection: close\r\n\r\n".encode())
                self.assertTrue(received.startswith(b"HTTP/1.1 400 "), received)
                self.assertIn(b"urn:roktcached:invalid-request", received)

    def test_with_an_api_key_authorization_is_not_looked_at(self):
        good, bad = basic("alice", self.alice), basic("alice", "wrong")
        self.assertEqual(self.proxy.get(overview(), X_API_Key=self.alice, Authorization=bad).status, 200)
        self.assertEqual(self.proxy.get(with_key(overview(), self.alice), Authorization=bad).status, 200)
        self.assertEqual(self.proxy.get(overview(), X_API_Key="wrong", Authorization=good).status, 401)

    def test_what_is_asked_comes_after_who_asks(self):
        bob = {"X-API-Key": self.bob}
        before = self.upstream.ledger()["total"]
        cases = [("GET", "/nothing", 404), ("DELETE", overview(), 405), ("GET", overview(account=14), 403),
                 ("GET", overview(account=14, currency="XXX"), 403), ("GET", overview(account=1), 403),
                 ("GET", overview(account=120), 403), ("GET", "/metadata/accounts/14/campaigns/3", 403),
                 ("HEAD", overview(account=14), 403), ("GET", overview(account=12, currency="XXX"), 400)]
        for method, target, status in cases:
            with self.subTest(method=method, target=target):
                self.assertEqual(request(self.proxy.at, target, method, bob).status, status)
        self.assertEqual(self.upstream.ledger()["total"], before)
        self.assertEqual(self.proxy.get(overview(account=13), X_API_Key=self.bob).status, 200)
        reply = self.proxy.get(overview(account=14), X_API_Key=self.bob)
        self.assertEqual(reply.problem()["type"], "urn:roktcached:account-not-allowed")

    def test_status_names_clients_and_not_what_others_call_themselves(self):
        self.proxy.get(overview(), Authorization=basic("alice", self.alice))
        self.proxy.get(overview(), X_API_Key=self.bob)
        self.proxy.get(overview(), Authorization=basic("mallory", "wrong"))
        names = lambda: {one["client"] for one in self.proxy.status()["clients"]}
        wait_until(lambda: {"alice", "bob"} <= names(), "both are noted")
        self.assertNotIn("mallory", names())

    def test_the_token_endpoint(self):
        reply = token_request(self.proxy, self.bob, "bob")
        self.assertEqual(reply.status, 200)
        content = reply.json()
        register(content["access_token"])
        self.assertTrue(content["access_token"].startswith("local.bob."))
        self.assertEqual((content["token_type"].lower(), content["expires_in"]), ("bearer", 3600))
        self.assertIn("no-store", reply.fields["cache-control"])
        minted = self.upstream.ledger()["tokens_minted"]
        bearer = {"Authorization": f"Bearer {content['access_token']}"}
        self.assertEqual(request(self.proxy.at, overview(account=13), fields=bearer).status, 200)
        self.assertEqual(request(self.proxy.at, overview(account=14), fields=bearer).status, 403)
        self.assertLessEqual(self.upstream.ledger()["tokens_minted"] - minted, 1, "it is not the upstream that mints them")

    def test_the_token_endpoint_takes_a_form_encoded_pair(self):
        """RFC 6749, section 2.3.1: some OAuth libraries encode name and secret before they join them, most do not."""
        secret = canary("half%2Bhalf")
        encoded = lambda text: "".join(c if c.isalnum() else f"%{ord(c):02X}" for c in text)
        proxy = self.daemon(self.upstream, tables=client("power-bi", secret) + client("tableau", secret))
        for name in ("power-bi", "tableau"):
            for shown_name, shown_secret, status in ((name, secret, 200), (encoded(name), encoded(secret), 200), (encoded(name), encoded(secret[:-1]), 401),
                                                     (encoded(name), encoded(encoded(secret)), 401)):
                with self.subTest(name=shown_name, secret=shown_secret):
                    reply = token_request(proxy, shown_secret, shown_name)
                    self.assertEqual(reply.status, status)
                    if status == 200:
                        proxy.search_what_was_heard()
                        self.assertTrue(register(reply.json()["access_token"]).startswith(f"local.{name}."))
        self.assertEqual(proxy.get(overview(), Authorization=basic("tableau", encoded(secret))).status, 401, "elsewhere RFC 7617 counts")

    def test_the_token_endpoints_errors(self):
        wrong, alice = canary("wrong"), basic("alice", self.alice)
        in_form = f"{GRANT}&client_id=alice&client_secret={self.alice}"
        cases = [
            (401, "invalid_client", GRANT, {}), (401, "invalid_client", GRANT, {"Authorization": basic("alice", wrong)}),
            (401, "invalid_client", GRANT, {"Authorization": basic("nobody", self.alice)}),
            (401, "invalid_client", f"{GRANT}&client_id=alice&client_secret={wrong}", {}),
            (401, "invalid_client", f"{GRANT}&client_id=bob&client_secret={self.alice}", {}),
            (400, "unsupported_grant_type", "grant_type=password", {"Authorization": alice}),
            (400, "invalid_request", "", {"Authorization": alice}),
            (400, "invalid_request", f"{GRANT}&{GRANT}", {"Authorization": alice}),
            (400, "invalid_request", in_form, {"Authorization": alice}),
        ]
        for status, error, form, fields in cases:
            with self.subTest(form=form, fields=fields):
                reply = token_request(self.proxy, form=form, **fields)
                self.assertEqual((reply.status, reply.json()["error"]), (status, error))
                self.assertEqual(reply.fields["content-type"].split(";")[0], "application/json")
                self.assertEqual("Basic" in reply.fields.get("www-authenticate", ""), status == 401)

    def test_a_token_that_was_not_issued_here(self):
        token = local_token(self.proxy, "bob", self.bob)
        local, name, payload, mac = token.split(".")
        self.assertEqual((local, name), ("local", "bob"))
        swap = lambda text, at: text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:]
        forged = [f"local.alice.{payload}.{mac}", f"local.bob.{swap(payload, 0)}.{mac}", f"local.bob.{payload}.{swap(mac, 0)}",
                  f"local.bob.{payload}.{swap(mac, len(mac) - 1)}", token[:-1], token + "A", token + "=", token[1:], token + ".x",
                  f"local.bob.{payload}.", f"local.bob..{mac}", f"local.bob.{payload}", f"LOCAL.bob.{payload}.{mac}",
                  f"local..{payload}.{mac}", "local.bob." + base64.urlsafe_b64encode(b"x" * 300).decode().rstrip("=") + "." + mac]
        for text in forged:
            with self.subTest(text):
                self.assertEqual(self.proxy.get(overview(), Authorization=f"Bearer {text}").status, 401)
        self.assertEqual(self.proxy.get(overview(), Authorization=f"Bearer {token}").status, 200)


class LocalTokens(TestCase):
    def test_they_survive_a_restart_and_end_with_the_clients_secret(self):
        upstream, folder = self.simulator(), self.folder()
        secrets = {name: canary(name) for name in ("alice", "bob")}
        tables = {name: client(name, secret) for name, secret in secrets.items()}

        def restarted():
            proxy = self.daemon(upstream, folder, tables="".join(tables.values()))
            return proxy, [proxy.get(overview(), Authorization=f"Bearer {token}").status for token in tokens]

        tokens = []
        proxy, _ = restarted()
        tokens += [local_token(proxy, name, secret) for name, secret in secrets.items()]
        proxy.stop()
        proxy, statuses = restarted()
        self.assertEqual(statuses, [200, 200])
        proxy.stop()
        tables["alice"] = client("alice", canary("alice-new"))
        proxy, statuses = restarted()
        self.assertEqual(statuses, [401, 200])
        proxy.stop()
        os.unlink(os.path.join(folder, "token.key"))
        _, statuses = restarted()
        self.assertEqual(statuses, [401, 401])

    def test_without_a_cache_file_they_end_with_the_process(self):
        upstream, secret = self.simulator(), canary("alice")
        tables = client("alice", secret)
        first = self.daemon(upstream, tables=tables, cache_file="")
        token = local_token(first, "alice", secret)
        self.assertEqual(first.get(overview(), Authorization=f"Bearer {token}").status, 200)
        self.assertEqual(os.listdir(first.folder), ["roktcached.toml"])
        second = self.daemon(upstream, tables=tables, cache_file="")
        self.assertEqual(second.get(overview(), Authorization=f"Bearer {token}").status, 401)

    def test_two_daemons_with_one_key_file_know_each_others(self):
        upstream, secret = self.simulator(), canary("alice")
        key = os.path.join(self.folder(), "own.key")
        tables = client("alice", secret)
        one, other = (self.daemon(upstream, tables=tables, listen_token_key_file=key) for _ in range(2))
        self.assertEqual(os.stat(key).st_mode & 0o777, 0o600)
        token = local_token(one, "alice", secret)
        self.assertEqual(other.get(overview(), Authorization=f"Bearer {token}").status, 200)
        # The same secret under another salt is another hash, and that ends a client's tokens.
        third = self.daemon(upstream, tables=client("alice", secret), listen_token_key_file=key)
        self.assertEqual(third.get(overview(), Authorization=f"Bearer {token}").status, 401)


class Rates(TestCase):
    def test_a_client_beyond_its_rate_gets_429_and_no_other(self):
        slow, other = canary("slow"), canary("other")
        _, proxy = self.pair(tables=client("slow", slow, requests_per_second=0.5, burst=3) + client("other", other))
        statuses = [proxy.get(overview(), X_API_Key=slow).status for _ in range(5)]
        self.assertEqual(statuses, [200, 200, 200, 429, 429])
        refused = proxy.get("/nothing", X_API_Key=slow)
        self.assertEqual((refused.status, refused.problem()["type"]), (429, "urn:roktcached:client-quota-exceeded"))
        wait = int(refused.fields["retry-after"])
        self.assertIn(wait, (1, 2))
        for _ in range(20):
            self.assertEqual(proxy.get(overview(), X_API_Key=other).status, 200)
            self.assertEqual(proxy.get(overview(), X_API_Key="wrong").status, 401)
        time.sleep(wait)
        self.assertEqual([proxy.get(overview(), X_API_Key=slow).status for _ in range(2)], [200, 429])


class Upstreams(TestCase):
    """What of a client reaches the upstream."""

    def start(self, tables):
        origin = Tokens({"demo-app": "demo-secret"})
        self.serve(origin)
        register("demo-app.demo-secret")  # its token
        return origin, self.daemon(origin.server_address[1], tables=tables)

    def test_on_routes_with_a_token_it_sees_nothing_that_a_client_shows(self):
        secret = canary("alice")
        origin, proxy = self.start(client("alice", secret))
        heads = []
        report = origin.script
        origin.script = lambda handler: (heads.append(str(handler.headers) + handler.path), report(handler))[1]
        token = local_token(proxy, "alice", secret)
        shown = [{"Authorization": basic("alice", secret)}, {"X-API-Key": secret}, {"Authorization": f"Bearer {token}"},
                 {"X-API-Key": secret, "Authorization": "Bearer its-own"}]
        for number, fields in enumerate(shown):
            self.assertEqual(request(proxy.at, overview(n=number), fields=fields).status, 200)
        self.assertEqual(proxy.get(with_key(overview(n=99), secret), Authorization="Bearer its-own").status, 200)
        self.assertEqual(origin.seen, ["Bearer demo-app.demo-secret"] * 5)
        for head in heads:
            self.assertNotRegex(head, "(?i)x-api-key|api_key|its-own|local\\.")
            self.assertNotIn(secret, head)

    ROUTES = (
        route("files", "/files/{rest...}") +
        route("account-files", "/accounts/{accountId}/files", cache="off") +
        route("items", "/items/{accountId}/{rest...}", cache="off"))

    def passing(self):
        origin = Origin(lambda handler: (200, [("Content-Type", "text/plain")], b"ok"))
        self.serve(origin)
        secrets = canary("alice"), canary("bob")
        tables = client("alice", secrets[0]) + client("bob", secrets[1], accounts='["12"]') + self.ROUTES
        return origin, self.daemon(origin.server_address[1], tables=tables), *secrets

    def test_a_clients_own_authorization_passes_where_it_shows_an_api_key(self):
        origin, proxy, alice, _ = self.passing()
        token = local_token(proxy, "alice", alice)
        own = "Bearer of-its-own"
        cases = [("/files/1", {"X-API-Key": alice, "Authorization": own}, own), ("/files/2", {"X-API-Key": alice}, None),
                 (with_key("/files/3?a=1", alice), {"Authorization": own}, own),
                 ("/files/4", {"Authorization": basic("alice", alice)}, None), ("/files/5", {"Authorization": f"Bearer {token}"}, None),
                 # What it shows to us is not for the upstream, where it shows two things either.
                 ("/files/6", {"X-API-Key": alice, "Authorization": basic("alice", alice)}, None),
                 ("/files/7", {"X-API-Key": alice, "Authorization": f"Bearer {token}"}, None),
                 ("/files/8", {"X-API-Key": alice, "Authorization": basic("its-own", "upstream-password")},
                  basic("its-own", "upstream-password")),
                 # A page that was asked for with a key names it when it asks for more.
                 ("/files/9", {"X-API-Key": alice, "Referer": f"http://localhost/files/8?a=1&api_key={alice}"}, None),
                 ("/files/10", {"X-API-Key": alice, "Referer": f"http://localhost/files/8?api%5Fkey={alice}#b"}, None)]
        paths = []
        for target, fields, expected in cases:
            with self.subTest(target=target):
                self.assertEqual(request(proxy.at, target, fields=fields).status, 200)
                seen = origin.asked[-1]
                paths.append(seen.path)
                self.assertEqual((seen.headers.get("Authorization"), seen.headers.get("X-API-Key")), (expected, None))
                self.assertNotIn(alice, str(seen.headers))
        self.assertEqual(paths, ["/files/1", "/files/2", "/files/3?a=1", *(f"/files/{n}" for n in range(4, 11))])
        reply = request(proxy.at, "/files/11", fields={"X-API-Key": alice, "Referer": "http://localhost/files/8?a=1"})
        self.assertEqual((reply.status, origin.asked[-1].headers["Referer"]), (200, "http://localhost/files/8?a=1"))

    def test_a_client_with_accounts_may_not_use_a_route_without(self):
        origin, proxy, alice, bob = self.passing()
        reply = proxy.get("/files/1", X_API_Key=bob)
        self.assertEqual((reply.status, reply.problem()["type"]), (403, "urn:roktcached:account-not-allowed"))
        self.assertEqual(proxy.get("/accounts/13/files", X_API_Key=bob).status, 403)
        for path in ("/accounts/12/files/../../13/files", "/items/12/../13/x", "/items/12/..%2f13/x", "/items/12/..;/13/x",
                     "/items/12/%2e%2e/13/x", "/items/12/%252e%252e%252f13/x", "/items/12/..%5c13/x"):
            with self.subTest(path):
                self.assertIn(proxy.get(path, X_API_Key=bob).status, (400, 403, 404))
        self.assertEqual(origin.asked, [])
        self.assertEqual(proxy.get("/accounts/12/files", X_API_Key=bob).status, 200)
        self.assertEqual(proxy.get("/items/12/a%20b/..c", X_API_Key=bob).status, 200)
        self.assertEqual(proxy.get("/files/1", X_API_Key=alice).status, 200)

    def test_a_daemon_that_is_open_cuts_an_api_key_out_as_well(self):
        upstream, proxy = self.pair()
        key = canary("api-key")
        self.assertFalse(proxy.get(with_key(overview(), key)).is_hit)
        for target in (overview(), with_key(overview(), canary("another"), name="api%5fkey", first=True)):
            self.assertTrue(proxy.get(target).is_hit)
        self.assertEqual([target for target in upstream.ledger()["by_target"] if "key" in target], [])
        self.assertEqual(upstream.ledger()["total"], 1)
        wait_until(lambda: proxy.output.count("route=campaign-overview") >= 3, "all are logged")
        self.assertNotIn(key, proxy.log())


class HashSecret(TestCase):
    def run_it(self, *arguments, given=""):
        return run_command("hash-secret", *arguments, given=given)

    def hash_in(self, text):
        found = re.findall(r"\$scrypt\$ln=\d+,r=\d+,p=\d+\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}", text)
        self.assertEqual(len(found), 1, text)
        return found[0]

    def expect_in(self, hashed, secret):
        _, proxy = self.pair(tables=f'[[client]]\nname = "made"\nsecret_hash = "{hashed}"\n')
        self.assertEqual(proxy.get(overview(), X_API_Key=secret).status, 200)
        self.assertEqual(proxy.get(overview(), X_API_Key=secret + "x").status, 401)

    def test_it_hashes_what_stands_on_its_standard_input(self):
        secret = canary("given")
        runs = [self.run_it(given=secret), self.run_it(given=secret + "\n")]
        self.assertEqual([done.returncode for done in runs], [0, 0], runs)
        for done in runs:
            self.assertNotIn(secret, done.stdout + done.stderr)
        first, second = (self.hash_in(done.stdout) for done in runs)
        self.assertNotEqual(first, second, "each has a salt of its own")
        self.expect_in(second, secret)

    def test_it_makes_a_secret(self):
        done = self.run_it("--generate")
        self.assertEqual(done.returncode, 0, done)
        hashed = self.hash_in(done.stdout)
        words = [word.strip("\"'") for word in re.split(r"[\s=]+", (done.stdout + done.stderr).replace(hashed, ""))]
        secret = [word for word in words if len(word) >= 16 and is_secret_of(word, hashed)]
        self.assertEqual(len(secret), 1, done)
        self.expect_in(hashed, register(secret[0]))
        self.assertNotEqual(self.run_it("--generate").stdout, done.stdout)

    def test_it_refuses_to_hash_nothing(self):
        self.assertNotEqual(self.run_it(given="").returncode, 0)
        self.assertNotEqual(self.run_it(given="\n").returncode, 0)


def is_secret_of(secret, hashed):
    log2_n, r, p, salt, digest = re.fullmatch(r"\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$(.*)\$(.*)", hashed).groups()
    made = hashlib.scrypt(secret.encode(), salt=base64.b64decode(salt + "=="), n=1 << int(log2_n), r=int(r), p=int(p), dklen=32,
                          maxmem=1 << 28)
    return base64.b64encode(made).decode().rstrip("=") == digest
