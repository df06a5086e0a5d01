"""`roktcached check` looks at the engine of a fleet: it says what is wrong, and what to do."""
import hashlib
import pathlib
import re
import time

from certificates import Authority
from fleet_engine import FleetCase
from harness import free_port, run_command, wait_until

PASSWORD = "a-password-of-the-engine"
UNAVAILABLE, CONFIGURATION = 69, 78
USER = re.search(r"^user roktcached .*$", (pathlib.Path(__file__).resolve().parents[2] / "deploy" / "doc" / "fleet.md").read_text(), re.MULTILINE)[0]
GOOD = {"maxmemory": "64mb", "maxmemory_policy": "volatile-lru"}


class Check(FleetCase):
    def check(self, url, *arguments, **settings):
        environment = {f"ROKTCACHED_{name.upper()}": str(value) for name, value in settings.items()}
        return run_command("check", *arguments, folder=self.folder(), ROKT_APP_ID="an-app", ROKT_APP_SECRET="its-secret",
                           ROKTCACHED_FLEET_URL=url, ROKTCACHED_CACHE_FILE="", **environment)

    def assert_refused(self, done, *named, code=CONFIGURATION):
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        for text in ("fleet.url: the engine ", *named):
            self.assertIn(text, done.stderr)

    def warnings(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        return [line.split("fleet.url: the engine ", 1)[1].split(": ", 1)[1] for line in done.stderr.splitlines() if "fleet.url" in line]

    def with_user(self, line, engine):
        """The password's file, and the user of the line in the engine."""
        digest = hashlib.sha256(PASSWORD.encode()).hexdigest()
        with engine.connect() as admin:
            admin("ACL", "SETUSER", *line.replace("#HASH", "#" + digest).split()[1:])
        path = pathlib.Path(self.folder(), "password")
        path.touch(0o600)
        path.write_text(PASSWORD)
        return {"fleet_username": "roktcached", "fleet_password_file": path}

    def test_an_engine_that_is_as_it_should_be_is_silent_and_keeps_nothing(self):
        engine = self.engine(**GOOD)
        done = self.check(engine.url)
        self.assertEqual(self.warnings(done), [])
        self.assertIn(engine.url, done.stdout)
        settings = self.with_user(USER, engine)
        self.assertEqual(self.warnings(self.check(engine.url, **settings)), [])
        with engine.connect() as admin:
            self.assertEqual(admin("DBSIZE"), 0)

    def test_nobody_answers(self):
        self.assert_refused(self.check(f"redis://127.0.0.1:{free_port()}"), "it cannot be reached: Connection refused; start it, or correct fleet.url",
                            code=UNAVAILABLE)
        engine = self.engine()
        engine.pause()
        try:
            self.assert_refused(self.check(engine.url), "it does not answer in time", code=UNAVAILABLE)
        finally:
            engine.go_on()
        done = self.check("redis://127.0.0.1:1", "--no-secrets")
        self.assertEqual(done.returncode, 0, "nobody is asked without secrets")

    def test_it_lets_nobody_in(self):
        engine = self.engine(requirepass="another-password", **GOOD)
        self.assert_refused(self.check(engine.url), "it wants a password: set fleet.password_file (NOAUTH")
        path = pathlib.Path(self.folder(), "password")
        path.touch(0o600)
        path.write_text(PASSWORD)
        done = self.check(engine.url, fleet_password_file=path)
        self.assert_refused(done, "it refuses to log in: WRONGPASS", "correct fleet.username and fleet.password_file")
        self.assertNotIn(PASSWORD, done.stderr)

    def test_its_certificate_is_another_s(self):
        folder = pathlib.Path(self.folder())
        authority = Authority(str(folder))
        chain, key = authority.issue("/CN=localhost", days=3)
        plain, tls = free_port(), free_port()
        engine = self.engine(port=plain, tls_port=tls, tls_cert_file=chain, tls_key_file=key, tls_auth_clients="no", **GOOD)
        self.assert_refused(self.check(f"rediss://localhost:{tls}"), "TLS: certificate verify failed", "see fleet.ca_file")
        self.assertEqual(self.warnings(self.check(f"rediss://localhost:{tls}", fleet_ca_file=authority.certificate)), [])
        self.assertTrue(engine.answers())

    def test_its_memory_may_lose_what_it_should_keep(self):
        for options, said in (({"maxmemory": 0}, ["its maxmemory is 0: it grows without a bound; set maxmemory, and maxmemory-policy volatile-lru"]),
                              ({"maxmemory": "64mb", "maxmemory_policy": "noeviction"},
                               ["its maxmemory-policy is noeviction: once it is full, no answer is stored any more; set volatile-lru"]),
                              ({"maxmemory": "64mb", "maxmemory_policy": "allkeys-lfu"},
                               ["its maxmemory-policy is allkeys-lfu, which may evict the budget, and every request waits then: set volatile-lru"]),
                              ({"maxmemory": "64mb", "maxmemory_policy": "volatile-ttl"}, [])):
            with self.subTest(options):
                self.assertEqual(self.warnings(self.check(self.engine(**options).url)), said)

    def test_it_is_nearly_full(self):
        engine = self.engine(**GOOD)
        with engine.connect() as admin:
            admin("SET", "filler", b"x" * 10 * 2**20)
        with engine.connect() as admin:  # the one before has had a large buffer
            used = int(re.search(rb"used_memory:(\d+)", admin("INFO", "memory"))[1])
            admin("CONFIG", "SET", "maxmemory", used * 100 // 95)
        (said,) = self.warnings(self.check(engine.url))
        self.assertRegex(said, r"^it uses \d\d of \d\d MiB, and evicts or refuses answers soon: raise maxmemory$")

    def test_it_is_not_the_one_that_is_meant(self):
        cluster = self.engine(cluster_enabled="yes", **GOOD)
        self.assert_refused(self.check(cluster.url), "it is a node of a cluster, which is not spoken here")
        primary = self.engine(**GOOD)
        replica = self.engine(replicaof=f"127.0.0.1 {primary.port}", **GOOD)
        self.assert_refused(self.check(replica.url), "it is a replica: name the primary")

    def test_rights_are_missing(self):
        engine = self.engine(**GOOD)
        for without, said in ((["+hset"], "its user roktcached lacks rights: give it +hset"),
                              (["+xlen", "+xinfo|stream"], "its user roktcached lacks rights: give it +xlen +xinfo|stream"),
                              (["+del"], "its user roktcached lacks rights: give it +del"),
                              (["+del", "+pexpire"], "its user roktcached lacks rights: give it +del +pexpire"),
                              (["+evalsha"], "give it +evalsha"), (["+info"], "give it +info"), (["+client|setname"], "give its user +client|setname"),
                              (["~rk1:*"], "its user roktcached may not use the keys: give it ~rk1:*")):
            with self.subTest(without):
                line = " ".join(word for word in USER.split() if word not in without)
                self.assertEqual(len(line.split()), len(USER.split()) - len(without))
                with engine.connect() as admin:
                    admin("ACL", "DELUSER", "roktcached")
                self.assert_refused(self.check(engine.url, **self.with_user(line, engine)), said)
        with engine.connect() as admin:
            wait_until(lambda: admin("DBSIZE") == 0, "what could not be deleted expires", 15)

    def test_each_right_of_the_page_is_tried(self):
        """Those that it gives are needed, and each is missed where it is not there."""
        engine = self.engine(**GOOD)
        for right in [word for word in USER.split() if word.startswith("+") and word != "+client|setname"]:
            with engine.connect() as admin:
                admin("ACL", "DELUSER", "roktcached")
            line = " ".join(word for word in USER.split() if word != right)
            self.assert_refused(self.check(engine.url, **self.with_user(line, engine)), f"give it {right}\n")

    def test_a_daemon_warns_of_it_once_and_serves(self):
        simulator, engine = self.simulator(), self.engine(maxmemory="64mb", maxmemory_policy="allkeys-lru")
        daemon = self.instance(simulator, engine)
        wait_until(lambda: "its maxmemory-policy is allkeys-lru" in daemon.log(), "it warns")
        with engine.connect() as admin:
            admin("CLIENT", "KILL", "TYPE", "normal")
        wait_until(lambda: daemon.status()["fleet"]["link"]["connected"] == 2, "it is linked again")
        time.sleep(0.3)
        self.assertEqual(daemon.log().count("its maxmemory-policy is allkeys-lru"), 1)
