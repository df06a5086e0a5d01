"""The worst input at each edge of starting up: one clear line, the right exit code, no crash."""
import os
import pathlib
import socket
import sqlite3
import subprocess

from harness import BINARY, CREDENTIAL, Process, TestCase, free_port, overview, request, run_command, wait_until

CONFIGURATION = 78
UNAVAILABLE = 69
USAGE = 2


def run(*arguments, folder="/", **environment):
    return run_command(*arguments, folder=folder, **{**CREDENTIAL, "ROKTCACHED_CACHE_FILE": "", **environment})


class BadInput(TestCase):
    def config(self, text):
        path = os.path.join(self.folder(), "roktcached.toml")
        pathlib.Path(path).write_text(text)
        return path

    def assert_refused(self, result, code, *parts):
        self.assertEqual(result.returncode, code, result.stderr)
        for part in parts:
            self.assertIn(part, result.stderr)
        self.assertNotIn("terminate called", result.stderr)
        self.assertNotIn("demo-secret", result.stderr)

    def test_configuration_mistakes_name_file_line_key_value_and_what_is_accepted(self):
        cases = {
            "[listen]\nthreads = 1000\n": (":2: listen.threads = 1000", "accepted: a whole number from 0 to 256"),
            "[cache]\nmax_memory = 5\n": (":2: cache.max_memory = 5", "accepted: a size with its unit"),
            "[freshness]\nopen = \"soon\"\n": (":2: freshness.open = \"soon\"", "accepted: a duration with its unit"),
            "[freshness]\n\nopn = \"5m\"\n": (":3: freshness.opn: no such key", "did you mean open?"),
            "[lsten]\n": (":1: lsten: no such section", "did you mean listen?"),
            "[listen\n": (":1",),
            "[listen]\naddresses = [\"0.0.0.0:8080\"]\n": ("beyond loopback",),
            "[upstream]\nurl = \"ftp://x\"\n": (":2: upstream.url = \"ftp://x\"", "accepted: an http or https URL"),
            "[upstream]\nurl = \"http://api.example\"\n": ("clear text",),
            "[[route]]\nname = \"x\"\npath = \"/x\"\nmethods = [\"POST\"]\n": ("nothing that could write",),
        }
        for text, parts in cases.items():
            with self.subTest(text):
                path = self.config(text)
                for verb in ("check", "serve"):
                    self.assert_refused(run(verb, "--config", path), CONFIGURATION, *parts)

    def test_all_mistakes_come_at_once(self):
        result = run("check", "--config", self.config("[listen]\nthreads = -1\n[cache]\nmax_disk = \"1B\"\nx = 1\n"))
        self.assert_refused(result, CONFIGURATION, "listen.threads", "cache.max_disk", "cache.x")

    def test_files_that_cannot_be_read(self):
        self.assert_refused(run("check", "--config", "/nonexistent.toml"), CONFIGURATION, "/nonexistent.toml")
        self.assert_refused(run("check", "--config", self.folder()), CONFIGURATION, "cannot be read")

    def test_environment(self):
        self.assert_refused(run("check", ROKTCACHED_LISTEN_THREADS="many"), CONFIGURATION, "$ROKTCACHED_LISTEN_THREADS", "whole number")
        self.assert_refused(run("check", ROKTCACHED_LISTEN_THREAD="1"), CONFIGURATION, "did you mean ROKTCACHED_LISTEN_THREADS?")

    def test_credentials(self):
        self.assert_refused(run("check", ROKT_APP_ID=""), CONFIGURATION, "$ROKT_APP_ID", "empty")
        secret = os.path.join(self.folder(), "secret")
        pathlib.Path(secret).write_text("s3cret\n")
        os.chmod(secret, 0o644)
        config = self.config(f'[[credential]]\napp_secret_file = "{secret}"\n')
        result = run_command("check", "--config", config, ROKT_APP_ID="x")
        self.assert_refused(result, CONFIGURATION, secret, "0600")
        os.chmod(secret, 0o600)
        result = run_command("check", "--config", config, ROKT_APP_ID="x")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("# app secret: set", result.stdout)
        self.assertNotIn("s3cret", result.stdout)

    def test_usage(self):
        for arguments in ((), ("fly",), ("serve", "--what"), ("explain",), ("simulate", "--listen", "nowhere"),
                          ("simulate", "--now", "yesterday"), ("simulate", "--token-lifetime", "0")):
            with self.subTest(arguments):
                self.assertEqual(run(*arguments).returncode, USAGE)
        self.assertEqual(run("--help").returncode, 0)
        self.assertRegex(run("simulate", "--help").stdout, "(?s)--app-id.*=demo-app.*--app-secret.*=demo-secret")

    def test_explain(self):
        result = run("explain", overview())
        self.assertEqual(result.returncode, 0, result.stderr)
        for part in ("campaign-overview", "default /reporting/accounts/12/campaigns/3/overview?dateStart=2025-03-01", "settled", "604800 s"):
            self.assertIn(part, result.stdout)
        self.assert_refused(run("explain", "/nothing"), 1, "no route")
        self.assertEqual(len(run("routes").stdout.splitlines()), 19)
        self.assertRegex(run("version").stdout, r"^roktcached \d+\.\d+\.\d+\n$")

    def test_a_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            for variable in ("ROKTCACHED_LISTEN_ADDRESSES", "ROKTCACHED_ADMIN_ADDRESS"):
                other = {"ROKTCACHED_LISTEN_ADDRESSES": "127.0.0.1:0", "ROKTCACHED_ADMIN_ADDRESS": "off", variable: address}
                self.assert_refused(run("serve", **other), UNAVAILABLE, address, "in use")
            self.assert_refused(run("simulate", "--listen", address), UNAVAILABLE, address)

    def test_two_daemons_never_share_a_port_or_a_cache_file(self):
        folder = self.folder()
        _, proxy = self.pair()
        first = self.daemon(proxy.port, folder)
        self.assert_refused(run("serve", ROKTCACHED_LISTEN_ADDRESSES=f"127.0.0.1:{first.port}"), UNAVAILABLE, "in use")
        shared = {"ROKTCACHED_CACHE_FILE": f"{folder}/cache.db", "ROKTCACHED_LISTEN_ADDRESSES": "127.0.0.1:0"}
        self.assert_refused(run("serve", **shared), UNAVAILABLE, "cache.db", "in use")

    def test_cache_files_that_cannot_be(self):
        folder = self.folder()
        foreign = os.path.join(folder, "foreign.db")
        with sqlite3.connect(foreign) as database:
            database.execute("CREATE TABLE precious (x)")
        database.close()
        for path, part in ((folder, "is a directory"), ("/proc/cache.db", "/proc/cache.db"), (foreign, "another program")):
            with self.subTest(path):
                result = run("serve", ROKTCACHED_CACHE_FILE=path, ROKTCACHED_LISTEN_ADDRESSES="127.0.0.1:0", ROKTCACHED_ADMIN_ADDRESS="off")
                self.assert_refused(result, CONFIGURATION, path, part)
        with sqlite3.connect(foreign) as database:
            self.assertEqual(database.execute("SELECT count(*) FROM precious").fetchone()[0], 0)

    def test_a_read_only_folder(self):
        folder = self.folder()
        os.chmod(folder, 0o555)
        environment = {"PATH": os.environ["PATH"], "ROKT_APP_ID": "a", "ROKT_APP_SECRET": "b", "ROKTCACHED_CACHE_FILE": f"{folder}/cache.db",
                       "ROKTCACHED_LISTEN_ADDRESSES": "127.0.0.1:0", "ROKTCACHED_ADMIN_ADDRESS": "off"}
        binary = BINARY
        as_nobody = ()
        if os.geteuid() == 0:  # root may write anywhere
            as_nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
            binary = os.path.join(self.folder(), "roktcached")
            os.chmod(os.path.dirname(binary), 0o755)
            pathlib.Path(binary).write_bytes(pathlib.Path(BINARY).read_bytes())
            os.chmod(binary, 0o755)
        result = subprocess.run([*as_nobody, binary, "serve"], env=environment, cwd="/", capture_output=True, text=True, timeout=60)
        self.assert_refused(result, CONFIGURATION, f"{folder}/cache.db", "Permission denied")

    def test_an_unusable_ca_file(self):
        result = run("serve", ROKTCACHED_UPSTREAM_CA_FILE="/nonexistent.pem", ROKTCACHED_LISTEN_ADDRESSES="127.0.0.1:0", ROKTCACHED_ADMIN_ADDRESS="off")
        self.assert_refused(result, CONFIGURATION, "upstream.ca_file", "/nonexistent.pem")

    def test_demo_needs_nothing(self):
        port = free_port()
        demo = Process(["serve", "--demo"], {"ROKTCACHED_LISTEN_ADDRESSES": f"127.0.0.1:{port}", "ROKTCACHED_ADMIN_ADDRESS": "off"})
        self.addCleanup(demo.stop)
        wait_until(lambda: "listening on" in demo.output, "the demo listens")
        self.assertIn("fwd=miss; stored", request(port, overview()).cache_status)
        self.assertTrue(request(port, overview()).is_hit)
