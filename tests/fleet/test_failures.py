"""Three daemons and a real engine that fails in every way that it can: nobody is kept waiting, nothing purged is served, and what is
shared is shared again afterwards."""
import itertools
import os
import pathlib
import signal
import threading
import time
import unittest

from daemons import FleetCase, LyingProxy, in_parallel, overview, wait_until
from engine import Engine, free_port
from resp import EngineError

from certificates import Authority  # of the integration tests, which daemons.py finds

MISS_BOUND = 3.0  # seconds that an engine may add to a miss: two deadlines of 250 ms, and what a busy machine needs


class FailureCase(FleetCase):
    OPTIONS = {}
    control_timeout = "250ms"  # the default: what is measured here depends on it

    def setUp(self):
        self.engine = Engine(**self.OPTIONS)
        self.addCleanup(self.engine.stop)
        self.origin = self.upstream()
        self.numbers = itertools.count(1)

    def target(self):
        return overview(campaign=next(self.numbers))

    def ask(self, daemon, target, within=MISS_BOUND):
        reply, took = self.timed(daemon, target)
        self.expect_own(self.origin, target, reply)
        self.assertLess(took, within + self.origin.delay, target)
        return reply

    def ask_at_best(self, daemon, targets, within):
        """One of them at least takes no longer: a busy machine may hold up the others, the engine would hold up all."""
        asked = [self.timed(daemon, target) for target in targets]
        for target, (reply, _) in zip(targets, asked):
            self.expect_own(self.origin, target, reply)
        self.assertLess(min(took for _, took in asked), within + self.origin.delay)
        return [reply for reply, _ in asked]

    def expect_hits(self, members, target):
        for member in members:
            for reply in self.ask_at_best(member, [target] * 3, 0.25):  # a hit has nothing to do with the engine
                self.assertTrue(reply.is_hit, reply.cache_status)

    def expect_shared(self, members):
        """One call for all, at once and afterwards."""
        target = self.target()
        for reply in in_parallel(2 * len(members), lambda i: members[i % len(members)].get(target)):
            self.expect_own(self.origin, target, reply)
        self.assertEqual(self.origin.calls(target), 1)

    def wait_shared(self, members):
        """The same after a trouble: who has a question under way may find out only now that it was not answered."""
        self.wait_together(members)
        self.wait_until_shared(self.origin, members, self.target)
        self.wait_together(members)
        self.expect_shared(members)

    def command(self, *words):
        with self.engine.connect() as engine:
            return engine(*words)


