"""A small fleet for the model: real daemons, each with a way of its own to a real engine, and all that may happen to them."""
import concurrent.futures
import contextlib
import dataclasses
import http.client
import json
import pathlib
import random
import shutil
import signal
import sqlite3
import tempfile
import threading
import time

from daemons import ADMIN, Daemon, LyingProxy, settings_of, wait_until
from engine import Engine
from harness import free_port, route, searched
from model import Get, Model, Policy, Purge, route_of
from model_origin import Origin, account_of, campaign_of, key_of, now

ROUTES = route("files", "/files/{rest...}", "GET", "PUT", "DELETE")
DATES = "dateStart=2025-03-01&dateEnd=2025-03-31&currency=USD&timeZoneVariation=America/New_York"
OVERVIEW = "/reporting/accounts/{}/campaigns/{}/overview?"
# Near ones among them: one differs from another in one thing.
TARGETS = [(OVERVIEW.format(account, campaign) + DATES, "LATEST") for account in (12, 13) for campaign in (3, 4)]
TARGETS += [(OVERVIEW.format(12, 3) + DATES, "alpha-20210101"), (OVERVIEW.format(12, 3) + DATES.replace("USD", "EUR"), "LATEST"),
            (OVERVIEW.format(12, 4) + DATES + "&x=1", "LATEST"), (OVERVIEW.format(13, 3) + DATES.replace("2025-03-31", "2100-03-31"), "LATEST"),
            ("/reporting/accounts/12/summary?" + DATES, "LATEST"), ("/reporting/accounts/13/summary?" + DATES, "LATEST"),
            ("/metadata/accounts/12/campaigns/3", "LATEST"), ("/metadata/accounts/12/campaigns/4", "LATEST"),
            ("/files/a", ""), ("/files/b", "")]
REPORTS = [number for number, (target, _) in enumerate(TARGETS) if not target.startswith("/files/")]
NEAR = [0, 4, 5]  # they differ in the version, and in the currency
FILES = [number for number in range(len(TARGETS)) if number not in REPORTS]
WISHES = ["no-cache"] * 3 + ["max-age=1", "max-age=0", "min-fresh=1", "max-stale=1", "only-if-cached", "only-if-cached", "no-store"]
SIZES = {0: 1, 2: 3000, 3: 70_000, 8: 200_000}  # hex digits of a body's padding, by the target's number
LONG_ENOUGH = 30  # seconds for whatever a machine that is slow has to do


@dataclasses.dataclass
class Instance:
    number: int
    name: str
    proxy: LyingProxy
    folder: str = ""
    ports: tuple = ()
    daemon: Daemon = None
    lag: tuple = ("", 0.0)  # of replies of this kind from the engine: how long they are held back
    memory: int = 0  # how often it has lost what it had
    met: bool = False  # since it was started it has been together with all
    life: int = 0  # how often it has ended: whoever asks meanwhile may get nothing

    @property
    def up(self):
        return self.daemon is not None


class Connections(threading.local):
    """Of one thread, kept alive as clients do."""

    def __init__(self):
        self.of = {}


