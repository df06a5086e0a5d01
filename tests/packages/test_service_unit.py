"""The unit's restrictions, as systemd counts them. That the daemon does its work under them, test_package.py shows."""
import pathlib
import re
import subprocess
import unittest

UNIT = pathlib.Path(__file__).resolve().parent.parent.parent / "deploy" / "systemd" / "roktcached.service"


class ServiceUnit(unittest.TestCase):
    def test_its_exposure_is_small(self):
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=15", UNIT], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertLessEqual(float(re.search(r"Overall exposure level for roktcached.service: ([\d.]+)", done.stdout)[1]), 1.5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
