"""The upstream's own limit, which nobody has told the daemon: found from its 429s, and obeyed."""
import concurrent.futures
import time

from harness import SANITIZED, TestCase, in_parallel, wait_until
from load import Load
from test_budget import DEFAULTS, ask
from test_http_routes import Origin


class UpstreamLimit(TestCase):
    def test_the_upstreams_own_limit_is_learned(self):
        # Under a sanitizer 30 a second measures the machine.
        limits = (3, 10) if SANITIZED else (3, 10, 30)
        learning, measuring, attempts = 40, 45, 5

        def overload(index):
            limit = limits[index]
            settings = {**DEFAULTS, "upstream_budget_requests_per_second": "200"}
            upstream, proxy = self.pair("--rate", str(limit), "--burst", "5", **settings)
            with Load(proxy.port, "many", waiting=4 * limit):
                time.sleep(learning)
                earlier = upstream.ledger()["by_status"].get("429", 0)
                # A machine that stalls lets a limit of so many a second be exceeded afterwards: in doubt, look again.
                for _ in range(attempts):
                    measured = self.measure(upstream, limit, measuring)
                    if self.is_within(*measured):
                        break
            return limit, *measured, earlier

        figures = in_parallel(len(limits), overload)
        print()
        for limit, used, refused, sent, earlier in figures:
            print(f"an upstream that takes {limit} a second, after {learning} s ({earlier} 429s): {used:.1%} used, "
                  f"{refused} of {sent} 429")
        for limit, *measured, _ in figures:
            with self.subTest(limit):
                self.assertTrue(self.is_within(*measured), measured)
        self.assertLessEqual(sum(figure[2] for figure in figures), sum(figure[3] for figure in figures) / 100 + 1)

    def measure(self, upstream, limit, seconds):
        """The share of the limit that was used, how many were refused, and how many were sent. The time for which this
        thread stood still does not count: the machine did, then."""
        before, begun, lost = upstream.ledger(), time.monotonic(), 0
        while time.monotonic() < begun + seconds:
            asleep = time.monotonic()
            time.sleep(0.02)
            late = time.monotonic() - asleep - 0.02
            lost += late if late > 0.1 else 0
        after, took = upstream.ledger(), time.monotonic() - begun - lost
        count = lambda status: after["by_status"].get(status, 0) - before["by_status"].get(status, 0)
        return count("200") / took / limit, count("429"), after["total"] - before["total"]

    @staticmethod
    def is_within(used, refused, sent):
        """At most one in a hundred is refused. At a low limit few are sent in this time: one more may be chance."""
        return used >= 0.9 and refused <= sent / 100 + 1

    def test_the_upstreams_retry_after_is_obeyed(self):
        times = []

        def script(_):
            times.append(time.monotonic())
            return (429, [("Retry-After", "3")], b"") if len(times) == 1 else (200, [], b"{}")

        origin = Origin(script, lambda _: (200, [], b'{"access_token":"t","expires_in":3600,"token_type":"Bearer"}'))
        proxy = self.daemon(self.serve(origin), **DEFAULTS)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            first = pool.submit(ask, proxy, "first")
            wait_until(lambda: times, "the upstream has answered")
            time.sleep(0.2)
            self.assertTrue(proxy.status()["upstream"]["credentials"][0]["budget"]["paused"])
            replies = in_parallel(5, lambda number: ask(proxy, f"other-{number}")[0]) + [first.result()[0]]
        print(f"\nafter a 429 with Retry-After: 3 the next went {times[1] - times[0]:.2f} s later, {len(times) - 1} in all")
        self.assertEqual([reply.status for reply in replies], [200] * 6)
        self.assertEqual(len(times), 7)
        self.assertGreaterEqual(times[1] - times[0], 2.9)
