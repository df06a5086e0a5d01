"""A redis-server of the tests' own on loopback: nothing is kept on the disk, and it ends by its process id."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from resp import Connection

PROGRAM = os.environ.get("ROKTCACHED_ENGINE", "redis-server")  # valkey-server is another


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Engine:
    """`options` are settings of the engine: maxmemory="2mb". It listens on a port and on a Unix socket."""

    def __init__(self, port=None, **options):
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
        settings = {"port": self.port, "bind": "127.0.0.1", "unixsocket": self.path, "dir": self.folder, "save": "", "appendonly": "no",
                    "logfile": os.path.join(self.folder, "log"), **self.options}
        arguments = [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        self.child = subprocess.Popen([PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not self.answers():
            if self.child.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{PROGRAM} does not start: {pathlib.Path(self.folder, 'log').read_text(errors='replace')}")
            time.sleep(0.01)

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
        return Connection(self.path, timeout)

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
