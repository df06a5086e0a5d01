"""Where the daemon listens: several addresses, Unix sockets, TLS and client certificates; what it refuses to open."""
import contextlib
import grp
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import stat
import threading
import time
import warnings

from canary import canary
from certificates import Authority, tls_table
from clients import client
from harness import BINARY, TestCase, Tls, connection_to, free_port, overview, raw, request, run_command, wait_until

UNAVAILABLE, CONFIGURATION = 69, 78


class Addresses(TestCase):
    def test_each_of_several_serves_the_same_cache(self):
        ports, path = [free_port(), free_port()], os.path.join(self.folder(), "proxy.sock")
        addresses = ",".join([*(f"127.0.0.1:{port}" for port in ports), f"unix:{path}", f"[::1]:{free_port()}"])
        upstream, proxy = self.pair(port=ports[0], listen_addresses=addresses)
        replies = [request(at, overview()) for at in (*ports, path)]
        self.assertEqual([(reply.status, reply.is_hit) for reply in replies], [(200, False), (200, True), (200, True)])
        self.assertEqual(upstream.ledger()["total"], 1)
        self.assertTrue(proxy.alive())

    def test_localhost_is_both_loopbacks(self):
        """For clients and for admin: a client's resolver gives either address first."""
        port = free_port()
        upstream = self.simulator()
        proxy = self.daemon(upstream, wait=False, port=port, listen_addresses=f"localhost:{port},[::1]:{port}", admin_address="localhost:0")
        admin = lambda: re.findall(r"admin on (127\.0\.0\.1|\[::1\]):(\d+)", proxy.output)
        wait_until(lambda: len(admin()) == 2, "it listens")
        self.assertEqual([host for host, _ in admin()], ["127.0.0.1", "[::1]"])
        self.assertEqual(admin()[0][1], admin()[1][1], "one port, which the system has chosen")
        for host in ("127.0.0.1", "::1"):
            for at, target in ((port, overview()), (int(admin()[0][1]), "/livez")):
                with self.subTest(host=host, target=target):
                    connection = http.client.HTTPConnection(host, at, timeout=30)
                    self.addCleanup(connection.close)
                    connection.request("GET", target)
                    self.assertEqual(connection.getresponse().status, 200)
        self.assertEqual(upstream.ledger()["total"], 1, "one cache")
        self.assertEqual(len(re.findall(r"listening on \[::1\]", proxy.log())), 1, "an address is listened on once")

    def test_localhost_is_refused_where_one_of_both_is_taken(self):
        with socket.socket(socket.AF_INET6) as taken:
            port = free_port()
            taken.bind(("::1", port))
            taken.listen()
            self.refusal(f"[::1]:{port}: Address already in use", code=UNAVAILABLE, listen_addresses=f"localhost:{port}")

    def test_localhost_is_the_other_loopback_where_there_is_no_ipv6(self):
        folder, sockets = self.folder(), self.folder()
        program = pathlib.Path(folder, "without-ipv6")  # a network of its own, in which Unix sockets still reach it
        program.write_text(f"""#!/bin/sh
exec unshare -rn sh -c 'ip link set lo up
for name in all default lo; do echo 1 > /proc/sys/net/ipv6/conf/$name/disable_ipv6; done
exec "$0" "$@"' {BINARY} "$@"
""")
        program.chmod(0o755)
        port = free_port()
        proxy = self.daemon(1, process={"binary": str(program)}, listen_addresses=f"unix:{sockets}/proxy.sock,localhost:{port}",
                            admin_address=f"unix:{sockets}/admin.sock")
        said = proxy.log()
        self.assertIn(f"listening on 127.0.0.1:{port}", said)
        self.assertNotIn("listening on [::1]", said)
        self.assertEqual(len(re.findall(r"warning localhost: ::1: Cannot assign requested address", said)), 1)

    def test_beyond_loopback_there_must_be_clients(self):
        authority = Authority(self.folder())
        port = free_port()
        self.refusal("0.0.0.0", "beyond loopback", listen_addresses=f"0.0.0.0:{port}")
        self.refusal("0.0.0.0", "beyond loopback", listen_addresses=f"0.0.0.0:{port}", listen_cleartext_beyond_loopback="true")
        self.refusal("0.0.0.0", "beyond loopback", tables=tls_table(*authority.issue("/CN=proxy"), f"0.0.0.0:{port}"))
        self.refusal("::", "beyond loopback", listen_addresses=f"[::]:{port}")

    def test_beyond_loopback_in_clear_text_only_where_it_is_asked_for(self):
        secret, port = canary("alice"), free_port()
        tables = client("alice", secret)
        self.refusal("0.0.0.0", "TLS", "cleartext_beyond_loopback", tables=tables, listen_addresses=f"0.0.0.0:{port}")
        _, proxy = self.pair(tables=tables, port=port, listen_addresses=f"0.0.0.0:{port}", listen_cleartext_beyond_loopback="true")
        self.assertEqual([proxy.get(overview(), X_API_Key=key).status for key in (secret, "wrong")], [200, 401])

    def test_beyond_loopback_with_tls(self):
        authority, secret, port = Authority(self.folder()), canary("alice"), free_port()
        tables = client("alice", secret) + tls_table(*authority.issue("/CN=proxy"), f"0.0.0.0:{port}")
        self.pair(tables=tables)
        at = Tls(port, authority.context())
        self.assertEqual([request(at, overview(), fields={"X-API-Key": key}).status for key in (secret, "wrong")], [200, 401])

    def test_the_admin_listener_stays_on_this_machine(self):
        self.refusal("admin.address", "0.0.0.0", "beyond loopback", admin_address=f"0.0.0.0:{free_port()}",
                     tables=client("alice", canary("alice")))


