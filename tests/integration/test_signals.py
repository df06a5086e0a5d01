"""Signals that others send to a daemon, and the log's file, which is renamed under it."""
import json
import os
import pathlib
import signal
import stat
import subprocess
import time

from harness import CREDENTIAL, TestCase, overview, run_command, wait_until

HARMLESS = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGPIPE, signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO,
            signal.SIGXFSZ, signal.SIGHUP, signal.SIGRTMIN, signal.SIGRTMAX]


class Signals(TestCase):
    def test_harmless_ones_end_nobody(self):
        _, proxy = self.pair()
        for number in HARMLESS:
            with self.subTest(number.name):
                proxy.signal(number)
                self.assertEqual(proxy.get(overview()).status, 200)
                self.assertNotIn("draining", proxy.log())
                self.assertTrue(proxy.alive())

    def test_harmless_ones_end_nobody_who_is_still_about_to_start(self):
        upstream = self.simulator()
        proxy = self.daemon(upstream, wait=False)
        began = pathlib.Path(f"/proc/{proxy.child.pid}/status")

        def ignores():
            ignored = next(line for line in began.read_text().splitlines() if line.startswith("SigIgn:")).split()[1]
            return int(ignored, 16) >> (signal.SIGUSR2 - 1) & 1
        wait_until(ignores, "it has begun")
        while not proxy.ready():
            for number in HARMLESS:
                proxy.signal(number)
        self.assertTrue(proxy.alive())

    def test_quit_term_and_int_drain(self):
        for number in (signal.SIGQUIT, signal.SIGTERM, signal.SIGINT):
            with self.subTest(number.name):
                _, proxy = self.pair()
                self.assertEqual(proxy.get(overview()).status, 200)
                proxy.signal(number)
                self.assertEqual(proxy.wait(20), 0, proxy.output)
                self.assertIn("draining", proxy.output)
                self.assertIn("stopped", proxy.output)


    def test_a_signal_at_the_very_end_changes_no_exit_code(self):
        """It could come once nobody listened to it any more, and kill a process that had said that it was stopped."""
        for _ in range(5):  # for it takes the right moment
            _, proxy = self.pair()
            self.assertEqual(proxy.get(overview()).status, 200)
            while proxy.alive():
                proxy.signal(signal.SIGTERM)
                time.sleep(0.0005)  # to handle one takes time, too
            self.assertEqual(proxy.wait(), 0, proxy.output)


class LogFile(TestCase):
    def start(self, folder, **settings):
        self.path = pathlib.Path(folder, "daemon.log")
        _, proxy = self.pair(log_file=str(self.path), **settings)
        return proxy

    def wait_for(self, text, path=None):
        wait_until(lambda: text in (path or self.path).read_text(), f"{text} is in the log's file")

    def ask(self, proxy, mark):
        self.assertEqual(proxy.get(overview(), X_Request_Id=mark).status, 200)

    def test_it_is_renamed_and_opened_again(self):
        folder = self.folder()
        proxy = self.start(folder)
        old = pathlib.Path(folder, "daemon.log.1")
        self.ask(proxy, "before")
        self.wait_for("request_id=before")
        self.path.rename(old)
        self.ask(proxy, "renamed")
        self.wait_for("request_id=renamed", old)
        self.assertFalse(self.path.exists())
        proxy.signal(signal.SIGUSR1)
        wait_until(self.path.exists, "it is made again")
        self.wait_for("is opened again")
        self.ask(proxy, "after")
        self.wait_for("request_id=after")
        said = old.read_text()
        self.assertNotIn("request_id=after", said)
        for path in (old, self.path):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o640, path)
        self.assertEqual(proxy.output, "", "nothing goes anywhere else")
        proxy.stop()
        self.assertIn("stopped", self.path.read_text())

    def test_logrotate_itself(self):
        folder = self.folder()
        proxy = self.start(folder, log_format="json")
        self.ask(proxy, "before")
        self.wait_for('"request_id":"before"')
        # What `create` makes is there before the signal, with a mode of its own.
        script = pathlib.Path(folder, "rotate.conf")
        script.write_text(f"{self.path} {{\n  rotate 3\n  create 0600\n  postrotate\n    kill -USR1 {proxy.child.pid}\n  endscript\n}}\n")
        self.rotate(script, folder)
        self.wait_for("is opened again")
        self.ask(proxy, "after")
        self.wait_for('"request_id":"after"')
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
        proxy.stop()  # so that no line is half written
        for path in (self.path, pathlib.Path(folder, "daemon.log.1")):
            for line in path.read_text().splitlines():
                json.loads(line)

    def rotate(self, script, folder):
        """Runs logrotate on this script; where there is none, does what it would do."""
        if subprocess.run(["which", "logrotate"], capture_output=True, check=False).returncode == 0:
            os.chmod(folder, 0o755)
            subprocess.run(["logrotate", "--force", "--state", f"{folder}/state", str(script)], check=True, capture_output=True)
            return
        self.path.rename(f"{self.path}.1")
        os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        kill = next(line for line in script.read_text().splitlines() if "kill" in line)
        subprocess.run(["sh", "-c", kill], check=True)

    def test_one_that_cannot_be_opened_again_is_kept(self):
        folder = self.folder()
        proxy = self.start(folder)
        old = pathlib.Path(folder, "daemon.log.1")
        self.path.rename(old)
        self.path.mkdir()
        proxy.signal(signal.SIGUSR1)
        self.wait_for("the file in use stays in use", old)
        self.ask(proxy, "still")
        self.wait_for("request_id=still", old)
        self.path.rmdir()
        proxy.signal(signal.SIGUSR1)
        wait_until(self.path.exists, "it is made after all")
        self.ask(proxy, "after")
        self.wait_for("request_id=after")

    def test_one_that_cannot_be_opened_is_refused(self):
        folder = self.folder()
        for path in (folder, f"{folder}/none/daemon.log"):
            with self.subTest(path):
                self.refusal(f"log.file: {path}: ", log_file=path)
                self.assertIn(f"log.file: {path}: ", self.check(path, 78))
        path = f"{folder}/daemon.log"
        self.check(path, 0)
        self.assertFalse(os.path.exists(path), "a check makes none")

    def check(self, path, code):
        done = run_command("check", **CREDENTIAL, ROKTCACHED_LOG_FILE=path)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr
