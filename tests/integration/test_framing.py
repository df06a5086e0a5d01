"""What a request's bytes may not do beyond being refused; what is refused is in hostile_requests.py."""
import re
import socket

from harness import TestCase, overview, raw

GET = f"GET {overview()} HTTP/1.1\r\nHost: localhost\r\n"
TOKEN = "POST /auth/oauth2/token HTTP/1.1\r\nHost: localhost\r\n"


def statuses(received):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


class Framing(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = TestCase()
        cls.upstream, cls.proxy = cls.base.pair(listen_head_timeout="2s", listen_body_timeout="2s", listen_idle_timeout="2s")

    @classmethod
    def tearDownClass(cls):
        cls.base.doCleanups()

    def test_control_characters_in_fields_are_refused_and_never_reflected(self):
        for field in ("X-Request-Id: a\x00b", "X-Request-Id: a\rSet-Cookie: x=1", "rokt-version: a\x01b", "X\x00: y"):
            with self.subTest(field):
                received = raw(self.proxy.port, (GET + field + "\r\nConnection: close\r\n\r\n").encode("latin-1"), 4)
                self.assertEqual(statuses(received), [400])
                self.assertNotIn(b"\nSet-Cookie", received)

    def test_a_client_that_leaves_in_the_middle_of_anything_does_no_harm(self):
        whole = (TOKEN + "Content-Length: 29\r\n\r\ngrant_type=client_credentials").encode()
        for length in range(0, len(whole), 7):
            with socket.create_connection(("127.0.0.1", self.proxy.port)) as sock:
                sock.sendall(whole[:length])
        self.assertEqual(self.proxy.get(overview()).status, 200)
        self.assertTrue(self.proxy.alive())
