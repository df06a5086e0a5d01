"""A cache file of another version: an older one is begun anew, a newer one is left alone, and the log says which and why."""
import contextlib
import hashlib
import pathlib
import sqlite3

from clients import basic, client
from harness import TestCase, overview, run_command, wait_until

PRESENT = 5
# As version 4 made it, the last one before the present keys.
SCHEMA_4 = """
CREATE TABLE responses (
  id INTEGER PRIMARY KEY, key_hash BLOB NOT NULL UNIQUE, key TEXT NOT NULL, credential TEXT NOT NULL, route TEXT NOT NULL, path TEXT NOT NULL,
  account_id TEXT NOT NULL, campaign_id TEXT NOT NULL, date_start TEXT, date_end TEXT, currency TEXT, time_zone TEXT, rokt_version TEXT NOT NULL,
  other_parameters TEXT NOT NULL, accept_language TEXT NOT NULL, status INTEGER NOT NULL, head TEXT NOT NULL, entity_tag TEXT NOT NULL,
  validator TEXT NOT NULL, range_end_unix_ms INTEGER, fetched_at_unix_ms INTEGER NOT NULL, fresh_until_unix_ms INTEGER NOT NULL,
  usable_until_unix_ms INTEGER NOT NULL, last_used_at_unix_ms INTEGER NOT NULL, checksum INTEGER NOT NULL, stored_size INTEGER NOT NULL,
  body_size INTEGER NOT NULL, body_digest BLOB NOT NULL, body_encoding TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX responses_by_account ON responses (account_id, campaign_id);
CREATE INDEX responses_by_use ON responses (last_used_at_unix_ms);
CREATE INDEX responses_by_end ON responses (usable_until_unix_ms);
CREATE TABLE totals (only INTEGER PRIMARY KEY CHECK (only = 1), entries INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT INTO totals VALUES (1, 0, 0);
CREATE TRIGGER responses_added AFTER INSERT ON responses BEGIN
  UPDATE totals SET entries = entries + 1, bytes = bytes + new.stored_size;
END;
CREATE TRIGGER responses_removed AFTER DELETE ON responses BEGIN
  UPDATE totals SET entries = entries - 1, bytes = bytes - old.stored_size;
END;
CREATE TRIGGER responses_resized AFTER UPDATE OF stored_size ON responses WHEN old.stored_size <> new.stored_size BEGIN
  UPDATE totals SET bytes = bytes + new.stored_size - old.stored_size;
END;
ALTER TABLE responses ADD COLUMN steady_refreshes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE responses ADD COLUMN stale_since_unix_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX responses_by_route ON responses (route);
CREATE INDEX responses_by_path ON responses (path);
ALTER TABLE responses ADD COLUMN restatements INTEGER NOT NULL DEFAULT 0;
ALTER TABLE responses ADD COLUMN restated_at_unix_ms INTEGER;
ALTER TABLE responses ADD COLUMN restated_fields TEXT;
CREATE INDEX responses_by_restatement ON responses (restated_at_unix_ms) WHERE restated_at_unix_ms IS NOT NULL;
CREATE TABLE credentials (name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL);
PRAGMA application_id = 0x524f4b54;
PRAGMA user_version = 4;
PRAGMA journal_mode = WAL;
"""
FAR = 4102444800000  # 2100


def row_of(number):
    """An answer of version 4, with wrong numbers in it: nobody may get them."""
    body = b'{"revenue":-1}'
    return {"id": number, "key_hash": hashlib.md5(bytes([number])).digest(), "key": f"default {overview(number)} LATEST en", "credential": "default",
            "route": "campaign-overview", "path": overview(number).split("?")[0], "account_id": "12", "campaign_id": str(number), "rokt_version": "LATEST",
            "other_parameters": "", "accept_language": "en", "status": 200, "head": "Content-Type: application/json\r\n", "entity_tag": '"a"', "validator": "",
            "range_end_unix_ms": 1769817600000, "fetched_at_unix_ms": 1767225600000, "fresh_until_unix_ms": FAR, "usable_until_unix_ms": FAR,
            "last_used_at_unix_ms": 1767225600000, "checksum": 0, "stored_size": len(body), "body_size": len(body), "body_digest": hashlib.md5(body).digest(),
            "body_encoding": "identity", "body": body}


