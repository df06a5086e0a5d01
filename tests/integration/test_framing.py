"""Requests whose framing or spelling two readers could take two ways: refused, with the end of the connection."""
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

    def test_ambiguous_framing_never_smuggles_a_second_request(self):
        smuggled = "GET /reporting/accounts/999/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
        cases = {
            "length and chunks": TOKEN + f"Content-Length: {5 + len(smuggled)}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
            "chunks and length": TOKEN + f"Transfer-Encoding: chunked\r\nContent-Length: {5 + len(smuggled)}\r\n\r\n0\r\n\r\n" + smuggled,
            "two lengths": TOKEN + f"Content-Length: 0\r\nContent-Length: {len(smuggled)}\r\n\r\n" + smuggled,
            "a list of lengths": TOKEN + f"Content-Length: 0, {len(smuggled)}\r\n\r\n" + smuggled,
            "a signed length": TOKEN + "Content-Length: +0\r\n\r\n" + smuggled,
            "an unknown coding": TOKEN + "Transfer-Encoding: xchunked\r\n\r\n" + smuggled,
            "chunked not last": TOKEN + "Transfer-Encoding: chunked, gzip\r\n\r\n" + smuggled,
            "chunked twice": TOKEN + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + smuggled,
            "chunked in HTTP/1.0": TOKEN.replace("1.1", "1.0") + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
            "space before the colon": TOKEN + f"Content-Length : {len(smuggled)}\r\n\r\n" + smuggled,
            "a bad chunk size": TOKEN + "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + smuggled,
        }
        for what, data in cases.items():
            with self.subTest(what):
                found = statuses(raw(self.proxy.port, data.encode(), 4))
                self.assertEqual(found, [400], f"{what}: {found}")

    def test_a_folded_line_is_part_of_its_field(self):
        # RFC 9112, section 5.2: refused, or a space; never a field of its own.
        data = GET + "X: a\r\n Content-Length: 5\r\n\r\n" + GET + "Connection: close\r\n\r\n"
        self.assertIn(statuses(raw(self.proxy.port, data.encode(), 4)), ([400], [200, 200]))

    def test_targets_that_are_no_path(self):
        for target in ("http://api.rokt.com/reporting", "*", "reporting", "//evil.example/x", "/a\\b", "/\x7f", "/%zz", "/%"):
            with self.subTest(target):
                data = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                found = statuses(raw(self.proxy.port, data.encode("latin-1"), 4))
                self.assertEqual(len(found), 1)
                self.assertIn(found[0], (400, 404))
        connect = raw(self.proxy.port, b"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 4)
        self.assertEqual(len(statuses(connect)), 1)
        self.assertIn(statuses(connect)[0], (400, 404, 405))

    def test_control_characters_in_fields_are_refused_and_never_reflected(self):
        for field in ("X-Request-Id: a\x00b", "X-Request-Id: a\rSet-Cookie: x=1", "rokt-version: a\x01b", "X\x00: y"):
            with self.subTest(field):
                received = raw(self.proxy.port, (GET + field + "\r\nConnection: close\r\n\r\n").encode("latin-1"), 4)
                self.assertEqual(statuses(received), [400])
                self.assertNotIn(b"\nSet-Cookie", received)

    def test_a_get_with_content_does_not_desynchronise(self):
        data = GET + "Content-Length: 5\r\n\r\nhello" + GET + "Connection: close\r\n\r\n"
        found = statuses(raw(self.proxy.port, data.encode(), 6))
        self.assertIn(found, ([200, 200], [400]))

    def test_chunked_content_with_a_trailer_is_one_request(self):
        data = (TOKEN + "Transfer-Encoding: chunked\r\n\r\n" + "1d\r\ngrant_type=client_credentials\r\n0\r\nHost: evil.example\r\n\r\n" +
                GET + "Connection: close\r\n\r\n")
        self.assertEqual(statuses(raw(self.proxy.port, data.encode(), 6)), [200, 200])

    def test_a_client_that_leaves_in_the_middle_of_anything_does_no_harm(self):
        whole = (TOKEN + "Content-Length: 29\r\n\r\ngrant_type=client_credentials").encode()
        for length in range(0, len(whole), 7):
            with socket.create_connection(("127.0.0.1", self.proxy.port)) as sock:
                sock.sendall(whole[:length])
        self.assertEqual(self.proxy.get(overview()).status, 200)
        self.assertTrue(self.proxy.alive())
