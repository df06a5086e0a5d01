"""What systemd is told: ready, reloading, stopping, alive, and a status for people. And the sockets that it hands over."""
import http.client
import os
import pathlib
import signal
import socket
import subprocess
import time

from certificates import Authority, tls_table
from harness import TestCase, Tls, free_port, overview, request, wait_until


class Manager:
    """A service manager's socket, and what it has been told, one dictionary a datagram."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self.socket.setblocking(False)
        self.told = []

    def listen(self):
        try:
            while True:
                self.told.append(dict(line.split("=", 1) for line in self.socket.recv(65536).decode().splitlines()))
        except BlockingIOError:
            return self.told

    def wait_for(self, what, since=0):
        wait_until(lambda: any(what in said for said in self.listen()[since:]), f"the manager is told {what}")
        return next(said for said in self.told[since:] if what in said)


class ToldToTheManager(TestCase):
    def start(self, name=None, **environment):
        name = name or os.path.join(self.folder(), "notify")
        self.manager = Manager(name)
        self.addCleanup(self.manager.socket.close)
        os.environ.update(NOTIFY_SOCKET=name, **environment)
        try:
            return self.daemon(self.simulator())
        finally:
            for variable in ("NOTIFY_SOCKET", *environment):
                del os.environ[variable]

    def test_from_ready_to_stopping(self):
        for name in (None, f"@roktcached-test-{os.getpid()}"):
            with self.subTest(name):
                proxy = self.start(name)
                self.assertEqual(self.manager.wait_for("READY"), {"READY": "1"})
                status = self.manager.wait_for("STATUS")["STATUS"]
                self.assertRegex(status, r"^Serving \d+ connections?; \d+ answers? for \d+ upstream requests?")
                self.assertFalse(any("WATCHDOG" in said for said in self.manager.told), "it has not asked for that")
                proxy.signal(signal.SIGTERM)
                self.assertEqual(proxy.wait(), 0, proxy.output)
                self.assertEqual(self.manager.wait_for("STOPPING"), {"STOPPING": "1"})
                self.assertTrue(any(said.get("STATUS", "").startswith("Draining ") for said in self.manager.listen()))
                order = [key for said in self.manager.told for key in said if key in ("READY", "STOPPING")]
                self.assertEqual(order, ["READY", "STOPPING"])

    def test_a_reload_begins_and_ends(self):
        proxy = self.start()
        self.manager.wait_for("READY")
        for _ in range(2):
            since = len(self.manager.told)
            before = time.monotonic_ns() // 1000
            proxy.signal(signal.SIGHUP)
            told = self.manager.wait_for("RELOADING", since)
            self.assertEqual(told["RELOADING"], "1")
            self.assertTrue(before <= int(told["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000)
            self.manager.wait_for("READY", since)
            order = [key for said in self.manager.told[since:] for key in said if key in ("READY", "RELOADING")]
            self.assertEqual(order, ["RELOADING", "READY"])

    def test_one_that_fails_ends_too_and_the_status_says_so(self):
        proxy = self.start()
        self.manager.wait_for("READY")
        since = len(self.manager.told)
        pathlib.Path(proxy.folder, "roktcached.toml").write_text("[listen]\nadresses = []\n")
        proxy.signal(signal.SIGHUP)
        self.manager.wait_for("READY", since)
        wait_until(lambda: any("the last reload failed: " in said.get("STATUS", "") for said in self.manager.listen()), "the status names it")

    def test_the_watchdog_is_told_while_threads_move_and_not_while_they_do_not(self):
        proxy = self.start(WATCHDOG_USEC="400000")
        self.manager.wait_for("WATCHDOG")
        since = len(self.manager.listen())
        wait_until(lambda: sum("WATCHDOG" in said for said in self.manager.listen()[since:]) >= 3, "it is told again and again")
        proxy.signal(signal.SIGSTOP)
        time.sleep(0.1)  # what was sent before
        since = len(self.manager.listen())
        time.sleep(1)
        self.assertEqual(self.manager.listen()[since:], [])
        proxy.signal(signal.SIGCONT)
        self.manager.wait_for("WATCHDOG", since)

    def test_a_manager_that_has_gone_is_no_trouble(self):
        proxy = self.start()
        self.manager.wait_for("READY")
        self.manager.socket.close()
        proxy.signal(signal.SIGHUP)
        wait_until(lambda: proxy.status()["reloads"]["succeeded"] == 1, "it reloads")
        self.assertEqual(proxy.get(overview()).status, 200)


def listening(*addresses):
    """Sockets as systemd makes them."""
    for address in addresses:
        made = socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(4096)
        yield made


class SocketActivation(TestCase):
    """The test has the sockets and starts one daemon after another, as systemd does."""

    def activate(self, sockets, upstream, folder, names="", **settings):
        """As exec does it: descriptors from 3 on, in a process whose id is in the environment."""
        descriptors = [one.fileno() for one in sockets]
        moved = [50 + number for number in range(len(descriptors))]
        shell = " ".join(f"{target}<&{source} {source}<&-" for source, target in zip(moved, range(3, 3 + len(moved))))
        script = f'export LISTEN_PID=$$ LISTEN_FDS={len(moved)} LISTEN_FDNAMES={names}; exec "$0" "$@" {shell}'

        def at_fixed_numbers():
            for source, target in zip(descriptors, moved):
                os.dup2(source, target)
        return self.daemon(upstream, folder, process={"preexec_fn": at_fixed_numbers, "close_fds": False}, wrapper=("/bin/bash", "-c", script), **settings)

    def test_a_restart_refuses_nobody(self):
        folder, tls_port, unix = self.folder(), free_port(), os.path.join(self.folder(), "proxy.sock")
        authority = Authority(self.folder())
        port, admin_port = free_port(), free_port()
        sockets = list(listening(("127.0.0.1", port), ("127.0.0.1", tls_port), ("127.0.0.1", admin_port), unix))
        for one in sockets:
            self.addCleanup(one.close)
        upstream = self.simulator()
        settings = {"port": port, "listen_addresses": f"127.0.0.1:{port},unix:{unix}", "admin_port": admin_port, "listen_threads": "3",
                    "tables": tls_table(*authority.issue("/CN=proxy"), f"127.0.0.1:{tls_port}")}
        places = (port, Tls(tls_port, authority.context()), unix)
        for number in range(3):
            proxy = self.activate(sockets, upstream, folder, **settings)
            for at in places:
                reply = request(at, overview())
                self.assertEqual((reply.status, reply.is_hit), (200, number > 0 or at != port), reply)
            self.assertEqual(proxy.log().count("on a socket that was handed over"), 3, proxy.output)
            waiting = socket.create_connection(("127.0.0.1", port))
            proxy.signal(signal.SIGTERM)
            self.assertEqual(proxy.wait(), 0, proxy.output)
            waiting.close()
            self.assertTrue(os.path.exists(unix), "the path is the manager's")
            early = socket.create_connection(("127.0.0.1", port))  # while nobody serves
            early.sendall(f"GET {overview()} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            self.addCleanup(early.close)
        proxy = self.activate(sockets, upstream, folder, **settings)
        received = b""
        while part := early.recv(65536):
            received += part
        self.assertTrue(received.startswith(b"HTTP/1.1 200 "), received)

    def test_of_the_two_addresses_of_localhost_the_daemon_opens_the_one_that_has_no_socket(self):
        """For clients and for admin."""
        port, admin_port = free_port(), free_port()
        sockets = list(listening(("127.0.0.1", port), ("127.0.0.1", admin_port)))
        for one in sockets:
            self.addCleanup(one.close)
        proxy = self.activate(sockets, self.simulator(), self.folder(), port=port, listen_addresses=f"localhost:{port}", admin_port=admin_port, admin_address=f"localhost:{admin_port}")
        for host in ("127.0.0.1", "::1"):
            for at, target in ((port, overview()), (admin_port, "/livez")):
                with self.subTest(host=host, target=target):
                    connection = http.client.HTTPConnection(host, at, timeout=30)
                    self.addCleanup(connection.close)
                    connection.request("GET", target)
                    self.assertEqual(connection.getresponse().status, 200)
        log = proxy.log()
        for address, at in (("listening", port), ("admin", admin_port)):
            self.assertIn(f"{address} on 127.0.0.1:{at}, on a socket that was handed over", log)
            self.assertIn(f"{address} on [::1]:{at}\n", log)

    def test_one_that_no_setting_names_is_refused(self):
        [odd] = listening(("127.0.0.1", free_port()))
        self.addCleanup(odd.close)
        proxy = self.activate([odd], 1, self.folder(), names="odd.socket", wait=False)
        self.assertEqual(proxy.wait(), 78, proxy.output)
        self.assertIn(f"the service manager listens on 127.0.0.1:{odd.getsockname()[1]} (odd.socket), which no setting names; accepted: the same addresses in ListenStream=", proxy.output)

    def test_one_that_cannot_be_served_is_refused(self):
        odd = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(odd.close)
        proxy = self.activate([odd], 1, self.folder(), names="odd.socket", wait=False)
        self.assertEqual(proxy.wait(), 78, proxy.output)
        self.assertIn("(odd.socket) is no listening stream socket", proxy.output)

    def test_systemd_socket_activate_itself(self):
        port, folder = free_port(), self.folder()
        upstream = self.simulator()
        found = subprocess.run(["which", "systemd-socket-activate"], capture_output=True, text=True, check=False).stdout.strip()
        if not found:
            self.skipTest("there is no systemd-socket-activate here")
        passed = ("ROKT_APP_ID", "ROKT_APP_SECRET", "ROKTCACHED_LISTEN_ADDRESSES", "ROKTCACHED_ADMIN_ADDRESS", "ROKTCACHED_UPSTREAM_URL", "ROKTCACHED_CACHE_FILE")
        proxy = self.daemon(upstream, folder, wait=False, port=port, wrapper=(found, f"--listen=127.0.0.1:{port}", *(f"--setenv={name}" for name in passed)))
        wait_until(lambda: "Listening on 127.0.0.1" in proxy.output, "it listens")
        self.assertEqual(request(port, overview()).status, 200)
        self.assertIn("on a socket that was handed over", proxy.log())
