"""`serve --take-over`: the next process gets the listening sockets and the cache file, and the former one ends. Nobody is refused."""
import http.client
import json
import os
import pathlib
import signal
import socket
import sqlite3
import stat
import threading
import time

from certificates import Authority, tls_table
from harness import CREDENTIAL, TestCase, Tls, connection_to, free_port, overview, request, route, run_command, wait_until


class Handover(TestCase):
    def place(self, **settings):
        """Settings of a daemon that another one can take over from."""
        self.home = self.folder()
        self.path = os.path.join(self.home, "handover.sock")
        self.upstream = self.simulator()
        self.settings = {"port": free_port(), "listen_threads": "2", "listen_handover_socket": self.path, **settings}
        return self.daemon(self.upstream, self.home, **self.settings)

    def next(self, *flags, wait=False, **changes):
        return self.daemon(self.upstream, self.home, flags=("--take-over", *flags), wait=wait, admin_port=self.admin_port,
                           **{**self.settings, **changes})

    def take_over(self, former, **changes):
        self.admin_port = former.admin_port
        successor = self.next(**changes)
        self.assertEqual(former.wait(30), 0, former.output)
        self.assertIn("hand-over: another process serves", former.output)
        self.assertTrue(successor.alive(), successor.output)
        return successor

    def test_the_next_one_serves_what_the_former_one_has_stored(self):
        former = self.place()
        for campaign in range(1, 11):
            self.assertEqual(former.get(overview(campaign=campaign)).status, 200)
        sent = self.upstream.ledger()["total"]
        for _ in range(3):
            former = self.take_over(former)
            for campaign in range(1, 11):
                self.assertTrue(former.get(overview(campaign=campaign)).is_hit)
        self.assertEqual(self.upstream.ledger()["total"], sent)
        former.signal(signal.SIGTERM)
        self.assertEqual(former.wait(), 0)
        self.assertFalse(os.path.exists(self.path), "the last one takes its socket with it")
        with sqlite3.connect(os.path.join(self.home, "cache.db")) as database:
            self.assertEqual(database.execute("SELECT count(*) FROM responses").fetchone()[0], 10)

    def test_a_connection_that_is_kept_ends_behind_its_next_answer(self):
        former = self.place()
        kept = connection_to(former.port)

        def ask():
            kept.request("GET", overview())
            answer = kept.getresponse()
            answer.read()
            return answer.status, answer.getheader("Connection")
        self.assertEqual(ask(), (200, None))
        self.admin_port = former.admin_port
        successor = self.next()
        wait_until(lambda: "hand-over: another process serves" in former.output, "it hands over")
        # It says so before each of its threads has heard.
        wait_until(lambda: ask() == (200, "close"), "an answer is the connection's last")
        self.assertEqual(former.wait(30), 0, former.output)
        self.assertTrue(successor.alive())

    def test_an_answer_under_way_is_not_cut(self):
        former = self.place()
        self.upstream.hold()
        replies = []
        client = threading.Thread(target=lambda: replies.append(former.get(overview(campaign=9))))
        client.start()
        wait_until(lambda: self.upstream.ledger()["total"] == 1, "the request is in flight")
        self.admin_port = former.admin_port
        successor = self.next()
        wait_until(lambda: "hand-over: another process serves" in former.output, "it hands over")
        self.upstream.faults()
        client.join()
        self.assertEqual(former.wait(30), 0, former.output)
        self.assertEqual(replies[0].status, 200)
        wait_until(lambda: successor.get(overview(campaign=9)).is_hit, "what the former one has fetched is found by the next")
        self.assertEqual(self.upstream.ledger()["total"], 1)

    def test_every_kind_of_address_is_handed_over(self):
        authority = Authority(self.folder())
        tls, unix, admin = Tls(free_port(), authority.context()), os.path.join(self.folder(), "proxy.sock"), os.path.join(self.folder(), "admin.sock")
        port = free_port()
        former = self.place(port=port, listen_addresses=f"localhost:{port},unix:{unix}", tables=tls_table(*authority.issue("/CN=proxy"), f"127.0.0.1:{tls.port}"))
        former.stop()
        self.settings["admin_address"] = f"unix:{admin}"
        former = self.daemon(self.upstream, self.home, **self.settings)
        for number in range(2):
            successor = self.daemon(self.upstream, self.home, flags=("--take-over",), wait=False, **self.settings)
            self.assertEqual(former.wait(30), 0, former.output)
            for at in (port, tls, unix):
                self.assertEqual(request(at, overview()).status, 200, f"{number}: {at}")
            self.assertEqual(request(admin, "/livez").status, 200)
            self.assertEqual(successor.log().count("that was handed over"), 3, successor.output)
            former = successor
        former.stop()
        for path in (unix, admin):
            self.assertFalse(os.path.exists(path), path)

    def sockets_of(self, former):
        """Plays the next process: has its sockets, and has not said yet that it serves. @return the connection, and the sockets by path"""
        asked = socket.socket(socket.AF_UNIX)
        self.addCleanup(asked.close)
        asked.connect(self.path)
        descriptors, said = [], b""
        while not said.endswith(b"."):
            piece, sent, _, _ = socket.recv_fds(asked, 1, 253)
            self.assertTrue(piece, former.output)
            said += piece
            descriptors += sent
        shared = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        for one in shared:
            self.addCleanup(one.close)
        return asked, {one.getsockname(): one for one in shared if one.family == socket.AF_UNIX}

    def test_one_that_is_stopped_before_it_hears_of_the_next_leaves_its_paths(self):
        """The next one may have said that it serves, and owns them from then on: what was said is not always read in time."""
        unix = os.path.join(self.folder(), "proxy.sock")
        for said in (b"", b"s"):
            with self.subTest(said=said):
                port = free_port()
                former = self.place(port=port, listen_addresses=f"127.0.0.1:{port},unix:{unix}")
                next_one, shared = self.sockets_of(former)
                self.assertEqual({*shared} & {unix, self.path}, {unix, self.path})
                if said:
                    former.signal(signal.SIGSTOP)  # so that it reads what comes next together with the signal
                    next_one.sendall(said)
                former.signal(signal.SIGTERM)
                former.signal(signal.SIGCONT)
                self.assertEqual(former.wait(30), 0, former.output)
                for path in (unix, self.path):
                    self.assertTrue(os.path.exists(path), path)
                    client = socket.socket(socket.AF_UNIX)
                    self.addCleanup(client.close)
                    client.connect(path)
                    shared[path].settimeout(10)
                    shared[path].accept()[0].close()
                for one in shared.values():
                    one.close()
                os.unlink(unix)

    def test_one_whose_next_has_gone_takes_its_paths_with_it(self):
        unix = os.path.join(self.folder(), "proxy.sock")
        port = free_port()
        former = self.place(port=port, listen_addresses=f"127.0.0.1:{port},unix:{unix}")
        next_one, _ = self.sockets_of(former)
        next_one.close()
        wait_until(lambda: "the other process did not come to serve" in former.output, "it is noticed")
        former.stop()
        self.assertEqual([path for path in (unix, self.path) if os.path.exists(path)], [])

    def test_its_log_lines_have_names(self):
        folder = self.folder()
        former = self.place(log_file=f"{folder}/log", log_file_format="json", log_stderr="always", log_level="info")
        self.take_over(former).stop()
        events = [json.loads(line) for line in pathlib.Path(folder, "log").read_text().splitlines()]
        self.assertEqual([event["message"] for event in events if event["event"] == "message"], [])
        self.assertGreaterEqual({event["event"] for event in events}, {"handover-begun", "handover-given", "handover-taken", "listening", "admin-listening", "draining", "stopped"})
        [given] = [event for event in events if event["event"] == "handover-given"]
        self.assertIsInstance(given["connections"], int)

    def test_addresses_and_threads_may_change_with_it(self):
        former = self.place()
        port = free_port()
        successor = self.take_over(former, listen_addresses=f"127.0.0.1:{self.settings['port']},127.0.0.1:{port}", listen_threads="3")
        for at in (self.settings["port"], port):
            self.assertEqual(request(at, overview()).status, 200)
        last = self.take_over(successor, listen_addresses=f"127.0.0.1:{port}", listen_threads="1")
        self.assertEqual(request(port, overview()).status, 200)
        self.assertIn(f"the process before listened on 127.0.0.1:{self.settings['port']}, which no setting names any more", last.log())
        with self.assertRaises(ConnectionRefusedError):
            request(self.settings["port"], overview())

    def test_one_that_cannot_start_changes_nothing(self):
        former = self.place()
        self.admin_port = former.admin_port
        taken = self.daemon(self.upstream)
        successor = self.next(listen_addresses=f"127.0.0.1:{taken.port}")
        self.assertEqual(successor.wait(), 69, successor.output)
        self.assertIn("Address already in use", successor.output)
        self.assertEqual(former.get(overview()).status, 200)
        self.take_over(former)

    def test_where_none_runs_it_is_a_start_like_any_other(self):
        former = self.place()
        former.stop()
        self.admin_port = former.admin_port
        self.assertEqual(self.next(wait=True).get(overview()).status, 200)

    def test_without_a_socket_it_is_refused(self):
        done = run_command("serve", "--take-over", **CREDENTIAL, ROKTCACHED_LISTEN_ADDRESSES=f"127.0.0.1:{free_port()}", ROKTCACHED_CACHE_FILE="")
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn("--take-over: there is no listen.handover_socket", done.stderr)
        done = run_command("check", **CREDENTIAL, ROKTCACHED_LISTEN_HANDOVER_SOCKET="handover.sock", ROKTCACHED_CACHE_FILE="")
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn('listen.handover_socket: "handover.sock"; accepted: a path that begins with "/"', done.stderr)

    def test_nobody_else_may_ask(self):
        self.place()
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_a_second_start_without_it_is_refused(self):
        former = self.place()
        other = self.daemon(self.upstream, self.folder(), wait=False, **{**self.settings, "port": free_port()})
        self.assertEqual(other.wait(), 69, other.output)
        self.assertIn(f"unix:{self.path}: Address already in use", other.output)
        self.assertEqual(former.get(overview()).status, 200)

    def test_a_connection_that_says_nothing_does_not_hold_the_former_one_up(self):
        former = self.place()
        idle = http.client.HTTPConnection("127.0.0.1", former.port)
        idle.connect()
        kept = connection_to(former.port)
        kept.request("GET", overview())
        kept.getresponse().read()
        began = time.monotonic()
        self.take_over(former)
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(kept.sock.recv(1), b"")
        idle.close()

    def test_settings_are_those_of_the_next_one(self):
        former = self.place()
        pathlib.Path(self.home, "roktcached.toml").write_text(route("new", "/new", "GET", cache="off"))
        self.assertEqual(former.get("/new").status, 404)
        successor = self.take_over(former)
        self.assertNotIn("urn:roktcached:unknown-route", successor.get("/new").body.decode())
