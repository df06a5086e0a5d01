"""A fresh Debian for one test: a root of its own that is thrown away, as a folder to install in, and started with a systemd of its own."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

BASE = pathlib.Path(os.environ["DEBIAN_ROOT"])  # made by run.sh; never written to


class Debian:
    """Needs root, and a mount namespace of its own: run.sh sees to both."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="roktcached-debian-"))
        self.root = self.folder / "root"
        for name in ("root", "layer"):
            (self.folder / name).mkdir()
        layer = self.folder / "layer"
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", layer], check=True)
        for name in ("upper", "work"):
            (layer / name).mkdir()
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={BASE},upperdir={layer / 'upper'},workdir={layer / 'work'}", self.root], check=True)
        self.nspawn = None
        self.console = None

    def close(self):
        self.stop()
        for mounted in (self.root, self.folder / "layer"):
            subprocess.run(["umount", "--lazy", mounted], check=True)
        shutil.rmtree(self.folder)

    def copy(self, file, folder="root"):
        shutil.copy(file, self.root / folder)

    def run(self, *command, given="", check=True, seconds=300):
        """Runs a command to its end: in the system where it is started, else in its folder alone, with this machine's network."""
        inside = ["nsenter", "--target", str(self.leader()), "--all"] if self.nspawn else ["chroot", str(self.root)]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "PAGER": "cat", "SYSTEMD_COLORS": "0"}
        done = subprocess.run([*inside, "env", "-i", *(f"{name}={value}" for name, value in environment.items()), *command],
                              input=given, capture_output=True, text=True, timeout=seconds, check=False)
        if check:
            assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def ask(self, url):
        """Head and body of the answer of a server inside, asked by this machine's curl; empty where none answers."""
        return subprocess.run(["nsenter", "--target", str(self.leader()), "--net", "curl", "-ksi", "--max-time", "20", url], capture_output=True, timeout=60, check=False).stdout.decode()

    def start(self):
        """As a machine that is switched on; its network is its own loopback."""
        self.console = open(self.folder / "console", "ab")
        self.nspawn = subprocess.Popen(["systemd-nspawn", "--quiet", "--boot", f"--directory={self.root}", "--register=no", "--keep-unit", "--private-network",
                                        "--console=read-only", "--machine=roktcached-test"], stdin=subprocess.DEVNULL, stdout=self.console, stderr=self.console)
        self.wait_until(lambda: self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded"), "the system is up")

    def leader(self):
        """The process id, out here, of the systemd inside: nspawn's only child."""
        children = pathlib.Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text().split()
        return int(children[0]) if children else 0

    def stop(self):
        """As a machine that is shut down."""
        if not self.nspawn:
            return
        self.run("systemctl", "poweroff", check=False)
        try:
            self.nspawn.wait(60)
        except subprocess.TimeoutExpired:
            self.nspawn.terminate()
            self.nspawn.wait(60)
        self.nspawn = None
        self.console.close()

    def wait_until(self, condition, what, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(subprocess.TimeoutExpired, FileNotFoundError):
                if condition():
                    return
            time.sleep(0.1)
        raise AssertionError(f"not within {seconds} s: {what}\n{(self.folder / 'console').read_text(errors='replace')[-3000:]}")
