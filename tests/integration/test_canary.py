"""The search for secrets finds them: a search that finds nothing would prove nothing."""
import base64
import os
import pathlib
import urllib.parse

import canary
from clients import basic
from harness import TestCase, overview, request
from test_http_routes import Origin, ROUTES


class Canary(TestCase):
    def setUp(self):
        self.secret = canary.canary("planted")

    def test_each_spelling_is_found(self):
        secret = self.secret.encode()
        planted = [secret, b"x" + secret + b"x", secret.hex().encode(), "".join(f"%{byte:02x}" for byte in secret).encode()]
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
        for data in (urllib.parse.quote(secret, safe=""), base64.b64encode(b"??>" + secret.encode()).decode()):
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

    def test_a_daemon_that_shows_one_fails_its_test(self):
        # An origin that hands out what it was told, and a target that is logged: no fault of the daemon's, but the same to see.
        origin = Origin(lambda handler: (200, [("X-Echo", handler.path)], b""))
        self.serve(origin)
        proxy = self.daemon(origin.server_address[1], tables=ROUTES)
        with self.assertRaisesRegex(AssertionError, "X-Echo.*shows canary-planted|answer.*shows canary-planted"):
            proxy.get(f"/files/{self.secret}")
        pathlib.Path(proxy.folder, "left-behind").write_text(f"secret={self.secret}")
        with self.assertRaisesRegex(AssertionError, "left-behind shows canary-planted"):
            proxy.stop()

    def test_an_answer_is_searched_however_it_is_asked_for(self):
        _, proxy = self.pair()
        canary.register("grossCost")  # stands in every report
        self.addCleanup(canary.needles.clear)
        with self.assertRaisesRegex(AssertionError, "shows gross"):
            request(proxy.port, overview(), fields={"Authorization": basic("x")})
        canary.needles.clear()
