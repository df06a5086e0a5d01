"""Three daemons with an engine that lies: whatever it says, it crashes no daemon, brings no wrong number and no foreign answer, and
holds up no request for long. The lies are in test_hostile_*."""
import itertools
import pathlib
import random
import re
import shutil
import tempfile

from daemons import Daemon, FleetCase, LyingProxy, Raw, Upstream, in_parallel, overview, settings_of, wait_until
from engine import Engine
from resp import EngineError

LONGEST = 12  # seconds that a request may take under a lie: three waits of two, and what a busy machine needs; the truth takes 0.1
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


class HostileCase(FleetCase):
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
        self.wait_until_shared(self.upstream_server, self.members, self.target)
        target = self.target()
        for member in self.members:
            self.expect_own(self.upstream_server, target, member.get(target))
        self.purge_everywhere(self.members[0], len(self.members), target=target)
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
