"""Long bodies lie in a file in memory, and are sent from it: their octets are the same on each kind of listener, whatever becomes of
the entry meanwhile, and their memory goes back."""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import signal

from certificates import Authority, tls_table
from harness import TestCase, Tls, connection_to, free_port, request, route, wait_until
from test_slow_readers import Reader
from test_streaming import Origin

KIB, MIB = 1 << 10, 1 << 20
FROM = 128 * KIB  # on which a body lies there
SIZES = (FROM - 1, FROM, FROM + 1, 300_001, 1_300_000, 5 * MIB)
SLOW = 12 * MIB  # more than the kernel holds for a client
TOKEN = "an-admin-token-of-the-tests"
ROUTE = route("files", "/files/{rest...}", "GET")


class LongBodies(TestCase):
    def setUp(self):
        self.bodies, self.tags = {}, {}  # of each target, what was sent last
        self.sent = 0
        origin = Origin(self.answer)
        self.addCleanup(origin.stop)
        self.start(origin.port)

    def start(self, origin):
        folder = self.folder()
        authority = Authority(self.folder())
        token = os.path.join(folder, "token")
        with open(os.open(token, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(TOKEN + "\n")
        port, tls_port, unix = free_port(), free_port(), os.path.join(self.folder(), "proxy.sock")
        tables = tls_table(*authority.issue("/CN=proxy"), f"127.0.0.1:{tls_port}") + ROUTE
        self.proxy = self.daemon(origin, folder, port=port, tables=tables, listen_addresses=f"127.0.0.1:{port},unix:{unix}",
                                 admin_token_file=token, cache_file="", cache_max_memory="64MiB", upstream_max_response="16MiB")
        self.ways = {"plain": port, "Unix socket": unix, "TLS": Tls(tls_port, authority.context())}

    def answer(self, connection, head):
        """Another body each time that a GET comes, of the size that the target names."""
        method, target = head.decode().split()[:2]
        if method == "GET":
            self.sent += 1
            self.bodies[target], self.tags[target] = os.urandom(int(target.rsplit("/", 1)[1])), self.sent
        body = self.bodies[target]
        connection.sendall(b'HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nETag: "%d"\r\nContent-Length: %d\r\n\r\n' % (self.tags[target], len(body)))
        if method == "GET":
            connection.sendall(body)

    def store(self, target):
        """@return its body"""
        reply = request(self.proxy.port, target)
        self.assertEqual(reply.status, 200, reply.body)
        self.assertEqual(digest(reply.body), digest(self.bodies[target]))
        wait_until(lambda: request(self.proxy.port, target, "HEAD").is_hit, "it is stored")  # behind its first answer
        return self.bodies[target]

    def purge(self, **content):
        reply = request(self.proxy.admin_port, "/purge", "POST", {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}, json.dumps(content))
        self.assertEqual(reply.status, 200, reply.body)

    def in_file(self):
        """Bytes of memory that belong to a file."""
        status = pathlib.Path(f"/proc/{self.proxy.child.pid}/status").read_text()
        return KIB * int(re.search(r"RssShmem:\s*(\d+)", status)[1])

    def expect(self, reply, body, status=200):
        self.assertEqual((reply.status, reply.is_hit, len(reply.body)), (status, True, len(body)))
        self.assertEqual(digest(reply.body), digest(body))

    def test_hits_are_the_same_octets_on_each_kind_of_listener(self):
        for size in SIZES:
            target = f"/files/{size}"
            body = self.store(target)
            for way, at in self.ways.items():
                with self.subTest(size=size, way=way):
                    for fields in ({}, {"Connection": "close"}):
                        self.expect(request(at, target, fields=fields), body)
                    connection = connection_to(at)
                    for _ in range(3):
                        connection.request("GET", target)
                        self.assertEqual(digest(connection.getresponse().read()), digest(body))
                    connection.close()

    def test_parts_conditions_and_heads_are_as_of_any_body(self):
        size = 1_300_000
        target = f"/files/{size}"
        body = self.store(target)
        for way, at in self.ways.items():
            with self.subTest(way):
                for first, last in ((0, 0), (0, size - 1), (4095, 4096), (1, 200_000), (777_777, size - 1)):
                    part = request(at, target, fields={"Range": f"bytes={first}-{last}"})
                    self.expect(part, body[first:last + 1], 206)
                    self.assertEqual(part.fields["content-range"], f"bytes {first}-{last}/{size}")
                head = request(at, target, "HEAD")
                self.assertEqual((head.status, head.fields["content-length"], head.body), (200, str(size), b""))
                tag = head.fields["etag"]
                self.assertEqual(request(at, target, fields={"If-None-Match": tag}).status, 304)
                self.expect(request(at, target, fields={"If-None-Match": '"other"'}), body)

    def test_pipelined_answers_come_whole_and_in_order(self):
        targets = [f"/files/{size}" for size in (1_300_000, 10, FROM, 20_000, 5 * MIB, 10)]
        bodies = [self.store(target) for target in dict.fromkeys(targets)]
        bodies.append(bodies[1])
        for way, at in self.ways.items():
            with self.subTest(way):
                connection = connection_to(at)
                connection.connect()
                for target in targets:
                    connection.sock.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                with connection.sock.makefile("rb") as answers:
                    for body in bodies:
                        length = None
                        while (line := answers.readline()) != b"\r\n":
                            if line.lower().startswith(b"content-length:"):
                                length = int(line.split(b":")[1])
                        self.assertEqual(length, len(body))
                        self.assertEqual(digest(answers.read(length)), digest(body))
                connection.close()

    def test_a_slow_reader_gets_what_was_stored_when_it_asked(self):
        def purged(_):
            self.purge(all=True)

        def replaced(target):
            old = self.bodies[target]
            reply = request(self.proxy.port, target, fields={"Cache-Control": "no-cache"})
            self.assertEqual(digest(reply.body), digest(self.bodies[target]))
            self.assertNotEqual(self.bodies[target], old)

        def evicted(target):
            def is_there():
                return target in request(self.proxy.admin_port, "/entries").body.decode()
            for number in range(100):
                if is_there():
                    for _ in range(2):  # what is asked for again takes the place of what is not
                        request(self.proxy.port, f"/files/others/{number}/{4 * MIB}")
            self.assertFalse(is_there())

        for number, change in enumerate((purged, replaced, evicted)):
            target = f"/files/{number}/{SLOW}"
            body = self.store(target)
            readers = {way: Reader(at, target, buffer=65536) for way, at in self.ways.items()}
            for reader in readers.values():
                while len(reader.received) < 65536:
                    self.assertTrue(reader.take(65536))
            change(target)
            request(self.proxy.port, f"/files/after/{number}/{SLOW}")  # in other memory, or in the same
            with concurrent.futures.ThreadPoolExecutor(len(readers)) as pool:
                list(pool.map(Reader.take_all, readers.values()))
            for way, reader in readers.items():
                with self.subTest(change=change.__name__, way=way):
                    self.assertTrue(reader.is_whole(), f"{len(reader.content)} bytes")
                    self.assertEqual(digest(reader.content), digest(body))
                    reader.close()

    def test_the_memory_of_what_has_gone_goes_back(self):
        self.assertEqual(self.in_file(), 0)
        for number in range(6):
            self.store(f"/files/{number}/{4 * MIB}")
        self.assertEqual(self.in_file(), 24 * MIB)
        reader = Reader(self.proxy.port, f"/files/5/{4 * MIB}", buffer=4096)
        while not reader.begin:
            self.assertTrue(reader.take(512))
        self.purge(all=True)
        wait_until(lambda: self.in_file() <= 4 * MIB, "only what is being sent is held")
        reader.take_all()
        self.assertEqual(digest(reader.content), digest(self.bodies[f"/files/5/{4 * MIB}"]))
        wait_until(lambda: self.in_file() == 0, "nothing is held")
        wait_until(lambda: self.proxy.status()["bodies"]["held"] == 0, "nor counted")

    def test_what_the_kernel_holds_of_an_answer_outlives_the_process(self):
        target = f"/files/{2 * MIB}"
        body = self.store(target)
        readers = {way: Reader(self.ways[way], target) for way in ("plain", "Unix socket")}
        for reader in readers.values():
            while not reader.begin:
                self.assertTrue(reader.take(512))
        self.proxy.signal(signal.SIGTERM)
        while self.proxy.alive():  # which waits until the kernel has all of it
            for reader in readers.values():
                reader.is_whole() or reader.take(4096)
        for way, reader in readers.items():
            with self.subTest(way):
                self.assertEqual(digest(reader.take_all().content), digest(body))
                reader.close()

    def test_where_everybody_has_tls_there_is_no_file(self):
        authority = Authority(self.folder())
        tls_port = free_port()
        origin = Origin(self.answer)
        self.addCleanup(origin.stop)
        tables = tls_table(*authority.issue("/CN=proxy"), f"127.0.0.1:{tls_port}") + ROUTE
        at = Tls(tls_port, authority.context())
        self.proxy = self.daemon(origin.port, wait=False, tables=tables, listen_addresses="", cache_file="")
        wait_until(lambda: self.proxy.alive() and answers(at), "it answers")
        target = "/files/1300000"
        request(at, target)
        wait_until(lambda: request(at, target, "HEAD").is_hit, "it is stored")
        self.expect(request(at, target), self.bodies[target])
        self.assertEqual(self.in_file(), 0)


def answers(at):
    try:
        return request(at, "/nothing").status == 404
    except OSError:
        return False


def digest(body):
    return hashlib.sha256(body).digest()
