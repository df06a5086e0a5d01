"""Via on every request upstream, and loops: a request that comes back is told from one that has come through another proxy."""
import json
import os
import time

from harness import CREDENTIAL, TestCase, free_port, overview, raw, request, route, run_command
from test_http_routes import Origin

ROUTES = (
    route("kept", "/kept/{rest...}", "GET", "POST") +
    route("passed", "/passed/{rest...}", "GET", "POST", cache="off"))
OWN = r"roktcached-[0-9a-f]{16}"
TOKEN = json.dumps({"access_token": "our-own-token", "expires_in": 3600, "token_type": "Bearer"}).encode()
LOOP = "urn:roktcached:loop-detected"


class Via(TestCase):
    def start(self, **settings):
        self.minted = []
        origin = Origin(lambda _: (200, [("Content-Type", "application/json")], b'{"a":1}'), self.mint)
        proxy = self.daemon(self.serve(origin), tables=ROUTES, **settings)
        proxy.wait_for_token()
        return origin, proxy

    def mint(self, handler):
        self.minted.append(handler.headers)
        return 200, [("Content-Type", "application/json")], TOKEN

    def via_of(self, origin, proxy, target, *via, version="HTTP/1.1"):
        lines = [f"GET {target} {version}", "Host: localhost", "Connection: close", *(f"Via: {one}" for one in via)]
        self.assertIn(b" 200 ", raw(proxy.port, ("\r\n".join(lines) + "\r\n\r\n").encode()))
        return origin.asked[-1].headers.get_all("Via")

    def test_every_request_upstream_shows_us(self):
        origin, proxy = self.start()
        names = set()
        for target in (overview(), "/kept/1", "/passed/1"):
            via = self.via_of(origin, proxy, target)
            self.assertEqual(len(via), 1)
            self.assertRegex(via[0], f"^1\\.1 {OWN}$")
            names.add(via[0])
        names.update(self.minted[0].get_all("Via"))
        self.assertEqual(len(names), 1)
        other_origin, other = self.start()
        self.assertNotIn(self.via_of(other_origin, other, overview())[0], names)

    def test_we_come_behind_those_before_us(self):
        origin, proxy = self.start()
        for number, target in enumerate(("/kept/2", "/passed/2")):
            via = self.via_of(origin, proxy, target, "1.0 fred", "1.1 p.example.net (Apache/1.1)")
            self.assertEqual(len(via), 1, number)
            self.assertRegex(via[0], f"^1\\.0 fred, 1\\.1 p\\.example\\.net \\(Apache/1\\.1\\), 1\\.1 {OWN}$")
            self.assertRegex(self.via_of(origin, proxy, target + "/old", version="HTTP/1.0")[0], f"^1\\.0 {OWN}$")

    def test_of_a_clients_via_only_proxies_like_us_go_on_with_a_report(self):
        # Others may share the answer: whatever a client writes there must not spoil it.
        origin, proxy = self.start()
        via = self.via_of(origin, proxy, overview(n=1), "1.0 fred, 1.1 roktcached-0123456789abcdef (x), 1.1 " + "x" * 5000)
        self.assertRegex(via[0], f"^1\\.1 roktcached-0123456789abcdef, 1\\.1 {OWN}$")

    def test_a_request_that_comes_back_is_a_loop(self):
        for clients in (False, True):
            with self.subTest(clients=clients):
                secret = "$scrypt$ln=14,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                origin, proxy = self.start()
                own = self.minted[0]["Via"].split()[1]
                if clients:
                    proxy.stop()
                    origin = Origin(lambda _: (200, [], b"{}"), self.mint)
                    folder = self.folder()
                    with open(os.path.join(folder, "roktcached.toml"), "w", encoding="ascii") as file:
                        file.write(ROUTES + f'[[client]]\nname = "tableau"\nsecret_hash = "{secret}"\n')
                    minted = len(self.minted)
                    proxy = self.daemon(self.serve(origin), folder, config=os.path.join(folder, "roktcached.toml"))
                    proxy.wait_for_token()
                    own = self.minted[minted]["Via"].split()[1]
                asked = len(origin.asked)
                for via in (f"1.1 {own}", f"1.0 fred, 1.1 {own.upper()} (x), 1.1 other"):
                    for target, method in ((overview(), "GET"), ("/kept/3", "GET"), ("/passed/3", "POST"), ("/nothing", "GET"), ("/auth/oauth2/token", "POST")):
                        started = time.monotonic()
                        reply = request(proxy.port, target, method, {"Via": via})
                        self.assertEqual((reply.status, reply.problem()["type"]), (508, LOOP), (target, reply))
                        self.assertIn("proxy-status", reply.fields)
                        self.assertLess(time.monotonic() - started, 10)
                self.assertEqual(request(proxy.admin_port, "/status", fields={"Via": f"1.1 {own}"}).status, 508)
                self.assertEqual(len(origin.asked), asked)

    def test_a_chain_of_two_is_no_loop(self):
        upstream, second = self.pair()
        first = self.daemon(second.port)
        reply = first.get(overview())
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual(upstream.ledger()["total"], 1)

    def test_two_that_ask_each_other_are_a_loop(self):
        ports = free_port(), free_port()
        one, other = (self.daemon(to, port=at) for at, to in (ports, reversed(ports)))
        for proxy in (one, other):
            proxy.wait_for_token()
        for proxy in (one, other):
            started = time.monotonic()
            reply = proxy.get(overview(n=proxy.port))
            self.assertEqual((reply.status, reply.problem()["type"]), (508, LOOP), reply)
            self.assertLess(time.monotonic() - started, 10)


class OwnListener(TestCase):
    def run_with(self, command, **settings):
        environment = {f"ROKTCACHED_{name.upper()}": value for name, value in settings.items()}
        return run_command(command, **CREDENTIAL, ROKTCACHED_CACHE_FILE="", **environment)

    def test_check_and_serve_refuse_an_upstream_that_is_ourselves(self):
        port = free_port()
        here = {"listen_addresses": f"127.0.0.1:{port}"}
        for what, settings in {"the listener": {"upstream_url": f"http://127.0.0.1:{port}"},
                               "the listener by name": {"upstream_url": f"http://localhost:{port}"},
                               "the admin listener": {"upstream_url": "http://127.0.0.1:8081"},
                               "the proxy": {"upstream_proxy": f"http://localhost:{port}"}}.items():
            for command in ("check", "serve"):
                with self.subTest(what, command=command):
                    ended = self.run_with(command, **here, **settings)
                    self.assertEqual(ended.returncode, 78, ended)
                    name = next(iter(settings)).upper()
                    self.assertIn(f"$ROKTCACHED_{name}", ended.stderr)
                    self.assertIn("leads back here", ended.stderr)
        other = self.run_with("check", **here, upstream_url=f"http://127.0.0.1:{free_port()}")
        self.assertEqual(other.returncode, 0, other)
