"""Every route, its fields, its key, and what a client sees of the cache."""
import hashlib
import pathlib
import unittest

from harness import ZONE, TestCase, overview, query, request, route, run_command, wait_until

CAMPAIGN = {"grossCost", "netCost", "impressions", "referrals", "acquisitionsByConversionDate", "acquisitionsByReferralDate",
            "campaigns", "creatives", "audiences", "campaignCountries"}
CREATIVE = {"grossCost", "netCost", "impressions", "referrals", "uniqueReferrals", "acquisitionsByConversionDate",
            "acquisitionsByReferralDate", "creatives", "audiences"}
TRANSACTIONS = {"revenue", "transactions", "placementImpressions", "impressions", "referrals", "rpt", "rpm",
                "positivePlacementEngagements", "purchases"}
ACCOUNT_CAMPAIGNS = (CAMPAIGN - {"audiences"}) | {"Audiences", "groupByValue", "campaignName"}
R = "/reporting/accounts/12"
M = "/metadata/accounts/12/campaigns/3"
Q = query()

# path and query: the fields of the answer, or of each of its items
ROUTES = {
    f"{R}/campaigns/breakdown?{Q}": ACCOUNT_CAMPAIGNS,
    f"{R}/summary?{Q}": {"campaignsSummary", "transactionsSummary"},
    f"{R}/transactions/overview?{Q}": TRANSACTIONS,
    f"{R}/transactions/breakdown?{Q}&groupby=age": TRANSACTIONS | {"groupByValue"},
    f"{R}/campaigns/3/overview?{Q}": CAMPAIGN,
    f"{R}/campaigns/3/breakdown?{Q}&groupby=creative": CAMPAIGN | {"groupByValue", "creativeName"},
    f"{R}/campaigns/3/histogram?{Q}": CAMPAIGN | {"intervalTimestamp"},
    f"{R}/campaigns/3/creatives/2/overview?{Q}": CREATIVE,
    f"{R}/campaigns/3/creatives/2/breakdown?{Q}&groupby=audience": CREATIVE | {"groupByValue"},
    M: {"accountId", "campaignId", "campaignName", "campaignType", "campaignObjective", "countryCode", "status"},
    f"{M}/audiences/1": {"accountId", "campaignId", "audienceId", "name", "ageRange", "device", "gender"},
    f"{M}/creatives/2": {"accountId", "campaignId", "creativeId", "name", "title", "subtitle", "text", "responses", "status"},
}


# Once a route of the operator's own, and built in by now.
BUILT_IN = route("summary-of-ours", "/reporting/accounts/{id}/summary", inject_token=True)


class RoutesOfTheOperator(TestCase):
    def test_one_that_has_been_built_in_since_goes_on_working_as_it_was(self):
        upstream = self.simulator()
        proxy = self.daemon(upstream.port, tables=BUILT_IN)
        said = 'takes the place of the built-in route "account-summary"'
        wait_until(lambda: said in proxy.log(), "the start says so")
        proxy.wait_for_token()
        target = f"{R}/summary?{Q}"
        reply = proxy.get(target)
        self.assertEqual(reply.status, 200)
        self.assertNotIn("report-state", reply.fields, "RFC 9111 decides, as the operator wanted it")
        self.assertIn(f"GET {target}", upstream.ledger()["by_target"], "it goes upstream in the client's spelling")
        self.assertIn("report-state", proxy.get(f"{R}/campaigns/3/overview?{Q}").fields, "the others are as they were")
        wait_until(lambda: "route=summary-of-ours " in proxy.log(), "the access line names the operator's")

    def test_check_and_the_list_of_routes_name_it(self):
        folder = self.folder()
        path = pathlib.Path(folder, "own.toml")
        path.write_text(BUILT_IN)
        checked = run_command("check", "--no-secrets", "--config", str(path))
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertIn('warning: [[route]] "summary-of-ours" takes the place of the built-in route "account-summary"', checked.stderr)
        listed = run_command("routes", "--config", str(path)).stdout
        self.assertIn("summary-of-ours", listed)
        self.assertNotIn("account-summary", listed)
        explained = run_command("explain", f"{R}/summary?{Q}", "--config", str(path)).stdout
        self.assertRegex(explained, r"(?m)^route: +summary-of-ours$")


