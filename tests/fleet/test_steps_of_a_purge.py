"""The one that tells of a purge, or one that hears of it, is killed or stopped at each step: nothing that was purged is served once all have
come as far."""
import contextlib
import signal
import sqlite3
import unittest

from daemons import wait_until
from moments import AFTER, BEFORE, Moment, StepCase


class APurgeIsHeard(Moment):
    def is_it(self, what, words, reply):
        return what == "XREAD" and any(stream[0].endswith(b"}:p") for stream in reply or [])


def rows_of_reports(folder):
    """In a cache file that a daemon writes to behind its answers."""
    with contextlib.closing(sqlite3.connect(f"file:{folder}/cache.db?mode=ro", uri=True)) as database:
        return database.execute("SELECT count(*) FROM responses WHERE account_id = 12").fetchone()[0]


class Purge(StepCase):
    def begin_all(self):
        """All have the answer, in memory and in the cache file."""
        self.folders = [self.folder() for _ in self.proxies]
        members = [self.begin(number, self.folders[number]) for number in range(3)]
        self.wait_together(members)
        target = self.target()
        for member in members:
            self.assertEqual(self.version(member, target), 1)
        for folder in self.folders:
            wait_until(lambda folder=folder: rows_of_reports(folder) == 1, "the cache file is written")
        return members, target

    def expect_purged(self, members, target):
        self.wait_done_by_all(members)
        for member in members:
            self.assertGreaterEqual(self.version(member, target), 2)
        for member in members:
            member.stop()

    def wait_purged(self, member, target):
        wait_until(lambda: not member.get(target, Cache_Control="only-if-cached").is_hit, "it is purged there")

    def test_the_one_that_tells_is_stopped(self):
        """For longer than others take it to be there. Nobody has heard of it, or all have."""
        for when in (BEFORE, AFTER):
            with self.subTest(when):
                members, target = self.begin_all()
                moment = self.moment(signal.SIGSTOP, "purge", when).of(members[0])
                with self.asking(lambda m=members, t=target: self.purge(m[0], target=t), fails=False) as told:
                    self.reach(moment)
                    wait_until(lambda m=members: self.seen(m[1])["members"] == 2, "it is missed")
                    for member in members[1:]:
                        if when == AFTER:
                            self.wait_purged(member, target)
                        else:
                            self.assertEqual(self.version(member, target), 1)
                    members[0].signal(signal.SIGCONT)
                    moment.release()
                self.forget_moments()
                self.assertEqual(told[0]["instances"], 3)
                self.expect_purged(members, target)

    def test_the_one_that_tells_is_killed(self):
        """Whoever asked it has no answer, and asks another, should nobody have heard of it."""
        for when in (BEFORE, AFTER):
            with self.subTest(when):
                members, target = self.begin_all()
                moment = self.moment(signal.SIGKILL, "purge", when).of(members[0])
                with self.asking(lambda m=members, t=target: self.purge(m[0], target=t), fails=True) as told:
                    self.reach(moment)
                    members[0].child.wait(10)
                    if when == BEFORE:
                        self.proxies[0].swallowed = ("purge",)  # it has never left
                    moment.release()
                self.forget_moments()
                self.assertEqual(told, [])
                if when == BEFORE:
                    for member in members[1:]:
                        self.assertEqual(self.version(member, target), 1)
                    self.purge(members[1], target=target)
                for member in members[1:]:
                    self.wait_purged(member, target)
                self.proxies[0].swallowed = ()
                members[0] = self.begin(0, self.folders[0])  # its cache file may still have the answer
                self.expect_purged(members, target)

    def test_one_that_hears_of_it_is_stopped_or_killed(self):
        """At the very event, before it has done it."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            with self.subTest(number):
                members, target = self.begin_all()
                moment = self.moment(number, "XREAD", AFTER, APurgeIsHeard, at=1).of(members[1])
                told = self.purge(members[0], target=target)
                self.reach(moment)
                self.assertEqual((told["confirmed"], told["instances"]), (2, 3))
                self.go_on(members[1], number)
                moment.release()
                self.forget_moments()
                if number == signal.SIGKILL:
                    members[1] = self.begin(1, self.folders[1])
                self.expect_purged(members, target)

if __name__ == "__main__":
    unittest.main()
