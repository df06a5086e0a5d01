"""An engine of the tests' own on loopback: nothing is kept on the disk, and it ends by its process id. It is a redis-server, or
Valkey as valkey/valkey-server.mjs runs it."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from resp import Connection

PROGRAM = os.environ.get("ROKTCACHED_ENGINE", "redis-server")  # valkey-server is another, and valkey/valkey-server.mjs
IN_WASM = PROGRAM.endswith(".mjs")
# A test that needs one of these is not run there.
NOT_IN_WASM = {
    "cluster_enabled": "only a start-up line turns it on, and Valkey in WebAssembly takes none",
    "enable_debug_command": "only a start-up line turns it on, and Valkey in WebAssembly takes none",
    "tls_port": "Valkey in WebAssembly has no TLS",
    "unixsocket": "Valkey in WebAssembly has no Unix socket",
    "preloaded": "nothing is preloaded into WebAssembly",
    "replicaof": "Valkey in WebAssembly does not fork, and so has no replicas",
}


def skip_without(option):
    """Skips the test where the engine cannot have the option, and says why."""
    if IN_WASM and option in NOT_IN_WASM:
        raise unittest.SkipTest(f"{option}: {NOT_IN_WASM[option]}")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Engine:
    """`options` are settings of the engine: maxmemory="2mb". It listens on a port and, but in WebAssembly, on a Unix socket."""

    environment = None  # that of the tests

    def __init__(self, port=None, **options):
        for option in options:
            skip_without(option)
        self.folder = tempfile.mkdtemp(prefix="roktcached-engine-")
        self.port = port or free_port()
        self.path = os.path.join(self.folder, "engine.sock")
        self.options = options
        self.child = None
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        """Empty: there is no file to begin from."""
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.child = subprocess.Popen([PROGRAM, *self.arguments()], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          env=self.environment)
        deadline = time.monotonic() + 10
        while not self.answers():
            if self.child.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{PROGRAM} does not start: {pathlib.Path(self.folder, 'log').read_text(errors='replace')}")
            time.sleep(0.01)
        if IN_WASM:
            with self.connect() as connection:
                for name, value in {"maxmemory": "0", **self.options}.items():  # one of 32 bits has a bound by itself
                    connection("CONFIG", "SET", name.replace("_", "-"), value)

    def arguments(self):
        if IN_WASM:
            return [str(self.port)]
        settings = {"port": self.port, "bind": "127.0.0.1", "unixsocket": self.path, "dir": self.folder, "save": "", "appendonly": "no",
                    **self.options}
        return [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]

    def answers(self):
        try:
            with self.connect() as connection:
                connection("PING")
            return True
        except OSError:
            return False
        except Exception as refused:  # pylint: disable=broad-except
            return "NOAUTH" in str(refused)

    def connect(self, timeout=10):
        return Connection(self.port if IN_WASM else self.path, timeout)

    def pause(self):
        """It keeps its connections and says nothing."""
        self.child.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.child.send_signal(signal.SIGCONT)

    def kill(self):
        """Its connections break, its data is gone."""
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def stop(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
