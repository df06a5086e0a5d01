"""Retries and the circuit: an upstream that fails now and then is hardly noticed, a dead one is hardly asked."""
import random
import socket
import threading
import time

from harness import SANITIZED, TestCase, in_parallel, overview, query, request, wait_until
from load import Load, cold, numbers

REPORTS = [overview(account=account, campaign=campaign) for account in (12, 13) for campaign in range(1, 13)]
ALWAYS_STALE = {"freshness_settled": "200ms", "freshness_stale_while_revalidate": "0ms", "freshness_min_refetch_interval": "0ms",
                "freshness_refresh_ahead_uses": "0", "upstream_max_retries": "2", "log_access": "false"}
MOST_MEMORY_GROWTH = 64 << 20


def mixed(kinds, share):
    """Faults that together meet `share` of the requests, each kind as many: the first that meets one is its fault."""
    faults, left = [], 1.0
    for kind in kinds:
        part = share / len(kinds)
        faults.append({"path_prefix": "/reporting", "kind": kind, "share": part / left})
        left -= part
    return faults


def memory_of(process):
    with open(f"/proc/{process.child.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmRSS"))


class DeadUpstream:
    """Listens on a port, closes each connection as soon as it is there, and writes down when."""

    def __init__(self, port):
        self.times = []
        self.listener = socket.create_server(("127.0.0.1", port))
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.times.append(time.monotonic())
            connection.close()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


class Retries(TestCase):
    def try_faults(self, kinds, seconds):
        """Returns how often a report that is cached was asked for and had, and the upstream's load per fetch."""
        upstream, proxy = self.pair(**ALWAYS_STALE, upstream_head_timeout="1s", upstream_body_timeout="1s")
        own = {target: proxy.get(target).body for target in REPORTS}
        token = upstream.token()
        for target, body in own.items():
            reply = request(upstream.port, target, fields={"Authorization": f"Bearer {token}"})
            self.assertEqual((reply.status, reply.body), (200, body))
        before = upstream.ledger()["total"] - proxy.status()["upstream_requests"]
        upstream.faults(*mixed(kinds, 0.3))
        until = time.monotonic() + seconds

        def load(worker):
            choose = random.Random(worker)
            had = {True: [], False: []}  # statuses of what is cached, and of what is not
            while time.monotonic() < until:
                cached = choose.random() < 0.8
                target = choose.choice(REPORTS)
                reply = request(proxy.port, target if cached else f"{target}&n={next(numbers)}")
                had[cached].append(reply.status)
                if reply.status == 200:
                    self.assertEqual(reply.body, own[target], reply)
                elif reply.fields["content-type"] == "application/json":
                    self.assertEqual((reply.status, reply.json()["message"]), (503, "a fault was asked for"))
                else:
                    self.assertIn(reply.problem()["type"].rpartition(":")[2],
                                  ("upstream-unreachable", "upstream-invalid-response", "upstream-timeout"))
                time.sleep(0.005)
            return had

        parts = in_parallel(6, load)
        upstream.faults()
        cached, missed = ([status for part in parts for status in part[which]] for which in (True, False))
        status = proxy.status()
        reasons = [client["upstream_by_reason"] for client in status["clients"]]
        fetches = sum(count for reason in reasons for name, count in reason.items() if name not in ("retry", "replay"))
        # Beside the retries: each of these has cost a connection that had served before.
        resent = status["upstream"]["resent"]
        self.assertLessEqual(resent, fetches)
        total = upstream.ledger()["total"] - before - resent
        figures = cached.count(200) / len(cached), missed.count(200) / len(missed), total / fetches
        print(f"\n{seconds} s with 30 % of {', '.join(kinds)}: {len(cached)} of cached reports {figures[0]:.2%} had, {len(missed)} of "
              f"others {figures[1]:.1%}; {fetches} fetches, {status['upstream']['retries']} retries "
              f"({status['upstream']['retries_refused']} refused), {resent} sent again for a lost connection, {total} others at the upstream: {figures[2]:.3f} a fetch")
        return figures

    def test_nobody_sees_a_broken_answer_and_retries_are_few(self):
        cached, _, load = self.try_faults(("reset", "status", "truncate", "wrong_length", "hang"), 20)
        self.assertGreaterEqual(cached, 0.99)
        self.assertLess(load, 1.15)

    def test_connections_that_are_reset_are_no_way_round_the_retry_budget(self):
        cached, _, load = self.try_faults(("reset",), 5)
        self.assertGreaterEqual(cached, 0.99)
        self.assertLess(load, 1.15)