class World:
    """All chance comes from the seed, and is drawn before threads begin: a seed plays the same, as far as concurrency allows."""

    def __init__(self, seed, say):
        self.random = random.Random(seed)
        self.say = say
        self.origin = Origin(seed)
        long = self.random.random() < 0.4  # what is purged in a trouble is there after it
        self.policy = Policy(refetch=self.random.choice([0, 0, 0.3]), settled=9 if long else 2.5, metadata=6 if long else 1.5)
        self.model = Model(self.origin, self.policy)
        self.engine = Engine()
        self.timeout = self.random.choice(["250ms", "1s"])
        self.instances = [Instance(number, f"m{number}", LyingProxy(self.engine)) for number in range(self.random.choice([3, 3, 4]))]
        for instance in self.instances:
            instance.proxy.lie = lambda name, _, reply, instance=instance: self.hold_back(instance, name, reply)
        self.pool = concurrent.futures.ThreadPoolExecutor(32)
        self.connections = Connections()
        self.kept = []
        self.locking = None
        self.causes = 0
        self.calm_since = None
        self.counted = {}
        self.calls_seen = 0
        self.purges = []  # of the batch
        self.emptied = False  # the engine, since all were together
        self.emptied_at = 0.0
        for number, size in SIZES.items():
            self.origin.sizes[key_of(*TARGETS[number])] = size
        self.in_threads(lambda instance: self.start(instance), self.instances)

    def stop(self):
        self.engine.go_on()
        for instance in self.instances:
            if instance.daemon:
                instance.daemon.signal(signal.SIGCONT)
        try:
            self.in_threads(lambda instance: self.end(instance, signal.SIGTERM), [one for one in self.instances if one.up])
        finally:
            self.pool.shutdown()
            for connection in self.kept:
                connection.close()
            for instance in self.instances:
                instance.proxy.stop()
                shutil.rmtree(instance.folder, ignore_errors=True)
            self.engine.stop()
            self.origin.stop()

    def in_threads(self, call, things):
        return [future.result() for future in [self.pool.submit(call, thing) for thing in things]]

    @staticmethod
    def hold_back(instance, name, _):
        kind, seconds = instance.lag
        if kind and (name in kind.split()):
            time.sleep(seconds)

    # Instances.

    def start(self, instance):
        instance.folder = instance.folder or tempfile.mkdtemp(prefix="roktcached-test-")
        instance.ports = instance.ports or (free_port(), free_port())
        policy = self.policy
        milliseconds = lambda seconds: f"{seconds * 1000:.0f}ms"
        settings = settings_of(instance.proxy.url, instance.name, instance.folder) | {
            "fleet_control_timeout": self.timeout, "freshness_settled": milliseconds(policy.settled), "freshness_open": milliseconds(policy.open),
            "freshness_metadata": milliseconds(policy.metadata), "freshness_not_found": milliseconds(policy.negative),
            "freshness_stale_while_revalidate": milliseconds(policy.while_revalidate), "freshness_stale_if_error": milliseconds(policy.if_error),
            "freshness_min_refetch_interval": milliseconds(policy.refetch), "freshness_refresh_ahead_uses": "0"}
        port, admin_port = instance.ports
        instance.daemon = Daemon(self.origin.port, instance.folder, port=port, admin_port=admin_port, tables=ROUTES, **settings)
        searched.difference_update(instance.daemon.places)  # other tests look for secrets; here it would take all the time

    def end(self, instance, how):
        daemon, instance.daemon = instance.daemon, None
        instance.met = False
        instance.life += 1
        daemon.signal(how)
        daemon.wait(LONG_ENOUGH)
        output = daemon.output
        daemon.stop()
        if how == signal.SIGKILL:
            instance.memory += 1
        elif daemon.child.returncode:
            raise AssertionError(f"{instance.name} has ended with {daemon.child.returncode}:\n{output[-3000:]}")

    def empty(self, instance):
        shutil.rmtree(instance.folder)
        instance.folder = ""
        instance.memory += 1

    @contextlib.contextmanager
    def locked(self, instance):
        """Until unlock()."""
        with contextlib.closing(sqlite3.connect(pathlib.Path(instance.folder, "cache.db"), check_same_thread=False, isolation_level=None)) as database:
            self.locking = database
            database.execute("BEGIN IMMEDIATE")
            yield

    def unlock(self):
        self.locking.execute("ROLLBACK")

    # What clients do.

    def request(self, instance, method, target, fields, body=None, admin=False):
        """Again, over a new connection, where a kept one has ended meanwhile."""
        at = instance.ports[int(admin)]
        while True:
            kept = self.connections.of.pop(at, None)
            connection = kept or http.client.HTTPConnection("127.0.0.1", at, timeout=LONG_ENOUGH)
            if not kept:
                self.kept.append(connection)
            try:
                connection.request(method, target, body, fields)
                answer = connection.getresponse()
                content = answer.read()
                self.connections.of[at] = connection
                return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content
            except (OSError, http.client.HTTPException):
                connection.close()
                if not kept:
                    raise

    def get(self, instance, number, wish=""):
        """Drawn now, done when it is called."""
        target, version = TARGETS[number]
        self.causes += 1
        path, _, query = target.partition("?")
        parts = query.split("&") if query else []
        self.random.shuffle(parts)
        spelled = path + ("?" + "&".join(parts) if parts else "")
        get = Get(instance.number, key_of(target, version or "LATEST"), wish, f"00-{self.causes:032x}-00000000000000ab-01", 0.0)
        fields = {"traceparent": get.cause} | ({"Cache-Control": wish} if wish else {}) | ({"rokt-version": version} if version else {})

        def call():
            life = instance.life if instance.up else -1
            get.memory = instance.memory
            get.sent = now()
            try:
                get.status, head, get.body = self.request(instance, "GET", spelled, fields)
                get.cache = head.get("cache-status", "")
                get.age = int(head["age"]) if "age" in head else None
            except (OSError, http.client.HTTPException) as error:
                get.error = repr(error)
            get.done = now()
            get.excused = life != instance.life
            return get
        return call

    def purge(self, instance, what, soft):
        fields = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"}

        def call():
            purge = Purge(what, soft, instance.number, now())
            self.purges.append(purge)
            lives = {one.number: one.life for one in self.instances if one.up}
            try:
                status, _, content = self.request(instance, "POST", "/purge", fields, json.dumps(what | ({"soft": True} if soft else {})), admin=True)
            except (OSError, http.client.HTTPException):
                status, content = 0, b""
            purge.done = now()
            if status != 200:
                assert lives.get(instance.number) != instance.life, (status, content)
                return
            said = json.loads(content)
            purge.told = True
            purge.confirmed, purge.instances = said["confirmed"], said["instances"]
            # Whoever has met nobody since it was started is not known to the others, and knows of none after the engine was emptied.
            by_all = purge.confirmed == purge.instances and (instance.met or not self.emptied)
            there = [one.number for one in self.instances if lives.get(one.number) == one.life and one.met]
            confirmed = {instance.number, *(there if by_all else ())}
            purge.at = dict.fromkeys(confirmed, purge.done)
            self.model.tally["purges confirmed by all" if len(confirmed) > 1 else "purges confirmed by some"] += 1
        return call

    def write(self, instance, number, method):
        target, _ = TARGETS[number]
        self.causes += 1
        cause = f"00-{self.causes:032x}-00000000000000ab-01"

        def call():
            sent = now()
            purge = Purge({"target": target}, False, instance.number, sent)
            self.purges.append(purge)
            try:
                status, _, _ = self.request(instance, method, target, {"traceparent": cause}, b"{}" if method == "PUT" else None)
            except (OSError, http.client.HTTPException):
                status = 0
            purge.done = now()
            if 200 <= status < 400:
                purge.told, purge.at = True, {instance.number: purge.done}
                self.model.tally["writes"] += 1
        return call

    def some_purge(self, number=None):
        number = self.random.randrange(len(TARGETS)) if number is None else number
        target, version = TARGETS[number]
        key = key_of(target, version or "LATEST")
        ways = [{"target": target}, {"target": target}, {"route": route_of(key)}, {"all": True}]
        if account_of(key):
            ways += [{"account": account_of(key)}]
            ways += [{"account": account_of(key), "campaign": campaign_of(key)}] if campaign_of(key) else []
        return self.random.choice(ways), self.random.random() < 0.35

    def play(self, *calls):
        """All at once, each after its pause in seconds; then looks at what has come of it."""
        self.purges = []

        def later(one):
            time.sleep(one[0])
            return one[1]()
        results = self.in_threads(later, calls)
        self.look([result for result in results if isinstance(result, Get)])

    def look(self, gets):
        self.still_calm()
        self.model.check(gets, self.purges)
        self.purges = []
        calls, self.calls_seen = self.origin.calls[self.calls_seen:], len(self.origin.calls)
        self.model.check_calls(calls, self.calm_since)

    # Whether the fleet is together.

    def seen(self, instance):
        return json.loads(self.request(instance, "GET", "/status", {}, admin=True)[2])["fleet"]

    def count(self):
        """What would change if an instance had been alone for a moment."""
        counted = {}
        for instance in self.instances:
            fleet = self.seen(instance) if instance.up else None
            counted[instance.name] = fleet and (fleet["state"], fleet["fetches"]["alone"],
                                                *(fleet["link"][name] for name in ("connected", "timeouts", "refused", "errors")))
        return counted

    def still_calm(self):
        if self.calm_since is None:
            return
        counted = self.count()
        if counted != self.counted:
            self.say("  no longer calm")
            self.calm_since = None
        else:
            self.model.tally["batches while all were together"] += 1

    def trouble(self, what):
        self.say(what)
        self.calm_since = None

    def engine_is_empty(self):
        self.emptied, self.emptied_at = True, now()
        self.model.upset_at = now()

    def ask_engine(self, *words):
        with self.engine.connect() as connection:
            return connection(*words)

    def settle(self):
        """Everything is mended, and every instance has done all purges."""
        self.say("settle")
        for instance in self.instances:
            instance.lag = ("", 0.0)
            instance.proxy.mend()
            if not instance.up:
                self.start(instance)
        since = now()
        for instance in self.instances:
            wait_until(lambda instance=instance: self.seen(instance)["state"] == "together"
                       and self.seen(instance)["members"] == len(self.instances), f"{instance.name} is together", LONG_ENOUGH)
        wait_until(self.all_purged, "all purges are done everywhere", LONG_ENOUGH)
        done = now()
        for purge in self.model.purges:
            if purge.told and purge.done <= since:
                for instance in self.instances:
                    if purge.at.setdefault(instance.number, done) == done and purge.begun < self.emptied_at:
                        purge.lost.add(instance.number)
        self.emptied = False
        for instance in self.instances:
            instance.met = True
        self.model.tally["settled"] += 1
        # What was begun before may still bring what has been purged meanwhile.
        self.counted = self.count()
        self.calm_since = now()

    def all_purged(self):
        position = lambda text: tuple(map(int, text.decode().split("-")))
        done_keys = self.ask_engine("KEYS", "rk1:*:a")
        if not done_keys:
            return False
        last = self.ask_engine("XREVRANGE", done_keys[0][:-1] + b"p", "+", "-", "COUNT", "1")
        flat = self.ask_engine("HGETALL", done_keys[0])
        done = dict(zip(flat[::2], flat[1::2]))
        return bool(last) and all(position(done.get(instance.name.encode(), b"0-0")) >= position(last[0][0]) for instance in self.instances)
