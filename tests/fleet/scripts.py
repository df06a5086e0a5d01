"""The scripts of server/fleet/scripts, called as the daemon calls them: each with its keys, and its arguments by name."""
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parent.parent.parent / "server" / "fleet" / "scripts"
SOURCES = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.lua"))}
CREDENTIAL = "rk1:{c0ffee}:"
LEASE_MS = 2000
PRESENT_MS, FORGOTTEN_MS = 1300, 300_000
KEPT = 10_000  # entries of the log
INLINE = 65536  # bytes up to which an entry goes into the log


def key(name):
    return CREDENTIAL + name


class Fleet:
    """The scripts over one connection. Text comes back as text; sealed bytes stay bytes."""

    def __init__(self, connection, loaded=False):
        """`loaded`: the scripts are loaded, and then called by their digests."""
        self.engine = connection
        self.digests = {name: connection("SCRIPT", "LOAD", source) for name, source in SOURCES.items()} if loaded else {}

    def run(self, script, keys, *arguments):
        called = ("EVALSHA", self.digests[script]) if self.digests else ("EVAL", SOURCES[script])
        reply = self.engine(*called, len(keys), *map(key, keys), *arguments)
        return [as_text(value) for value in reply] if isinstance(reply, list) else as_text(reply)

    def reserve(self, ceiling=100, burst=1, hint=0, members=0, patience_ms=1000, refresh=False, accepted=0, present_ms=PRESENT_MS,
                caller="one"):
        return Budget(self.run("budget", ["b", "m", "log", "w", "ws"], "reserve", ceiling, burst, hint, members, present_ms, patience_ms,
                               int(refresh), accepted, caller))

    def limited(self, sent, ceiling=100, burst=1, hint=0, members=0, retry_after_ms=0, accepted=0, present_ms=PRESENT_MS):
        return Budget(self.run("budget", ["b", "m", "log", "w", "ws"], "limited", ceiling, burst, hint, members, present_ms, sent,
                               retry_after_ms, accepted, KEPT))

    def flight(self, caller="one", name="H", now_ms=1000, fresh=True, later_than_ms=0, lease_ms=LEASE_MS, urgent=False):
        return self.run("flight", ["e:" + name, "f:" + name, "n", "p", "fi"], caller, now_ms, int(fresh), later_than_ms, lease_ms, int(urgent))

    def land(self, fence, sealed=b"sealed", name="H", fetched=900, fresh_until=2000, position="0-0", usable_ms=60_000, inline=INLINE):
        return self.run("land", ["e:" + name, "f:" + name, "log", "fi"], fence, fetched, fresh_until, position, usable_ms, sealed, name, KEPT,
                        inline)

    def tell(self, fence, kind="failed", sealed=b"", name="H", fetched=0, fresh_until=0, position="0-0"):
        return self.run("tell", ["f:" + name, "log", "fi"], fence, kind, name, KEPT, sealed, fetched, fresh_until, position)

    def renew(self, fence, name="H", lease_ms=LEASE_MS):
        return self.run("renew", ["f:" + name, "fi"], fence, lease_ms)

    def token(self, caller="one", serial="0", lease_ms=LEASE_MS):
        return self.run("token", ["t", "tl", "tn"], caller, serial, lease_ms)

    def renew_mint(self, serial, lease_ms=LEASE_MS):
        return self.run("token_renew", ["tl"], serial, lease_ms)

    def minted(self, serial, sealed=b"token", used_ms=60_000, reason=b""):
        return self.run("token_minted", ["t", "tl", "log"], serial, sealed, used_ms, KEPT, reason)

    def member(self, name="one", epoch="first", position="0-0", leaves=False, present_ms=PRESENT_MS, forgotten_ms=FORGOTTEN_MS):
        return self.run("member", ["m", "a", "epoch", "p", "log"], name, epoch, present_ms, forgotten_ms, position, int(leaves))

    def purge(self, sealed=b"purge", kept=KEPT):
        return self.run("purge", ["p"], sealed, kept)

    def confirmed(self, position, present_ms=PRESENT_MS):
        return self.run("confirmed", ["m", "a", "p"], position, present_ms)

    def log(self, name="log"):
        """The entries of a stream, each a dict with its id."""
        entries = []
        for position, fields in self.engine("XRANGE", key(name), "-", "+"):
            entries.append({"id": position.decode(), **{as_text(fields[i]): as_text(fields[i + 1]) for i in range(0, len(fields), 2)}})
        return entries

    def now(self):
        """The engine's clock, µs."""
        seconds, micros = map(int, self.engine("TIME"))
        return seconds * 1_000_000 + micros

    def set_budget(self, **fields):
        self.engine("HSET", key("b"), *(word for pair in fields.items() for word in pair))

    def budget(self):
        fields = self.engine("HGETALL", key("b"))
        return {fields[i].decode(): float(fields[i + 1]) for i in range(0, len(fields), 2)}


def as_text(value):
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


class Budget:
    """What the budget's script returns."""

    def __init__(self, reply):
        self.granted = reply[0] == 1
        self.wait, self.due = int(reply[1]), int(reply[2])  # µs
        self.rate, self.free = float(reply[3]), float(reply[4])
        self.limited, self.cuts = int(reply[5]), int(reply[6])

    def __repr__(self):
        return repr(self.__dict__)
