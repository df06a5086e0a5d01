"""No request gets another's answer: all pairs of requests that differ in one thing, and those that must share.

Every pair is asked one after the other, both at once, and again after a restart. An origin that spells out in its answer
what it was asked shows a foreign answer by its bytes; the simulator shows that the same holds for real reports.
"""
import base64
import concurrent.futures
import dataclasses
import itertools
import json
import time
import urllib.parse

from harness import TestCase, route
from requests_that_differ import (CAMPAIGN, METADATAS, OPERATORS_METADATAS, OPERATORS_REPORTS, REPORTS, Ask, base, cached_pairs,
                                  http_pairs, with_field, with_parameter)
from test_http_routes import Origin

TABLES = """
[[credential]]
name = "NAME"
[[route]]
name = "menu"
path = "/reporting/accounts/{accountId}/campaigns/overview"
methods = ["GET"]
cache = "report"
groupby = ["page", "brand"]
""" + (
    route("names", "/metadata/accounts/{accountId}/campaigns", "GET", cache="metadata", inject_token=True) +
    route("files", "/files/{rest...}", "GET", "POST") +
    route("copies", "/copies/{rest...}", "GET") +
    route("shared", "/shared/{rest...}", "GET", inject_token=True))
EVERY_CACHED_ROUTE = (*REPORTS, *METADATAS, *OPERATORS_REPORTS, *OPERATORS_METADATAS)
# What of a request's fields the spelling origin's answers depend on, on http routes.
SPELLED = ("rokt-version", "Accept-Language", "Accept", "X-Custom", "Authorization")


def meaning(name, value):
    """A value of a query as a server understands it; a '+' that was sent as itself may mean a space."""
    value = urllib.parse.unquote(value.replace("+", "\0"))
    if name in ("dateStart", "dateEnd") and "T" in value:
        seconds, _, fraction = value.partition(".")
        return f"{seconds}.{fraction:0<3}"
    return value


def asked_of_a_cached_route(target):
    """What a request for a report or metadata asks, however it is spelled."""
    path, _, query = target.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    return [urllib.parse.unquote(path), sorted([urllib.parse.unquote(name), equals, meaning(name, value)] for name, equals, value in pairs)]


def spell(handler):
    """An answer that says what it answers; one to HEAD has the fields of the one to GET."""
    if handler.server.pause:
        time.sleep(handler.server.pause)
    cached = handler.path.startswith(("/reporting/", "/metadata/"))
    said = {name: handler.headers.get(name) for name in (("rokt-version",) if cached else SPELLED)}
    if cached:
        said["authorization"] = handler.headers.get("Authorization")
        said["rokt-version"] = said["rokt-version"] if said["rokt-version"] != "LATEST" else None
    else:
        said["Accept"] = said["Accept"] or "*/*"  # the same (RFC 9110, section 12.5.1)
    said["method"] = "GET" if handler.command == "HEAD" else handler.command
    said["target"] = asked_of_a_cached_route(handler.path) if cached else handler.path
    fields = [("Cache-Control", handler.server.cache_control), ("Content-Type", "application/json")]
    if handler.server.vary:
        fields.append(("Vary", handler.server.vary))
    return 200, fields, json.dumps(said).encode()


def mint(handler):
    """A token that says whose it is."""
    app_id = base64.b64decode(handler.headers["Authorization"].removeprefix("Basic ")).decode().split(":")[0]
    return 200, [], json.dumps({"access_token": token_of(app_id), "token_type": "Bearer", "expires_in": 3600}).encode()


def token_of(app_id):
    return f"token-of-{app_id}"


class SpellingOrigin(Origin):
    def __init__(self):
        super().__init__(spell, mint)
        self.port = self.server_address[1]
        self.pause = 0
        self.cache_control = "public, max-age=3600"
        self.vary = ", ".join(SPELLED)

    def own_answer(self, ask, app_id="demo-app"):
        return direct(self, ask, token_of(app_id))

    def slow(self, on):
        self.pause = 0.01 if on else 0


def direct(upstream, ask, token):
    """What the upstream itself says to this request."""
    injected = not ask.path.startswith(("/files/", "/copies/"))
    reply = ask.send(upstream.port, **({"Authorization": f"Bearer {token}"} if injected else {}))
    assert reply.status == 200, (ask, reply)
    return reply.body


def fetches_of(proxy):
    return proxy.status()["upstream_requests"]