class UnixSockets(TestCase):
    def setUp(self):
        self.path = os.path.join(self.folder(), "proxy.sock")
        self.settings = {"listen_addresses": f"unix:{self.path}"}

    def test_it_serves_with_the_mode_and_group_that_were_set(self):
        _, proxy = self.pair(**self.settings)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o660)
        self.assertEqual([proxy.get(overview()).is_hit for _ in range(2)], [False, True])
        proxy.stop()
        self.assertFalse(os.path.lexists(self.path), "it is gone with the daemon")
        group = next(entry for entry in grp.getgrall() if entry.gr_gid in os.getgroups() or os.geteuid() == 0 and entry.gr_gid > 0)
        self.pair(**self.settings, listen_unix_mode="0600", listen_unix_group=group.gr_name, process={"umask": 0})
        made = os.stat(self.path)
        self.assertEqual((stat.S_IMODE(made.st_mode), made.st_gid), (0o600, group.gr_gid))

    def test_a_group_that_there_is_not(self):
        self.refusal("no-such-group", **self.settings, listen_unix_group="no-such-group")

    def test_what_a_dead_process_has_left_is_replaced(self):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(self.path)
        _, proxy = self.pair(**self.settings)
        self.assertEqual(proxy.get(overview()).status, 200)
        proxy.signal(signal.SIGKILL)
        proxy.wait()
        self.assertTrue(stat.S_ISSOCK(os.stat(self.path).st_mode))
        _, again = self.pair(**self.settings)
        self.assertEqual(again.get(overview()).status, 200)

    def test_a_live_one_is_not(self):
        with socket.socket(socket.AF_UNIX) as live:
            live.bind(self.path)
            live.listen()
            self.refusal(self.path, "in use", code=UNAVAILABLE, **self.settings)
            with socket.socket(socket.AF_UNIX) as someone:
                someone.connect(self.path)  # it is still there, and still the other's

    def test_what_is_no_socket_is_not(self):
        pathlib.Path(self.path).write_text("precious")
        self.refusal(self.path, "socket", **self.settings)
        self.assertEqual(pathlib.Path(self.path).read_text(), "precious")
        os.unlink(self.path)
        target = self.path + ".target"
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(target)
        os.symlink(target, self.path)
        self.refusal(self.path, "socket", **self.settings)
        self.assertTrue(os.path.islink(self.path) and os.path.exists(target))

    def test_a_path_that_is_too_long_or_not_absolute(self):
        for path in ("/" + "x" * 107, "relative.sock", ""):
            self.refusal("LISTEN_ADDRESSES", "accepted", listen_addresses=f"unix:{path}")

    def test_admin_over_one_needs_no_token(self):
        _, proxy = self.pair(admin_address=f"unix:{self.path}")
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode) & 0o007, 0)
        json_field = {"Content-Type": "application/json"}
        purge = lambda **fields: request(self.path, "/purge", "POST", {**json_field, **fields}, json.dumps({"all": True}))
        proxy.get(overview())
        reply = purge()
        self.assertEqual((reply.status, reply.json()["purged"]), (200, 1))
        proxy.get(overview())
        self.assertEqual(purge(Origin="http://evil.example").status, 403)
        self.assertTrue(proxy.get(overview()).is_hit)
        done = run_command("purge", "--all", ROKTCACHED_ADMIN_ADDRESS=f"unix:{self.path}")
        self.assertEqual((done.returncode, done.stdout), (0, "purged 1\n"), done.stderr)


