"""A hand-over within a fleet: the two processes are one member, and a purge that is told once reaches both."""
import json
import signal
import threading

from fleet_engine import FleetCase
from handovers import FIELDS, Between, HandoverCase, Kept
from harness import free_port, overview, request, wait_until


class HandoverFleet(FleetCase, HandoverCase):
    def fleet_of_two(self):
        """@return another member, and one that is to be taken over from"""
        engine = self.engine()
        former = self.place(fleet_url=engine.url, fleet_instance="one")
        other = self.instance(self.upstream, engine, "two", admin_token_file=self.settings["admin_token_file"])
        wait_until(lambda: self.members(other) == (2, 2), "both are members")
        return other, former

    def purge_at(self, daemon):
        return request(daemon.admin_port, "/purge", "POST", FIELDS, json.dumps({"all": True}))

    def test_a_purge_elsewhere_reaches_both(self):
        other, former = self.fleet_of_two()
        self.assertEqual(former.get(overview()).status, 200)
        kept = Kept(self, former.port)
        self.assertIn("hit", kept.ask(overview())[1]["cache-status"])
        successor = self.next(former)
        self.assertTrue(successor.get(overview()).is_hit)
        self.wait_together(successor)
        done = self.purge_at(other)
        self.assertEqual((done.status, {**done.json(), "purged": None}), (200, {"purged": None, "confirmed": 2, "instances": 2}), done.body)
        said = kept.ask(overview())
        if said:
            self.assertNotIn("hit", said[1]["cache-status"], "purged, and served by the former process")
        self.assertEqual(self.members(other), (2, 2))
        self.assertEqual(former.wait(30), 0, former.output)
        self.assertEqual(self.members(other), (2, 2))
        done = self.purge()
        self.assertEqual((done.status, {**done.json(), "purged": None}), (200, {"purged": None, "confirmed": 2, "instances": 2}), done.body)

    def test_a_member_stays_one_where_the_former_process_was_stopped_early(self):
        """It has handed out its sockets, and has not heard yet that the next one serves: it must not take its name along."""
        other, former = self.fleet_of_two()
        between = Between(self, self.settings["listen_handover_socket"])
        own_port = free_port()
        successor = self.begin_next(listen_addresses=f"127.0.0.1:{self.settings['port']},127.0.0.1:{own_port}", listen_handover_socket=between.path)
        between.pass_sockets()
        between.hear_next()
        self.upstream.hold(count=1)
        kept = Kept(self, former.port)
        sent = self.upstream.ledger()["total"]
        asking = threading.Thread(target=kept.ask, args=(overview(campaign=9),))
        asking.start()
        wait_until(lambda: self.upstream.ledger()["total"] > sent, "a request is under way")
        former.signal(signal.SIGTERM)
        wait_until(lambda: "draining" in former.output, "it wants to end")
        between.tell_former()
        between.pass_all()
        wait_until(successor.ready, "the next one serves")
        self.wait_together(successor)
        self.upstream.faults()
        asking.join()
        self.assertEqual(former.wait(30), 0, former.output)
        self.assertEqual(self.members(other), (2, 2))
        self.assertEqual(self.members(successor), (2, 2))
