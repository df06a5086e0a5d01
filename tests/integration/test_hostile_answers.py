"""Every answer of hostile_answers.py, from an upstream that writes it as it is: refused, not kept, and its connection not used again."""
import concurrent.futures
import dataclasses
import itertools
import json
import socket
import socketserver
import threading
import time

from hostile_answers import CONTENT, EVIL, HOSTILE, MAX_RESPONSE, SECOND, UNUSUAL, answer
from harness import TestCase, overview, route
from strict_reader import Incomplete, Malformed, read_answers

CASES = HOSTILE + UNUSUAL
TOKEN = json.dumps({"access_token": "our-own-token", "expires_in": 3600, "token_type": "Bearer"})
LONG = 4096  # beyond this an answer comes in pieces rather than in bytes
PIECE = 997
ROUTE = route("files", "/files/{rest...}", "GET")


@dataclasses.dataclass(frozen=True)
class Mode:
    name: str
    kept_alive: bool = True  # the answers around are; so the case comes behind a good one on the same connection
    in_pieces: bool = False
    second: bool = False  # an answer that nobody asked for comes right behind it
    http: bool = False  # on a route with cache = "http"

    def has(self, case):
        if self.in_pieces:
            return not case.surplus
        if self.second:
            return case in HOSTILE and not case.unfinished and not case.ends
        return True

    def target(self, number, part):
        return f"/files/{number}/{part}" if self.http else f"{overview()}&case={number}&part={part}"


MODES = (Mode("alone", kept_alive=False), Mode("behind a good answer"), Mode("in pieces", in_pieces=True),
         Mode("before another answer", second=True), Mode("on an http route", http=True))


