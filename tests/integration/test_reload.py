"""Settings that are read again while requests go on: SIGHUP, POST /reload and `roktcached reload`."""
import http.client
import os
import pathlib
import re
import signal
import threading

from certificates import Authority, tls_table
from clients import basic, client
from harness import SANITIZED, Process, TestCase, Tls, connection_to, free_port, overview, request, route, run_command, wait_until

JSON = {"Content-Type": "application/json"}
ROUTE = route("ledger", "/_simulator/requests", "GET", cache="off")
LEDGER = "/_simulator/requests"
CONFIGURATION, UNAVAILABLE = 78, 69


class Reload(TestCase):
    def start(self, tables="", **settings):
        self.where = self.folder()
        self.write(tables)
        self.admin = f"unix:{self.where}/admin.sock"
        upstream = self.simulator()
        return upstream, self.daemon(upstream, self.where, **{"admin_address": self.admin, **settings})

    def write(self, tables):
        pathlib.Path(self.where, "roktcached.toml").write_text(tables)

    def command(self, **environment):
        return run_command("reload", folder=self.where, **{"ROKTCACHED_ADMIN_ADDRESS": self.admin, **environment})

    def reload(self, tables):
        """Has these settings taken; returns what the command says of them."""
        self.write(tables)
        done = self.command()
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout + done.stderr

    def metric(self, proxy, name):
        text = request(proxy.admin_at, "/metrics").body.decode()
        return float(re.search(rf"(?m)^roktcached_{re.escape(name)} (\S+)$", text)[1])


