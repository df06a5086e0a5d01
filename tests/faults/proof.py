"""What the programs of this folder share: the table of what was measured, and a world of daemons and upstreams that ends with its program."""
import contextlib
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time

os.environ.setdefault("ROKTCACHED_TEST_PORTS", "26000")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
sys.dont_write_bytecode = True

import harness  # noqa: E402  pylint: disable=wrong-import-position

SHORT = "--short" in sys.argv
MIB = 1 << 20


def allow_many_files():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def has_setting(name):
    """Whether the binary knows cache.max_transient and the like: a daemon of yesterday is measured without it."""
    said = harness.run_command("check", "--no-secrets", **{f"ROKTCACHED_{name.upper()}": "64MiB"})
    return "no such setting" not in said.stdout + said.stderr


class Daemon(harness.Daemon):
    """One whose cache file and answers are not searched for secrets: that is not what these programs are about, and takes long."""

    def inspect(self, output):
        pass

    def look_at_admin(self):
        pass

    def resident_mib(self, what="VmRSS"):
        """@param what  RssAnon or RssFile, for a part of it"""
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(what)) / 1024


class World(contextlib.ExitStack):
    """Daemons and upstreams, stopped by their ids at the end, and folders, removed."""

    def folder(self):
        path = tempfile.mkdtemp(prefix="roktcached-faults-")
        self.callback(shutil.rmtree, path, ignore_errors=True)
        return path

    def daemon(self, upstream, folder=None, **settings):
        daemon = Daemon(upstream.port, folder or self.folder(), **{"log_level": "info", **settings})
        self.callback(daemon.stop)
        return daemon


class Proof:
    """Rows of what was measured and what was asked for; the program's exit code says whether all hold."""

    def __init__(self, title):
        self.failed = 0
        self.rows = 0
        self.lock = threading.Lock()
        self.began = time.monotonic()
        version = subprocess.run([harness.BINARY, "version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
        print(f"{title}\n{version}, {harness.BINARY}{', short form' if SHORT else ''}\n", flush=True)

    def row(self, what, measured, bar, holds):
        with self.lock:
            self.rows += 1
            self.failed += not holds
            print(f"{'holds' if holds else 'FAILS':<6} {what:<58} {measured:<44} asked: {bar}", flush=True)

    def note(self, text):
        with self.lock:
            print(f"       {text}", flush=True)

    def guard(self, what, call):
        """Runs a part of the proof; where it cannot be measured, that is a row that fails, and the others go on."""
        try:
            return call()
        except Exception as error:  # pylint: disable=broad-except
            self.row(what, f"{type(error).__name__}: {str(error)[-1500:]}", "to be measured", False)
            return None

    def finish(self):
        print(f"\n{self.rows - self.failed} of {self.rows} hold, {time.monotonic() - self.began:.0f} s", flush=True)
        sys.exit(0 if self.rows and not self.failed else 1)
