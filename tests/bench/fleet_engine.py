"""Rows of fleet.py that calibrate fleet_simulation.py: what a script takes in the engine, and what instances send there."""
import asyncio
import contextlib
import itertools
import re

from fleet_world import TOP  # noqa: F401; makes the fleet's tests importable
from resp import command
from scripts import KEPT, Fleet, key

SIZE = 2048  # of a sealed answer, bytes


def info(connection, section):
    text = connection("INFO", section).decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def evaluations(connection):
    """How many scripts have run since the last CONFIG RESETSTAT, and the engine's time for them, µs."""
    found = [re.match(r"calls=(\d+),usec=(\d+)", value) for name, value in info(connection, "commandstats").items()
             if name in ("cmdstat_eval", "cmdstat_evalsha")]
    return sum(int(one[1]) for one in found), sum(int(one[2]) for one in found)


async def scripts(setup, report):
    """Each script some hundreds of times, in the state that it mostly finds. The time is the engine's own, without the network."""
    rounds = 300 if setup.short else 2000
    with setup.engine.connect() as connection:
        fleet, numbers = Fleet(connection, loaded=True), itertools.count()
        for member in range(setup.count):
            fleet.member(f"instance {member}")
        position, sealed = fleet.purge(), b"x" * SIZE
        fences = {}

        def lead():
            name = f"key {next(numbers)}"
            fences[name] = fleet.flight("one", name)[1]
            return name

        led = [lead() for _ in range(rounds)]
        waited = [lead() for _ in range(rounds)]
        for name in waited:
            fleet.flight("two", name)
        calls = {
            "budget": lambda _: fleet.reserve(ceiling=1000, burst=100, accepted=1),
            "flight, lead": lambda number: fleet.flight("one", f"new {number}"),
            "flight, flying": lambda number: fleet.flight("three", waited[number]),
            "renew": lambda number: fleet.renew(fences[led[number]], led[number]),
            "land": lambda number: fleet.land(fences[led[number]], sealed, led[number]),
            "flight, stored": lambda number: fleet.flight("two", led[number]),
            "land, waited": lambda number: fleet.land(fences[waited[number]], sealed, waited[number]),
            "token": lambda _: fleet.token(),
            "member": lambda number: fleet.member(f"instance {number % setup.count}", position=position),
            "purge": lambda _: fleet.purge(b"x" * 100),
            "confirmed": lambda _: fleet.confirmed(position),
        }
        took = {}
        for name, call in calls.items():
            connection("CONFIG", "RESETSTAT")
            for number in range(rounds):
                call(number)
            made, micros = evaluations(connection)
            took[name] = micros / made
            report.add("engine", f"{name}: the engine's time", took[name], "µs")
        entries = connection("XLEN", key("log"))
        report.measured["script_us"] = took
        report.measured["log_entry_bytes"] = connection("MEMORY", "USAGE", key("log"), "SAMPLES", 0) / max(1, entries) - SIZE
    follower(setup, report)
    assert entries <= KEPT + 200


def follower(setup, report):
    """What one more instance costs the engine for each entry of the log: it is woken, gets the entry, and asks for the next."""
    followers, rounds = (100, 10) if setup.short else (400, 20)
    with contextlib.ExitStack() as closing:
        connection = closing.enter_context(setup.engine.connect())
        fleet = Fleet(connection, loaded=True)
        fleet.purge()
        asked = [closing.enter_context(setup.engine.connect()) for _ in range(followers)]
        wait = command("XREAD", "BLOCK", 10_000, "STREAMS", key("log"), key("p"), "$", "$")
        cpu = lambda: sum(float(info(connection, "cpu")[name]) for name in ("used_cpu_sys", "used_cpu_user"))
        before = cpu()
        for _ in range(rounds):
            for one in asked:
                one.sock.sendall(wait)
            while int(info(connection, "clients")["blocked_clients"]) < followers:
                pass
            fleet.purge(b"x" * 100)
            for one in asked:
                one.read()
        took = 1e6 * (cpu() - before) / rounds / followers
    report.add("engine", "an entry of the log, for each instance: the engine's time", took, "µs")
    report.measured["follower_us"] = took


async def traffic(setup, report):
    """Scripts and bytes of an idle instance, of a miss that nobody else wants, and of a key that all want at once."""
    if setup.alone:
        return
    async with setup.world(upstream={"latency": 0.05, "size": SIZE}) as world:
        with setup.engine.connect() as connection:
            async def measure(work):
                connection("CONFIG", "RESETSTAT")
                await work
                stats = info(connection, "stats")
                calls, micros = evaluations(connection)
                return calls, micros, int(stats["total_net_input_bytes"]), int(stats["total_net_output_bytes"])

            seconds = 4
            calls, micros, came, went = await measure(asyncio.sleep(seconds))
            each = seconds * setup.count
            report.add("traffic", "an idle instance: scripts a second", calls / each, most=5)
            report.add("traffic", "an idle instance: bytes a second, both ways", (came + went) / each, "B", most=20_000)
            report.measured["idle"] = {"scripts_per_s": calls / each, "bytes_per_s": (came + went) / each, "us_per_s": micros / each}

            single, idle = 120, []

            async def misses():
                for number in range(0, single, 12):
                    await world.ask_all([f"single-{number + one}" for one in range(12)])

            idle_calls = calls / seconds
            loop = asyncio.get_running_loop()
            begun = loop.time()
            calls, micros, came, went = await measure(misses())
            idle.append(idle_calls * (loop.time() - begun))
            made = max(0.0, calls - idle[0]) / single
            report.add("traffic", "a miss that nobody else wants: scripts", made, most=5)
            report.measured["miss"] = {"scripts": made, "bytes": (came + went) / single, "us": micros / single, "body": SIZE}

            keys = 30
            before = connection("XLEN", world_log(connection))
            calls, micros, came, went = await measure(world.ask_all([f"shared-{number // setup.count}" for number in range(keys * setup.count)]))
            report.add("traffic", "a key that all want at once: upstream calls", sum(count for name, count in world.upstream.calls.items() if name.startswith("shared")) / keys, most=1)
            report.add("traffic", "a key that all want at once: scripts", calls / keys)
            report.measured["shared"] = {"scripts": calls / keys, "out_bytes": went / keys, "in_bytes": came / keys,
                                         "log_entries": (connection("XLEN", world_log(connection)) - before) / keys, "instances": setup.count}


def world_log(connection):
    """The log's key; its prefix has the credential, which is not known here."""
    found = connection("KEYS", "rk1:*:log")
    return found[0] if found else key("log")
