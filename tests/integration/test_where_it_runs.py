"""What containers, system users, other systems' time zones and editors on Windows put before the daemon.

What must be mounted is mounted in a mount namespace of the test's own, which takes root; without it such a test says that it
was skipped.
"""
import grp
import os
import pathlib
import shutil
import subprocess
import unittest

from harness import BINARY, Process, TestCase, free_port, overview, run_command, wait_until

CONFIGURATION = 78
USER, FS_GROUP = 65532, 2000  # as images without a user database have them
ZONES = "/usr/share/zoneinfo"


def run(*arguments, folder, **environment):
    return subprocess.run(arguments, env={"PATH": os.environ["PATH"], **environment}, cwd=folder, capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL)


class WithMounts(TestCase):
    def setUp(self):
        tried = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True, check=False)
        if tried.returncode != 0:
            self.skipTest(f"nothing can be mounted here: {tried.stderr.strip()}")

    def in_namespace(self, prepare, *command, folder, **environment):
        """Runs a command where `prepare`, lines of sh, has mounted what it wants."""
        script = "set -e\nmount --make-rprivate /\n" + prepare + '\nexec "$@"\n'
        return run("unshare", "--mount", "sh", "-c", script, "sh", *command, folder=folder, **environment)

    def binary_for_all(self):
        folder = self.folder()
        os.chmod(folder, 0o755)
        binary = shutil.copy(BINARY, folder)
        os.chmod(binary, 0o755)
        return binary


class ServiceLinks(TestCase):
    """Variables that Kubernetes gives to every container beside a Service "roktcached"."""

    LINKS = {"ROKTCACHED_SERVICE_HOST": "10.96.12.7", "ROKTCACHED_SERVICE_PORT": "8080", "ROKTCACHED_SERVICE_PORT_HTTP": "8080",
             "ROKTCACHED_PORT": "tcp://10.96.12.7:8080", "ROKTCACHED_PORT_8080_TCP": "tcp://10.96.12.7:8080", "ROKTCACHED_PORT_8080_TCP_PROTO": "tcp",
             "ROKTCACHED_PORT_8080_TCP_PORT": "8080", "ROKTCACHED_PORT_8080_TCP_ADDR": "10.96.12.7"}

    def test_are_ignored_with_one_warning(self):
        checked = run_command("check", "--no-secrets", ROKTCACHED_CACHE_FILE="", **self.LINKS)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertEqual(checked.stderr.count("$ROKTCACHED_"), 1, checked.stderr)
        self.assertIn("warning: $ROKTCACHED_PORT: ignored, with 7 more: Kubernetes gives them", checked.stderr)
        # The harness has a meaning of its own for `port`.
        proxy = self.daemon(self.simulator(), **{name.removeprefix("ROKTCACHED_").lower(): value for name, value in self.LINKS.items() if name != "ROKTCACHED_PORT"})
        self.assertEqual(proxy.get(overview()).status, 200)
        self.assertEqual(proxy.log().count("Kubernetes gives them"), 1)

    def test_a_mistake_that_looks_like_one_is_still_one(self):
        for name, value in (("ROKTCACHED_PORT", "8080"), ("ROKTCACHED_SERVICE", "x"), ("ROKTCACHED_PORT_HTTP", "8080")):
            checked = run_command("check", "--no-secrets", **{name: value})
            self.assertEqual(checked.returncode, CONFIGURATION, name)
            self.assertIn(f"${name}: no such setting", checked.stderr)


