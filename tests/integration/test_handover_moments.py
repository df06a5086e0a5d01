"""Each moment of a hand-over: a process that is stopped, hangs or is asked again just then, and what that leaves with clients."""
import json
import os
import signal
import threading
import time

from handovers import FIELDS, ROUTE, Between, HandoverCase, Kept
from harness import free_port, overview, request, wait_until
from test_http_routes import Origin


class HandoverMoments(HandoverCase):
    def next_behind(self, former, **changes):
        """The next process, which has the sockets of `former`, and waits until that knows of it. It alone listens on `own_port`."""
        self.own_port = free_port()
        between = Between(self, self.settings["listen_handover_socket"])
        successor = self.begin_next(listen_addresses=f"127.0.0.1:{self.settings['port']},127.0.0.1:{self.own_port}",
                                    listen_handover_socket=between.path, **changes)
        between.pass_sockets()
        between.hear_next()
        return successor, between

    def test_a_purge_under_way_at_a_stop_reaches_the_next_one(self):
        """The former one is stopped when it has handed out its sockets, and has not heard yet that the next one serves."""
        for _ in range(5):  # until the purge has not waited for the lock in vain
            former = self.place()
            self.assertEqual(former.get(overview()).status, 200)
            wait_until(lambda: former.status()["cache"]["disk"]["entries"] == 1, "it is in the file")
            kept, done, sent = Kept(self, self.settings["admin_port"]), [], self.upstream.ledger()["total"]
            self.assertEqual(kept.ask("/livez")[0], 200)
            self.upstream.hold(count=1)
            client = threading.Thread(target=former.get, args=(overview(campaign=9),))  # for which the former process stays
            client.start()
            wait_until(lambda: self.upstream.ledger()["total"] > sent, "a request is under way")
            successor, between = self.next_behind(former)
            with self.locked():
                purging = threading.Thread(target=lambda kept=kept, done=done: done.append(kept.ask("/purge", "POST", '{"all":true}', FIELDS)))
                purging.start()
                time.sleep(0.2)  # it waits for the file; where it has not begun yet, it does so in the process that is stopped
                former.signal(signal.SIGTERM)
                wait_until(lambda: "draining" in former.output, "it wants to end")
                between.tell_former()
                between.pass_all()
                wait_until(lambda: self.serves(self.own_port), "the next one serves")
                self.assertTrue(request(self.own_port, overview()).is_hit)
            purging.join()
            self.upstream.faults()
            client.join()
            self.assertEqual(former.wait(30), 0, former.output)
            if done[0] and done[0][0] == 200:
                break
            self.assertTrue(done[0] is None or done[0][0] == 503, done)
            successor.stop()
        self.assertEqual((done[0][0], json.loads(done[0][2])), (200, {"purged": 1}))
        self.assertFalse(request(self.own_port, overview()).is_hit, "purged, and served by the next process")

    def test_what_a_write_has_ended_before_is_not_served_by_the_next_one(self):
        """The former one has not written yet to the file what the write has made invalid."""
        former, _ = self.place_with_a_file()
        _, between = self.next_behind(former)
        said = []

        def ask():
            wait_until(lambda: self.serves(self.own_port), "the next one serves")
            said.append(request(self.own_port, "/files/x").body)
        with self.locked():
            self.assertEqual(request(self.settings["port"], "/files/x", "POST", body=b"new").status, 200)
            asking = threading.Thread(target=ask)
            asking.start()
            between.tell_former()
            between.pass_all()
            asking.join(1)  # it would be served in this time
        asking.join()
        self.assertEqual(said, [b"new"])
        self.assertEqual(former.wait(30), 0, former.output)

    @staticmethod
    def serves(port):
        try:
            return request(port, "/nothing", timeout=1).status == 404
        except OSError:
            return False

    def test_one_that_hangs_until_later_has_served_nothing_that_was_purged_meanwhile(self):
        former = self.place(cache_file="")
        self.assertEqual(former.get(overview()).status, 200)
        kept = Kept(self, former.port)
        self.assertIn("hit", kept.ask(overview())[1]["cache-status"])
        successor, between = self.next_behind(former)
        former.signal(signal.SIGSTOP)
        between.tell_former()
        between.pass_all()
        wait_until(lambda: self.serves(self.own_port), "the next one serves all the same")
        wait_until(lambda: "does not answer" in successor.output, "it says so")
        done = self.purge()
        self.assertEqual(done.status, 503, done.body)
        former.signal(signal.SIGCONT)
        done = self.purge()
        self.assertEqual(done.status, 200, done.body)
        said = kept.ask(overview())
        if said:
            self.assertNotIn("hit", said[1]["cache-status"], "purged, and served by the former process")
        self.assertEqual(former.wait(30), 0, former.output)

    def test_one_that_has_just_taken_over_hands_over_once_the_one_before_has_ended(self):
        """Of three at once, the last could have the cache file before the second, and what that had fetched was forgotten."""
        free, asked = threading.Event(), threading.Event()
        self.addCleanup(free.set)

        def script(handler):
            if handler.path == "/files/slow":
                asked.set()
                free.wait(30)
            return 200, [("Cache-Control", "max-age=600")], handler.path.encode()
        origin = Origin(script)
        first = self.place(self.serve(origin), tables=ROUTE)
        self.assertEqual(first.get("/files/first").status, 200)
        slow = []
        client = threading.Thread(target=lambda: slow.append(first.get("/files/slow")))
        client.start()
        self.assertTrue(asked.wait(30))
        second = self.next(first)
        self.assertEqual(second.get("/files/second").status, 200)
        third = self.begin_next()
        wait_until(lambda: "it gets the listening sockets when the process before this one has ended" in second.output, "the third one has asked")
        time.sleep(0.5)  # in which the third one would have got them
        self.assertNotIn("another process starts, and has the listening sockets", second.output, "three serve at once")
        free.set()
        client.join()
        self.assertEqual(slow[0].body, b"/files/slow")
        wait_until(lambda: "another process serves" in second.output, "it hands over")
        wait_until(third.ready, "it serves")
        self.assertEqual((first.wait(30), second.wait(30)), (0, 0))
        for name in ("first", "slow", "second"):
            self.assertTrue(third.get(f"/files/{name}").is_hit, name)
        self.assertEqual(sum(handler.path == "/files/second" for handler in origin.asked), 1)

    def test_a_purge_while_the_former_one_hangs_says_so_soon(self):
        former = self.place()
        self.assertEqual(former.get(overview()).status, 200)
        wait_until(lambda: former.status()["cache"]["disk"]["entries"] == 1, "it is in the file")
        kept = Kept(self, former.port)
        self.assertIn("hit", kept.ask(overview())[1]["cache-status"])
        self.next(former)
        former.signal(signal.SIGSTOP)
        began = time.monotonic()
        done = self.purge()
        took = time.monotonic() - began
        former.signal(signal.SIGCONT)
        self.assertEqual(done.status, 503, done.body)
        self.assertLess(took, 20)
        self.assertEqual(former.wait(30), 0, former.output)

    def test_of_two_at_once_one_serves_after_the_other(self):
        former = self.place()
        self.assertEqual(former.get(overview()).status, 200)
        sent = self.upstream.ledger()["total"]
        both = [self.begin_next() for _ in range(2)]
        self.assertEqual(former.wait(30), 0, former.output)
        wait_until(lambda: not all(one.alive() for one in both), "one has handed over to the other")
        first, last = sorted(both, key=lambda one: one.alive())
        self.assertEqual(first.wait(), 0, first.output)
        wait_until(last.ready, "it serves")
        self.assertTrue(last.get(overview()).is_hit)
        self.assertEqual(self.upstream.ledger()["total"], sent)

    def test_one_that_was_given_up_does_not_serve(self):
        """Both would serve, each with a memory of its own."""
        former = self.place()
        self.assertEqual(former.get(overview()).status, 200)
        successor, between = self.next_behind(former)
        between.next.sendall(b"x")  # as the former process says it after a minute
        self.assertEqual(successor.wait(30), 69, successor.output)
        self.assertIn("this process has taken too long to start, and the one before it goes on", successor.output)
        between.former.close()
        wait_until(lambda: "the other process did not come to serve" in former.output, "it is noticed")
        self.assertTrue(former.get(overview()).is_hit)
        self.assertTrue(os.path.exists(self.settings["listen_handover_socket"]))
        last = self.next(former)
        self.assertEqual(former.wait(30), 0, former.output)
        self.assertTrue(last.get(overview()).is_hit)

    def test_the_next_one_may_be_killed_before_it_serves(self):
        former = self.place()
        self.assertEqual(former.get(overview()).status, 200)
        successor, between = self.next_behind(former)
        between.former.close()
        successor.child.kill()
        successor.child.wait()
        wait_until(lambda: "the other process did not come to serve" in former.output, "it is noticed")
        done = self.purge()
        self.assertEqual((done.status, done.json()), (200, {"purged": 1}))

    def test_purges_without_end_at_the_next_one_do_not_hold_the_former_one_up(self):
        former = self.place()
        self.assertEqual(former.get(overview()).status, 200)
        kept = Kept(self, former.port)
        self.assertEqual(kept.ask(overview())[0], 200)
        self.next(former)
        over, answers = threading.Event(), []
        self.addCleanup(over.set)

        def purge():
            while not over.is_set():
                answers.append(self.purge(account="12").status)
        purging = [threading.Thread(target=purge) for _ in range(4)]
        for one in purging:
            one.start()
        self.assertEqual(former.wait(30), 0, former.output)
        over.set()
        for one in purging:
            one.join()
        self.assertEqual({*answers}, {200})
