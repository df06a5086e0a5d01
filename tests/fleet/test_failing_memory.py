"""Memory fails in one instance while others purge, fetch and purge: when it does not fail any more, that instance is together with them, and
has done every purge, those among them of which it heard while it had no memory to do them."""
import json
import pathlib
import random
import sys
import threading
import time
import unittest
from http.client import HTTPException

from daemons import ADMIN, FleetCase, in_parallel, overview, request, wait_until
from engine import Engine
import harness

FAULTS = pathlib.Path(__file__).resolve().parent.parent / "faults"
sys.path.append(str(FAULTS))
from preload import Control, Faults, library  # pylint: disable=wrong-import-position

TARGETS = [overview(campaign=number) for number in range(1, 13)]
SECONDS = 4  # that memory fails
PATIENCE = 2  # seconds; a request may be lost then
CHANCES = Faults(least=512, chance=20_000)


@unittest.skipIf(harness.SANITIZED, "a sanitizer has an allocator of its own")
class FailingMemory(FleetCase):
    def setUp(self):
        self.engine = Engine()
        self.addCleanup(self.engine.stop)
        self.origin = self.upstream()
        self.preload = library("failing_memory", self.folder())

    def faulty(self, seed, faults):
        folder = pathlib.Path(self.folder())
        self.control = Control(folder / "control", seed, faults)
        script = folder / "start"
        script.write_text(f"#!/bin/sh\nexport LD_PRELOAD='{self.preload}' FAULTS_CONTROL='{self.control.path}'\nexec '{harness.BINARY}' \"$@\"\n")
        script.chmod(0o700)
        return self.member(self.origin, self.engine.url, "faulty", str(folder), process={"binary": str(script)})

    def ask(self, daemon, target):
        """Anything but a wrong answer may come meanwhile."""
        try:
            reply = request(daemon.port, target, timeout=PATIENCE)
        except (OSError, HTTPException):
            return
        if reply.status == 200:
            self.expect_own(self.origin, target, reply)

    def purge_at(self, daemon, target):
        """@return whether it was done there"""
        fields = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"}
        try:
            return request(daemon.admin_port, "/purge", "POST", fields, json.dumps({"target": target}), PATIENCE).status == 200
        except (OSError, HTTPException):
            return False

    def play(self, seed):
        dice = random.Random(seed)
        well = self.member(self.origin, self.engine.url, "well")
        faulty = self.faulty(seed, CHANCES)
        self.wait_together([well, faulty])
        for target in TARGETS:
            for daemon in (well, faulty):
                self.version(daemon, target)
        ended = threading.Event()

        def ask_on(number):
            mine = random.Random(seed * 100 + number)
            while not ended.is_set():
                self.ask(mine.choice((well, faulty)), mine.choice(TARGETS))
        asking = [threading.Thread(target=ask_on, args=(number,)) for number in range(3)]
        self.control.switch(1)
        for one in asking:
            one.start()
        asked_before = {}  # how often, by each target, at the last purge that was done
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            target = dice.choice(TARGETS)
            calls = self.origin.calls(target)
            if self.purge_at(dice.choice((well, well, faulty)), target):
                asked_before[target] = calls
        self.control.switch(0)
        ended.set()
        for one in asking:
            one.join()
        considered, failed, _ = self.control.counts()
        self.assertGreater(failed, 0, considered)
        self.assertTrue(faulty.alive(), faulty.output[-2000:])
        self.wait_together([well, faulty], seconds=30)
        wait_until(lambda: self.purge(well, target="/reporting/of-nobody")["confirmed"] == 2, "all have done all purges")
        for target, calls in asked_before.items():
            for daemon in (well, faulty):
                self.assertGreater(self.version(daemon, target), calls, target)
        # It goes on as before: it hears of a purge, and of what another fetches.
        self.purge(well, target=TARGETS[0])
        versions = in_parallel(2, lambda number: self.version((well, faulty)[number], TARGETS[0]))
        self.assertEqual(versions[0], versions[1])
        for daemon in (well, faulty):
            daemon.stop()

    def test_what_is_purged_meanwhile_is_purged(self):
        for seed in (1, 2):
            with self.subTest(seed):
                self.play(seed)


if __name__ == "__main__":
    unittest.main()
