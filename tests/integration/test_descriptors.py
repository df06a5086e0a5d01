"""A low limit of open files: clients get what is left, and everything else always gets its own."""
import contextlib
import re
import resource
import socket
import subprocess

from harness import BINARY, TestCase, environment_with, overview, request, route, wait_until

LIMIT = 256


def limit():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, LIMIT))  # the soft one is raised


class Descriptors(TestCase):
    def start(self, **settings):
        upstream, proxy = self.pair(process={"preexec_fn": limit}, listen_threads=2, listen_idle_timeout="60s", **settings)
        said = re.search(r"listen\.max_connections: (\d+), not 8000: open files are limited to 256", proxy.log())
        self.assertTrue(said, proxy.output)
        return upstream, proxy, int(said[1])

    def fill(self, proxy, count):
        """Connections that have been served once, so they are counted."""
        clients = []
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", proxy.port), timeout=30)
            self.addCleanup(client.close)
            client.sendall(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 404 "))
            clients.append(client)
        return clients

    def ask(self, client, target):
        client.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        with contextlib.closing(client):
            return b"".join(iter(lambda: client.recv(65536), b""))

    def test_all_client_connections_leave_room_for_everything_else(self):
        _, proxy, most = self.start()
        wait_until(lambda: proxy.status()["connections"] == 0, "whoever looked whether it is ready has gone")
        clients = self.fill(proxy, most)
        refused = request(proxy.port, overview())
        self.assertEqual((refused.status, refused.fields["retry-after"]), (503, "1"))
        self.assertIn("listen.max_connections", refused.problem()["detail"])

        admin = [socket.create_connection(("127.0.0.1", proxy.admin_port), timeout=30) for _ in range(60)]
        for connection in admin:
            self.addCleanup(connection.close)
        self.assertEqual(proxy.status()["connections"], most)
        self.assertTrue(self.ask(clients[0], overview(campaign=1)).startswith(b"HTTP/1.1 200 "), "a miss has its upstream connection")

        for campaign in range(2, 8):
            answer = self.ask(clients[campaign], overview(campaign=campaign))
            self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer[:200])
        wait_until(lambda: proxy.status()["cache"]["disk"]["entries"] == 7, "the cache file has them")
        listed = request(proxy.admin_port, "/entries")
        self.assertEqual(listed.status, 200, "and is read")
        self.assertNotIn("Too many open files", proxy.log())

    def test_answers_that_are_streamed_to_every_client_leave_room_too(self):
        tables = route("files", "/files/{rest...}", "GET", cache="off")
        with socket.create_server(("127.0.0.1", 0), backlog=256) as origin:
            port = origin.getsockname()[1]
            upstream = self.simulator()
            proxy = self.daemon(upstream, tables=tables, url=f"http://127.0.0.1:{port}", process={"preexec_fn": limit}, listen_threads=2)
            most = int(re.search(r"listen\.max_connections: (\d+), not 8000", proxy.log())[1])
            wait_until(lambda: proxy.status()["connections"] == 0, "whoever looked whether it is ready has gone")
            served = []

            def serve():
                """Each answer begins, and does not end."""
                connection, _ = origin.accept()
                self.addCleanup(connection.close)
                if b"POST /auth" in connection.recv(65536):
                    return serve()
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 100_000)
                served.append(connection)
                return None

            for number in range(most):
                client = socket.create_connection(("127.0.0.1", proxy.port), timeout=30)
                self.addCleanup(client.close)
                client.sendall(f"GET /files/{number} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                serve()
                self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 200 "), number)
            self.assertEqual(len(served), most)
            self.assertEqual(proxy.status()["connections"], most)
            self.assertNotIn("Too many open files", proxy.log())

    def test_check_says_so_too(self):
        done = subprocess.run([BINARY, "check", "--no-secrets"], env=environment_with(), cwd=self.folder(), preexec_fn=limit,
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertRegex(done.stderr, r"warning: listen\.max_connections: \d+, not 8000: open files are limited to 256")
        self.assertRegex(done.stdout, r"max_connections = \d{1,3}\n", "that is what is in force")
        self.assertNotRegex(done.stdout, r"max_connections = 8000\n")
