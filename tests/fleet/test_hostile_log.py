"""An engine that lies about what an instance asks for by itself: the log, the members, the epoch."""
import itertools
import time
import unittest

from hostile import HUGE, KINDS, HostileCase, changed, of


class HostileLog(HostileCase):
    def test_members_epochs_and_clocks(self):
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

    def test_events_that_are_rubbish(self):
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


if __name__ == "__main__":
    unittest.main()
