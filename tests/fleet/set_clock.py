"""An engine whose clock can be set."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from engine import Engine, skip_without

PRELOADED = pathlib.Path(__file__).with_name("set_clock.c")


class EngineWithAClock(Engine):
    """Its clock is as far away from the true one as it is told."""

    def __init__(self):
        skip_without("preloaded")
        self.made = tempfile.mkdtemp(prefix="roktcached-clock-")
        library, self.clock = os.path.join(self.made, "set_clock.so"), pathlib.Path(self.made, "clock")
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, PRELOADED], check=True)
        self.clock.write_bytes(bytes(8))
        self.environment = {**os.environ, "LD_PRELOAD": library, "ROKTCACHED_TEST_CLOCK": str(self.clock)}
        super().__init__()

    def set_clock(self, seconds):
        with open(self.clock, "r+b", buffering=0) as file:
            file.write(seconds.to_bytes(8, "little", signed=True))
        with self.connect() as engine:
            assert abs(int(engine("TIME")[0]) - time.time() - seconds) < 60

    def stop(self):
        super().stop()
        shutil.rmtree(self.made, ignore_errors=True)
