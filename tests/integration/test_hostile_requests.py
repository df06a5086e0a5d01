"""Every request of hostile_requests.py: alone, amid a pipeline, in pieces and cut off. One reading, or a refusal and the end."""
import concurrent.futures
import dataclasses
import json
import selectors
import socket
import time

from hostile_requests import CLOSES, EITHER, HOSTILE, MARK, MAX_BODY, MAX_HEAD, STAYS, UNFINISHED, UNUSUAL
from harness import TestCase, overview
from strict_reader import Incomplete, Malformed, read_answers

CASES = HOSTILE + UNUSUAL
GOOD = f"GET {overview()} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
AT_ONCE = 24
PATIENCE = 60  # seconds; far more than any timeout of the daemon's
LONG = 4096  # beyond this a case comes in pieces rather than in bytes
PIECE = 997  # no divisor of anything

MODES = ("alone", "in a pipeline", "in pieces")


@dataclasses.dataclass
class Outcome:
    interim: list
    answers: list  # without those to the good requests around
    error: str = ""
    marker_answered: bool = False

    @property
    def verdict(self):
        return [answer.status for answer in self.answers], self.marker_answered


def marker_target(number):
    return f"{overview()}&marker={number:08}"


def marker_request(number):
    return f"GET {marker_target(number)} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()


def send(sock, data, in_pieces):
    step = len(data) if not in_pieces else 1 if len(data) <= LONG else PIECE
    try:
        for at in range(0, len(data), step):
            sock.sendall(data[at:at + step])
    except OSError:
        pass  # refused before all was sent: what was answered is still there to be read


def receive(sock):
    """All that comes; fails where the other end does not close."""
    received = b""
    try:
        while data := sock.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return received


def methods_of(case):
    """What the answers are to: HEAD has no content in its answer."""
    return ["HEAD" if case.data.startswith(b"HEAD ") else "GET"] + ["GET"] * len(case.answers)


def run(port, case, mode, number):
    """Sends the case, with a good request before it but when alone, and one behind it that shows whether it is run."""
    alone = mode == "alone"
    data = case.data.replace(MARK.encode(), f"{number:08}".encode())
    before = b"" if alone else GOOD
    behind = b"" if alone and case.then == CLOSES else marker_request(number)
    methods = methods_of(case) if alone else ["GET", *methods_of(case)]
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            send(sock, before + data + behind, mode == "in pieces")
            received = receive(sock)
    except TimeoutError:
        return Outcome([], [], "the connection stays open")
    except OSError as error:
        return Outcome([], [], f"the daemon is gone: {error}")
    try:
        interim, answers = read_answers(received, methods)
    except (Incomplete, Malformed) as error:
        return Outcome([], [], f"{error!r} in {received[-300:]!r}")
    if not alone:
        if not answers or answers[0].status != 200:
            return Outcome(interim, answers, "the good request before it is not answered")
        del answers[0]
    outcome = Outcome(interim, answers)
    goes_on = case.then in (STAYS, EITHER) and len(answers) == len(case.answers) + 1
    if goes_on and answers[-1].status == 200:
        answers.pop()
        outcome.marker_answered = True
    return outcome


def cut_points(case):
    """The middle of the head, and all but the last byte where that leaves a request that is not whole."""
    head_end = case.data.find(b"\r\n\r\n")
    yield (head_end if head_end > 0 else len(case.data)) // 2
    ends_in_last_chunk = len(case.answers) == 1 and case.data.endswith(b"0\r\n\r\n")
    if case.refused or ends_in_last_chunk:
        yield len(case.data) - 1


def read_refusal(received, case):
    """Answers to what is cut off. Who has not read a HEAD to its end need not know that it is one."""
    try:
        return read_answers(received, methods_of(case))[1]
    except Malformed:
        return read_answers(received, ["GET"])[1]


def cut_off(port, cases, half_closed):
    """Sends each case's beginning, all at once; returns [(case, sent, all that came back, seconds or None)]."""
    ended = []
    begun = time.monotonic()
    with selectors.DefaultSelector() as selector:
        for case in cases:
            for end in cut_points(case):
                sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
                send(sock, case.data[:end], False)
                if half_closed:
                    try:
                        sock.shutdown(socket.SHUT_WR)
                    except OSError:
                        pass
                selector.register(sock, selectors.EVENT_READ, [case, case.data[:end], b"", time.monotonic()])
        while selector.get_map() and time.monotonic() - begun < PATIENCE:
            for key, _ in selector.select(0.5):
                try:
                    data = key.fileobj.recv(65536)
                except ConnectionResetError:
                    data = b""
                key.data[2] += data
                if not data:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    case, sent, received, sent_at = key.data
                    ended.append((case, sent, received, time.monotonic() - sent_at))
        for key in list(selector.get_map().values()):
            key.fileobj.close()
            ended.append((*key.data[:3], None))
    return ended