class CacheVersions(TestCase):
    def database(self, folder):
        return contextlib.closing(sqlite3.connect(pathlib.Path(folder, "cache.db")))

    def version(self, folder):
        with self.database(folder) as database:
            return database.execute("PRAGMA user_version").fetchone()[0]

    def test_an_older_one_is_begun_anew_and_the_log_says_so_once(self):
        folder = self.folder()
        settings = {"tables": client("bi", "b")}
        simulator = self.simulator()
        before = self.daemon(simulator, folder, **settings)
        before.stop()
        beside = pathlib.Path(folder, "token.key").read_bytes()
        for file in pathlib.Path(folder).glob("cache.db*"):
            file.unlink()
        with self.database(folder) as database:
            database.executescript(SCHEMA_4)
            for row in map(row_of, (1, 2)):
                database.execute(f"INSERT INTO responses ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
            database.commit()
            self.assertEqual(database.execute("SELECT entries FROM totals").fetchone()[0], 2)
        pathlib.Path(folder, "cache.db").chmod(0o600)
        daemon = self.daemon(simulator, folder, **settings)
        wait_until(lambda: "is of an earlier version" in daemon.log(), "the log says it")
        self.assertIn(f"cache.db: is of an earlier version (schema 4, this one has {PRESENT}), whose keys are not in use any more; its 2 entries are deleted, "
                      "and will be fetched again when asked for", daemon.log())
        reply = daemon.get(overview(1), Authorization=basic("bi", "b"))
        self.assertIn("fwd=miss; stored", reply.cache_status)
        self.assertNotIn(b'"revenue":-1', reply.body)
        daemon.stop()
        self.assertEqual(self.version(folder), PRESENT)
        self.assertEqual(pathlib.Path(folder, "token.key").read_bytes(), beside, "what is no cache is kept")
        self.assertEqual([file.name for file in pathlib.Path(folder).glob("cache.db.*") if not file.name.endswith(".lock")], [], "nothing is left of it")
        again = self.daemon(simulator, folder, **settings)
        self.assertTrue(again.get(overview(1), Authorization=basic("bi", "b")).is_hit)
        self.assertNotIn("earlier version", again.log())

    def test_a_newer_one_is_refused_and_left_as_it_is(self):
        folder = self.folder()
        simulator = self.simulator()
        daemon = self.daemon(simulator, folder)
        daemon.get(overview(1))
        daemon.stop()
        with self.database(folder) as database:
            database.executescript(f"ALTER TABLE responses ADD COLUMN later TEXT; PRAGMA user_version = {PRESENT + 1}")
        kept = pathlib.Path(folder, "cache.db").read_bytes()
        refused = self.daemon(simulator, folder, wait=False)
        self.assertNotEqual(refused.wait(), 0)
        words = (f"cache.db: was written by a newer roktcached (schema {PRESENT + 1}, this one knows {PRESENT}); it is left as it is; "
                 "accepted: that roktcached, or another cache.file for this one")
        self.assertIn(words, refused.output)
        checked = run_command("check", "--no-secrets", ROKTCACHED_CACHE_FILE=f"{folder}/cache.db")
        self.assertIn(words, checked.stderr)
        self.assertEqual(checked.returncode, 78)
        self.assertEqual(pathlib.Path(folder, "cache.db").read_bytes(), kept)
        with self.database(folder) as database:
            database.execute(f"PRAGMA user_version = {PRESENT}")
        again = self.daemon(simulator, folder)
        self.assertTrue(again.get(overview(1)).is_hit, "whoever knows its form has all of it")

