"""While two processes serve in a hand-over, a purge or a write in one of them reaches the other: each has a memory of its own."""
import json
import threading
import time

from handovers import FIELDS, HandoverCase, Kept
from harness import connection_to, overview, request, run_command, wait_until


class HandoverPurges(HandoverCase):
    def purged_by_the_next(self, **settings):
        former = self.place(**settings)
        self.assertEqual(former.get(overview()).status, 200)
        kept = Kept(self, former.port)
        self.assertIn("hit", kept.ask(overview())[1]["cache-status"])
        successor = self.next(former)
        done = self.purge()
        self.assertEqual((done.status, done.json()), (200, {"purged": 1}))
        said = kept.ask(overview())
        if said:
            self.assertNotIn("hit", said[1]["cache-status"], "purged, and served by the former process")
        self.assertEqual(former.wait(30), 0, former.output)
        successor.stop()

    def test_a_purge_by_the_next_one_reaches_the_former_one(self):
        self.purged_by_the_next(cache_file="")

    def test_a_purge_by_the_next_one_reaches_the_file_and_memory_of_the_former_one(self):
        self.purged_by_the_next()

    def test_a_purge_that_was_begun_before_reaches_the_next_one(self):
        """The next one has what is to be purged in its memory before it goes from the file."""
        for _ in range(5):  # until the purge has begun in time, and has not waited for the lock in vain
            former = self.place()
            self.assertEqual(former.get(overview()).status, 200)
            wait_until(lambda: former.status()["cache"]["disk"]["entries"] == 1, "it is in the file")
            kept, done = Kept(self, self.settings["admin_port"]), []
            self.assertEqual(kept.ask("/livez")[0], 200)
            with self.locked():
                purging = threading.Thread(target=lambda kept=kept, done=done: done.append(kept.ask("/purge", "POST", '{"all":true}', FIELDS)))
                purging.start()
                successor = self.next(former)
                self.assertTrue(successor.get(overview()).is_hit)
            purging.join()
            status, _, body = done[0]
            if status == 200:
                break
            self.assertEqual(status, 503)
            self.assertEqual(former.wait(30), 0, former.output)
            successor.stop()
        self.assertEqual((status, json.loads(body)), (200, {"purged": 1}))
        self.assertFalse(successor.get(overview()).is_hit, "purged, and served by the next process")
        self.assertEqual(former.wait(30), 0, former.output)

    def test_a_purge_that_the_former_one_is_at_is_answered_before_it_ends(self):
        """Else the next one purges once more, finds nothing left, and says that nothing was there."""
        former = self.place()
        self.assertEqual(former.get(overview()).status, 200)
        wait_until(lambda: former.status()["cache"]["disk"]["entries"] == 1, "it is in the file")
        client = connection_to(former.port)  # for which the former process stays
        client.request("GET", overview())
        client.getresponse().read()
        done = []
        with self.locked():
            self.next(former)
            purging = threading.Thread(target=lambda: done.append(self.purge()))
            purging.start()
            time.sleep(0.2)  # the former one has been told, and waits for the file
            client.close()
            wait_until(lambda: "draining" in former.output, "it wants to end")
            time.sleep(0.2)  # so it would, but for the purge
        purging.join()
        self.assertEqual((done[0].status, done[0].json()), (200, {"purged": 1}))
        self.assertEqual(former.wait(30), 0, former.output)

    def test_the_former_one_refuses_changes(self):
        former = self.place()
        self.assertEqual(former.get(overview()).status, 200)
        kept = [Kept(self, self.settings["admin_port"]) for _ in range(4)]
        for one in kept:
            self.assertEqual(one.ask("/livez")[0], 200)
        client = connection_to(former.port)  # for which the former process stays
        client.request("GET", overview())
        client.getresponse().read()
        self.next(former)
        for one, path in zip(kept, ("/purge", "/warm", "/reload", "/log-level")):
            said = one.ask(path, "POST", '{"all":true}', FIELDS)
            if not said:
                continue
            status, fields, body = said
            self.assertEqual((status, json.loads(body)["type"]), (503, "urn:roktcached:handed-over"), path)
            self.assertEqual((fields["retry-after"], fields["connection"]), ("1", "close"), path)
        client.close()
        command = run_command("purge", "--all", folder=self.home, ROKTCACHED_ADMIN_ADDRESS=f"127.0.0.1:{self.settings['admin_port']}",
                              ROKTCACHED_ADMIN_TOKEN_FILE=self.settings["admin_token_file"])
        self.assertEqual((command.returncode, command.stdout), (0, "purged 1\n"), command.stderr)
        self.assertEqual(former.wait(30), 0, former.output)

    def written(self, by_former):
        former, content = self.place_with_a_file()
        kept = Kept(self, former.port)
        self.assertIn("hit", kept.ask("/files/x")[1]["cache-status"])
        successor = self.next(former)
        self.assertTrue(successor.get("/files/x").is_hit)
        if by_former:
            if kept.ask("/files/x", "POST", b"new"):
                self.assertEqual(successor.get("/files/x").body, b"new")
        else:
            self.assertEqual(request(successor.port, "/files/x", "POST", body=b"new").status, 200)
            said = kept.ask("/files/x")
            self.assertIn(said and said[2], (None, b"new"), str(said))
        kept.connection.close()
        self.assertEqual(former.wait(30), 0, former.output)
        self.assertEqual(successor.get("/files/x").body, content[0].encode())

    def test_a_write_at_the_former_one_reaches_the_next_one(self):
        self.written(by_former=True)

    def test_a_write_at_the_next_one_reaches_the_former_one(self):
        self.written(by_former=False)