class Failures(FailureCase):
    def test_down_at_the_start(self):
        self.engine.kill()
        members = [self.member(self.origin, self.engine.url, f"m{i}") for i in range(3)]
        for member in members:
            self.ask(member, self.target(), 3)
        self.wait_alone(members)
        self.assertTrue(self.seen(members[0])["trouble"])
        self.engine.start()
        self.wait_shared(members)

    def test_killed_and_restarted_empty(self):
        members = self.fleet(self.origin, self.engine.url)
        old = self.target()
        for member in members:
            self.ask(member, old)
        purged = self.target()
        self.ask(members[0], purged)
        self.purge_everywhere(members[0], 3, target=purged)
        self.engine.kill()
        self.expect_hits(members, old)
        for member in members:
            self.ask(member, self.target())
        self.wait_alone(members)
        self.engine.start()
        self.wait_shared(members)
        for member in members:
            self.ask(member, purged)
        self.assertEqual(self.origin.calls(purged), 2, "purges of before do not keep out what came after")

    def test_paused_and_going_on(self):
        members = self.fleet(self.origin, self.engine.url)
        target = self.target()
        for member in members:
            self.ask(member, target)
        self.engine.pause()
        paused = time.monotonic()
        self.expect_hits(members, target)
        misses = [self.target() for _ in members]
        for i, took in enumerate(in_parallel(3, lambda i: self.timed(members[i], misses[i])[1])):
            self.assertLess(took, MISS_BOUND, i)
        self.wait_alone(members)
        for member in members:
            self.ask_at_best(member, [self.target() for _ in range(3)], 0.25)  # nobody waits for it twice
        late = self.target()
        time.sleep(max(0, paused + 10 - time.monotonic()))
        self.expect_hits(members, target)
        self.engine.go_on()
        self.ask(members[0], late)
        self.wait_shared(members)

    def test_emptied_flushed_and_slow(self):
        self.command("CONFIG", "SET", "save", "")
        members = self.fleet(self.origin, self.engine.url)
        target = self.target()
        for member in members:
            self.ask(member, target)
        self.assertEqual(self.origin.calls(target), 1)
        self.command("SCRIPT", "FLUSH")
        self.expect_shared(members)
        self.command("FLUSHALL")
        self.ask(members[0], self.target())
        wait_until(lambda: all("fleet-epoch" in member.output or "no longer knows" in member.output for member in members), "all have seen it")
        self.wait_shared(members)
        self.command("CLIENT", "PAUSE", "700", "ALL")
        for i, took in enumerate(in_parallel(3, lambda i: self.timed(members[i], self.target())[1])):
            self.assertLess(took, MISS_BOUND, i)
        self.wait_shared(members)

    def test_cut_in_the_middle_of_an_answer(self):
        proxy = LyingProxy(self.engine)
        self.addCleanup(proxy.stop)
        members = self.fleet(self.origin, proxy.url)
        for script in ("flight", "land", "HMGET", "XREAD", "renew"):
            with self.subTest(script):
                self.origin.delay = 0.7 if script == "renew" else 0.05
                cut = threading.Event()

                def half(name, _, reply, script=script, cut=cut):
                    if name == script and not cut.is_set():
                        cut.set()
                        raise OSError("cut")
                    return None
                known = self.target()
                self.ask(members[0], known)
                proxy.lie = half
                for member in members:
                    self.ask(member, known)
                target = self.target()
                for reply in in_parallel(3, lambda i, target=target: members[i].get(target)):
                    self.expect_own(self.origin, target, reply)
                wait_until(cut.is_set, "it was cut")
                proxy.lie = None
                self.assertLessEqual(self.origin.calls(target), 3)
                self.wait_together(members)
        self.origin.delay = 0
        self.expect_shared(members)

    def test_partitioned_during_a_purge(self):
        proxy = LyingProxy(self.engine)
        self.addCleanup(proxy.stop)
        members = self.fleet(self.origin, [self.engine.url, self.engine.url, proxy.url])
        target, kept = self.target(), self.target()
        for member in members:
            self.ask(member, target)
            self.ask(member, kept)
        self.assertEqual(self.origin.calls(target), 1)
        proxy.cut()
        self.wait_alone([members[2]])
        told = self.purge(members[0], target=target)
        self.assertEqual((told["confirmed"], told["instances"]), (2, 3))
        self.expect_hits([members[2]], target)  # it serves on
        self.assertEqual(self.ask(members[1], target).json()["version"], 2)
        proxy.mend()
        self.wait_together(members)
        wait_until(lambda: self.seen(members[2])["members"] == 3, "it is back")
        self.assertEqual(members[2].get(target).json()["version"], 2)
        self.assertEqual(self.origin.calls(target), 2)
        self.expect_hits([members[2]], kept)
        self.purge_everywhere(members[0], 3, target=target)

    def test_a_purge_by_one_that_is_cut_off(self):
        proxy = LyingProxy(self.engine)
        self.addCleanup(proxy.stop)
        members = self.fleet(self.origin, [self.engine.url, self.engine.url, proxy.url])
        target = self.target()
        for member in members:
            self.ask(member, target)
        proxy.cut()
        self.wait_alone([members[2]])
        told = self.purge(members[2], target=target)
        self.assertEqual((told["confirmed"], told["instances"]), (1, 3))
        proxy.mend()
        self.wait_together(members)
        for member in members:
            wait_until(lambda member=member: not member.get(target, Cache_Control="only-if-cached").is_hit, "it has heard of the purge")
        for member in members:
            self.assertEqual(member.get(target).json()["version"], 2, "what is in the engine was purged, too")
        self.assertEqual(self.origin.calls(target), 2)

    def test_a_purge_that_the_engine_has_refused(self):
        """It is told again, though the instance has been together with the others all the time."""
        proxy = LyingProxy(self.engine)
        self.addCleanup(proxy.stop)
        members = self.fleet(self.origin, [proxy.url, self.engine.url, self.engine.url])
        target = self.target()
        for member in members:
            self.ask(member, target)
        proxy.swallowed = ("purge",)
        proxy.lie = lambda name, *_: EngineError("OOM nothing fits in here") if name == "purge" else None
        told = self.purge(members[0], target=target)
        self.assertEqual((told["confirmed"], told["instances"]), (1, 3))
        proxy.lie, proxy.swallowed = None, ()
        for member in members:
            wait_until(lambda member=member: not member.get(target, Cache_Control="only-if-cached").is_hit, "it has heard of the purge", 10)
        self.assertEqual({self.seen(member)["link"]["connected"] for member in members}, {1})

    def test_one_that_was_away_replays_the_purge(self):
        folder = self.folder()
        file = os.path.join(folder, "cache.db")
        members = self.fleet(self.origin, self.engine.url, 2)
        away = self.member(self.origin, self.engine.url, "away", folder, cache_file=file)
        self.wait_together([*members, away])
        target, kept = self.target(), self.target()
        self.ask(away, target)
        self.ask(away, kept)
        time.sleep(0.6)  # the cache file is written behind
        away.stop()
        self.assertEqual(self.purge(members[0], target=target)["confirmed"], 2)
        back = self.member(self.origin, self.engine.url, "away", folder, cache_file=file)
        self.wait_together([*members, back])
        wait_until(lambda: not back.get(target, Cache_Control="only-if-cached").is_hit, "it is purged here, too")
        self.assertEqual(back.get(target).json()["version"], 2)
        self.expect_hits([back], kept)

    def test_a_purge_made_alone_outlives_a_restart(self):
        proxy = LyingProxy(self.engine)
        self.addCleanup(proxy.stop)
        folder = self.folder()
        file = os.path.join(folder, "cache.db")
        other = self.member(self.origin, self.engine.url, "other")
        alone = self.member(self.origin, proxy.url, "alone", folder, cache_file=file)
        self.wait_together([other, alone])
        for selection in ("target", "all"):
            with self.subTest(selection):
                target = self.target()
                for member in (other, alone):
                    self.ask(member, target)
                self.assertEqual(self.origin.calls(target), 1)
                proxy.cut()
                self.wait_alone([alone])
                told = self.purge(alone, **{selection: target if selection == "target" else True})
                self.assertEqual((told["confirmed"], told["instances"]), (1, 2))
                alone.child.kill()  # it has no time to write anything
                alone.child.wait()
                alone = self.member(self.origin, proxy.url, "alone", folder, cache_file=file)
                self.wait_alone([alone])
                self.expect_hits([other], target)  # it could not be told
                proxy.mend()
                self.wait_together([other, alone])
                wait_until(lambda t=target: not other.get(t, Cache_Control="only-if-cached").is_hit, "it is purged there, too")
                self.assertEqual(other.get(target).json()["version"], 2)

    def test_purges_neither_count_nor_remove_what_an_instance_notes(self):
        folder = self.folder()
        file = os.path.join(folder, "cache.db")
        member = self.member(self.origin, self.engine.url, "m0", folder, cache_file=file)
        self.wait_together([member])

        def purged(**how):
            """Until the fleet has it: what is told late purges what comes meanwhile."""
            count = 0
            while True:
                told = self.purge(member, all=True, **how)
                count = max(count, told["purged"])
                if told["confirmed"] == told["instances"]:
                    return count
        for _ in range(2):
            targets = [self.target() for _ in range(3)]
            for target in targets:
                self.ask(member, target)
            self.assertEqual(purged(), 3)
            self.assertEqual(purged(), 0)
        kept = self.target()
        self.ask(member, kept)
        self.assertEqual(purged(soft=True), 1)
        kept = self.target()
        self.ask(member, kept)
        member.stop()
        member = self.member(self.origin, self.engine.url, "m0", folder, cache_file=file)
        self.wait_together([member])
        self.expect_hits([member], kept)  # it knows which purges it has done
        self.assertNotIn("no longer knows", member.log())

    def test_owner_of_a_flight_is_killed_or_stopped(self):
        members = self.fleet(self.origin, self.engine.url)
        for number in (signal.SIGSTOP, signal.SIGKILL):
            with self.subTest(number):
                target = self.target()
                self.origin.delay = 1.0
                owner = threading.Thread(target=lambda t=target: self.quietly(members[0], t))
                owner.start()
                wait_until(lambda t=target: self.origin.calls(t) == 1, "it is being fetched")
                members[0].signal(number)
                for reply, took in in_parallel(4, lambda i, t=target: self.timed(members[1 + i % 2], t)):
                    self.expect_own(self.origin, target, reply)
                    self.assertEqual(reply.json()["version"], 2)
                    self.assertLess(took, self.origin.delay + 6, "a lease of the flight, and what a busy machine needs")
                self.assertEqual(self.origin.calls(target), 2)
                self.origin.delay = 0
                if number == signal.SIGKILL:
                    members[0].child.wait()
                    owner.join()
                    continue
                members[0].signal(signal.SIGCONT)
                owner.join()
                self.wait_together(members)
                time.sleep(0.3)  # for its late write
                fresh = self.member(self.origin, self.engine.url, "fresh")
                self.wait_together([fresh], 4)
                self.assertEqual(self.ask(fresh, target).json()["version"], 2, "the fence holds")
                fresh.stop()
                self.wait_together(members, seconds=20)

    @staticmethod
    def quietly(daemon, target):
        try:
            daemon.get(target)
        except OSError:
            pass

    def test_minter_is_killed(self):
        self.origin.mint_delay = 2
        first = self.member(self.origin, self.engine.url, "m0")
        wait_until(lambda: self.origin.minted == 1, "it mints")
        first.child.kill()
        first.child.wait()
        self.origin.mint_delay = 0
        second = self.member(self.origin, self.engine.url, "m1")
        target = self.target()
        reply, took = self.timed(second, target)
        self.expect_own(self.origin, target, reply)
        self.assertLess(took, 6, "a lease of the mint, and what a busy machine needs")
        self.assertEqual(self.origin.minted, 2)

    def test_full(self):
        members = self.fleet(self.origin, self.engine.url)
        self.command("SET", "filling", b"x" * (2 << 20))
        self.command("CONFIG", "SET", "maxmemory", "2mb")
        self.origin.delay = 0.2
        self.expect_shared(members)  # small answers are told of as they come
        self.assertGreater(sum(self.seen(member)["link"]["refused"] for member in members), 0)
        self.wait_together(members)
        told = sum(member.log().count("is full: answers") for member in members)
        self.assertTrue(1 <= told <= 3, told)
        self.purge_everywhere(members[0], 3, all=True)
        self.command("DEL", "filling")
        self.expect_shared(members)


