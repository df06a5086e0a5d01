"""A stranger's first minute: `serve --demo` without a credential, read with curl."""
import os
import subprocess

from harness import Process, TestCase, free_port, request, wait_until
from test_routes import ROUTES


class Demo(TestCase):
    def setUp(self):
        self.port, self.admin_port = free_port(), free_port()
        self.home = self.folder()
        self.demo = Process(["serve", "--demo"], {
            "ROKTCACHED_LISTEN_ADDRESSES": f"127.0.0.1:{self.port}", "ROKTCACHED_ADMIN_ADDRESS": f"127.0.0.1:{self.admin_port}",
            "HOME": self.home}, self.home)
        self.addCleanup(self.demo.stop)
        wait_until(lambda: "listening on" in self.demo.output, "the demo listens")

    def curl(self, target):
        command = ["curl", "-sSi", f"http://127.0.0.1:{self.port}{target}"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        head, body = result.stdout.split("\n\n", 1)
        return head, body

    def test_every_route_is_a_miss_and_then_a_hit_with_one_fetch(self):
        for target in ROUTES:
            with self.subTest(target):
                miss, hit = self.curl(target), self.curl(target)
                self.assertTrue(miss[0].startswith("HTTP/1.1 200 OK"), miss[0])
                self.assertIn("Cache-Status: roktcached; fwd=miss; stored; ttl=", miss[0])
                self.assertIn("Cache-Status: roktcached; hit; ttl=", hit[0])
                self.assertIn("\nAge: ", hit[0])
                self.assertEqual(miss[1], hit[1])
        read = lambda: request(self.admin_port, "/status").json()
        wait_until(lambda: read()["requests"]["hit"] >= len(ROUTES), "the last answer is counted")
        status = read()
        self.assertEqual(status["upstream_requests"], len(ROUTES))
        self.assertEqual((status["requests"]["miss"], status["requests"]["hit"]), (len(ROUTES), len(ROUTES)))

    def test_its_invented_numbers_are_never_written_to_disk(self):
        for target in ROUTES:
            self.curl(target)
        self.demo.child.terminate()
        self.assertEqual(self.demo.wait(), 0)
        self.assertEqual([name for _, _, names in os.walk(self.home) for name in names], [])
