"""What goes wrong in a random fleet: the engine, the ways to it, the instances and their disks."""
import signal
import threading
import time

from daemons import wait_until
from model_origin import now
from model_world import LONG_ENOUGH, REPORTS, TARGETS


class Troubles:
    """Of a play, which has `world`, `random`, and what clients do."""

    def trouble(self):
        world = self.world
        kinds = [(self.engine_restarts, 2), (self.engine_pauses, 3), (self.engine_is_emptied, 2), (self.engine_lies, 4),
                 (self.way_is_cut, 4), (self.way_lags, 5),
                 (self.instance_restarts, 4), (self.instance_freezes, 3), (self.instance_is_away, 3),
                 (self.disk_is_locked, 2), (self.one_is_back_with_a_fetch, 3)]
        self.random.choices(*zip(*kinds))[0]()
        for _ in range(self.random.randint(0, 3)):
            self.random.choice([self.volley, self.volley, self.purge_and_ask, self.purge_among_fetches, self.writes])()
        if self.random.random() < 0.6:
            self.settle()

    def meanwhile(self, do, count=8):
        """Clients go on asking."""
        hot = self.hot(2, 4)
        self.pace(0, self.random.choice([0.02, 0.3, 0.8]))
        gets = self.gets(count, hot, within=0.5)
        pause = self.random.uniform(0, 0.3)
        self.world.play(*gets, (pause, do))

    def engine_restarts(self):
        pause = self.random.uniform(0, 1.5)
        self.world.trouble(f"the engine is killed, and is there again, empty, after {pause:.2f} s")

        def restart():
            self.world.emptied = True
            self.world.engine.kill()
            time.sleep(pause)
            self.world.engine.start()
            self.world.engine_is_empty()
        self.meanwhile(restart)

    def engine_pauses(self):
        pause = self.random.choice([0.05, 0.15, 0.2, 0.3, 0.8, 2.2])
        self.world.trouble(f"the engine pauses for {pause} s")

        def stop():
            self.world.engine.pause()
            time.sleep(pause)
            self.world.engine.go_on()
        purge = self.world.purge(self.some(), *self.world.some_purge())
        self.meanwhile(stop)
        if self.random.random() < 0.6:
            self.say("once more, with a purge")
            self.world.play((0, stop), (self.random.uniform(0, pause), purge), *self.gets(6, self.hot(2, 4), within=pause + 0.3))

    def engine_is_emptied(self):
        what = self.random.choice([("FLUSHALL",), ("FLUSHALL",), ("SCRIPT", "FLUSH")])
        self.world.trouble(" ".join(what))
        self.world.emptied |= what == ("FLUSHALL",)
        self.meanwhile(lambda: self.flush(*what))

    def flush(self, *what):
        self.world.ask_engine(*what)
        if what == ("FLUSHALL",):
            self.world.engine_is_empty()

    def engine_lies(self):
        """About what it keeps: it gives one answer for another's, changes what stands beside it, or puts back what was there before. One
        instance has the answers, and the others have to ask the engine."""
        world, numbers = self.world, self.random.sample(REPORTS, 4)
        everything = {"all": True}
        self.pace(0, 0.02)
        world.trouble("all is purged, and one fetches")
        world.play((0, world.purge(self.some(), everything, False)))
        one = self.some()
        world.play(*[(0, world.get(one, number)) for number in numbers])
        way = self.random.choice(["exchanged", "exchanged", "later than all purges", "later than all purges", "fresh for longer", "as they were"])
        self.say(f"the engine lies: entries are {way}")
        self.lie(way)
        if way == "later than all purges":
            world.play((0, world.purge(self.some(), *self.random.choice([(everything, False), (everything, True), world.some_purge(numbers[0])]))))
        if way == "fresh for longer":
            time.sleep(self.random.choice([0.5, 2.7]))
        world.play(*[(0, world.get(instance, number)) for instance in self.instances for number in numbers])
        world.play(*self.gets(8, numbers))

    def lie(self, way):
        with self.world.engine.connect() as engine:
            entries = {key: engine("HGETALL", key) for key in engine("KEYS", "rk1:*:e:*")}
            entries = {key: dict(zip(flat[::2], flat[1::2])) for key, flat in entries.items() if flat}
            if way == "as they were":
                entries, self.old_entries = self.old_entries, entries
            names = sorted(entries)
            if way == "exchanged":
                entries = {key: entries[names[at - 1]] for at, key in enumerate(names)}
            in_a_minute = str(int(time.time() * 1000) + 60_000).encode()
            for key, entry in entries.items():
                if way == "fresh for longer":
                    entry |= {b"fetched": in_a_minute[:-4] + b"0000", b"fresh": in_a_minute}
                elif way == "later than all purges":
                    entry |= {b"pos": in_a_minute + b"-0"}
                engine("HSET", key, *(word for pair in entry.items() for word in pair))
                engine("PEXPIRE", key, 10_000)
        self.world.model.upset_at = now()

    def way_is_cut(self):
        """Of one that has what is purged meanwhile, by itself or by another. The engine may forget it, and the process may end."""
        instance, number = self.some(), self.random.randrange(len(TARGETS))
        self.pace(0, 0.02)
        self.world.play(*[(0, self.world.get(one, number)) for one in self.instances])
        self.world.trouble(f"{instance.name} is cut off")
        if self.random.random() < 0.5:
            self.meanwhile(instance.proxy.cut)
        else:
            instance.proxy.cut()
        if self.random.random() < 0.8:
            self.purge_by(instance, number)
        if self.random.random() < 0.3:
            self.say("FLUSHALL")
            self.flush("FLUSHALL")
        if self.random.random() < 0.4:
            self.restart(instance, self.random.choice([signal.SIGTERM, signal.SIGKILL]))
        if self.random.random() < 0.6:
            self.say(f"{instance.name} is back")
            instance.proxy.mend()
            wait_until(lambda: self.world.seen(instance)["state"] == "together", "it is together", LONG_ENOUGH)
            self.world.play(*[(0, self.world.get(one, number)) for one in self.instances])

    def purge_by(self, instance, number=None):
        number = self.random.randrange(len(TARGETS)) if number is None else number
        what, soft = self.world.some_purge(number)
        by = self.random.choice([instance, *self.instances])
        self.say(f"{'soft' if soft else 'hard'} purge of {what} by {by.name}")
        self.world.play((0, self.world.purge(by, what, soft)))
        self.world.play(*[(0, self.world.get(one, number)) for one in self.instances])

    def one_is_back_with_a_fetch(self):
        """That it has begun before a purge, alone; somebody waits for its end."""
        instance, number = self.some(), self.random.choice(REPORTS)
        other = self.random.choice([one for one in self.instances if one is not instance])
        self.world.trouble(f"{instance.name} is cut off, and back with a fetch of {number} that began before a purge by {other.name}")
        instance.proxy.cut()
        wait_until(lambda: self.world.seen(instance)["state"] == "alone", "it is alone", LONG_ENOUGH)
        self.world.play((0, self.world.purge(instance, {"all": True}, False)))
        self.pace(1.8, 2.2)
        what, soft = self.world.some_purge(number)
        self.world.play((0, self.world.get(instance, number)), (0.1, self.world.purge(other, what, soft)), (0.15, instance.proxy.mend),
                        *[(self.random.uniform(1.2, 1.7), self.world.get(other, number)) for _ in range(2)])
        self.pace(0, 0.02)
        self.world.play(*[(0, self.world.get(one, number)) for one in self.instances])

    def way_lags(self):
        instance = self.some()
        kind, longest = self.random.choice([("XREAD", 0.9), ("XREAD", 0.3), ("flight", 0.22), ("flight purge member confirmed", 0.22),
                                            ("HMGET", 0.8), ("land", 0.8), ("land tell", 0.2), ("XREAD HMGET", 0.5)])
        instance.lag = (kind, self.random.uniform(0.02, longest))
        self.world.trouble(f"{instance.name} hears of {kind} {instance.lag[1]:.3f} s late")
        hot = self.hot(1, 2)
        for _ in range(3):
            self.pace(*self.random.choice([(0, 0.02), (0.1, 0.4)]))
            self.world.play(*self.gets(10, hot, wishes=0.3, within=0.5))
            if self.random.random() < 0.5:  # each ends while others wait, and what is told of it comes late
                self.world.play(*[(0.1 * at, self.world.get(self.some(), hot[0], "no-cache")) for at in range(10)])
        self.purge_by(instance)

    def disk_is_locked(self):
        """By another program, for a moment: a purge is not done before the file has it."""
        instance, number = self.some(), self.random.choice(REPORTS)
        pause = self.random.uniform(0.1, 0.9)
        self.world.trouble(f"the cache file of {instance.name} is locked for {pause:.3f} s")
        self.pace(0, 0.02)
        self.world.play(*[(0, self.world.get(one, number)) for one in self.instances])
        what, soft = self.world.some_purge(number)
        by = self.random.choice([one for one in self.instances if one is not instance])
        self.say(f"{'soft' if soft else 'hard'} purge of {what} by {by.name}")
        with self.world.locked(instance):
            unlock = threading.Timer(pause, self.world.unlock)
            unlock.start()
            try:
                self.world.play((0, self.world.purge(by, what, soft)))
                self.world.play(*[(0, self.world.get(one, number)) for one in self.instances])
            finally:
                unlock.join()
        self.world.play(*[(0, self.world.get(one, number)) for one in self.instances])

    def instance_restarts(self):
        instance = self.some()
        how = self.random.choice([signal.SIGTERM, signal.SIGKILL])
        emptied = self.random.random() < 0.25
        self.world.trouble(f"{instance.name} restarts after {how.name}{', emptied' if emptied else ''}")
        self.meanwhile(lambda: self.restart(instance, how, emptied))

    def restart(self, instance, how, emptied=False):
        self.say(f"{instance.name} is ended by {how.name} and started again")
        self.world.end(instance, how)
        if emptied:
            self.world.empty(instance)
        self.world.start(instance)

    def instance_is_away(self):
        """For some steps, until all is mended or for a moment."""
        if len(self.instances) < 3:
            return
        instance = self.some()
        how = self.random.choice([signal.SIGTERM, signal.SIGKILL])
        self.world.trouble(f"{instance.name} goes by {how.name}")
        self.world.end(instance, how)
        self.purge_and_ask()
        if self.random.random() < 0.5:
            self.say(f"{instance.name} is back")
            self.world.start(instance)

    def instance_freezes(self):
        """While it fetches, as likely as not: its late answer must not land over another's, nor after a purge."""
        instance = self.some()
        pause = self.random.choice([0.4, 2.4, 2.4])
        self.world.trouble(f"{instance.name} freezes for {pause} s")
        hot = self.hot(1, 2)
        self.pace(0.1, 0.4)

        def freeze():
            instance.daemon.signal(signal.SIGSTOP)
            time.sleep(pause)
            instance.daemon.signal(signal.SIGCONT)
        others = [one for one in self.instances if one is not instance]
        asks = [(self.random.uniform(0, pause), self.world.get(self.random.choice(others), self.random.choice(hot))) for _ in range(5)]
        purge = self.world.purge(self.random.choice(others), *self.world.some_purge(hot[0]))
        self.world.play(*[(0, self.world.get(instance, number)) for number in hot], (self.random.uniform(0.02, 0.2), freeze), *asks,
                        *([(pause * 0.6, purge)] if self.random.random() < 0.5 else []))
        self.world.play(*self.gets(8, hot, wishes=0))
        if self.random.random() < 0.5:  # one that has nothing gets what the engine has
            other = self.random.choice(others)
            self.restart(other, signal.SIGTERM, emptied=True)
            wait_until(lambda: self.world.seen(other)["state"] == "together", "it is together", LONG_ENOUGH)
            self.world.play(*[(0, self.world.get(other, number)) for number in hot])
