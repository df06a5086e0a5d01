"""What the daemon leaves on the disk, and in /proc, is for its own user only; and it trusts no file that others may have made."""
import os
import pathlib
import resource
import shutil
import signal
import stat
import subprocess
import unittest

from canary import canary
from clients import client
from harness import BINARY, Daemon, TestCase, overview, wait_until

NOBODY = 65534
AS_ROOT = os.geteuid() == 0
MADE = ("cache.db", "cache.db-wal", "cache.db-shm", "cache.db.lock", "token.key")


def mode_of(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def allow_cores():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class Files(TestCase):
    def test_what_it_makes_nobody_else_can_read(self):
        for umask in (0, 0o077):
            with self.subTest(umask=oct(umask)):
                folder = self.folder()
                below = os.path.join(folder, "a", "b")
                _, proxy = self.pair(folder=folder, cache_file=os.path.join(below, "cache.db"), process={"umask": umask},
                                     tables=client("alice", secret := canary("alice")))
                self.assertEqual(proxy.get(overview(), X_API_Key=secret).status, 200)
                wait_until(lambda proxy=proxy: proxy.status()["cache"]["disk"]["entries"] == 1, "it is on the disk")
                self.assertEqual([mode_of(os.path.dirname(below)), mode_of(below)], [0o700, 0o700])
                modes = {name: mode_of(os.path.join(below, name)) for name in os.listdir(below)}
                self.assertEqual(set(modes.values()), {0o600}, modes)
                self.assertLessEqual(set(MADE), set(modes))

    def test_a_cache_path_that_leads_elsewhere_is_refused(self):
        folder = self.folder()
        elsewhere, path = os.path.join(folder, "elsewhere"), os.path.join(folder, "cache.db")
        for target in (elsewhere, os.path.join(folder, "nothing")):
            pathlib.Path(elsewhere).write_text("precious")
            os.symlink(target, path)
            self.refusal(path, folder=folder)
            self.assertEqual(pathlib.Path(elsewhere).read_text(), "precious")
            self.assertFalse(os.path.exists(os.path.join(folder, "nothing")))
            os.unlink(path)

    def test_a_lock_file_that_leads_elsewhere_is_not_followed(self):
        folder = self.folder()
        elsewhere = os.path.join(folder, "elsewhere")
        os.symlink(elsewhere, os.path.join(folder, "cache.db.lock"))
        self.refusal("cache.db.lock", folder=folder)
        self.assertFalse(os.path.exists(elsewhere))

    @unittest.skipUnless(AS_ROOT, "only root can give a file to another user")
    def test_a_file_of_another_user_is_refused(self):
        folder, secret = self.folder(), canary("alice")
        _, proxy = self.pair(folder=folder, tables=client("alice", secret))
        self.assertEqual(proxy.get(overview(), X_API_Key=secret).status, 200)
        proxy.stop()
        for name in ("cache.db", "token.key"):
            path = os.path.join(folder, name)
            os.chown(path, NOBODY, NOBODY)
            self.refusal(path, folder=folder, tables=client("alice", secret))
            os.chown(path, os.geteuid(), os.getegid())

    def test_a_token_key_that_others_can_read_or_that_is_none_is_refused(self):
        folder, tables = self.folder(), client("alice", canary("alice"))
        path = pathlib.Path(folder, "token.key")
        path.write_bytes(bytes(range(32)))
        path.chmod(0o644)
        self.refusal("token.key", folder=folder, tables=tables)
        path.chmod(0o600)
        path.write_bytes(bytes(31))
        self.refusal("token.key", folder=folder, tables=tables)
        self.assertEqual(path.read_bytes(), bytes(31), "it is left as it is")

    def test_a_folder_that_others_may_write_to_is_refused_unless_sticky(self):
        folder = self.folder()
        for mode in (0o777, 0o702):
            os.chmod(folder, mode)
            self.refusal(folder, folder=folder)
        for mode in (0o1777, 0o755):
            os.chmod(folder, mode)
            _, proxy = self.pair(folder=folder)
            self.assertEqual(proxy.get(overview()).status, 200)
            proxy.stop()


class Memory(TestCase):
    def as_nobody(self):
        """A copy of the binary that another user may run, and a folder of that user's."""
        beside, folder = self.folder(), self.folder()
        binary = shutil.copy(BINARY, beside)
        for path in (beside, binary, folder):
            os.chown(path, NOBODY, NOBODY)
        return folder, binary

    @unittest.skipUnless(AS_ROOT, "shows only where the daemon has another user than root")
    def test_no_other_process_of_its_user_can_look_into_it(self):
        folder, binary = self.as_nobody()
        who = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        simulator = self.simulator()
        proxy = self.daemon(simulator, folder, process={**who, "binary": binary})
        proc = f"/proc/{proxy.child.pid}"
        # proc(5): what stands below is root's where the process is not dumpable, and its own user's where it is.
        self.assertEqual(os.stat(f"{proc}/environ").st_uid, 0)
        for name in ("environ", "maps", "mem", "auxv"):
            read = subprocess.run(["head", "-c", "1", f"{proc}/{name}"], capture_output=True, check=False, **who)
            self.assertIn(b"ermission denied", read.stderr, name)
        with subprocess.Popen(["sleep", "60"], **who) as plain:  # what the same looks like for any other process
            try:
                wait_until(lambda: os.stat(f"/proc/{plain.pid}/environ").st_uid == NOBODY, "it is its user's")
            finally:
                plain.kill()

    def test_it_leaves_no_core(self):
        if not AS_ROOT and resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY:
            self.skipTest("this user may not have cores anyway")
        with subprocess.Popen(["sleep", "60"], cwd=self.folder(), preexec_fn=allow_cores) as plain:
            plain.send_signal(signal.SIGABRT)
            if not os.WCOREDUMP(os.waitpid(plain.pid, 0)[1]):
                self.skipTest("no process leaves a core here")
        folder = self.folder()
        proxy = Daemon(self.simulator().port, folder, process={"preexec_fn": allow_cores})
        limits = pathlib.Path(f"/proc/{proxy.child.pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size +0 +0 ")
        proxy.signal(signal.SIGABRT)
        _, status = os.waitpid(proxy.child.pid, 0)
        proxy.child.returncode = -os.WTERMSIG(status)
        self.assertEqual((os.WTERMSIG(status), os.WCOREDUMP(status)), (signal.SIGABRT, False))
        self.assertEqual([name for name in os.listdir(folder) if "core" in name], [])
        proxy.stop()
