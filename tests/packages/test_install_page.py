"""A stranger follows deploy/doc/install.md: each command of its first block, in a fresh Debian, to a service that survives a reboot.

The package is the one that run.sh has made. INSTALL_FROM_SOURCES=1: git clones the last commit, and the page's commands compile it there.
"""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = TOP / "deploy" / "doc" / "install.md"
SETTINGS = "/etc/roktcached/roktcached.toml"
FROM_SOURCES = bool(os.environ.get("INSTALL_FROM_SOURCES"))
HOME = "/root"
CREDENTIAL = {"app_id": "demo-app", "app_secret": "demo-secret"}


def commands_of_page():
    """Without what is said of them, and without sudo: the stranger is root here."""
    block = re.search(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)[1]
    return [re.sub(r" +# .*", "", line).replace("sudo ", "") for line in block.splitlines()]


def report_of_page():
    """The target of the report that the page opens."""
    return re.search(r"`http://127\.0\.0\.1:8080(/reporting/[^`]+)`", PAGE.read_text())[1]


@unittest.skipUnless(os.environ.get("DEBIAN_ROOT"), "needs root that may mount")
class InstallPage(unittest.TestCase):
    def setUp(self):
        from debian import Debian  # pylint: disable=import-outside-toplevel
        self.debian = Debian()
        self.addCleanup(self.debian.close)
        self.debian.copy("/etc/resolv.conf", "etc")
        self.debian.copy(TOP / "build" / "release" / "roktcached", "root/upstream")
        self.folder = HOME

    def run_in_folder(self, command, given=""):
        return self.debian.run("sh", "-euc", f"cd {self.folder}; {command}", given=given, seconds=3600).stdout

    def served(self, target):
        return self.debian.ask(f"http://127.0.0.1:8080{target}")

    @contextlib.contextmanager
    def as_on_a_machine(self):
        """A root without a running system, but with what compilers and apt look at."""
        places = [self.debian.root / name for name in ("proc", "dev")]
        for place in places:
            subprocess.run(["mount", "--rbind", f"/{place.name}", place], check=True)
            subprocess.run(["mount", "--make-rslave", place], check=True)
        try:
            yield
        finally:
            for place in places:
                subprocess.run(["umount", "--recursive", "--lazy", place], check=True)

    def is_cloned_and_built(self, install_git, clone, build):
        """As the page says, from the last commit; or, where that would take too long, by its result."""
        self.folder = f"{HOME}/roktcached"
        if FROM_SOURCES:
            subprocess.run(["git", "clone", "--quiet", "--bare", f"file://{TOP}", self.debian.root / "root" / "sources.git"], check=True)
            self.debian.run("sh", "-euc", install_git)
            self.debian.run("sh", "-euc", f"cd {HOME}; " + clone.replace("REPOSITORY", f"file://{HOME}/sources.git"))
            made = self.run_in_folder(build)
            self.assertRegex(made.splitlines()[-1], rf"^{self.folder}/build/package/roktcached_.*\.deb$")
            return
        self.assertEqual(install_git, "apt-get update && apt-get install -y git")
        self.debian.run("apt-get", "update", "-q", check=False)  # without a network the packages at hand have to do
        self.assertEqual(clone, "git clone REPOSITORY roktcached && cd roktcached")
        self.assertTrue(os.access(TOP / build, os.X_OK), build)
        made = self.debian.root / self.folder[1:] / "build" / "package"
        made.mkdir(parents=True)
        for package in pathlib.Path(os.environ["PACKAGE_FOLDER"]).glob("roktcached_*.deb"):
            shutil.copy(package, made)

    def start_system(self):
        self.debian.start()
        self.debian.run("systemd-run", "--quiet", "--unit=upstream", "/root/upstream", "simulate", "--now", "2026-01-31T12:30:00Z")

    def wait_until_ready(self):
        self.debian.wait_until(lambda: '{"status":"ready"' in self.debian.ask("http://127.0.0.1:8081/readyz"), "the daemon is ready")

    def test_a_stranger_comes_from_the_clone_to_a_service(self):
        commands = commands_of_page()
        self.assertLess(len(commands), 10)
        install_git, clone, build, install, *credentials, restart, status = commands
        with self.as_on_a_machine():
            self.is_cloned_and_built(install_git, clone, build)
            said = self.run_in_folder(install)
        self.assertIn("roktcached has no credential yet", said)
        # Not of the page: the upstream is a simulator.
        self.debian.run("sed", "-i", 's|^# url = "https:.*|url = "http://localhost:9090"|', SETTINGS)
        self.start_system()
        self.assertEqual(len(credentials), len(CREDENTIAL))
        for command, (name, value) in zip(credentials, CREDENTIAL.items()):
            self.assertIn(name, command)
            self.run_in_folder(command, given=value + "\n")
        self.run_in_folder(restart)
        self.wait_until_ready()
        said = self.run_in_folder(status)
        self.assertIn("active (running)", said)
        self.assertIn("enabled", said)
        self.assertIn("fwd=miss; stored", self.served(report_of_page()))
        self.assertIn("<title>roktcached</title>", self.debian.ask("http://127.0.0.1:8081/"))
        # What came in the last moment before a kill may be lost.
        self.debian.wait_until(lambda: "/overview" in self.debian.run("roktcached", "entries", "--config", SETTINGS).stdout, "the report is in the cache file")
        # Supervised: another process serves when this one is killed, and after a reboot.
        process = self.debian.run("systemctl", "show", "--value", "--property=MainPID", "roktcached").stdout
        self.debian.run("systemctl", "kill", "--signal=KILL", "roktcached")
        self.debian.wait_until(lambda: self.debian.run("systemctl", "show", "--value", "--property=MainPID", "roktcached").stdout not in (process, "0\n"), "it is started again")
        self.wait_until_ready()
        self.debian.stop()
        self.start_system()
        self.wait_until_ready()
        self.assertIn("Cache-Status: roktcached; hit", self.served(report_of_page()))


if __name__ == "__main__":
    unittest.main()
