"""The programs of the pages in deploy/doc, as they stand there: those marked <!-- run by tests/clients: KIND -->.

Run by tests/clients/run.sh, which installs what they need.
"""
import contextlib
import csv
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import unittest
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

# pylint: disable=wrong-import-position
from canary import canary
from certificates import tls_table
from client_programs import BUILT, DEBIAN_PYTHON
from clients import basic, client
from harness import TOP, TestCase, free_port, overview, request
from own_certificate import own_certificate

PAGES = TOP / "deploy" / "doc"
REPORT = "/reporting/accounts/12/campaigns/3"
LOOPBACK = "http://127.0.0.1:8080"  # where the pages have the daemon
FILES = {"curl": "report.sh", "keytool": "trust.sh", "python": "report.py", "js": "report.mjs", "java": "Report.java", "r": "report.R"}
PROGRAMS = {"curl": ("bash", "-euo", "pipefail"), "python": (DEBIAN_PYTHON,), "js": ("node", "--no-warnings"), "java": ("java",), "r": ("Rscript",)}
TRUST = ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")


def marked(page):
    """(kind, text) of each block of the page that is run here."""
    return re.findall(r"^<!-- run by tests/clients: (\w+) -->\n+```\w+\n(.*?)^```$", (PAGES / page).read_text(), re.MULTILINE | re.DOTALL)


class WithPrograms(TestCase):
    def setUp(self):
        self.secret = canary("reports")
        self.folder_of_programs = self.folder()

    def run_program(self, kind, text, **environment):
        """What the program prints."""
        file = pathlib.Path(self.folder_of_programs, FILES[kind])
        file.write_text(text)
        inherited = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        done = subprocess.run([*PROGRAMS[kind], file.name], cwd=self.folder_of_programs, env={**inherited, "CLIENT_SECRET": self.secret, **environment},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, f"{kind}: {done.stdout}{done.stderr}")
        return done.stdout


class Pages(WithPrograms):
    def test_every_page_with_such_blocks_is_read_here(self):
        self.assertEqual({page.name for page in PAGES.glob("*.md") if marked(page.name)}, {"from-a-program.md", "bi-tools.md"})

    def cost(self):
        """The number that the programs print, as the upstream itself has it."""
        fields = {"Authorization": f"Bearer {self.pages_simulator.token()}"}
        return request(self.pages_simulator.port, overview(dateStart="2026-01-01", dateEnd="2026-01-31"), fields=fields).json()["grossCost"]

    def all_print_the_number(self, base, **environment):
        programs = [(kind, text) for kind, text in marked("from-a-program.md") if kind != "keytool"]
        self.assertEqual({kind for kind, _ in programs}, {"curl", "python", "js", "java", "r"})
        printed = [(kind, float(self.run_program(kind, text, ROKT_API=base, **environment))) for kind, text in programs]
        self.assertEqual({number for _, number in printed}, {self.cost()}, printed)
        calls = sum(count for target, count in self.pages_simulator.ledger()["by_target"].items() if "/overview" in target)
        self.assertEqual(calls, 2, "one for all programs, and the test's own")

    def test_each_prints_the_number_for_one_upstream_call(self):
        self.pages_simulator, daemon = self.pair(tables=client("reports", self.secret))
        self.all_print_the_number(f"http://127.0.0.1:{daemon.port}", OAUTHLIB_INSECURE_TRANSPORT="1")

    def test_each_does_so_over_tls_as_the_page_says(self):
        certificate, key = own_certificate(self.folder_of_programs)
        port = free_port()
        self.pages_simulator, _ = self.pair(tables=client("reports", self.secret) + tls_table(certificate, key, f"127.0.0.1:{port}"))
        [(_, keytool)] = [pair for pair in marked("from-a-program.md") if pair[0] == "keytool"]
        store = subprocess.run(["bash", "-euc", keytool + "printenv JAVA_TOOL_OPTIONS"], cwd=self.folder_of_programs, capture_output=True, text=True, check=True)
        self.all_print_the_number(f"https://localhost:{port}", JAVA_TOOL_OPTIONS=store.stdout.splitlines()[-1], **dict.fromkeys(TRUST, certificate))


class BiTools(WithPrograms):
    def guarded(self):
        self.pages_simulator, daemon = self.pair(tables=client("reports", self.secret))
        return daemon

    def block(self, kind):
        [text] = [text for name, text in marked("bi-tools.md") if name == kind]
        return text

    def rows(self, daemon, target, **fields):
        reply = request(daemon.port, target, fields={"Authorization": basic("reports", self.secret), **fields})
        self.assertEqual(reply.status, 200, reply)
        return reply.json()["items"]

    def parse(self, query):
        return subprocess.run(["node", HERE / "parse_power_query.mjs"], input=query, env={**os.environ, "CLIENT_MODULES": str(BUILT)}, capture_output=True,
                              text=True, timeout=60, check=False)

    def test_power_query_reads_the_query(self):
        query = self.block("m")
        done = self.parse(query)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotEqual(self.parse(query.replace("]),", "),", 1)).returncode, 0)

    def test_the_address_of_the_query_answers_rows(self):
        """Which Power Query makes of the parts so, with every reserved character encoded."""
        query = self.block("m")
        path = re.search(r'RelativePath = "(.*)"', query)[1]
        given = dict(re.findall(r"^ {12}(\w+) = (.*?),?$", query, re.MULTILINE))
        days = {"dateStart": "2026-01-01", "dateEnd": "2026-01-30"}
        self.assertEqual({name for name, value in given.items() if value.startswith("Day(")}, set(days))
        values = {name: days.get(name, value.strip('"')) for name, value in given.items()}
        encoded = "&".join(f"{name}={urllib.parse.quote(value, safe='')}" for name, value in values.items())
        daemon = self.guarded()
        self.assertGreater(len(self.rows(daemon, f"/{path}?{encoded}")), 1)
        # Shown with Basic it may also be shown in the address.
        reply = request(daemon.port, f"/{path}?{encoded}&api_key=reports:{self.secret}")
        self.assertTrue(reply.is_hit, reply)

    def test_the_address_for_grafana_answers_rows(self):
        filled = self.block("address").strip().replace("${__from:date:YYYY-MM-DD}", "2026-01-01").replace("${__to:date:YYYY-MM-DD}", "2026-01-30")
        self.assertNotIn("$", filled)
        self.assertGreater(len(self.rows(self.guarded(), filled.removeprefix(LOOPBACK))), 1)

    def test_the_file_has_the_rows_of_the_report(self):
        daemon = self.guarded()
        self.run_program("python", self.block("python"), ROKT_API=f"http://127.0.0.1:{daemon.port}")
        target = REPORT + "/breakdown?dateStart=2026-01-01&dateEnd=2026-01-31&currency=USD&timeZoneVariation=America/New_York&groupby=creative"
        rows = self.rows(daemon, target)
        with open(pathlib.Path(self.folder_of_programs, "rokt.csv"), newline="", encoding="utf-8") as file:
            self.assertEqual([float(row["grossCost"]) for row in csv.DictReader(file)], [row["grossCost"] for row in rows])
        with contextlib.closing(sqlite3.connect(pathlib.Path(self.folder_of_programs, "rokt.db"))) as database:
            costs = database.execute("select creativeName, grossCost from breakdown").fetchall()
        self.assertEqual(costs, [(row["creativeName"], row["grossCost"]) for row in rows])


if __name__ == "__main__":
    unittest.main(verbosity=2)
