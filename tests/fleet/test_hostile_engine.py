"""An engine that lies: it crashes no daemon, brings no wrong number and no foreign answer, and holds up no request for long."""
import itertools
import pathlib
import random
import re
import shutil
import tempfile
import threading
import time
import unittest

from daemons import SILENCE, Daemon, FleetCase, LyingProxy, Raw, Upstream, encoded, in_parallel, overview, settings_of, wait_until
from engine import Engine
from resp import EngineError

LONGEST = 6.0  # seconds that a request may take under a lie; the truth takes 0.1
MOST_MEMORY = 200 << 20  # bytes that lies may cost a daemon
HUGE = [10**18, 2**63 - 1, -2**63]
NIL = Raw(b"$-1\r\n")
KINDS = [NIL, 2**62, b"rubbish", [], [[], []], [b"", b"", b"", b"", b""], [1, 2, 3, 4, 5, 6, 7, 8], [[b"stored"], [b"1"]],
         EngineError("ERR what"), EngineError("OOM full")]


def resident(daemon):
    return int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{daemon.child.pid}/status").read_text())[1]) << 10


def changed(reply, at, value):
    return [value if i == at else item for i, item in enumerate(reply)] if isinstance(reply, list) else reply


def of(wanted, liar):
    """A lie about one script or command; the truth about all others."""
    return lambda name, words, reply: liar(words, reply) if name == wanted else None


def one_at_a_time(liar):
    lock = threading.Lock()

    def locked(words, reply):
        with lock:
            return liar(words, reply)
    return locked