class HostileRequests(TestCase):
    """All cases are run once, in setUpClass; each test looks at one aspect of what came of them."""

    @classmethod
    def setUpClass(cls):
        cls.base = TestCase()
        cls.addClassCleanup(cls.base.doCleanups)
        cls.upstream, cls.proxy = cls.base.pair(
            listen_head_timeout="8s", listen_body_timeout="6s", listen_idle_timeout="10s", listen_max_head=f"{MAX_HEAD // 1024}KiB",
            listen_max_body=f"{MAX_BODY // 1024}KiB")
        assert cls.proxy.get(overview()).status == 200
        jobs = [(case, mode) for mode in MODES for case in CASES]
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            outcomes = list(pool.map(lambda number: run(cls.proxy.port, *jobs[number], number), range(len(jobs))))
        cls.outcomes = {(case.name, mode): (number, outcome) for number, ((case, mode), outcome) in enumerate(zip(jobs, outcomes))}
        cls.asked = cls.upstream.ledger()["by_target"]
        print(f"\n{len(HOSTILE)} hostile requests and {len(UNUSUAL)} unusual ones, each {', '.join(MODES)}: "
              f"{time.monotonic() - started:.0f} s")

    def each(self, cases, check):
        for case in cases:
            for mode in MODES:
                with self.subTest(case.name, mode=mode):
                    check(case, *self.outcomes[case.name, mode])

    def test_hostile_requests_get_what_a_strict_server_gives(self):
        self.each(HOSTILE, self.check_answers)

    def test_unusual_requests_are_served(self):
        self.each(UNUSUAL, self.check_answers)

    def check_answers(self, case, _, outcome):
        self.assertEqual(outcome.error, "")
        found = [answer.status for answer in outcome.answers]
        # What a case has eaten of the request behind it is refused: it is in the case's answers already.
        self.assertEqual(len(found), len(case.answers), f"{found}")
        for status, allowed in zip(found, case.answers):
            self.assertIn(status, allowed)
        if case.then == CLOSES:
            self.assertTrue(outcome.answers[-1].closes, "the answer does not say that the connection ends")
        if case.then == STAYS:
            self.assertTrue(outcome.marker_answered, "the request behind it is not answered")
        if case.refused:
            self.check_refusal(outcome.answers[-1], case)
        self.assertLessEqual(len(outcome.interim), 1)
        if outcome.interim:
            self.assertIn(b"100-CONTINUE", case.data.upper())
            self.assertEqual(outcome.interim[0].status, 100)

    def check_refusal(self, answer, case):
        self.assertEqual(answer.fields.get("content-type"), "application/problem+json", "a route has answered it")
        if case.data.startswith(b"HEAD "):
            self.assertEqual(answer.content, b"")
            return
        problem = json.loads(answer.content)
        self.assertEqual(problem["status"], answer.status)
        if answer.status == 400:
            self.assertEqual(problem["type"], "urn:roktcached:invalid-request")

    def test_nothing_behind_a_refused_request_is_run(self):
        self.each(CASES, self.check_ledger)

    def check_ledger(self, _, number, outcome):
        reached = f"GET {marker_target(number)}" in self.asked
        if outcome.marker_answered:
            self.assertTrue(reached, "the ledger shows what is run")
        else:
            self.assertFalse(reached, "a request that is none has been run")

    def test_the_verdict_does_not_depend_on_how_it_comes(self):
        for case in CASES:
            with self.subTest(case.name):
                verdicts = {mode: self.outcomes[case.name, mode][1].verdict for mode in MODES}
                self.assertEqual(verdicts["in a pipeline"], verdicts["in pieces"])
                if UNFINISHED not in case.answers:  # alone, it is a timeout
                    self.assertEqual(verdicts["in a pipeline"], verdicts["alone"])

    def test_what_is_cut_off_is_neither_run_nor_waited_for(self):
        proxy = self.daemon(self.upstream, listen_head_timeout="700ms", listen_body_timeout="700ms", listen_idle_timeout="700ms",
                            listen_max_connections=4096)
        for half_closed in (False, True):
            for at in range(0, len(CASES), 200):
                for case, sent, received, seconds in cut_off(proxy.port, CASES[at:at + 200], half_closed):
                    with self.subTest(case.name, sent=len(sent), half_closed=half_closed):
                        self.assertIsNotNone(seconds, "the connection stays open")
                        self.assertLess(seconds, 6)
                        answers = read_refusal(received, case)
                        self.assertNotIn(200, [answer.status for answer in answers[len(case.answers) - 1:]])
        self.assertEqual(proxy.get(overview()).status, 200)
        self.assertTrue(proxy.alive())

    def test_the_daemon_still_serves(self):
        self.assertTrue(self.proxy.alive())
        self.assertEqual(self.proxy.get(overview()).status, 200)
        for case in UNUSUAL[:5]:
            self.assertEqual(run(self.proxy.port, case, "alone", 99_000_000).verdict, ([200], True))
        self.assertEqual([line for line in self.proxy.log().splitlines() if "error" in line.lower().split()[:3]], [])
