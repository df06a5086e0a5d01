"""What instances tell each other late, or cannot tell: nothing that was purged comes back, and nobody takes old news for new."""
import signal
import threading
import time
import unittest

from daemons import FleetCase, LyingProxy, overview, wait_until
from engine import Engine

LONGEST_HOLD = 20  # seconds, for a test that fails meanwhile


class ToldCase(FleetCase):
    def setUp(self):
        self.engine = Engine()
        self.addCleanup(self.engine.stop)
        self.proxy = LyingProxy(self.engine)
        self.addCleanup(self.proxy.stop)
        self.origin = self.upstream()

    def version(self, daemon, target, **fields):
        reply = daemon.get(target, **fields)
        self.expect_own(self.origin, target, reply)
        return reply.json()["version"]


class Purges(ToldCase):
    def two(self, **settings):
        self.folder_of_second = self.folder()
        first = self.member(self.origin, self.engine.url, "first", **settings)
        second = self.member(self.origin, self.proxy.url, "second", self.folder_of_second, **settings)
        self.wait_together([first, second])
        return first, second

    def test_a_purge_of_one_that_is_cut_off_outlives_its_process(self):
        first, second = self.two()
        target, kept = overview(1), overview(2)
        for daemon in (first, second):
            self.assertEqual([self.version(daemon, one) for one in (target, kept)], [1, 1])
        wait_until(lambda: second.status()["cache"]["disk"]["entries"] >= 2, "it is written")
        self.proxy.cut()
        self.wait_alone([second])
        told = self.purge(second, target=target)
        self.assertEqual((told["confirmed"], told["instances"]), (1, 2))
        second.signal(signal.SIGKILL)
        second.child.wait()
        self.proxy.mend()
        again = self.member(self.origin, self.proxy.url, "second", self.folder_of_second)
        self.wait_together([first, again])
        self.assertEqual(self.version(again, target), 2, "what it has purged is still in the engine")
        # A higher one where what is told late met what was being fetched.
        wait_until(lambda: self.version(first, target) >= 2, "the other one is told")
        self.assertEqual(self.version(again, kept), 1)
        self.assertEqual(self.version(first, kept), 1)

    def test_a_purge_that_a_slow_engine_was_not_told_of_is_told_before_long(self):
        first, second = self.two(fleet_control_timeout="2s")
        target, other = overview(1), overview(2)
        self.assertEqual([self.version(daemon, target) for daemon in (first, second)], [1, 1])
        # After half a timeout it is in doubt whether the engine lives, and nobody begins anything with it; then it does.
        held = threading.Event()

        def hold(name, *_):
            if name == "flight" and not held.is_set():
                held.set()
                time.sleep(1.6)
        self.proxy.lie = hold
        asking = threading.Thread(target=second.get, args=(other,))
        asking.start()
        self.assertTrue(held.wait(LONGEST_HOLD))
        time.sleep(1.3)
        self.purge(second, target=target)
        self.assertEqual(self.version(second, target), 2, "what it has purged does not come from the engine")
        asking.join()
        wait_until(lambda: self.version(first, target) >= 2, "the other one is told, though the engine was never lost")

    def test_an_engine_that_was_emptied_does_not_make_those_forgotten_that_are_away(self):
        first, second = self.two()
        target = overview(1)
        for daemon in (first, second):
            self.version(daemon, target)
        self.proxy.cut()
        self.wait_alone([second])
        with self.engine.connect() as engine:
            engine("FLUSHALL")
        told = self.purge(first, target=target)
        self.assertEqual((told["confirmed"], told["instances"]), (1, 2))
        wait_until(lambda: self.seen(first)["members_known"] == 1, "the engine knows of one")
        told = self.purge(first, target=target)
        self.assertEqual((told["confirmed"], told["instances"]), (1, 2))
        self.proxy.mend()
        self.wait_together([first, second])
        self.assertEqual(self.purge_everywhere(first, 2, target=target), 2)

    def test_one_that_has_never_met_the_others_does_not_say_that_all_have_confirmed(self):
        self.engine.kill()
        alone = self.member(self.origin, self.engine.url, "alone")
        self.wait_alone([alone])
        told = self.purge(alone, all=True)
        self.assertEqual((told["confirmed"], told["instances"]), (1, 2))


