"""`warm` and `POST /warm`: what costs nothing, what gives way, and what an interruption leaves."""
import json
import pathlib
import re
import signal
import subprocess

from commands import ADMIN_TOKEN, ask, on_terminal, settings_of, token_file
from harness import BINARY, TestCase, environment_with, free_port, overview, query, request, run_command, wait_until

FAILED, UNAVAILABLE = 1, 69


class Warm(TestCase):
    def warmable(self, *arguments, **settings):
        folder = self.folder()
        simulator = self.simulator(*arguments)
        proxy = self.daemon(simulator, folder, admin_token_file=token_file(folder), **settings)
        proxy.wait_for_token()
        return simulator, proxy

    def file(self, *lines):
        path = pathlib.Path(self.folder(), "targets")
        path.write_text("".join(f"{line}\n" for line in lines))
        return str(path)

    def post(self, proxy, content, token=ADMIN_TOKEN):
        fields = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        return request(proxy.admin_port, "/warm", "POST", fields, json.dumps(content))

    def test_each_target_costs_one_call_and_a_second_run_none(self):
        simulator, proxy = self.warmable()
        targets = [overview(campaign, account) for campaign in range(1, 11) for account in (12, 13)]
        file = self.file("# the dashboard's", *targets, "", f"http://127.0.0.1:{proxy.port}{targets[0]}&api_key=not-to-be-shown")
        first = ask(proxy, "warm", file)
        self.assertEqual((first.returncode, first.stderr), (0, ""), first)
        *lines, summary = first.stdout.splitlines()
        self.assertRegex(summary, r"^warmed 21 of 21: 20 fetched, 1 fresh$")
        self.assertEqual({line.split(" ")[1] for line in lines if line.startswith("fetched ")}, set(targets))
        self.assertNotIn("not-to-be-shown", first.stdout + proxy.log())
        ledger = simulator.ledger()
        self.assertEqual((ledger["total"], set(ledger["by_target"].values())), (20, {1}))
        self.assertEqual(len(request(proxy.admin_port, "/entries").json()["entries"]), 20)
        again = ask(proxy, "warm", "-", given="\n".join(targets))
        self.assertEqual(again.stdout.splitlines()[-1], "warmed 20 of 20: 20 fresh")
        self.assertEqual(simulator.ledger()["total"], 20)
        for target in targets:
            self.assertTrue(proxy.get(target).is_hit)
        self.assertEqual(simulator.ledger()["total"], 20)
        spent = proxy.status()["clients"]
        self.assertEqual({row["client"]: row["upstream_by_reason"] for row in spent if row["upstream"]}, {"-": {"refresh_ahead": 20}})

    def test_what_cannot_be_warmed_is_named_and_the_rest_goes_on(self):
        simulator, proxy = self.warmable()
        good, unknown, bad, missing = overview(1), "/nothing", overview(2, currency="XXX"), overview(99)
        done = ask(proxy, "warm", self.file(unknown, bad, missing, "/auth/oauth2/token", good))
        self.assertEqual(done.returncode, FAILED)
        self.assertRegex(done.stdout, rf"(?m)^refused {unknown}: .*route")
        self.assertRegex(done.stdout, r"(?m)^refused .*overview.*: .*currency")
        self.assertRegex(done.stdout, r"(?m)^refused /auth/oauth2/token: route token cannot be warmed; accepted: a report or metadata route$")
        self.assertRegex(done.stdout, r"(?m)^failed .*99.*: the upstream answered 404$")
        self.assertEqual(done.stdout.splitlines()[-1], "warmed 1 of 5: 1 fetched, 3 refused, 1 failed")
        self.assertEqual(simulator.ledger()["total"], 2)
        self.assertTrue(proxy.get(good).is_hit)

    def test_an_upstream_that_fails_is_told(self):
        simulator, proxy = self.warmable()
        simulator.faults({"path_prefix": "/reporting", "kind": "status", "status": 503})
        done = ask(proxy, "warm", self.file(overview(1)))
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (FAILED, "warmed 0 of 1: 1 failed"))
        self.assertIn("the upstream answered 503", done.stdout)

    def test_clients_go_before_it(self):
        # Half of the burst is never its own: a client that comes has a turn at once.
        simulator, proxy = self.warmable(upstream_budget_requests_per_second="5", upstream_budget_burst="10")
        command = subprocess.Popen([BINARY, "warm", self.file(*(overview(1, account) for account in range(100, 300)))],
                                   env=environment_with(**settings_of(proxy)), cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(command.wait)
        self.addCleanup(command.kill)
        wait_until(lambda: simulator.ledger()["total"] >= 6, "it has taken its half")
        self.assertEqual({proxy.get(overview(campaign)).status for campaign in (1, 2, 3)}, {200})
        budget = proxy.status()["upstream"]["credentials"][0]["budget"]
        self.assertEqual((budget["refused"], budget["limited"]), (0, 0))
        command.send_signal(signal.SIGINT)
        output, errors = command.communicate(timeout=60)
        self.assertEqual(command.returncode, FAILED, errors)
        self.assertIn("roktcached: interrupted; run it again for the rest: what is fresh in the cache costs nothing\n", errors)
        self.assertRegex(output.splitlines()[-1], r"^warmed \d+ of 200: \d+ fetched")

    def test_an_interruption_costs_nothing_twice(self):
        simulator, proxy = self.warmable()
        simulator.faults({"path_prefix": "/reporting", "kind": "latency", "latency_ms": 100})
        targets = [overview(1, account) for account in range(100, 160)]
        file = self.file(*targets)
        command = subprocess.Popen([BINARY, "warm", file], env=environment_with(**settings_of(proxy)), cwd="/", stdout=subprocess.PIPE, text=True)
        self.addCleanup(command.wait)
        self.addCleanup(command.kill)
        wait_until(lambda: simulator.ledger()["total"] >= 10, "some are there")
        command.send_signal(signal.SIGINT)
        command.communicate(timeout=60)
        simulator.faults()
        again = ask(proxy, "warm", file)
        self.assertEqual(again.returncode, 0, again)
        ledger = simulator.ledger()
        self.assertEqual((ledger["total"], set(ledger["by_target"].values())), (60, {1}))

    def test_a_dead_upstream_is_given_up_after_a_while(self):
        folder = self.folder()
        proxy = self.daemon(free_port(), folder, admin_token_file=token_file(folder))  # where nobody is
        done = ask(proxy, "warm", self.file(overview(1)), "--give-up-after", "1")
        self.assertEqual(done.returncode, UNAVAILABLE)
        self.assertIn("the upstream has had nothing to spare for 1 s; run it again", done.stderr)
        self.assertEqual(done.stdout, "warmed 0 of 1\n")

    def test_a_bar_on_a_terminal(self):
        simulator, proxy = self.warmable("--rate", "0")
        simulator.faults({"path_prefix": "/reporting", "kind": "latency", "latency_ms": 20})
        code, written = on_terminal(proxy, "warm", self.file(*(overview(1, account) for account in range(100, 140)), "/nothing"))
        self.assertEqual(code, FAILED)
        bars = re.findall(r"\r(\[[#.]{20}\] (\d+)/41  [\d.]+/s  ETA [^\r]*)", written)
        self.assertGreater(len(bars), 2)
        self.assertEqual(int(bars[-1][1]), 41)
        self.assertIn("budget without limit, 0 wait", bars[-1][0])
        self.assertLessEqual(max(len(bar) for bar, _ in bars), 80)
        self.assertNotIn("fetched /", written)
        self.assertIn("refused /nothing: ", written)
        self.assertRegex(written, r"warmed 40 of 41: 40 fetched, 1 refused\r?\n$")

    def test_a_daemon_that_stops_meanwhile_ends_in_time(self):
        simulator, proxy = self.warmable()
        simulator.faults({"path_prefix": "/reporting", "kind": "latency", "latency_ms": 200})
        command = subprocess.Popen([BINARY, "warm", self.file(*(overview(1, account) for account in range(100, 400)))],
                                   env=environment_with(**settings_of(proxy)), cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(command.wait)
        self.addCleanup(command.kill)
        wait_until(lambda: simulator.ledger()["total"] >= 4, "it is under way")
        proxy.stop()  # asserts the exit code
        _, errors = command.communicate(timeout=60)
        self.assertEqual(command.returncode, UNAVAILABLE, errors)
        self.assertIn("run it again", errors)

    def test_the_endpoint_is_guarded_bounded_and_tells_each_outcome(self):
        _, proxy = self.warmable()
        self.assertEqual(self.post(proxy, {"targets": ["/a"]}, token=None).status, 401)
        self.assertEqual(request(proxy.admin_port, "/warm").status, 405)
        for content, named in (({}, "targets"), ({"targets": []}, "1 to 100"), ({"targets": ["/a"] * 101}, "101"), ({"target": "/a"}, "target")):
            reply = self.post(proxy, content)
            self.assertEqual(reply.status, 400)
            self.assertIn(named, reply.problem()["detail"])
        told = self.post(proxy, {"targets": [overview(), overview() + "&api_key=hush", "https://api.rokt.com" + overview() + "&api_key=hush", "no?api_key=hush"]}).json()
        self.assertEqual((told["outcomes"]["fetched"] + told["outcomes"]["fresh"], told["outcomes"]["refused"]), (3, 1))
        self.assertNotIn("hush", json.dumps(told))
        key = request(proxy.admin_port, "/entries").json()["entries"][0]["key"]
        self.assertEqual([target["key"] for target in told["targets"]], [key, key, key, None])
        versioned = self.post(proxy, {"targets": [overview()], "rokt_version": "2020-01-01"}).json()
        self.assertEqual(versioned["outcomes"]["fetched"], 1)
        self.assertTrue(proxy.get(overview(), rokt_version="2020-01-01").is_hit)

    def test_files_and_tokens_that_are_missing_are_said(self):
        _, proxy = self.pair()
        done = ask(proxy, "warm", self.file(overview()))
        self.assertEqual(done.returncode, FAILED)
        self.assertIn("no admin token is configured", done.stderr)
        done = run_command("warm", "/no/such/file")
        self.assertEqual(done.returncode, FAILED)
        self.assertIn("/no/such/file: No such file or directory; accepted: a file with a target on each line", done.stderr)
