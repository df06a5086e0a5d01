"""The token: one mint a lifetime, and one for a token that was refused, whoever notices."""
import time

from case import EngineCase
from scripts import LEASE_MS, key


class Token(EngineCase):
    def mint(self, caller="one", serial="0", **named):
        kind, new = self.fleet.token(caller, serial, **named)
        self.assertEqual(kind, "mint")
        return new

    def test_one_mints_and_the_others_wait(self):
        serial = self.mint("one")
        for caller in ("two", "three"):
            kind, left = self.fleet.token(caller)
            self.assertEqual(kind, "minting")
            self.assertTrue(0 < left <= LEASE_MS, left)
        self.assertEqual(self.fleet.minted(serial, b"sealed"), "1")
        for caller in ("one", "two", "three"):
            kind, current, sealed, left = self.fleet.token(caller)
            self.assertEqual((kind, current, sealed), ("token", serial, "sealed"))
            self.assertTrue(59_000 < left <= 60_000, left)
        self.assertEqual([(entry["k"], entry["f"]) for entry in self.fleet.log()], [("token", serial)])

    def test_a_dead_token_costs_one_mint(self):
        dead = self.mint()
        self.fleet.minted(dead, b"dead")
        new = self.mint("two", dead)
        self.assertGreater(int(new), int(dead))
        self.assertEqual(self.fleet.token("one", dead)[0], "minting")
        self.fleet.minted(new, b"new")
        for caller in ("one", "two", "three"):
            self.assertEqual(self.fleet.token(caller, dead)[:3], ["token", new, "new"], "who is late takes the new one")

    def test_only_the_one_in_force_can_be_dead(self):
        self.fleet.minted(self.mint(), b"sealed")
        self.assertEqual(self.fleet.token("two", "12345")[0], "token")

    def test_a_lease_ends(self):
        first = self.mint("one", lease_ms=40)
        time.sleep(0.05)
        second = self.mint("two")
        self.assertEqual(self.fleet.minted(second, b"second"), "1")
        self.assertEqual(self.fleet.minted(first, b"first"), "0", "a later one is in force")
        self.assertEqual(self.fleet.token("three")[1:3], [second, "second"])

    def test_one_that_goes_on_keeps_its_lease(self):
        serial = self.mint("one", lease_ms=300)
        self.assertEqual(self.fleet.renew_mint(serial, 60_000), "1")
        time.sleep(0.35)
        kind, left = self.fleet.token("two", lease_ms=60_000)
        self.assertEqual(kind, "minting")
        self.assertGreater(left, 30_000)

    def test_who_has_lost_its_lease_goes_on_with_nothing(self):
        first = self.mint("one", lease_ms=40)
        time.sleep(0.05)
        second = self.mint("two", lease_ms=60_000)
        self.assertEqual(self.fleet.renew_mint(first, 1), "0")
        self.assertEqual(self.fleet.token("three", lease_ms=60_000)[0], "minting")
        self.fleet.minted(second, b"second")
        self.assertEqual(self.fleet.renew_mint(second), "0", "it is over")
        self.assertEqual(self.engine("EXISTS", key("tl")), 0)

    def test_a_serial_that_was_never_given_keeps_no_token_out(self):
        lie = "9223372036854775807"
        self.assertEqual(self.fleet.minted(lie, b"lie"), "1")
        told = self.fleet.token("one", serial=lie)
        self.assertEqual(told[0], "mint")
        self.assertEqual(self.fleet.minted(told[1], b"truth"), "1")
        self.assertEqual(self.fleet.token("two")[1:3], [told[1], "truth"])

    def test_who_is_late_ends_nobody_elses_mint(self):
        first = self.mint("one", lease_ms=40)
        time.sleep(0.05)
        self.mint("two")
        self.fleet.minted(first, b"", reason=b"late")
        self.assertEqual(self.fleet.token("three")[0], "minting")
        self.assertEqual(self.fleet.log(), [], "those who wait, wait for another")

    def test_a_failure_is_told_and_the_next_may_try(self):
        serial = self.mint("one")
        self.assertEqual(self.fleet.minted(serial, b"", reason=b"why"), "0")
        entry = self.fleet.log()[-1]
        self.assertEqual((entry["k"], entry["f"], entry["b"]), ("no-token", serial, "why"))
        self.assertEqual(self.fleet.token("two")[0], "mint")

    def test_a_failure_leaves_the_token_in_force(self):
        serial = self.mint()
        self.fleet.minted(serial, b"sealed")
        self.fleet.minted(self.mint("two", serial), b"", reason=b"why")
        self.assertEqual(self.fleet.token("three")[:2], ["token", serial])

    def test_a_token_ends_with_its_time(self):
        self.fleet.minted(self.mint(), b"sealed", used_ms=300)
        self.assertEqual(self.fleet.token()[0], "token")
        time.sleep(0.35)
        self.assertEqual(self.fleet.token()[0], "mint")

    def test_the_same_caller_mints_again(self):
        self.assertGreater(int(self.mint("one")), 0)
        self.mint("one")

    def test_serials_grow_also_after_the_engine_was_emptied(self):
        first = self.mint()
        self.engine("FLUSHALL")
        second = self.mint()
        self.assertGreater(int(second), int(first))
        self.fleet.minted(second, b"second")
        self.assertEqual(self.fleet.minted(first, b"first"), "0")

    def test_nobody_waits_longer_than_a_lease(self):
        self.mint()
        self.engine("HSET", key("tl"), "until", self.fleet.now() + 3_600_000_000)
        self.assertEqual(self.fleet.token("two")[0], "mint")
