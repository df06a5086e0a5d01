"""The owner of a flight is killed or stopped at each step of it: the others are answered soon, what it writes late changes nothing, and nothing
that was purged comes back."""
import signal
import threading
import unittest

from daemons import in_parallel, wait_until
from moments import AFTER, BEFORE, SOON, StepCase


class Flight(StepCase):
    # What, when, and how often the upstream has been asked for it when the others are answered.
    STEPS = (("flight", AFTER, 1), ("/reporting", BEFORE, 2), ("land", BEFORE, 2), ("land", AFTER, 1))

    def stopped_at(self, members, what, when, number, calls):
        """The owner is stopped there; the next one fetches, and what the owner does late changes nothing."""
        target = self.target()
        moment = self.moment(number, what, when).of(members[0])
        with self.asking(lambda: members[0].get(target), fails=number == signal.SIGKILL) as told:
            self.reach(moment)
            for reply, took in in_parallel(4, lambda _: self.timed(members[1], target)):
                self.expect_own(self.origin, target, reply)
                self.assertLess(took, SOON)
            self.assertEqual(self.origin.calls(target), calls)
            self.go_on(members[0], number)
            moment.release()
        self.forget_moments()
        for reply in told:
            self.expect_own(self.origin, target, reply)
        if number == signal.SIGSTOP:
            self.wait_done_by_all(members)
        if (what, when, number) == ("flight", AFTER, signal.SIGSTOP):
            self.assertLessEqual(self.version(members[2], target), 2, "it may not have heard that it is to fetch, and have fetched alone")
        else:
            self.assertEqual(self.version(members[2], target), calls, "what came late changes nothing")
        return target

    def purged_at(self, members, what, when):
        """What the owner brings when it goes on was purged meanwhile."""
        target = self.target()
        moment = self.moment(signal.SIGSTOP, what, when).of(members[0])
        with self.asking(lambda: members[0].get(target), fails=False):
            self.reach(moment)
            told = self.purge(members[1], target=target)
            self.assertEqual((told["confirmed"], told["instances"]), (2, 3))
            before = self.origin.calls(target)
            self.assertEqual(self.version(members[1], target), before + 1)
            members[0].signal(signal.SIGCONT)
            moment.release()
        self.forget_moments()
        self.wait_done_by_all(members)
        for member in members:
            self.assertGreater(self.version(member, target), before, "the others were purged")

    def test_stopped(self):
        members = [self.begin(number) for number in range(3)]
        for what, when, calls in self.STEPS:
            with self.subTest(f"{when} {what}"):
                self.wait_together(members)
                self.stopped_at(members, what, when, signal.SIGSTOP, calls)
        for what, when, _ in self.STEPS:
            with self.subTest(f"{when} {what}, and purged"):
                self.wait_together(members)
                self.purged_at(members, what, when)

    def test_killed(self):
        others = [self.begin(number) for number in (1, 2)]
        for what, when, calls in self.STEPS:
            with self.subTest(f"{when} {what}"):
                folder = self.folder()
                members = [self.begin(0, folder), *others]
                self.wait_together(members)
                target = self.stopped_at(members, what, when, signal.SIGKILL, calls)
                members[0] = self.begin(0, folder)  # on what it has left behind
                self.wait_done_by_all(members)
                self.purge_everywhere(members[1], 3, target=target)
                for member in members:
                    self.assertEqual(self.version(member, target), calls + 1)
                members[0].stop()

    def test_the_owner_ends_while_it_asks_for_another_lease(self):
        """It has lost its own, and what it gets is given back: a daemon has crashed of that."""
        members = [self.begin(number) for number in range(2)]
        self.wait_together(members)
        target, ended, may_land = self.target(), threading.Event(), threading.Event()
        self.addCleanup(may_land.set)

        def lie(name, *_):
            if name == "tell":
                ended.set()
            return [b"0", b"0"] if name == "renew" else None
        self.proxies[0].lie = lie
        answering = self.moment(None, "/reporting", BEFORE).of(members[0])
        with self.asking(lambda: members[0].get(target), fails=False) as told:
            self.reach(answering)
            adopting = self.moment(None, "flight", BEFORE).of(members[0])
            # What has landed already would end that: no other lease is needed then.
            self.proxies[0].before = lambda what, *words: may_land.wait(60) if what == "land" else adopting.come(what, *words)
            self.reach(adopting)
            answering.release()
        self.expect_own(self.origin, target, told[0])
        adopting.release()
        self.assertTrue(ended.wait(20), "it gives it back")
        may_land.set()
        self.assertEqual(self.version(members[0], target), 1)
        with self.engine.connect() as engine:
            wait_until(lambda: engine("KEYS", "rk1:*e:*"), "its answer has landed")
        self.assertEqual(self.version(members[1], target), 1)


if __name__ == "__main__":
    unittest.main()