@unittest.skipUnless(os.geteuid() == 0, "takes root to be another user")
class GroupOfThePod(TestCase):
    """A kubelet opens all files of a volume to the fsGroup, by default at each start of a pod."""

    def start(self, folder, group, of_process, mode=0o660):
        simulator = self.simulator()
        binary = shutil.copy(BINARY, self.folder())
        for path in (os.path.dirname(binary), binary):
            os.chmod(path, 0o755)
        who = {"user": USER, "group": USER, "extra_groups": of_process}
        os.chown(folder, USER, USER)
        first = self.daemon(simulator, folder, process={**who, "binary": binary})
        first.get(overview())
        first.stop()
        for path in pathlib.Path(folder).glob("cache.db*"):
            os.chown(path, USER, group)
            path.chmod(mode)
        return self.daemon(simulator, folder, wait=False, process={**who, "binary": binary})

    def test_of_which_nobody_else_is_may_have_been_able_to_write(self):
        folder = self.folder()
        proxy = self.start(folder, FS_GROUP, [FS_GROUP])
        wait_until(proxy.ready, "it has started")
        self.assertTrue(proxy.get(overview()).is_hit)
        self.assertEqual(os.stat(f"{folder}/cache.db").st_mode & 0o777, 0o600)
        self.assertIn("cache.db: had mode 0660, so that others could write to it, were they in our group; it has 0600 now", proxy.log())

    def test_a_folder_of_roots_with_that_group_is_fine(self):
        folder = self.folder()
        state = os.path.join(folder, "state")
        os.mkdir(state)
        os.chmod(folder, 0o755)
        os.chown(state, 0, FS_GROUP)
        os.chmod(state, 0o2770)
        binary = shutil.copy(BINARY, self.folder())
        for path in (os.path.dirname(binary), binary):
            os.chmod(path, 0o755)
        os.chown(folder, USER, USER)
        proxy = self.daemon(self.simulator(), folder, cache_file=f"{state}/cache.db", process={"user": USER, "group": USER, "extra_groups": [FS_GROUP], "binary": binary})
        self.assertEqual(proxy.get(overview()).status, 200)

    def test_any_other_is_refused(self):
        named = next(entry.gr_gid for entry in grp.getgrall() if entry.gr_gid not in (0, USER, FS_GROUP))
        for group, of_process, mode in ((FS_GROUP, [], 0o660), (named, [named], 0o660), (0, [0], 0o660), (FS_GROUP, [FS_GROUP], 0o662)):
            with self.subTest(group=group, of_process=of_process, mode=mode):
                refused = self.start(self.folder(), group, of_process, mode)
                self.assertEqual(refused.wait(), CONFIGURATION, refused.output)
                self.assertIn("so that others could have written to it", refused.output)


