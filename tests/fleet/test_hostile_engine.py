"""An engine that lies about what it is asked for: entries, flights, budgets, tokens."""
import threading
import time
import unittest

from daemons import SILENCE, Raw, encoded, in_parallel, wait_until
from hostile import HUGE, KINDS, LONGEST, NIL, HostileCase, changed, of


def one_at_a_time(liar):
    lock = threading.Lock()

    def locked(words, reply):
        with lock:
            return liar(words, reply)
    return locked


class HostileEngine(HostileCase):
    def test_sealed_entries_are_changed(self):
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

    def test_entries_of_others_are_given(self):
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

    def test_an_older_entry_is_not_given_for_a_newer_one(self):
        self.wait_together(self.members)
        target = self.target()
        first, others = self.members[0], self.members[1:]
        self.assertEqual(self.fetch_and_land(first, target).json()["version"], 1)
        old = {}
        self.proxy.lie = of("HMGET", lambda words, reply: old.setdefault(words[1], reply) and None)
        self.assertEqual(others[0].get(target).json()["version"], 1)
        self.truth()
        self.assertEqual(len(old), 1, "it was taken from the engine")
        self.purge_everywhere(first, 3, target=target)
        self.assertEqual(first.get(target).json()["version"], 2)
        self.proxy.lie = of("HMGET", lambda words, _: old.get(words[1]))
        for member in others:
            reply = member.get(target)
            self.assertEqual(reply.status, 200)
            self.assertGreater(reply.json()["version"], 1, "purged")

    def test_flights_that_are_none(self):
        for kind in KINDS:
            self.lie(of("flight", lambda _, reply, kind=kind: kind), f"flight: {kind!r}")
        for fence in (b"0", b"9223372036854775808", b"", b"1|2|3", 7, []):
            self.lie(of("flight", lambda _, reply, fence=fence: [b"lead", fence, b"0-0", b"1"]), f"lead: {fence!r}")
        for position in (b"99999999999999-0", b"rubbish", 5, []):
            self.lie(of("flight", lambda _, reply, position=position: changed(reply, 2, position)), f"last purge: {position!r}")
        self.lie(of("flight", lambda *_: [b"stored", b"1", b"0-0"]), "stored where there is nothing", swallowed=("flight",))
        self.lie(of("flight", lambda *_: [b"flying", b"1", b"0-0", 0]), "flying for ever, for no time", swallowed=("flight",))

    def test_a_flight_for_a_very_long_time_is_one_lease(self):
        for left in HUGE:
            once = set()

            def flying(words, _, once=once, left=left):
                if words[3] in once:
                    return None
                once.add(words[3])
                return [b"flying", b"1", b"0-0", left]
            self.lie(of("flight", flying), f"flying: {left}")

    def test_what_is_landed_is_not_there(self):
        self.lie(of("land", lambda *_: b"landed"), "nothing is written", swallowed=("land",))
        self.lie(lambda name, *_: [b"0", b"0"] if name == "renew" else b"1", "nothing but fibs", swallowed=("renew", "tell", "land"))
        for kind in KINDS[:3]:
            self.lie(lambda name, _, reply, kind=kind: kind if name in ("land", "tell", "renew") else None, f"land: {kind!r}")

    def test_budgets_without_end_or_sense(self):
        self.lie(of("budget", lambda *_: [1, b"0", b"1", b"1e308", b"inf", b"-5", b"nan"]), "grants without end", swallowed=("budget",))
        for number in HUGE:
            self.lie(of("budget", lambda _, reply, number=number: changed(reply, 1, number)), f"wait: {number}", refusals=(503,))
            self.lie(of("budget", lambda _, reply, number=number: changed(reply, 2, number)), f"due: {number}")
        for rate in (b"nan", b"1e-300", []):
            self.lie(of("budget", lambda _, reply, rate=rate: changed(reply, 3, rate)), f"rate: {rate!r}")
        for kind in KINDS[:4]:
            self.lie(of("budget", lambda _, reply, kind=kind: kind), f"budget: {kind!r}", refusals=(503,))  # alone at the rate that was last heard of

    def test_grants_without_end_stay_within_what_all_may_send(self):
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

    def test_twice_late_and_in_another_order(self):
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

    def test_tokens(self):
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
