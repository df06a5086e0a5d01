"""`roktcached purge` before whatever may answer it at the admin address, and stopped meanwhile."""
import os
import signal
import socket
import subprocess

from harness import BINARY, TestCase, environment_with

UNAVAILABLE = 69
HEAD = b"HTTP/1.1 200 OK\r\n"


class PurgeCommand(TestCase):
    def setUp(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)

    def start(self):
        environment = environment_with(ROKTCACHED_ADMIN_ADDRESS="127.0.0.1:%d" % self.listener.getsockname()[1])
        command = subprocess.Popen([BINARY, "purge", "--all"], env=environment, text=True, cwd=self.folder(),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(command.wait)
        self.addCleanup(command.kill)
        return command

    def accept(self):
        """@return the command's connection, its request read"""
        connection, _ = self.listener.accept()
        self.addCleanup(connection.close)
        connection.settimeout(60)
        received = b""
        while not received.endswith(b"}"):
            received += connection.recv(65536)
        self.assertTrue(received.startswith(b"POST /purge HTTP/1.1\r\n"), received)
        return connection

    def answered(self, *pieces):
        command = self.start()
        with self.accept() as connection:
            for piece in pieces:
                try:
                    connection.sendall(piece)
                except OSError:
                    break  # it has seen enough
        output, errors = command.communicate(timeout=60)
        return command.returncode, output, errors

    def test_answers_of_every_framing(self):
        body = b'{"purged": 7}'
        for pieces in ([HEAD + b"Content-Length: 13\r\n\r\n" + body], [HEAD + b"\r\n", body],
                       [HEAD[:9], HEAD[9:] + b"Transfer-Encoding: chunked\r\n\r\n5\r\n", body[:5] + b"\r\n8\r", b"\n" + body[5:], b"\r\n0\r\n\r\n"]):
            with self.subTest(pieces):
                self.assertEqual(self.answered(*pieces), (0, "purged 7\n", ""))

    def test_it_asks_again_where_another_process_serves_by_now(self):
        self.listener.settimeout(60)
        command = self.start()
        moved = b'{"type":"urn:roktcached:handed-over","title":"Another process serves by now","status":503}'
        for answer in (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: %d\r\n\r\n" % len(moved) + moved, HEAD + b'\r\n{"purged": 4}'):
            with self.accept() as connection:
                connection.sendall(answer)
        self.assertEqual((*command.communicate(timeout=60), command.returncode), ("purged 4\n", "", 0))

    def test_a_fleet_has_confirmed_it_or_not(self):
        for body, ended in ((b'{"purged": 40, "confirmed": 7, "instances": 8}', (1, "purged 40, confirmed by 7 of 8 instances\n", "")),
                            (b'{"purged": 0, "confirmed": 8, "instances": 8}', (0, "purged 0, confirmed by 8 of 8 instances\n", ""))):
            with self.subTest(body):
                self.assertEqual(self.answered(HEAD + b"\r\n", body), ended)

    def test_what_is_no_answer_is_said(self):
        for answer, said in [(b"", "before the answer was whole"), (HEAD, "before the answer was whole"),
                             (HEAD + b"Content-Length: 14\r\n\r\n" + b'{"purged": 7}', "before the answer was whole"),
                             (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", "before the answer was whole"),
                             (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "chunk"), (b"SSH-2.0-OpenSSH\r\n\r\n", "the version is not HTTP/1. and one digit"),
                             (HEAD + b"A: " + b"a" * 1_000_000, "longer than"), (HEAD + b"\r\n" + b"a" * 1_100_000, "longer than 1048576 bytes")]:
            with self.subTest(answer[:80]):
                code, output, errors = self.answered(answer)
                self.assertEqual((code, output), (UNAVAILABLE, ""), errors)
                self.assertIn("admin listener 127.0.0.1:", errors)
                self.assertIn(said, errors)

    def test_it_goes_on_after_it_was_stopped(self):
        command = self.start()
        with self.accept() as connection:
            command.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, command.pid, os.WSTOPPED)
            command.send_signal(signal.SIGCONT)
            os.waitid(os.P_PID, command.pid, os.WCONTINUED)
            connection.sendall(HEAD + b'Content-Length: 13\r\n\r\n{"purged": 7}')
            output, errors = command.communicate(timeout=60)
        self.assertEqual((command.returncode, output, errors), (0, "purged 7\n", ""))
