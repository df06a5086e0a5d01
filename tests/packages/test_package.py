"""A Debian package's life: installed without a credential, given one, used, rebooted, upgraded, removed, installed again, purged."""
import contextlib
import glob
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import tempfile
import threading
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
REPORT = "/reporting/accounts/12/campaigns/3/overview?dateStart=2026-01-01&dateEnd=2026-01-31&currency=USD&timeZoneVariation=America/New_York"
SETTINGS = "/etc/roktcached/roktcached.toml"
CREDENTIALS = "/etc/roktcached/credentials"
[PACKAGE] = glob.glob(os.environ["PACKAGE_FOLDER"] + "/roktcached_*.deb")
DEPENDENCIES = ("-o", "APT::Install-Recommends=false")


def newer(package, folder):
    """The same package as a later version, whose default settings differ."""
    files = pathlib.Path(folder, "files")
    subprocess.run(["dpkg-deb", "--raw-extract", package, files], check=True)
    control = files / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^Version: .*", "Version: 9.0.0", control.read_text()))
    with open(files / SETTINGS[1:], "a", encoding="utf-8") as settings:
        settings.write("# of version 9\n")
    made = pathlib.Path(folder, "roktcached_9.0.0_amd64.deb")
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", files, made], check=True, capture_output=True)
    return made


class Contents(unittest.TestCase):
    def listed(self):
        lines = subprocess.run(["dpkg-deb", "--contents", PACKAGE], capture_output=True, text=True, check=True).stdout.splitlines()
        return {line.split(maxsplit=5)[5].removeprefix("."): line.split()[:2] for line in lines}

    def test_has_what_a_service_needs(self):
        files = self.listed()
        for name in ("/usr/bin/roktcached", "/usr/lib/systemd/system/roktcached.service", "/usr/lib/systemd/system/roktcached.socket", SETTINGS, "/etc/logrotate.d/roktcached", "/usr/share/man/man1/roktcached.1.gz",
                     "/usr/share/man/man5/roktcached.toml.5.gz", "/usr/share/bash-completion/completions/roktcached", "/usr/share/doc/roktcached/README.md",
                     "/usr/share/doc/roktcached/copyright", "/usr/share/doc/roktcached/changelog.gz", "/usr/share/doc/roktcached/deploy/doc/freshness.md"):
            self.assertIn(name, files)
        self.assertEqual({owner for _, owner in files.values()}, {"root/root"})
        self.assertEqual(files[CREDENTIALS + "/"][0], "drwx------")
        self.assertEqual([name for name, (mode, _) in files.items() if mode[0] == "-" and mode not in ("-rw-r--r--", "-rwxr-xr-x")], [])
        self.assertEqual([name for name in files if str(TOP) in name], [])

    def test_the_program_is_stripped(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["dpkg-deb", "--extract", PACKAGE, folder], check=True)
            sections = subprocess.run(["readelf", "--sections", "--wide", f"{folder}/usr/bin/roktcached"], capture_output=True, text=True, check=True).stdout
        self.assertIn(".text", sections)
        self.assertNotIn(".symtab", sections)
        self.assertNotIn(".debug_info", sections)