class HostileEngine(FleetCase):
    @classmethod
    def setUpClass(cls):
        cls.engine = Engine()
        cls.addClassCleanup(cls.engine.stop)
        cls.upstream_server = Upstream()
        cls.upstream_server.delay = 0.03
        cls.addClassCleanup(cls.upstream_server.stop)
        cls.proxy = LyingProxy(cls.engine)
        cls.addClassCleanup(cls.proxy.stop)
        cls.members = [cls.begin(i, upstream_budget_requests_per_second="200", upstream_budget_burst="50", upstream_budget_max_queue_wait="1s") for i in range(3)]
        cls.numbers = itertools.count(1)
        cls.random = random.Random(7)
        cls.memory = max(map(resident, cls.members))

    @classmethod
    def begin(cls, number, **settings):
        folder = tempfile.mkdtemp(prefix="roktcached-test-")
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        daemon = Daemon(cls.upstream_server.port, folder, **settings_of(cls.proxy.url, f"m{number}", folder, **settings))
        cls.addClassCleanup(daemon.stop)  # which fails where it has crashed
        return daemon

    def tearDown(self):
        self.truth()
        for member in self.members:
            self.assertTrue(member.alive(), member.output[-2000:])
        self.expect_healed()

    def expect_healed(self):
        """No lie has effects once the engine is honest: what one fetches all have, and what one purges all have purged."""
        self.wait_together(self.members)

        def shared():
            target = self.target()
            for member in self.members:
                self.expect_own(self.upstream_server, target, member.get(target))
            return self.upstream_server.calls(target) == 1
        wait_until(shared, "what one fetches all have", 15)
        target = self.target()
        for member in self.members:
            self.expect_own(self.upstream_server, target, member.get(target))
        self.assertEqual(self.purge(self.members[0], target=target)["confirmed"], len(self.members))
        for member in self.members:
            self.assertGreater(member.get(target).json()["version"], 1, "it is purged")

    def truth(self):
        self.proxy.lie, self.proxy.swallowed = None, ()

    def target(self):
        return overview(campaign=next(self.numbers))

    def fetch_and_land(self, member, target):
        """Its answer, when it is in the engine too: who asks earlier is told of it by the log."""
        with self.engine.connect() as engine:
            before = len(engine("KEYS", "rk1:*e:*"))
            reply = member.get(target)
            wait_until(lambda: len(engine("KEYS", "rk1:*e:*")) > before, "it is in the engine", 5)
            return reply

    def lie(self, lie, what="", swallowed=(), refusals=(), unasked=False):
        """Some reports lie in the engine already, some are new, and all ask for all of them at once. `refusals` are statuses that are
        as good: an engine may always say that the budget is spent."""
        with self.subTest(what):
            self.truth()
            self.wait_together(self.members)
            known = [self.target() for _ in range(2)]
            for target in known:
                self.expect_own(self.upstream_server, target, self.members[0].get(target))
            told = []

            def counted(name, words, reply):
                instead = lie(name, words, reply)
                if instead is not None:
                    told.append(name)
                return instead
            self.proxy.lie, self.proxy.swallowed = counted, swallowed
            if unasked:  # an instance asks by itself, twice a second
                wait_until(lambda: told, "it has asked", 5)
            targets = [*known, self.target(), self.target()]
            asked = [(member, target) for target in targets for member in self.members]
            for i, (reply, took) in enumerate(in_parallel(len(asked), lambda i: self.timed(*asked[i]))):
                if reply.status not in refusals:
                    self.expect_own(self.upstream_server, asked[i][1], reply)
                self.assertLess(took, LONGEST, asked[i][1])
            self.truth()
            self.assertTrue(told, "nobody was lied to")
            for member in self.members:
                self.assertTrue(member.alive(), member.output[-2000:])
                self.assertLess(resident(member) - self.memory, MOST_MEMORY)

    def test_1_sealed_entries_are_changed(self):
        def flipped(_, reply):
            sealed = bytearray(reply[4] or b"")
            for _ in range(self.random.randint(1, 3)):
                if sealed:
                    sealed[self.random.randrange(len(sealed))] ^= 1 << self.random.randrange(8)
            return changed(reply, 4, bytes(sealed))
        self.lie(of("HMGET", flipped), "flipped bits")
        self.lie(of("HMGET", lambda _, reply: changed(reply, 4, (reply[4] or b"")[:self.random.randrange(60)])), "truncated")
        self.lie(of("HMGET", lambda _, reply: changed(reply, 4, (reply[4] or b"") * 2)), "longer")
        for at, values in ((0, [b"0", b"9223372036854775808", 5, b"1|2"]), (1, [b"1", b"9999999999999", b""]),
                           (2, [b"9999999999999", b"0", b"nan"]), (3, [b"9999999999999-0", b"0-0", b"-", b"0-0|1"])):
            self.lie(of("HMGET", lambda _, reply, at=at, values=values: changed(reply, at, self.random.choice(values))), f"field {at}")

    def test_2_entries_of_others_are_given(self):
        engine = self.engine.connect()
        self.addCleanup(engine.close)

        def another(words, _):
            others = [key for key in engine("KEYS", "rk1:*e:*") if key != words[1]]
            return engine("HMGET", self.random.choice(others), *words[2:]) if others else None
        self.lie(of("HMGET", one_at_a_time(another)), "another key's")

        def event_of_another(_, reply):
            for stream in reply or []:
                for event in stream[1]:
                    fields = dict(zip(event[1][::2], event[1][1::2]))
                    if fields.get(b"k") == b"landed":
                        self.seen_bodies.append(fields.get(b"b"))
                        swapped = self.random.choice(self.seen_bodies)
                        event[1] = [word for name, value in fields.items() for word in (name, swapped if name == b"b" else value)]
            return reply
        self.seen_bodies = []
        self.lie(of("XREAD", event_of_another), "landed with another's body")

        def event_for_another(_, reply):
            for stream in reply or []:
                events = [event for event in stream[1] if b"h" in event[1]]
                names = [event[1][event[1].index(b"h") + 1] for event in events]
                for event, name in zip(events, names[1:] + names[:1]):
                    event[1][event[1].index(b"h") + 1] = name
            return reply
        self.lie(of("XREAD", event_for_another), "landed with another's name")

    def test_3_an_older_entry_is_not_given_for_a_newer_one(self):
        self.wait_together(self.members)
        target = self.target()
        first, others = self.members[0], self.members[1:]
        self.assertEqual(self.fetch_and_land(first, target).json()["version"], 1)
        old = {}
        self.proxy.lie = of("HMGET", lambda words, reply: old.setdefault(words[1], reply) and None)
        self.assertEqual(others[0].get(target).json()["version"], 1)
        self.truth()
        self.assertEqual(len(old), 1, "it was taken from the engine")
        self.assertEqual(self.purge(first, target=target)["confirmed"], 3)
        self.assertEqual(first.get(target).json()["version"], 2)
        self.proxy.lie = of("HMGET", lambda words, _: old.get(words[1]))
        for member in others:
            reply = member.get(target)
            self.assertEqual(reply.status, 200)
            self.assertGreater(reply.json()["version"], 1, "purged")

    def test_4_flights_that_are_none(self):
        for kind in KINDS:
            self.lie(of("flight", lambda _, reply, kind=kind: kind), f"flight: {kind!r}")
        for fence in (b"0", b"9223372036854775808", b"", b"1|2|3", 7, []):
            self.lie(of("flight", lambda _, reply, fence=fence: [b"lead", fence, b"0-0", b"1"]), f"lead: {fence!r}")
        for position in (b"99999999999999-0", b"rubbish", 5, []):
            self.lie(of("flight", lambda _, reply, position=position: changed(reply, 2, position)), f"last purge: {position!r}")
        self.lie(of("flight", lambda *_: [b"stored", b"1", b"0-0"]), "stored where there is nothing", swallowed=("flight",))
        self.lie(of("flight", lambda *_: [b"flying", b"1", b"0-0", 0]), "flying for ever, for no time", swallowed=("flight",))

    def test_5_a_flight_for_a_very_long_time_is_one_lease(self):
        for left in HUGE:
            once = set()

            def flying(words, _, once=once, left=left):
                if words[3] in once:
                    return None
                once.add(words[3])
                return [b"flying", b"1", b"0-0", left]
            self.lie(of("flight", flying), f"flying: {left}")

    def test_6_what_is_landed_is_not_there(self):
        self.lie(of("land", lambda *_: b"landed"), "nothing is written", swallowed=("land",))
        self.lie(lambda name, *_: [b"0", b"0"] if name == "renew" else b"1", "nothing but fibs", swallowed=("renew", "tell", "land"))
        for kind in KINDS[:3]:
            self.lie(lambda name, _, reply, kind=kind: kind if name in ("land", "tell", "renew") else None, f"land: {kind!r}")

    def test_7_budgets_without_end_or_sense(self):
        self.lie(of("budget", lambda *_: [1, b"0", b"1", b"1e308", b"inf", b"-5", b"nan"]), "grants without end", swallowed=("budget",))
        for number in HUGE:
            self.lie(of("budget", lambda _, reply, number=number: changed(reply, 1, number)), f"wait: {number}", refusals=(503,))
            self.lie(of("budget", lambda _, reply, number=number: changed(reply, 2, number)), f"due: {number}")
        for rate in (b"nan", b"1e-300", []):
            self.lie(of("budget", lambda _, reply, rate=rate: changed(reply, 3, rate)), f"rate: {rate!r}")
        for kind in KINDS[:4]:
            self.lie(of("budget", lambda _, reply, kind=kind: kind), f"budget: {kind!r}", refusals=(503,))  # alone at the rate that was last heard of

    def test_7b_grants_without_end_stay_within_what_all_may_send(self):
        rate, burst = 20, 8
        self.proxy.lie = of("budget", lambda *_: [1, b"0", b"1", b"1e308", b"1e308", b"0", b"0"])
        member = self.begin("b", upstream_budget_requests_per_second=str(rate), upstream_budget_burst=str(burst))
        wait_until(lambda: self.seen(member)["state"] == "together", "it is together")
        targets = [self.target() for _ in range(80)]
        self.expect_own(self.upstream_server, targets[0], member.get(targets[0]))
        calls, begun = self.upstream_server.calls(), time.monotonic()
        for target, reply in zip(targets[1:], in_parallel(len(targets) - 1, lambda i: member.get(targets[1 + i]))):
            self.expect_own(self.upstream_server, target, reply)
        took = time.monotonic() - begun
        self.assertLessEqual(self.upstream_server.calls() - calls, burst + rate * took, took)
        member.stop()

    def test_8_members_epochs_and_clocks(self):
        numbers = itertools.count()
        self.lie(of("member", lambda _, reply: changed(reply, 0, b"epoch %d" % next(numbers))), "an epoch each time", unasked=True)
        self.lie(of("member", lambda _, reply: changed(reply, 0, b"x" * 100_000)), "a long epoch", unasked=True)
        for at in (1, 2, 3):
            for number in HUGE:
                self.lie(of("member", lambda _, reply, at=at, number=number: changed(reply, at, number)), f"{at}: {number}", unasked=True)
        for position in (b"99999999999999-0", b"18446744073709551615-18446744073709551615", 5):
            for at in ((6,), (4, 6), (5,)):
                def ahead(_, reply, at=at, position=position):
                    return [position if number in at else item for number, item in enumerate(reply)]
                self.lie(of("member", ahead), f"{at}: {position!r}", unasked=True)
                self.truth()
                self.expect_healed()
        for kind in KINDS[:7]:
            self.lie(of("member", lambda _, reply, kind=kind: kind), f"member: {kind!r}", unasked=True)

    def test_9_events_that_are_rubbish(self):
        def events(fields, stream, ahead_ms=0):
            def liar(words, reply):
                time.sleep(0.02)
                place = words.index(b"STREAMS") + 1 + (0 if stream == "log" else 1)
                position = b"%d-0" % (time.time_ns() // 1_000_000 + ahead_ms)
                return [[words[place], [[position, fields]]]]
            return of("XREAD", liar)
        for fields in ([b"b", b"rubbish"], [], b"text", None):
            for ahead_ms in (0, 60_000, 10**13):
                self.lie(events(fields, "p", ahead_ms), f"purge: {fields!r} {ahead_ms}", unasked=True)
                self.truth()
                self.expect_healed()
        self.lie(events([b"k", b"x"], "log", 10**13), "an event of a far day", unasked=True)
        self.truth()
        self.expect_healed()
        for fields in ([b"k", b"landed", b"h", b"", b"f", b"x"], [b"k", b"no-token", b"b", b"?"], [b"k", b"hold", b"u", b"-9" + b"9" * 20],
                       [b"k", b"x" * 100_000], [[b"k"], [b"hold"]]):
            self.lie(events(fields, "log"), f"event: {fields!r}"[:60], unasked=True)
        for kind in KINDS[:5]:
            self.lie(of("XREAD", lambda _, reply, kind=kind: kind), f"XREAD: {kind!r}", unasked=True)

    def test_a_octets_that_are_no_replies(self):
        for octets in (b"$2147483648\r\nabc", b"$9223372036854775807\r\n", b"*2147483647\r\n", b"*1000000\r\n", b"*1\r\n" * 100,
                       b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$-5\r\n", b"\0" * 1000, b"*4\r\n$4\r\nlead\r\n", b":" + b"9" * 5000 + b"\r\n"):
            for name in ("flight", "HMGET"):
                self.lie(of(name, lambda _, reply, octets=octets: Raw(octets)), f"{name}: {octets[:20]!r}")
        lists = b"*100000\r\n" + (b"*1000\r\n" + b"*0\r\n" * 1000) * 2000
        self.lie(of("XREAD", lambda *_: Raw(lists)), "many lists in one")
        self.lie(of("HMGET", lambda *_: Raw(b"*5\r\n" + (b"*20000\r\n" + b"*0\r\n" * 20000) * 5)), "many lists for an entry")

    def test_b_twice_late_and_in_another_order(self):
        self.lie(lambda name, words, reply: Raw(encoded(reply) * 2) if name in ("flight", "HMGET", "budget") else None, "twice", refusals=(503,))
        self.lie(lambda name, words, reply: Raw(encoded(reply) * 2), "all twice", refusals=(503,))
        held = []

        def swapped(name, _, reply):
            if name not in ("flight", "budget", "land"):
                return None
            held.append(encoded(reply))
            if len(held) % 2:
                return SILENCE
            return Raw(held[-1] + held[-2])
        self.lie(swapped, "in another order", refusals=(503,))
        self.lie(lambda name, *_: SILENCE if name in ("HMGET", "land") else None, "silent on what is large", refusals=(503,))
        self.lie(lambda name, *_: SILENCE if name == "XREAD" else None, "silent about the log", refusals=(503,))

    def test_c_tokens(self):
        self.truth()
        for i, reply in enumerate(([b"token", b"5", b"rubbish", 10**18], [b"token", 5], [b"mint", b""], NIL)):
            with self.subTest(reply):
                self.proxy.lie = of("token", lambda _, __, reply=reply: reply)
                member = self.begin(f"t{i}", upstream_budget_requests_per_second="200")
                target = self.target()
                answer, took = self.timed(member, target)
                self.expect_own(self.upstream_server, target, answer)
                self.assertLess(took, LONGEST)
                self.truth()
                member.stop()


if __name__ == "__main__":
    unittest.main()
