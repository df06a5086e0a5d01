"""CSV and NDJSON of cached answers, and addresses that move with the day, as tools ask for them."""
import csv
import datetime
import io
import json
import pathlib
import random
import zoneinfo

from harness import STALE_AT_ONCE, TestCase, in_parallel, overview, query, request, run_command, until_stale
from test_upstream_wire import Upstream, answer

CSV = "roktcached-format=csv"
ROWS = [{"campaignId": "12345678901234567", "name": "Smith, Jones & \"Co\"", "cost": 10.10, "note": ""},
        {"campaignId": "12345678901234568", "name": "Größe\n2", "cost": 1e-7, "note": None, "tags": ["a", "b"]}]


def table(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def breakdown(**changes):
    return "/reporting/accounts/12/campaigns/breakdown?" + query(groupby="country", **changes)


class Formats(TestCase):
    def custom(self, body, **settings):
        """A daemon before an upstream that answers with this."""
        upstream = Upstream()
        upstream.report = answer(body)
        return upstream, self.daemon(self.serve(upstream), **settings)

    def test_each_route_in_each_form_is_one_call(self):
        upstream, proxy = self.pair()
        report = query()
        targets = ["/reporting/accounts/12/summary?" + report, breakdown(), overview(), "/reporting/accounts/12/campaigns/3/histogram?" + report,
                   "/metadata/accounts/12/campaigns/3", "/v1/query/accounts", "/v1/query/accounts/7"]
        for number, target in enumerate(targets, 1):
            whole = proxy.get(target)
            self.assertEqual(whole.status, 200, whole)
            mark = "&" if "?" in target else "?"
            for reply in (proxy.get(target + mark + CSV), proxy.get(target, Accept="text/csv")):
                self.assertEqual((reply.status, reply.is_hit, reply.fields["content-type"]), (200, True, "text/csv; charset=utf-8; header=present"))
                got = table(reply.body.decode())
            lines = proxy.get(target + mark + "roktcached-format=ndjson")
            self.assertEqual(lines.fields["content-type"], "application/x-ndjson")
            objects = [json.loads(line) for line in lines.body.decode().splitlines()]
            text = whole.body.decode()
            parsed = json.loads(text if text.startswith("[") else f"[{text}]")
            if len(parsed) == 1 and isinstance(parsed[0].get("items", parsed[0].get("data")), list):
                parsed = parsed[0].get("items", parsed[0].get("data"))
            self.assertEqual(objects, parsed)
            self.assertEqual(len(got), len(parsed))
            for row, wanted in zip(got, parsed):
                for name, value in wanted.items():
                    cell = row[name]
                    self.assertEqual(json.loads(cell) if not isinstance(value, str) and value is not None else cell, value if value is not None else "")
            self.assertEqual(proxy.get(target).body, whole.body)
            self.assertEqual(upstream.ledger()["total"], number)

    def test_head_and_conditions(self):
        upstream, proxy = self.pair()
        target = overview() + "&" + CSV
        whole = proxy.get(target)
        tag = whole.fields["etag"]
        self.assertTrue(tag.endswith('-csv"'), tag)
        head = request(proxy.port, target, "HEAD")
        self.assertEqual((head.status, head.body, head.fields["content-length"]), (200, b"", str(len(whole.body))))
        self.assertEqual(proxy.get(target, If_None_Match=tag).status, 304)
        self.assertEqual(proxy.get(overview(), If_None_Match=tag).status, 200)
        ranged = proxy.get(target, Range="bytes=0-3")
        self.assertEqual((ranged.status, ranged.body), (200, whole.body))
        self.assertEqual(upstream.ledger()["total"], 1)

    def test_text_to_text(self):
        _, proxy = self.custom(json.dumps({"items": ROWS}).encode().replace(b"10.1,", b"10.10,"))
        text = proxy.get(overview() + "&" + CSV).body.decode()
        self.assertIn('"12345678901234567",', text)
        self.assertIn(",10.10,", text)
        rows = table(text)
        self.assertEqual(rows[0]["name"], ROWS[0]["name"])
        self.assertEqual((rows[1]["name"], rows[1]["cost"], json.loads(rows[1]["tags"])), ("Größe\n2", "1e-07", ["a", "b"]))
        excel = proxy.get(overview() + "&roktcached-format=csv;excel").body
        self.assertTrue(excel.startswith(b"\xef\xbb\xbfcampaignId,"), excel[:20])

    def test_a_long_answer_comes_whole_in_pieces(self):
        rows = [{"id": str(10**16 + number), "name": f"campaign, {number}", "cost": number / 8} for number in range(120_000)]
        upstream, proxy = self.custom(json.dumps({"data": rows}).encode())
        replies = in_parallel(6, lambda n: proxy.get(overview() + "&" + CSV))
        for reply in replies:
            self.assertEqual((reply.status, reply.fields.get("transfer-encoding")), (200, "chunked"))
            self.assertEqual(reply.body, replies[0].body)
        got = table(replies[0].body.decode())
        self.assertEqual([(row["id"], row["name"], float(row["cost"])) for row in got], [(row["id"], row["name"], row["cost"]) for row in rows])
        self.assertEqual(len(upstream.seen), 1)

    def test_kept_forms_hold_up_no_miss(self):
        """As many as are kept would leave a long answer no room: they can be made again, and go."""
        def rows(count):
            return json.dumps([{"id": number, "name": random.randbytes(20).hex()} for number in range(count)]).encode()

        upstream, proxy = self.custom(rows(1600), cache_max_memory="16MiB", cache_max_transient="1MiB", upstream_max_response="512KiB")
        for campaign in range(170):  # more than memory has room for
            for form in ("csv", "ndjson", "csv;excel"):
                self.assertEqual(proxy.get(overview(campaign) + "&roktcached-format=" + form).status, 200)
        long = rows(6600)
        self.assertGreater(len(long), 400_000)
        upstream.report = answer(long)
        for campaign in range(1000, 1012):
            reply = proxy.get(overview(campaign))
            self.assertEqual((reply.status, len(reply.body)), (200, len(long)), reply.body[:200])

    def test_what_is_no_table_says_why(self):
        _, proxy = self.custom(b'["a", "b"]')
        reply = proxy.get(overview(), Accept="text/csv")
        self.assertEqual((reply.status, reply.problem()["type"]), (406, "urn:roktcached:not-acceptable"))
        self.assertIn("element 1 of it is a string", reply.json()["detail"])
        self.assertTrue(proxy.get(overview()).is_hit)

    def test_an_answer_that_is_too_large_is_no_table(self):
        _, proxy = self.custom(json.dumps([{"name": "x" * 1000}] * 700).encode(), upstream_max_response="512KiB")
        reply = proxy.get(overview() + "&" + CSV)
        self.assertEqual(reply.status, 406)
        self.assertIn("upstream.max_response", reply.json()["detail"])
        self.assertEqual(request(proxy.port, overview() + "&" + CSV, "HEAD").status, 406)
        self.assertEqual(proxy.get(overview()).status, 200)

    def test_bad_parameters_are_named(self):
        upstream, proxy = self.pair()
        for more, named in (("roktcached-format=xls", '"xls"'), ("roktcached-formt=csv", '"roktcached-formt"'), ("Roktcached-Format=csv", "accepted"),
                            ("roktcached-format=csv&roktcached-columns=fetchedat", '"fetchedat"'), ("roktcached-columns=route", "the answer is JSON"),
                            ("roktcached-dates=yesterday", "besides dateStart")):
            reply = proxy.get(overview() + "&" + more)
            self.assertEqual((reply.status, reply.problem()["type"]), (400, "urn:roktcached:invalid-request"), more)
            self.assertIn(named, reply.json()["detail"])
        self.assertEqual(upstream.ledger()["total"], 0)

    def test_dates_that_move_are_those_of_the_zone(self):
        upstream, proxy = self.pair()
        for name in ("Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago"):
            target = f"/reporting/accounts/12/summary?currency=USD&timeZoneVariation={name}&roktcached-dates=last_7d"
            before = datetime.datetime.now(zoneinfo.ZoneInfo(name)).date()
            chosen = proxy.get(target).fields["report-range"]
            if datetime.datetime.now(zoneinfo.ZoneInfo(name)).date() == before:
                first, last = before - datetime.timedelta(days=7), before - datetime.timedelta(days=1)
                self.assertEqual(chosen, f"{first}T00:00:00.000/{last}T23:59:59.000")
            start, end = chosen.split("/")
            by_hand = f"/reporting/accounts/12/summary?currency=USD&timeZoneVariation={name}&dateStart={start}&dateEnd={end}"
            self.assertTrue(proxy.get(by_hand).is_hit)
        self.assertEqual(upstream.ledger()["total"], 3)

    def test_the_other_tools_know_such_an_address(self):
        token = pathlib.Path(self.folder(), "token")
        token.write_text("an-admin-token-of-tests\n")
        token.chmod(0o600)
        _, proxy = self.pair(admin_token_file=token)
        target = overview() + "&" + CSV + "&roktcached-columns=fetched_at"
        proxy.get(target)
        admin = {"ROKTCACHED_ADMIN_ADDRESS": f"127.0.0.1:{proxy.admin_port}", "ROKTCACHED_ADMIN_TOKEN_FILE": str(token)}
        explained = run_command("explain", target, **admin)
        self.assertIn("campaign-overview", explained.stdout)
        self.assertNotIn(CSV, explained.stdout.split("key", 1)[-1].splitlines()[0])
        purged = run_command("purge", "--target", target, **admin)
        self.assertEqual(purged.returncode, 0, purged.stderr)
        self.assertFalse(proxy.get(target).is_hit)

    def test_new_numbers_are_new_rows(self):
        upstream, proxy = self.custom(b'[{"a":1}]', **STALE_AT_ONCE)
        self.assertEqual(proxy.get(overview() + "&" + CSV).body, b"a\r\n1\r\n")
        upstream.report = answer(b'[{"a":2}]')
        until_stale()
        proxy.get(overview(), Cache_Control="max-age=0")
        self.assertEqual(proxy.get(overview() + "&" + CSV).body, b"a\r\n2\r\n")
