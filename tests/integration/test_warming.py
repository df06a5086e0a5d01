"""What is fetched before anybody asks: reports that are named, and reports that were learned before a restart."""
import datetime
import json
import os
import pathlib
import signal

from commands import ask
from harness import TestCase, request, wait_until

EPOCH = datetime.date(1970, 1, 1)


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def summary(start, end, zone="UTC", account=12):
    return f"/reporting/accounts/{account}/summary?dateStart={start}T00:00:00.000&dateEnd={end}T23:59:59.000&currency=USD&timeZoneVariation={zone}"


def warm_table(path, at, zone="UTC"):
    return f'[[warm]]\npath = "{path}"\nat = "{at:%H:%M}"\ntime_zone = "{zone}"\n'


def noon_zone():
    """A zone without daylight saving where it is about noon now, and the time there."""
    ahead = 12 - now().hour  # hours
    zone = f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"  # the sign of these names is that of POSIX
    return zone, now() + datetime.timedelta(hours=ahead)


class Named(TestCase):
    def test_a_named_report_is_there_before_anybody_asks(self):
        path = summary("{first_of_month-1}", "{yesterday}", account=12)
        simulator = self.simulator(now=None)
        proxy = self.daemon(simulator, tables=warm_table(path, now()))
        wait_until(lambda: proxy.status()["warming"]["warmed"] == 1, "the report is warmed")
        self.assertEqual(simulator.ledger()["total"], 1)
        today = now().date()
        first = (today.replace(day=1) - datetime.timedelta(days=1)).replace(day=1)
        reply = proxy.get(summary(first, today - datetime.timedelta(days=1)))
        self.assertTrue(reply.is_hit, reply)
        self.assertEqual(simulator.ledger()["total"], 1)
        wait_until(lambda: proxy.status()["warming"]["used"] == 1, "its use is seen")
        warming = proxy.status()["warming"]
        self.assertEqual({name: warming[name] for name in ("learn", "learned", "named", "failed", "unused", "forgotten")},
                         {"learn": True, "learned": 0, "named": 1, "failed": 0, "unused": 0, "forgotten": 0})
        self.assertEqual([(one["target"], one["origin"], one["state"], one["time_zone"]) for one in warming["templates"]], [(path, "named", "used", "UTC")])
        spent = {row["client"]: row["upstream_by_reason"] for row in proxy.status()["clients"] if row["upstream"]}
        self.assertEqual(spent, {"-": {"refresh_ahead": 1}})
        metrics = request(proxy.admin_port, "/metrics").body.decode()
        for line in ("roktcached_warmed_total 1", "roktcached_warmed_used_total 1", 'roktcached_warm_templates{origin="named"} 1'):
            self.assertIn(f"\n{line}\n", metrics)
        self.assertIn("warmed     1 before anybody asked; 1 used, 0 never used\n           0 templates learned, 1 named\n", ask(proxy, "status").stdout)

    def test_a_reload_takes_another(self):
        folder = self.folder()
        simulator = self.simulator(now=None)
        proxy = self.daemon(simulator, folder)
        self.assertEqual(proxy.status()["warming"]["templates"], [])
        pathlib.Path(folder, "roktcached.toml").write_text(warm_table(summary("{yesterday}", "{yesterday}"), now()) + "[warming]\nlearn = false\n")
        proxy.signal(signal.SIGHUP)
        wait_until(lambda: proxy.status()["warming"]["warmed"] == 1, "the new one is warmed")
        self.assertFalse(proxy.status()["warming"]["learn"])
        self.assertIn("changed: warming.learn, [[warm]]", proxy.log())

    def test_a_report_that_the_upstream_refuses_is_told(self):
        simulator = self.simulator(now=None)
        simulator.faults({"path_prefix": "/reporting", "kind": "status", "status": 403})
        proxy = self.daemon(simulator, tables=warm_table(summary("{yesterday}", "{yesterday}"), now()))
        wait_until(lambda: proxy.status()["warming"]["templates"][0]["last_failure"], "it has failed")
        self.assertIn("the upstream answered 403", proxy.status()["warming"]["templates"][0]["last_failure"])
        self.assertEqual(proxy.status()["warming"]["warmed"], 0)


