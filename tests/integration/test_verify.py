"""`verify`: what SQLite's shell was used to break is found; nothing else is, and a repair removes nothing else."""
import os
import sqlite3
import subprocess

from commands import ask
from harness import TestCase, overview, request, run_command

FAILED, UNAVAILABLE = 1, 69


def shell(path, sql):
    """By the sqlite3 shell where it is there, which knows nothing of ours."""
    try:
        return subprocess.run(["sqlite3", path, sql], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        with sqlite3.connect(path) as database:
            rows = database.execute(sql).fetchall()
        database.close()
        return "".join("|".join(map(str, row)) + "\n" for row in rows)


class Verify(TestCase):
    def filled(self, count=6):
        """A daemon that has that many entries in its file."""
        simulator = self.simulator()
        proxy = self.daemon(simulator)
        proxy.wait_for_token()
        for campaign in range(1, count + 1):
            self.assertEqual(proxy.get(overview(campaign)).status, 200)
        self.assertEqual(len(request(proxy.admin_port, "/entries").json()["entries"]), count)  # they have reached the disk
        return simulator, proxy

    def files_of(self, proxy):
        return {name: os.stat(os.path.join(proxy.folder, name)).st_mtime_ns for name in os.listdir(proxy.folder)}

    def test_a_sound_file_beside_the_daemon_and_without_it(self):
        _, proxy = self.filled()
        file = f"{proxy.folder}/cache.db"
        (size,) = map(int, shell(file, "SELECT sum(body_size) FROM responses").split())
        for running in (True, False):
            if not running:
                proxy.stop()
            with self.subTest(running=running):
                before = self.files_of(proxy)
                done = ask(proxy, "verify")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                content = f"{size / 1024:.1f} KiB" if size >= 1024 else f"{size} B"
                self.assertEqual(done.stdout, f"{file}: 6 rows, {content} of content\nsound\n")
                if not running:  # the daemon moves its log into the file when it likes
                    self.assertEqual(self.files_of(proxy), before, "it only reads")
        self.assertEqual(run_command("verify", file).returncode, 0)

    def test_damage_is_found_and_removed_and_the_rest_is_served(self):
        simulator, proxy = self.filled()
        file = f"{proxy.folder}/cache.db"
        proxy.stop()
        shell(file, "UPDATE responses SET body = replace(body, '1', '2') WHERE campaign_id = '1'")
        shell(file, "UPDATE responses SET fresh_until_unix_ms = fresh_until_unix_ms + 86400000 WHERE campaign_id = '2'")
        shell(file, "UPDATE responses SET key_hash = randomblob(16) WHERE campaign_id = '3'")
        hashes = shell(file, "SELECT lower(hex(key_hash)) FROM responses WHERE campaign_id IN ('1', '2') ORDER BY id").split()
        found = ask(proxy, "verify")
        self.assertEqual(found.returncode, FAILED)
        for key in hashes:
            self.assertIn(f"damaged: the row of key {key} is damaged: ", found.stdout)
        self.assertIn("its key_hash is not that of its key", found.stdout)
        self.assertEqual(len([line for line in found.stdout.splitlines() if line.startswith("damaged: ")]), 3)
        self.assertIn("`roktcached verify --repair`", found.stderr)
        self.assertEqual(shell(file, "SELECT count(*) FROM responses").strip(), "6")
        mended = ask(proxy, "verify", "--repair")
        self.assertEqual((mended.returncode, mended.stderr), (0, ""), mended.stdout)
        self.assertIn("removed 3 damaged rows\n", mended.stdout)
        self.assertEqual(shell(file, "SELECT campaign_id FROM responses ORDER BY campaign_id").split(), ["4", "5", "6"])
        self.assertEqual(shell(file, "SELECT entries FROM totals").strip(), "3")
        again = self.daemon(simulator, proxy.folder)
        again.wait_for_token()
        calls = simulator.ledger()["total"]
        for campaign in (4, 5, 6):
            self.assertTrue(again.get(overview(campaign)).is_hit)
        self.assertEqual(simulator.ledger()["total"], calls)

    def test_a_running_daemon_keeps_its_file_from_repair(self):
        _, proxy = self.filled(1)
        done = ask(proxy, "verify", "--repair")
        self.assertEqual(done.returncode, UNAVAILABLE)
        self.assertIn("cache.db: is in use by another roktcached", done.stderr)

    def test_a_file_that_is_overwritten_in_the_middle(self):
        _, proxy = self.filled()
        file = f"{proxy.folder}/cache.db"
        proxy.stop()
        size = os.path.getsize(file)
        with open(file, "r+b") as damaged:
            damaged.seek(size // 2 // 4096 * 4096)
            damaged.write(b"\xff" * 4096 * 4)
        done = ask(proxy, "verify", "--repair")
        self.assertEqual(done.returncode, FAILED, done)
        self.assertTrue("structure: " in done.stdout or "malformed" in done.stderr, done)

    def test_what_is_there_instead_is_said(self):
        folder = self.folder()
        other = os.path.join(folder, "other.db")
        missing = run_command("verify", os.path.join(folder, "cache.db"))
        self.assertEqual(missing.returncode, UNAVAILABLE)
        self.assertIn("cache.db: there is no such file", missing.stderr)
        shell(other, "CREATE TABLE a (b)")
        os.chmod(other, 0o600)
        foreign = run_command("verify", other)
        self.assertEqual(foreign.returncode, UNAVAILABLE)
        self.assertIn("is a database of another program; accepted: a cache file of roktcached", foreign.stderr)
        nothing = run_command("verify", ROKTCACHED_CACHE_FILE="")
        self.assertEqual(nothing.returncode, UNAVAILABLE)
        self.assertIn("there is no cache file", nothing.stderr)
