"""Rows of fleet.py while the engine is well: cold keys, tokens, the limit, purges, what a hit costs."""
import asyncio
import itertools
import math
import socket
import statistics
import time

from fleet_report import bad, percentile
from fleet_world import World, target

LATENCY = 0.3  # of the upstream, where flights are to meet


async def cold(setup, report):
    async with setup.world(upstream={"latency": LATENCY}) as world:
        names = ["one"] * 1000
        answers = await world.ask_all(names)
        report.add("cold", "1,000 requests over all for one key: upstream calls", world.upstream.calls["one"], most=1, least=1)
        report.add("cold", "of them without their answer", bad(answers, names), most=0, promise=True)
    rate = 30 if setup.short else 10
    limit = {"upstream_budget_requests_per_second": rate, "upstream_budget_burst": 4}
    async with setup.world(upstream={"latency": LATENCY, "rate": rate}, settings=limit) as world:
        names = [f"key-{number // 8}" for number in range(480)]
        begun = time.monotonic()
        answers = await world.ask_all(names)
        report.add("cold", f"480 for 60 keys, an upstream of {rate} a second: calls", sum(world.upstream.calls.values()), most=60, least=60)
        report.add("cold", "of them without their answer", bad(answers, names), most=0, promise=True)
        report.add("cold", "429s", sum(status == 429 for _, _, status in world.upstream.times), most=0)
        report.add("cold", "the last answer after", time.monotonic() - begun, "s")


