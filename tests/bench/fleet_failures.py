"""Rows of fleet.py while the engine fails, and while an instance does."""
import asyncio
import itertools
import time

from fleet_report import bad
from fleet_sharing import older_than_now
from fleet_world import target

LATENCY = 0.05
DEADLINE_MS = 250  # of a command to the engine
SCHEDULING_MS = 50  # what two cores with all of these processes may take beyond it
SLOW_MS = 150


class Watch:
    """Asks each daemon for a hit every 20 ms and for a new key every 150 ms, while its `async with` lasts."""

    numbers = itertools.count()

    def __init__(self, world):
        self.world = world
        self.failed_hits = self.failed_misses = self.wrong = self.hits = 0
        self.slowest_hit = 0.0
        self.beyond = []  # (daemon, ms that a miss took beyond the upstream's time)
        self.tasks = []

    async def __aenter__(self):
        for daemon in self.world.daemons:
            await daemon.get("hot")
        self.tasks = [asyncio.create_task(loop(daemon)) for daemon in self.world.daemons for loop in (self.ask_hits, self.ask_misses)]
        return self

    async def __aexit__(self, *_):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def ask_hits(self, daemon):
        while True:
            try:
                answer = await daemon.get("hot")
                self.hits += 1
                self.failed_hits += not answer.is_hit or answer.status != 200
                self.wrong += answer.status == 200 and not answer.is_of("hot")
                self.slowest_hit = max(self.slowest_hit, answer.seconds)
            except OSError:
                self.failed_hits += 1
            await asyncio.sleep(0.02)

    async def ask_misses(self, daemon):
        while True:
            name = f"miss-{next(self.numbers)}"
            try:
                answer = await daemon.get(name)
                self.failed_misses += answer.status != 200
                self.wrong += answer.status == 200 and not answer.is_of(name)
                self.beyond.append((daemon.number, 1000 * (answer.seconds - LATENCY)))
            except OSError:
                self.failed_misses += 1
            await asyncio.sleep(0.15)

    def say(self, report, row):
        report.add(row, f"failed hits of {self.hits}", self.failed_hits, most=0, promise=True)
        report.add(row, "wrong bodies", self.wrong, most=0, promise=True)
        report.add(row, "failed misses", self.failed_misses, most=0)
        report.add(row, "the slowest hit", 1000 * self.slowest_hit, "ms")
        report.add(row, f"the slowest of {len(self.beyond)} misses beyond the upstream's time", max(ms for _, ms in self.beyond), "ms",
                   most=DEADLINE_MS + SCHEDULING_MS)
        slow = [number for number, ms in self.beyond if ms > SLOW_MS]
        report.add(row, "misses of one instance that took over 150 ms beyond it", max(map(slow.count, slow), default=0), most=2)


async def failures(setup, report):
    pause = 3 if setup.short else 10
    brief = 1.5 if setup.short else 5
    for what, begin, end, seconds in (("killed", setup.engine.kill, setup.engine.start, brief),
                                      ("paused", setup.engine.pause, setup.engine.go_on, pause),
                                      ("full", setup.fill, setup.unfill, brief),
                                      ("emptied", setup.empty, lambda: None, brief)):
        async with setup.world(upstream={"latency": LATENCY}) as world, Watch(world) as watch:
            await asyncio.sleep(0.5)
            begin()
            if what == "full":
                names = [f"while-full-{number // setup.count}" for number in range(10 * setup.count)]
                wrong = bad(await world.ask_all(names), names)
                report.add(what, "upstream calls for 10 keys that all ask for", sum(world.upstream.calls[name] for name in set(names)), most=10)
                report.add(what, "of them without their answer", wrong, most=0, promise=True)
            await asyncio.sleep(seconds)
            end()
            back = time.monotonic()
            await setup.together(world)
            report.add(what, "together again after", time.monotonic() - back, "s", most=3)
            await asyncio.sleep(0.3)
            watch.say(report, what)


async def partition(setup, report):
    """Instance 0 is cut off, one of the others purges, and instance 0 comes back."""
    async with setup.world(upstream={"latency": LATENCY}, relayed=(0,)) as world, Watch(world) as watch:
        for _ in range(2):
            await world.ask_all(["purged"] * setup.count)
        await asyncio.sleep(0.5)
        world.cut(0)
        await asyncio.sleep(1)
        world.upstream.generation += 1
        told = await world.daemons[1].purge(target=target("purged"))
        report.add("partition", "instances that a purge says there are", told.get("instances", 0), most=setup.count, least=setup.count)
        report.add("partition", "instances that confirm it", told.get("confirmed", 0), most=setup.count - 1, least=setup.count - 1)
        await asyncio.sleep(1 if setup.short else 4)
        world.mend(0)
        await setup.together(world)
        await asyncio.sleep(0.5)
        report.add("partition", "answers from before the purge when it is back", await older_than_now(world, "purged"), most=0, promise=True)
        watch.say(report, "partition")


async def recovery(setup, report):
    """All ask for the same keys while the engine says nothing; then it comes back, and what waits is to meet there again."""
    keys, rate = 16, 10
    settings = {"upstream_budget_requests_per_second": rate, "upstream_budget_burst": 4}
    for what, begin, end in (("paused", setup.engine.pause, setup.engine.go_on), ("killed", setup.engine.kill, setup.engine.start)):
        async with setup.world(upstream={"latency": 0.2, "rate": rate}, settings=settings) as world:
            begin()
            names = [f"recovered-{number // setup.count}" for number in range(keys * setup.count)]
            asking = asyncio.create_task(world.ask_all(names))
            await asyncio.sleep(2 if setup.short else 6)
            end()
            await setup.together(world)
            together = time.monotonic()
            wrong = bad(await asking, names)
            later = [key for at, key, status in world.upstream.times if status == 200 and at > together]
            row = f"{what}, back"
            report.add(row, f"duplicates of one of {keys} keys after that", max((later.count(key) - 1 for key in later), default=0), most=1)
            report.add(row, f"upstream calls for {keys} keys that {setup.count} ask for, in all", sum(world.upstream.calls.values()))
            report.add(row, "requests without their answer", wrong, most=0, promise=True)


async def owner(setup, report):
    """The instance that fetches for all is killed while it does."""
    worst, calls, wrong = 0.0, 0, 0
    latency = 0.3
    for number in range(1 if setup.short else 4):
        async with setup.world(upstream={"latency": latency}) as world:
            name = f"orphan-{number}"
            lost = asyncio.create_task(world.daemons[0].get(name))
            while not world.upstream.calls[name]:
                await asyncio.sleep(0.002)
            others = [asyncio.create_task(daemon.get(name)) for daemon in world.daemons[1:] for _ in range(5)]
            await asyncio.sleep(0.1)
            world.daemons[0].kill()
            killed = time.monotonic()
            answers = await asyncio.gather(*others, return_exceptions=True)
            worst = max(worst, time.monotonic() - killed - latency)
            wrong += bad(answers, [name] * len(answers))
            calls = max(calls, world.upstream.calls[name])
            await asyncio.gather(lost, return_exceptions=True)
    report.add("owner dies", "all others have it, beyond the upstream's time, after", worst, "s", most=2.5)
    report.add("owner dies", "upstream calls for the key", calls, most=2)
    report.add("owner dies", "answers that are missing or wrong", wrong, most=0, promise=True)