class MountedSecrets(WithMounts):
    def check(self, prepare, secret, user=USER):
        """What `check` says of an app secret, as another user than root."""
        folder = self.folder()
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "settings.toml")
        pathlib.Path(path).write_text(f'[cache]\nfile = ""\n[[credential]]\napp_secret_file = "{secret}"\n')
        os.chmod(path, 0o644)
        as_user = ("setpriv", f"--reuid={user}", f"--regid={user}", f"--groups={FS_GROUP}")
        return self.in_namespace(prepare.format(folder=folder, user=user), *as_user, self.binary_for_all(), "check", "--config", path,
                                 folder=folder, ROKT_APP_ID="demo-app")

    def assert_taken(self, result):
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("# app secret: set", result.stdout)

    def assert_refused(self, result, *parts):
        self.assertEqual(result.returncode, CONFIGURATION, result.stderr)
        for part in parts:
            self.assertIn(part, result.stderr)
        self.assertNotIn("demo-secret", result.stderr + result.stdout)

    KUBERNETES = """
mount -t tmpfs -o mode=1777 tmpfs /mnt
mkdir /mnt/..2026_01_31
printf demo-secret > /mnt/..2026_01_31/secret
chown -R 0:2000 /mnt/..2026_01_31
chmod 02755 /mnt/..2026_01_31
chmod {mode} /mnt/..2026_01_31/secret
ln -s ..2026_01_31 /mnt/..data
ln -s ..data/secret /mnt/secret
mount -o remount,ro /mnt
"""
    DOCKER = """
mount -t tmpfs tmpfs /run
mkdir -m 0755 /run/secrets
printf 'demo-secret\\n' > /run/secrets/secret
chmod {mode} /run/secrets/secret
"""

    def test_as_kubernetes_mounts_them(self):
        mounted = lambda mode: self.KUBERNETES.replace("{mode}", mode)
        for mode in ("0440", "0640"):
            with self.subTest(mode):
                self.assert_taken(self.check(mounted(mode), "/mnt/secret"))
        # Kubernetes' own default; the way out is named.
        self.assert_refused(self.check(mounted("0644"), "/mnt/secret"), "/mnt/secret: has mode 0644", "0640 or 0440 where its group", "2000")
        self.assert_refused(self.check(mounted("0660"), "/mnt/secret"), "has mode 0660")
        other_group = mounted("0440").replace("0:2000", f"0:{USER + 1}")
        self.assert_refused(self.check(other_group, "/mnt/secret"), "Permission denied")

    def test_as_docker_mounts_them(self):
        mounted = lambda mode: self.DOCKER.replace("{mode}", mode)
        for mode in ("0444", "0644"):
            with self.subTest(mode):
                self.assert_taken(self.check(mounted(mode), "/run/secrets/secret"))
        own_file = mounted("0444") + "\nchown {user}:{user} /run/secrets/secret"
        self.assert_taken(self.check(own_file, "/run/secrets/secret"))
        below = mounted("0444") + "\nmkdir -m 0755 /run/secrets/app\nmv /run/secrets/secret /run/secrets/app"
        self.assert_taken(self.check(below, "/run/secrets/app/secret"))

    def test_what_only_looks_like_it_is_refused(self):
        mounted = self.DOCKER.replace("{mode}", "0444")
        self.assert_refused(self.check(mounted.replace("0444", "0446"), "/run/secrets/secret"), "has mode 0446")
        writable = mounted + "\nchmod 0777 /run/secrets"
        self.assert_refused(self.check(writable, "/run/secrets/secret"), "has mode 0444")
        of_another = mounted + f"\nchown {USER + 1} /run/secrets/secret"
        self.assert_refused(self.check(of_another, "/run/secrets/secret"), f"owned by user {USER + 1}")
        folder_of_another = mounted + "\nchown {user} /run/secrets"
        self.assert_refused(self.check(folder_of_another, "/run/secrets/secret"), "has mode 0444")
        leads_out = mounted + "\nprintf demo-secret > {folder}/out\nchmod 0444 {folder}/out\nln -s {folder}/out /run/secrets/link"
        self.assert_refused(self.check(leads_out, "/run/secrets/link"), "has mode 0444")
        elsewhere = mounted + "\nmkdir -m 0755 /run/elsewhere\nmv /run/secrets/secret /run/elsewhere"
        self.assert_refused(self.check(elsewhere, "/run/elsewhere/secret"), "has mode 0444", "only below /run/secrets")


class NoHome(TestCase):
    def settings(self):
        return {"ROKT_APP_ID": "demo-app", "ROKT_APP_SECRET": "demo-secret", "ROKTCACHED_LISTEN_ADDRESSES": f"127.0.0.1:{free_port()}",
                "ROKTCACHED_ADMIN_ADDRESS": "off", "ROKTCACHED_UPSTREAM_URL": "http://127.0.0.1:1"}

    def test_the_cache_is_in_memory_only_and_says_so(self):
        for home, why in (({}, "$HOME is set"), ({"HOME": "/nonexistent"}, "/nonexistent"), ({"HOME": "/dev/null"}, "/dev/null")):
            with self.subTest(home):
                folder = self.folder()
                result = run(BINARY, "check", folder=folder, **self.settings(), **home)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertRegex(result.stderr, r"warning: cache\.file: .*in memory only")
                self.assertIn(why, result.stderr)
                self.assertIn('[cache]\nfile = ""', result.stdout)
                said = os.path.join(folder, "said")
                with open(said, "wb") as output:
                    child = subprocess.Popen([BINARY, "serve"], env={"PATH": os.environ["PATH"], **self.settings(), **home}, cwd=folder,
                                             stdin=subprocess.DEVNULL, stdout=output, stderr=output)
                try:
                    wait_until(lambda said=said: "listening on" in pathlib.Path(said).read_text(), "it serves")
                finally:
                    child.terminate()
                    self.assertEqual(child.wait(30), 0)
                self.assertIn("in memory only", pathlib.Path(said).read_text())
                self.assertEqual(os.listdir(folder), ["said"], "nothing is made in the working directory")
                self.assertFalse(os.path.exists("/nonexistent"))

    def test_what_was_asked_for_is_no_warning(self):
        folder = self.folder()
        for environment in ({"ROKTCACHED_CACHE_FILE": ""}, {"HOME": folder}, {"XDG_CACHE_HOME": folder}, {"CACHE_DIRECTORY": folder}):
            result = run(BINARY, "check", folder=folder, **self.settings(), **environment)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            if "ROKTCACHED_CACHE_FILE" not in environment:
                self.assertIn(f'file = "{folder}', result.stdout)

    def test_a_home_that_cannot_be_written_to_is_none(self):
        if os.geteuid() != 0:
            self.skipTest("takes another user")
        beside = self.folder()
        os.chmod(beside, 0o755)
        binary = shutil.copy(BINARY, beside)
        os.chmod(binary, 0o755)
        result = run("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", binary, "check", folder="/", HOME="/", **self.settings())
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("$HOME = / is no folder that we can write to; the cache is in memory only", result.stderr)


