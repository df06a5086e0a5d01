"""Clients that take their answers slowly: who goes on taking gets all of it, however long that takes; who takes nothing, or
next to nothing, is cut, sees that, and the access line says how much went."""
import concurrent.futures
import hashlib
import os
import re
import signal
import socket
import time
import uuid

from certificates import Authority, tls_table
from exposition import Exposition
from harness import TestCase, Tls, connection_to, free_port, request, route, wait_until
from test_streaming import Origin

TIMEOUT_SECONDS = 3
BODY = os.urandom(12 << 20)  # more than the kernel holds for a client
DIGEST = hashlib.sha256(BODY).digest()
ROUTES = "".join(route(name, f"/{name}/{{rest...}}", "GET", cache=cache) for name, cache in (("stored", "http"), ("large", "http"), ("off", "off")))


def answer(connection, head):
    """The body, of known length or in chunks; of /.../broken only half of it."""
    target = head.split()[1]
    lifetime = b"Cache-Control: %s\r\n" % (b"max-age=600" if b"/stored" in target else b"no-store")
    body = BODY[:len(BODY) // 2] if b"broken" in target else BODY
    if b"chunked" not in target:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(BODY) + lifetime + b"\r\n" + body)
        return
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + lifetime + b"\r\n")
    connection.sendall(b"%x\r\n" % len(BODY) + body)
    if body == BODY:
        connection.sendall(b"\r\n0\r\n\r\n")


class Reader:
    """One request, whose answer is taken as the test wants it."""

    def __init__(self, at, target, version="1.1", buffer=None):
        self.id = uuid.uuid4().hex
        self.at = at
        connection = connection_to(at, 60)
        if buffer and not isinstance(at, str):
            self.shrink(connection, buffer)
        connection.connect()
        self.sock = connection.sock
        if isinstance(at, Tls):
            self.sock.suppress_ragged_eofs = False  # an end without a farewell is an error
        self.sock.sendall(f"GET {target} HTTP/{version}\r\nHost: localhost\r\nX-Request-Id: {self.id}\r\n\r\n".encode())
        self.received = bytearray()
        self.begin, self.length = 0, None  # of the content, once the head is there
        self.ended = None  # "end", or "reset" where it is an error

    @staticmethod
    def shrink(connection, buffer):
        def create(address, *_):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            sock.settimeout(60)
            sock.connect(address)
            return sock
        connection._create_connection = create  # pylint: disable=protected-access

    def take(self, most):
        try:
            data = self.sock.recv(most)
        except OSError:
            self.ended = "reset"
            return b""
        if not data:
            self.ended = "end"
        self.received += data
        if not self.begin and (end := self.received.find(b"\r\n\r\n")) >= 0:
            self.begin = end + 4
            length = re.search(rb"(?i)content-length: (\d+)", self.received[:end])
            self.length = length and int(length[1])
        return data

    def take_all(self, seconds_between=0):
        """Until it is whole, where that can be known, or the connection ends."""
        while not self.ended and not self.is_whole() and self.take(65536):
            time.sleep(seconds_between)
        return self

    def is_whole(self):
        return self.length is not None and len(self.received) - self.begin == self.length

    @property
    def content(self):
        return bytes(self.received[self.begin:]) if self.begin else b""

    def close(self):
        self.sock.close()


