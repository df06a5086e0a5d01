"""Other hands at the cache file while the daemon runs (deleted, replaced, a directory, locked): requests are answered, and the disk tier comes back by itself."""
import json
import os
import shutil
import sqlite3

from harness import TestCase, overview, request, run_command, wait_until

TOKEN = "an-admin-token-of-the-tests"


class DiskRecovery(TestCase):
    def setUp(self):
        self.cache = os.path.join(self.folder_of_the_daemon(), "cache.db")

    def folder_of_the_daemon(self):
        self.daemon_folder = self.folder()
        token = os.path.join(self.daemon_folder, "token")
        with open(os.open(token, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(TOKEN + "\n")
        self.upstream = self.simulator()
        self.proxy = self.daemon(self.upstream, self.daemon_folder, admin_token_file=token)
        return self.daemon_folder

    def readiness(self):
        reply = request(self.proxy.admin_port, "/readyz")
        self.assertEqual(reply.status, 200)
        return reply.json()["status"], [(one["part"], one["reason"]) for one in reply.json()["degraded"] if one["part"] == "cache"]

    def entries(self):
        return self.proxy.status()["cache"]["disk"]["entries"]

    def fill(self, *campaigns):
        for campaign in campaigns:
            self.assertEqual(self.proxy.get(overview(campaign)).status, 200)
        wait_until(lambda: self.entries() == len(campaigns), "they are on the disk")

    def rows(self):
        with sqlite3.connect(f"file:{self.cache}?mode=ro", uri=True) as database:
            return database.execute("SELECT count(*) FROM responses").fetchone()[0]

    def test_a_file_that_is_deleted_is_begun_anew(self):
        self.fill(1, 2)
        for name in os.listdir(self.daemon_folder):
            if name.startswith("cache.db"):
                os.remove(os.path.join(self.daemon_folder, name))
        wait_until(lambda: self.entries() == 0 and os.path.exists(self.cache), "another one is begun")
        self.assertTrue(self.proxy.get(overview(1)).is_hit, "memory has it")
        self.fill(3)
        self.assertEqual(self.rows(), 1)
        self.assertEqual(self.readiness(), ("ready", []))
        self.assertIn("was deleted; the cache file is begun anew", self.proxy.log())
        second = self.refusal("in use by another roktcached", code=69, folder=self.daemon_folder)
        self.assertTrue(self.proxy.alive(), second)

    def test_a_directory_in_its_place_is_said_and_waited_for(self):
        self.fill(1)
        os.rename(self.cache, self.cache + ".away")
        os.mkdir(self.cache)
        open(os.path.join(self.cache, "something"), "w").close()
        wait_until(lambda: self.readiness()[0] == "degraded", "it is said")
        self.assertIn("is a directory", dict(self.readiness()[1])["cache"])
        metrics = request(self.proxy.admin_port, "/metrics").body.decode()
        self.assertIn('roktcached_cache_tier_up{tier="disk"} 0', metrics)
        for campaign in (1, 2, 3):
            self.assertEqual(self.proxy.get(overview(campaign)).status, 200)
        self.assertTrue(self.proxy.get(overview(3)).is_hit)
        shutil.rmtree(self.cache)
        wait_until(lambda: self.readiness() == ("ready", []), "it is back")
        self.fill(4)

    def test_a_purge_of_a_locked_file_is_503_and_the_next_one_reaches_all(self):
        self.fill(1, 2, 3)
        shell = sqlite3.connect(self.cache, isolation_level=None)
        shell.execute("BEGIN IMMEDIATE")
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        reply = request(self.proxy.admin_port, "/purge", "POST", headers, json.dumps({"account": "12"}))
        self.assertEqual((reply.status, reply.problem()["type"]), (503, "urn:roktcached:storage-unavailable"))
        self.assertEqual(reply.fields["retry-after"], "5")
        environment = {"ROKTCACHED_ADMIN_ADDRESS": f"127.0.0.1:{self.proxy.admin_port}",
                       "ROKTCACHED_ADMIN_TOKEN_FILE": os.path.join(self.daemon_folder, "token")}
        command = run_command("purge", "--all", **environment)
        self.assertEqual(command.returncode, 1)
        self.assertIn("503", command.stderr)
        self.assertIn("locked", command.stderr)
        shell.execute("ROLLBACK")
        shell.close()
        command = run_command("purge", "--all", **environment)
        self.assertEqual((command.returncode, command.stdout), (0, "purged 3\n"))
        self.assertEqual(self.rows(), 0)