class Verdicts(Reload):
    def test_settings_in_error_leave_those_in_force(self):
        _, proxy = self.start(ROUTE)
        started = self.metric(proxy, "config_last_reload_success_timestamp_seconds")
        for number, (tables, said) in enumerate([('[freshness]\nopne = "1m"\n', "freshness.opne"), ("[freshness\n", "roktcached.toml:1"),
                                                 ('[cache]\nmax_transient = "1MiB"\n', "cache.max_transient"),
                                                 ('[log]\nfile = "/nonexistent/log"\n', "log.file"),
                                                 ('[admin]\ntoken_file = "/nonexistent"\n', "admin.token_file")], 1):
            with self.subTest(said):
                self.write(tables)
                done = self.command()
                self.assertEqual((done.returncode, done.stdout), (CONFIGURATION, ""), done.stderr)
                self.assertIn(said, done.stderr)
                reloads = proxy.status()["reloads"]
                self.assertEqual((reloads["succeeded"], reloads["failed"]), (0, number))
                self.assertIn(said, reloads["last_error"])
                self.assertIn(said, proxy.log())
                self.assertEqual(self.metric(proxy, 'config_reloads_total{result="failure"}'), number)
                self.assertEqual(proxy.get(LEDGER).status, 200, "the route is still there")
        self.assertEqual(self.metric(proxy, "config_last_reload_success_timestamp_seconds"), started)
        self.assertEqual(self.reload(ROUTE), "reloaded; changed: nothing\n")
        reloads = proxy.status()["reloads"]
        self.assertEqual((reloads["succeeded"], reloads["last_error"]), (1, None))
        self.assertEqual(self.metric(proxy, 'config_reloads_total{result="success"}'), 1)
        self.assertGreater(self.metric(proxy, "config_last_reload_success_timestamp_seconds"), started)

    def test_a_hangup_says_the_same_in_the_log(self):
        _, proxy = self.start()
        self.write(ROUTE)
        proxy.signal(signal.SIGHUP)
        wait_until(lambda: proxy.status()["reloads"]["succeeded"] == 1, "the settings are in force")
        self.assertEqual(proxy.get(LEDGER).status, 200)
        self.assertIn("changed: [[route]]", proxy.log())
        self.write("[route]\n")
        proxy.signal(signal.SIGHUP)
        wait_until(lambda: proxy.status()["reloads"]["failed"] == 1, "the settings are refused")
        self.assertIn("stay in force", proxy.log())

    def test_what_needs_a_restart_is_named_and_stays(self):
        _, proxy = self.start()
        threads = len(os.listdir(f"/proc/{proxy.child.pid}/task"))
        said = self.reload('[listen]\nthreads = 7\nidle_timeout = "50s"\n[cache]\nmax_memory = "8MiB"\n[log]\nformat = "json"\n'
                           '[[credential]]\nname = "another"\n')
        for key in ("listen.threads", "cache.max_memory", "log.format", "[[credential]]"):
            self.assertIn(key, said.partition("needs a restart: ")[2])
        self.assertIn("changed: listen.idle_timeout\n", said)
        self.assertEqual(len(os.listdir(f"/proc/{proxy.child.pid}/task")), threads)
        status = proxy.status()
        self.assertEqual(status["cache"]["memory"]["bytes_max"], 256 << 20)
        self.assertEqual([one["name"] for one in status["upstream"]["credentials"]], ["default"])
        self.assertIn("listen.threads", status["reloads"]["needs_restart"])
        self.assertIn("needs a restart: listen.threads", proxy.log())
        self.assertEqual(proxy.get(overview()).status, 200)
        self.reload("")
        self.assertEqual(proxy.status()["reloads"]["needs_restart"], [])

    def test_the_admin_token_guards_it_and_is_read_again(self):
        where = self.folder()
        tokens = [os.path.join(where, name) for name in ("one", "two")]
        for path in tokens:
            pathlib.Path(path).write_text(f"admin-token-of-{os.path.basename(path)}\n")
            os.chmod(path, 0o600)
        self.where = where
        self.write(f'[admin]\ntoken_file = "{tokens[0]}"\n')
        proxy = self.daemon(self.simulator(), where)
        self.admin = f"127.0.0.1:{proxy.admin_port}"
        self.assertEqual(request(proxy.admin_at, "/reload", "POST", JSON, "{}").status, 401)
        self.assertEqual(request(proxy.admin_at, "/reload").status, 405)
        done = self.command(ROKTCACHED_ADMIN_TOKEN_FILE=tokens[1])
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("401", done.stderr)
        self.write(f'[admin]\ntoken_file = "{tokens[1]}"\n')
        self.assertEqual(self.command(ROKTCACHED_ADMIN_TOKEN_FILE=tokens[0]).returncode, 0)
        self.assertEqual(self.command(ROKTCACHED_ADMIN_TOKEN_FILE=tokens[0]).returncode, 1, "it is another one now")
        self.assertEqual(self.command().returncode, 0)

    def test_commands_are_served_whatever_hosts_clients_may_name(self):
        self.where = self.folder()
        token = os.path.join(self.where, "token")
        pathlib.Path(token).write_text("admin-token-of-this-test\n")
        os.chmod(token, 0o600)
        self.write(f'[listen]\nallowed_hosts = ["reports.example"]\n[admin]\ntoken_file = "{token}"\n')
        for address, hosts in ((f"127.0.0.1:{free_port()}", ("127.0.0.1", "localhost", "[::1]")), (f"127.0.0.2:{free_port()}", ("127.0.0.2", "localhost"))):
            with self.subTest(address=address):
                proxy = self.daemon(self.simulator(), self.where, wait=False, admin_address=address)
                self.admin, proxy.admin_port = address, int(address.rsplit(":", 1)[1])
                wait_until(lambda: self.command().returncode == 0, "reload is answered")
                at = address.rsplit(":", 1)[0]

                def status(target, port, host):
                    connection = http.client.HTTPConnection(at if port == proxy.admin_port else "127.0.0.1", port, timeout=10)
                    connection.request("GET", target, headers={"Host": host})
                    answer = connection.getresponse().status
                    connection.close()
                    return answer
                for host in hosts:
                    self.assertEqual(status("/livez", proxy.admin_port, host), 200, host)
                self.assertEqual(status("/livez", proxy.admin_port, "rebound.example"), 421, "the guard against rebinding stands")
                self.assertEqual(status("/", proxy.port, "127.0.0.1"), 421, "clients' listeners serve the configured names alone")
                self.assertEqual(status("/", proxy.port, "reports.example"), 200)
                proxy.stop()

    def test_nobody_there(self):
        self.where, self.admin = self.folder(), "127.0.0.1:43299"
        self.assertEqual(self.command().returncode, UNAVAILABLE)


