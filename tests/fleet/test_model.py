"""A random fleet against a model: the invariants of tests/fuzz/cache_model across instances; model.py lists them.

Three or four daemons, a real engine, and an upstream whose every answer is recognisable. At random clients ask, wish and write, operators
purge, and the engine, the ways to it, the instances and the upstream fail. It prints the seed of each world and, where something does not
hold, what was done.

    python3 -m unittest test_model                              one world of half a minute
    ROKTCACHED_MODEL_SEED=7 python3 -m unittest test_model      the world of a seed
    python3 test_model.py --seconds 1200                        one world after the other, for so long
"""
import argparse
import os
import random
import sys
import time
import traceback
import unittest

from model import Violation
from model_origin import account_of, key_of, now
from model_troubles import Troubles
from model_world import FILES, NEAR, REPORTS, TARGETS, WISHES, World

SECONDS_OF_A_WORLD = 32
EXPECTED = ["answers by hit", "answers by the fleet", "other answers", "refusals", "failures", "stand-ins", "writes", "settled",
            "purges confirmed by all", "purges confirmed by some", "answers of before a purge, looked at", "batches while all were together",
            "calls one after the other", "calls after one that was stale",
            *(f"hits with {wish}" for wish in ("no wish", "max-age", "min-fresh", "max-stale", "only-if-cached"))]


class Play(Troubles):
    """One world, step by step."""

    def __init__(self, seed):
        self.seed = seed
        self.steps = 0
        self.said = []
        self.begun = now()
        self.world = World(seed, self.say)
        self.random = self.world.random
        self.old_entries = {}

    def say(self, what):
        self.said.append(f"{self.steps:4} {now() - self.begun:7.3f} {what}")

    def run(self, seconds):
        steps = [(self.volley, 24), (self.purge_among_fetches, 12), (self.purge_and_ask, 10), (self.change, 6), (self.wait, 8), (self.writes, 6),
                 (self.wished, 8), (self.one_after_the_other, 10), (self.trouble, 20), (self.settle, 5)]
        try:
            self.settle()
            while now() < self.begun + seconds:
                self.steps += 1
                step = self.random.choices(*zip(*steps))[0]
                step()
        except Exception as failure:
            raise Violation("\n".join([f"seed {self.seed}, step {self.steps}", *self.said[-40:], f"{failure}"])) from failure
        finally:
            self.world.stop()
        return self.world.model.tally

    # What is done.

    @property
    def instances(self):
        return [instance for instance in self.world.instances if instance.up]

    def some(self):
        return self.random.choice(self.instances)

    def gets(self, count, numbers, wishes=0.15, within=0.03):
        """So many, of these targets, at about the same time."""
        drawn = []
        for _ in range(count):
            wish = self.random.choice(WISHES) if self.random.random() < wishes else ""
            drawn.append((self.random.uniform(0, within), self.world.get(self.some(), self.random.choice(numbers), wish)))
        return drawn

    def hot(self, least=1, most=3):
        if most > 1 and self.random.random() < 0.3:
            return self.random.sample(NEAR, 2)
        return self.random.sample(range(len(TARGETS)), self.random.randint(least, most))

    def pace(self, least, most):
        self.world.origin.pace = (least, most)

    def volley(self):
        hot = self.hot()
        self.pace(*self.random.choice([(0, 0.01), (0, 0.02), (0.05, 0.15), (0.1, 0.4)]))
        self.say(f"volley {hot}")
        self.world.play(*self.gets(self.random.randint(3, 12), hot))

    def wished(self):
        hot = self.hot(1, 2)
        self.say(f"wishes {hot}")
        self.pace(0, 0.1)
        self.world.play(*self.gets(self.random.randint(4, 10), hot, wishes=0.8, within=0.15))

    def purge_among_fetches(self):
        """Some before it, some after it, while fetches take longer than all that."""
        hot = self.hot(1, 2)
        takes = self.random.choice([0.05, 0.12, 0.25, 0.6])
        self.pace(takes * 0.5, takes)
        what, soft = self.world.some_purge(hot[0])
        by = self.some()
        at = self.random.uniform(0, takes)
        self.say(f"{'soft' if soft else 'hard'} purge of {what} by {by.name} after {at:.3f} s of fetches of {hot}")
        later = [(at + pause, call) for pause, call in self.gets(self.random.randint(2, 8), hot, within=takes)]
        self.world.play(*self.gets(self.random.randint(2, 8), hot), (at, self.world.purge(by, what, soft)), *later)
        self.pace(0, 0.02)
        self.world.play(*[(0, self.world.get(instance, hot[0])) for instance in self.instances])

    def purge_and_ask(self):
        """All have it; then it is purged; then all ask."""
        number = self.random.randrange(len(TARGETS))
        self.pace(0, 0.02)
        what, soft = self.world.some_purge(number)
        by = self.some()
        self.say(f"{'soft' if soft else 'hard'} purge of {what} by {by.name}, and then all ask for {number}")
        self.world.play(*[(0, self.world.get(instance, number)) for instance in self.instances])
        self.world.play((0, self.world.purge(by, what, soft)))
        self.world.play(*[(0, self.world.get(instance, number, self.random.choice(["", "", "only-if-cached"]))) for instance in self.instances])

    def one_after_the_other(self):
        """What one has fetched the next one has."""
        number = self.random.choice(REPORTS)
        self.pace(0, 0.02)
        order = self.random.sample(self.instances, len(self.instances))
        wishes = [self.random.choice(["", "", "no-cache"]), *[""] * (len(order) - 2), self.random.choice(["", "no-cache"])]
        if self.random.random() < 0.5:
            self.say("purge, so that the last one has nothing of its own")
            self.world.play((0, self.world.purge(order[-1], {"target": TARGETS[number][0]}, False)))
        self.say(f"one after the other {number}: {wishes}")
        for instance, wish in zip(order, wishes):
            self.world.play((0, self.world.get(instance, number, wish)))

    def change(self):
        """Of the truth, or of how the upstream feels."""
        origin, random_ = self.world.origin, self.random
        if random_.random() < 0.6:
            numbers = self.hot(2, 6)
            self.say(f"the truth of {numbers} changes")
            with origin.lock:
                for number in numbers:
                    target, version = TARGETS[number]
                    origin.truths[key_of(target, version or "LATEST")] += 1
            return
        account = random_.choice(["12", "13", ""])
        mood = None if account in origin.mood else random_.choice(["503", "404", "reset"])
        numbers = [n for n in range(len(TARGETS)) if account_of(key_of(*TARGETS[n])) == account]
        self.world.play(*self.gets(8, numbers, wishes=0))
        self.say(f"the upstream says {mood} to account {account!r}")
        origin.mood = {account: mood} if mood else {}
        self.world.play(*self.gets(12, numbers, wishes=0.5, within=0.2))

    def wait(self):
        pause = self.random.choice([0.1, 0.3, 0.6, 1.0, 1.6])
        self.say(f"wait {pause}")
        time.sleep(pause)

    def writes(self):
        number = self.random.choice(FILES)
        by = self.some()
        self.pace(0, 0.15)
        self.say(f"write of {number} by {by.name}")
        self.world.play(*self.gets(4, [number], within=0.1), (self.random.uniform(0, 0.1), self.world.write(by, number, self.random.choice(["PUT", "DELETE"]))),
                        *[(0.12 + pause, call) for pause, call in self.gets(4, [number])])
        self.world.play(*[(0, self.world.get(instance, number)) for instance in self.instances])

    def settle(self):
        """And all ask at once for all, as likely as not: whoever was away has what was purged meanwhile no more."""
        self.world.origin.mood = {}
        self.world.settle()
        if self.random.random() < 0.5:
            self.say("all ask for all")
            self.pace(0, 0.02)
            self.world.play(*[(0, self.world.get(instance, number)) for instance in self.instances for number in range(len(TARGETS))])