class Flights(ToldCase):
    def test_the_end_of_an_earlier_flight_is_not_taken_for_that_of_a_later_one(self):
        first = self.member(self.origin, self.engine.url, "first")
        third = self.member(self.origin, self.engine.url, "third")
        late = self.member(self.origin, self.proxy.url, "late")
        self.wait_together([first, third, late])
        target = overview()
        go_on, waits = threading.Event(), threading.Event()
        self.addCleanup(go_on.set)

        def hold(name, _, reply):
            if name == "XREAD" and b"landed" in self.texts(reply):
                go_on.wait(LONGEST_HOLD)
            if name == "flight" and reply[0] == b"flying":
                waits.set()
        self.proxy.lie = hold
        self.origin.delay = 0.2
        asked = [threading.Thread(target=daemon.get, args=(target,)) for daemon in (first, third)]
        for one in asked:  # somebody waits, so the log tells of its end
            one.start()
        for one in asked:
            one.join()
        self.assertEqual(self.origin.calls(target), 1)
        leading = threading.Thread(target=first.get, args=(target,), kwargs={"Cache_Control": "no-cache"})
        leading.start()
        wait_until(lambda: self.origin.calls(target) == 2, "it is fetched anew")
        versions = []
        waiting = threading.Thread(target=lambda: versions.append(self.version(late, target, Cache_Control="no-cache")))
        waiting.start()
        waits.wait(2)  # else the engine has lost it meanwhile, and it fetches for itself
        go_on.set()
        waiting.join()
        leading.join()
        self.assertGreaterEqual(versions[0], 2, "it has asked for a new one")

    def hold_first_read(self):
        """Holds the answer to the first read of an entry. @return events: it has been asked for; it is to go on"""
        reads, go_on = threading.Event(), threading.Event()
        self.addCleanup(go_on.set)

        def hold(name, *_):
            if name == "HMGET" and not reads.is_set():
                reads.set()
                go_on.wait(LONGEST_HOLD)
        self.proxy.lie = hold
        return reads, go_on

    def wait_landed(self):
        with self.engine.connect() as engine:
            wait_until(lambda: not engine("KEYS", "rk1:*:f:*"), "it has landed")

    def test_who_meets_what_was_purged_takes_what_has_landed_meanwhile(self):
        first = self.member(self.origin, self.engine.url, "first")
        late = self.member(self.origin, self.proxy.url, "late", fleet_control_timeout="10s")
        self.wait_together([first, late])
        target = overview()
        self.assertEqual([self.version(daemon, target) for daemon in (first, late)], [1, 1])
        self.purge(first, target=target)
        reads, go_on = self.hold_first_read()
        versions = []
        asking = threading.Thread(target=lambda: versions.append(self.version(late, target)))
        asking.start()
        self.assertTrue(reads.wait(LONGEST_HOLD))  # the entry of before
        self.assertEqual(self.version(first, target), 2)
        self.wait_landed()
        go_on.set()
        asking.join()
        self.assertEqual(versions, [2])
        self.assertEqual(self.origin.calls(target), 2)

    def test_who_wants_a_new_answer_does_not_share_one_that_was_there(self):
        first = self.member(self.origin, self.engine.url, "first")
        late = self.member(self.origin, self.proxy.url, "late", fleet_control_timeout="10s")
        self.wait_together([first, late])
        target = overview()
        self.assertEqual(self.version(first, target), 1)
        self.wait_landed()  # else the late one gets it with the end of the flight, and reads nothing
        reads, go_on = self.hold_first_read()
        versions = {}

        def ask(name, **fields):
            versions[name] = self.version(late, target, **fields)
        asking = [threading.Thread(target=ask, args=("any",))]
        asking[0].start()
        self.assertTrue(reads.wait(LONGEST_HOLD))
        asking += [threading.Thread(target=ask, args=(name,), kwargs={"Cache_Control": "no-cache"}) for name in ("new", "as new")]
        for one in asking[1:]:
            one.start()
        wait_until(lambda: late.status()["collapsed_requests"] == 2, "they share what is under way")
        go_on.set()
        for one in asking:
            one.join()
        self.assertEqual(versions, {"any": 1, "new": 2, "as new": 2})
        self.assertEqual(self.origin.calls(target), 2)

    def test_a_flight_that_ends_while_it_joins_the_fleet(self):
        """It was begun alone. The daemon has crashed here: GCC 12 destroys a list in braces twice that is made where something is awaited."""
        daemon = self.member(self.origin, self.proxy.url, "first", fleet_control_timeout="8s")
        self.wait_together([daemon])
        self.proxy.cut()
        self.wait_alone([daemon])
        go_on, joins = threading.Event(), threading.Event()
        self.addCleanup(go_on.set)

        def hold(name, *_):
            if name == "flight" and not go_on.is_set():
                joins.set()
                go_on.wait(LONGEST_HOLD)
        self.proxy.lie = hold
        target = overview()
        self.origin.delay = 2
        asking = threading.Thread(target=daemon.get, args=(target,))
        asking.start()
        wait_until(lambda: self.origin.calls(target) == 1, "it is being fetched")
        self.proxy.mend()
        joins.wait(2)  # else it has ended before
        asking.join()
        go_on.set()
        self.wait_together([daemon])
        self.assertEqual(self.version(daemon, target), 1)
        with self.engine.connect() as engine:
            wait_until(lambda: not engine("KEYS", "rk1:*:f:*"), "it keeps no lease")
        self.assertTrue(daemon.alive(), daemon.output[-2000:])

    @classmethod
    def texts(cls, reply):
        """All that is within a reply."""
        if isinstance(reply, list):
            return [text for one in reply for text in cls.texts(one)]
        return [reply]


if __name__ == "__main__":
    unittest.main()
