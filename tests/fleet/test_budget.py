"""The budget that all instances spend together: never more than the rate allows, and the curve of an instance alone."""
import random
import threading
import time

from case import EngineCase
from rate_limit import RateLimit
from scripts import Fleet, key

SECOND = 1_000_000  # µs
HOUR = 3600 * SECOND
ROUNDING = 2  # µs


class BudgetCase(EngineCase):
    def fill(self, burst, **fields):
        """A budget that has all its tokens, as after a while of idling."""
        self.fleet.reserve(burst=burst)
        self.fleet.set_budget(tat=self.fleet.now() - SECOND, burst=burst, **fields)

    def most_at_once(self, dues, rate, burst):
        """How far the reservations exceed what a bucket of `burst` that fills with `rate` allows, in µs; 0 or less: they do not."""
        exceeds, tat = 0, 0
        for due in sorted(dues):
            exceeds = max(exceeds, tat - (burst - 1) * SECOND / rate - due)
            tat = max(tat, due) + SECOND / rate
        return exceeds


class Spacing(BudgetCase):
    def spend(self, ceiling):
        """All that lies within a second; nobody waits then."""
        while self.fleet.reserve(ceiling=ceiling, burst=1).granted:
            pass
        self.engine("DEL", key("w"), key("ws"))

    def test_who_has_waited_longer_comes_first(self):
        def ask(caller):
            return self.fleet.reserve(ceiling=2, burst=1, caller=caller)
        self.spend(ceiling=2)
        for caller in ("first", "second"):
            self.assertFalse(ask(caller).granted)
        time.sleep(0.6)
        self.assertFalse(ask("greedy").granted)
        self.assertFalse(ask("second").granted)
        self.assertTrue(ask("first").granted)

    def test_who_asks_no_more_holds_nobody_up(self):
        self.spend(ceiling=2)
        self.fleet.reserve(ceiling=2, burst=1, caller="gone")
        self.engine("ZADD", key("ws"), self.fleet.now() - 2_600_000, "gone")
        time.sleep(0.6)
        self.assertTrue(self.fleet.reserve(ceiling=2, burst=1, caller="here").granted)

    def test_reservations_are_spaced_exactly(self):
        self.fleet.reserve(ceiling=400)
        compared = 0
        while compared < 100:
            self.fleet.set_budget(tat=self.fleet.now() + SECOND // 2)
            replies = [self.fleet.reserve(ceiling=400) for _ in range(20)]
            for before, after in zip(replies, replies[1:]):
                if after.wait > 0:  # else the machine has stalled, and has let the bucket fill
                    self.assertAlmostEqual(after.due - before.due, SECOND / 400, delta=ROUNDING)
                    compared += 1

    def test_a_burst_goes_at_once_and_then_nothing(self):
        self.fill(5)
        replies = [self.fleet.reserve(ceiling=2, burst=5) for _ in range(7)]
        self.assertEqual([reply.wait == 0 for reply in replies], [True] * 5 + [False] * 2)
        for number in (1, 2):
            self.assertAlmostEqual(replies[4 + number].due - replies[0].due, number * SECOND / 2, delta=ROUNDING)
        self.assertLess(replies[4].free, 1)

    def test_eight_callers_at_once_never_exceed_the_rate(self):
        for rate, burst in ((1000, 10), (300, 1), (60, 4)):
            with self.subTest(rate=rate, burst=burst):
                self.engine("FLUSHALL")
                dues, seconds = [], 1.2
                until = time.monotonic() + seconds
                barrier = threading.Barrier(8)

                def call(number, dues=dues, rate=rate, burst=burst, until=until, barrier=barrier):
                    chance = random.Random(number)
                    with self.server.connect() as connection:
                        fleet = Fleet(connection)
                        barrier.wait()
                        while time.monotonic() < until:
                            reply = fleet.reserve(ceiling=rate, burst=burst, patience_ms=chance.choice((0, 5, 500)))
                            if reply.granted:
                                dues.append(reply.due)
                            time.sleep(chance.choice((0, 0, reply.wait / SECOND / 2)))

                threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                self.assertLessEqual(self.most_at_once(dues, rate, burst), ROUNDING)
                self.assertGreater(len(dues), 2 * burst)

    def test_idling_fills_the_bucket_and_no_more(self):
        self.fleet.reserve(ceiling=1, burst=3)
        self.fleet.set_budget(tat=self.fleet.now() - HOUR)
        replies = [self.fleet.reserve(ceiling=1, burst=3) for _ in range(5)]
        self.assertEqual([reply.wait == 0 for reply in replies], [True] * 3 + [False] * 2)

    def test_a_longer_wait_than_the_callers_patience_is_refused_and_told(self):
        self.fill(1)
        self.assertTrue(self.fleet.reserve(ceiling=1).granted)
        before = self.fleet.budget()["tat"]
        refused = self.fleet.reserve(ceiling=1, patience_ms=50)
        self.assertFalse(refused.granted)
        self.assertTrue(50_000 < refused.wait <= SECOND, refused)
        self.assertEqual(self.fleet.budget()["tat"], before, "it costs nothing")
        self.assertTrue(self.fleet.reserve(ceiling=1, patience_ms=1000).granted)

    def test_no_reservation_lies_more_than_a_second_ahead(self):
        granted = [self.fleet.reserve(ceiling=2, patience_ms=10_000) for _ in range(15)]
        self.assertTrue(all(reply.wait <= SECOND for reply in granted if reply.granted))
        self.assertEqual([reply.granted for reply in granted[:3]], [True, True, False])
        self.assertGreater(granted[-1].wait, SECOND)

    def test_a_refresh_takes_only_what_is_free_and_leaves_half(self):
        for burst, takes in ((1, 1), (2, 1), (5, 3), (10, 5)):
            with self.subTest(burst=burst):
                self.fill(burst)
                replies = [self.fleet.reserve(ceiling=1, burst=burst, refresh=True) for _ in range(burst + 1)]
                self.assertEqual([reply.granted for reply in replies], [True] * takes + [False] * (burst + 1 - takes))
                self.assertTrue(all(reply.wait == 0 for reply in replies[:takes]))
                self.assertTrue(all(reply.wait >= SECOND for reply in replies[takes:]))
                self.assertEqual(self.fleet.reserve(ceiling=1, burst=burst, patience_ms=0).granted, burst > 1, "a caller who waits has the rest")
                self.engine("FLUSHALL")


class Lost(BudgetCase):
    def test_what_was_lost_is_an_empty_bucket(self):
        first = self.fleet.reserve(ceiling=3, burst=50)
        self.assertAlmostEqual(first.wait, SECOND / 3, delta=ROUNDING)
        self.assertTrue(first.granted)
        self.assertAlmostEqual(self.fleet.reserve(ceiling=3, burst=50).due - first.due, SECOND / 3, delta=ROUNDING)

    def test_the_rate_that_a_caller_last_knew_is_kept(self):
        reply = self.fleet.reserve(ceiling=100, burst=50, hint=8)
        self.assertEqual(reply.rate, 8)
        self.assertAlmostEqual(reply.wait, SECOND / 8, delta=ROUNDING)
        self.assertEqual(self.fleet.reserve(ceiling=100, burst=50, hint=60).rate, 8, "what is there is better than a hint")
        self.assertEqual(self.fleet.reserve(ceiling=5).rate, 5, "a lower ceiling counts at once")

    def test_a_hint_above_the_ceiling_is_the_ceiling(self):
        self.assertEqual(self.fleet.reserve(ceiling=10, hint=50).rate, 10)
        self.assertEqual(self.fleet.reserve(ceiling=20, hint=50).rate, 20, "nothing was learned")

    def test_a_rate_from_a_hint_grows_again(self):
        self.fleet.reserve(ceiling=100, hint=8)
        self.fleet.limited(self.fleet.now(), ceiling=100)
        self.fleet.set_budget(saturated=1)
        for _ in range(40):
            rate = self.fleet.reserve(ceiling=100, patience_ms=0, accepted=50).rate
        self.assertGreater(rate, 8)

    def test_members_that_were_known_keep_their_part(self):
        self.fleet.member("one")
        first = self.fleet.reserve(ceiling=20, members=8)
        self.assertAlmostEqual(first.wait, 8 * SECOND / 20, delta=ROUNDING)
        for name in ("two", "three", "four"):
            self.fleet.member(name)
        second, third = self.fleet.reserve(ceiling=20), self.fleet.reserve(ceiling=20)
        self.assertAlmostEqual(second.due - first.due, 8 * SECOND / 20, delta=ROUNDING)
        self.assertAlmostEqual(third.due - second.due, 2 * SECOND / 20, delta=ROUNDING)

    def test_they_are_not_waited_for_for_ever(self):
        self.fleet.member("one")
        self.fleet.reserve(ceiling=100, members=8)
        self.assertAlmostEqual(self.fleet.budget()["expected_until"] - self.fleet.now(), 300 * SECOND, delta=SECOND)
        self.fleet.set_budget(expected_until=self.fleet.now(), tat=self.fleet.now() + SECOND // 2)
        first, second = self.fleet.reserve(ceiling=100), self.fleet.reserve(ceiling=100)
        self.assertAlmostEqual(second.due - first.due, SECOND / 100, delta=ROUNDING)


class Unlimited(BudgetCase):
    def test_without_a_ceiling_nobody_waits_and_nothing_is_learned(self):
        for _ in range(50):
            reply = self.fleet.reserve(ceiling=0, patience_ms=1)
            self.assertTrue(reply.granted)
        self.assertEqual(self.fleet.limited(self.fleet.now(), ceiling=0).cuts, 0)
        self.assertTrue(self.fleet.reserve(ceiling=0, patience_ms=1).granted)
        self.assertEqual(self.fleet.reserve(ceiling=7).rate, 7, "a ceiling that comes later begins there")

    def test_a_retry_after_is_obeyed_all_the_same(self):
        self.fleet.limited(self.fleet.now(), ceiling=0, retry_after_ms=2000)
        self.assertFalse(self.fleet.reserve(ceiling=0).granted)

    def test_what_was_learned_ends_with_the_ceiling(self):
        self.assertLess(self.fleet.limited(self.fleet.now(), ceiling=10).rate, 10)
        self.assertTrue(self.fleet.reserve(ceiling=0, patience_ms=1000).granted)
        self.assertEqual(self.fleet.reserve(ceiling=10).rate, 10)


class Share(BudgetCase):
    def spacing(self, **named):
        self.fleet.reserve(ceiling=100, **named)
        self.fleet.set_budget(tat=self.fleet.now() + SECOND // 2)  # half a second ahead of a machine that stalls
        first, second = self.fleet.reserve(ceiling=100, **named), self.fleet.reserve(ceiling=100, **named)
        return second.due - first.due

    def test_absent_members_keep_their_part(self):
        for name in ("one", "two", "three", "four"):
            self.fleet.member(name)
        self.assertAlmostEqual(self.spacing(), SECOND / 100, delta=ROUNDING)
        self.engine("ZADD", key("m"), self.fleet.now() // 1000 - 10_000, "four")
        self.assertAlmostEqual(self.spacing(), SECOND / 75, delta=ROUNDING)
        self.fleet.member("four", leaves=True)
        self.assertAlmostEqual(self.spacing(), SECOND / 100, delta=ROUNDING)

    def test_without_members_all_is_the_callers(self):
        self.assertAlmostEqual(self.spacing(), SECOND / 100, delta=ROUNDING)

    def test_what_was_promised_holds_when_the_part_grows(self):
        """Reservations made at an eighth of the rate are not given once more."""
        self.fleet.member("one")
        for name in range(7):
            self.engine("ZADD", key("m"), self.fleet.now() // 1000 - 10_000, f"absent {name}")
        dues = [reply.due for reply in (self.fleet.reserve(ceiling=80, burst=8) for _ in range(20)) if reply.granted]
        last = max(dues)
        for name in range(7):
            self.fleet.member(f"absent {name}")
        self.assertFalse(self.fleet.reserve(ceiling=80, burst=8).granted, "the second ahead is promised")
        time.sleep(0.15)
        dues += [reply.due for reply in (self.fleet.reserve(ceiling=80, burst=8) for _ in range(100)) if reply.granted]
        self.assertLessEqual(self.most_at_once(dues, 80, 8), ROUNDING)
        self.assertGreater(max(dues), last)


class Limited(BudgetCase):
    def test_a_volley_cuts_once(self):
        self.fill(10)
        sent = self.fleet.now()
        replies = [self.fleet.limited(sent + number, burst=10) for number in range(6)]
        self.assertEqual([reply.cuts for reply in replies], [1] * 6)
        self.assertEqual(replies[-1].limited, 6)
        self.assertAlmostEqual(replies[0].rate, 100 * 0.75 * 0.5, places=4)
        self.assertEqual({reply.rate for reply in replies}, {replies[0].rate})

    def test_one_that_left_after_the_cut_cuts_again(self):
        self.fill(1)
        first = self.fleet.limited(self.fleet.now())
        second = self.fleet.limited(self.fleet.now() + 1)
        self.assertEqual((first.cuts, second.cuts), (1, 2))
        self.assertLess(second.rate, first.rate)
        self.assertEqual(self.fleet.limited(self.fleet.now() - SECOND).cuts, 2)

    def test_a_cut_empties_the_bucket_and_calls_what_was_promised_back(self):
        self.fill(10)
        for _ in range(20):
            self.fleet.reserve(ceiling=1, burst=10)
        reply = self.fleet.limited(self.fleet.now(), ceiling=1, burst=10)
        entry = self.fleet.log()[-1]
        self.assertEqual((entry["k"], entry["u"]), ("hold", "0"))
        following = self.fleet.reserve(ceiling=1, burst=10)
        self.assertAlmostEqual(following.due - self.fleet.budget()["cut"], SECOND / reply.rate, delta=ROUNDING)
        self.assertEqual(following.free, 0)

    def test_a_burst_is_blamed_before_the_rate(self):
        self.fill(10)
        due = self.fleet.reserve(ceiling=100, burst=10).due
        reply = self.fleet.limited(due, ceiling=100, burst=10)
        self.assertEqual((reply.cuts, reply.rate), (0, 100))
        self.assertEqual(self.fleet.budget()["burst"], 1)

    def test_retry_after_holds_all(self):
        self.fill(5)
        reply = self.fleet.limited(self.fleet.now(), burst=5, retry_after_ms=1500)
        entry = self.fleet.log()[-1]
        self.assertEqual(entry["k"], "hold")
        self.assertEqual(int(entry["u"]), 1_500_000)
        self.assertEqual(reply.free, 0)
        refused = self.fleet.reserve(burst=5, patience_ms=10_000)
        self.assertFalse(refused.granted)
        self.assertTrue(SECOND < refused.wait <= 1_500_000, refused)
        self.assertEqual(refused.free, 0)

    def test_one_goes_when_the_hold_ends(self):
        self.fill(5)
        held = self.fleet.limited(self.fleet.now(), burst=5, retry_after_ms=900)
        replies = [self.fleet.reserve(burst=5) for _ in range(3)]
        self.assertTrue(all(reply.granted for reply in replies))
        self.assertAlmostEqual(replies[0].due, self.fleet.budget()["hold"], delta=ROUNDING)
        self.assertAlmostEqual(replies[1].due - replies[0].due, SECOND / held.rate, delta=ROUNDING)

    def test_a_hold_is_five_minutes_at_most_and_a_shorter_one_does_not_end_it(self):
        self.fleet.limited(self.fleet.now(), retry_after_ms=86_400_000)
        hold = self.fleet.budget()["hold"]
        self.assertAlmostEqual(hold - self.fleet.now(), 300 * SECOND, delta=SECOND)
        entries = len(self.fleet.log())
        self.fleet.limited(0, retry_after_ms=1000)
        self.assertEqual(self.fleet.budget()["hold"], hold)
        self.assertEqual(len(self.fleet.log()), entries, "nothing has changed")

    def test_the_retry_after_of_an_old_request_counts(self):
        self.fleet.limited(self.fleet.now())
        reply = self.fleet.limited(self.fleet.now() - SECOND, retry_after_ms=2000)
        self.assertEqual(reply.cuts, 1)
        self.assertAlmostEqual(self.fleet.budget()["hold"] - self.fleet.now(), 2 * SECOND, delta=SECOND / 10)

    def test_one_goes_when_a_hold_without_a_cut_ends(self):
        self.fill(5)
        self.fleet.limited(self.fleet.now(), burst=5)
        self.fleet.set_budget(burst=5, rate=10)
        self.fleet.limited(0, burst=5, retry_after_ms=700)
        dues = [reply.due for reply in (self.fleet.reserve(burst=5) for _ in range(3)) if reply.granted]
        self.assertAlmostEqual(dues[1] - dues[0], SECOND / 10, delta=ROUNDING)

    def test_the_log_is_kept_short(self):
        for _ in range(300):
            self.engine("XADD", key("log"), "MAXLEN", "~", 100, "*", "k", "x")
        self.assertLess(self.engine("XLEN", key("log")), 300)


class Curve(BudgetCase):
    def replay(self, seed, ceiling, burst, steps=400):
        """Plays the same answers to the script and to the curve of an instance alone. Its times lie in the past of the engine's."""
        chance = random.Random(seed)
        alone, base, at = RateLimit(ceiling, burst), self.fleet.now() - HOUR, 0.0
        self.fleet.reserve(ceiling=ceiling, burst=burst)
        for step in range(steps):
            at += chance.uniform(0.001, 2)
            if chance.random() < 0.15:
                sent = at - chance.choice((0, 0.0001, 0.5))
                alone.on_limited(sent, at)
                self.fleet.set_budget(burst_at=0)
                reply = self.fleet.limited(round(base + sent * SECOND), ceiling=ceiling, burst=burst)
                if reply.cuts == alone.cuts and alone.cut_at == at:
                    self.fleet.set_budget(cut=round(base + at * SECOND))
            else:
                answers = chance.choice((1, 3, 20, 150))
                saturated = chance.random() < 0.9
                self.fleet.set_budget(saturated=int(saturated), burst_at=0)
                for _ in range(answers):
                    alone.on_success(saturated)
                reply = self.fleet.reserve(ceiling=ceiling, burst=burst, patience_ms=0, accepted=answers)
            yield step, alone, reply, self.fleet.budget()

    def test_it_is_that_of_an_instance_alone(self):
        lowest, highest = {}, {}
        for seed, ceiling, burst in ((1, 100, 20), (2, 10, 5), (3, 2, 1), (4, 500, 50), (5, 40, 3)):
            self.engine("FLUSHALL")
            for step, alone, reply, budget in self.replay(seed, ceiling, burst):
                where = f"seed {seed}, step {step}"
                self.assertEqual(reply.cuts, alone.cuts, where)
                self.assertAlmostEqual(reply.rate, alone.rate, delta=1e-5 * alone.rate + 1e-6, msg=where)
                self.assertAlmostEqual(budget["burst"], alone.burst, places=6, msg=where)
                self.assertAlmostEqual(budget["depth"], alone.depth, places=9, msg=where)
                self.assertAlmostEqual(budget["debt"], alone.debt, places=4, msg=where)
                lowest[seed] = min(lowest.get(seed, ceiling), alone.depth)
                highest[seed] = max(highest.get(seed, 0), reply.rate / ceiling)
        self.assertLess(min(lowest.values()), 0.06, "the search has come to its end")
        self.assertEqual(max(highest.values()), 1)

    def test_it_grows_to_the_target_and_then_beyond(self):
        first = self.fleet.limited(self.fleet.now()).rate
        self.fleet.set_budget(saturated=1)
        rates = []
        for _ in range(40):
            rates.append(self.fleet.reserve(patience_ms=0, accepted=1).rate)
            self.fleet.set_budget(saturated=1)
        self.assertEqual(rates, sorted(rates))
        self.assertGreater(rates[0], first)
        self.assertAlmostEqual(self.fleet.budget()["target"], 75, places=3)
        self.assertGreater(rates[-1], 75)
        self.assertLessEqual(rates[-1], 100)

    def test_a_rate_is_used_up_where_no_token_lay_idle(self):
        for idle, saturated in ((0.4, 1), (0.6, 0)):
            self.fleet.reserve(ceiling=0.1)
            self.fleet.set_budget(tat=self.fleet.now() - idle * 10 * SECOND)
            self.assertTrue(self.fleet.reserve(ceiling=0.1).granted)
            self.assertEqual(self.fleet.budget()["saturated"], saturated)

    def test_a_rate_that_is_not_used_up_does_not_grow(self):
        first = self.fleet.limited(self.fleet.now()).rate
        for _ in range(20):
            self.fleet.set_budget(saturated=0, tat=self.fleet.now() - SECOND)
            self.assertEqual(self.fleet.reserve(patience_ms=0, accepted=1).rate, first)


class ClockSetBack(BudgetCase):
    def test_nobody_waits_for_what_lies_far_ahead(self):
        self.fill(5)
        far = self.fleet.now() + HOUR
        self.fleet.set_budget(tat=far, hold=far, cut=far, limited_at=far, burst_at=far, expected=50, expected_until=far)
        reply = self.fleet.reserve(ceiling=100, burst=5)
        if not reply.granted:
            self.assertLessEqual(reply.wait, 2 * SECOND)
        budget, now = self.fleet.budget(), self.fleet.now()
        for name in ("hold", "cut", "limited_at", "burst_at"):
            self.assertLessEqual(budget[name], now, name)
        self.assertLessEqual(budget["tat"], now + 2 * SECOND)
        self.assertGreater(budget["tat"], now, "nor is the bucket full")

    def test_one_that_waited_before_is_not_behind_all_who_come(self):
        def ask(caller, ahead):
            self.fleet.set_budget(tat=self.fleet.now() + ahead)
            return self.fleet.reserve(ceiling=1, burst=1, caller=caller).granted
        self.fleet.reserve(ceiling=1, burst=1)
        far = self.fleet.now() + HOUR
        for waiting in ("w", "ws"):
            self.engine("ZADD", key(waiting), far, "one", far, "gone")
        self.assertEqual([ask(caller, 5 * SECOND) for caller in ("two", "one")], [False, False])
        self.assertTrue(ask("two", SECOND // 2))
        self.assertFalse(ask("two", 5 * SECOND))
        self.assertTrue(ask("one", SECOND // 2), "it is the next")
        self.assertEqual(self.engine("ZRANGE", key("w"), 0, -1), [b"two"])

    def test_a_429_still_cuts(self):
        self.fill(5)
        self.fleet.limited(self.fleet.now(), burst=5)
        far = self.fleet.now() + HOUR
        self.fleet.set_budget(cut=far, limited_at=far, burst_at=far)
        self.assertEqual(self.fleet.limited(self.fleet.now(), burst=5).cuts, 2)
        self.assertLessEqual(self.fleet.budget()["limited_at"], self.fleet.now())

    def test_a_hold_that_may_be_true_is_kept(self):
        self.fleet.limited(self.fleet.now(), retry_after_ms=200_000)
        self.assertFalse(self.fleet.reserve(patience_ms=1000).granted)
        self.assertFalse(self.fleet.reserve(patience_ms=1000).granted)
        self.assertGreater(self.fleet.budget()["hold"], self.fleet.now() + 190 * SECOND)
