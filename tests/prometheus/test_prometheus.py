"""Prometheus itself against the daemon: it scrapes it, the alert rules fire on what really happens, the dashboard's queries answer.

Run by tests/prometheus/run.sh, which fetches Prometheus.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import unittest
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
sys.path[:0] = [str(HERE.parent / "integration"), str(HERE.parent / "fleet")]

# pylint: disable=wrong-import-position
from certificates import Authority
from engine import Engine
from exposition import Exposition
from fleet_engine import FleetCase
from harness import Process, Simulator, TestCase, free_port, in_parallel, overview, query, request, wait_until
from queries import as_grafana_asks, mistakes_of, queries_of_dashboard, queries_of_rules

DEPLOYED = TOP / "deploy" / "prometheus"
RULES = dict(queries_of_rules((DEPLOYED / "roktcached.rules.yml").read_text()))
DASHBOARD = json.loads((TOP / "deploy" / "grafana" / "roktcached.json").read_text())
OVERRIDE = '[[freshness.override]]\naccounts = ["13"]\nsettled = "1ms"\nstale_while_revalidate = "0ms"\n'


def promtool(*arguments, given=""):
    return subprocess.run(["promtool", *arguments], input=given, cwd=DEPLOYED, capture_output=True, text=True, timeout=60, check=False)


class Prometheus(Process):
    """Configured by the example of deploy/prometheus, but for the daemon's address and the interval."""

    def __init__(self, folder, target):
        self.port = free_port()
        example = (DEPLOYED / "prometheus.yml").read_text()
        settings = example.replace("127.0.0.1:8081", f"127.0.0.1:{target}").replace("_interval: 15s", "_interval: 1s")
        assert settings.count(f":{target}") == 1 and settings.count("_interval: 1s") == 2, settings
        (folder / "prometheus.yml").write_text(settings)
        (folder / "roktcached.rules.yml").symlink_to(DEPLOYED / "roktcached.rules.yml")
        super().__init__(["--config.file=prometheus.yml", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{self.port}"],
                         folder=folder, binary="prometheus")
        wait_until(self.ready, "Prometheus is ready")

    def ready(self):
        assert self.alive(), self.output
        try:
            return request(self.port, "/-/ready").status == 200
        except OSError:
            return False

    def api(self, path, **parameters):
        answer = request(self.port, f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}").json()
        assert answer["status"] == "success", (parameters, answer)
        return answer["data"]

    def series(self, query):
        """[(labels, value)]; of a query that Prometheus does not understand, an AssertionError."""
        return [(row["metric"], float(row["value"][1])) for row in self.api("query", query=query)["result"]]

    def value(self, query):
        """The one value of a query; None where there is none."""
        rows = self.series(query)
        assert len(rows) <= 1, rows
        return rows[0][1] if rows else None


class Files(TestCase):
    """What needs no daemon."""

    def test_prometheus_takes_the_example_and_the_rules(self):
        for arguments in (("check", "config", "prometheus.yml"), ("check", "rules", "--lint-fatal", "roktcached.rules.yml"), ("test", "rules", "roktcached.rules.test.yml")):
            with self.subTest(arguments):
                done = promtool(*arguments)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_alert_has_a_case_where_it_fires_and_one_where_it_does_not(self):
        cases = (DEPLOYED / "roktcached.rules.test.yml").read_text()
        self.assertEqual(re.findall(r"alert: (\w+)", (DEPLOYED / "roktcached.rules.yml").read_text()), list(RULES), "all are read")
        self.assertEqual(set(re.findall(r"alertname: (\w+)\n +eval_time: \w+\n +exp_alerts:\n +- ", cases)), RULES.keys())
        self.assertEqual(set(re.findall(r"\{alertname: (\w+), eval_time: \w+\}", cases)), RULES.keys())

    def test_panels_lie_beside_each_other_and_have_ids_of_their_own(self):
        panels = DASHBOARD["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken = set()
        for panel in panels:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            self.assertLessEqual(at["x"] + at["w"], 24, panel["title"])
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells


class Scraped(TestCase):
    """A daemon that a Prometheus scrapes each second; the tests of a class share them."""

    @classmethod
    def setUpClass(cls):
        cls.base = TestCase()
        cls.addClassCleanup(cls.base.doCleanups)
        cls.settings = pathlib.Path(cls.base.folder())
        cls.upstream = cls.base.simulator("--token-lifetime", "2")
        cls.authority = Authority(cls.base.folder())
        cls.renew_certificate(days=90)
        cls.engine = Engine()
        cls.base.addCleanup(cls.engine.stop)
        cls.daemon = cls.base.daemon(cls.upstream, str(cls.settings), tables=OVERRIDE, fleet_url=cls.engine.url, upstream_budget_max_concurrent="1",
                                     listen_tls_addresses=f"127.0.0.1:{free_port()}", listen_tls_certificate_file=str(cls.settings / "chain.pem"),
                                     listen_tls_key_file=str(cls.settings / "key.pem"))
        cls.daemon.wait_for_token()
        FleetCase.wait_together(cls.daemon)
        for campaign in (1, 1, 1, 2, 2, 3):
            assert cls.daemon.get(overview(campaign)).status == 200
        assert cls.daemon.get(overview(currency="XXX")).status == 400
        assert cls.daemon.get(overview(1, account=13)).status == 200
        cls.prometheus = Prometheus(pathlib.Path(cls.base.folder()), cls.daemon.admin_port)
        cls.base.addCleanup(cls.prometheus.stop)
        wait_until(lambda: cls.prometheus.value('up{job="roktcached"}') == 1, "Prometheus has scraped the daemon")

    @classmethod
    def renew_certificate(cls, days):
        for name, issued in zip(("chain.pem", "key.pem"), cls.authority.issue("/CN=localhost", days=days)):
            (cls.settings / name).write_bytes(pathlib.Path(issued).read_bytes())
            (cls.settings / name).chmod(0o600)


class Queries(Scraped):
    def exposition(self):
        reply = request(self.daemon.admin_port, "/metrics")
        self.assertEqual(reply.status, 200)
        return reply.body.decode()

    def test_counters_are_those_of_the_status(self):
        status = self.daemon.status()
        self.assertGreater(status["requests"]["hit"], 2)
        for outcome, count in status["requests"].items():
            with self.subTest(outcome):
                wait_until(lambda: self.prometheus.value(f'roktcached_request_duration_seconds_count{{outcome="{outcome}"}}') == count, f"{count} are scraped")
                self.assertEqual(self.prometheus.value(f'sum(roktcached_requests_total{{outcome="{outcome}"}})') or 0, count)
        self.assertEqual(self.prometheus.value("sum(roktcached_upstream_requests_total)"), status["upstream_requests"])
        self.assertEqual(self.prometheus.value("sum(roktcached_upstream_requests_total)"), self.upstream.ledger()["total"])
        self.assertEqual(self.prometheus.value('count(roktcached_build_info{version="%s"})' % status["version"]), 1)

    def test_promtool_has_nothing_against_the_metrics(self):
        done = promtool("check", "metrics", given=self.exposition())
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_prometheus_has_every_sample_of_the_page(self):
        for name in Exposition(self.exposition()).types:
            self.assertTrue(self.prometheus.series(f'{{__name__=~"{name}(_count)?"}}'), name)

    def test_queries_ask_for_metrics_and_labels_that_there_are(self):
        exposition = Exposition(self.exposition())
        for where, asked in [*RULES.items(), *queries_of_dashboard(DASHBOARD)]:
            with self.subTest(where, query=asked):
                self.assertEqual(list(mistakes_of(as_grafana_asks(asked), exposition)), [])

    def test_and_would_be_found_out(self):
        exposition = Exposition(self.exposition())
        for wrong in ("rate(roktcached_request_total[5m])", 'roktcached_cache_entries{tiers="disk"}', 'roktcached_cache_entries{tier="disc"}',
                      'roktcached_request_duration_seconds_count{outcome=~"hit|mis"}', "sum by (outcome) (roktcached_connections)",
                      "sum(roktcached_request_duration_seconds)"):
            with self.subTest(wrong):
                self.assertEqual(len(list(mistakes_of(wrong, exposition))), 1)

    def test_the_dashboard_queries_are_answered(self):
        rare = {"Restatements", "Settings"}  # marks of what has not happened yet
        unlimited = "< +Inf"  # which the daemon of the tests is not
        for where, asked in queries_of_dashboard(DASHBOARD):
            with self.subTest(where, query=asked):
                wait_until(lambda: self.prometheus.series(as_grafana_asks(asked)) or where in rare or unlimited in asked, f"{asked} has a value", 10)
                self.prometheus.series(as_grafana_asks(asked))  # is understood


class Alerts(Scraped):
    """That the rules ask for what the daemon says when it happens. How long it must last, promtool's cases test."""

    def fires(self, alert):
        # Of ten minutes without a new token the test waits for ten seconds.
        return self.prometheus.series(RULES[alert].replace("[10m]", "[10s]"))

    def wait_for(self, alert, meanwhile=lambda: None):
        wait_until(lambda: meanwhile() or self.fires(alert), f"{alert} fires")

    def test_alerts_fire_for_what_they_are_named_for(self):
        """One daemon, one trouble after another."""
        rules = self.prometheus.api("rules")["groups"][0]["rules"]
        self.assertEqual([rule["name"] for rule in rules], list(RULES))
        wait_until(lambda: self.prometheus.value("count_over_time(up[1m]) > 2") is not None, "there is something to compare")
        for alert in RULES:
            self.assertEqual(self.fires(alert), [], alert)

        self.renew_certificate(days=3)
        self.daemon.signal(signal.SIGHUP)
        self.wait_for("RoktcachedCertificateExpiring")
        self.refuse_settings()
        self.wait_for("RoktcachedConfigReloadFailed")
        self.take_the_disk_away()
        self.wait_for("RoktcachedDiskTierAway")
        self.engine.kill()
        self.wait_for("RoktcachedFleetAlone")
        self.starve_the_budget()
        self.restate()
        self.wait_for("RoktcachedRestatementFound")
        self.upstream.faults({"path_prefix": "/reporting/accounts/12/summary", "kind": "status", "status": 503})
        self.wait_for("RoktcachedRouteFailing", meanwhile=self.ask_in_vain)
        self.upstream.stop()
        for alert in ("RoktcachedStaleServed", "RoktcachedRequestsFailing", "RoktcachedUpstreamDown", "RoktcachedTokenUnrefreshed",
                      "RoktcachedNoToken"):
            self.wait_for(alert, meanwhile=self.ask_for_what_is_stale)
        self.daemon.stop()
        self.wait_for("RoktcachedDown")
        self.assertEqual([rule["lastError"] for rule in self.prometheus.api("rules")["groups"][0]["rules"] if "lastError" in rule], [])

    def refuse_settings(self):
        (self.settings / "roktcached.toml").write_text('[freshness]\nopne = "1m"\n')
        self.daemon.signal(signal.SIGHUP)

    def take_the_disk_away(self):
        cache = self.settings / "cache.db"
        os.rename(cache, self.settings / "cache.db.away")
        cache.mkdir()
        (cache / "something").touch()

    def starve_the_budget(self):
        self.upstream.faults({"path_prefix": "/reporting", "kind": "latency", "latency_ms": 1000})
        campaigns = range(4, 8)
        in_parallel(len(campaigns) + 1, lambda i: self.wait_for("RoktcachedBudgetStarving") if i == len(campaigns) else self.daemon.get(overview(campaigns[i])))
        self.upstream.faults()

    def restate(self):
        """Another seed is another world: the same report has other numbers."""
        port = self.upstream.port
        self.upstream.stop()
        self.base.addCleanup((again := Simulator("--seed", "2", "--token-lifetime", "2", port=port)).stop)
        type(self).upstream = again
        wait_until(lambda: self.daemon.get(overview(1, account=13)).status == 200 and self.daemon.status()["restatements"] > 0, "a restatement is found")

    def ask_in_vain(self):
        self.assertIn(self.daemon.get(f"/reporting/accounts/12/summary?{query()}").status, (502, 503))

    def ask_for_what_is_stale(self):
        self.assertIn("stale-if-error", self.daemon.get(overview(1, account=13)).cache_status)


if __name__ == "__main__":
    unittest.main(verbosity=2)
