"""The cache file: what survives a restart, a kill and damage."""
import glob
import os
import pathlib
import signal
import sqlite3
import threading
import time

from harness import SANITIZED, TestCase, multiply_rows, overview, wait_until


def integrity(path):
    with sqlite3.connect(path) as database:
        return database.execute("PRAGMA integrity_check").fetchone()[0]


class Persistence(TestCase):
    def test_a_restart_keeps_everything(self):
        upstream = self.simulator()
        folder = self.folder()
        first = self.daemon(upstream, folder)
        miss = first.get(overview())
        first.stop()
        second = self.daemon(upstream, folder)
        hit = second.get(overview())
        self.assertTrue(hit.is_hit)
        self.assertEqual((hit.body, hit.fields["etag"], hit.fields["date"]), (miss.body, miss.fields["etag"], miss.fields["date"]))
        self.assertEqual(upstream.ledger()["total"], 1)

    def test_a_person_can_read_the_file(self):
        upstream = self.simulator()
        folder = self.folder()
        proxy = self.daemon(upstream, folder)
        proxy.get(overview(groupby="x"))
        path = os.path.join(folder, "cache.db")
        with sqlite3.connect(path) as database:
            wait_until(lambda: database.execute("SELECT count(*) FROM responses").fetchone()[0] == 1, "the row is written")
            row = database.execute("SELECT route, path, date_start, date_end, currency, time_zone, rokt_version, other_parameters, "
                                   "credential, account_id, campaign_id, status FROM responses").fetchone()
        self.assertEqual(row, ("campaign-overview", "/reporting/accounts/12/campaigns/3/overview", "2025-03-01", "2025-03-31", "USD",
                               "America/New_York", "LATEST", "groupby=x", "default", "12", "3", 200))
        for name in (path, path + "-wal"):
            self.assertEqual(os.stat(name).st_mode & 0o777, 0o600)

    def test_kill_9_during_writes_loses_only_the_last_moment(self):
        upstream = self.simulator()
        folder = self.folder()
        path = os.path.join(folder, "cache.db")
        proxy = self.daemon(upstream, folder)
        stored = []  # (target, when its answer was here)
        stop = threading.Event()

        def load(worker):
            number = 0
            while not stop.is_set():
                number += 1
                target = overview(campaign=worker + 1, account=number % 999 + 1, dateStart="2025-03-01", dateEnd="2025-03-01",
                                  note=f"{worker}-{number}")
                try:
                    if proxy.get(target).status == 200:
                        stored.append((target, time.monotonic()))
                except OSError:
                    return
                time.sleep(0.015)

        workers = [threading.Thread(target=load, args=(i,)) for i in range(4)]
        for worker in workers:
            worker.start()
        time.sleep(6 if SANITIZED else 4)
        killed_at = time.monotonic()
        proxy.signal(signal.SIGKILL)
        stop.set()
        for worker in workers:
            worker.join()
        proxy.wait()
        self.assertEqual(integrity(path), "ok")
        again = self.daemon(upstream, folder)
        old = [target for target, at in stored if at < killed_at - 1]
        self.assertGreater(len(old), 50)
        lost = [target for target in old if not again.get(target).is_hit]
        print(f"\nkilled at {len(stored) / (killed_at - stored[0][1]):.0f} writes a second: {len(stored)} stored, "
              f"{len(old)} older than a second, {len(lost)} of them lost")
        self.assertEqual(lost, [])
        self.assertNotIn("set aside", again.log())

    def test_a_large_file_opens_at_once(self):
        # A million rows through the daemon would take too long: one real row is copied, which takes the same file format.
        entries = 100_000 if SANITIZED else 1_000_000
        upstream = self.simulator()
        folder = self.folder()
        path = os.path.join(folder, "cache.db")
        seed = self.daemon(upstream, folder)
        seed.get(overview())
        seed.stop()
        multiply_rows(path, entries)
        empty_ms = self.time_to_listen(upstream, self.folder())
        full_ms = self.time_to_listen(upstream, folder)
        size = os.path.getsize(path) >> 20
        print(f"\nstart to listening: {full_ms:.0f} ms with {entries} entries ({size} MiB), {empty_ms:.0f} ms with none")
        self.assertLess(full_ms - empty_ms, 300 * (5 if SANITIZED else 1))

    def time_to_listen(self, upstream, folder):
        started = time.monotonic()
        daemon = self.daemon(upstream, folder, wait=False, cache_max_disk="8GiB")
        wait_until(lambda: "listening on" in daemon.output, "it listens")
        took = (time.monotonic() - started) * 1000
        self.assertTrue(daemon.alive(), daemon.output)
        daemon.stop()
        return took

    def start_on(self, content, upstream=None):
        """Starts on a cache file with this content; returns the daemon and the file's path."""
        folder = self.folder()
        path = os.path.join(folder, "cache.db")
        pathlib.Path(path).write_bytes(content)
        daemon = self.daemon(upstream or self.simulator(), folder)
        return daemon, path

    def test_an_empty_file_is_a_new_cache(self):
        daemon, path = self.start_on(b"")
        self.assertEqual(daemon.get(overview()).status, 200)
        self.assertEqual(glob.glob(path + ".corrupt-*"), [])

    def test_garbage_is_set_aside(self):
        daemon, path = self.start_on(b"this is no database " * 1000)
        self.assertEqual(daemon.get(overview()).status, 200)
        self.assertEqual(len(glob.glob(path + ".corrupt-*")), 1)
        wait_until(lambda: "set aside" in daemon.output, "it is logged")

    def test_a_half_overwritten_file_never_gives_a_wrong_answer(self):
        upstream = self.simulator()
        folder = self.folder()
        path = os.path.join(folder, "cache.db")
        first = self.daemon(upstream, folder)
        targets = [overview(campaign=c, account=a) for c in range(1, 13) for a in range(1, 20)]
        bodies = {target: first.get(target).body for target in targets}
        first.stop()
        content = bytearray(pathlib.Path(path).read_bytes())
        half = len(content) // 2
        content[half:] = bytes((i * 37) % 251 for i in range(len(content) - half))
        pathlib.Path(path).write_bytes(content)
        again = self.daemon(upstream, folder)
        for target in targets:
            reply = again.get(target)
            self.assertEqual((reply.status, reply.body), (200, bodies[target]))
        self.assertTrue(again.alive())
