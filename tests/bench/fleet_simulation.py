#!/usr/bin/env python3
"""What a fleet of 50, 500 and 5,000 instances would ask of one engine: simulated, and calibrated by what fleet.py has measured.

    tests/bench/fleet_simulation.py                       build/fleet.json, if it is there
    tests/bench/fleet_simulation.py --calibration FILE --instances 50,500

Every ask of every instance is played, one after the other in time: a hit of its own, an answer that another has fetched, one that
is just being fetched, or a call. Beside it the same asks are played without a fleet. The engine is not played, it is reckoned: one
thread, and a network. All that is assumed is printed.
"""
import argparse
import array
import bisect
import collections
import itertools
import json
import math
import pathlib
import random

TOP = pathlib.Path(__file__).resolve().parent.parent.parent

# The workload: asks are Poisson, keys by Zipf. Lifetimes are those of the product's states.
ASKS = 0.5  # a second, of each instance
KEYS = 1000
EXPONENT = 1.0
LIFETIMES = ((0.3, 300), (0.5, 3600), (0.2, 7 * 86400))  # share of the keys, seconds
LATENCY = 0.3  # of the upstream, s
BODY = 8192  # of a sealed answer, bytes
WARM, WATCHED = 300, 300  # simulated seconds
RUNNING = 6 * 3600  # for so long the fleet has run at the beginning, s: what it holds by then is there
RENEWED = 0.6  # a flight is renewed that often, s

# The machine.
NETWORK = 125e6  # bytes a second that an engine can send: 1 Gbit/s
COMMAND_US = 12  # what a command costs the engine beside its script: to read it, to answer, two system calls
COPY_US = 0.1  # for each KiB that is sent

DEFAULTS = {  # where nothing was measured
    "script_us": {"budget": 30, "flight, lead": 14, "flight, flying": 10, "renew": 7, "land": 12, "flight, stored": 8, "land, waited": 18,
                  "token": 10, "member": 27, "purge": 4, "confirmed": 10},
    "follower_us": 25, "log_entry_bytes": 180, "idle": {"scripts_per_s": 2.5, "bytes_per_s": 1500},
    "purge_ms": {"median": 1.5, "p99": 5, "instances": 8},
}


def calibration(path):
    known = dict(DEFAULTS)
    if not path.exists():
        return known, "defaults: nothing was measured here"
    measured = json.loads(path.read_text())
    taken = [name for name in DEFAULTS if name in measured and all(map(math.isfinite, numbers_in(measured[name])))]
    for name in taken:
        known[name] = {**DEFAULTS[name], **measured[name]} if isinstance(DEFAULTS[name], dict) else measured[name]
    return known, f"measured ({path.name}): {', '.join(taken) or 'nothing'}; the rest: defaults"


def numbers_in(value):
    return list(value.values()) if isinstance(value, dict) else [value]