class Upstream(socketserver.ThreadingTCPServer):
    """Answers the targets in `script` with their case's bytes, once each, and all others with what names them."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, mode):
        self.mode = mode
        self.script = {}
        self.asked = []  # (connection's number, target), in their order
        self.connections = itertools.count()
        super().__init__(("127.0.0.1", 0), Talk)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()

    def connection_of(self, target):
        """That of the first request for it."""
        return next((connection for connection, asked in self.asked if asked == target), None)

    def times_asked(self, target):
        return sum(asked == target for _, asked in self.asked)


class Talk(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        self.number = next(self.server.connections)
        try:
            while self.exchange():
                pass
        except OSError:
            pass  # the proxy is right to close before all is written

    def exchange(self):
        line = self.rfile.readline().decode("latin-1").split()
        if not line:
            return False
        length = 0
        while (field := self.rfile.readline().strip()):
            if field.lower().startswith(b"content-length:"):
                length = int(field.split(b":")[1])
        self.rfile.read(length)
        target = line[1]
        if target.startswith("/auth/"):
            self.write(answer(length=f"Content-Length: {len(TOKEN)}", content=TOKEN).encode(), False)
            return True
        self.server.asked.append((self.number, target))
        case = self.server.script.pop(target, None)
        mode = self.server.mode
        if case is None:
            content = content_of(target)
            closing = () if mode.kept_alive else ("Connection: close",)
            self.write(answer(*closing, length=f"Content-Length: {len(content)}", content=content).encode(), False)
            return mode.kept_alive
        self.write(case.data + (SECOND.encode() if mode.second else b""), mode.in_pieces)
        return not case.ends

    def write(self, data, in_pieces):
        step = len(data) if not in_pieces else 1 if len(data) <= LONG else PIECE
        for at in range(0, len(data), step):
            self.connection.sendall(data[at:at + step])


def content_of(target):
    return json.dumps({"answer to": target})


def get(port, target, method="GET"):
    """(status, content); the status is "cut" for an answer that ends before its end, which no client takes for whole."""
    received = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
            sock.sendall(f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            while data := sock.recv(65536):
                received += data
    except ConnectionResetError:
        pass
    except OSError as error:
        return f"gone: {error}", b""
    try:
        _, final = read_answers(received, [method])
    except Incomplete:
        return "cut", received
    except Malformed as error:
        return f"malformed: {error}", received
    return (final[0].status, final[0].content) if final else ("cut", b"")


@dataclasses.dataclass
class Outcome:
    number: int
    first: tuple  # (status, content) of the request that gets the case
    second: tuple  # of the same request, again
    after: tuple  # of another one


def run_all(port, upstream):
    """One case after the other, so that each comes on the connection that served the request before it."""
    outcomes = {}
    for number, case in enumerate(CASES):
        if not upstream.mode.has(case):
            continue
        before, target, after = (upstream.mode.target(number, part) for part in ("before", "case", "after"))
        get(port, before)
        upstream.script[target] = case
        outcomes[case.name] = Outcome(number, get(port, target), get(port, target), get(port, after))
    return outcomes


class HostileAnswers(TestCase):
    """All cases are run once, in setUpClass; each test looks at one aspect of what came of them."""

    @classmethod
    def setUpClass(cls):
        cls.base = TestCase()
        cls.addClassCleanup(cls.base.doCleanups)
        cls.upstreams = {mode: Upstream(mode) for mode in MODES}
        for upstream in cls.upstreams.values():
            cls.addClassCleanup(upstream.stop)
        cls.proxies = {mode: cls.proxy(upstream.server_address[1]) for mode, upstream in cls.upstreams.items()}
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(len(MODES)) as pool:
            outcomes = pool.map(lambda mode: run_all(cls.proxies[mode].port, cls.upstreams[mode]), MODES)
        cls.outcomes = dict(zip(MODES, outcomes))
        print(f"\n{len(HOSTILE)} hostile answers and {len(UNUSUAL)} unusual ones, each {', '.join(mode.name for mode in MODES)}: "
              f"{time.monotonic() - started:.0f} s")

    @classmethod
    def proxy(cls, upstream):
        return cls.base.daemon(upstream, tables=ROUTE, upstream_head_timeout="3s", upstream_body_timeout="3s",
                               upstream_max_response=f"{MAX_RESPONSE // 1024}KiB")

    def each(self, cases, check):
        for case in cases:
            for mode in MODES:
                if outcome := self.outcomes[mode].get(case.name):
                    with self.subTest(case.name, mode=mode.name):
                        check(case, mode, outcome, self.upstreams[mode])

    def test_hostile_answers_get_502(self):
        self.each(HOSTILE, self.check_refused)

    def check_refused(self, case, mode, outcome, _):
        status, content = outcome.first
        self.assertNotIn(EVIL.encode(), content if case.statuses == frozenset({502}) or status == 200 else b"")
        allowed = case.http_statuses if mode.http else case.statuses
        if mode.http and status == "cut":
            self.assertFalse(allowed & {200, 204, 404}, "an answer in order is cut off")
            return
        self.assertIn(status, allowed)
        if status not in (502, 504):
            return
        problem = json.loads(content)
        name = "upstream-invalid-response" if status == 502 else "upstream-timeout"
        self.assertEqual((problem["type"], problem["status"]), (f"urn:roktcached:{name}", status))

    def test_unusual_answers_are_passed_on(self):
        def check(case, _, outcome, __):
            self.assertIn(outcome.first[0], case.statuses)
            self.assertEqual(outcome.first[1], case.content)
        self.each(UNUSUAL, check)

    def test_what_is_refused_is_not_kept(self):
        def check(case, mode, outcome, upstream):
            if outcome.first[0] not in (502, 504, "cut"):
                return
            target = mode.target(outcome.number, "case")
            self.assertEqual(outcome.second, (200, content_of(target).encode()))
            self.assertEqual(upstream.times_asked(target), 2)
        self.each(HOSTILE, check)

    def test_an_answer_in_order_is_kept(self):
        def check(case, mode, outcome, upstream):
            if outcome.first == (200, CONTENT.encode()) and not mode.http:
                self.assertEqual(outcome.second, outcome.first)
                self.assertEqual(upstream.times_asked(mode.target(outcome.number, "case")), 1)
        self.each(UNUSUAL, check)

    def test_a_connection_whose_answer_was_none_is_not_used_again(self):
        self.each(HOSTILE + [case for case in UNUSUAL if not case.reusable], self.check_connection)

    def check_connection(self, _, mode, outcome, upstream):
        if outcome.first[0] == 200:  # only where its own test lets it: it streams through, whole
            return
        target = mode.target(outcome.number, "case")
        connection = upstream.connection_of(target)
        self.assertIsNotNone(connection, "the case has been written")
        later = [asked for number, asked in upstream.asked[upstream.asked.index((connection, target)) + 1:] if number == connection]
        self.assertEqual(later, [])

    def test_a_connection_whose_answer_was_in_order_is_used_again(self):
        def check(_, mode, outcome, upstream):
            if mode.kept_alive:
                before, target, after = (upstream.connection_of(mode.target(outcome.number, part)) for part in ("before", "case", "after"))
                self.assertEqual(target, before)
                self.assertEqual(after, before)
        self.each([case for case in UNUSUAL if case.reusable], check)

    def test_each_request_gets_its_own_answer(self):
        def check(_, mode, outcome, upstream):
            after = mode.target(outcome.number, "after")
            self.assertEqual(outcome.after, (200, content_of(after).encode()))
            before = upstream.connection_of(mode.target(outcome.number, "before"))
            if mode.kept_alive:  # so the case has come behind a good answer
                self.assertEqual(upstream.connection_of(mode.target(outcome.number, "case")), before)
        self.each(CASES, check)

    def test_content_in_answer_to_head_is_not_the_next_answer(self):
        mode = MODES[-1]
        upstream, proxy = self.upstreams[mode], self.proxies[mode]
        for number, data in enumerate((answer(), answer() + SECOND, SECOND, answer("Transfer-Encoding: chunked", length=None, content="d\r\n" + CONTENT + "\r\n0\r\n\r\n"))):
            with self.subTest(data):
                target = f"/files/head/{number}"
                upstream.script[target] = dataclasses.replace(UNUSUAL[0], data=data.encode())
                status, content = get(proxy.port, target, "HEAD")
                self.assertIn(status, (200, 502))
                self.assertEqual(content, b"")
                after = f"/files/head/after-{number}"
                self.assertEqual(get(proxy.port, after), (200, content_of(after).encode()))
                self.assertNotEqual(upstream.connection_of(after), upstream.connection_of(target))

    def test_the_daemons_still_serve(self):
        for mode in MODES:
            with self.subTest(mode.name):
                self.assertTrue(self.proxies[mode].alive(), self.proxies[mode].output[-500:])
                target = mode.target(0, "last")
                self.assertEqual(get(self.proxies[mode].port, target), (200, content_of(target).encode()))
                self.assertNotIn("EXCEPTION", self.proxies[mode].log())
