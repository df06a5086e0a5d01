"""Members, purges and who has done them; scripts and slots."""
import hashlib
import time

from case import EngineCase
from scripts import CREDENTIAL, SOURCES, key

HOUR_MS = 3_600_000


def slot(name):
    """The cluster's slot of a key: CRC-16 (XMODEM) of what is between the first braces, modulo 16384."""
    begin = name.find("{")
    end = name.find("}", begin + 1)
    if begin >= 0 and end > begin + 1:
        name = name[begin + 1:end]
    crc = 0
    for byte in name.encode():
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc % 16384


class Members(EngineCase):
    def test_a_member_is_present(self):
        before = self.fleet.now() // 1000
        epoch, now, present, known, purge, log, forgotten = self.fleet.member("one", "first")
        self.assertEqual((epoch, present, known, log, forgotten), ("first", 1, 1, "0-0", "0-0"))
        self.assertEqual(purge, self.fleet.log("p")[-1]["id"])
        self.assertTrue(before <= now <= before + 1000)
        self.assertEqual(self.fleet.member("two", "second")[:4:2], ["first", 2])
        self.assertEqual(self.fleet.member("two", "second")[2:4], [2, 2])

    def test_one_that_is_silent_is_absent_and_then_forgotten(self):
        self.fleet.member("one")
        time.sleep(0.4)
        self.assertEqual(self.fleet.member("two", present_ms=300)[2:4], [1, 2])
        self.assertEqual(self.fleet.confirmed("0-0", present_ms=300), [1, 1, 1])
        self.assertEqual(self.fleet.member("two", forgotten_ms=300)[2:4], [1, 1])
        self.assertEqual(self.engine("HGETALL", key("a")), [b"two", b"0-0"], "what it has done is forgotten as well")

    def test_one_leaves(self):
        self.fleet.member("one")
        self.fleet.member("two")
        self.assertEqual(self.fleet.member("one", leaves=True)[2:4], [1, 1])
        self.assertEqual(self.engine("HKEYS", key("a")), [b"two"])

    def test_an_emptied_engine_is_a_new_epoch(self):
        self.assertEqual(self.fleet.member(epoch="first")[0], "first")
        self.engine("FLUSHALL")
        self.assertEqual(self.fleet.member(epoch="second")[0], "second")

    def test_a_clock_that_was_set_back_keeps_nobody(self):
        self.engine("ZADD", key("m"), self.fleet.now() // 1000 + 60_000, "gone")
        self.assertEqual(self.fleet.member("one")[2:4], [1, 1])

    def test_a_clock_that_was_set_forward_forgets_nobody(self):
        """Else a purge would be confirmed by all before those have done it who have not shown themselves since."""
        self.fleet.member("one")
        self.engine("ZADD", key("m"), *(word for name in ("one", "two", "gone") for word in (self.fleet.now() // 1000 - HOUR_MS, name)))
        purge = self.fleet.purge()
        self.assertEqual(self.fleet.member("one", position=purge)[2:4], [1, 3])
        self.assertEqual(self.fleet.confirmed(purge), [1, 1, 2])
        self.assertEqual(self.fleet.member("two")[2:4], [2, 3])
        self.assertEqual(self.fleet.member("one")[2:4], [2, 2], "whoever is gone is forgotten the next time")

    def test_a_clock_that_was_set_back_forgets_nobody_who_is_there(self):
        self.fleet.member("one")
        self.engine("ZADD", key("m"), *(word for name in ("one", "two", "gone") for word in (self.fleet.now() // 1000 + HOUR_MS, name)))
        purge = self.fleet.purge()
        self.assertEqual(self.fleet.member("one", position=purge)[3], 3)
        self.assertEqual(self.fleet.confirmed(purge)[1], 1)
        self.assertEqual(self.fleet.member("two")[3], 3)
        self.assertEqual(self.fleet.member("one")[2:4], [2, 2])

    def test_an_epoch_begins_with_an_event_that_is_no_purge_s(self):
        """So what is fetched from here on is known to be later than all purges of before, which nobody is told of any more."""
        first = self.fleet.member()[4]
        self.assertNotEqual(first, "0-0")
        self.assertEqual(self.fleet.member("two")[4], first, "once")
        self.assertEqual(self.fleet.flight()[2], first)
        self.engine("FLUSHALL")
        time.sleep(0.002)  # positions are in milliseconds
        order = lambda position: tuple(map(int, position.split("-")))
        self.assertGreater(order(self.fleet.member()[4]), order(first))

    def test_the_ends_of_the_streams_are_told(self):
        self.fleet.member()
        purge = self.fleet.purge()
        self.fleet.minted("1", b"t")
        self.assertEqual(self.fleet.member()[4:6], [purge, self.fleet.log()[-1]["id"]])

    def test_who_has_done_a_purge(self):
        first, second = self.fleet.purge(), self.fleet.purge()
        self.fleet.member("one", position=first)
        self.fleet.member("two", position=second)
        self.fleet.member("three", position="0-0")
        self.assertEqual(self.fleet.confirmed(first), [3, 2, 0])
        self.assertEqual(self.fleet.confirmed(second), [3, 1, 0])
        self.fleet.member("one", position=second)
        self.fleet.member("three", position=second)
        self.assertEqual(self.fleet.confirmed(second), [3, 3, 0])

    def test_positions_are_compared_as_numbers(self):
        for done, asked, expected in (("9-0", "10-0", 0), ("10-9", "10-10", 0), ("10-10", "10-9", 1), ("10-0", "9-99", 1), ("10-9", "10-9", 1)):
            self.fleet.member("one", position=done)
            self.assertEqual(self.fleet.confirmed(asked), [1, expected, 0], (done, asked))

    def test_one_who_has_heard_of_more_than_there_is_has_done_nothing(self):
        self.fleet.member("one")  # the first one begins the stream
        first, second = self.fleet.purge(), self.fleet.purge()
        time, number = map(int, second.split("-"))
        for done, expected in ((second, 1), (f"{time}-{number + 1}", 0), (f"{time + 1}-0", 0), ("99999999999999-0", 0)):
            self.fleet.member("one", position=done)
            self.assertEqual(self.fleet.confirmed(first), [1, expected, 0], done)

    def test_one_who_has_said_nothing_has_done_nothing(self):
        self.engine("ZADD", key("m"), self.fleet.now() // 1000, "silent")
        self.assertEqual(self.fleet.confirmed("1-0"), [1, 0, 0])

    def test_purges_that_are_not_kept_are_known_to_be_gone(self):
        self.fleet.member()
        positions = [self.fleet.purge(f"purge {number}", kept=50) for number in range(1000)]
        kept = [entry["id"] for entry in self.fleet.log("p")]
        self.assertTrue(50 <= len(kept) < 1000, len(kept))
        forgotten = self.fleet.member()[6]
        order = lambda position: tuple(map(int, position.split("-")))
        self.assertGreaterEqual(order(forgotten), order(positions[-len(kept) - 1]), "the last that is gone")
        self.assertLess(order(forgotten), order(kept[0]), "the first that is there")
        self.assertEqual(self.fleet.member()[4], positions[-1])

    def test_nothing_is_gone_while_all_are_kept(self):
        self.fleet.member()
        for number in range(150):
            self.fleet.purge(f"purge {number}")
        self.assertEqual(self.fleet.member()[6], "0-0")


class Scripts(EngineCase):
    def test_a_flushed_script_is_said_to_be_missing(self):
        for name, source in SOURCES.items():
            digest = hashlib.sha1(source.encode()).hexdigest()
            self.assertEqual(self.engine("SCRIPT", "LOAD", source).decode(), digest, name)
        self.engine("EVALSHA", hashlib.sha1(SOURCES["purge"].encode()).hexdigest(), 1, key("p"), "x", 10)
        self.engine("SCRIPT", "FLUSH")
        self.refused("NOSCRIPT", self.engine, "EVALSHA", hashlib.sha1(SOURCES["purge"].encode()).hexdigest(), 1, key("p"), "x", 10)

    def test_only_the_entrys_write_may_be_refused_for_want_of_memory(self):
        for name, source in SOURCES.items():
            first = source.splitlines()[0]
            self.assertEqual(first, "#!lua" if name == "land" else "#!lua flags=allow-oom", name)


class Cluster(EngineCase):
    OPTIONS = {"cluster_enabled": "yes"}

    def setUp(self):
        self.engine = self.server.connect()
        self.addCleanup(self.engine.close)

    def test_one_credential_has_one_slot(self):
        names = [key(name) for name in ("b", "f:H", "n", "e:H", "f:other", "t", "tl", "tn", "log", "p", "m", "a", "epoch")]
        slots = {self.engine("CLUSTER", "KEYSLOT", name) for name in names}
        self.assertEqual(slots, {slot(CREDENTIAL)})
        self.assertNotEqual(self.engine("CLUSTER", "KEYSLOT", "rk1:{another}:b"), slot(CREDENTIAL))