class Played:
    """The asks of `count` instances. What it counts is counted after the warm-up."""

    def __init__(self, count, seed=1):
        self.count, self.chance = count, random.Random(seed)
        weights = list(itertools.accumulate(1 / (rank + 1) ** EXPONENT for rank in range(KEYS)))
        self.cumulative = [weight / weights[-1] for weight in weights]
        shares = list(itertools.accumulate(share for share, _ in LIFETIMES))
        self.lifetime = [LIFETIMES[min(bisect.bisect(shares, self.chance.random()), len(LIFETIMES) - 1)][1] for _ in range(KEYS)]
        self.own = array.array("d", bytes(8 * count * KEYS))  # until when an instance's copy is fresh
        self.alone = array.array("d", bytes(8 * count * KEYS))  # and without a fleet
        self.engine = [0.0] * KEYS  # until when the engine's entry is fresh
        self.flights = {}  # key: (end, leader, waiting)
        self.counted = collections.Counter()
        self.counting = False
        self.begin()

    def begin(self):
        """Copies of long lives are mostly there already, of random ages; else a day's cold start would be all that is seen."""
        for number in range(KEYS):
            life = self.lifetime[number]
            if life <= WARM:
                continue
            asks = ASKS * (self.cumulative[number] - (self.cumulative[number - 1] if number else 0))
            fresh = self.chance.uniform(0, life)
            self.engine[number] = fresh
            held = 1 - math.exp(-asks * min(life - fresh, RUNNING))
            for instance in range(self.count):
                if self.chance.random() < held:
                    self.own[instance * KEYS + number] = fresh
                if self.chance.random() < 1 - math.exp(-asks * min(life, RUNNING)):
                    self.alone[instance * KEYS + number] = self.chance.uniform(0, life)

    def count_one(self, what, amount=1):
        if self.counting:
            self.counted[what] += amount

    def play(self):
        now, rate = 0.0, ASKS * self.count
        while now < WARM + WATCHED:
            self.counting = now >= WARM
            now += self.chance.expovariate(rate)
            number = bisect.bisect(self.cumulative, self.chance.random())
            instance = int(self.chance.random() * self.count)
            at = instance * KEYS + min(number, KEYS - 1)
            self.count_one("asks")
            if self.alone[at] <= now:
                self.count_one("calls alone")
                self.alone[at] = now + self.lifetime[number]
            if number in self.flights and self.flights[number][0] <= now:
                self.land(number)
            if self.own[at] <= now:
                self.ask_engine(now, number, instance)
        return {what: amount / WATCHED for what, amount in self.counted.items()}

    def ask_engine(self, now, number, instance):
        if self.engine[number] > now:
            self.count_one("flight, stored")
            self.count_one("bytes out", BODY)
            self.own[instance * KEYS + number] = self.engine[number]
        elif number in self.flights:
            _, leader, waiting = self.flights[number]
            if instance != leader and instance not in waiting:
                self.count_one("flight, flying")
                waiting.add(instance)
        else:
            for what in ("flight, lead", "budget", "calls"):
                self.count_one(what)
            self.count_one("renew", int(LATENCY / RENEWED))
            self.flights[number] = (now + LATENCY, instance, set())

    def land(self, number):
        end, leader, waiting = self.flights.pop(number)
        self.engine[number] = end + self.lifetime[number]
        for instance in (leader, *waiting):
            self.own[instance * KEYS + number] = self.engine[number]
        self.count_one("land, waited" if waiting else "land")
        self.count_one("bytes in", BODY)
        if waiting:
            self.count_one("log entries")


def reckoned(count, played, known):
    """What the engine has to do a second."""
    scripts = {name: played.get(name, 0) for name in known["script_us"] if name != "member"}
    scripts["member"] = known["idle"]["scripts_per_s"] * count
    entries = played.get("log entries", 0)
    log_bytes = entries * (known["log_entry_bytes"] + (BODY if BODY <= 65536 else 0))
    out = log_bytes * count + played.get("bytes out", 0) + known["idle"]["bytes_per_s"] * count
    script_load = sum(rate * (known["script_us"][name] + COMMAND_US) for name, rate in scripts.items()) / 1e6
    log_load = entries * count * known["follower_us"] / 1e6
    copy_load = out / 1024 * COPY_US / 1e6
    busy = script_load + log_load + copy_load
    # The one who is woken last has waited for all others, and in a queue whose jobs are as long as one entry's fan-out (M/D/1).
    fan_out = known["follower_us"] * count / 1e3
    queue = busy / (2 * (1 - busy)) * max(fan_out, 0.05) if busy < 1 else math.inf
    base = max(0.0, known["purge_ms"]["p99"] - known["follower_us"] * known["purge_ms"]["instances"] / 1e3)
    return {"scripts a second": sum(scripts.values()), "log entries a second": entries, "log, bytes a second for each instance": log_bytes,
            "log, bytes a second in all": log_bytes * count, "sent, bytes a second in all": out,
            "engine busy with scripts, %": 100 * script_load, "engine busy with the log, %": 100 * log_load,
            "engine busy in all, %": 100 * busy, "network busy, %": 100 * out / NETWORK,
            "a purge is at the median instance after, ms": known["purge_ms"]["median"] + fan_out / 2 + queue,
            "a purge is at the last instance after, ms": base + fan_out + 3 * queue,
            "asks a second": played["asks"], "upstream calls a second without a fleet": played["calls alone"],
            "upstream calls a second with one": played.get("calls", 0),
            "calls saved, %": 100 * (1 - played.get("calls", 0) / played["calls alone"])}


