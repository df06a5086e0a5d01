"""`status`, `entries`, `restatements` and `explain` beside a running daemon, each compared with what somebody else says of the same."""
import json
import re
import sqlite3
import subprocess
import time
from urllib.parse import quote

import test_upstream_wire as wire
from clients import basic, client
from commands import ask, settings_of, token_file
from harness import BINARY, TestCase, environment_with, free_port, overview, query, request, run_command, wait_until

SUMMARY = f"/reporting/accounts/12/summary?{query()}"
UNAVAILABLE = 69
SPELLED = SUMMARY.replace("America/New_York", "America%2fNew_York") + "&"


def lines_of(text):
    """Of `explain`: name to value."""
    return dict(re.split(r": +", line, maxsplit=1) for line in text.splitlines() if re.match(r"[a-z ]+:", line))


class Status(TestCase):
    def test_the_glance_adds_up_with_ledger_and_status(self):
        simulator, proxy = self.pair()
        proxy.wait_for_token()
        for _ in range(5):
            for campaign in (1, 2, 3):
                proxy.get(overview(campaign))
        proxy.wait_until_counted(miss=3, hit=12)
        shown = ask(proxy, "status")
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        calls = simulator.ledger()["total"]
        self.assertEqual(calls, 3)
        self.assertIn(f"15 answers for {calls} upstream calls; 80.0 % from the cache\n", shown.stdout)
        status = proxy.status()
        self.assertIn(f"roktcached {status['version']}, up ", shown.stdout)
        self.assertRegex(shown.stdout, r"(?m)^state +ready$")
        self.assertRegex(shown.stdout, r"(?m)^token +default: alive, expires in ")
        self.assertRegex(shown.stdout, r"(?m)^budget +default: no limit, 0 under way, 0 wait$")
        self.assertRegex(shown.stdout, rf"(?m)^cache +memory: {status['cache']['memory']['entries']} entries, ")
        (client,) = status["clients"]  # what asked whether the daemon is ready has asked, too
        self.assertEqual((client["from_cache"], client["upstream"]), (12, 3))
        self.assertRegex(shown.stdout, rf"(?m)^{client['client']} +{client['asked']} +[\d.]+ % +3$")
        self.assertRegex(shown.stdout, r"(?m)^campaign-overview +15 +80\.0 % +3$")
        self.assertLessEqual(max(map(len, shown.stdout.splitlines())), 80)

    def test_json_is_what_the_admin_listener_says(self):
        _, proxy = self.pair()
        proxy.wait_for_token()
        proxy.get(overview())
        proxy.wait_until_counted(miss=1, refused=1)  # who looked whether it is ready was refused
        shown = json.loads(ask(proxy, "status", "--json").stdout)
        told = proxy.status()
        self.assertEqual(set(shown), set(told))
        self.assertEqual((shown["requests"], shown["upstream_requests"]), (told["requests"], told["upstream_requests"]))

    def test_it_says_what_is_amiss(self):
        proxy = self.daemon(free_port())  # where nobody is
        wait_until(lambda: proxy.status()["token"]["failures"] > 0, "there is no token")
        shown = ask(proxy, "status")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertRegex(shown.stdout, r"(?m)^state +degraded: credential default has no token")
        self.assertLessEqual(max(map(len, shown.stdout.splitlines())), 80)

    def test_watching_goes_on_while_the_daemon_is_away(self):
        _, proxy = self.pair()
        command = subprocess.Popen([BINARY, "status", "--watch", "--interval", "0.1"], env=environment_with(**settings_of(proxy)), cwd="/",
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(command.wait)
        self.addCleanup(command.kill)
        for _ in range(2):  # two looks
            while not command.stdout.readline().startswith("roktcached "):
                pass
        proxy.stop()
        self.assertIn("admin listener", command.stderr.readline())
        self.assertIn("admin listener", command.stderr.readline())
        self.assertIsNone(command.poll())

    def test_watching_on_a_terminal_shows_one_screen(self):
        _, proxy = self.pair()
        command = f"{BINARY} status --watch --interval 0.2"
        shown = subprocess.Popen(["script", "-qec", command, "/dev/null"], env=environment_with(**settings_of(proxy)), cwd="/", stdout=subprocess.PIPE)
        self.addCleanup(shown.wait)
        self.addCleanup(shown.stdout.close)
        self.addCleanup(shown.kill)
        text = b""
        while text.count(b"\x1b[H\x1b[2J") < 2:
            text += (more := shown.stdout.read1())
            self.assertTrue(more, text)

    def test_no_daemon_is_said_with_the_address(self):
        port = free_port()
        for command in (["status"], ["entries"], ["restatements"], ["warm", "/dev/null"]):
            with self.subTest(command):
                shown = run_command(*command, ROKTCACHED_ADMIN_ADDRESS=f"127.0.0.1:{port}")
                if command[0] == "warm":  # nothing to warm asks nobody
                    self.assertEqual((shown.returncode, shown.stdout), (0, "warmed 0 of 0\n"))
                    continue
                self.assertEqual((shown.returncode, shown.stdout), (UNAVAILABLE, ""))
                self.assertIn(f"admin listener 127.0.0.1:{port}: ", shown.stderr)
        off = run_command("status", ROKTCACHED_ADMIN_ADDRESS="off")
        self.assertEqual(off.returncode, UNAVAILABLE)
        self.assertIn('admin.address is "off"', off.stderr)


class Entries(TestCase):
    def test_they_are_those_of_the_file(self):
        _, proxy = self.pair()
        proxy.wait_for_token()
        targets = [overview(campaign, account) for campaign, account in ((1, 12), (2, 12), (1, 13))]
        for target in targets:
            self.assertEqual(proxy.get(target).status, 200)
        shown = ask(proxy, "entries")
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        head, *rows = shown.stdout.splitlines()
        self.assertTrue(head.startswith("FETCHED (UTC)"), head)
        with sqlite3.connect(f"file:{proxy.folder}/cache.db?mode=ro", uri=True) as database:
            kept = {key.split(" ")[1] for (key,) in database.execute("SELECT key FROM responses")}
        database.close()
        self.assertEqual({row.split()[-1] for row in rows}, kept)
        self.assertEqual(len(kept), 3)
        for row in rows:
            self.assertRegex(row, r"^\d{4}-\d\d-\d\d [\d:]{8}  settled +\d{4}-\d\d-\d\d [\d:]{8} +\d+ B  /reporting/")

    def test_each_selection_finds_its_own(self):
        _, proxy = self.pair()
        proxy.wait_for_token()
        for target in (overview(1, 12), overview(2, 12), overview(1, 13), SUMMARY):
            self.assertEqual(proxy.get(target).status, 200)
        key = next(entry["key"] for entry in json.loads(ask(proxy, "entries", "--json").stdout)["entries"] if entry["route"] == "account-summary")
        for selection, count in ((["--account", "12"], 3), (["--account", "12", "--campaign", "2"], 1), (["--route", "campaign-overview"], 3),
                                 (["--target", SPELLED], 1), (["--key", key], 1), (["--limit", "2"], 2), (["--account", "77"], 0)):
            with self.subTest(selection):
                shown = ask(proxy, "entries", "--json", *selection)
                self.assertEqual(len(json.loads(shown.stdout)["entries"]), count, shown)
        self.assertEqual(request(proxy.admin_port, f"/entries?key={key}").json()["entries"][0]["route"], "account-summary")
        self.assertEqual(ask(proxy, "entries", "--account", "77").stderr, "roktcached: no entries\n")
        more = ask(proxy, "entries", "--limit", "2")
        self.assertEqual((len(more.stdout.splitlines()), more.stderr), (3, "roktcached: there may be more; --limit 2 ends here\n"))
        refused = ask(proxy, "entries", "--key", "12")
        self.assertEqual(refused.returncode, 1)
        self.assertIn('key = "12": accepted: 32 hex digits', refused.stderr)


class Restatements(TestCase):
    def restated(self):
        upstream = wire.Upstream()
        self.serve(upstream)
        proxy = self.daemon(upstream.port, freshness_settled="200ms", freshness_min_refetch_interval="0ms", freshness_stale_while_revalidate="0ms")
        upstream.report = wire.answer(b'{"revenue":10,"purchases":3}')
        proxy.get(SUMMARY)
        proxy.get(overview())
        upstream.report = wire.answer(b'{"revenue":12,"purchases":3}')
        time.sleep(0.3)
        self.assertEqual(proxy.get(SUMMARY).json()["revenue"], 12)
        return proxy

    def test_command_listing_explanation_and_file_say_the_same(self):
        proxy = self.restated()
        (told,) = request(proxy.admin_port, "/restatements").json()["restatements"]
        (entry,) = request(proxy.admin_port, "/entries?restated").json()["entries"]
        self.assertEqual({name: told[name] for name in ("times", "at_unix_ms", "moved")}, entry["restated"])
        self.assertEqual((told["key"], told["route"], told["account"]), (entry["key"], "account-summary", "12"))
        with sqlite3.connect(f"file:{proxy.folder}/cache.db?mode=ro", uri=True) as database:
            (kept,) = database.execute("SELECT restatements, restated_at_unix_ms, restated_fields FROM responses WHERE restatements > 0")
        database.close()
        self.assertEqual((told["times"], told["at_unix_ms"], told["moved"]), (kept[0], kept[1], json.loads(kept[2])))
        shown = ask(proxy, "restatements")
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertRegex(shown.stdout, r"^\d{4}-\d\d-\d\d [\d:]{8}  once  /reporting/accounts/12/summary\?.*\n    /revenue: 10 -> 12\n$")
        explained = ask(proxy, "explain", SUMMARY).stdout
        self.assertIn("restated:      1 times, last ", explained)
        self.assertIn("\n    /revenue: 10 -> 12\n", explained)
        self.assertRegex(ask(proxy, "status").stdout, r"(?m)^restated +1 since the start")
        self.assertEqual(ask(proxy, "restatements", "--account", "13").stderr, "roktcached: no restatements\n")
        self.assertEqual(request(proxy.admin_port, "/restatements?colour=red").status, 400)
        self.assertEqual(request(proxy.admin_port, "/restatements", "POST").status, 405)


class Explain(TestCase):
    def explained(self, proxy, target, **options):
        asked = "&".join(f"{name.replace('_', '-')}={quote(value, safe='')}" for name, value in {"target": target, **options}.items())
        return request(proxy.admin_port, f"/explain?{asked}")

    def test_what_it_says_is_what_happens(self):
        simulator, proxy = self.pair()
        proxy.wait_for_token()
        before = self.explained(proxy, SPELLED).json()
        self.assertEqual((before["answer"], before["why"], before["stored"]), ("fetch", "nothing is stored for this key", None))
        self.assertIn("fwd=miss", proxy.get(SUMMARY).cache_status)
        self.assertEqual(self.explained(proxy, SUMMARY).json()["stored"]["tier"], "memory")
        self.assertTrue(proxy.get(SUMMARY).is_hit)
        wait_until(lambda: self.explained(proxy, SPELLED).json()["asked"] == 2, "both are counted")
        after = self.explained(proxy, SPELLED).json()
        self.assertEqual((after["answer"], after["key"]), ("hit", before["key"]))
        (entry,) = request(proxy.admin_port, "/entries").json()["entries"]
        stored = after["stored"]
        asks = {name: entry.pop(name) for name in ("asked", "from_cache", "asked_by")}  # of stored reports and others
        self.assertEqual((after["asked"], after["from_cache"], len(after["asked_by"])), (asks["asked"], asks["from_cache"], len(asks["asked_by"])))
        self.assertEqual({name: stored[name] for name in entry}, entry)
        self.assertEqual(stored["finds"], 1)
        self.assertEqual(after["route_clients"], [{"client": "127.0.0.1", "asked": 2}])
        self.assertEqual(simulator.ledger()["total"], 1)
        for _ in range(3):
            self.explained(proxy, SUMMARY)
        self.assertEqual(self.explained(proxy, SUMMARY).json()["stored"]["finds"], 1, "to explain is not to use")

    def test_who_asked_for_one_single_report(self):
        proxy = self.daemon(self.simulator(), tables=client("bi", "b") + client("cron", "c"))
        proxy.wait_for_token()
        for name, secret, target in (("cron", "c", SUMMARY), ("bi", "b", SPELLED), ("bi", "b", SUMMARY), ("cron", "c", overview())):
            self.assertEqual(proxy.get(target, Authorization=basic(name, secret)).status, 200)
        wait_until(lambda: sum(entry["asked"] for entry in request(proxy.admin_port, "/entries").json()["entries"]) == 4, "all are counted")
        told = self.explained(proxy, SPELLED).json()
        self.assertEqual((told["asked"], told["from_cache"]), (3, 2))
        self.assertEqual([(one["client"], one["asked"]) for one in told["asked_by"]], [("bi", 2), ("cron", 1)], "the last one first")
        ages = [told["at_unix_ms"] - one["last_asked_at_unix_ms"] for one in told["asked_by"]]
        self.assertTrue(-50 <= ages[0] <= ages[1] < 60_000, ages)
        shown = ask(proxy, "explain", SUMMARY).stdout
        self.assertIn("asked:         3 times since the start, 66.7 % from the cache\n", shown)
        self.assertRegex(shown, r"(?m)^asked by: +bi \(2\), last \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\nasked by: +cron \(1\), last ")
        listed = {entry["route"]: entry for entry in request(proxy.admin_port, "/entries").json()["entries"]}
        self.assertEqual([(one["client"], one["asked"]) for one in listed["account-summary"]["asked_by"]], [("bi", 2), ("cron", 1)])
        self.assertEqual([one["client"] for one in listed["campaign-overview"]["asked_by"]], ["cron"])
        hottest = request(proxy.admin_port, "/entries?hottest").json()["entries"]
        self.assertEqual([(entry["route"], entry["asked"]) for entry in hottest], [("account-summary", 3), ("campaign-overview", 1)])
        head, first = ask(proxy, "entries", "--hottest", "--limit", "1").stdout.splitlines()
        self.assertEqual((head.split()[0], first.split()[:4]), ("ASKED", ["3", "66.7", "%", "bi"]))
        never = ask(proxy, "explain", overview(9)).stdout
        self.assertIn("asked:         by nobody since the start\n", never)
        refused = ask(proxy, "entries", "--hottest", "--account", "12")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("hottest: accepted: alone, or with limit", refused.stderr)

    def test_another_version_is_another_entry_of_the_same_target(self):
        _, proxy = self.pair()
        proxy.wait_for_token()
        proxy.get(SUMMARY)
        proxy.get(SUMMARY, rokt_version="2020-01-01")
        told = self.explained(proxy, SUMMARY, rokt_version="2020-01-01").json()
        self.assertEqual((told["answer"], told["rokt_version"]), ("hit", "2020-01-01"))
        self.assertEqual([other["key_text"].split(" ")[2] for other in told["other_entries"]], ["LATEST"])
        shown = lines_of(ask(proxy, "explain", SUMMARY, "--rokt-version", "2020-01-01").stdout)
        self.assertTrue(shown["also stored"].startswith("default /reporting/accounts/12/summary"), shown)

    def test_a_purge_and_a_restart_show(self):
        folder = self.folder()
        simulator = self.simulator()
        proxy = self.daemon(simulator, folder, admin_token_file=token_file(folder))
        proxy.wait_for_token()
        proxy.get(SUMMARY)
        proxy.stop()
        proxy = self.daemon(simulator, folder, admin_token_file=token_file(folder))
        self.assertEqual(self.explained(proxy, SUMMARY).json()["stored"]["tier"], "disk")
        self.assertIn("on disk", ask(proxy, "explain", SUMMARY).stdout)
        self.assertEqual(ask(proxy, "purge", "--all", "--soft").returncode, 0)
        self.assertEqual(self.explained(proxy, SUMMARY).json()["answer"], "refreshing_hit")
        self.assertEqual(ask(proxy, "purge", "--all").returncode, 0)
        self.assertEqual(self.explained(proxy, SUMMARY).json()["answer"], "fetch")

    def test_the_command_asks_the_daemon_and_does_without_one(self):
        _, proxy = self.pair()
        proxy.wait_for_token()
        proxy.get(SUMMARY)
        online = lines_of(ask(proxy, "explain", SPELLED).stdout)
        self.assertEqual(online["answer now"], "hit: it is fresh")
        self.assertRegex(online["stored"], r"^\d+ B, status 200, in memory, found 0 times there$")
        offline = lines_of(ask(proxy, "explain", "--offline", SPELLED).stdout)
        self.assertEqual(offline["daemon"], "not asked (--offline); this is from the settings alone")
        same = ("route", "class", "key", "key hash", "range ends", "freshness", "fresh for", "usable for")
        self.assertEqual({name: online[name] for name in same}, {name: offline[name] for name in same})
        url = f"https://api.rokt.com{SUMMARY}&api_key=not-to-be-shown"
        shown = ask(proxy, "explain", url)
        self.assertEqual(lines_of(shown.stdout)["key hash"], online["key hash"])
        self.assertNotIn("not-to-be-shown", shown.stdout + proxy.log())
        proxy.stop()
        self.assertEqual(lines_of(ask(proxy, "explain", SPELLED).stdout)["daemon"], "none answers; this is from the settings alone")

    def test_what_nobody_would_be_answered_is_refused_with_the_reason(self):
        _, proxy = self.pair()
        for target, status, named in (("/nothing", 404, "route"), (SUMMARY.replace("USD", "XXX"), 400, "currency"), ("nothing", 400, "accepted")):
            with self.subTest(target):
                reply = self.explained(proxy, target)
                self.assertEqual(reply.status, status)
                self.assertIn(named, reply.problem()["detail"])
                shown = ask(proxy, "explain", target)
                self.assertEqual(shown.returncode, 1)
                self.assertIn(reply.problem()["detail"], shown.stderr)
        self.assertEqual(self.explained(proxy, "/auth/oauth2/token").json()["class"], "token")
        self.assertEqual(request(proxy.admin_port, "/explain").status, 400)
        self.assertEqual(request(proxy.admin_port, "/explain", "POST").status, 405)
