"""The search for secrets finds them: a search that finds nothing would prove nothing."""
import base64
import gzip
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import urllib.parse

import canary
import unpacking
from certificates import Authority, tls_table
from clients import basic
from harness import TestCase, Tls, connection_to, free_port, overview, request, wait_until
from load import Load
from test_http_routes import Origin, ROUTES


class Canary(TestCase):
    def setUp(self):
        self.secret = canary.canary("planted")

    def test_each_spelling_is_found(self):
        secret = self.secret.encode()
        planted = [secret, b"x" + secret + b"x", secret.hex().encode(), secret.hex().upper().encode(), gzip.compress(b"x" + secret),
                   b"HTTP/1.1 200 OK\r\n\r\n" + gzip.compress(secret + os.urandom(9000))[:-500], "".join(f"%{byte:02x}" for byte in secret).encode()]
        for name in (b"", b"a", b"ab", b"abc", b"tableau"):
            for pair in (name + b":" + secret, name + b":" + secret + b"\n"):
                planted += [base64.b64encode(pair), base64.urlsafe_b64encode(pair), b"Basic " + base64.b64encode(pair)]
        for data in planted:
            with self.subTest(data):
                self.assertTrue(canary.find(b"2026-01-31 debug before " + data + b" after"))

    def test_what_is_no_secret_is_not(self):
        for data in (b"", b"canary-planted-", base64.b64encode(b"tableau:another-secret"), b"sim-0123", self.secret[:-1].encode()):
            with self.subTest(data):
                self.assertEqual(canary.find(data), [])

    def test_characters_that_have_to_be_encoded(self):
        secret = canary.register("canary/with+signs&more=x?")
        quoted = urllib.parse.quote(secret, safe="")
        self.assertIn("%2F", quoted)
        for data in (quoted, re.sub("%..", lambda octet: octet[0].lower(), quoted), base64.b64encode(b"??>" + secret.encode()).decode()):
            self.assertTrue(canary.find(data.encode()), data)

    def test_an_upstream_token_is_found(self):
        self.assertTrue(canary.find(self.simulator().token().encode()))

    def test_files_are_searched_but_for_those_that_were_given(self):
        folder = self.folder()
        pathlib.Path(folder, "given").write_text(self.secret + "\n")
        canary.check_files(folder)
        os.mkdir(os.path.join(folder, "below"))
        with open(os.path.join(folder, "below", "large"), "wb") as file:
            file.truncate(3 * canary.LOOKED_AT_BYTES)
            file.seek(0, os.SEEK_END)
            file.write(self.secret.encode())
        with self.assertRaisesRegex(AssertionError, "below/large shows canary-planted"):
            canary.check_files(folder)

    def test_a_process_and_its_children_are_looked_at(self):
        script = pathlib.Path(self.folder(), "script")
        script.write_text(f"sh -c 'sleep 60; : {self.secret}' & wait")
        for arguments, environment, what in ((["sh", "-c", "sleep 60 & wait", self.secret], {}, "command line"),
                                             (["sh", "-c", "sleep 60 & wait"], {"SECRET": self.secret}, "child's environment"),
                                             (["sh", str(script)], {}, "command line")):
            with self.subTest(what, arguments=arguments), subprocess.Popen(arguments, env={**os.environ, **environment}, start_new_session=True) as child:
                try:
                    wait_until(lambda: self.has_a_child_of_its_own(child.pid), "it has a child, which is no copy of it any more")
                    with self.assertRaisesRegex(AssertionError, f"{what} shows canary-planted"):
                        canary.check_process(child.pid)
                finally:
                    os.killpg(child.pid, signal.SIGKILL)

    @staticmethod
    def has_a_child_of_its_own(pid):
        command_line = lambda of: pathlib.Path(f"/proc/{of}/cmdline").read_bytes()
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return children and all(command_line(child) not in (b"", command_line(pid)) for child in children)

    def origin(self, body, fields=(), tables="", **settings):
        """A daemon before an origin whose answers on the http route are `body`."""
        origin = Origin(lambda handler: (200, [("Cache-Control", "max-age=60"), ("Content-Type", "text/plain"), *fields], body))
        self.serve(origin)
        return self.daemon(origin.server_address[1], tables=ROUTES + tables, **settings)

    def stops_with(self, proxy, *sightings):
        """Stops a daemon that the search has to complain of: what it sees first, it says."""
        with self.assertRaisesRegex(AssertionError, f"({'|'.join(sightings)}) shows canary-planted"):
            proxy.stop()

    def test_the_rows_of_the_cache_file_are_unpacked(self):
        # Digits enough that it is worth coding them in fewer bits: else zstd leaves letters as they are.
        proxy = self.origin(os.urandom(5000).hex().encode() + self.secret.encode() + os.urandom(5000).hex().encode())
        with self.assertRaises(AssertionError):
            proxy.get("/files/a")
        path = os.path.join(proxy.folder, "cache.db")
        row = lambda: [value for value in unpacking.values_of(path) if value.startswith(unpacking.ZSTD)]
        wait_until(row, "the answer is in the cache file, compressed")
        self.assertFalse([value for value in unpacking.values_of(path) if self.secret.encode() in value], "it is not seen without unpacking")
        self.stops_with(proxy, "a row of [^ ]*cache.db")

    def test_a_file_of_no_rows_or_a_spoiled_one_is_no_error(self):
        folder = self.folder()
        pathlib.Path(folder, "spoiled.db").write_bytes(unpacking.SQLITE + os.urandom(9000))
        sqlite3.connect(os.path.join(folder, "empty.db")).close()
        canary.check_files(folder)

    def test_what_comes_compressed_is_unpacked(self):
        proxy = self.origin(gzip.compress(b"it repeats itself " * 1000 + self.secret.encode()), [("Content-Encoding", "gzip")], cache_file="")
        with self.assertRaisesRegex(AssertionError, "the answer to .* shows canary-planted"):
            proxy.get("/files/a", Accept_Encoding="gzip")
        self.stops_with(proxy, "what a client received")

    def test_all_that_any_client_receives_is_searched(self):
        authority, port = Authority(self.folder()), free_port()
        body = self.secret.encode()

        def by_socket(proxy):
            with socket.create_connection(("127.0.0.1", proxy.port)) as sock:
                sock.sendall(b"GET /files/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                while sock.recv(100):
                    pass

        def by_tls(proxy):
            sock = connection_to(Tls(port, authority.context()))
            sock.request("GET", "/files/a")
            self.assertEqual(sock.getresponse().read(), body)
            sock.close()

        def by_load(proxy):
            with Load(proxy.port, "x", waiting=1) as load:
                wait_until(lambda: load.refused, "it is answered")

        for ask in (by_socket, by_tls):
            with self.subTest(ask.__name__):
                proxy = self.origin(body, tables=tls_table(*authority.issue("/CN=proxy"), f"127.0.0.1:{port}"), cache_file="")
                ask(proxy)
                self.stops_with(proxy, "what a client received")
        with self.subTest(by_load.__name__):
            # Whose answers are 503 for want of a token, and name their own request.
            proxy = self.origin(body, cache_file="")
            by_load(proxy)
            canary.register("urn:roktcached:token-unavailable")  # which /history says without its beginning
            self.addCleanup(canary.needles.clear)
            with self.assertRaisesRegex(AssertionError, "what a client received shows urn:roktcached"):
                proxy.stop()
            canary.needles.clear()

    def test_a_daemon_that_shows_one_fails_its_test(self):
        # An origin that hands out what it was told, and a target that is logged: no fault of the daemon's, but the same to see.
        origin = Origin(lambda handler: (200, [("X-Echo", handler.path)], b""))
        self.serve(origin)
        proxy = self.daemon(origin.server_address[1], tables=ROUTES)
        with self.assertRaisesRegex(AssertionError, "X-Echo.*shows canary-planted|answer.*shows canary-planted"):
            proxy.get(f"/files/{self.secret}")
        pathlib.Path(proxy.folder, "left-behind").write_text(f"secret={self.secret}")
        self.stops_with(proxy, "[^ ]*left-behind")

    def test_an_answer_is_searched_however_it_is_asked_for(self):
        _, proxy = self.pair()
        canary.register("grossCost")  # stands in every report
        self.addCleanup(canary.needles.clear)
        with self.assertRaisesRegex(AssertionError, "shows gross"):
            request(proxy.port, overview(), fields={"Authorization": basic("x")})
        canary.needles.clear()
