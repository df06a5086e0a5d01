"""An instance that is killed, or stopped for longer than a lease, at the very command: no step of it is met by luck. The steps are in
test_steps_of_*."""
import contextlib
import http.client
import signal
import threading

from daemons import FleetCase, LyingProxy, overview
from engine import Engine

LEASE = 2.0
SOON = LEASE + 4  # seconds after its death that others may wait, and what a busy machine needs
BEFORE, AFTER = "before", "after"  # the engine has done it


class Moment:
    """The moment at which an instance is stopped or killed. `come` is called with what it does, and holds that until `release`."""

    def __init__(self, what, number):
        self.what, self.number = what, number
        self.reached, self.released = threading.Event(), threading.Event()
        self.begun, self.member = threading.Event(), None

    def of(self, member):
        """It may be on its way there already."""
        self.member = member
        self.begun.set()
        return self

    def come(self, what, words=(), reply=None):
        if self.reached.is_set() or not self.is_it(what, words, reply):
            return
        self.begun.wait(60)
        if self.number:
            self.member.signal(self.number)
        self.reached.set()
        self.released.wait(60)

    def is_it(self, what, _, __):
        return what.startswith(self.what) if self.what.startswith("/") else what == self.what

    def release(self):
        self.released.set()


class StepCase(FleetCase):
    def setUp(self):
        self.engine = Engine()
        self.addCleanup(self.engine.stop)
        self.origin = self.upstream()
        self.proxies = [LyingProxy(self.engine) for _ in range(3)]
        for proxy in self.proxies:
            self.addCleanup(proxy.stop)
        self.campaigns = iter(range(1, 1000))

    def target(self):
        return overview(campaign=next(self.campaigns))

    def begin(self, number, folder=None, **settings):
        folder = folder or self.folder()
        # Of a machine that is slow the others are not to believe that the engine is away.
        return self.member(self.origin, self.proxies[number].url, f"m{number}", folder, fleet_control_timeout="2s", **settings)

    def moment(self, number, what, when, kind=Moment, at=0):
        """Of the instance with proxy `at`. `what` is a script or a command, or the beginning of a target of the upstream."""
        moment = kind(what, number)
        if what.startswith("/"):
            self.origin.asked = moment.come
        elif when == BEFORE:
            self.proxies[at].before = moment.come
        else:
            self.proxies[at].lie = moment.come
        self.addCleanup(moment.release)
        return moment

    def forget_moments(self):
        self.origin.asked = None
        for proxy in self.proxies:
            proxy.before = proxy.lie = None

    @contextlib.contextmanager
    def asking(self, call, fails):
        """What is asked of an instance that is stopped meanwhile: its reply comes at the end, or none where it was killed."""
        told = []

        def ask():
            with contextlib.suppress(OSError, http.client.HTTPException):
                told.append(call())
        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield told
        finally:
            thread.join(60)
        self.assertFalse(thread.is_alive(), "it is never answered")
        if not fails:
            self.assertEqual(len(told), 1, "it is answered after all")

    def reach(self, moment):
        if not moment.reached.wait(20):
            self.fail(f"{moment.what} is not reached: {moment.member.output}")

    def go_on(self, member, number):
        if number == signal.SIGSTOP:
            member.signal(signal.SIGCONT)
        else:
            member.child.wait(10)
