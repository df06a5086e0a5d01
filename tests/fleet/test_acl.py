"""The rights of acl.txt are enough for everything that an instance does, and for nothing else."""
import pathlib

from case import EngineCase
from scripts import SOURCES, Fleet, key

LINE = pathlib.Path(__file__).with_name("acl.txt").read_text().strip()


class Rights(EngineCase):
    def setUp(self):
        super().setUp()
        self.engine("ACL", "SETUSER", *LINE.replace(">PASSWORD", ">secret").split()[1:])
        self.least = self.server.connect()
        self.addCleanup(self.least.close)
        self.least("AUTH", "roktcached", "secret")

    def test_all_that_an_instance_does_is_allowed(self):
        self.least("CLIENT", "SETNAME", "roktcached")
        self.least("PING")
        self.assertIn(b"maxmemory_policy", self.least("INFO", "memory"))
        self.least("TIME")
        fleet = Fleet(self.least)
        fleet.reserve(members=3)
        fleet.limited(fleet.now(), retry_after_ms=100)
        fence = fleet.flight("one")[1]
        fleet.flight("two", urgent=True)
        fleet.renew(fence)
        self.assertEqual(fleet.land(fence), "landed")
        self.assertEqual(fleet.flight("two")[0], "stored")
        self.assertEqual(self.least("HMGET", key("e:H"), "fence", "sealed")[1], b"sealed")
        fence = fleet.flight("one", name="other")[1]
        fleet.flight("two", name="other")
        self.assertEqual(fleet.tell(fence, name="other"), "1")
        serial = fleet.token()[1]
        self.assertEqual(fleet.renew_mint(serial), "1")
        self.assertEqual(fleet.minted(serial), "1")
        self.assertEqual(fleet.token()[0], "token")
        fleet.minted(fleet.token("two", serial)[1], b"", reason=b"why")
        position = fleet.purge()
        fleet.member("two")
        fleet.member("one", position=position, forgotten_ms=-10_000)
        self.assertEqual(fleet.confirmed(position), [1, 1, 0])
        fleet.member("one", leaves=True)
        self.assertTrue(fleet.log())
        self.assertTrue(self.least("XREAD", "COUNT", 10, "BLOCK", 10, "STREAMS", key("log"), key("p"), "0-0", "0-0"))
        digest = self.least("SCRIPT", "LOAD", SOURCES["purge"]).decode()
        self.least("EVALSHA", digest, 1, key("p"), "x", 10)

    def test_nothing_else_is(self):
        for command in (["KEYS", "*"], ["FLUSHALL"], ["FLUSHDB"], ["CONFIG", "GET", "*"], ["SCRIPT", "FLUSH"], ["SCRIPT", "KILL"],
                        ["ACL", "LIST"], ["CLIENT", "LIST"], ["CLIENT", "KILL", "ID", "1"], ["SHUTDOWN"],
                        ["SCAN", "0"], ["XDEL", key("p"), "1-0"], ["XTRIM", key("p"), "MAXLEN", "0"], ["PUBLISH", "rk1:x", "y"],
                        ["SUBSCRIBE", "rk1:x"], ["REPLICAOF", "127.0.0.1", "1"], ["MONITOR"], ["FUNCTION", "LIST"],
                        ["XINFO", "GROUPS", key("p")], ["RENAME", key("p"), key("q")], ["DUMP", key("e:H")], ["MODULE", "LIST"]):
            with self.subTest(command):
                self.refused("NOPERM", self.least, *command)

    def test_no_key_of_others_is_reached(self):
        self.engine("SET", "other", "secret")
        for command in (["GET", "other"], ["SET", "other", "x"], ["DEL", "other"], ["HMGET", "rk2:{c}:e:H", "sealed"],
                        ["XREAD", "STREAMS", "other", "0-0"],
                        ["EVAL", "return redis.call('GET', KEYS[1])", 1, "other"]):
            with self.subTest(command):
                self.refused("NOPERM", self.least, *command)
        with self.assertRaisesRegex(Exception, "can't access|No permissions to access a key"):
            self.least("EVAL", "return redis.call('GET', 'other')", 0)
        with self.assertRaisesRegex(Exception, "can't run|no permissions to run"):
            self.least("EVAL", "return redis.call('FLUSHALL')", 0)
        self.assertEqual(self.engine("GET", "other"), b"secret")

    def test_each_right_is_used(self):
        """By an instance itself, or by a script that it runs."""
        itself = {"auth", "client|setname", "ping", "info", "time", "eval", "evalsha", "script|load", "xread", "xrange", "hmget"}
        used = {name for name in RIGHTS if name in itself or any(f"'{name.split('|')[0].upper()}'" in text for text in SOURCES.values())}
        self.assertEqual(used, RIGHTS)


RIGHTS = {word[1:] for word in LINE.split() if word.startswith("+")}