class Circuit(TestCase):
    def test_a_status_stops_its_own_route_alone(self):
        upstream, proxy = self.pair()
        summary = lambda number: proxy.get(f"/reporting/accounts/12/summary?{query(n=number)}")
        upstream.faults({"path_prefix": "/reporting/accounts/12/campaigns/3/overview", "kind": "status", "status": 503})
        replies = [proxy.get(overview(n=number)) for number in range(12)]
        self.assertEqual({reply.status for reply in replies[:8]}, {503})
        for number in range(20):
            self.assertEqual(summary(number).status, 200, "another route")
        status = proxy.status()["upstream"]
        self.assertEqual((status["circuit"], status["circuit_opened"], status["open_routes"]), ("closed", 0, ["campaign-overview"]))
        self.assertIn('roktcached_upstream_state{state="closed"} 1', request(proxy.admin_port, "/metrics").body.decode())
        wait_until(lambda: "route campaign-overview gets 502, 503 or 504" in proxy.output, "it is logged")
        asked = upstream.ledger()["total"]
        refused = [reply for reply in (proxy.get(overview(n=100 + number)) for number in range(20)) if reply.status == 502]
        self.assertLess(upstream.ledger()["total"] - asked, 10, "asked once a second at most")
        self.assertGreater(len(refused), 10)
        self.assertEqual(refused[0].problem()["type"], "urn:roktcached:upstream-unreachable")
        self.assertIn("campaign-overview", refused[0].problem()["detail"])
        self.assertEqual(refused[0].fields["retry-after"], "1")
        upstream.faults()
        wait_until(lambda: proxy.get(overview(n=200)).status == 200, "the route is answered again")
        self.assertEqual(proxy.status()["upstream"]["open_routes"], [])
        self.assertTrue(all(proxy.get(overview(n=300 + number)).status == 200 for number in range(5)))

    def test_a_dead_upstream_is_asked_once_a_second_until_it_lives_again(self):
        upstream, proxy = self.pair(upstream_max_retries="2", log_access="false")
        in_parallel(16, lambda _: proxy.get(cold()))
        memory = memory_of(proxy)
        is_open = lambda: proxy.status()["upstream"]["circuit"] == "open"
        with Load(proxy.port, "many", rate=300) as load:
            time.sleep(1)
            upstream.child.kill()
            upstream.wait()
            dead = DeadUpstream(upstream.port)
            wait_until(is_open, "the circuit is open", 10)
            time.sleep(1)  # what was under way when it opened has ended
            first, begun = len(dead.times), time.monotonic()
            time.sleep(11)
            probes, took = len(dead.times) - first, time.monotonic() - begun
            grown = memory_of(proxy) - memory
            self.assertTrue(is_open())
            dead.stop()
        statuses = dict(load.statuses)
        self.simulator(port=upstream.port)
        back = time.monotonic()
        wait_until(lambda: proxy.get(cold()).status == 200, "it is asked again", 10)
        back = time.monotonic() - back
        print(f"\na dead upstream under {load.sent} cold requests: {first} connections until the circuit was open for a second, then "
              f"{probes} in {took:.1f} s; {statuses}; memory grew by {grown / 2**20:.1f} MiB; a cold request served {back:.2f} s after "
              "the upstream was back")
        self.assertTrue(took / 3 <= probes <= took + 1, probes)
        self.assertLess(back, 5)
        self.assertLessEqual(set(statuses), {200, 502, 503})
        self.assertGreater(load.sent, 1000)
        if not SANITIZED:
            self.assertLess(grown, MOST_MEMORY_GROWTH)
