"""The health listener: /livez, /readyz and /metrics alone, for probes and scrapes from elsewhere. And what /readyz says."""
import contextlib
import os
import pathlib
import re
import signal
import socket
import unittest

from canary import canary
from certificates import Authority
from clients import basic, client
from exposition import Exposition
from harness import TestCase, Tls, free_port, in_parallel, overview, raw, request, route, run_command, wait_until

PROBES = ("/livez", "/readyz", "/metrics")


def own_address():
    """An address of this machine beyond loopback; None where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            address = probe.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith("127.") else address


class HealthListener(TestCase):
    def test_has_the_probes_and_nothing_else(self):
        port = free_port()
        _, proxy = self.pair(health_addresses=f"127.0.0.1:{port}")
        for target in PROBES:
            with self.subTest(target):
                reply = request(port, target)
                admin = request(proxy.admin_port, target)
                self.assertEqual((reply.status, reply.fields["content-type"]), (200, admin.fields["content-type"]))
                head = request(port, target, "HEAD")
                self.assertEqual((head.status, head.body), (200, b""))
                refused = request(port, target, "POST", body="{}")
                self.assertEqual((refused.status, refused.fields["allow"]), (405, "GET, HEAD"))
        for target, method in (("/status", "GET"), ("/entries", "GET"), ("/openapi.json", "GET"), ("/purge", "POST"), ("/reload", "POST"), ("/", "GET"),
                               ("/livez/", "GET"), (overview(), "GET")):
            with self.subTest(target):
                reply = request(port, target, method, {"Content-Type": "application/json"}, "{}" if method == "POST" else None)
                self.assertEqual(reply.status, 404)
                self.assertEqual(reply.problem()["type"], "urn:roktcached:unknown-route")
                self.assertIn("/livez, /readyz and /metrics", reply.problem()["detail"])
                self.assertIn("admin.address", reply.problem()["detail"])
        self.assertEqual(proxy.status()["cache"]["memory"]["entries"], 0)

    def test_any_host_is_served_since_probes_name_an_address(self):
        port = free_port()
        _, proxy = self.pair(health_addresses=f"127.0.0.1:{port}")
        for host in ("10.1.2.3:9100", "[fd00::7]", "pod-7.roktcached.svc"):
            self.assertEqual(request(port, "/livez", fields={"Host": host}).status, 200, host)
            self.assertEqual(request(proxy.admin_port, "/livez", fields={"Host": host}).status, 421, host)
        self.assertIn(b"HTTP/1.1 200 ", raw(port, b"GET /readyz HTTP/1.0\r\n\r\n"), "an old load balancer names none")
        self.assertIn(b"HTTP/1.1 400 ", raw(port, b"GET /readyz HTTP/1.1\r\nHost: a b\r\n\r\n"))

    def test_beyond_loopback_on_as_many_addresses_as_wanted(self):
        ports = [free_port(), free_port()]
        _, proxy = self.pair(health_addresses=f"0.0.0.0:{ports[0]},[::1]:{ports[1]}")
        self.assertIn(f"health on 0.0.0.0:{ports[0]}", proxy.log())
        self.assertEqual(request(ports[0], "/livez").body, b"alive\n")
        with socket.create_connection(("::1", ports[1]), timeout=30) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n")
            self.assertIn(b"HTTP/1.1 200 ", connection.recv(1000))
        if address := own_address():
            with socket.create_connection((address, ports[0]), timeout=30) as connection:
                connection.sendall(f"GET /livez HTTP/1.1\r\nHost: {address}:{ports[0]}\r\nConnection: close\r\n\r\n".encode())
                self.assertIn(b"HTTP/1.1 200 ", connection.recv(1000))

    def test_with_tls_whose_certificate_is_renewed_by_a_reload(self):
        where, port = self.folder(), free_port()
        authority = Authority(self.folder())
        names = [os.path.join(where, name) for name in ("chain.pem", "key.pem")]

        def put(pair):
            for name, issued in zip(names, pair):
                pathlib.Path(name).write_bytes(pathlib.Path(issued).read_bytes())
                os.chmod(name, 0o600)

        put(authority.issue("/CN=one"))
        _, proxy = self.pair(health_tls_addresses=f"127.0.0.1:{port}", health_tls_certificate_file=names[0], health_tls_key_file=names[1])
        at = Tls(port, authority.context())
        self.assertEqual(request(at, "/livez").status, 200)
        metrics = Exposition(request(at, "/metrics").body.decode())
        issued = metrics.get("certificate_expiry_timestamp_seconds", listener="health")
        self.assertAlmostEqual(issued - metrics.samples["process_start_time_seconds", frozenset()], 2 * 86400, delta=600)
        put(authority.issue("/CN=two", days=7))
        proxy.signal(signal.SIGHUP)
        expiry = lambda: Exposition(request(at, "/metrics").body.decode()).get("certificate_expiry_timestamp_seconds", listener="health")
        wait_until(lambda: expiry() == issued + 5 * 86400 or abs(expiry() - issued - 5 * 86400) < 600, "the new one is in force")
        pathlib.Path(names[0]).write_text("no certificate")
        self.assertEqual(proxy.status()["reloads"]["failed"], 0)
        proxy.signal(signal.SIGHUP)
        wait_until(lambda: proxy.status()["reloads"]["failed"] == 1, "a bad one is refused")
        self.assertIn("health.tls.certificate_file", proxy.status()["reloads"]["last_error"])
        refused = Exposition(request(at, "/metrics").body.decode())
        self.assertEqual(refused.get("config_last_reload_successful"), 0)

    def test_a_certificate_that_cannot_be_used_is_refused_at_start(self):
        self.refusal("health.tls.certificate_file: /nonexistent.pem", health_tls_addresses=f"127.0.0.1:{free_port()}",
                     health_tls_certificate_file="/nonexistent.pem", health_tls_key_file="/nonexistent.pem")

    def test_an_address_that_is_taken_is_named(self):
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection may have used the port just now
            port = free_port()
            taken.bind(("127.0.0.1", port))
            taken.listen()
            self.refusal(f"127.0.0.1:{port}: Address already in use", code=69, health_addresses=f"127.0.0.1:{port}")

    def test_another_address_needs_a_restart_as_the_other_listeners_do(self):
        where, port = self.folder(), free_port()
        upstream = self.simulator()
        proxy = self.daemon(upstream, where, tables=f'[health]\naddresses = ["127.0.0.1:{port}"]\n')
        pathlib.Path(where, "roktcached.toml").write_text(f'[health]\naddresses = ["127.0.0.1:{free_port()}"]\n')
        proxy.signal(signal.SIGHUP)
        wait_until(lambda: proxy.status()["reloads"]["needs_restart"] == ["health.addresses"], "it is said")
        self.assertEqual(request(port, "/livez").status, 200)

    def test_needs_no_credentials_where_clients_do(self):
        port = free_port()
        secret = canary("tableau")
        tables = client("tableau", secret)
        _, proxy = self.pair(tables=tables, health_addresses=f"127.0.0.1:{port}")
        self.assertEqual(request(proxy.port, "/").status, 401)
        for target in PROBES:
            self.assertEqual(request(port, target).status, 200)
        self.assertEqual(request(proxy.port, "/", fields={"Authorization": basic("tableau", secret)}).status, 200)

    def test_says_that_it_drains_until_the_end(self):
        port = free_port()
        upstream, proxy = self.pair(health_addresses=f"127.0.0.1:{port}")
        proxy.wait_for_token()
        upstream.hold()

        def both(i):
            if i == 0:
                return proxy.get(overview()).status
            wait_until(lambda: upstream.ledger()["total"] == 1, "it is under way")
            proxy.signal(signal.SIGTERM)
            wait_until(lambda: request(port, "/readyz").status == 503, "it is not ready any more")
            reply, live = request(port, "/readyz"), request(port, "/livez")
            upstream.faults()
            return reply.status, reply.json()["status"], live.status

        self.assertEqual(in_parallel(2, both), [200, (503, "draining", 200)])
        self.assertEqual(proxy.wait(), 0)


class Readiness(TestCase):
    def degraded(self, proxy):
        reply = request(proxy.admin_port, "/readyz")
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.fields["content-type"], "application/json")
        return {one["part"]: one["reason"] for one in reply.json()["degraded"]}

    def test_is_ready_with_nothing_to_say(self):
        _, proxy = self.pair()
        proxy.wait_for_token()
        self.assertEqual(request(proxy.admin_port, "/readyz").body, b'{"status":"ready","degraded":[]}\n')
        self.assertEqual(proxy.status()["readiness"], {"status": "ready", "degraded": []})

    def test_verbose_has_every_part(self):
        _, proxy = self.pair(upstream_budget_max_queued="123")
        proxy.wait_for_token()
        ready = request(proxy.admin_port, "/readyz?verbose").json()
        self.assertEqual([(part["part"], part.get("name"), part["state"]) for part in ready["parts"]],
                         [("token", "default", "ok"), ("budget", "default", "ok"), ("circuit", None, "ok"), ("cache", "memory", "ok"), ("cache", "disk", "ok")])
        parts = {(part["part"], part.get("name")): part for part in ready["parts"]}
        status = proxy.status()
        credential = status["upstream"]["credentials"][0]
        self.assertEqual(parts["token", "default"]["expires_at_unix_ms"], credential["token"]["expires_at_unix_ms"])
        self.assertEqual((parts["budget", "default"]["max_queued"], credential["budget"]["max_queued"]), (123, 123))
        self.assertEqual(parts["cache", "disk"]["bytes_max"], status["cache"]["disk"]["bytes_max"])
        self.assertNotIn("parts", request(proxy.admin_port, "/readyz?else").json())

    def test_a_budget_that_requests_wait_for_is_named_while_they_do(self):
        upstream, proxy = self.pair(upstream_budget_max_concurrent="1")
        proxy.wait_for_token()
        upstream.hold()

        def ask(i):
            if i:
                return proxy.get(overview(i)).status
            wait_until(lambda: "wait for their turn" in self.degraded(proxy).get("budget", ""), "it is said")
            upstream.faults()
            return 200

        self.assertEqual(in_parallel(5, ask), [200] * 5)
        wait_until(lambda: self.degraded(proxy) == {}, "nobody waits any more")

    def test_a_circuit_that_is_open_is_named(self):
        upstream, proxy = self.pair()
        proxy.wait_for_token()
        upstream.faults({"path_prefix": "/reporting", "kind": "truncate"})
        for number in range(1, 11):
            self.assertEqual(proxy.get(overview(number)).status, 502)
        wait_until(lambda: "circuit" in self.degraded(proxy), "it is said")


class OwnPages(TestCase):
    def test_the_root_names_the_service(self):
        upstream, proxy = self.pair()
        reply = request(proxy.port, "/")
        self.assertEqual((reply.status, reply.fields["content-type"]), (200, "text/plain; charset=utf-8"))
        self.assertRegex(reply.body.decode(), r"\Aroktcached: [^\n]+\n\Z")
        head = request(proxy.port, "/", "HEAD")
        self.assertEqual((head.status, head.fields["content-length"], head.body), (200, str(len(reply.body)), b""))
        refused = request(proxy.port, "/", "POST", body="{}")
        self.assertEqual((refused.status, refused.fields["allow"]), (405, "GET, HEAD"))
        self.assertEqual(request(proxy.port, "//").status, 404)
        self.assertEqual(request(proxy.port, "/", fields={"Host": "evil.example"}).status, 421)
        self.assertEqual(upstream.ledger()["total"], 0)

    def test_an_operators_route_goes_first(self):
        upstream = self.simulator()
        tables = route("root", "/{a...}", cache="off") + route("document", "/openapi.json", cache="off")
        proxy = self.daemon(upstream, wait=False, tables=tables)

        def alive():
            try:
                return request(proxy.admin_port, "/livez").status == 200
            except OSError:
                return False

        wait_until(alive, "it listens")
        for target in ("/", "/openapi.json"):
            self.assertNotIn(b"caching proxy", request(proxy.port, target).body)
        self.assertEqual(upstream.ledger()["total"], 2)


class NewMetrics(TestCase):
    def scrape(self, proxy):
        return Exposition(request(proxy.admin_port, "/metrics").body.decode())

    def test_of_the_process_are_what_proc_says(self):
        _, proxy = self.pair()
        metrics = self.scrape(proxy)
        value = lambda name: metrics.samples[name, frozenset()]
        stat = pathlib.Path(f"/proc/{proxy.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        booted = int(re.search(r"(?m)^btime (\d+)", pathlib.Path("/proc/stat").read_text())[1])
        self.assertAlmostEqual(value("process_start_time_seconds"), booted + int(stat[19]) / os.sysconf("SC_CLK_TCK"), delta=1)
        status = pathlib.Path(f"/proc/{proxy.child.pid}/status").read_text()
        self.assertAlmostEqual(value("process_resident_memory_bytes") / 1024, int(re.search(r"VmRSS:\s+(\d+)", status)[1]), delta=4096)
        self.assertGreater(value("process_virtual_memory_bytes"), value("process_resident_memory_bytes"))
        self.assertGreater(value("process_cpu_seconds_total"), 0)
        soft = re.search(r"Max open files\s+(\d+)", pathlib.Path(f"/proc/{proxy.child.pid}/limits").read_text())[1]
        self.assertEqual(value("process_max_fds"), int(soft))
        before = value("process_open_fds")
        with contextlib.ExitStack() as idle:
            for _ in range(20):  # more than whatever else may be closed meanwhile
                connection = idle.enter_context(socket.create_connection(("127.0.0.1", proxy.port)))
                connection.sendall(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.assertIn(b"404", connection.recv(1000))
            self.assertGreater(self.scrape(proxy).samples["process_open_fds", frozenset()], before + 10)

    def test_limits_are_beside_what_they_limit(self):
        _, proxy = self.pair(listen_max_connections="77", upstream_budget_requests_per_second="9", upstream_budget_burst="5", upstream_budget_max_concurrent="3",
                             upstream_budget_max_queued="11", cache_max_memory="2MiB", cache_max_disk="64MiB")
        metrics = self.scrape(proxy)
        self.assertEqual(metrics.get("connections_limit"), 77)
        of_default = lambda name: metrics.get(name, credential="default")
        self.assertEqual([of_default(f"upstream_{name}_limit") for name in ("budget", "in_flight", "queue", "requests_per_second")], [5, 3, 11, 9])
        self.assertEqual(metrics.get("cache_limit_bytes", tier="memory"), 2 << 20)
        self.assertEqual(metrics.get("cache_limit_bytes", tier="disk"), 64 << 20)
        self.assertEqual(proxy.status()["max_connections"], 77)

    def test_clients_are_the_configurations_and_others_are_one(self):
        secret = canary("tableau")
        upstream, proxy = self.pair(tables=client("tableau", secret) + client("idle", canary("idle")))
        fields = {"Authorization": basic("tableau", secret)}
        bodies = [request(proxy.port, overview(1), fields=fields).body for _ in range(3)]
        self.assertEqual(request(proxy.port, overview(2), fields={"Authorization": basic("nobody", "wrong")}).status, 401)
        of = lambda metrics, name, outcome: metrics.get("client_requests_total", client=name, outcome=outcome)
        proxy.wait_until_counted(miss=1, hit=2, refused=2)  # who looked whether it is ready was refused, too
        metrics = self.scrape(proxy)
        self.assertEqual((of(metrics, "tableau", "miss"), of(metrics, "idle", "hit")), (1, 0))
        self.assertEqual(metrics.sum("client_requests_total"), metrics.sum("requests_total"))
        self.assertEqual(metrics.get("client_upstream_requests_total", client="tableau"), upstream.ledger()["total"])
        self.assertEqual({dict(labeled)["client"] for labeled in metrics.of("roktcached_client_upstream_requests_total")}, {"(none)", "idle", "tableau"})
        self.assertEqual(metrics.get("response_body_bytes_total", outcome="hit"), len(bodies[1]) + len(bodies[2]))
        self.assertEqual(metrics.get("response_body_bytes_total", outcome="miss"), len(bodies[0]))

    def test_each_route_is_there_before_it_is_asked_for(self):
        _, proxy = self.pair(tables=route("files", "/files/{rest...}", inject_token=True))
        metrics = self.scrape(proxy)
        routes = {line.split()[0] for line in run_command("routes").stdout.splitlines()} & set(metrics.by("route", "requests_total") | {
            dict(labeled)["route"]: 0 for labeled in metrics.of("roktcached_requests_total")})
        self.assertGreaterEqual(len(routes), 12)
        self.assertEqual(metrics.get("requests_total", route="files", outcome="hit", code="200"), 0)
        self.assertEqual(metrics.get("upstream_duration_seconds_count", route="campaign-overview"), 0)
        self.assertEqual(metrics.get("upstream_requests_total", route="account-summary", code="503", reason="miss"), 0)
        self.assertNotIn("token", [dict(labeled)["route"] for labeled in metrics.of("roktcached_upstream_duration_seconds_count")])


if __name__ == "__main__":
    unittest.main()
