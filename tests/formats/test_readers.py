"""CSV of the real binary in LibreOffice, pandas, R and DuckDB: each id of 17 digits, each decimal and each comma of a name is right there.

Run by tests/formats/run.sh, which fetches the readers.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

# pylint: disable=wrong-import-position
from harness import TestCase, environment_with, overview
from test_upstream_wire import Upstream, answer

# As the upstream writes them: ids as text and as numbers, decimals that no double has, names with all that CSV knows.
NAMES = ["Smith, Jones & Co", 'The "best" one', "Größe 日本", "two\nlines", "=1+1", "@home", " edges "]
DECIMALS = ["10.10", "0.1", "44638.223000", "-0.05", "1234567.89", "0.3", "7"]
IDS = [str(12345678901234560 + number) for number in range(len(NAMES))]
BODY = '{"items":[' + ",".join(
    f'{{"campaignId":"{one}","audienceId":{one},"name":{json.dumps(name)},"cost":{cost}}}' for one, name, cost in zip(IDS, NAMES, DECIMALS)) + "]}"
PANDAS = """
import json, pandas, sys
table = pandas.read_csv(sys.argv[1], float_precision="round_trip")
print(json.dumps([[str(one) for one in row] for row in table.itertuples(index=False)]))
"""
R = """
options(digits = 15)
table <- read.csv(commandArgs(TRUE)[1], numerals = "no.loss", stringsAsFactors = FALSE)
for (row in seq_len(nrow(table))) for (column in table) writeLines(encodeString(as.character(column[row])))
"""


def run(*command, **environment):
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment_with(**environment), check=False)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    return ended.stdout


class Readers(TestCase):
    def setUp(self):
        upstream = Upstream()
        upstream.report = answer(BODY.encode())
        self.proxy = self.daemon(self.serve(upstream))
        self.at = pathlib.Path(self.folder())

    def file(self, form, more=""):
        reply = self.proxy.get(f"{overview()}&roktcached-format={form}{more}")
        self.assertEqual(reply.status, 200, reply)
        path = self.at / "report.csv"
        path.write_bytes(reply.body)
        return path

    def expect(self, rows, names=NAMES):
        """Rows of text."""
        self.assertEqual([row[0] for row in rows], IDS)
        self.assertEqual([row[1] for row in rows], IDS)
        self.assertEqual([row[2] for row in rows], names)
        self.assertEqual([float(row[3]) for row in rows], [float(one) for one in DECIMALS])

    def test_pandas(self):
        self.expect(json.loads(run("/usr/bin/python3", "-c", PANDAS, str(self.file("csv")))))

    def test_r(self):
        script = self.at / "read.R"
        script.write_text(R)
        printed = run("Rscript", str(script), str(self.file("csv")), LC_ALL="C.UTF-8").splitlines()
        names = [name.replace("\n", "\\n").replace('"', '"') for name in NAMES]
        self.expect([printed[begin:begin + 4] for begin in range(0, len(printed), 4)], names)

    def test_duckdb(self):
        rows = json.loads(run("node", str(HERE / "read_in_duckdb.mjs"), str(self.file("csv"))))
        self.assertEqual(list(rows[0]), ["campaignId", "audienceId", "name", "cost"])
        self.expect([list(row.values()) for row in rows])

    def in_libreoffice(self, path, *options):
        """The cells as LibreOffice takes them: the text of each, or the number that it has made of it."""
        run("soffice", "--headless", f"-env:UserInstallation=file://{self.at}/profile", *options, "--convert-to", "fods", "--outdir", str(self.at), str(path), LC_ALL="C.UTF-8")
        space = {"table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0", "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0"}
        office = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
        document = xml.etree.ElementTree.parse(path.with_suffix(".fods"))
        rows = []
        for row in document.iterfind(".//table:table-row", space):
            cells = []
            for cell in row.iterfind("table:table-cell", space):
                text = "\n".join("".join(line.itertext()) for line in cell.iterfind("text:p", space))
                cells.append(cell.get(office + "value") or text)
            rows.append(cells)
        return rows[1:]

    def test_libreoffice_needs_to_be_told_nothing_of_the_spreadsheets_form(self):
        # But the character set: its dialog finds the byte order mark, a conversion without a screen does not look for one.
        rows = self.in_libreoffice(self.file("csv;excel"), "--infilter=CSV:44,34,76,1")
        guarded = ["'" + name if name[0] in "=+-@" else name for name in NAMES]
        for row in rows:
            row[2] = row[2].strip()  # it writes a space as an element of its own
        self.expect(rows, [name.strip() for name in guarded])

    def test_libreoffice_takes_quoted_cells_of_the_plain_form_for_text(self):
        rows = self.in_libreoffice(self.file("csv"), "--infilter=CSV:44,34,76,1,,1033,true")
        self.assertEqual([row[0] for row in rows], IDS)
        self.assertEqual([float(row[3]) for row in rows], [float(one) for one in DECIMALS])

    def test_columns_beside_the_answers(self):
        more = "&roktcached-columns=fetched_at,report_state,route,date_start,date_end,currency,time_zone"
        rows = json.loads(run("node", str(HERE / "read_in_duckdb.mjs"), str(self.file("csv", more))))
        self.assertEqual([rows[0][name] for name in ("report_state", "route", "currency", "time_zone")], ["settled", "campaign-overview", "USD", "America/New_York"])
        self.assertRegex(rows[0]["fetched_at"], r"^2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d")

    def tearDown(self):
        shutil.rmtree(self.at / "profile", ignore_errors=True)
