"""The engine of tests/fleet, for daemons: their settings, and what they say of it."""
import pathlib
import shutil
import sys
import unittest

from harness import TestCase, request, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fleet"))

# pylint: disable=wrong-import-position
from engine import PROGRAM, Engine


@unittest.skipUnless(shutil.which(PROGRAM), f"needs {PROGRAM}")
class FleetCase(TestCase):
    def engine(self, **options):
        engine = Engine(**options)
        self.addCleanup(engine.stop)
        return engine

    def instance(self, simulator, engine, name="", wait=True, **settings):
        """A daemon of the fleet, together with those before it."""
        daemon = self.daemon(simulator, fleet_url=engine.url, fleet_instance=name, **settings)
        if wait:
            self.wait_together(daemon)
        return daemon

    @staticmethod
    def wait_together(daemon):
        """Waits until it has done the purges of before, too: one that is done later could keep an answer from being stored."""
        def is_together():
            fleet = daemon.status()["fleet"]
            return fleet["state"] == "together" and fleet["purges_due"] == 0
        wait_until(is_together, "it is together")

    def members(self, daemon):
        fleet = daemon.status()["fleet"]
        return fleet["members"], fleet["members_known"]

    def metric(self, daemon, sample):
        lines = request(daemon.admin_port, "/metrics").body.decode().splitlines()
        return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(sample + " ")), None)
