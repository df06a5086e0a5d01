"""Lets operations of a process fail while a test says so, by a library that is loaded into it: see faults.h."""
import dataclasses
import mmap
import os
import pathlib
import struct
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


@dataclasses.dataclass
class Faults:
    """As faults.h has them: chances in a million."""
    chance: int = 0
    delay_chance: int = 0
    delay_ms: int = 0
    kinds: int = 0
    least: int = 0

    def __str__(self):
        return ", ".join(f"{name}={value}" for name, value in vars(self).items() if value)


class Control:
    """The page that the daemon's preload library reads."""
    LAYOUT = "<IIIIIIQQQQ"

    def __init__(self, path, seed, faults):
        self.path = path
        size = struct.calcsize(self.LAYOUT)
        path.write_bytes(struct.pack(self.LAYOUT, 0, seed, faults.chance, faults.delay_chance, faults.delay_ms, faults.kinds,
                                     faults.least, 0, 0, 0))
        with open(path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), size)

    def switch(self, on):
        self.page[:4] = struct.pack("<I", on)

    def counts(self):
        """(considered, failed, delayed)"""
        return struct.unpack(self.LAYOUT, self.page[:])[7:]


def library(name, folder):
    """Compiles a preload library.
    @return its path"""
    path = f"{folder}/{name}.so"
    flags = ["-std=c11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-pthread"]
    subprocess.run([os.environ.get("CC", "cc"), *flags, "-o", path, HERE / f"{name}.c", "-ldl"], check=True)
    return path
