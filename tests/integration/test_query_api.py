"""The Query API: questions in the content of a POST, kept and shared as reports are."""
import json
import pathlib
import sqlite3

from clients import basic, client
from harness import STALE_AT_ONCE, TestCase, overview, request, until_stale, wait_until

ACCOUNTS = "/v1/query/accounts"
JSON = {"Content-Type": "application/json"}


def campaigns(account=7):
    return f"{ACCOUNTS}/{account}/campaigns/"


def transactions(account=7):
    return f"{ACCOUNTS}/{account}/transactions"


def question(**changes):
    """By campaign, in a settled month; a value of None leaves the member out."""
    members = {"startDate": "2025-03-01", "endDate": "2025-03-31", "metrics": ["impressions", "gross_cost"], "dimensions": ["campaign"],
               "timezoneVariation": "America/New_York", "currencyCode": "USD"}
    members.update(changes)
    return {name: value for name, value in members.items() if value is not None}


def ask(proxy, path, content, fields=None, **options):
    body = content if isinstance(content, (str, bytes)) else json.dumps(content)
    return request(proxy.port, path, "POST", {**JSON, **(fields or {})}, body, **options)


class QueryApi(TestCase):
    def run_of_a_client(self, proxy):
        """As a connector does it: the accounts, what can be asked for, campaigns by day, transactions."""
        account = next(one["accountId"] for one in proxy.get(ACCOUNTS).json() if one["accountId"] == "7")
        self.assertEqual(proxy.get(f"{ACCOUNTS}/{account}").json()["accountId"], account)
        rows = {}
        for kind, path in (("campaigns", f"{ACCOUNTS}/{account}/campaigns/"), ("transactions", f"{ACCOUNTS}/{account}/transactions")):
            known = proxy.get(f"{ACCOUNTS}/{account}/{kind}/help").json()
            content = question(interval="day", metrics=[one["slug"] for one in known["metrics"]], dimensions=[known["dimensions"][0]["slug"]])
            reply = ask(proxy, path, content)
            self.assertEqual(reply.status, 200, reply)
            rows[kind] = reply.json()["data"]
            self.assertTrue(all("datetime" in row for row in rows[kind]))
        return rows

    def test_a_second_run_of_a_client_costs_nothing(self):
        upstream, proxy = self.pair("--end-date", "inclusive")
        first = self.run_of_a_client(proxy)
        spent = upstream.ledger()["total"]
        self.assertEqual(spent, 6)
        self.assertEqual(self.run_of_a_client(proxy), first)
        self.assertEqual(upstream.ledger()["total"], spent)
        # The same month by the old routes: both APIs tell the same.
        summary = proxy.get("/reporting/accounts/7/summary?dateStart=2025-03-01&dateEnd=2025-03-31&currency=USD&timeZoneVariation=America/New_York").json()
        self.assertEqual(sum(row["impressions"] for row in first["campaigns"]), summary["campaignsSummary"]["impressions"])
        self.assertEqual(sum(row["purchases"] for row in first["transactions"]), summary["transactionsSummary"]["purchases"])

    def test_spellings_of_one_question_are_one_key(self):
        upstream, proxy = self.pair()
        members = list(question(dimensionFilters={"country": ["US"], "campaign": ["1", "2"]}).items())
        spellings = []
        for turn in range(len(members)):
            turned = dict(members[turn:] + members[:turn])
            spellings += [json.dumps(turned), json.dumps(turned, separators=(",", ":")), json.dumps(turned, indent=3).replace("\n", "\r\n"),
                          json.dumps(turned).replace("2025", "\\u0032025").replace("/", "\\/"),
                          json.dumps({**turned, "dimensionFilters": dict(reversed(turned["dimensionFilters"].items()))})]
        self.assertGreaterEqual(len(spellings), 30)
        bodies = set()
        for number, spelling in enumerate(spellings):
            path = campaigns() if number % 2 else campaigns().rstrip("/")
            fields = {"Content-Type": ("application/json", "Application/JSON; charset=utf-8")[number % 2]}
            reply = ask(proxy, path, spelling, fields)
            self.assertEqual((reply.status, reply.is_hit), (200, number > 0), spelling)
            bodies.add(reply.body)
        self.assertEqual(len(bodies), 1)
        ledger = upstream.ledger()
        self.assertEqual(ledger["total"], 1)
        self.assertEqual(list(ledger["by_target"]), [f"POST {campaigns()}"])

    def test_near_questions_are_keys_of_their_own(self):
        upstream, proxy = self.pair()
        changes = [{}, {"startDate": "2025-03-02"}, {"endDate": "2025-03-30"}, {"endDate": "2025-03-31T23:59:59.000"}, {"startDate": "2025-03-01T00:00:00.000"},
                   {"metrics": ["impressions"]}, {"metrics": ["gross_cost", "impressions"]}, {"metrics": ["impressions", "net_cost"]},
                   {"dimensions": ["country"]}, {"dimensions": ["campaign", "country"]}, {"dimensions": ["country", "campaign"]}, {"dimensions": []},
                   {"dimensions": None}, {"timezoneVariation": "America/Chicago"}, {"timezoneVariation": None}, {"currencyCode": "EUR"},
                   {"currencyCode": None}, {"interval": "day"}, {"dimensionFilters": {}}, {"dimensionFilters": {"campaign": ["1"]}},
                   {"dimensionFilters": {"campaign": ["1", "2"]}}, {"dimensionFilters": {"campaign": ["2", "1"]}},
                   {"dimensionFilters": {"country": ["US"]}}, {"orderBys": []}, {"orderBys": [{"column": "campaign", "direction": "asc"}]},
                   {"orderBys": [{"column": "campaign", "direction": "desc"}]}, {"orderBys": [{"column": "campaign"}]}, {"limit": 1}, {"limit": "1"}, {"limit": 1.0}]
        self.assertEqual(len(changes), 30)
        for change in changes:
            reply = ask(proxy, campaigns(), question(**change))
            self.assertEqual((reply.status, reply.is_hit), (200, False), change)
        for path, fields in ((campaigns(8), {}), (campaigns() + "?a=1", {}), (campaigns(), {"rokt-version": "alpha-1"})):
            self.assertFalse(ask(proxy, path, question(), fields).is_hit)
        self.assertEqual(upstream.ledger()["total"], 33)

    def test_many_at_once_are_one_fetch(self):
        upstream, proxy = self.pair()
        replies = proxy.share_one_fetch(upstream, 200, lambda _: ask(proxy, campaigns(), question()), "/v1/query")
        self.assertEqual({reply.status for reply in replies}, {200})
        self.assertEqual(upstream.ledger()["total"], 1)

    def test_a_question_is_retried_as_a_get_is(self):
        upstream, proxy = self.pair(upstream_max_retries="2")
        proxy.wait_for_token()
        for kind in ({"kind": "status", "status": 503}, {"kind": "reset"}):
            upstream.faults({"path_prefix": "/v1/query", "count": 1, **kind})
            self.assertEqual(ask(proxy, campaigns(), question(limit=len(kind))).status, 200)
        self.assertEqual(upstream.ledger()["total"], 4)

    def test_what_is_no_question_costs_nothing(self):
        upstream, proxy = self.pair()
        mistakes = [
            ("", {}, 400, "content: "), ("[]", {}, 400, "content: is no JSON object"), ('{"a":1', {}, 400, "content: is no JSON"),
            ('{"a":1,"\\u0061":2}', {}, 400, 'member "a" comes more than once'), ('{"timeZoneVariation":"UTC"}', {}, 400, "timezoneVariation"),
            ('{"dateStart":"2025-03-01"}', {}, 400, "startDate"), ("{}", {"Content-Type": "text/plain"}, 415, "application/json"),
            ("{}", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "application/json"),
            ('{"a":"' + "x" * 65536 + '"}', {}, 413, "65536"), ("{}", {"rokt-version": "a b"}, 400, "rokt-version")]
        for content, fields, status, words in mistakes:
            reply = ask(proxy, campaigns(), content, fields)
            self.assertEqual(reply.status, status, (content[:40], reply))
            self.assertIn(words, reply.problem()["detail"])
        self.assertEqual(ask(proxy, campaigns() + "?a=1&a=2", question()).status, 400)
        self.assertEqual(upstream.ledger()["total"], 0)

    def test_other_methods_and_paths_are_none(self):
        _, proxy = self.pair()
        reply = proxy.get(campaigns())
        self.assertEqual((reply.status, reply.fields["allow"]), (405, "POST"))
        self.assertEqual(request(proxy.port, campaigns(), "PUT", JSON, "{}").status, 405)
        self.assertEqual(request(proxy.port, ACCOUNTS, "POST", JSON, "{}").status, 405)
        self.assertEqual(proxy.get(f"{ACCOUNTS}/7/campaigns/help/").status, 404)
        self.assertEqual(request(proxy.port, campaigns() + "/", "POST", JSON, "{}").status, 404)
        self.assertEqual(request(proxy.port, f"{ACCOUNTS}/7/", "GET").status, 404)

    def test_the_answer_tells_what_any_report_tells(self):
        _, proxy = self.pair()
        first = ask(proxy, campaigns(), question())
        second = ask(proxy, campaigns(), question())
        self.assertEqual(second.body, first.body)
        self.assertEqual(second.fields["report-state"], "settled")
        self.assertTrue({"age", "etag", "cache-status"} <= set(second.fields))
        # These conditions speak of GET and HEAD alone (RFC 9110, section 13.1.2).
        again = ask(proxy, campaigns(), question(), {"If-None-Match": second.fields["etag"]})
        self.assertEqual((again.status, again.body), (200, first.body))
        # An end without a zone is that of the last clock on earth, and that month is over there, too.
        self.assertEqual(ask(proxy, campaigns(), question(timezoneVariation=None)).fields["report-state"], "settled")
        self.assertEqual(ask(proxy, campaigns(), question(endDate="2030-01-01")).fields["report-state"], "open")

    def test_no_store_is_not_kept_and_no_cache_asks_again(self):
        upstream, proxy = self.pair(freshness_min_refetch_interval="0ms")
        ask(proxy, campaigns(), question(), {"Cache-Control": "no-store"})
        self.assertFalse(ask(proxy, campaigns(), question()).is_hit)
        self.assertFalse(ask(proxy, campaigns(), question(), {"Cache-Control": "no-cache"}).is_hit)
        self.assertEqual(upstream.ledger()["total"], 3)
        self.assertEqual(ask(proxy, campaigns(), question(limit=1), {"Cache-Control": "only-if-cached"}).status, 504)

    def test_a_changed_query_time_is_no_restatement(self):
        upstream, proxy = self.pair(**STALE_AT_ONCE)
        first = ask(proxy, campaigns(), question())
        until_stale()
        second = ask(proxy, campaigns(), question())
        self.assertNotEqual(first.json()["queryTimeMs"], second.json()["queryTimeMs"])
        self.assertEqual(first.json()["data"], second.json()["data"])
        self.assertEqual(upstream.ledger()["total"], 2)
        entries = request(proxy.admin_port, "/entries").json()["entries"]
        self.assertEqual([(entry["route"], entry["restated"]) for entry in entries], [("query-campaigns", None)])

    def test_a_question_is_asked_again_without_a_condition(self):
        """To a POST whose condition fails the answer is 412, and no report (RFC 9110, section 13.1.2)."""
        upstream, proxy = self.pair("--entity-tags", **STALE_AT_ONCE)
        for turn in range(3):
            self.assertEqual(ask(proxy, campaigns(), question()).status, 200, turn)
            until_stale()
        self.assertEqual(upstream.ledger()["by_status"], {"200": 3})

    def test_a_purge_takes_both_spellings_of_the_last_slash(self):
        token = pathlib.Path(self.folder(), "token")
        token.touch(0o600)
        token.write_text("a-token-for-admin-0123456789", encoding="ascii")
        _, proxy = self.pair(admin_token_file=token)
        fields = {**JSON, "Authorization": "Bearer a-token-for-admin-0123456789"}
        for path, metric in ((campaigns(), "impressions"), (transactions(), "revenue")):
            for spelling in (path.rstrip("/"), path.rstrip("/") + "/"):
                self.assertEqual(ask(proxy, path, question(metrics=[metric], dimensions=[])).status, 200)
                reply = request(proxy.admin_port, "/purge", "POST", fields, json.dumps({"target": spelling}))
                self.assertEqual((reply.status, reply.json()["purged"] >= 1), (200, True), spelling)

    def test_a_restart_keeps_them_and_the_file_tells_the_question(self):
        folder = self.folder()
        upstream = self.simulator()
        proxy = self.daemon(upstream, folder)
        ask(proxy, transactions(), question(metrics=["revenue"], dimensions=["age"]))
        proxy.stop()
        file = sqlite3.connect(f"{folder}/cache.db")
        route, other = file.execute("select route, other_parameters from responses where path = ?", [transactions()]).fetchone()
        file.close()
        self.assertEqual(route, "query-transactions")
        self.assertEqual(json.loads(other), question(metrics=["revenue"], dimensions=["age"]))
        again = self.daemon(upstream, folder)
        self.assertTrue(ask(again, transactions() + "/", question(metrics=["revenue"], dimensions=["age"])).is_hit)
        self.assertEqual(upstream.ledger()["total"], 1)

    def test_a_purge_reaches_them_by_account_route_and_target(self):
        token = pathlib.Path(self.folder(), "token")
        token.touch(0o600)
        token.write_text("a-token-for-admin-0123456789", encoding="ascii")
        _, proxy = self.pair(admin_token_file=token)
        for selection in ({"account": "7"}, {"route": "query-campaigns"}, {"target": campaigns()}):
            ask(proxy, campaigns(), question())
            ask(proxy, campaigns(8), question())
            wait_until(lambda: ask(proxy, campaigns(), question()).is_hit, "it is stored")
            reply = request(proxy.admin_port, "/purge", "POST", {**JSON, "Authorization": "Bearer a-token-for-admin-0123456789"}, json.dumps(selection))
            self.assertEqual(reply.status, 200, reply)
            self.assertGreaterEqual(reply.json()["purged"], 1)
            self.assertFalse(ask(proxy, campaigns(), question()).is_hit, selection)

    def test_a_limited_client_reaches_its_own_accounts_by_id_alone(self):
        upstream, proxy = self.pair(tables=client("alice", "hers", accounts='["7"]'))
        alice = {"Authorization": basic("alice", "hers")}
        self.assertEqual(ask(proxy, campaigns(), question(), alice).status, 200)
        self.assertEqual(request(proxy.port, f"{ACCOUNTS}/7", fields=alice).status, 200)
        spent = upstream.ledger()["total"]
        self.assertEqual(ask(proxy, campaigns(8), question(), alice).status, 403)
        self.assertEqual(request(proxy.port, ACCOUNTS, fields=alice).status, 403)
        self.assertEqual(upstream.ledger()["total"], spent)

    def test_both_trees_are_served_side_by_side(self):
        _, proxy = self.pair()
        self.assertEqual(proxy.get(overview()).status, 200)
        self.assertEqual(ask(proxy, campaigns(), question()).status, 200)
        routes = {row.get("route") for row in request(proxy.admin_port, "/entries").json()["entries"]}
        self.assertEqual(routes, {"campaign-overview", "query-campaigns"})
