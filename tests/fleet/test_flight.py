"""Flights: one instance fetches a key, the others wait for it, and one that is late changes nothing."""
import time

from case import EngineCase
from scripts import key


class Flight(EngineCase):
    def lead(self, caller="one", **named):
        reply = self.fleet.flight(caller, **named)
        self.assertEqual(reply[0], "lead", reply)
        return reply[1]

    def test_the_first_leads_and_the_others_wait(self):
        kind, fence, purge, there = self.fleet.flight("one")
        self.assertEqual((kind, purge, there), ("lead", "0-0", "0"))
        kind, flying, purge, left = self.fleet.flight("two")
        self.assertEqual((kind, flying, purge), ("flying", fence, "0-0"))
        self.assertTrue(0 < left <= 2000, left)
        self.assertEqual(self.fleet.flight("one", name="other")[0], "lead")

    def test_what_is_stored_is_taken_if_it_is_fresh_and_late_enough(self):
        self.assertEqual(self.fleet.land(self.lead(), fetched=900, fresh_until=2000), "landed")
        self.assertEqual(self.fleet.flight("two", now_ms=1999)[0], "stored")
        self.assertEqual(self.fleet.flight("two", now_ms=1999, later_than_ms=899)[0], "stored")
        for reason in ({"now_ms": 2000}, {"later_than_ms": 900}, {"fresh": False}):
            with self.subTest(reason):
                self.assertEqual(self.fleet.flight("two", **reason)[::3], ["lead", "1"])
                self.engine("DEL", key("f:H"))

    def test_the_last_purge_is_told(self):
        self.fleet.purge()
        last = self.fleet.purge()
        fence = self.fleet.flight("one")
        self.assertEqual(fence[2], last)
        self.assertEqual(self.fleet.flight("two")[2], last)
        self.fleet.land(fence[1])
        self.assertEqual(self.fleet.flight("two")[:3], ["stored", fence[1], last])

    def test_a_lease_ends(self):
        first = self.lead("one", lease_ms=200)
        left = self.fleet.flight("two", lease_ms=200)[3]
        self.assertTrue(0 < left <= 200, left)
        time.sleep(left / 1000 + 0.005)
        second = self.lead("two", lease_ms=200)
        self.assertGreater(int(second), int(first))

    def test_a_renewed_lease_does_not_end(self):
        fence = self.lead("one", lease_ms=600)
        for _ in range(4):
            time.sleep(0.2)
            self.assertEqual(self.fleet.renew(fence, lease_ms=600), ["1", "0"])
        self.assertEqual(self.fleet.flight("two", lease_ms=600)[0], "flying")

    def test_a_lost_lease_is_not_renewed(self):
        first = self.lead("one", lease_ms=30)
        time.sleep(0.035)
        second = self.lead("two")
        self.assertEqual(self.fleet.renew(first), ["0", "0"], "another has it")
        self.assertEqual(self.fleet.renew(second), ["1", "0"])
        self.engine("FLUSHALL")
        self.assertEqual(self.fleet.renew(second), ["0", "0"], "the engine was emptied")

    def test_a_renewal_tells_that_somebody_waits_by_now(self):
        fence = self.lead("one")
        self.fleet.flight("two")
        self.assertEqual(self.fleet.renew(fence), ["1", "0"], "a refresh of two's own is not urgent")
        self.fleet.flight("three", urgent=True)
        self.fleet.flight("two")
        self.assertEqual(self.fleet.renew(fence), ["1", "1"])
        other = self.lead("one", name="other", urgent=True)
        self.assertEqual(self.fleet.renew(other, name="other"), ["1", "1"])

    def test_the_same_owner_leads_again_and_does_not_forget_who_waits(self):
        first = self.lead("one")
        self.fleet.flight("two", urgent=True)
        second = self.lead("one")
        self.assertGreater(int(second), int(first))
        self.assertEqual(self.fleet.renew(first), ["0", "0"])
        self.assertEqual(self.fleet.renew(second), ["1", "1"])
        self.fleet.land(second)
        self.assertEqual([entry["k"] for entry in self.fleet.log()], ["landed"])

    def test_fences_grow_also_after_the_engine_was_emptied(self):
        fences = []
        for number in range(40):
            if number % 10 == 9:
                self.engine("FLUSHALL")
            fences.append(int(self.lead(f"caller {number}", name=f"key {number}")))
        self.assertEqual(fences, sorted(set(fences)))

    def test_only_who_is_waited_for_writes_into_the_log(self):
        self.fleet.land(self.lead())
        self.assertEqual(self.fleet.log(), [])
        fence = self.lead(fresh=False)
        self.fleet.flight("two", fresh=False)
        self.fleet.land(fence, b"a body", fetched=901, fresh_until=2001, position="5-0")
        entry = self.fleet.log()[0]
        entry.pop("id")
        self.assertEqual(entry, {"k": "landed", "h": "H", "f": fence, "fetched": "901", "fresh": "2001", "pos": "5-0", "b": "a body"})

    def test_a_body_goes_along_up_to_a_size(self):
        for size, goes_along in ((10, True), (11, False)):
            fence = self.lead(fresh=False)
            self.fleet.flight("two", fresh=False)
            self.assertEqual(self.fleet.land(fence, b"x" * size, inline=10), "landed")
            self.assertEqual("b" in self.fleet.log()[-1], goes_along)
            self.assertEqual(self.engine("HGET", key("e:H"), "sealed"), b"x" * size)
        self.assertEqual(self.fleet.log()[-1]["f"], fence)

    def test_sealed_bytes_are_kept_as_they_are(self):
        sealed = bytes(range(256)) * 3
        self.fleet.land(self.lead(), sealed)
        self.assertEqual(self.engine("HGET", key("e:H"), "sealed"), sealed)

    def test_what_an_owner_has_left_is_removed_after_a_minute(self):
        self.fleet.flight("one", name="left")
        self.engine("ZADD", key("fi"), self.fleet.now() - 61_000_000, key("f:left"))
        self.assertEqual(self.fleet.flight("two", name="other")[0], "lead")
        self.assertEqual(self.engine("EXISTS", key("f:left")), 0)
        self.assertEqual(self.engine("ZRANGE", key("fi"), 0, -1), [key("f:other").encode()])

    def test_no_flight_leaves_anything(self):
        for end in (lambda fence: self.fleet.tell(fence, "ended"), lambda fence: self.fleet.land(fence, b"x")):
            fence = self.lead("one")
            self.assertEqual(self.fleet.renew(fence)[0], "1")
            end(fence)
            self.assertEqual(self.engine("EXISTS", key("fi")), 0)

    def test_landing_ends_the_flight_and_the_entry_its_time(self):
        fence = self.lead()
        self.fleet.land(fence, usable_ms=300)
        self.assertEqual(self.engine("EXISTS", key("f:H")), 0)
        self.assertTrue(0 < self.engine("PTTL", key("e:H")) <= 300)
        time.sleep(0.35)
        self.assertEqual(self.fleet.flight("two")[::3], ["lead", "0"])

    def test_a_late_owner_is_fenced_off(self):
        late = self.lead("one", lease_ms=20)
        time.sleep(0.03)
        second = self.lead("two")
        self.fleet.flight("three")
        self.assertEqual(self.fleet.land(second, b"second"), "landed")
        self.assertEqual(self.fleet.land(late, b"late"), "superseded")
        self.assertEqual(self.engine("HMGET", key("e:H"), "fence", "sealed"), [second.encode(), b"second"])
        self.assertEqual(len(self.fleet.log()), 1)

    def test_a_fence_that_was_never_given_keeps_nobody_out(self):
        """Somebody was told a fence that is none, and has landed under it."""
        self.assertEqual(self.fleet.land("9223372036854775807", b"lie"), "landed")
        led = self.fleet.flight("one", fresh=False)
        self.assertEqual(led[0], "lead")
        self.assertEqual(self.fleet.land(led[1], b"truth"), "landed")
        self.assertEqual(self.engine("HGET", key("e:H"), "sealed"), b"truth")

    def test_a_late_owner_ends_nobody_elses_flight(self):
        late = self.lead("one", lease_ms=20)
        time.sleep(0.03)
        second = self.lead("two")
        self.fleet.flight("three")
        self.assertEqual(self.fleet.land(late, b"late"), "landed", "nothing is there yet")
        self.assertEqual(self.fleet.tell(late), "0")
        self.assertEqual(self.fleet.flight("three", fresh=False)[:2], ["flying", second])
        self.assertEqual(self.fleet.log(), [])
        self.assertEqual(self.fleet.land(second, b"second"), "landed")
        self.assertEqual(self.engine("HGET", key("e:H"), "sealed"), b"second")
        self.assertEqual(self.fleet.land(second, b"again"), "superseded")

    def test_who_waits_is_told_of_an_end_without_an_entry(self):
        for kind in ("landed", "answered", "failed", "ended"):
            fence = self.lead(fresh=False)
            self.assertEqual(self.fleet.tell(fence, kind), "0", "nobody waits")
            self.assertEqual(self.fleet.flight("two")[0], "lead", "it has ended")
            self.engine("DEL", key("f:H"))
            fence = self.lead(fresh=False)
            self.fleet.flight("two")
            self.assertEqual(self.fleet.tell(fence, kind, b"why", fetched=7, fresh_until=8, position="9-1"), "1")
            entry = self.fleet.log()[-1]
            entry.pop("id")
            self.assertEqual(entry, {"k": kind, "h": "H", "f": fence, "fetched": "7", "fresh": "8", "pos": "9-1", "b": "why"})
            self.assertEqual(self.fleet.tell(fence, kind), "0", "once")
            self.assertEqual(self.engine("EXISTS", key("f:H")), 0)

    def test_a_clock_that_was_set_back_holds_nobody_up(self):
        self.lead("one")
        self.engine("HSET", key("f:H"), "until", self.fleet.now() + 3_600_000_000)
        self.assertEqual(self.fleet.flight("two")[0], "lead")