def limit(counts, rows, what, full=100):
    """At how many instances this is full, between and beyond what was simulated (a line on log-log paper)."""
    points = [(math.log(count), math.log(max(row[what], 1e-9))) for count, row in zip(counts, rows)]
    if len(points) < 2:
        return None
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        if y1 >= math.log(full) or (x1, y1) == points[-1]:
            slope = (y1 - y0) / (x1 - x0)
            return math.exp(x0 + (math.log(full) - y0) / slope) if slope > 0.01 else None


def say(counts, rows, known, source):
    print(f"calibration: {source}")
    print("assumed:")
    lives = ", ".join(f"{life:,} s ({share:.0%} of the keys)" for share, life in LIFETIMES)
    for line in (f"each instance is asked {ASKS:g} times a second, at random, for {KEYS:,} keys by Zipf (exponent {EXPONENT:g}); all ask for the same ones",
                 f"an answer is fresh for {lives}; it has {BODY:,} bytes sealed; the upstream takes {LATENCY:g} s and is not limited",
                 f"{WATCHED} s are counted after {WARM} s, in a fleet that has run for {RUNNING // 3600} h; nothing is purged, nobody restarts",
                 f"the engine is one thread: {COMMAND_US} µs a command beside its script, {known['follower_us']:.1f} µs an entry of the log and instance, {COPY_US:g} µs a KiB",
                 "each entry of the log wakes each instance by itself; under load they come several at a time, which costs less",
                 f"the network is {NETWORK * 8 / 1e9:g} Gbit/s; no request is lost; all instances are equally far away"):
        print(f"  - {line}")
    print()
    width = max(map(len, rows[0]))
    print(f"{'instances':<{width}}" + "".join(f"{count:>14,}" for count in counts))
    for what in rows[0]:
        print(f"{what:<{width}}" + "".join(f"{number(row[what]):>14}" for row in rows))
    print()
    print("limits of one engine, under this workload:")
    for what, said in (("engine busy in all, %", "its thread is full"), ("engine busy with scripts, %", "scripts alone would fill it"),
                       ("engine busy with the log, %", "the log alone would fill it"), ("network busy, %", "the network is full")):
        found = limit(counts, rows, what)
        at = "at no number that this tells" if found is None else f"at about {float(f'{found:.2g}'):,.0f} instances"
        print(f"  - {said}: {at}")
    worst = max(known["script_us"], key=known["script_us"].get)
    mean = sum(known["script_us"].values()) / len(known["script_us"])
    print(f"  - {1e6 / (mean + COMMAND_US):,.0f} scripts a second of the mean kind, {1e6 / (known['script_us'][worst] + COMMAND_US):,.0f} of the dearest ({worst})")
    print(f"  - {1e6 / known['follower_us']:,.0f} entries of the log times instances a second: {1e6 / known['follower_us'] / counts[-1]:,.1f} entries at {counts[-1]:,}")


def number(value):
    if not math.isfinite(value):
        return "never"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--calibration", type=pathlib.Path, default=TOP / "build" / "fleet.json")
    parser.add_argument("--instances", type=lambda text: sorted(map(int, text.split(","))), default=[50, 500, 5000])
    parser.add_argument("--json", type=pathlib.Path)
    chosen = parser.parse_args()
    known, source = calibration(chosen.calibration)
    rows = [reckoned(count, Played(count).play(), known) for count in chosen.instances]
    say(chosen.instances, rows, known, source)
    if chosen.json:
        chosen.json.write_text(json.dumps(dict(zip(map(str, chosen.instances), rows)), indent=1) + "\n")


main()
