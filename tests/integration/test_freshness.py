"""How long answers live, by the real clock: the lifetimes of the contract, and what a restart makes of them."""
import datetime
import re
import sqlite3

from harness import TestCase, overview, query

DAY = 24 * 3600


def ttl(reply):
    return int(re.search(r"ttl=(-?\d+)", reply.cache_status)[1])


def days_from_now(days):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y-%m-%d")


class Freshness(TestCase):
    def assert_lifetime(self, reply, seconds, state):
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual(reply.fields.get("report-state"), state)
        self.assertTrue(seconds - 30 <= ttl(reply) <= seconds, reply.cache_status)

    def test_the_lifetime_follows_the_end_of_the_range(self):
        _, proxy = self.pair()
        cases = ((2, 300, "open"), (-3, 3600, "restating"), (-28, 3600, "restating"), (-33, 7 * DAY, "settled"))
        for days, seconds, state in cases:
            with self.subTest(days):
                dates = {"dateStart": days_from_now(-60), "dateEnd": days_from_now(days)}
                self.assert_lifetime(proxy.get(overview(**dates)), seconds, state)
        self.assert_lifetime(proxy.get("/metadata/accounts/12/campaigns/3"), 3600, None)

    def test_the_clock_is_the_requested_zones(self):
        # One local date: over for 14 hours or more in the east when the day begins in the west.
        _, proxy = self.pair()
        now = datetime.datetime.now(datetime.timezone.utc)
        east_date = (now + datetime.timedelta(hours=14)).date()
        west_date = (now - datetime.timedelta(hours=11)).date()
        ended = str(west_date if east_date > west_date + datetime.timedelta(days=1) else west_date - datetime.timedelta(days=1))
        dates = {"dateStart": days_from_now(-60), "dateEnd": ended}
        self.assertEqual(proxy.get(overview(timeZoneVariation="Pacific/Kiritimati", **dates)).fields["report-state"], "restating")
        running = {"dateStart": days_from_now(-60), "dateEnd": str(west_date)}
        self.assertEqual(proxy.get(overview(timeZoneVariation="Pacific/Pago_Pago", **running)).fields["report-state"], "open")

    def test_negative_answers_live_a_minute(self):
        _, proxy = self.pair()
        reply = proxy.get(overview(campaign=99))
        self.assertEqual(reply.status, 404)
        self.assertTrue(30 <= ttl(reply) <= 60, reply.cache_status)

    def test_a_restart_with_everything_upstream_dead_serves_what_was_kept(self):
        upstream = self.simulator()
        folder = self.folder()
        first = self.daemon(upstream, folder, freshness_settled="1ms", freshness_metadata="1ms")
        targets = [overview(campaign=campaign) for campaign in range(1, 6)] + ["/metadata/accounts/12/campaigns/3"]
        kept = {target: first.get(target).body for target in targets}
        first.stop()
        upstream.child.kill()
        upstream.wait()
        settings = {"freshness_stale_while_revalidate": "0ms", "upstream_connect_timeout": "2s"}
        again = self.daemon(upstream, folder, **settings)
        for target, body in kept.items():
            reply = again.get(target)
            self.assertEqual((reply.status, reply.body), (200, body))
            self.assertEqual(reply.cache_status, "roktcached; fwd=stale; detail=stale-if-error")
        missing = again.get(f"/reporting/accounts/12/summary?{query()}")
        self.assertEqual((missing.status, missing.problem()["type"]), (503, "urn:roktcached:token-unavailable"))
        self.assertIn("retry-after", missing.fields)

    def test_an_entry_from_the_future_is_not_immortal(self):
        # A clock that has jumped back leaves entries that were fetched "tomorrow".
        upstream = self.simulator()
        folder = self.folder()
        first = self.daemon(upstream, folder)
        first.get(overview())
        first.stop()
        with sqlite3.connect(f"{folder}/cache.db") as database:
            for column in ("fetched_at_unix_ms", "fresh_until_unix_ms", "usable_until_unix_ms"):
                database.execute(f"UPDATE responses SET {column} = {column} + ?", (365 * DAY * 1000,))
        database.close()
        again = self.daemon(upstream, folder)
        reply = again.get(overview())
        self.assertEqual(reply.status, 200)
        self.assertFalse(reply.is_hit)
        self.assertTrue(again.get(overview()).is_hit)
        self.assertEqual(upstream.ledger()["total"], 2)