class FullEngine:
    """What runs while the engine is full: everything but the write of an entry."""

    def fill(self):
        """Into keys that no policy evicts, as those of others in a shared engine may be."""
        for size in (10_000, 100):
            for number in range(10_000):
                try:
                    self.engine("SET", f"other:{size}:{number}", b"x" * size)
                except Exception as refused:  # pylint: disable=broad-except
                    self.assertIn("OOM", str(refused))
                    break
            else:
                self.fail("it is never full")

    def test_all_but_the_entrys_write_goes_on(self):
        self.fill()
        fleet = self.fleet
        self.assertTrue(fleet.reserve(ceiling=100, burst=5, members=2).rate)
        self.assertEqual(fleet.limited(fleet.now(), ceiling=100, burst=5).cuts, 1)
        epoch, *_ = fleet.member("one")
        self.assertEqual(epoch, "first")
        position = fleet.purge()
        fleet.member("one", position=position)
        self.assertEqual(fleet.confirmed(position), [1, 1, 0])
        kind, serial = fleet.token()
        self.assertEqual(kind, "mint")
        self.assertEqual(fleet.minted(serial), "1")
        fence = fleet.flight("one")[1]
        self.refused("OOM", fleet.land, fence, b"x" * 1000)


class FullNoeviction(FullEngine, EngineCase):
    OPTIONS = {"maxmemory": "2mb", "maxmemory_policy": "noeviction"}

    def test_flights_go_on_and_carry_the_body_to_those_who_wait(self):
        self.fill()
        fence = self.fleet.flight("one")[1]
        self.assertEqual(self.fleet.flight("two")[0], "flying")
        self.assertEqual(self.fleet.renew(fence), ["1", "0"])
        self.refused("OOM", self.fleet.land, fence, b"x" * 1000)
        self.assertEqual(self.fleet.renew(fence), ["1", "0"], "a refused write has changed nothing")
        self.assertEqual(self.fleet.tell(fence, "landed", b"x" * 1000, fetched=900, fresh_until=2000), "1")
        self.assertEqual(self.fleet.log()[-1]["b"], "x" * 1000)


class FullVolatile(FullEngine, EngineCase):
    OPTIONS = {"maxmemory": "2mb", "maxmemory_policy": "volatile-lru"}

    def test_a_lease_never_gives_way(self):
        self.fill()
        self.assertEqual([self.fleet.flight(caller)[0] for caller in ("one", "two", "three")], ["lead", "flying", "flying"])

    def test_entries_give_way_and_nothing_that_is_for_ever(self):
        fleet = self.fleet
        fleet.reserve()
        fleet.member("one")
        position = fleet.purge()
        stored = 0
        for number in range(400):
            fence = fleet.flight("one", name=f"key {number}")[1]
            stored += fleet.land(fence, b"x" * 20_000, name=f"key {number}") == "landed"
        self.assertEqual(stored, 400)
        left = len(self.engine("KEYS", key("e:*")))
        self.assertTrue(0 < left < 400, left)
        for name in ("b", "m", "n", "epoch", "p", "a"):
            self.assertEqual(self.engine("EXISTS", key(name)), 1, name)
        self.assertEqual(fleet.member("one", epoch="second")[0], "first")
        self.assertEqual(fleet.flight("two", name="new")[2], position)
