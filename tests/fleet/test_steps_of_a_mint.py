"""The one that fetches a token for all is killed or stopped at each step of it: the others have one soon, and what it writes late changes
nothing."""
import signal
import time
import unittest

from daemons import in_parallel, overview, wait_until
from moments import AFTER, BEFORE, LEASE, SOON, StepCase


class Mint(StepCase):
    # What, when, and how many tokens there have been when the others have one.
    STEPS = (("token", AFTER, 1), ("/auth/", BEFORE, 2), ("token_minted", BEFORE, 2), ("token_minted", AFTER, 1))

    def stopped_at(self, what, when, number, minted):
        self.engine.kill()
        self.engine.start()
        self.origin.minted = 0
        moment = self.moment(number, what, when)
        first = self.begin(0, wait=False)
        self.reach(moment.of(first))
        others = [self.begin(i) for i in (1, 2)]
        targets = [self.target() for _ in others]
        for i, (reply, took) in enumerate(in_parallel(2, lambda i: self.timed(others[i], targets[i]))):
            self.expect_own(self.origin, targets[i], reply)
            self.assertLess(took, SOON)
        self.assertEqual(self.origin.minted, minted)
        with self.engine.connect() as engine:
            in_force = self.token_in(engine)
        self.go_on(first, number)
        moment.release()
        if number == signal.SIGSTOP:
            wait_until(first.ready, "it goes on")
            self.wait_together([first, *others])
            first.wait_for_token()
            self.expect_own(self.origin, target := self.target(), first.get(target))
        self.forget_moments()
        with self.engine.connect() as engine:
            self.assertEqual(self.token_in(engine), in_force, "what comes late is not put in its place")
        for member in others + [first] * (number == signal.SIGSTOP):
            member.stop()

    @staticmethod
    def token_in(engine):
        return engine("HGET", engine("KEYS", "rk1:*}:t")[0], "serial")

    def test_stopped(self):
        for what, when, minted in self.STEPS:
            with self.subTest(f"{when} {what}"):
                self.stopped_at(what, when, signal.SIGSTOP, minted)

    def test_killed(self):
        for what, when, minted in self.STEPS:
            with self.subTest(f"{when} {what}"):
                self.stopped_at(what, when, signal.SIGKILL, minted)

    def test_one_that_takes_long_keeps_its_lease(self):
        """Longer than two leases: all the others take what it brings."""
        moment = self.moment(None, "/auth/", BEFORE)
        first = self.begin(0, wait=False)
        self.reach(moment.of(first))
        begun = time.monotonic()
        others = [self.begin(number) for number in (1, 2)]
        with self.asking(lambda: others[0].get(overview()), fails=False) as told:
            with self.engine.connect() as engine:
                lease, = engine("KEYS", "rk1:*}:tl")
                serial = engine("HGET", lease, "serial")
                while time.monotonic() < begun + 2 * LEASE + 0.5:
                    self.assertEqual(engine("HGET", lease, "serial"), serial, "nobody else mints")
                    time.sleep(0.05)
            moment.release()
        self.expect_own(self.origin, overview(), told[0])
        self.wait_together([first, *others])
        self.assertEqual(self.origin.minted, 1)

if __name__ == "__main__":
    unittest.main()