def drawn_seed():
    return int(os.environ.get("ROKTCACHED_MODEL_SEED") or random.SystemRandom().randrange(2**32))


class Fleet(unittest.TestCase):
    def test_a_random_fleet_holds_what_one_store_does(self):
        seed = drawn_seed()
        print(f"model: seed {seed}", flush=True)
        tally = Play(seed).run(SECONDS_OF_A_WORLD)
        print(f"model: seed {seed}, nothing found: " + "; ".join(f"{count} {kind}" for kind, count in sorted(tally.items())))
        self.assertGreater(tally["answers by hit"] + tally["answers by the fleet"], 0)
        self.assertGreater(tally["answers of before a purge, looked at"] + tally["purges confirmed by all"], 0)


def main():
    parser = argparse.ArgumentParser(description="plays worlds, one after the other")
    parser.add_argument("--seconds", type=float, default=1200)
    parser.add_argument("--seed", type=int, help="of the first world; those after it count on")
    parser.add_argument("--world", type=float, default=SECONDS_OF_A_WORLD, help="seconds of each")
    options = parser.parse_args()
    seed = drawn_seed() if options.seed is None else options.seed
    end, total, found = now() + options.seconds, None, 0
    while now() < end:
        print(f"model: seed {seed}", flush=True)
        try:
            tally = Play(seed).run(options.world)
            total = tally if total is None else total + tally
        except Exception:  # pylint: disable=broad-except
            found += 1
            traceback.print_exc()
        seed += 1
    for kind in sorted({*EXPECTED, *(total or {})}):
        print(f"  {kind}: {(total or {}).get(kind, 0)}")
    missing = [kind for kind in EXPECTED if not (total or {}).get(kind)]
    print(f"model: {found} worlds in which something does not hold" + (f"; never reached: {missing}" if missing else ""))
    return 1 if found or missing else 0


if __name__ == "__main__":
    sys.exit(main())