async def tokens(setup, report):
    async with setup.world(upstream={"latency": 0.1}) as world:
        names = [f"first-{number}" for number in range(160)]
        wrong = bad(await world.ask_all(names), names)
        report.add("token", "160 want the first token: mints", world.upstream.mints, most=1, least=1)
        await asyncio.sleep(10.5)  # a token that was minted just now is not doubted
        world.upstream.dead.add(world.upstream.token)
        names = [f"second-{number}" for number in range(4 * setup.count)]
        wrong += bad(await world.ask_all(names), names)
        report.add("token", "a refused token that all notice: mints", world.upstream.mints - 1, most=1, least=1)
        report.add("token", "of these requests without their answer", wrong, most=0, promise=True)
    if setup.short:
        return
    lifetime, watched = 80, 45
    async with setup.world(upstream={"latency": 0.1, "expires_in": lifetime}) as world:
        until = time.monotonic() + watched
        for number in itertools.count():
            if time.monotonic() > until:
                break
            await world.ask_all([f"{number}-{daemon}" for daemon in range(setup.count)])
            await asyncio.sleep(0.5)
        # A shared token is used for its lifetime less a minute.
        report.add("token", f"mints in {watched} s of tokens that are used for {lifetime - 60}", world.upstream.mints,
                   most=1 + watched // (lifetime - 60))


class Demand:
    """Cold requests without an end: so many wait at each daemon."""

    def __init__(self, world, waiting):
        self.world, self.numbers, self.others = world, itertools.count(), 0
        self.tasks = [asyncio.create_task(self.ask(daemon)) for daemon in world.daemons for _ in range(waiting)]

    async def ask(self, daemon):
        while True:
            name = f"demand-{next(self.numbers)}"
            answer = await daemon.get(name)
            if not answer.is_of(name):
                self.others += 1
                await asyncio.sleep(0.2)

    async def stop(self):
        for task in self.tasks:
            task.cancel()
        for result in await asyncio.gather(*self.tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


async def limit(setup, report):
    for rate in (10,) if setup.short else (3, 10, 50):
        await one_limit(setup, report, rate)


async def one_limit(setup, report, rate):
    row, upstream_burst = f"limit {rate}/s", 5
    settings = {"upstream_budget_requests_per_second": rate, "upstream_budget_burst": 4}
    async with setup.world(upstream={"latency": 0.1, "rate": rate, "burst": upstream_burst}, settings=settings) as world:
        demand = Demand(world, max(2, math.ceil(2 * rate / setup.count)))
        await asyncio.sleep(1)
        times, whole = world.upstream.times, 5 if setup.short else 20
        before = time.monotonic()

        async def phase(what, seconds, barred=True):
            since = time.monotonic()
            await asyncio.sleep(seconds)
            got = [status for at, _, status in times if at >= since]
            used = sum(status == 200 for status in got) / (rate * (time.monotonic() - since))
            report.add(row, f"the engine is {what}: used of the limit", 100 * used, "%", least=90 if barred else None)
            report.add(row, f"the engine is {what}: 429s", sum(status == 429 for status in got))

        await phase("alive", whole)
        setup.engine.kill()
        await phase("dying", 3, barred=False)
        await phase("dead", whole)
        setup.engine.start()
        await phase("coming back", 3, barred=False)
        await phase("back", whole)
        await demand.stop()
        sent = [status for at, _, status in times if at >= before]
        report.add(row, f"429s of {len(sent)} in all", sum(status == 429 for status in sent), most=len(sent) // 100 + 1)
        report.add(row, "the most in any one second", world.upstream.most_in_a_second(before, time.monotonic()), most=rate + upstream_burst)
        report.add(row, "answers other than 200", demand.others, most=0)


async def purges(setup, report):
    seen, confirmed, took, old = [], 0, [], 0
    rounds = 12 if setup.short else 40
    async with setup.world() as world:
        for number in range(rounds):
            name = f"purged-{number}"
            for _ in range(2):
                await world.ask_all([name] * setup.count)
            world.upstream.generation += 1
            watching = [asyncio.create_task(until_gone(daemon, name)) for daemon in world.daemons]
            await asyncio.sleep(0.02)
            begun = time.monotonic()
            told = await world.daemons[number % setup.count].purge(target=target(name))
            took.append(told["seconds"])
            confirmed += told.get("confirmed") == told.get("instances") == setup.count
            seen += [max(0, gone - begun) for gone in await asyncio.gather(*watching)]
            old += await older_than_now(world, name)
        report.add("purge", f"{rounds} purges, gone at an instance after: median", 1000 * percentile(seen, 0.5), "ms")
        report.add("purge", "p99 over all instances", 1000 * percentile(seen, 0.99), "ms", most=100)
        report.add("purge", "the purge is confirmed after: p99", 1000 * percentile(took, 0.99), "ms", most=2500)
        report.add("purge", "purges that all confirm", confirmed, least=rounds)
        report.add("purge", "answers from before a purge that has ended", old, most=0, promise=True)
        report.measured["purge_ms"] = {"median": 1000 * percentile(seen, 0.5), "p99": 1000 * percentile(seen, 0.99), "instances": setup.count}
        report.add("purge", "stored of what was under way at a purge", await under_way(world), most=0, promise=True)


async def until_gone(daemon, name):
    """When this instance has ceased to have it; never, where it has it for two seconds."""
    until = time.monotonic() + 2
    while time.monotonic() < until:
        if (await daemon.get(name, Cache_Control="only-if-cached")).status != 200:
            return time.monotonic()
        await asyncio.sleep(0)
    return math.inf


async def older_than_now(world, name):
    answers = await world.ask_all([name] * world.count)
    return sum(isinstance(answer, BaseException) or not answer.is_of(name) or answer.json()["generation"] < world.upstream.generation for answer in answers)


async def under_way(world):
    old = 0
    for number in range(6):
        name, world.upstream.latency = f"under-way-{number}", 0.3
        asking = asyncio.create_task(world.ask_all([name] * world.count))
        await asyncio.sleep(0.1)
        world.upstream.generation += 1
        await world.daemons[number % world.count].purge(target=target(name))
        await asking
        world.upstream.latency = 0.02
        old += await older_than_now(world, name)
    return old


async def hits(setup, report):
    """Pairs of a daemon in a fleet and one without, in turn."""
    async with setup.world(count=1) as world, World(1) as other:
        daemons = (world.daemons[0], other.daemons[0])
        for daemon in daemons:
            await daemon.get("hot")
            assert (await daemon.get("hot")).is_hit
        quotients = []
        for number in range(9 if setup.short else 25):
            cost = {}
            for daemon in daemons if number % 2 else daemons[::-1]:
                cost[daemon] = await asyncio.to_thread(cost_of_hits, daemon, 0.25 if setup.short else 0.5)
            quotients.append(cost[daemons[0]] / cost[daemons[1]])
        report.add("hit", f"a hit takes {1e6 * cost[daemons[1]]:.1f} µs alone; in a fleet, times", statistics.median(quotients[1:]), most=1.02)


def cost_of_hits(daemon, seconds):
    """CPU seconds of the daemon for one hit; 16 are asked for at once."""
    request = f"GET {target('hot')} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 16
    made, until = 0, time.monotonic() + seconds
    with socket.create_connection(("127.0.0.1", daemon.port)) as connection:
        before = daemon.cpu_seconds()
        while time.monotonic() < until:
            connection.sendall(request)
            got, buffer = 0, b""
            while got < 16:
                data = connection.recv(1 << 18)
                if not data:
                    raise ConnectionError("closed")
                buffer += data
                got = buffer.count(b"HTTP/1.1 200 ")
            while not buffer.endswith(b"}"):
                buffer = connection.recv(1 << 18)
            made += 16
        return (daemon.cpu_seconds() - before) / made


async def large(setup, report):
    keys, took, wrong = 20 if setup.short else 60, [], 0
    async with setup.world(upstream={"latency": 0.02, "size": 200_000}) as world:
        for number in range(keys):
            name = f"large-{number}"
            await world.daemons[0].get(name)
            for daemon in world.daemons[1:]:
                answer = await daemon.get(name)
                took.append(answer.seconds)
                wrong += not answer.is_of(name)
        report.add("large", "200 KB that another has fetched: median", 1000 * percentile(took, 0.5), "ms")
        report.add("large", "p99", 1000 * percentile(took, 0.99), "ms", most=5)
        report.add("large", "wrong answers", wrong, most=0, promise=True)
        report.add("large", f"upstream calls for {keys} keys", sum(world.upstream.calls.values()), most=keys)