class EachKind(Reload):
    def test_routes_come_and_go(self):
        _, proxy = self.start()
        self.assertEqual(proxy.get(LEDGER).status, 404)
        self.assertIn("[[route]]", self.reload(ROUTE))
        self.assertEqual(proxy.get(LEDGER).status, 200)
        self.reload("")
        self.assertEqual(proxy.get(LEDGER).status, 404)

    def test_clients_come_and_go_at_once_on_open_connections_too(self):
        tables = client("tableau", "key-of-tableau")
        _, proxy = self.start(tables)
        kept = connection_to(proxy.port)
        self.addCleanup(kept.close)

        def ask(**fields):
            kept.request("GET", overview(), headers={name.replace("_", "-"): value for name, value in fields.items()})
            answer = kept.getresponse()
            answer.read()
            return answer.status
        form = {"Authorization": basic("tableau", "key-of-tableau"), "Content-Type": "application/x-www-form-urlencoded"}
        token = request(proxy.port, "/auth/oauth2/token", "POST", form, "grant_type=client_credentials").json()["access_token"]
        shown = [{"X_API_Key": "key-of-tableau"}, {"Authorization": f"Bearer {token}"}, {"Authorization": basic("tableau", "key-of-tableau")}]
        for fields in shown * 2:
            self.assertEqual(ask(**fields), 200)
        self.assertEqual(ask(X_API_Key="key-of-excel"), 401)
        self.reload(tables + client("excel", "key-of-excel"))
        self.assertEqual(ask(X_API_Key="key-of-excel"), 200, "though it was wrong a moment ago")
        for fields in shown:
            self.assertEqual(ask(**fields), 200)
        self.reload(client("excel", "key-of-excel"))
        for fields in shown:
            self.assertEqual(ask(**fields), 401)
        self.assertEqual(ask(X_API_Key="key-of-excel"), 200)
        self.reload(tables.replace('"tableau"', '"tableau"\naccounts = ["13"]', 1))
        self.assertEqual(ask(X_API_Key="key-of-tableau"), 403, "its accounts are others now")
        self.assertEqual(ask(), 401)
        self.reload("")
        self.assertEqual(ask(), 200, "everybody may ask")
        self.reload(tables)
        self.assertEqual(ask(), 401)

    def test_a_certificate_is_whose_the_settings_in_force_say(self):
        authority = Authority(self.folder())
        port = free_port()
        tls = tls_table(*authority.issue("/CN=proxy"), f"127.0.0.1:{port}", client_ca_file=f'"{authority.certificate}"')
        excel, tableau = client("excel", "key-of-excel"), client("tableau", certificate='"tableau.internal"')
        self.start(excel + tableau + tls)
        kept = connection_to(Tls(port, authority.context(authority.issue("/CN=tableau", "DNS:tableau.internal"))))
        self.addCleanup(kept.close)

        def ask():
            kept.request("GET", overview())
            answer = kept.getresponse()
            answer.read()
            return answer.status
        self.assertEqual(ask(), 200)
        sock = kept.sock
        for tables, status in ((excel, 401), (tableau + excel, 200), (excel + tableau.replace('"tableau"', '"tableau"\naccounts = ["13"]', 1), 403)):
            self.reload(tables + tls)
            self.assertEqual(ask(), status, tables)
        self.assertIs(kept.sock, sock, "over one connection")

    def test_parameters_and_freshness(self):
        upstream, proxy = self.start()
        asks = lambda: upstream.ledger()["total"]
        self.assertEqual(proxy.get(overview(currency="CHF")).status, 400)
        for _ in range(3):
            proxy.get(overview())
        self.assertTrue(proxy.get(overview()).is_hit)
        self.reload('[parameters]\nextra_currencies = ["CHF"]\n[freshness]\nsettled = "0ms"\n')
        before = asks()
        proxy.get(overview(currency="CHF"))
        self.assertEqual(asks(), before + 1, "it is forwarded")
        self.assertTrue(proxy.get(overview()).is_hit, "what is stored keeps its lifetime")
        before = asks()
        for _ in range(2):
            self.assertEqual(proxy.get(overview(campaign=4)).status, 200)
        self.assertEqual(asks(), before + 2, "nothing is kept any more")
        self.reload("")
        self.assertEqual(proxy.get(overview(currency="CHF")).status, 400)
        for _ in range(2):
            self.assertEqual(proxy.get(overview(campaign=4)).status, 200)
        self.assertEqual(asks(), before + 3)

    def test_limits_of_connections(self):
        _, proxy = self.start()
        long_one = {"X-Long": "x" * 3000}
        self.assertEqual(request(proxy.port, overview(), fields=long_one).status, 200)
        self.assertEqual(request(proxy.port, overview(), fields={"Host": "other.internal"}).status, 421)
        self.reload('[listen]\nmax_head = "2KiB"\nallowed_hosts = ["other.internal", "localhost", "127.0.0.1"]\n')
        self.assertEqual(request(proxy.port, overview(), fields=long_one).status, 431)
        self.assertEqual(request(proxy.port, overview(), fields={"Host": "other.internal"}).status, 200)

    def test_a_host_that_is_allowed_no_more_is_refused_on_open_connections_too(self):
        authority = Authority(self.folder())
        port = free_port()
        tls = tls_table(*authority.issue("/CN=proxy"), f"127.0.0.1:{port}")
        hosts = '[listen]\nallowed_hosts = ["other.internal", "localhost", "127.0.0.1"]\n'
        _, proxy = self.start(hosts + tls)
        kept = [connection_to(Tls(port, authority.context())), connection_to(proxy.port)]
        for connection in kept:
            self.addCleanup(connection.close)

        def ask(connection):
            connection.request("GET", overview(), headers={"Host": "other.internal"})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        for _ in range(2):
            self.assertEqual([ask(connection) for connection in kept], [200, 200])
        self.reload(hosts.replace('"other.internal", ', "") + tls)
        self.assertEqual([ask(connection) for connection in kept], [421, 421])

    def test_timeouts_of_the_upstream(self):
        upstream, proxy = self.start('[upstream]\nhead_timeout = "200ms"\n')
        proxy.wait_for_token()
        upstream.faults({"path_prefix": "/reporting", "kind": "latency", "latency_ms": 1500})
        self.assertEqual(proxy.get(overview(n=1)).status, 504)
        self.reload('[upstream]\nhead_timeout = "60s"\n')
        self.assertEqual(proxy.get(overview(n=2)).status, 200)

    def test_budgets(self):
        budget = "[[credential]]\nname = \"default\"\n[credential.budget]\nrequests_per_second = {}\nburst = {}\n"
        _, proxy = self.start(budget.format(5, 10))
        read = lambda: proxy.status()["upstream"]["credentials"][0]["budget"]
        self.assertEqual((read()["ceiling"], read()["requests_per_second"]), (5, 5))
        self.assertIn("[[credential]]", self.reload(budget.format(50, 100)))
        self.assertEqual((read()["ceiling"], read()["requests_per_second"]), (50, 50))

    def test_the_part_of_one_of_several_daemons(self):
        budget = "[upstream.budget]\nrequests_per_second = {}\nburst = {}\n"
        self.where = self.folder()
        self.write(budget.format(10, 20) + "[fleet]\nexpected_instances = 4\n")
        process = Process(["serve"], {"ROKT_APP_ID": "demo-app", "ROKT_APP_SECRET": "demo-secret", "ROKTCACHED_CACHE_FILE": "",
                                      "ROKTCACHED_UPSTREAM_URL": f"http://127.0.0.1:{self.simulator().port}",
                                      "ROKTCACHED_LISTEN_ADDRESSES": f"127.0.0.1:{free_port()}",
                                      "ROKTCACHED_ADMIN_ADDRESS": f"unix:{self.where}/admin.sock"}, self.where)
        self.addCleanup(process.stop)
        self.admin = f"unix:{self.where}/admin.sock"
        wait_until(lambda: "admin on unix:" in process.output, "it listens")
        read = lambda: request(f"{self.where}/admin.sock", "/status").json()["upstream"]["credentials"][0]["budget"]
        self.assertEqual((read()["ceiling"], read()["burst"]), (2.5, 5))
        self.reload(budget.format(2, 3) + "[fleet]\nexpected_instances = 4\n")
        self.assertEqual((read()["ceiling"], read()["burst"]), (0.5, 1))
        said = self.reload(budget.format(2, 3) + "[fleet]\nexpected_instances = 2\n")
        self.assertIn("fleet.expected_instances", said)
        self.assertEqual(read()["ceiling"], 0.5, "it needs a restart")

    def test_level_and_access_lines_of_the_log(self):
        _, proxy = self.start()
        self.reload("[log]\naccess = false\n")
        self.assertEqual(proxy.get(overview(), X_Request_Id="unseen").status, 200)
        self.assertNotIn("unseen", proxy.log())
        self.reload("")
        self.assertEqual(proxy.get(overview(), X_Request_Id="seen").status, 200)
        wait_until(lambda: "request_id=seen" in proxy.output, "it has a line")