@unittest.skipUnless(os.environ.get("DEBIAN_ROOT"), "needs root that may mount")
class Life(unittest.TestCase):
    def setUp(self):
        from debian import Debian  # pylint: disable=import-outside-toplevel
        self.debian = Debian()
        self.addCleanup(self.debian.close)
        self.folder = tempfile.mkdtemp(prefix="roktcached-package-")
        self.addCleanup(subprocess.run, ["rm", "-rf", self.folder], check=True)

    def run_in(self, *command, **options):
        return self.debian.run(*command, **options).stdout

    def install(self, package, *options):
        self.debian.copy(package)
        return self.run_in("dpkg", "--install", *options, "/root/" + os.path.basename(package))

    def shell(self, script):
        return self.run_in("sh", "-euc", script)

    def service(self, name):
        return self.run_in("systemctl", "show", "--value", f"--property={name}", "roktcached").strip()

    def journal(self):
        return self.run_in("journalctl", "--no-pager", "--output=cat", "--unit=roktcached")

    def start_system(self):
        self.debian.start()
        self.run_in("systemd-run", "--quiet", "--unit=upstream", "/root/upstream", "simulate", "--now", "2026-01-31T12:30:00Z")

    def get(self, port, target):
        """(head, body) of an answer of the daemon inside."""
        done = self.debian.ask(f"http://127.0.0.1:{port}{target}")
        return done.split("\r\n\r\n", 1) if "\r\n\r\n" in done else ("", "")

    def wait_until_ready(self):
        self.debian.wait_until(lambda: self.get(8081, "/readyz")[1].startswith('{"status":"ready"'), "the daemon is ready")

    def assert_served(self, cache_status):
        head, body = self.get(8080, REPORT)
        self.assertIn(f"Cache-Status: roktcached; {cache_status}", head)
        self.assertIn("grossCost", json.loads(body))

    def test_from_the_installation_to_the_purge(self):
        for step in (self.is_installed_from_the_archive, self.says_that_the_credential_is_missing, self.runs_with_a_credential, self.runs_restricted, self.tells_systemd_how_it_is, self.has_fields_in_the_journal,
                     self.is_reloaded, self.keeps_its_settings_where_a_reload_fails, self.has_a_tls_key_from_a_drop_in, self.has_its_log_rotated, self.restarts_on_sockets_of_systemd,
                     self.survives_a_reboot, self.is_upgraded, self.is_rolled_back_from_a_newer_form_of_the_cache,
                     self.is_backed_up_and_restored, self.is_removed_and_installed_again, self.is_purged):
            print(f"  {step.__name__}", flush=True)
            step()  # each begins where the one before it has ended

    def is_installed_from_the_archive(self):
        """By apt, in a system that is not started, as an image is built: it gets what it depends on."""
        self.debian.copy(PACKAGE)
        self.debian.copy("/etc/resolv.conf", "etc")
        name = "/root/" + os.path.basename(PACKAGE)
        done = self.debian.run("apt-get", "install", "-q", "-y", *DEPENDENCIES, name, check=False)
        if done.returncode != 0:  # the archive has other versions by now
            self.run_in("apt-get", "update", "-q")
            done = self.debian.run("apt-get", "install", "-q", "-y", *DEPENDENCIES, name)
        self.assertIn("roktcached has no credential yet", done.stdout)
        self.assertEqual(self.run_in("dpkg", "--verify", "roktcached"), "")
        self.assertIn("roktcached ", self.run_in("roktcached", "version"))
        self.assertIn("thirteen of the Rokt Reporting API", self.run_in("cat", SETTINGS))
        self.debian.copy(TOP / "build" / "release" / "roktcached", "root/upstream")

    def says_that_the_credential_is_missing(self):
        self.start_system()
        self.debian.wait_until(lambda: self.service("ActiveState") == "failed", "it has been started")
        self.assertEqual((self.service("ExecMainStatus"), self.service("NRestarts")), ("78", "0"))
        self.assertIn('no app id of credential "default": set $ROKT_APP_ID, or credential.app_id_file, or the systemd credential rokt_app_id', self.journal())

    def runs_with_a_credential(self):
        for name, value in (("app_id", "demo-app"), ("app_secret", "demo-secret")):
            self.run_in("install", "-m", "600", "/dev/stdin", f"{CREDENTIALS}/{name}", given=value + "\n")
        self.shell(f"sed -i 's|^# url = \"https:.*|url = \"http://localhost:9090\"|' {SETTINGS}")
        self.run_in("systemctl", "restart", "roktcached")
        self.wait_until_ready()
        self.assert_served("fwd=miss; stored")
        self.assert_served("hit")

    def runs_restricted(self):
        process = self.service("MainPID")
        status = dict(line.split(":\t", 1) for line in self.run_in("cat", f"/proc/{process}/status").splitlines())
        self.assertNotIn("0", status["Uid"].split())
        self.assertEqual((int(status["CapEff"], 16), int(status["CapBnd"], 16), status["NoNewPrivs"], status["Seccomp"]), (0, 0, "1", "2"))
        self.assertEqual(self.shell("stat -c %a:%U /var/cache/private/roktcached/roktcached.db"), "600:roktcached\n")
        self.assertEqual(self.shell("stat -Lc %a:%U /run/roktcached"), "755:roktcached\n")
        mounts = dict(line.split()[4:6] for line in self.run_in("cat", f"/proc/{process}/mountinfo").splitlines())
        self.assertEqual((mounts["/"][:2], mounts["/root"][:2], mounts["/var/cache/private/roktcached"][:2]), ("ro", "ro", "rw"), mounts)
        exposure = self.run_in("systemd-analyze", "security", "--no-pager", "roktcached")
        self.assertLessEqual(float(re.search(r"Overall exposure level for roktcached.service: ([\d.]+)", exposure)[1]), 1.5)

    def tells_systemd_how_it_is(self):
        self.assertEqual((self.service("Type"), self.service("NotifyAccess"), self.service("WatchdogUSec")), ("notify", "main", "1min"))
        self.assertRegex(self.service("StatusText"), r"^Serving \d+ connections?; \d+ answers? for \d+ upstream requests?(; no access token)?$")
        self.assertEqual(self.service("SubState"), "running")

    def has_fields_in_the_journal(self):
        def entries(*matches):
            lines = self.run_in("journalctl", "--no-pager", "--output=json", "--unit=roktcached", *matches).splitlines()
            return [json.loads(line) for line in lines if line.startswith("{")]
        self.debian.wait_until(lambda: entries("ROKTCACHED_EVENT=request", "ROKTCACHED_OUTCOME=hit"), "the journal has a request's fields")
        [*_, entry] = entries("ROKTCACHED_EVENT=request", "ROKTCACHED_OUTCOME=hit")
        self.assertEqual((entry["ROKTCACHED_ROUTE"], entry["ROKTCACHED_STATUS"], entry["PRIORITY"], entry["_TRANSPORT"]), ("campaign-overview", "200", "6", "journal"))
        self.assertIn("outcome=hit", entry["MESSAGE"])
        self.assertTrue(entries("ROKTCACHED_EVENT=listening", "ROKTCACHED_ADDRESS=127.0.0.1:8080"))

    def restarts_on_sockets_of_systemd(self):
        self.run_in("systemctl", "stop", "roktcached")
        self.run_in("systemctl", "enable", "--quiet", "--now", "roktcached.socket")
        self.assertIn("Cache-Status: roktcached; hit", self.debian.ask(f"http://127.0.0.1:8080{REPORT}"), "the first who comes starts it")
        process = self.service("MainPID")
        restarts = threading.Thread(target=lambda: [self.run_in("systemctl", "restart", "roktcached") for _ in range(2)])
        restarts.start()
        heads = []
        while restarts.is_alive():
            heads.append(self.get(8080, REPORT)[0])
        restarts.join()
        self.assertGreater(len(heads), 1)
        self.assertEqual([head for head in heads if not head.startswith("HTTP/1.1 200 ")], [])
        self.assertNotEqual(self.service("MainPID"), process)
        self.run_in("systemctl", "disable", "--quiet", "--now", "roktcached.socket")
        self.run_in("systemctl", "restart", "roktcached")
        self.wait_until_ready()

    def is_reloaded(self):
        process = self.service("MainPID")
        self.shell(f"sed -i 's|^# requests_per_second = .*|requests_per_second = 3|' {SETTINGS}")
        self.run_in("systemctl", "reload", "roktcached")
        self.debian.wait_until(lambda: json.loads(self.get(8081, "/status")[1])["reloads"]["succeeded"] == 1, "the settings are read again")
        self.assertEqual(self.service("MainPID"), process)

    def keeps_its_settings_where_a_reload_fails(self):
        self.shell(f"cp {SETTINGS} /root/good; echo '[freshnes]' >> {SETTINGS}")
        self.run_in("systemctl", "reload", "roktcached")
        self.debian.wait_until(lambda: json.loads(self.get(8081, "/status")[1])["reloads"]["failed"] == 1, "the settings are refused")
        self.assertIn(SETTINGS, json.loads(self.get(8081, "/status")[1])["reloads"]["last_error"])
        self.assert_served("hit")
        self.shell(f"cp /root/good {SETTINGS}")

    def has_a_tls_key_from_a_drop_in(self):
        pair = ["-keyout", f"{self.folder}/tls.key", "-out", f"{self.folder}/chain.pem"]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", *pair], check=True, capture_output=True)
        self.debian.copy(f"{self.folder}/tls.key")
        self.debian.copy(f"{self.folder}/chain.pem", "etc/ssl")
        drop_in = "/etc/systemd/system/roktcached.service.d"
        self.shell(f"mkdir {drop_in}; printf '[Service]\\nLoadCredential=tls_key:/root/tls.key\\n' > {drop_in}/tls.conf; systemctl daemon-reload")
        for key, value in (("addresses = \\[\\]", 'addresses = ["127.0.0.1:8443"]'), ("certificate_file = .*", 'certificate_file = "/etc/ssl/chain.pem"'),
                           ("key_file = .*", 'key_file = "/run/credentials/roktcached.service/tls_key"')):
            self.shell(f"sed -i '/^.listen.tls.$/,/^.admin.$/ s|^# {key}|{value}|' {SETTINGS}")
        self.run_in("systemctl", "restart", "roktcached")
        self.wait_until_ready()
        self.assertIn("Cache-Status: roktcached; hit", self.debian.ask(f"https://127.0.0.1:8443{REPORT}"))
        self.shell(f"cp /root/good {SETTINGS}; rm -r {drop_in}; systemctl daemon-reload")

    def has_its_log_rotated(self):
        self.shell(f"sed -i 's|^# file = \"\"|file = \"/var/log/roktcached/roktcached.log\"|' {SETTINGS}")
        self.run_in("systemctl", "restart", "roktcached")
        self.wait_until_ready()
        self.assert_served("hit")
        log = "/var/log/roktcached/roktcached.log"
        self.debian.wait_until(lambda: "outcome=hit" in self.run_in("cat", log), "the request is logged")
        rotated = self.debian.run("logrotate", "--force", "--verbose", "/etc/logrotate.d/roktcached")
        self.assertNotIn("error:", rotated.stderr)
        self.debian.wait_until(lambda: self.shell(f"test -e {log} && echo there || true") == "there\n", "another one is begun")
        self.assertIn("outcome=hit", self.run_in("cat", log + ".1"))
        self.assert_served("hit")
        self.debian.wait_until(lambda: "outcome=hit" in self.run_in("cat", log), "the next request is logged there")
        self.assertEqual(self.shell(f"stat -c %a:%U {log}"), "640:roktcached\n")

    def survives_a_reboot(self):
        self.debian.stop()
        self.start_system()
        self.wait_until_ready()
        self.assert_served("hit")

    def is_upgraded(self):
        process, settings = self.service("MainPID"), self.run_in("cat", SETTINGS)
        said = self.install(newer(PACKAGE, self.folder), "--force-confold")
        self.assertNotIn("no credential", said)
        self.assertIn("Version: 9.0.0", self.run_in("dpkg", "--status", "roktcached"))
        self.wait_until_ready()
        self.assertNotEqual(self.service("MainPID"), process)
        self.assertEqual(self.run_in("cat", SETTINGS), settings)
        self.assertIn("# of version 9", self.run_in("cat", SETTINGS + ".dpkg-dist"))
        self.assert_served("hit")
        # One that the administrator has stopped stays so.
        self.run_in("systemctl", "stop", "roktcached")
        self.install(PACKAGE, "--force-confold", "--force-downgrade")
        self.assertEqual(self.service("ActiveState"), "inactive")
        self.run_in("systemctl", "start", "roktcached")

    def page_runs(self, containing):
        """The block of the page that has these words."""
        page = (TOP / "deploy" / "doc" / "upgrade-and-backup.md").read_text()
        [block] = [text for text in re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL) if containing in text]
        self.shell(block.replace("sudo ", ""))

    def is_rolled_back_from_a_newer_form_of_the_cache(self):
        self.run_in("systemctl", "stop", "roktcached")
        with contextlib.closing(sqlite3.connect(self.debian.root / "var/cache/private/roktcached/roktcached.db")) as cache:
            cache.execute("PRAGMA user_version = 99")
        self.run_in("systemctl", "start", "roktcached", check=False)
        self.debian.wait_until(lambda: self.service("ActiveState") == "failed", "it does not start")
        self.assertIn("was written by a newer roktcached", self.journal())
        self.page_runs("roktcached.db*")
        self.wait_until_ready()
        self.assert_served("fwd=miss; stored")

    def is_backed_up_and_restored(self):
        """By the commands of the page, onto a system from which all of it has gone."""
        self.page_runs("tar -C / -czf")
        self.wait_until_ready()
        self.assertEqual(self.shell("stat -c %a /root/roktcached.tar.gz"), "600\n")
        self.run_in("dpkg", "--purge", "roktcached")
        self.assertEqual(self.shell("ls -d /etc/roktcached /var/cache/private/roktcached 2>/dev/null || true"), "")
        self.install(PACKAGE)
        self.page_runs("tar -C / -xzf")
        self.wait_until_ready()
        self.assert_served("hit")

    def is_removed_and_installed_again(self):
        self.run_in("dpkg", "--remove", "roktcached")
        self.assertEqual(self.service("ActiveState"), "inactive")
        self.assertEqual(self.get(8081, "/livez"), ("", ""))
        self.assertEqual(self.shell(f"ls /usr/bin/roktcached 2>/dev/null || true; cat {CREDENTIALS}/app_id"), "demo-app\n")
        self.install(PACKAGE)
        self.wait_until_ready()
        self.assert_served("hit")

    def is_purged(self):
        self.run_in("dpkg", "--purge", "roktcached")
        self.run_in("systemctl", "stop", "upstream")
        left = self.shell("find / -xdev -name '*roktcached*' -not -path '/root/*' -not -path '/proc/*' -not -path '/var/cache/apt/*'")
        self.assertEqual(left, "")
        self.assertEqual(self.run_in("systemctl", "list-unit-files", "--no-legend", "roktcached*", check=False), "")


if __name__ == "__main__":
    unittest.main(verbosity=2)
