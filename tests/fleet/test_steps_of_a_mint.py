"""The one that fetches a token for all is killed or stopped at each step of it: the others have one soon, and what it writes late changes
nothing."""
import signal
import threading
import time
import unittest

from daemons import in_parallel, overview, wait_until
from moments import AFTER, BEFORE, LEASE, SOON, StepCase


class Mint(StepCase):
    # What, when, and how many tokens there have been when the others have one.
    STEPS = (("token", AFTER, 1), ("/auth/", BEFORE, 2), ("token_minted", BEFORE, 2), ("token_minted", AFTER, 1))

    def stopped_at(self, what, when, number, minted):
        with self.engine.connect() as engine:
            engine("FLUSHALL")
        self.origin.minted = 0
        moment = self.moment(number, what, when)
        first = self.begin(0, wait=False)
        self.reach(moment.of(first))
        others = [self.begin(i) for i in (1, 2)]
        targets = [self.target() for _ in others]
        for i, (reply, took) in enumerate(in_parallel(2, lambda i: self.timed(others[i], targets[i]))):
            self.expect_own(self.origin, targets[i], reply)
            self.assertLess(took, SOON)
        # A machine that stalls for two seconds makes an instance mint alone, and it says so.
        alone = sum("fleet: alone" in other.log() for other in others)
        self.assertIn(self.origin.minted, range(minted, minted + alone + 1))
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
    def test_one_hears_of_the_token_before_it_hears_that_another_fetches_it(self):
        """It does not wait for what has come: the log is another connection, and may be faster."""
        fetched, taken_in = threading.Event(), threading.Event()
        minting = self.moment(None, "/auth/", BEFORE)
        first = self.begin(0, wait=False)
        self.reach(minting.of(first))

        def before(name, _):
            if name == "XREAD" and fetched.is_set():  # it goes on from there
                taken_in.set()

        def lie(name, _, reply):
            if name == "XREAD" and any(b"token" in event[1] for stream in reply or [] for event in stream[1]):
                fetched.set()
            if name != "token" or reply[0] != b"minting" or taken_in.is_set():
                return None
            minting.release()
            taken_in.wait(20)
            return [b"minting", int(1000 * LEASE)]
        self.proxies[1].before, self.proxies[1].lie = before, lie
        second = self.begin(1)
        self.assertTrue(taken_in.wait(20))
        target = self.target()
        reply, took = self.timed(second, target)
        self.expect_own(self.origin, target, reply)
        self.assertLess(took, 0.9 * LEASE, "it does not wait for a lease")
        self.assertEqual(self.origin.minted, 1)


if __name__ == "__main__":
    unittest.main()