class Routes(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = TestCase()
        cls.upstream, cls.proxy = cls.base.pair()

    @classmethod
    def tearDownClass(cls):
        cls.base.doCleanups()

    def test_every_route_misses_once_then_hits_with_the_same_bytes_as_the_upstream(self):
        token = {"Authorization": f"Bearer {self.upstream.token()}"}
        for target, fields in ROUTES.items():
            with self.subTest(target):
                direct = request(self.upstream.port, target, fields=token)
                before = self.upstream.ledger()["by_target"].get(f"GET {target}", 0)
                miss = self.proxy.get(target)
                hit = self.proxy.get(target)
                self.assertEqual((direct.status, miss.status, hit.status), (200, 200, 200))
                self.assertRegex(miss.cache_status, r"^roktcached; fwd=miss; stored; ttl=\d+$")
                self.assertRegex(hit.cache_status, r"^roktcached; hit; ttl=\d+$")
                self.assertIn("age", hit.fields)
                self.assertNotIn("age", miss.fields)
                hashes = {hashlib.sha256(reply.body).hexdigest() for reply in (direct, miss, hit)}
                self.assertEqual(len(hashes), 1)
                self.assertEqual(miss.fields["etag"], hit.fields["etag"])
                self.assertEqual(miss.fields["content-type"], direct.fields["content-type"])
                document = hit.json()
                items = document.get("items", [document])
                self.assertTrue(items)
                for item in items:
                    self.assertEqual(set(item), fields)
                self.assertEqual(self.upstream.ledger()["by_target"][f"GET {target}"], before + 1)

    def test_reports_say_their_state(self):
        self.assertEqual(self.proxy.get(overview()).fields["report-state"], "settled")
        self.assertEqual(self.proxy.get(overview(dateEnd="2034-12-31")).fields["report-state"], "open")
        refused = self.proxy.get(overview(dateEnd="2099-01-01"))  # more than ten years
        self.assertEqual(refused.status, 400)
        self.assertNotIn("report-state", refused.fields)
        self.assertNotIn("report-state", self.proxy.get(M).fields)

    def test_parameter_order_and_needless_encoding_are_one_key(self):
        first = f"{R}/campaigns/4/overview?dateStart=2025-03-01T00:00:00.500&dateEnd=2025-03-31&currency=EUR&timeZoneVariation={ZONE}"
        other = f"{R}/campaigns/4/overview?timeZoneVariation={ZONE}&currency=%45UR&dateEnd=2025-03-31&dateStart=2025-03-01T00:00:00.5"
        self.assertIn("fwd=miss", self.proxy.get(first).cache_status)
        self.assertTrue(self.proxy.get(other).is_hit)

    def test_whatever_changes_the_answer_is_another_key(self):
        base = f"{R}/campaigns/5/breakdown?{Q}&groupby=creative"
        self.assertIn("fwd=miss", self.proxy.get(base).cache_status)
        others = {
            "groupby": f"{R}/campaigns/5/breakdown?{Q}&groupby=audience",
            "no groupby": f"{R}/campaigns/5/breakdown?{Q}",
            "currency": f"{R}/campaigns/5/breakdown?{query(currency='EUR')}&groupby=creative",
            "zone": f"{R}/campaigns/5/breakdown?{query(timeZoneVariation='Pacific/Honolulu')}&groupby=creative",
            "date spelling": f"{R}/campaigns/5/breakdown?{query(dateEnd='2025-03-31T00:00:00')}&groupby=creative",
            "account": base.replace("/12/", "/13/"),
            "campaign": base.replace("/5/", "/6/"),
            "unknown parameter": base + "&x=1",
            "unknown parameter's value": base + "&x=2",
        }
        for what, target in others.items():
            with self.subTest(what):
                self.assertIn("fwd=miss", self.proxy.get(target).cache_status)
        for fields in ({"rokt-version": "alpha-20200701"}, {"rokt-version": "latest"}):
            with self.subTest(fields):
                reply = request(self.proxy.port, base, fields=fields)
                self.assertIn("fwd=miss", reply.cache_status)
        self.assertTrue(request(self.proxy.port, base, fields={"rokt-version": "LATEST"}).is_hit)

    def test_head_and_conditional_requests(self):
        target = overview(campaign=7)
        head = request(self.proxy.port, target, "HEAD")
        self.assertEqual((head.status, head.body), (200, b""))
        got = self.proxy.get(target)
        self.assertTrue(got.is_hit)
        self.assertEqual(head.fields["content-length"], str(len(got.body)))
        unchanged = self.proxy.get(target, If_None_Match=got.fields["etag"])
        self.assertEqual((unchanged.status, unchanged.body), (304, b""))
        self.assertEqual(unchanged.fields["etag"], got.fields["etag"])
        changed = self.proxy.get(target, If_None_Match='"something-else"')
        self.assertEqual(changed.status, 200)

    def test_fields_of_every_answer(self):
        reply = self.proxy.get(overview(campaign=8), X_Request_Id="my-id.1")
        self.assertEqual(reply.fields["x-request-id"], "my-id.1")
        self.assertEqual(reply.fields["cache-control"], "private, no-cache")
        self.assertIn("date", reply.fields)
        made = self.proxy.get(overview(campaign=8), X_Request_Id="has spaces in it")
        self.assertRegex(made.fields["x-request-id"], r"^[0-9a-f]{32}$")

    def test_odd_paths_are_unknown(self):
        for path in (f"{R}//summary", f"{R}/./summary", f"{R}/../12/summary", f"{R}/summary/", "/reporting/accounts//summary",
                     "/reporting/accounts/1%2F2/summary", "/reporting/accounts/%2531/summary", f"/reporting/accounts/{'1' * 65}/summary",
                     "/reporting/accounts/1 2/summary".replace(" ", "%20"), "//", "/reporting", "/_simulator/requests"):
            with self.subTest(path):
                reply = self.proxy.get(f"{path}?{Q}")
                self.assertEqual(reply.status, 404)
                self.assertEqual(reply.problem()["type"], "urn:roktcached:unknown-route")

    def test_methods(self):
        before = self.upstream.ledger()["total"]
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            reply = request(self.proxy.port, overview(), method)
            self.assertEqual(reply.status, 405)
            self.assertEqual(reply.fields["allow"], "GET, HEAD")
            self.assertEqual(reply.problem()["type"], "urn:roktcached:method-not-allowed")
        token = request(self.proxy.port, "/auth/oauth2/token")
        self.assertEqual((token.status, token.fields["allow"]), (405, "POST"))
        self.assertEqual(self.upstream.ledger()["total"], before)

    def test_bad_parameters_cost_nothing_and_are_named(self):
        before = self.upstream.ledger()["total"]
        bad = {
            "dateStart": [query(dateStart="2025-02-30"), query(dateStart="2025-03-01T24:00:00"), query(dateStart=None),
                          query(dateStart="2025-04-01"), query(dateStart="")],
            "dateEnd": [query(dateEnd="yesterday"), query(dateEnd="2025-3-1"), query(dateEnd=None)],
            "currency": [query(currency="usd"), query(currency="XXX"), query(currency=None), query() + "&currency=USD"],
            "timeZoneVariation": [query(timeZoneVariation="Mars/Olympus"), query(timeZoneVariation="localtime"),
                                  query(timeZoneVariation=None)],
        }
        for name, queries in bad.items():
            for text in queries:
                with self.subTest(text):
                    reply = self.proxy.get(f"{R}/summary?{text}")
                    self.assertEqual(reply.status, 400)
                    problem = reply.problem()
                    self.assertEqual(problem["type"], "urn:roktcached:invalid-request")
                    self.assertIn(name, problem["detail"])
                    self.assertIn("accepted", problem["detail"])
                    self.assertEqual(problem["requestId"], reply.fields["x-request-id"])
        reply = self.proxy.get(f"{R}/campaigns/3/breakdown?{Q}&groupby=shoe-size")
        self.assertEqual(reply.status, 400)
        self.assertIn("subvertical", reply.problem()["detail"])
        self.assertEqual(self.upstream.ledger()["total"], before)

    def test_unknown_hosts_are_misdirected(self):
        for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example"):
            reply = request(self.proxy.port, overview(), fields={"Host": host})
            self.assertEqual(reply.status, 421)
            self.assertEqual(reply.problem()["type"], "urn:roktcached:unknown-host")
        for host in ("localhost", "LOCALHOST:1", "[::1]:8080"):
            self.assertEqual(request(self.proxy.port, overview(), fields={"Host": host}).status, 200)

    def test_an_unchanged_rokt_client_gets_a_token_here(self):
        form = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Basic eDp5"}
        self.proxy.wait_for_token()
        minted = self.upstream.ledger()["tokens_minted"]
        reply = request(self.proxy.port, "/auth/oauth2/token", "POST", form, "grant_type=client_credentials")
        self.assertEqual(reply.status, 200)
        token = reply.json()
        self.assertEqual((token["token_type"], token["expires_in"]), ("Bearer", 3600))
        answer = self.proxy.get(overview(campaign=9), Authorization=f"Bearer {token['access_token']}")
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.upstream.ledger()["tokens_minted"], minted)
        wrong = request(self.proxy.port, "/auth/oauth2/token", "POST", form, "grant_type=password")
        self.assertEqual((wrong.status, wrong.json()["error"]), (400, "unsupported_grant_type"))

    def test_upstream_refusals_pass_unchanged_and_negatives_are_kept_for_a_moment(self):
        token = {"Authorization": f"Bearer {self.upstream.token()}"}
        for target, status in ((overview(campaign=99), 404), (overview(account=1000), 403)):
            direct = request(self.upstream.port, target, fields=token)
            through = self.proxy.get(target)
            self.assertEqual((through.status, through.body), (status, direct.body))
        self.assertTrue(self.proxy.get(overview(campaign=99)).is_hit)
        self.assertIn("fwd=miss", self.proxy.get(overview(account=1000)).cache_status)

    def test_client_directives(self):
        target = overview(campaign=10)
        self.assertEqual(self.proxy.get(target, Cache_Control="only-if-cached").status, 504)
        self.assertNotIn("stored", self.proxy.get(target, Cache_Control="no-store").cache_status)
        self.assertIn("fwd=miss; stored", self.proxy.get(target).cache_status)
        # A forced reload within min_refetch_interval does not reach the upstream.
        self.assertTrue(self.proxy.get(target, Cache_Control="no-cache").is_hit)
        self.assertTrue(self.proxy.get(target, Cache_Control="only-if-cached").is_hit)

    def test_status(self):
        self.proxy.get(overview(campaign=11))
        status = self.proxy.status()
        self.assertEqual(set(status), {"version", "bodies", "log", "uptime_s", "listeners", "connections", "token", "cache", "requests", "collapsed_requests",
                                       "upstream_requests", "upstream", "clients", "restatements", "refreshed_ahead", "warming", "reloads", "readiness", "max_connections"})
        self.assertEqual(status["token"]["state"], "alive")
        self.assertGreater(status["token"]["expires_at_unix_ms"], 1_700_000_000_000)
        self.assertGreaterEqual(status["requests"]["miss"], 1)
        self.assertGreaterEqual(status["upstream_requests"], 1)
        self.assertGreaterEqual(status["cache"]["memory"]["entries"], 1)
        self.assertIn("disk", status["cache"])
        for path in ("/livez", "/readyz"):
            self.assertEqual(request(self.proxy.admin_port, path).status, 200)
        self.assertEqual(request(self.proxy.admin_port, "/status", "POST").status, 405)
        self.assertEqual(request(self.proxy.admin_port, "/livez", fields={"Host": "evil.example"}).status, 421)
        self.assertNotIn("demo-secret", self.proxy.log())


if __name__ == "__main__":
    unittest.main()
