"""gzip from the upstream and to clients: the bytes are the same with it and without, and what does not inflate is no answer."""
import gzip
import json
import os
import sqlite3
import subprocess
import zlib

from harness import SANITIZED, STALE_AT_ONCE, TestCase, connection_to, overview, request, route, until_stale
from test_upstream_wire import Upstream, answer, compressed

ROWS = json.dumps([{"campaign": i, "grossCost": i * 1.5, "name": "Über"} for i in range(2000)]).encode()
GZIP = {"Accept-Encoding": "gzip, deflate, br"}


class Compression(TestCase):
    def setUp(self):
        self.upstream = Upstream()
        self.serve(self.upstream)
        self.upstream.report = compressed(ROWS, fields=('ETag: "v1"', "Content-Digest: sha-256=:AAAA:"))

    def proxy(self, folder=None, **settings):
        return self.daemon(self.upstream.port, folder, upstream_head_timeout="3s", upstream_body_timeout="3s", **settings)

    def get(self, proxy, fields=None, target=None, method="GET"):
        return request(proxy.port, target or overview(), method, fields)

    def test_the_upstream_is_asked_for_gzip_and_clients_get_its_bytes(self):
        proxy = self.proxy()
        miss, hit = self.get(proxy), self.get(proxy)
        self.assertEqual(self.upstream.seen[0][1]["accept-encoding"], "gzip")
        for reply in (miss, hit):
            self.assertEqual((reply.status, reply.body, reply.fields["etag"]), (200, ROWS, '"v1"'))
            self.assertEqual(reply.fields["content-length"], str(len(ROWS)))
            self.assertNotIn("content-encoding", reply.fields)
            self.assertNotIn("content-digest", reply.fields)  # it was of the compressed bytes
        self.assertTrue(hit.is_hit)

    def test_clients_that_take_gzip_get_it_from_the_first_answer_on(self):
        self.upstream.report = answer(ROWS, fields=('ETag: "v1"',))  # it makes no difference how it came
        proxy = self.proxy()
        for _ in range(2):
            reply = self.get(proxy, GZIP)
            self.assertEqual((reply.status, gzip.decompress(reply.body)), (200, ROWS))
            self.assertLess(len(reply.body), len(ROWS) / 2)
            self.assertEqual(reply.fields["content-length"], str(len(reply.body)))
            self.assertEqual((reply.fields["content-encoding"], reply.fields["etag"]), ("gzip", '"v1-gzip"'))
            self.assertEqual(reply.fields["vary"], "Accept, Accept-Encoding, rokt-version")
        self.assertEqual(len(self.upstream.seen), 1)

    def test_curl_sees_the_same_bytes(self):
        proxy = self.proxy()
        url = f"http://127.0.0.1:{proxy.port}{overview()}"
        plain = subprocess.run(["curl", "-sS", url], check=True, capture_output=True).stdout
        through = subprocess.run(["curl", "-sS", "--compressed", url], check=True, capture_output=True).stdout
        self.assertEqual((plain, through), (ROWS, ROWS))

    def test_a_head_says_what_a_get_would(self):
        proxy = self.proxy()
        for fields in ({}, GZIP):
            get, head = self.get(proxy, fields), self.get(proxy, fields, method="HEAD")
            self.assertEqual(head.body, b"")
            for name in ("content-length", "content-encoding", "etag", "vary", "content-type"):
                self.assertEqual(head.fields.get(name), get.fields.get(name))

    def test_both_entity_tags_confirm(self):
        proxy = self.proxy()
        for fields in ({}, GZIP):
            tag = self.get(proxy, fields).fields["etag"]
            for others in ({}, GZIP):
                reply = self.get(proxy, {**others, "If-None-Match": tag})
                self.assertEqual((reply.status, reply.body, reply.fields["etag"]), (304, b"", tag))
                self.assertNotIn("content-encoding", reply.fields)
            self.assertEqual(self.get(proxy, {**fields, "If-None-Match": '"v2"'}).status, 200)

    def test_small_bodies_are_sent_as_they_are(self):
        self.upstream.report = answer(ROWS[:1023])
        reply = self.get(self.proxy(), GZIP)
        self.assertEqual(reply.body, ROWS[:1023])
        self.assertNotIn("content-encoding", reply.fields)
        self.assertEqual(reply.fields["vary"], "Accept, Accept-Encoding, rokt-version")

    def test_a_validator_that_came_with_gzip_revalidates(self):
        proxy = self.proxy(**STALE_AT_ONCE)
        self.get(proxy)
        until_stale()
        self.upstream.report = b"HTTP/1.1 304 Not Modified\r\nContent-Encoding: gzip\r\n\r\n"
        reply = self.get(proxy, GZIP)
        self.assertEqual(self.upstream.seen[1][1]["if-none-match"], '"v1"')
        self.assertEqual((reply.status, gzip.decompress(reply.body)), (200, ROWS))
        self.assertIn("fwd-status=304", reply.cache_status)

    def test_what_does_not_inflate_is_no_answer(self):
        packed = gzip.compress(ROWS)
        broken = {
            "cut short": packed[:-9],
            "corrupt": packed[:200] + bytes([packed[200] ^ 255]) + packed[201:],
            "behind its end": packed + b"more",
        }
        proxy = self.proxy(upstream_max_response="2MiB")
        for why, body in broken.items():
            with self.subTest(why):
                self.answer_well(proxy)
                self.upstream.report = answer(body, fields=("Content-Encoding: gzip",))
                self.refused(proxy, why)
        for coding in ("br", "deflate", "gzip, gzip"):
            with self.subTest(coding):
                self.answer_well(proxy)
                self.upstream.report = compressed(ROWS, coding=coding)
                self.refused(proxy, f"Content-Encoding: {coding}")

    def answer_well(self, proxy):
        """So that not too many answers in a row are bad, and the upstream is taken for dead."""
        self.upstream.report = compressed(ROWS)
        self.assertEqual(self.get(proxy, {"Cache-Control": "no-store"}).status, 200)

    def refused(self, proxy, why):
        for _ in range(2):  # twice: nothing was stored
            reply = self.get(proxy)
            self.assertEqual((reply.status, reply.problem()["type"]), (502, "urn:roktcached:upstream-invalid-response"))
            self.assertIn(why, reply.problem()["detail"])
            self.assertIn("fwd=miss", reply.cache_status)
        self.assertEqual(proxy.status()["cache"]["memory"]["entries"], 0)

    def test_a_bomb_costs_no_memory(self):
        proxy = self.proxy(upstream_max_response="2MiB")
        self.get(proxy, target=overview(campaign=1))
        def peak_kib():
            with open(f"/proc/{proxy.child.pid}/status", encoding="ascii") as file:
                return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
        before = peak_kib()
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()
        self.upstream.report = answer(bomb, fields=("Content-Encoding: gzip",))
        # Nothing says where it ends: it is passed on, and costs who asked for it no more than the time.
        connection = connection_to(proxy.port)
        connection.request("GET", overview())
        reply, size = connection.getresponse(), 0
        while piece := reply.read(1 << 20):
            size += len(piece)
        connection.close()
        self.assertEqual((reply.status, size), (200, 256 << 20))
        self.assertEqual(reply.headers["Cache-Status"], "roktcached; fwd=miss; detail=too-large")
        grown = peak_kib() - before
        print(f"\na gzip bomb of {len(bomb) >> 10} KiB that inflates to 256 MiB: {grown} KiB more memory")
        if not SANITIZED:  # a sanitizer keeps back what was freed
            self.assertLess(grown, 16 << 10)

    def test_the_cache_file_keeps_the_plain_body_and_a_restart_compresses_it_again(self):
        folder = self.folder()
        first = self.proxy(folder)
        before = self.get(first, GZIP)
        first.stop()
        with sqlite3.connect(os.path.join(folder, "cache.db")) as database:
            self.assertEqual(database.execute("SELECT body_size, status FROM responses").fetchone(), (len(ROWS), 200))
        second = self.proxy(folder)
        after = self.get(second, GZIP)
        self.assertTrue(after.is_hit)
        self.assertEqual((after.body, after.fields["etag"]), (before.body, before.fields["etag"]))
        self.assertEqual(self.get(second).body, ROWS)
        self.assertEqual(len(self.upstream.seen), 1)

    def test_other_routes_pass_codings_through(self):
        tables = "".join(route(name, f"/{name}/{{rest...}}", "GET", cache=name, inject_token=True) for name in ("http", "off"))
        proxy = self.proxy(tables=tables)
        packed = gzip.compress(ROWS, mtime=0)
        for name in ("http", "off"):
            with self.subTest(name):
                self.assertEqual(self.get(proxy, target=f"/{name}/a").body, packed)
                self.assertEqual(self.upstream.seen[-1][1]["accept-encoding"], "identity")
        reply = self.get(proxy, {"Accept-Encoding": "gzip"}, target="/http/b")
        self.assertEqual(self.upstream.seen[-1][1]["accept-encoding"], "gzip")
        self.assertEqual((reply.body, reply.fields["content-encoding"], reply.fields["etag"]), (packed, "gzip", '"v1"'))
        self.upstream.report = answer(b"brotli", fields=("Content-Encoding: br",))
        reply = self.get(proxy, {"Accept-Encoding": "br"}, target="/http/c")
        self.assertEqual((reply.body, reply.fields["content-encoding"]), (b"brotli", "br"))