class Windows(TestCase):
    def test_a_byte_order_mark_and_crlf_do_no_harm(self):
        folder = self.folder()
        for name, text in (("id", "demo-app"), ("secret", "demo-secret"), ("token", "0123456789abcdef")):
            path = pathlib.Path(folder, name)
            path.write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n")
            path.chmod(0o600)
        lines = ["# Settings", "[admin]", f'token_file = "{folder}/token"', "[cache]", 'file = ""', "[[credential]]", f'app_id_file = "{folder}/id"',
                 f'app_secret_file = "{folder}/secret"', ""]
        path = pathlib.Path(folder, "settings.toml")
        path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
        result = run(BINARY, "check", "--config", str(path), folder=folder)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        _, proxy = self.pair(tables="\n".join(["[[credential]]", f'app_id_file = "{folder}/id"', f'app_secret_file = "{folder}/secret"']))
        self.assertEqual(proxy.get(overview()).status, 200, "the id and the secret are what the upstream knows")


class TimeZones(WithMounts):
    LEGACY = {"US/Eastern": "America/New_York", "Asia/Calcutta": "Asia/Kolkata", "GB": "Europe/London", "EST5EDT": "America/New_York",
              "Europe/Kiev": "Europe/Kyiv", "Australia/NSW": "Australia/Sydney"}

    def bare_zones(self):
        """The zones as Debian 13 has them without tzdata-legacy: those of zone.tab, and Etc."""
        folder = self.folder()
        lines = pathlib.Path(ZONES, "zone.tab").read_text().splitlines()
        names = [line.split("\t")[2] for line in lines if not line.startswith("#")]
        for name in [*names, "Etc/UTC", "UTC", "tzdata.zi"]:
            target = pathlib.Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(pathlib.Path(ZONES, name), target)
        return folder

    def explain(self, zones, zone):
        return self.in_namespace(f"mount --bind {zones} {ZONES}", BINARY, "explain", overview(timeZoneVariation=zone), folder="/")

    def line(self, result, name):
        self.assertEqual(result.returncode, 0, result.stderr)
        return next(line for line in result.stdout.splitlines() if line.startswith(f"{name}:"))

    def test_legacy_names_are_known_without_tzdata_legacy(self):
        zones = self.bare_zones()
        for legacy, zone in self.LEGACY.items():
            with self.subTest(legacy):
                self.assertFalse(os.path.exists(os.path.join(zones, legacy)))
                result = self.explain(zones, legacy)
                self.assertEqual(self.line(result, "range ends"), self.line(self.explain(zones, zone), "range ends"))
                # Whether the upstream takes the two for one is not known, so each has its own key.
                self.assertIn(f"timeZoneVariation={legacy}", result.stdout)
        self.assertIn("timeZoneVariation", self.explain(zones, "Mars/Olympus").stderr)


class JumpingClocks(TestCase):
    def test_an_end_that_the_clock_jumps_over_is_later(self):
        for zone, end, instant in (("America/New_York", "2025-03-09T02:30:00", "Sun, 09 Mar 2025 07:30:00 GMT"),
                                   ("Australia/Lord_Howe", "2025-10-05T02:15:00", "Sat, 04 Oct 2025 15:45:00 GMT"),
                                   ("Pacific/Apia", "2011-12-30T12:00:00", "Fri, 30 Dec 2011 22:00:00 GMT")):
            result = run(BINARY, "explain", overview(timeZoneVariation=zone, dateStart="2011-01-01", dateEnd=end), folder="/")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn(instant, result.stdout)
