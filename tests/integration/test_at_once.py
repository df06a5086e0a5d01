"""Requests that come at once, on many connections: the daemon stands still while they do, and finds them all when it goes on."""
import datetime
import os
import signal
import socket

from harness import TestCase, overview, request, wait_until
from strict_reader import read_answers
from test_streaming import ROUTE, Origin

CONNECTIONS = 40  # so many that the daemon serves them in rows


def report(number):
    """The target of one of many: of so many days."""
    return overview(dateStart="2023-03-01", dateEnd=datetime.date(2023, 3, 1) + datetime.timedelta(number))


def get(number, *fields):
    lines = "".join(f"{field}\r\n" for field in fields)
    return f"GET {report(number)} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode()


def no_route(number, *fields):
    lines = "".join(f"{field}\r\n" for field in fields)
    return f"GET /nothing HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: no-route-{number}\r\n{lines}\r\n".encode()


def everything(client):
    received = b""
    while chunk := client.recv(65536):
        received += chunk
    return received


class Crowd(TestCase):
    """`clients` of `proxy`."""

    def connect(self, port):
        self.clients = []
        for _ in range(CONNECTIONS):
            client = socket.create_connection(("127.0.0.1", port), timeout=60)
            self.addCleanup(client.close)
            self.clients.append(client)

    def stand_still(self):
        self.proxy.signal(signal.SIGSTOP)
        self.addCleanup(self.proxy.signal, signal.SIGCONT)  # also where the test fails
        os.waitid(os.P_PID, self.proxy.child.pid, os.WSTOPPED)


class LongAnswers(Crowd):
    def test_those_that_their_sockets_do_not_take_at_once_are_whole(self):
        bodies = {"/files/a": os.urandom(5_000_000), "/files/b": os.urandom(5_000_000)}

        def script(connection, head):
            body = bodies[head.split(b" ")[1].decode()]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nCache-Control: max-age=60\r\n\r\n" % len(body) + body)

        origin = Origin(script)
        self.addCleanup(origin.stop)
        self.proxy = self.daemon(origin.port, tables=ROUTE, listen_threads="1")
        for target in bodies:
            wait_until(lambda: request(self.proxy.port, target).is_hit, "it is stored")
        self.connect(self.proxy.port)
        for client in self.clients:  # whoever is watched has been served once
            client.sendall(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertTrue(client.recv(65536).startswith(b"HTTP/1.1 404 "))
        self.stand_still()
        targets = ["/files/a", "/files/b"] * (CONNECTIONS // 2)
        for number, (client, target) in enumerate(zip(self.clients, targets)):
            behind = (b"", b"x" * 20_000)[number % 4 // 2]  # which is lingered for
            client.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode() + behind)
        self.proxy.signal(signal.SIGCONT)
        for client, target in zip(self.clients, targets):
            _, answers = read_answers(everything(client), ["GET"])
            self.assertEqual([answer.status for answer in answers], [200])
            self.assertTrue(answers[0].content == bodies[target], "the same bytes")


class AtOnce(Crowd):
    def setUp(self):
        self.upstream, self.proxy = self.pair(listen_threads="1")
        self.reports = [self.proxy.get(report(number)).body for number in range(1, CONNECTIONS + 1)]
        self.assertEqual(len(set(self.reports)), CONNECTIONS)
        self.connect(self.proxy.port)

    def assert_answers(self, client, *numbers):
        """All that comes until the end of the connection are these reports, in this order."""
        _, answers = read_answers(everything(client), ["GET"])
        self.assertEqual([answer.status for answer in answers], [200] * len(numbers))
        self.assertEqual([answer.content for answer in answers], [self.reports[number - 1] for number in numbers])

    def one_request_each(self):
        """Whoever is watched has been served once."""
        for client in self.clients:
            client.sendall(get(1))
            self.assertTrue(client.recv(65536).endswith(self.reports[0]))

    def test_each_has_its_own_answers(self):
        self.one_request_each()
        self.stand_still()
        for number, client in enumerate(self.clients, 1):
            match number % 6:
                case 0:
                    client.sendall(get(number))
                case 1:
                    client.sendall(get(number) + get(number % CONNECTIONS + 1) + get(number))
                case 2:
                    client.sendall(get(number, "Connection: close"))
                case 3:
                    client.sendall(get(number) + b"GET / HT")
                case 4:
                    client.sendall(no_route(number))
                case 5:
                    client.sendall(no_route(number, "Connection: close"))
        self.proxy.signal(signal.SIGCONT)
        for number, client in enumerate(self.clients, 1):
            match number % 6:
                case 0:
                    client.sendall(get(1, "Connection: close"))
                    self.assert_answers(client, number, 1)
                case 1:
                    client.sendall(get(2, "Connection: close"))
                    self.assert_answers(client, number, number % CONNECTIONS + 1, number, 2)
                case 2:
                    self.assert_answers(client, number)
                case 3:
                    client.sendall(b"TP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    _, answers = read_answers(everything(client), ["GET"])
                    self.assertEqual([answer.status for answer in answers], [200, 200])
                    self.assertEqual(answers[0].content, self.reports[number - 1])
                case 4:
                    client.sendall(get(number, "Connection: close"))
                    _, answers = read_answers(everything(client), ["GET"])
                    self.assertEqual([answer.status for answer in answers], [404, 200])
                    self.assertEqual(answers[0].fields["x-request-id"], f"no-route-{number}")
                    self.assertEqual(answers[1].content, self.reports[number - 1])
                case 5:
                    _, answers = read_answers(everything(client), ["GET"])
                    self.assertEqual([(answer.status, answer.closes) for answer in answers], [(404, True)])
                    self.assertEqual(answers[0].fields["x-request-id"], f"no-route-{number}")

    def test_those_that_have_gone_and_those_that_ask_for_what_is_not_there_hold_nobody_up(self):
        self.one_request_each()
        self.stand_still()
        for number, client in enumerate(self.clients, 1):
            match number % 3:
                case 0:
                    client.sendall(get(number, "Connection: close"))
                case 1:
                    client.sendall(get(number))
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    client.close()  # by a reset
                case 2:
                    client.sendall(get(100 + number, "Connection: close"))
        self.proxy.signal(signal.SIGCONT)
        for number, client in enumerate(self.clients, 1):
            if number % 3 == 0:
                self.assert_answers(client, number)
            elif number % 3 == 2:
                _, answers = read_answers(everything(client), ["GET"])
                self.assertEqual([(answer.status, answer.closes) for answer in answers], [(200, True)])
                self.assertIn("fwd=miss", answers[0].fields["cache-status"])

    def test_a_drain_answers_what_had_come(self):
        self.one_request_each()
        self.stand_still()
        for number, client in enumerate(self.clients, 1):
            client.sendall(get(number))
        self.proxy.signal(signal.SIGTERM)
        self.proxy.signal(signal.SIGCONT)
        for number, client in enumerate(self.clients, 1):
            self.assert_answers(client, number)
        self.assertEqual(self.proxy.wait(), 0)
