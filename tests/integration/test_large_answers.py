"""Reports that are larger than upstream.max_response: whole to everyone who asks, kept by nobody, and never cut without a sign."""
import gzip
import hashlib
import json
import os
import pathlib
import socket
import time

from harness import SANITIZED, STALE_AT_ONCE, TestCase, connection_to, in_parallel, overview, raw, request, until_stale, wait_until
from test_upstream_wire import Upstream, answer, compressed

MIB = 1 << 20
SMALL = b'{"grossCost":1}'
LARGE = b'["' + os.urandom(3 * MIB // 2).hex().encode() + b'"]'
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunks(body, size=65536):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[i:i + size] for i in range(0, len(body), size))) + b"0\r\n\r\n"


FORMS = {
    "with a length": answer(LARGE),
    "in chunks": CHUNKED + chunks(LARGE),
    "until the connection closes": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + LARGE,
    "under gzip, larger than the bound itself": compressed(LARGE),
    "under gzip, in chunks": CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n") + chunks(gzip.compress(LARGE, 1)),
}


def peak_kib(proxy):
    status = pathlib.Path(f"/proc/{proxy.child.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


class LargeAnswers(TestCase):
    def setUp(self):
        self.upstream = Upstream()
        self.upstream.request_queue_size = 64
        self.serve(self.upstream)

    def proxy(self, **settings):
        return self.daemon(self.upstream.port, **{"upstream_max_response": "1MiB", "upstream_head_timeout": "5s",
                                                  "upstream_body_timeout": "5s", **settings})

    def expect_whole(self, reply, body=LARGE):
        self.assertEqual(reply.status, 200)
        self.assertEqual(hashlib.sha256(reply.body).hexdigest(), hashlib.sha256(body).hexdigest())
        self.assertIn("detail=too-large", reply.cache_status)
        self.assertNotIn("stored", reply.cache_status)

    def test_each_form_streams_through_once_a_request_and_is_not_kept(self):
        proxy = self.proxy(upstream_max_retries="5")
        for campaign, (form, sent) in enumerate(FORMS.items(), 1):
            with self.subTest(form):
                self.upstream.report = sent
                before = len(self.upstream.seen)
                for number in (1, 2):
                    reply = proxy.get(overview(campaign=campaign))
                    self.expect_whole(reply)
                    self.assertEqual(reply.cache_status, "roktcached; fwd=miss; detail=too-large")
                    self.assertEqual(reply.fields["report-state"], "settled")
                    self.assertNotIn("content-encoding", reply.fields)
                    self.assertEqual(len(self.upstream.seen), before + number)
                self.assertEqual(reply.fields.get("content-length"), str(len(LARGE)) if form == "with a length" else None)
        self.assertEqual(proxy.status()["cache"]["memory"]["entries"], 0)
        proxy.wait_until_counted(too_large=2 * len(FORMS))
        metrics = request(proxy.admin_port, "/metrics").body.decode()
        self.assertIn(f'roktcached_requests_total{{route="campaign-overview",outcome="too_large",code="200"}} {2 * len(FORMS)}', metrics)
        wait_until(lambda: proxy.output.count("outcome=too_large") == 2 * len(FORMS), "the access lines say so")
        self.assertIn(f"bytes={len(LARGE)}", proxy.log())

    def test_what_inflates_beyond_the_bound_streams_through_inflated(self):
        rows = json.dumps([{"campaign": i % 7, "grossCost": 1} for i in range(100_000)]).encode()
        packed = gzip.compress(rows, mtime=0)  # as compressed() has it
        self.assertLess(len(packed), MIB)
        self.upstream.report = compressed(rows, fields=('ETag: "v1"',))
        proxy = self.proxy()
        for fields in ({}, {"Accept-Encoding": "gzip"}):
            reply = request(proxy.port, overview(), fields=fields)
            self.expect_whole(reply, rows)
            self.assertEqual(reply.fields["etag"], '"v1"')
        self.assertEqual(request(proxy.port, overview(), fields={"If-None-Match": '"v1"'}).status, 304)

    def test_the_bound_itself_is_kept(self):
        body = b'["' + b"x" * (MIB - 4) + b'"]'
        proxy = self.proxy()
        for campaign, sent in enumerate((answer(body), CHUNKED + chunks(body)), 1):
            self.upstream.report = sent
            self.assertIn("stored", proxy.get(overview(campaign=campaign)).cache_status)
            self.assertEqual(proxy.get(overview(campaign=campaign)).body, body)

    def test_all_who_wait_get_all_of_it(self):
        proxy = self.proxy()
        for campaign, (form, sent) in enumerate(FORMS.items(), 1):
            with self.subTest(form):
                self.upstream.report = sent
                for reply in in_parallel(8, lambda _: proxy.get(overview(campaign=campaign))):
                    self.expect_whole(reply)

    def test_it_is_better_than_a_stale_answer_but_for_a_page_or_an_error(self):
        proxy = self.proxy(**STALE_AT_ONCE)
        self.upstream.report = answer(SMALL)
        self.assertIn("stored", proxy.get(overview()).cache_status)
        until_stale()
        self.upstream.report = answer(LARGE)
        reply = proxy.get(overview())
        self.expect_whole(reply)
        self.assertEqual(reply.cache_status, "roktcached; fwd=stale; detail=too-large")
        page = b"<html>" + bytes(2 * MIB)
        for sent, status in ((answer(page), 200), (answer(LARGE, "503 Service Unavailable"), 503)):
            self.upstream.report = sent
            reply = proxy.get(overview())
            self.assertEqual((reply.status, reply.body), (200, SMALL))
            self.assertEqual(reply.cache_status, f"roktcached; fwd=stale; fwd-status={status}; detail=stale-if-error")
        self.upstream.report = answer(page)
        reply = proxy.get(overview(campaign=5))
        self.assertEqual((reply.body, reply.cache_status), (page, "roktcached; fwd=miss; detail=too-large"))
        self.assertNotIn("report-state", reply.fields)

    def test_an_answer_that_shrinks_is_kept_again(self):
        proxy = self.proxy()
        self.upstream.report = answer(LARGE)
        self.expect_whole(proxy.get(overview()))
        self.upstream.report = answer(SMALL)
        self.assertIn("stored", proxy.get(overview()).cache_status)
        self.assertTrue(proxy.get(overview()).is_hit)

    def test_large_refusals_pass_too_and_are_not_kept(self):
        proxy = self.proxy()
        for campaign, status in enumerate(("404 Not Found", "403 Forbidden", "503 Service Unavailable"), 1):
            self.upstream.report = answer(LARGE, status)
            for _ in range(2):
                reply = proxy.get(overview(campaign=campaign))
                self.assertEqual((str(reply.status), len(reply.body)), (status[:3], len(LARGE)))
                self.assertNotIn("report-state", reply.fields)
        self.assertEqual(proxy.status()["cache"]["memory"]["entries"], 0)

    def test_a_head_has_the_head_and_the_connection_goes_on(self):
        proxy = self.proxy()
        connection = connection_to(proxy.port)
        self.addCleanup(connection.close)
        for sent, length in ((answer(LARGE), str(len(LARGE))), (CHUNKED + chunks(LARGE), None)):
            self.upstream.report = sent
            for method, size in (("HEAD", 0), ("GET", len(LARGE)), ("HEAD", 0)):
                connection.request(method, overview())
                reply = connection.getresponse()
                self.assertEqual((reply.status, reply.headers["Content-Length"]), (200, length))
                self.assertEqual(len(reply.read()), size)
                self.assertIn("detail=too-large", reply.headers["Cache-Status"])

    def test_one_that_breaks_off_never_looks_whole(self):
        cut = LARGE[:2 * MIB]
        forms = {
            "the connection's end, in the middle of a string": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + cut,
            "length": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LARGE) + cut,
            "chunks": CHUNKED + chunks(cut)[:-5],
            "gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + gzip.compress(LARGE, 1)[:-1000],
        }
        proxy = self.proxy()
        for form, sent in forms.items():
            for version in ("1.1", "1.0"):
                with self.subTest(form, version=version):
                    self.upstream.report = sent
                    with socket.create_connection(("127.0.0.1", proxy.port), timeout=15) as client:
                        client.sendall(f"GET {overview()} HTTP/{version}\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                        received, reset = b"", False
                        try:
                            while data := client.recv(MIB):
                                received += data
                        except ConnectionResetError:
                            reset = True
                    head, _, content = received.partition(b"\r\n\r\n")
                    if not reset:  # which takes away what has not been read
                        self.assertGreater(len(content), MIB)
                    if b"Content-Length" in head:
                        self.assertLess(len(content), len(LARGE))
                    elif b"chunked" in head:
                        self.assertNotIn(b"0\r\n\r\n", content[-7:])
                    else:
                        self.assertTrue(reset, "its end is the connection's end")
        self.assertEqual(proxy.status()["cache"]["memory"]["entries"], 0)

    def test_clients_that_go_away_or_read_slowly_hold_up_nobody_and_cost_no_memory(self):
        gone = []

        def endless(wfile):
            try:
                wfile.write(CHUNKED + b'1\r\n[\r\n')
                for _ in range(64):
                    wfile.write(b"%x\r\n" % MIB + b" " * MIB + b"\r\n")
            except OSError:
                gone.append(True)

        proxy = self.proxy(upstream_max_connections=1)
        proxy.get(overview(campaign=9))
        before = peak_kib(proxy)
        self.upstream.report = endless
        slow = []
        for campaign in range(1, 6):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.settimeout(30)
            client.connect(("127.0.0.1", proxy.port))
            client.sendall(f"GET {overview(campaign=campaign)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            while b"detail=too-large" not in client.recv(4096):
                pass
            slow.append(client)
        self.upstream.report = answer(SMALL)
        self.assertEqual(proxy.get(overview(campaign=7)).body, SMALL)
        for client in slow:
            client.close()
        wait_until(lambda: len(gone) == 5, "the upstream is rid of them")
        grown = peak_kib(proxy) - before
        print(f"\nfive stalled answers of 64 MiB: {grown} KiB more memory")
        if not SANITIZED:
            self.assertLess(grown, 32 << 10)

    def test_a_refresh_behind_leaves_the_smaller_report_until_it_may_no_longer_stand(self):
        proxy = self.proxy(freshness_settled="1ms", freshness_min_refetch_interval="0ms")
        self.upstream.report = answer(SMALL)
        proxy.get(overview())
        self.upstream.report = answer(LARGE)
        until_stale()
        self.assertEqual(proxy.get(overview()).body, SMALL)
        wait_until(lambda: len(self.upstream.seen) == 2, "it is refreshed behind")
        time.sleep(1.2)
        for _ in range(5):
            self.assertEqual(proxy.get(overview()).body, SMALL)
        self.assertEqual(len(self.upstream.seen), 2, "not every second anew")
        self.expect_whole(request(proxy.port, overview(), fields={"Cache-Control": "no-cache"}))

    def test_an_end_that_a_client_of_http_1_0_sees_is_the_end(self):
        self.upstream.report = CHUNKED + chunks(LARGE)
        received = raw(self.proxy().port, f"GET {overview()} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        self.assertEqual(received.partition(b"\r\n\r\n")[2], LARGE)