class TlsListeners(TestCase):
    def setUp(self):
        self.keys = self.folder()
        self.authority = Authority(self.keys)
        self.pair_of_files = self.authority.issue("/CN=proxy")
        self.at = Tls(free_port(), self.authority.context())

    def start(self, tables="", settings=None, **tls):
        table = tls_table(*self.pair_of_files, f"127.0.0.1:{self.at.port}", **tls)
        return self.pair(tables=tables + table, **(settings or {}))

    def with_context(self, change=None, own=None, authority=None):
        context = (authority or self.authority).context(own)
        if change:
            change(context)
        return Tls(self.at.port, context)

    def test_1_2_and_1_3_are_spoken_and_nothing_older(self):
        _, proxy = self.start()

        def only(version):
            def change(context):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)
                    context.minimum_version = context.maximum_version = version
                context.set_ciphers("ALL:@SECLEVEL=0")
            return self.with_context(change)

        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with contextlib.closing(connection_to(only(version))) as connection:
                connection.request("GET", overview())
                self.assertEqual(connection.getresponse().status, 200)
                self.assertEqual(connection.sock.version(), version.name.replace("_", "."))
        with self.assertRaisesRegex(ssl.SSLError, "(?i)alert protocol version"):
            request(only(ssl.TLSVersion.TLSv1_1), overview())
        self.assertEqual(proxy.get(overview()).status, 200, "clear text has its own address")

    def test_1_2_takes_forward_secrecy_with_authenticated_encryption_and_nothing_else(self):
        self.start()

        def offering(ciphers):
            def change(context):
                context.maximum_version = ssl.TLSVersion.TLSv1_2
                context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
            return self.with_context(change)

        for taken in ("ECDHE+AESGCM", "ECDHE+CHACHA20"):
            with contextlib.closing(connection_to(offering(taken))) as connection:
                connection.request("GET", overview())
                self.assertEqual(connection.getresponse().status, 200)
                self.assertRegex(connection.sock.cipher()[0], "^ECDHE-.*(GCM|CHACHA20)")
        for refused in ("ECDHE+AES:!AESGCM:!AESCCM", "ECDHE+AESCCM", "kRSA+AESGCM", "DHE+AESGCM"):  # CBC; no forward secrecy; ...
            with self.assertRaises((ssl.SSLError, ConnectionResetError), msg=refused):
                request(offering(refused), overview())

    def enciphering(self):
        """A client that decides which bytes of which record are sent when."""
        sock = socket.create_connection(("127.0.0.1", self.at.port), timeout=30)
        self.addCleanup(sock.close)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        engine = self.authority.context().wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        while True:
            try:
                engine.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(outgoing.read())
                incoming.write(sock.recv(65536))
        sock.sendall(outgoing.read())

        def encipher(text):
            engine.write(text)
            return outgoing.read()

        def decipher():
            """@return what has come; empty at the end"""
            while True:
                try:
                    return engine.read(65536)
                except ssl.SSLWantReadError:
                    received = sock.recv(65536)
                    if not received:
                        return b""
                    incoming.write(received)

        def goodbye():
            with contextlib.suppress(ssl.SSLWantReadError):
                engine.unwrap()
            return outgoing.read()
        return sock, encipher, decipher, goodbye

    def test_requests_that_come_in_one_flight_are_all_answered(self):
        self.start()
        sock, encipher, decipher, _ = self.enciphering()
        one = f"GET {overview()} HTTP/1.1\r\nHost: localhost\r\nX-Long: {'a' * 900}\r\n\r\n".encode()
        flight = encipher(one)  # the first answer makes a hit of the others
        for count in (3, 50, 7):  # in one record; in more than are read at once; in records of one request each
            flight += encipher(one * count) if count != 7 else b"".join(encipher(one) for _ in range(count))
        sock.sendall(flight)
        answers = b""
        while answers.count(b"HTTP/1.1 200 OK\r\n") < 61:
            more = decipher()
            self.assertTrue(more, "the connection has ended")
            answers += more
        sock.sendall(encipher(one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")))
        while more := decipher():
            answers += more
        self.assertEqual(answers.count(b"HTTP/1.1 "), 62)

    def test_a_record_that_comes_octet_by_octet_is_one_request(self):
        self.start()
        sock, encipher, decipher, _ = self.enciphering()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(2):
            for octet in encipher(f"GET {overview()} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()):
                sock.sendall(bytes([octet]))
            self.assertRegex(decipher(), b"^HTTP/1.1 200 OK\r\n")

    def test_parts_of_a_record_do_not_put_off_the_end_of_an_idle_connection(self):
        self.start(settings={"listen_idle_timeout": "2s"})
        sock, encipher, decipher, _ = self.enciphering()
        record = encipher(b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 8000)
        ended = threading.Event()

        def dribble():
            with contextlib.suppress(OSError):
                for octet in record:
                    if ended.wait(0.3):
                        return
                    sock.sendall(bytes([octet]))

        sender = threading.Thread(target=dribble)
        sender.start()
        try:
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(decipher(), b"", "nothing can have been asked for: the record would take 40 minutes")
        finally:
            ended.set()
            sender.join()

    def test_an_end_that_comes_with_a_request_ends_the_connection_behind_its_answer(self):
        self.start()  # an idle connection would stay for a minute
        sock, encipher, decipher, goodbye = self.enciphering()
        sock.sendall(encipher(f"GET {overview()} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()) + goodbye())
        sock.settimeout(20)
        received = b""
        while more := sock.recv(65536):
            received += more
        self.assertTrue(received)

    def test_a_drain_answers_a_request_of_which_a_part_has_come(self):
        _, proxy = self.start()
        sock, encipher, decipher, _ = self.enciphering()
        one = f"GET {overview()} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        sock.sendall(encipher(one))
        self.assertRegex(decipher(), b"^HTTP/1.1 200 OK\r\n")
        record = encipher(one)
        sock.sendall(record[:20])
        proxy.signal(signal.SIGTERM)
        wait_until(lambda: "draining" in proxy.output, "it is draining")
        sock.sendall(record[20:])
        self.assertRegex(decipher(), b"^HTTP/1.1 200 OK\r\n")
        self.assertEqual(proxy.child.wait(30), 0)

    def test_the_first_request_of_a_resumed_session_waits_for_no_acknowledgement(self):
        # In TLS 1.2 the client ends such a handshake; its kernel holds the request back until that is acknowledged.
        self.start()
        context, sessions, times = self.authority.context(), [None], []
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        for _ in range(20):
            with (socket.create_connection(("127.0.0.1", self.at.port), timeout=30) as sock,
                  context.wrap_socket(sock, server_hostname="127.0.0.1", session=sessions[-1]) as client):
                self.assertEqual(client.session_reused, sessions[-1] is not None)
                sessions.append(client.session)
                started = time.monotonic()
                client.sendall(f"GET {overview()} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                self.assertTrue(client.recv(10))
                times.append(time.monotonic() - started)
        self.assertLess(min(times[1:]), 0.03, "Linux puts an acknowledgement off for 40 ms, and never for less")

    def test_bytes_behind_the_last_request_do_not_put_off_the_end(self):
        self.start()

        def seconds_to_the_end():
            with (socket.create_connection(("127.0.0.1", self.at.port), timeout=30) as sock,
                  self.at.context.wrap_socket(sock, server_hostname="127.0.0.1") as client):
                head = f"GET {overview()} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
                started = time.monotonic()
                client.sendall(head + b"x" * 40_000)
                received = b""
                while piece := client.recv(65536):
                    received += piece
                self.assertTrue(received.startswith(b"HTTP/1.1 200 OK\r\n"), received)
                self.assertTrue(received.endswith(b"}\n") or received.endswith(b"}"), received)
                return time.monotonic() - started

        # Who reads away what is behind it for 2 s, and says the end then, is never faster than that.
        self.assertLess(min(seconds_to_the_end() for _ in range(5)), 1.5)

    def test_http_2_is_not_agreed_on(self):
        self.start()
        offer = lambda context: context.set_alpn_protocols(["h2", "http/1.1"])
        with contextlib.closing(connection_to(self.with_context(offer))) as connection:
            connection.connect()
            self.assertEqual(connection.sock.selected_alpn_protocol(), "http/1.1")

    def test_a_certificate_tells_whose_request_it_is(self):
        """By a DNS name of its SAN, or by its subject's CN where it has none; where the request shows something else, that counts."""
        secret = canary("alice")
        tables = (client("alice", secret) + client("by-cn", certificate='"cn.internal"', accounts='["12"]')
                  + client("by-name", certificate='"name.internal"', accounts='["13"]'))
        _, proxy = self.start(tables, client_ca_file=f'"{self.authority.certificate}"')
        issue = lambda subject, names="": self.with_context(own=self.authority.issue(subject, names))
        cases = [(issue("/O=x/CN=cn.internal"), 200, 403), (issue("/CN=other", "DNS:x.internal,DNS:name.internal"), 403, 200),
                 (issue("/CN=other"), 401, 401), (issue("/CN=cn.internal", "DNS:x.internal"), 401, 401), (issue("/CN=cn.internal.evil"), 401, 401), (issue("/CN=Cn.internal"), 401, 401),
                 (issue("/O=cn.internal"), 401, 401), (issue("/CN=other", "DNS:*.internal"), 401, 401),
                 (issue("/CN=other", "email:cn.internal"), 401, 401), (self.at, 401, 401)]
        for number, (at, first, second) in enumerate(cases):
            with self.subTest(number):
                self.assertEqual([request(at, overview(account=account)).status for account in (12, 13)], [first, second])
        shown = {"X-API-Key": secret}
        self.assertEqual([request(cases[0][0], overview(account=14), fields=fields).status for fields in (shown, {})], [200, 403])
        self.assertEqual(request(cases[0][0], overview(account=12), fields={"X-API-Key": "wrong"}).status, 401)
        self.assertEqual(request(self.at, overview(account=14), fields=shown).status, 200, "a certificate is optional")
        names = {one["client"] for one in proxy.status()["clients"]}
        self.assertTrue({"by-cn", "by-name"} <= names, names)

    def test_a_certificate_of_another_authority_is_refused(self):
        tables = client("by-cn", certificate='"cn.internal"')
        self.start(tables, client_ca_file=f'"{self.authority.certificate}"')
        stranger = Authority(self.keys, "Another CA")
        context = self.authority.context(stranger.issue("/CN=cn.internal"))
        with self.assertRaises(OSError):
            request(Tls(self.at.port, context), overview())
        own = self.authority.issue("/CN=cn.internal", "")
        self.assertEqual(request(self.with_context(own=own), overview()).status, 200)

    def test_without_a_required_certificate_there_is_no_connection(self):
        tables = client("by-cn", certificate='"cn.internal"')
        self.start(tables, client_ca_file=f'"{self.authority.certificate}"', require_client_certificate="true")
        with self.assertRaises(OSError):
            request(self.at, overview())
        own = self.authority.issue("/CN=cn.internal", "")
        self.assertEqual(request(self.with_context(own=own), overview()).status, 200)

    def serial(self):
        with contextlib.closing(connection_to(self.at)) as connection:
            connection.connect()
            return connection.sock.getpeercert()["serialNumber"]

    def put(self, certificate, key):
        for new, old in zip((certificate, key), self.pair_of_files):
            os.replace(new, old)

    def test_a_hangup_takes_a_new_pair_and_cuts_nobody_off(self):
        _, proxy = self.start()
        old = self.serial()
        kept = connection_to(self.at)
        kept.request("GET", overview())
        kept.getresponse().read()
        sock = kept.sock
        self.put(*self.authority.issue("/CN=proxy"))
        proxy.signal(signal.SIGHUP)
        wait_until(lambda: self.serial() != old, "new connections get the new certificate")
        kept.request("GET", overview())
        self.assertEqual(kept.getresponse().read() != b"", True)
        self.assertIs(kept.sock, sock)
        kept.close()

    def test_a_bad_pair_leaves_the_old_one_in_force(self):
        _, proxy = self.start()
        old, issued = self.serial(), self.authority.issue
        certificate, key = self.pair_of_files
        other = issued("/CN=proxy")

        def cut_short():
            pathlib.Path(key).write_text(pathlib.Path(key).read_text()[:60])

        def readable():
            os.replace(issued("/CN=proxy")[1], key)
            os.chmod(key, 0o644)

        for what, spoil in (("key_file", lambda: os.replace(other[1], key)), ("key_file", cut_short), ("0644", readable),
                            ("certificate_file", lambda: os.unlink(certificate))):
            with self.subTest(what):
                spoil()
                before = len(proxy.output)
                proxy.signal(signal.SIGHUP)
                wait_until(lambda before=before, what=what: what in proxy.output[before:], "the reason is logged", 10)
                self.assertNotIn("PRIVATE KEY", proxy.log())
                self.assertEqual(self.serial(), old)
                self.assertEqual(request(self.at, overview()).status, 200)
        self.put(*issued("/CN=proxy"))
        proxy.signal(signal.SIGHUP)
        wait_until(lambda: self.serial() != old, "a good pair is taken after all")

    def test_files_that_will_not_do_are_refused_at_start(self):
        certificate, key = self.pair_of_files
        other = self.authority.issue("/CN=proxy")[1]
        table = lambda *files, **more: tls_table(*files, f"127.0.0.1:{self.at.port}", **more)
        self.refusal("listen.tls.key_file", tables=table(certificate, other))
        self.refusal("listen.tls.key_file", tables=table(certificate, "/nonexistent.key"))
        self.refusal("listen.tls.certificate_file", tables=table("/nonexistent.pem", key))
        self.refusal("listen.tls.client_ca_file", tables=table(certificate, key, client_ca_file='"/nonexistent.pem"'))
        self.refusal("require_client_certificate", tables=table(certificate, key, require_client_certificate="true"))
        for mode in (0o604, 0o660):
            os.chmod(key, mode)
            self.refusal("listen.tls.key_file", key, f"{mode:04o}", tables=table(certificate, key))

    def test_clear_text_on_a_tls_address(self):
        _, proxy = self.start()
        received = raw(self.at.port, f"GET {overview()} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.assertNotIn(b"HTTP/1.1 2", received)
        self.assertNotIn(b"grossCost", received)
        self.assertEqual(request(self.at, overview()).status, 200)
        received = raw(proxy.port, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 100)
        self.assertRegex(received, rb"\AHTTP/1\.1 400 |\A\Z")

    def test_a_handshake_that_never_ends_is_cut(self):
        _, proxy = self.start(settings={"listen_head_timeout": "1s"})
        connections = lambda: int(re.search(r"(?m)^roktcached_connections (\d+)", request(proxy.admin_at, "/metrics").body.decode())[1])
        socks = []
        for data in (b"", b"\x16\x03\x01\x02\x00\x01\x00", b"\x16"):
            socks.append(socket.create_connection(("127.0.0.1", self.at.port), timeout=20))
            socks[-1].sendall(data)
        for sock in socks:
            try:
                self.assertNotIn(b"HTTP", sock.recv(1000))
            except ConnectionResetError:
                pass
        wait_until(lambda: connections() == 0, "they are let go, before we close them", 20)
        for sock in socks:
            sock.close()