class Slow(FailureCase):
    OPTIONS = {"enable_debug_command": "yes"}

    def test_debug_sleep(self):
        members = self.fleet(self.origin, self.engine.url)
        target = self.target()
        for member in members:
            self.ask(member, target)
        sleeping = threading.Thread(target=self.command, args=("DEBUG", "SLEEP", "1"))
        sleeping.start()
        time.sleep(0.05)
        self.expect_hits(members, target)
        for i, took in enumerate(in_parallel(3, lambda i: self.timed(members[i], self.target())[1])):
            self.assertLess(took, MISS_BOUND, i)
        sleeping.join()
        self.wait_shared(members)


class Secrets(FailureCase):
    def daemon_with(self, name, secrets, url=None, **settings):
        folder = self.folder()
        key = pathlib.Path(folder, "entries")
        key.touch(0o600)
        key.write_text("\n".join(secrets) + "\n")
        return self.member(self.origin, url or self.engine.url, name, folder, fleet_entry_key_file=str(key), **settings)

    def test_rotated_keys_keep_entries_readable_by_those_who_have_both(self):
        old, new = "the-old-key-of-all-entries-0123456789", "the-new-key-of-all-entries-0123456789"
        first = self.daemon_with("m0", [old])
        self.wait_together([first])
        # A daemon that joins does not store what it fetches just then: it knows no earlier purge yet.
        earlier = self.target()
        wait_until(lambda: self.ask(first, earlier).is_hit, "it stores what it fetches")
        target = self.target()
        self.ask(first, target)
        both = self.daemon_with("m1", [new, old])
        self.wait_together([both], 2)
        self.assertEqual(self.ask(both, target).json()["version"], 1)
        stranger = self.daemon_with("m2", [new])
        self.wait_together([stranger], 3)
        self.assertEqual(self.ask(stranger, target).json()["version"], 2, "it cannot read it, and fetches")
        self.assertEqual(self.origin.calls(target), 2)
        by_new = self.target()
        self.ask(both, by_new)
        self.assertEqual(self.ask(stranger, by_new).json()["version"], 1)

    def test_a_user_of_the_engine_with_a_password(self):
        line = pathlib.Path(__file__).with_name("acl.txt").read_text().strip()
        self.command("ACL", "SETUSER", *line.replace(">PASSWORD", ">a-password-of-the-engine").split()[1:])
        self.command("ACL", "SETUSER", "default", "resetpass", ">another-password")
        folder = self.folder()
        password = pathlib.Path(folder, "password")
        password.touch(0o600)
        password.write_text("a-password-of-the-engine\n")
        known = {"fleet_username": "roktcached", "fleet_password_file": str(password)}
        members = [self.member(self.origin, self.engine.url, f"m{i}", **known) for i in range(2)]
        self.wait_shared(members)
        password.write_text("not-the-password-of-it\n")
        stranger = self.member(self.origin, self.engine.url, "m9", **known)
        wait_until(lambda: "WRONGPASS" in self.seen(stranger).get("trouble", ""), "it is refused")
        self.ask(stranger, self.target())

    def test_tls(self):
        folder = self.folder()
        authority, foreign = Authority(folder), Authority(folder, "Foreign CA")
        server, client, stranger = authority.issue("/CN=engine"), authority.issue("/CN=roktcached"), foreign.issue("/CN=roktcached")
        port = free_port()
        engine = Engine(tls_port=port, tls_cert_file=server[0], tls_key_file=server[1], tls_ca_cert_file=authority.certificate,
                        tls_auth_clients="yes")
        self.addCleanup(engine.stop)
        url = f"rediss://localhost:{port}"
        own = {"fleet_ca_file": authority.certificate, "fleet_certificate_file": client[0], "fleet_key_file": client[1]}
        members = [self.member(self.origin, url, f"m{i}", **own) for i in range(2)]
        self.wait_shared(members)
        for name, changes in (("wrong-ca", {"fleet_ca_file": foreign.certificate}),
                              ("foreign", {"fleet_certificate_file": stranger[0], "fleet_key_file": stranger[1]})):
            with self.subTest(name):
                refused = self.member(self.origin, url, name, **{**own, **changes})
                self.wait_alone([refused])
                self.ask(refused, self.target())
                self.assertEqual(self.seen(refused)["state"], "alone")
                refused.stop()
        self.assertEqual(self.seen(members[0])["members_known"], 2, "nobody else was let in")


if __name__ == "__main__":
    unittest.main()