class Learned(TestCase):
    def learned_file(self, folder, zone, local, target=None):
        """What the daemon keeps of a report that was asked for on the last three days, and a week ago, at this time of the day."""
        today = (local.date() - EPOCH).days
        path = pathlib.Path(folder, "cache.db.templates")
        record = {"id": "0123456789abcdef0123456789abcdef", "first_day": today - 7, "last_day": today - 1, "days": 0b1000111,
                  "first_asks": [local.hour * 60 + local.minute] * 4, "target": target or summary("{today-7}", "{yesterday}", zone),
                  "rokt_version": "LATEST", "content": "", "time_zone": zone, "lifetime_ms": 3_600_000, "unused_in_a_row": 0}
        path.write_text(json.dumps({"version": 1, "learned": [record]}))
        path.chmod(0o600)
        return path

    def test_it_is_warmed_after_a_restart_and_its_use_is_kept(self):
        folder = self.folder()
        zone, local = noon_zone()
        file = self.learned_file(folder, zone, local)
        simulator = self.simulator(now=None)
        proxy = self.daemon(simulator, folder)
        wait_until(lambda: proxy.status()["warming"]["warmed"] == 1, "it is warmed")
        today = local.date()
        reply = proxy.get(summary(today - datetime.timedelta(days=7), today - datetime.timedelta(days=1), zone))
        self.assertTrue(reply.is_hit, reply)
        wait_until(lambda: proxy.status()["warming"]["used"] == 1, "its use is seen")
        self.assertEqual(proxy.status()["warming"]["templates"][0]["origin"], "learned")
        proxy.stop()
        self.assertEqual(os.stat(file).st_mode & 0o777, 0o600)
        kept = {one["id"]: one for one in json.loads(file.read_text())["learned"]}["0123456789abcdef0123456789abcdef"]
        self.assertEqual(kept["last_day"], (today - EPOCH).days)
        again = self.daemon(simulator, folder)
        self.assertEqual(again.status()["warming"]["learned"], 1)
        self.assertEqual(again.status()["warming"]["warmed"], 0)

    def test_what_clients_ask_is_kept_over_a_restart(self):
        folder = self.folder()
        zone, local = noon_zone()
        simulator = self.simulator(now=None)
        proxy = self.daemon(simulator, folder)
        yesterday = local.date() - datetime.timedelta(days=1)
        self.assertEqual(proxy.get(summary(yesterday, yesterday, zone)).status, 200)
        proxy.stop()
        file = pathlib.Path(folder, "cache.db.templates")
        histories = json.loads(file.read_text())["learned"]
        self.assertTrue(histories)
        self.assertEqual({(one["last_day"], one["days"]) for one in histories}, {((local.date() - EPOCH).days, 1)})

    def test_a_file_that_cannot_be_read_is_said_and_nothing_else_suffers(self):
        folder = self.folder()
        pathlib.Path(folder, "cache.db.templates").write_text("no JSON")
        pathlib.Path(folder, "cache.db.templates").chmod(0o600)
        simulator = self.simulator(now=None)
        proxy = self.daemon(simulator, folder)
        self.assertIn("what was learned is lost", proxy.log())
        self.assertEqual(proxy.status()["warming"]["learned"], 0)
        yesterday = now().date() - datetime.timedelta(days=1)
        self.assertEqual(proxy.get(summary(yesterday, yesterday)).status, 200)

    def test_nothing_is_learned_where_it_is_not_to(self):
        folder = self.folder()
        zone, local = noon_zone()
        self.learned_file(folder, zone, local)
        proxy = self.daemon(self.simulator(now=None), folder, warming_learn="false")
        self.assertEqual(proxy.status()["warming"]["learned"], 0)
        self.assertEqual(proxy.status()["warming"]["templates"], [])
