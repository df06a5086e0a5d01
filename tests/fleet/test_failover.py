"""The engine's primary dies and its replica takes its place, at the same address: no hit fails, no answer is wrong, the budget holds, and what
was purged stays purged, also where the replica has never heard of it."""
import time
import unittest

from asking import Load
from daemons import FleetCase, LyingProxy, overview, wait_until
from engine import Engine, skip_without
from set_clock import EngineWithAClock

HOUR = 3600
RATE, BURST = 25, 10  # of the upstream


class Failover(FleetCase):
    def setUp(self):
        skip_without("replicaof")
        self.primary = Engine(repl_diskless_sync_delay=0)
        self.addCleanup(self.primary.stop)
        self.origin = self.upstream()
        self.campaigns = iter(range(1, 1000))
        self.address = LyingProxy(self.primary)
        self.addCleanup(self.address.stop)
        self.members = self.fleet(self.origin, self.address.url, upstream_budget_requests_per_second=str(RATE),
                                  upstream_budget_burst=str(BURST))

    def target(self):
        return overview(campaign=next(self.campaigns))

    def replica(self, replica=None):
        replica = replica or Engine()
        self.addCleanup(replica.stop)
        self.command(replica, "REPLICAOF", "127.0.0.1", self.primary.port)
        wait_until(lambda: b"master_link_status:up" in self.command(replica, "INFO", "replication"), "it is a replica")
        self.wait_up_to_date(replica)
        return replica

    def wait_up_to_date(self, replica):
        def offset(engine, name):
            told = self.command(engine, "INFO", "replication").decode()
            return int(told.partition(name + ":")[2].split()[0])
        wait_until(lambda: offset(replica, "slave_repl_offset") >= offset(self.primary, "master_repl_offset") - 200, "it is up to date")

    @staticmethod
    def command(engine, *words):
        with engine.connect() as connection:
            return connection(*words)

    def promote(self, replica):
        self.command(replica, "REPLICAOF", "NO", "ONE")

    def move_address(self, engine):
        self.address.engine = engine
        self.address.mend()
        self.address.break_all()

    def die(self):
        self.address.cut()
        self.primary.kill()

    def versions(self, target):
        return [self.version(member, target) for member in self.members]

    def expect_purges_to_reach(self):
        for by in self.members:
            target = self.target()
            before = max(self.versions(target))
            self.assertEqual(self.purge_everywhere(by, 3, target=target), 3)
            self.assertGreater(min(self.versions(target)), before)

    def expect_together(self):
        self.wait_done_by_all(self.members)
        self.wait_until_shared(self.origin, self.members, self.target)
        self.expect_purges_to_reach()

    def test_the_replica_takes_its_place(self):
        """At first nobody is at the address, then the replica is, which takes no writes, then it is promoted."""
        known = self.target()
        self.versions(known)
        replica = self.replica()
        hits = Load(self, self.members, lambda *_: known)
        self.addCleanup(hits.end)
        misses = Load(self, self.members, lambda number, count: overview(campaign=10_000 + 3 * count + number))
        self.addCleanup(misses.end)
        misses.go_on()
        calls, begun = self.origin.calls(), time.monotonic()
        self.die()
        self.wait_alone(self.members)
        misses.go_on(5)
        self.move_address(replica)
        for member in self.members:
            wait_until(lambda member=member: "name the primary" in self.seen(member).get("trouble", ""), "it is refused")
        self.assertEqual({self.seen(member)["state"] for member in self.members}, {"alone"})
        misses.go_on(5)
        self.promote(replica)
        self.wait_together(self.members)
        misses.go_on()
        calls = self.origin.calls() - calls
        self.assertLessEqual(calls, BURST + RATE * (time.monotonic() - begun))
        hits.end()
        misses.end()
        self.assertEqual(hits.wrong + misses.wrong, [])
        self.assertEqual(self.origin.calls(known), 1, "all the others were hits")
        self.assertLess(hits.longest, 1)
        self.assertLess(misses.longest, 5)
        self.expect_together()
        for member in self.members:
            self.assertNotIn("no longer knows", member.log(), "all that was there is there")
            self.assertNotIn("are told again", member.log())

    def lose_purges(self, replica, purges):
        """All have an answer, in the replica too; purges of it are done by all, and the replica never hears of them."""
        targets = [self.target() for _ in range(purges)]
        for target in targets:
            self.assertEqual(self.versions(target), [1, 1, 1])
        self.wait_up_to_date(replica)
        self.promote(replica)  # it hears of nothing more
        for target in targets:
            self.assertEqual(self.purge_everywhere(self.members[0], 3, target=target), 3)
        self.die()
        self.move_address(replica)
        return targets

    def expect_kept_purged(self, targets):
        self.wait_together(self.members)
        fresh = self.member(self.origin, self.address.url, "fresh")
        self.members.append(fresh)
        self.wait_done_by_all(self.members)
        for target in targets:
            self.assertGreaterEqual(self.version(fresh, target), 2, "those who know it have told it again")
        self.members.remove(fresh)
        for target in targets:
            self.assertGreaterEqual(min(self.versions(target)), 2, "the replica has the first, as if it were fresh")
        fresh.stop()
        self.expect_together()

    def test_the_replica_has_not_heard_of_the_last_purges(self):
        self.expect_kept_purged(self.lose_purges(self.replica(), 3))
        for member in self.members:
            self.assertNotIn("no longer knows", member.log())

    def test_it_has_not_heard_of_many(self):
        targets = self.lose_purges(self.replica(), 12)
        self.wait_together(self.members)
        self.expect_kept_purged(targets)

    def test_its_clock_is_behind(self):
        """So its next purges come at places before those that were lost."""
        replica = EngineWithAClock()
        replica.set_clock(-HOUR)
        self.expect_kept_purged(self.lose_purges(self.replica(replica), 1))

    def test_all_begin_anew_after_a_lost_purge(self):
        """None of them knows what it was, only that there was one."""
        folders = [self.folder() for _ in range(3)]
        for number, folder in enumerate(folders):
            self.members[number].stop()
            self.members[number] = self.member(self.origin, self.address.url, f"m{number}", folder)
        self.wait_together(self.members)
        targets = self.lose_purges(self.replica(), 1)
        for number, folder in enumerate(folders):
            self.members[number].stop()
            self.members[number] = self.member(self.origin, self.address.url, f"m{number}", folder)
        self.expect_kept_purged(targets)


if __name__ == "__main__":
    unittest.main()
