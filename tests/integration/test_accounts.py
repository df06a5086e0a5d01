"""The accounts in /status: what each caller has asked for, what the cache has saved, and what was spent upstream."""

from clients import basic
from harness import TestCase, overview, request, until_stale, wait_until

TABLES = """
[[freshness.override]]
accounts = ["13"]
settled = "1ms"
stale_while_revalidate = "0ms"
[[freshness.override]]
accounts = ["14"]
settled = "1ms"
"""
COUNTED = ("asked", "from_cache", "saved", "upstream", "upstream_by_reason")


class Accounts(TestCase):
    def test_who_is_refused_is_counted_by_address(self):
        _, proxy = self.pair()
        self.assertEqual(request(proxy.port, "/reporting", fields={"Content-Length": "x"}).status, 400)
        self.assertEqual(proxy.get(overview(1), Origin="http://elsewhere.example").status, 403)
        self.assertEqual({row["client"] for row in proxy.status()["clients"]}, {"127.0.0.1"})

    def test_they_add_up(self):
        upstream, proxy = self.pair(tables=TABLES, freshness_min_refetch_interval="0ms", freshness_refresh_ahead_uses="0")

        def ask(client, target, status=200, method="GET", **fields):
            reply = request(proxy.port, target, method, {"Authorization": basic(client), **fields})
            self.assertEqual(reply.status, status, reply)

        ask("alice", overview(1))                  # a miss
        ask("alice", overview(1))                  # a hit
        ask("alice", overview(1), method="HEAD")   # a hit
        ask("bob", overview(1))                    # a hit of what another paid for
        ask("bob", overview(2))                    # a miss
        ask("bob", overview(2), **{"Cache-Control": "no-cache"})  # forced
        ask("bob", overview(1, currency="XXX"), status=400)  # refused
        ask("alice", overview(1, account=13))      # a miss
        until_stale()
        ask("alice", overview(1, account=13))      # stale: fetched again
        until_stale()
        upstream.faults({"path_prefix": "/reporting", "kind": "status", "status": 503})
        ask("alice", overview(1, account=13))      # stale, and the upstream fails
        ask("alice", overview(9), status=503)      # a miss that fails
        upstream.faults()
        ask("alice", overview(1, account=14))      # a miss
        until_stale()
        ask("bob", overview(1, account=14))        # a stale hit, refreshed behind
        wait_until(lambda: upstream.ledger()["total"] == 9, "it is refreshed")
        proxy.share_one_fetch(upstream, 5, lambda _: ask("carol", overview(3)), seconds=0.3)  # a miss and four that share it
        ask("dave", "/metadata/accounts/12/campaigns/3")     # a miss of another route
        clients = {}

        def all_is_noted():
            clients.update((client["client"], client) for client in proxy.status()["clients"])
            return sum(client["asked"] for name, client in clients.items() if name in ("alice", "bob", "carol", "dave")) == 19

        wait_until(all_is_noted, "all is noted")
        expected = {
            "alice": (8, 3, 2, 6, {"miss": 4, "stale": 2}),
            "bob": (5, 2, 2, 3, {"miss": 1, "forced": 1, "revalidation": 1}),
            "carol": (5, 0, 4, 1, {"miss": 1}),
            "dave": (1, 0, 0, 1, {"miss": 1}),
        }
        print()
        for name, counts in expected.items():
            client = clients[name]
            print(name, {field: client[field] for field in COUNTED})
            self.assertEqual(tuple(client[field] for field in COUNTED), counts, name)
            for field in ("asked", "from_cache", "saved", "upstream", "waited_ms"):
                self.assertEqual(sum(route[field] for route in client["routes"].values()), client[field], (name, field))
        self.assertEqual(sum(client["upstream"] for client in clients.values()), upstream.ledger()["total"])
        self.assertEqual(proxy.status()["upstream_requests"], upstream.ledger()["total"])
        self.assertGreaterEqual(clients["carol"]["waited_ms"], 5 * 300)
        self.assertEqual(clients["bob"]["routes"].keys(), {"-", "campaign-overview"}, "what is refused has no route")

    def test_callers_without_a_name_go_by_their_address(self):
        _, proxy = self.pair()
        for fields in ({}, {"Authorization": "Basic !"}, {"Authorization": basic("no name at all")}):
            self.assertEqual(request(proxy.port, overview(), fields=fields).status, 200)
        clients = lambda: proxy.status()["clients"]
        asked = lambda: [(client["client"], client["routes"]["campaign-overview"]["asked"]) for client in clients()]
        wait_until(lambda: asked() == [("127.0.0.1", 3)], "they are one")

    def test_the_first_256_callers_are_told_apart(self):
        upstream, proxy = self.pair(listen_threads="1")
        count = 300
        for number in range(count):
            self.assertEqual(request(proxy.port, overview(n=number), fields={"Authorization": basic(f"client-{number}")}).status, 200)
        clients = {client["client"]: client for client in proxy.status()["clients"]}
        self.assertLessEqual(len(clients), 260)
        self.assertGreaterEqual(clients["(others)"]["upstream"], count - 256)
        self.assertEqual(sum(client["upstream"] for client in clients.values()), upstream.ledger()["total"])
