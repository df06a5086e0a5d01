"""The image of deploy/container, run as deploy/doc/container.md says, by the commands of that page."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import podman
from podman import IMAGE, TOP, Running, shell_functions

PAGE = (TOP / "deploy" / "doc" / "container.md").read_text()


def block(language, containing):
    """The page's block that has these words."""
    [found] = [text for name, text in re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) if name == language and containing in text]
    return found


class Container(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if why := podman.why_not():
            raise unittest.SkipTest(why)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="roktcached-container-")
        os.chmod(self.folder, 0o755)
        self.running = Running("roktcached")
        self.addCleanup(shutil.rmtree, self.folder)
        self.addCleanup(podman.podman, "volume", "rm", "--force", "roktcached-cache", check=False)
        self.addCleanup(podman.podman, "rm", "--force", "--time", "0", "roktcached", check=False)

    def page_runs(self, containing, **environment):
        """Runs the commands of one block of the page; returns what they print."""
        script = block("sh", containing)
        for name in ("app_id", "app_secret"):  # which is typed
            script = script.replace(f"/dev/stdin secrets/{name}", f"<(printf %s \"${name}\") secrets/{name}")
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", shell_functions() + script], cwd=self.folder, env={**os.environ, **environment},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def start(self):
        self.page_runs("--publish")
        self.running.start_simulator()
        self.running.wait_until(self.running.is_healthy, "it is healthy")

    def settings(self, change=lambda text: text):
        path = pathlib.Path(self.folder, "roktcached.toml")
        path.write_text(change(block("toml", "0.0.0.0:8080")) + '\n[upstream]\nurl = "http://localhost:9090"\n')
        path.chmod(0o644)
        return path

    def test_as_the_page_says(self):
        printed = self.page_runs("hash-secret")
        hashed = re.search(r"\$scrypt\$[^\s\"]+", printed)[0]
        secret = re.search(r"^secret: (\S+)$", printed, re.MULTILINE)[1]
        self.settings(lambda text: text.replace("$scrypt$ln=14,r=8,p=1$...", hashed))
        self.page_runs("sudo install", app_id="demo-app", app_secret="demo-secret")
        self.start()
        ask = lambda: self.page_runs("curl", CLIENT_SECRET=secret)
        self.running.wait_until(lambda: " 200 " in ask().splitlines()[0], "the token is there")
        self.assertIn("Cache-Status: roktcached; hit", ask())

        self.is_held_to_what_the_page_says()
        self.is_reloaded()
        self.page_runs("docker stop")  # and removes it
        self.start()
        self.assertIn("Cache-Status: roktcached; hit", ask())

    def is_held_to_what_the_page_says(self):
        mounts = dict(line.split()[4:6] for line in self.running.execute("cat", "/proc/1/mountinfo").stdout.splitlines())
        self.assertEqual((mounts["/"][:2], mounts["/run/secrets"][:2], mounts["/var/cache/roktcached"][:2]), ("ro", "ro", "rw"), mounts)
        status = dict(line.split(":\t", 1) for line in self.running.execute("cat", "/proc/1/status").stdout.splitlines())
        self.assertEqual(set(status["Uid"].split() + status["Gid"].split()), {"65532"})
        self.assertEqual((int(status["CapEff"], 16), int(status["CapBnd"], 16), status["NoNewPrivs"]), (0, 0, "1"))
        self.assertEqual(self.running.execute("stat", "-c", "%a:%u", "/var/cache/roktcached/files/roktcached.db").stdout, "600:65532\n")

    def is_reloaded(self):
        podman.podman("kill", "--signal", "HUP", "roktcached")
        self.running.wait_until(lambda: '"succeeded":1' in self.running.ask_loopback("http://127.0.0.1:8081/status"), "the settings are read again")

    def test_secrets_of_podman_are_accepted(self):
        on_loopback = lambda text: re.sub(r"\[\[client\]\].*?\n\n", "", text, flags=re.DOTALL).replace("0.0.0.0", "127.0.0.1")
        path = self.settings(on_loopback)
        names = ("app_id", "app_secret")
        for name in names:
            podman.podman("secret", "create", name, "-", given="demo-secret\n")
            self.addCleanup(podman.podman, "secret", "rm", name)
        secrets = [word for name in names for word in ("--secret", name)]
        done = podman.run("--rm", "--network", "none", "--volume", f"{path}:/etc/roktcached/roktcached.toml:ro", *secrets, IMAGE, "check")
        self.assertIn("# app secret: set", done.stdout)

    def test_without_a_credential_it_says_so_and_ends(self):
        done = podman.run("--rm", "--network", "none", "--read-only", IMAGE, check=False)
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn("no app id of credential", done.stderr)

    def test_without_anything_the_demo_runs_and_drains(self):
        command = block("sh", "serve --demo").replace("--network host", "--network none").replace("--rm", "--detach --name roktcached")
        subprocess.run(["bash", "-euc", shell_functions() + command], check=True, capture_output=True)
        self.running.wait_until(self.running.is_healthy, "it is healthy")
        podman.podman("stop", "--time", "15", "roktcached")
        self.assertEqual(self.running.inspected(".State.ExitCode"), "0")

    def test_what_serves_nobody_is_not_healthy(self):
        podman.run("--detach", "--name", "roktcached", "--network", "none", "--entrypoint", "sleep", IMAGE, "60")
        self.assertFalse(self.running.is_healthy())


if __name__ == "__main__":
    unittest.main(verbosity=2)
