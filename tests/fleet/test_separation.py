"""No request gets another's answer, whichever instance has fetched it, and no credential another's."""
import unittest

from daemons import FleetCase, overview
from engine import Engine
from requests_that_differ import METADATAS, REPORTS, cached_pairs

UNLIMITED = {"upstream_budget_requests_per_second": "0", "upstream_budget_max_concurrent": "64"}


class Separation(FleetCase):
    def test_requests_that_differ_in_one_thing_have_each_their_own_answer_on_every_instance(self):
        upstream = self.upstream()
        with Engine() as engine:
            one, two = self.fleet(upstream, f"unix:{engine.path}", 2, **UNLIMITED)
            pairs = cached_pairs(REPORTS, METADATAS)
            self.assertGreater(len(pairs), 500)
            for number, pair in enumerate(pairs):
                first, second = (ask.of(number) for ask in pair)
                calls = upstream.calls()
                fetched = [first.send(one.port), second.send(two.port)]
                taken = [first.send(two.port), second.send(one.port)]
                if fetched[0].status != 200 or fetched[1].status != 200:  # one of the two is refused: it is nobody's answer
                    self.assertEqual([reply.status for reply in taken], [reply.status for reply in fetched], pair)
                    continue
                self.assertEqual([reply.body for reply in taken], [reply.body for reply in fetched], pair)
                self.assertNotEqual(fetched[0].body, fetched[1].body, pair)
                self.assertEqual(upstream.calls(), calls + 2, pair)
            self.assertGreater(self.seen(two)["fetches"]["taken"], len(pairs) // 2)

    def test_two_credentials_with_one_engine_share_nothing(self):
        upstream = self.upstream()
        with Engine() as engine:
            url = f"unix:{engine.path}"
            of_one = [self.member(upstream, url, f"a{number}") for number in range(2)]
            of_other = [self.member(upstream, url, f"b{number}", app_id="another-app") for number in range(2)]
            self.wait_together(of_one)
            self.wait_together(of_other)
            self.assertEqual(upstream.minted, 2, "one token a credential")
            target = overview()
            for member in (*of_one, *of_other):
                self.expect_own(upstream, target, member.get(target))
            self.assertEqual(upstream.calls(target), 2)
            self.assertEqual(of_one[0].get(target).body, of_one[1].get(target).body)
            self.assertNotEqual(of_one[0].get(target).body, of_other[0].get(target).body)
            self.assertEqual(self.purge_everywhere(of_one[0], 2, all=True), 2)
            self.assertEqual(of_other[1].get(target).json()["version"], 2, "another's purge is not its own")
            self.assertEqual(of_one[1].get(target).json()["version"], 3)


if __name__ == "__main__":
    unittest.main()