class UnderLoad(Reload):
    def test_no_request_is_lost_no_entry_forgotten_and_no_memory_kept(self):
        tables = [client("tableau", "key-of-tableau") + ROUTE, client("tableau", "key-of-tableau", upstream_share="2") + client("excel", "key-of-excel"),
                  client("excel", "key-of-excel") + client("tableau", "key-of-tableau") + '[freshness]\nopen = "1m"\n']
        secret = re.search(r'secret_hash = "(.*?)"', tables[0])[1]
        tables = [re.sub(r'(name = "tableau"\nsecret_hash = )".*?"', rf'\1"{secret}"', one) for one in tables]
        upstream, proxy = self.start(tables[0], listen_threads="2", log_level="info")
        proxy.wait_for_token()
        ended = threading.Event()
        lost, counts = [], {"hit": 0, "miss": 0}
        fields = {"X-API-Key": "key-of-tableau"}

        def ask(kind, connection, number):
            target = overview() if kind == "hit" else overview(n=number)
            connection.request("GET", target, headers=fields)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200 or (kind == "hit" and not answer.getheader("Cache-Status").startswith("roktcached; hit")):
                lost.append((kind, answer.status, answer.getheader("Cache-Status")))
            counts[kind] += 1

        def run(kind, first):
            connection = connection_to(proxy.port)
            try:
                number = first
                while not ended.wait(0.005 if kind == "miss" else 0):
                    ask(kind, connection, number)
                    number += 1
            except (OSError, http.client.HTTPException) as failure:
                lost.append((kind, repr(failure)))
            finally:
                connection.close()
        self.assertEqual(request(proxy.port, overview(), fields=fields).status, 200)
        workers = [threading.Thread(target=run, args=(kind, first)) for kind, first in (("hit", 0), ("hit", 0), ("miss", 0), ("miss", 1_000_000))]
        for worker in workers:
            worker.start()
        sizes = []
        try:
            for number in range(240):
                self.write(tables[number % len(tables)])
                reply = request(proxy.admin_at, "/reload", "POST", JSON, "{}")
                self.assertEqual((reply.status, reply.json()["result"]), (200, "success"), reply.body)
                if number in (59, 239):
                    sizes.append(self.resident(proxy))
        finally:
            ended.set()
            for worker in workers:
                worker.join()
        print(f"\n240 reloads under {counts['hit']} hits and {counts['miss']} misses: {sizes[0] >> 20} MiB resident after 60, {sizes[1] >> 20} MiB after all")
        self.assertEqual(lost, [])
        self.assertGreater(min(counts.values()), 100)
        self.assertEqual(proxy.status()["reloads"]["succeeded"], 240)
        self.assertEqual(upstream.ledger()["total"], 1 + counts["miss"], "each miss was fetched once, and no hit again")
        if not SANITIZED:  # a sanitizer keeps what is freed to itself for a while
            self.assertLess(sizes[1] - sizes[0], 16 << 20, "what was in force is freed")
        threads = os.listdir(f"/proc/{proxy.child.pid}/task")
        self.assertLess(len(threads), 40, "and so are the threads of clients that are no more")

    def resident(self, proxy):
        text = pathlib.Path(f"/proc/{proxy.child.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) << 10
