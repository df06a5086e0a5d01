"""The processes of a run: each on its core, with its output in a file, stopped by its process id."""
import itertools
import os
import pathlib
import re
import socket
import ssl
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORES = CORES[:1]
LOAD_CORES = CORES[1:2] or CORES


class Wrong(Exception):
    """Something did not work, or a contestant did not do what is measured."""


# Below the ports that the system gives to outgoing connections: nobody takes one between here and its use.
_next_port = itertools.cycle(range(21000, 22000))


def free_port():
    for port in itertools.islice(_next_port, 1000):
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise Wrong("no port is free")


def on_cores(cores, arguments):
    return ["taskset", "-c", ",".join(map(str, cores)), *map(str, arguments)]


def wait_until(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Wrong(f"not within {seconds} s: {what}")
        time.sleep(0.002)


class Process:
    """A server that listens on self.port, and the processes that it has started itself."""

    def __init__(self, name, arguments, folder, port, cores, tls=False):
        self.name = name
        self.port = port
        self.tls = tls
        self.output_path = pathlib.Path(folder, f"{name}.out")
        # The daemon would read such variables as settings.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ROKT")}
        with open(self.output_path, "ab") as output:
            self.child = subprocess.Popen(on_cores(cores, arguments), stdin=subprocess.DEVNULL, stdout=output,
                                          stderr=output, env=environment)

    def wait_until_ready(self):
        wait_until(self.answers, f"{self.name} answers")

    def answers(self):
        """Whether it says anything to a request. That its port is open is not enough: whoever looks whether a port is free opens
        it for a moment."""
        if self.child.poll() is not None:
            raise Wrong(f"{self.name} ended with {self.child.returncode}:\n"
                        + self.output_path.read_text(errors="replace"))
        try:
            with self.connect() as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                return client.recv(64).startswith(b"HTTP/1.1 ")
        except OSError:
            return False

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        return ssl._create_unverified_context().wrap_socket(client) if self.tls else client

    def family(self):
        """The ids of the process and its descendants: nginx's workers, Varnish's child."""
        children = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    children.setdefault(int(_stat(entry)[1]), []).append(int(entry))
                except OSError:
                    pass  # it has ended meanwhile
        found = [self.child.pid]
        for process in found:
            found.extend(children.get(process, []))
        return found

    def cpu_seconds(self):
        """User and system time so far."""
        return sum(int(ticks) for process in self.family() for ticks in _stat(process)[11:13]) / TICKS

    def memory_bytes(self):
        """What is resident; what several of the processes share is counted once."""
        rollups = (pathlib.Path(f"/proc/{process}/smaps_rollup").read_text() for process in self.family())
        return sum(int(re.search(r"^Pss: +(\d+) kB", rollup, re.M)[1]) * 1024 for rollup in rollups)

    def stop(self):
        if self.child.poll() is not None:
            return
        family = self.family()
        self.child.terminate()
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            for process in family:
                try:
                    os.kill(process, 9)
                except ProcessLookupError:
                    pass
            self.child.wait()


def _stat(process):
    """The fields of /proc/PID/stat from the third on; the second may hold spaces."""
    return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
