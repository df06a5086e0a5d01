"""The engine's clock is set back by an hour, and forward by one, under three daemons that are asked all the time: no hit fails, no answer is
wrong, nobody waits for long, the budget is neither exceeded nor starved, and what was purged stays purged."""
import time
import unittest

from asking import Load
from daemons import FleetCase, overview, wait_until
from set_clock import EngineWithAClock

HOUR = 3600
RATE, BURST = 25, 10  # of the upstream
CALLS = 100  # that each change is watched for
LONGEST = 5  # seconds that a request may take: three of them share the budget


class Clock(FleetCase):
    def setUp(self):
        self.engine = EngineWithAClock()
        self.addCleanup(self.engine.stop)
        self.origin = self.upstream()
        self.campaigns = iter(range(1, 1000))
        self.members = self.fleet(self.origin, self.engine.url, upstream_budget_requests_per_second=str(RATE),
                                  upstream_budget_burst=str(BURST))

    def target(self):
        return overview(campaign=next(self.campaigns))

    def expect_purges_to_reach(self):
        for by in self.members:
            target = self.target()
            before = max(self.version(member, target) for member in self.members)
            told = self.purge(by, target=target)
            if told["confirmed"] < 3:  # an instance was alone
                self.wait_done_by_all(self.members)
            for member in self.members:
                self.assertGreater(self.version(member, target), before, told)

    def expect_order(self):
        """Of all purges, whatever the clock has said at the time."""
        with self.engine.connect() as engine:
            purges, = engine("KEYS", "rk1:*}:p")
            places = [tuple(map(int, place.split(b"-"))) for place, _ in engine("XRANGE", purges, "-", "+")]
            self.assertEqual(places, sorted(set(places)))
            length, self.purges = getattr(self, "purges", 0), len(places)
        self.assertGreaterEqual(len(places), length + 3)

    def watch(self, seconds):
        before, begun = self.origin.calls(), time.monotonic()
        self.engine.set_clock(seconds)
        self.expect_purges_to_reach()
        wait_until(lambda: self.origin.calls() >= before + CALLS, "the upstream is asked", 4 * CALLS / RATE)
        calls, took = self.origin.calls() - before, time.monotonic() - begun
        self.assertLessEqual(calls, BURST + RATE * took)
        self.wait_together(self.members)
        self.expect_purges_to_reach()
        self.wait_until_shared(self.origin, self.members, self.target)
        self.expect_order()

    def test_set_back_and_forward(self):
        known = self.target()
        for member in self.members:
            self.version(member, known)
        misses = Load(self, self.members, lambda number, count: overview(campaign=10_000 + 3 * count + number))
        self.addCleanup(misses.end)
        hits = Load(self, self.members, lambda *_: known)
        self.addCleanup(hits.end)
        misses.go_on()
        for seconds in (0, -HOUR, 0, HOUR, 0):
            with self.subTest(seconds):
                self.watch(seconds)
        misses.end()
        hits.end()
        self.assertEqual(misses.wrong + hits.wrong, [])
        self.assertEqual(self.origin.calls(known), 1, "all the others were hits")
        self.assertLess(misses.longest, LONGEST)
        self.assertLess(hits.longest, 1)


if __name__ == "__main__":
    unittest.main()