class Separation(TestCase):
    def origin(self):
        origin = SpellingOrigin()
        self.serve(origin)
        return origin

    def proxy(self, upstream, folder=None, credential="default", **settings):
        return self.daemon(upstream.port, folder, tables=TABLES.replace("NAME", credential), **settings)

    def expect(self, proxy, ask, body, is_hit, when):
        reply = ask.send(proxy.port)
        self.assertEqual((reply.status, reply.body, reply.is_hit), (200, body, is_hit), f"{reply} to {ask}, {when}")

    def ask_in_turn(self, own_answer, proxy, pairs):
        """Returns what was asked for, with the upstream's own answers."""
        stored = {}
        for number, pair in enumerate(pairs):
            own = {ask: own_answer(ask) for ask in (one.of(number) for one in pair)}
            for is_hit in (False, True):
                for ask, body in own.items():
                    self.expect(proxy, ask, body, is_hit, f"asked in turn: {list(own)}")
            stored.update(own)
        self.assertEqual(fetches_of(proxy), 2 * len(pairs))
        return stored

    def ask_at_once(self, own_answer, proxy, pairs, slow):
        """Twice each of a pair, so that there is also what may be collapsed. Returns how many were."""
        asks = [ask.of(f"t{number}") for number, pair in enumerate(pairs) for ask in pair * 2]
        own = {ask: own_answer(ask) for ask in set(asks)}
        slow(True)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            replies = list(pool.map(lambda ask: ask.send(proxy.port), asks))
        slow(False)
        for ask, reply in zip(asks, replies):
            self.assertEqual((reply.status, reply.body), (200, own[ask]), f"{reply} to {ask}, asked at once with its pair")
        return sum("collapsed" in reply.cache_status for reply in replies)

    def try_all(self, upstream, own_answer, pairs, slow):
        """Returns how many fetches the pairs took that were asked at once."""
        started = time.monotonic()
        folder = self.folder()
        proxy = self.proxy(upstream, folder)
        stored = self.ask_in_turn(own_answer, proxy, pairs)
        collapsed = self.ask_at_once(own_answer, proxy, pairs, slow)
        self.assertGreater(collapsed, len(pairs) / 10, "they were at the upstream together")
        fetches = fetches_of(proxy) - 2 * len(pairs)
        proxy.stop()
        again = self.proxy(upstream, folder)
        for ask, body in stored.items():
            self.expect(again, ask, body, True, "after a restart")
        self.assertEqual(fetches_of(again), 0)
        print(f"\n{len(pairs)} pairs that differ in one thing, in turn, at once ({collapsed} collapsed) and after a restart: "
              f"{time.monotonic() - started:.1f} s")
        return fetches

    def test_all_pairs_of_cached_routes_with_an_upstream_that_spells_out_the_request(self):
        origin = self.origin()
        pairs = cached_pairs({**REPORTS, **OPERATORS_REPORTS}, METADATAS + OPERATORS_METADATAS)
        self.assertEqual(self.try_all(origin, origin.own_answer, pairs, origin.slow), 2 * len(pairs))

    def test_all_pairs_of_the_apis_routes_with_its_reports(self):
        upstream = self.simulator()
        token = upstream.token()
        known = {}

        def own_answer(ask):
            alone = dataclasses.replace(ask, pair="")  # the simulator does not know that parameter
            if alone not in known:
                known[alone] = direct(upstream, ask, token)
            return known[alone]

        def slow(on):
            upstream.faults(*([{"path_prefix": "/", "kind": "latency", "latency_ms": 10}] if on else []))

        pairs = cached_pairs(REPORTS, METADATAS)
        self.assertEqual(self.try_all(upstream, own_answer, pairs, slow), 2 * len(pairs))

    def test_all_pairs_of_http_routes(self):
        # One fetch has the answers of one variant: who waited for another's fetches anew.
        origin = self.origin()
        self.try_all(origin, origin.own_answer, http_pairs(), origin.slow)

    def test_what_the_upstream_must_answer_alike_is_one_fetch(self):
        ask = base(CAMPAIGN + "/overview")
        fraction = with_parameter(ask, "dateStart", "dateStart=2025-03-02T00:00:00.5")
        spellings = [
            (ask, dataclasses.replace(ask, parameters=ask.parameters[::-1])),
            (ask, with_parameter(ask, "currency", "currency=%55S%44")),
            (ask, with_parameter(ask, "currency", "%63urrency=USD")),
            (with_parameter(ask, "x", "x=~a"), with_parameter(ask, "x", "x=%7E%61")),
            (with_parameter(ask, "x", "x=~a"), with_parameter(ask, "x", "x=%7e%61")),
            (fraction, with_parameter(ask, "dateStart", "dateStart=2025-03-02T00:00:00.500")),
            (with_parameter(ask, "dateStart", "dateStart=2025-03-02T00:00:00"),
             with_parameter(ask, "dateStart", "dateStart=2025-03-02T00:00:00.000")),
            (with_parameter(ask, "dateEnd", "dateEnd=2025-03-02T00:00:00"),
             with_parameter(ask, "dateEnd", "dateEnd=2025-03-02T00%3A00%3a00.0")),
            (ask, with_parameter(ask, "timeZoneVariation", "timeZoneVariation=America%2FNew_York")),
            (with_parameter(ask, "x", "x=a/b&"), with_parameter(ask, "x", "&x=a%2fb")),
            (ask, with_field(ask, "rokt-version", "LATEST")),
            (with_field(ask, "rokt-version", "alpha-1"), with_field(ask, "Rokt-Version", "alpha-1")),
        ]
        unsent = {"Accept-Language": "de, en", "Authorization": "Basic YTpi", "Cookie": "a=b", "Accept": "text/html", "User-Agent": "x", "X-Custom": "1"}
        spellings += [(ask, with_field(ask, name, value)) for name, value in unsent.items()]
        upstream = self.simulator()
        proxy = self.proxy(upstream)
        token = upstream.token()
        pairs = spellings + [pair[::-1] for pair in spellings]
        for number, pair in enumerate(pairs):
            first, second = (one.of(number) for one in pair)
            own = direct(upstream, first, token)
            self.expect(proxy, first, own, False, "asked for first")
            self.expect(proxy, second, own, True, f"which says the same as {first}")
        self.assertEqual(fetches_of(proxy), len(pairs))
        print(f"\n{len(pairs)} pairs that must share: {len(pairs)} fetches")

    def test_another_path_gets_nobodys_answer(self):
        upstream = self.simulator()
        proxy = self.proxy(upstream)
        ask = base(CAMPAIGN + "/overview")
        self.assertEqual(ask.send(proxy.port).status, 200)
        for old, new in (("/12/", "/12%2F"), ("/12/", "//12/"), ("/12/", "/13/../12/"),
                         ("/overview", "/overview/"), ("/overview", "%2Foverview"), ("/overview", "/overview;x=1"),
                         ("/overview", "/Overview")):
            with self.subTest(new):
                reply = dataclasses.replace(ask, path=ask.path.replace(old, new)).send(proxy.port)
                self.assertEqual((reply.status, reply.problem()["type"]), (404, "urn:roktcached:unknown-route"))
        self.assertEqual(fetches_of(proxy), 1)

    def test_a_head_never_answers_a_get_and_a_post_neither(self):
        origin = self.origin()
        proxy = self.proxy(origin)
        asks = [base(template) for template in EVERY_CACHED_ROUTE]
        for ask in asks + [Ask("/files/a"), Ask("/shared/a")]:
            with self.subTest(ask.path):
                own = origin.own_answer(ask)
                head = ask.send(proxy.port, "HEAD")
                self.assertEqual((head.status, head.body, head.fields["content-length"]), (200, b"", str(len(own))))
                got = ask.send(proxy.port)
                self.assertEqual((got.status, got.body), (200, own))
                again = ask.send(proxy.port, "HEAD")
                self.assertEqual((again.is_hit, again.body, again.fields["content-length"]), (True, b"", str(len(own))))
                self.expect(proxy, ask, own, True, "after a HEAD")
        ask = Ask("/files/a")
        own = origin.own_answer(ask)
        for _ in range(2):
            posted = ask.send(proxy.port, "POST")
            self.assertEqual((posted.status, json.loads(posted.body)["method"], posted.is_hit), (200, "POST", False))
        self.expect(proxy, ask, own, False, "after a POST")

    def test_what_one_credential_has_fetched_is_not_anothers(self):
        origin = self.origin()
        folder = self.folder()
        asks = [base(template) for template in EVERY_CACHED_ROUTE]
        asks += [Ask(path) for path in ("/files/a", "/copies/a", "/shared/a")]
        fetches = 0
        for is_hit in (False, True):
            for name in ("one", "two"):
                proxy = self.proxy(origin, folder, credential=name, app_id=f"app-of-{name}")
                for ask in asks:
                    self.expect(proxy, ask, origin.own_answer(ask, f"app-of-{name}"), is_hit, f"by credential {name}")
                fetches += fetches_of(proxy)
                proxy.stop()
        self.assertEqual(fetches, 2 * len(asks))
        print(f"\n{len(asks)} requests with each of two credentials on one cache file: {fetches} fetches")

    def test_what_a_clients_own_credential_got_is_nobody_elses_unless_the_origin_says_so(self):
        origin = self.origin()
        proxy = self.proxy(origin)
        values = ("Basic YTpi", "Basic Yzpk", None)
        mine, yours, nobodys = (with_field(Ask("/files/a"), "Authorization", value) for value in values)
        origin.cache_control = "max-age=3600"
        varying = [("Authorization", order) for order in itertools.permutations((mine, yours, nobodys))]
        # What was asked for without a credential may answer everybody (RFC 9111, section 4): it comes last.
        plain = [("", (mine, yours, mine, yours, nobodys)), ("", (yours, mine, nobodys, nobodys))]
        for number, (origin.vary, order) in enumerate(varying + plain):
            for ask in (one.of(number) for one in order):
                reply = ask.send(proxy.port)
                self.assertEqual((reply.status, reply.body), (200, origin.own_answer(ask)), f"{ask} of {order}")
                self.assertFalse(reply.is_hit and ask.fields, "section 3.5: not stored")
            self.assertTrue(nobodys.of(number).send(proxy.port).is_hit)
        origin.vary = ""
        for origin.cache_control in ("public, max-age=3600", "s-maxage=3600", "must-revalidate, max-age=3600"):
            first, second = (one.of(origin.cache_control.split(",")[0]) for one in (mine, yours))
            self.assertFalse(first.send(proxy.port).is_hit)
            self.assertTrue(second.send(proxy.port).is_hit, "section 3.5: the origin allows it")
