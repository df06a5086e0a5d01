"""What is seen of a fleet: at the admin listener, by commands, and by the others when one ends."""
import json
import pathlib
import signal

from canary import canary
from fleet_engine import FleetCase
from harness import in_parallel, overview, request, run_command, wait_until


class Seen(FleetCase):
    def setUp(self):
        self.upstream = self.simulator()
        self.server = self.engine(maxmemory="64mb", maxmemory_policy="volatile-lru")

    def member(self, name, **settings):
        folder = self.folder()
        token = pathlib.Path(folder, "admin_token")
        token.touch(0o600)
        token.write_text(canary("admin"))
        return self.instance(self.upstream, self.server, name, folder=folder, admin_token_file=str(token), **settings)

    def two(self):
        first, second = self.member("first"), self.member("second")
        wait_until(lambda: self.members(first) == self.members(second) == (2, 2), "they see each other")
        return first, second

    def command(self, daemon, *arguments):
        return run_command(*arguments, folder=daemon.folder, ROKTCACHED_ADMIN_ADDRESS=f"127.0.0.1:{daemon.admin_port}",
                           ROKTCACHED_ADMIN_TOKEN_FILE=str(pathlib.Path(daemon.folder, "admin_token")))

    def test_a_purge_says_who_has_done_it(self):
        first, second = self.two()
        self.assertEqual((first.get(overview()).status, second.get(overview()).status), (200, 200))
        done = self.command(first, "purge", "--account", "12")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "purged 1, confirmed by 2 of 2 instances\n", ""))
        second.signal(signal.SIGSTOP)
        try:
            done = self.command(first, "purge", "--account", "12")
        finally:
            second.signal(signal.SIGCONT)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (1, "purged 0, confirmed by 1 of 2 instances\n", ""))
        wait_until(lambda: self.command(first, "purge", "--account", "12").returncode == 0, "it has caught up")

    def test_a_purge_without_a_fleet_is_as_ever(self):
        folder = self.folder()
        token = pathlib.Path(folder, "admin_token")
        token.touch(0o600)
        token.write_text(canary("admin"))
        daemon = self.daemon(self.upstream, folder, admin_token_file=str(token))
        done = self.command(daemon, "purge", "--all")
        self.assertEqual((done.returncode, done.stdout), (0, "purged 0\n"))
        self.assertNotIn("fleet", daemon.status())
        self.assertNotIn("fleet", request(daemon.admin_port, "/metrics").body.decode())
        self.assertNotIn("fleet", self.command(daemon, "status").stdout)
        daemon.get(overview())
        self.assertNotIn("fleet", self.command(daemon, "explain", overview()).stdout)

    def test_what_it_notes_for_itself_is_no_entry(self):
        daemon = self.member("first")
        daemon.get(overview())
        wait_until(lambda: daemon.status()["cache"]["memory"]["entries"] == 2, "it has noted how far it has purged")
        (entry,) = request(daemon.admin_port, "/entries").json()["entries"]
        self.assertEqual(entry["route"], "campaign-overview")

    def test_who_ends_leaves_no_ghost(self):
        first, second = self.two()
        second.signal(signal.SIGTERM)
        self.assertEqual(second.wait(10), 0)
        # At the next time that the first one shows itself; without leaving it would be five minutes.
        wait_until(lambda: self.members(first) == (1, 1), "it counts no more")
        with self.server.connect() as engine:
            (members,) = [key for key in engine("KEYS", "rk1:*:m")]
            self.assertEqual(engine("ZRANGE", members, 0, -1), [b"first"])

    def test_who_ends_does_not_wait_for_an_engine_that_hangs(self):
        daemon = self.member("first")
        self.server.pause()
        try:
            daemon.signal(signal.SIGTERM)
            self.assertEqual(daemon.wait(5), 0)
            self.assertNotIn("not every thread has ended", daemon.output)
        finally:
            self.server.go_on()

    def test_the_next_process_of_the_same_name_stays(self):
        folder = self.folder()
        handover = {"listen_handover_socket": str(pathlib.Path(folder, "handover"))}
        before = self.instance(self.upstream, self.server, "one", folder=folder, **handover)
        after = self.daemon(self.upstream, folder, wait=False, port=before.port, admin_port=before.admin_port, flags=("--take-over",),
                            fleet_url=self.server.url, fleet_instance="one", **handover)
        self.assertEqual(before.wait(20), 0)
        self.wait_together(after)
        with self.server.connect() as engine:
            (members,) = engine("KEYS", "rk1:*:m")
            self.assertEqual(engine("ZRANGE", members, 0, -1), [b"one"])

    def test_metrics_are_those_of_the_status(self):
        first, second = self.two()
        zero = ("led", "taken", "waited", "failed", "alone", "landed", "refused")
        for kind in zero:
            self.assertEqual(self.metric(second, f'roktcached_fleet_fetches_total{{kind="{kind}"}}'), 0)
        for reason in ("timeout", "full", "error"):
            self.assertEqual(self.metric(first, f'roktcached_fleet_engine_failures_total{{reason="{reason}"}}'), 0)
        first.get(overview(1))
        wait_until(lambda: first.status()["fleet"]["fetches"]["landed"] == 1, "it has landed")
        second.get(overview(1))
        status = second.status()["fleet"]
        self.assertEqual(status["fetches"], dict.fromkeys(zero, 0) | {"taken": 1})
        for sample, value in (("together", 1), ("members", 2), ("members_known", 2), ("engine_connects_total", 1), ('fetches_total{kind="taken"}', 1),
                              ("tokens_taken_total", status["tokens_taken"])):
            self.assertEqual(self.metric(second, f"roktcached_fleet_{sample}"), value, sample)
        self.assertGreaterEqual(self.metric(second, "roktcached_fleet_engine_duration_seconds_count"), status["link"]["calls"])
        self.assertLess(abs(self.metric(second, "roktcached_fleet_clock_skew_seconds")), 1)
        shown = self.command(second, "status").stdout
        self.assertRegex(shown, r"\nfleet +together, 2 of 2 members, 1 answers from others, engine \d+\.\d ms\n")

    def test_alone_is_degraded_and_ready(self):
        daemon = self.member("first")
        # An engine that it has not met before makes stale what it has. Purges are done in their order, so that is over by now.
        self.assertEqual(self.command(daemon, "purge", "--target", overview(2)).returncode, 0)
        self.assertEqual(daemon.get(overview(1)).status, 200)
        verbose = lambda: request(daemon.admin_port, "/readyz?verbose")
        part = lambda: next(part for part in verbose().json()["parts"] if part["part"] == "fleet")
        self.assertEqual(part(), {"part": "fleet", "state": "ok", "reason": None, "members": 1, "members_known": 1, "timeouts": 0})
        self.assertEqual(self.metric(daemon, "roktcached_fleet_together"), 1)
        self.server.kill()
        wait_until(lambda: part()["state"] == "degraded", "it is alone")
        self.assertEqual(verbose().status, 200)
        self.assertIn("alone: the engine cannot be reached: ", part()["reason"])
        self.assertEqual(self.metric(daemon, "roktcached_fleet_together"), 0)
        self.assertGreater(self.metric(daemon, 'roktcached_fleet_engine_failures_total{reason="error"}') + daemon.status()["fleet"]["link"]["timeouts"], 0)
        shown = self.command(daemon, "status").stdout
        self.assertIn("degraded: alone, without the fleet: ", shown)
        self.assertRegex(shown, r"\nfleet +alone, 1 of 1 members, ")
        self.assertTrue(daemon.get(overview(1)).is_hit)
        self.server.start()
        wait_until(lambda: part()["state"] == "ok", "it is together again")

    def test_explain_says_where_an_answer_lies(self):
        first, second = self.two()
        explained = lambda daemon: json.loads(self.command(daemon, "explain", "--json", overview(1)).stdout)["fleet"]
        nothing = {"state": "together", "stored": None, "under_way": None}
        self.assertEqual(explained(first), nothing)
        self.assertIn("in the fleet:  nothing is stored\n", self.command(first, "explain", overview(1)).stdout)
        self.upstream.hold()

        def look(i):
            if i == 0:
                return first.get(overview(1)).status
            wait_until(lambda: explained(second)["under_way"] == "elsewhere", "it is fetched elsewhere")
            self.assertEqual(explained(first)["under_way"], "here")
            shown = self.command(second, "explain", overview(1)).stdout
            self.upstream.faults()
            return shown

        status, shown = in_parallel(2, look)
        self.assertEqual(status, 200)
        self.assertIn("in the fleet:  nothing is stored; another instance fetches it now\n", shown)
        wait_until(lambda: explained(second)["stored"], "it has landed")
        stored = explained(second)
        fetched = json.loads(self.command(first, "explain", "--json", overview(1)).stdout)["stored"]
        self.assertEqual(stored, {"state": "together", "under_way": None, "stored": {
            "fetched_at_unix_ms": fetched["fetched_at_unix_ms"], "fresh_until_unix_ms": fetched["fresh_until_unix_ms"], "fresh": True}})
        self.assertRegex(self.command(second, "explain", overview(1)).stdout, r"in the fleet:  fetched \w{3}, .* GMT, fresh until \w{3}, .* GMT\n")
        self.server.kill()
        wait_until(lambda: explained(second) == {"state": "alone", "stored": None, "under_way": None}, "nobody knows")
        self.assertIn("in the fleet:  unknown, the engine cannot be reached\n", self.command(second, "explain", overview(1)).stdout)
