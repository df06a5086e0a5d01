"""The rights that the page of a fleet gives the daemon in Redis: they are enough for every script, and for nothing else."""
import hashlib
import pathlib
import re
import shutil
import socket
import subprocess
import unittest

from harness import TestCase, wait_until

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
SCRIPTS = TOP / "server" / "fleet" / "scripts"
PAGE = TOP / "deploy" / "doc" / "fleet.md"
PASSWORD = "a-password-of-the-engine"
PREFIX = "rk1:{0123}:"
REFUSED = "NOPERM"


class Engine:
    """A client of Redis, for commands one by one."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def __call__(self, *words):
        octets = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(octets) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in octets))
        return self.read()

    def read(self):
        """An error is its text."""
        line = self.file.readline()[:-2].decode()
        kind, rest = line[0], line[1:]
        if kind == "$":
            return None if rest == "-1" else self.file.read(int(rest) + 2)[:-2].decode("latin-1")
        if kind == "*":
            return None if rest == "-1" else [self.read() for _ in range(int(rest))]
        return int(rest) if kind == ":" else rest

    def run(self, script, keys, *arguments):
        return self("EVAL", (SCRIPTS / f"{script}.lua").read_bytes(), len(keys), *(PREFIX + key for key in keys), *arguments)


@unittest.skipUnless(shutil.which("redis-server"), "needs redis-server")
class Rights(TestCase):
    def setUp(self):
        folder = pathlib.Path(self.folder())
        lines = re.findall(r"^user .*\n", PAGE.read_text(), re.MULTILINE)
        (folder / "users.acl").write_text("".join(lines).replace("#HASH", "#" + hashlib.sha256(PASSWORD.encode()).hexdigest()))
        path = folder / "socket"
        with open(folder / "log", "wb") as log:
            server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--aclfile", folder / "users.acl", "--save", ""],
                                      cwd=folder, stdout=log, stderr=log)
        self.addCleanup(server.wait, 10)
        self.addCleanup(server.terminate)
        wait_until(lambda: self.reaches(path) or server.poll() is not None, "the engine listens")
        self.addCleanup(self.engine.close)

    def reaches(self, path):
        """Its socket is there a moment before it listens."""
        try:
            self.engine = Engine(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True

    def log_in(self):
        self.assertEqual(self.engine("AUTH", "roktcached", PASSWORD), "OK")

    def test_nobody_is_let_in_without_a_password(self):
        self.assertIn("NOAUTH", self.engine("PING"))
        self.assertIn("WRONGPASS", self.engine("AUTH", "roktcached", "another"))
        self.assertIn("WRONGPASS", self.engine("AUTH", "default", ""))

    def test_they_are_enough_for_every_script(self):
        self.log_in()
        engine, ran = self.engine, set()

        def run(script, keys, *arguments):
            ran.add(script)
            answer = engine.run(script, keys, *arguments)
            self.assertNotIn(REFUSED, str(answer), script)
            return answer

        fly = lambda owner, key: run("flight", [f"e:{key}", f"f:{key}", "n", "p", "fi"], owner, 0, "1", 0, 2000, "1")
        member = lambda leaves: run("member", ["m", "c", "epoch", "p", "log"], "one", "an-id", 5000, 86_400_000, "0-0", leaves)
        self.assertEqual(run("budget", ["b", "m", "log", "w", "ws"], "reserve", 10, 20, 0, 1, 5000, 1000, "0", 0, "one")[0], 1)
        run("budget", ["b", "m", "log", "w", "ws"], "limited", 10, 20, 0, 1, 5000, 1, 1000, 0, 10_000)
        self.assertEqual(member("0")[0], "an-id")
        fence = fly("one", "A")[1]
        self.assertEqual(fly("two", "A")[:2], ["flying", fence])
        self.assertEqual(run("renew", ["f:A", "fi"], fence, 2000), ["1", "1"])
        landed = run("land", ["e:A", "f:A", "log", "fi"], fence, 1, 99_999_999_999_999, "0-0", 100_000, b"sealed", "A", 10_000, 65_536)
        self.assertEqual(landed, "landed")
        self.assertEqual(fly("two", "A")[:2], ["stored", fence])
        fence = fly("one", "B")[1]
        fly("two", "B")
        self.assertEqual(run("tell", ["f:B", "log", "fi"], fence, "failed", "B", 10_000, "sealed", 0, 0, "0-0"), "1")
        position = run("purge", ["p"], "sealed", 1000)
        self.assertEqual(run("confirmed", ["m", "c", "p"], position, 5000), [1, 0, 0])
        self.assertEqual(member("0")[4], position)
        serial = run("token", ["t", "tl", "tn"], "one", "0", 2000)[1]
        self.assertEqual(run("token_renew", ["tl"], serial, 2000), "1")
        self.assertEqual(run("token_minted", ["t", "tl", "log"], serial, "sealed", 3_600_000, 10_000, ""), "1")
        member("1")
        self.assertEqual(ran, {path.stem for path in SCRIPTS.glob("*.lua")})

    def test_they_are_enough_for_what_is_asked_without_a_script(self):
        self.log_in()
        self.engine.run("purge", ["p"], "sealed", 1000)
        for words in (("PING",), ("TIME",), ("INFO", "memory"), ("CLIENT", "SETNAME", "roktcached"), ("EVAL", "return 1", 0),
                      ("HMGET", f"{PREFIX}e:A", "sealed"), ("XRANGE", f"{PREFIX}p", "-", "+"),
                      ("XREAD", "COUNT", 1, "STREAMS", f"{PREFIX}p", "0-0"), ("EVALSHA", hashlib.sha1(b"return 1").hexdigest(), 0)):
            self.assertNotIn(REFUSED, str(self.engine(*words)), words)

    def test_they_are_for_nothing_else(self):
        self.log_in()
        for words in (("GET", "another's"), ("HGETALL", "rk2:x"), ("EVAL", "return redis.call('GET', KEYS[1])", 1, "another's"), ("KEYS", "*"),
                      ("SCAN", 0), ("FLUSHALL",), ("CONFIG", "GET", "*"), ("ACL", "LIST"), ("MONITOR",), ("SCRIPT", "FLUSH"), ("SCRIPT", "LOAD", "return 1"), ("SHUTDOWN",),
                      ("PUBLISH", "rk1:x", "y"), ("CLIENT", "KILL", "ID", 1), ("SWAPDB", 0, 1), ("SELECT", 1)):
            self.assertIn(REFUSED, self.engine(*words), words)


if __name__ == "__main__":
    unittest.main()