class SlowReaders(TestCase):
    def start(self, **settings):
        origin = Origin(answer)
        self.addCleanup(origin.stop)
        folder = self.folder()
        authority = Authority(self.folder())
        port, self.tls_port, unix = free_port(), free_port(), os.path.join(self.folder(), "proxy.sock")
        values = {"listen_write_timeout": f"{TIMEOUT_SECONDS}s", "upstream_body_timeout": "60s", "upstream_max_response": "13MiB", **settings}
        tables = tls_table(*authority.issue("/CN=proxy"), f"127.0.0.1:{self.tls_port}") + ROUTES
        proxy = self.daemon(origin.port, folder, port=port, tables=tables, listen_addresses=f"127.0.0.1:{port},unix:{unix}", **values)
        self.ways = {"plain": proxy.port, "TLS": Tls(self.tls_port, authority.context()), "Unix socket": unix}
        return proxy

    def access(self, proxy, reader):
        """What the access line says of it, as a dict."""
        def lines():
            return [line for line in proxy.output.splitlines() if f"request_id={reader.id}" in line]
        wait_until(lines, "it is logged")
        return dict(re.findall(r"(\w+)=(\S+)", lines()[0]))

    def store(self, proxy):
        reply = request(proxy.port, "/stored/a")
        self.assertEqual(hashlib.sha256(reply.body).digest(), DIGEST)
        wait_until(lambda: request(proxy.port, "/stored/a", "HEAD").is_hit, "it is stored")

    def at_once(self, calls):
        with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
            return dict(zip(calls, pool.map(lambda call: call(), calls.values())))

    def test_who_goes_on_taking_gets_all_however_long_it_takes(self):
        in_memory, on_disk = self.start(), None
        ways = {("memory", way): (at, "/stored/a") for way, at in self.ways.items()}
        ways |= {(f"streamed, {name}", way): (at, f"/{name}") for name in ("off/a", "large/a") for way, at in self.ways.items()}
        on_disk = self.start(cache_max_memory="1MiB")
        ways |= {("disk", way): (at, "/stored/a") for way, at in self.ways.items()}
        for proxy in (in_memory, on_disk):
            self.store(proxy)

        def read(at, target):
            reader, started = Reader(at, target, buffer=65536), time.monotonic()
            reader.take_all(0.04)
            return reader, time.monotonic() - started

        for name, (reader, took) in self.at_once({name: lambda way=way: read(*way) for name, way in ways.items()}).items():
            with self.subTest(name):
                self.assertGreater(took, 2 * TIMEOUT_SECONDS)
                self.assertEqual(hashlib.sha256(reader.content).digest(), DIGEST, f"{len(reader.content)} bytes")
                said = self.access(on_disk if name[0] == "disk" else in_memory, reader)
                self.assertEqual((said["status"], said["bytes"], said["cut"]), ("200", str(len(BODY)), "-"))
                reader.close()

    def test_who_takes_nothing_is_cut_and_what_went_is_said(self):
        proxy = self.start()
        self.store(proxy)
        readers = {(target, way): Reader(at, target, buffer=65536) for way, at in self.ways.items()
                   for target in ("/stored/a", "/off/a", "/large/a")}
        for (target, way), reader in readers.items():
            with self.subTest(target=target, way=way):
                said = self.access(proxy, reader)
                self.assertEqual((said["status"], said["cut"]), ("200", "write_timeout"))
                self.assertEqual(said["outcome"], {"/stored/a": "hit", "/off/a": "passed", "/large/a": "miss"}[target])
                self.assertGreaterEqual(int(said["took_us"]), TIMEOUT_SECONDS * 0.95e6)
                reader.take_all()
                self.assertFalse(reader.is_whole())
                self.assertEqual(reader.ended, "end" if way == "Unix socket" else "reset")
                self.assertEqual(reader.content, BODY[:len(reader.content)])
                # With TLS the last record is received in part, and the client cannot show it.
                self.assertAlmostEqual(int(said["bytes"]), len(reader.content), delta=65536 if way == "TLS" else 0)
                self.assertGreater(int(said["bytes"]), 0)
        cut = Exposition(request(proxy.admin_port, "/metrics").body.decode()).get("answers_cut_total", reason="write_timeout")
        self.assertEqual(cut, len(readers))

    def test_who_takes_a_byte_now_and_then_is_cut(self):
        proxy = self.start()
        self.store(proxy)

        def drip(at):
            reader = Reader(at, "/stored/a", buffer=4096)
            until = time.monotonic() + 20 * TIMEOUT_SECONDS
            while not reader.ended and time.monotonic() < until and f"request_id={reader.id}" not in proxy.output:
                reader.take(1)
                time.sleep(0.25)
            return reader

        for way, reader in self.at_once({way: lambda at=at: drip(at) for way, at in self.ways.items()}).items():
            with self.subTest(way):
                self.assertIn(self.access(proxy, reader)["cut"], ("write_timeout", "write_rate"))
                self.assertFalse(reader.take_all().is_whole())

    def test_the_least_rate_is_a_setting_and_zero_is_none(self):
        def read(proxy, at):
            """Some 200 KB a second, until it is cut; returns whether it still is served at last."""
            reader, until = Reader(at, "/off/a", buffer=16384), time.monotonic() + 4 * TIMEOUT_SECONDS
            while not reader.ended and time.monotonic() < until:
                reader.take(8192)
                time.sleep(0.04)
            served = not reader.ended and f"request_id={reader.id}" not in proxy.log()
            reader.close()
            return served, self.access(proxy, reader)

        ways = {}
        for rate in ("4MiB", "0B"):
            proxy = self.start(listen_min_write_rate=rate)
            ways |= {(rate, way): lambda proxy=proxy, at=at: read(proxy, at) for way, at in self.ways.items()}
        for (rate, way), (served, said) in self.at_once(ways).items():
            with self.subTest(rate=rate, way=way):
                self.assertEqual((served, said["cut"]), (True, "client_gone") if rate == "0B" else (False, "write_rate"))
                self.assertLess(int(said["bytes"]), len(BODY))

    def test_no_answer_without_a_length_looks_whole_when_it_is_cut(self):
        proxy = self.start()
        # A Unix socket knows no reset, and an old client no chunks: there is no way to tell that one.
        readers = {(target, way, version): Reader(at, target, version, buffer=65536) for way, at in self.ways.items()
                   for version in ("1.1", "1.0") if (way, version) != ("Unix socket", "1.0")
                   for target in ("/off/chunked", "/large/chunked", "/off/chunked-broken", "/large/chunked-broken")}
        for (target, way, version), reader in readers.items():
            with self.subTest(target=target, way=way, version=version):
                broken = "broken" in target
                if broken:
                    reader.take_all()
                said = self.access(proxy, reader)
                reader.take_all()
                if broken and said["status"] == "502":  # it came when the fetch that it would have shared had failed already
                    self.assertTrue(reader.is_whole())
                    continue
                # Those that wait for their turn here take nothing meanwhile, and may be cut for that first.
                self.assertIn(said["cut"], ("upstream", "write_timeout", "write_rate") if broken else ("write_timeout",), str(said))
                self.assertFalse(reader.received.endswith(b"0\r\n\r\n"))
                if version == "1.0" or said["cut"] in ("write_timeout", "write_rate"):
                    self.assertIn(reader.ended, ("end", "reset") if way == "Unix socket" else ("reset",))

    def test_an_answer_of_known_length_that_the_upstream_cuts_is_cut_for_the_client(self):
        proxy = self.start()
        for way, at in self.ways.items():
            for target in ("/off/broken", "/large/broken", "/stored/broken"):
                with self.subTest(target=target, way=way):
                    reader = Reader(at, target).take_all()
                    said = self.access(proxy, reader)
                    self.assertEqual((said["cut"], said["bytes"]), ("upstream", str(len(reader.content))))
                    self.assertEqual(reader.content, BODY[:len(BODY) // 2])
                    self.assertFalse(request(proxy.port, target, "HEAD").is_hit, "half an answer is not kept")

    def test_who_takes_its_time_while_the_daemon_ends_is_cut_by_the_end(self):
        proxy = self.start(listen_write_timeout="60s")
        reader = Reader(proxy.port, "/off/a", buffer=65536)
        reader.take(100)
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(20), 0, proxy.output)
        self.assertEqual(self.access(proxy, reader)["cut"], "shutdown")
        self.assertFalse(reader.take_all().is_whole())
