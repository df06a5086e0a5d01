"""An https upstream: only a certificate that is valid, trusted and for this host will do."""
import http.server
import json
import os
import socket
import socketserver
import ssl
import subprocess
import threading

from harness import TestCase, overview, wait_until

BODY = b'{"grossCost":1}'
TOKEN = "the-shared-token"


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    resumed = []  # of the connection of each GET: whether its handshake was a short one

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(json.dumps({"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}).encode())

    def do_GET(self):
        Upstream.resumed.append(self.connection.session_reused)
        self.answer(BODY)

    def log_message(self, *_):
        pass


class ConnectProxy(socketserver.ThreadingTCPServer):
    """An HTTP proxy that knows CONNECT; keeps all that it sees."""

    daemon_threads = True

    def __init__(self):
        self.heads = []  # of the requests for a tunnel
        self.passed = []  # what went through, either way
        self.refuse_with = None
        super().__init__(("127.0.0.1", 0), Tunnel)


class Tunnel(socketserver.BaseRequestHandler):
    def handle(self):
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := self.request.recv(4096)):
                return
            head += data
        self.server.heads.append(head.decode())
        if self.server.refuse_with:
            self.request.sendall(f"HTTP/1.1 {self.server.refuse_with}\r\nContent-Length: 0\r\n\r\n".encode())
            return
        host, _, port = head.split()[1].decode().rpartition(":")
        with socket.create_connection((host, int(port))) as onward:
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=self.pass_on, args=(onward, self.request), daemon=True)
            back.start()
            self.pass_on(self.request, onward)
            back.join()

    def pass_on(self, source, sink):
        try:
            while data := source.recv(65536):
                self.server.passed.append(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Tls(TestCase):
    def setUp(self):
        self.keys = self.folder()
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj",
                     "/CN=Test CA", "-addext", "basicConstraints=critical,CA:TRUE")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.keys, check=True, capture_output=True)

    def certificate(self, name, days="2"):
        with open(os.path.join(self.keys, "ext"), "w", encoding="ascii") as file:
            file.write(f"subjectAltName={name}\n")
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=upstream")
        self.openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.pem",
                     "-days", days, "-extfile", "ext")

    def serve_tls(self, maximum=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(self.keys, "server.pem"), os.path.join(self.keys, "server.key"))
        if maximum:
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = maximum
            context.set_ciphers("ALL:@SECLEVEL=0")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
        server.handle_error = lambda *_: None
        server.socket = context.wrap_socket(server.socket, server_side=True)
        return self.serve(server)

    def proxy_to(self, port, ca=True, **settings):
        if ca:
            settings["upstream_ca_file"] = os.path.join(self.keys, "ca.pem")
        return self.daemon(port, url=f"https://localhost:{port}", **settings)

    def refusal(self, proxy):
        wait_until(lambda: proxy.status()["token"]["failures"] > 0, "the handshake has failed")
        reply = proxy.get(overview())
        self.assertEqual(reply.status, 503)  # no token without a handshake
        return reply.problem()["detail"]

    def test_a_trusted_certificate_for_the_host(self):
        self.certificate("DNS:localhost")
        reply = self.proxy_to(self.serve_tls()).get(overview())
        self.assertEqual((reply.status, reply.body), (200, BODY))

    def test_a_certificate_of_an_unknown_authority(self):
        self.certificate("DNS:localhost")
        self.assertIn("certificate: unable to get local issuer certificate", self.refusal(self.proxy_to(self.serve_tls(), ca=False)))

    def test_a_certificate_for_another_host(self):
        self.certificate("DNS:other.example")
        self.assertIn("certificate: hostname mismatch", self.refusal(self.proxy_to(self.serve_tls())))

    def test_a_certificate_that_has_signed_itself(self):
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.pem", "-days", "2",
                     "-subj", "/CN=upstream", "-addext", "subjectAltName=DNS:localhost")
        self.assertIn("certificate: self-signed certificate", self.refusal(self.proxy_to(self.serve_tls())))

    def test_an_expired_certificate(self):
        self.certificate("DNS:localhost", days="-1")
        self.assertIn("certificate has expired", self.refusal(self.proxy_to(self.serve_tls())))

    def test_the_session_is_resumed_by_the_next_connection(self):
        self.certificate("DNS:localhost")
        port = self.serve_tls()
        Upstream.resumed = []
        proxy = self.proxy_to(port, upstream_idle_timeout="1ms")
        for campaign in range(1, 6):
            self.assertEqual(proxy.get(overview(campaign=campaign)).status, 200)
        # The token's connection is a handshake in full; a few may have begun beside it.
        self.assertIn(True, Upstream.resumed)
        self.assertEqual(Upstream.resumed, sorted(Upstream.resumed))

    def test_an_old_protocol(self):
        self.certificate("DNS:localhost")
        self.assertIn("TLS handshake", self.refusal(self.proxy_to(self.serve_tls(ssl.TLSVersion.TLSv1_1))))

    def connect_proxy(self):
        proxy = ConnectProxy()
        self.serve(proxy)
        return proxy, f"http://127.0.0.1:{proxy.server_address[1]}"

    def test_through_a_connect_proxy_that_sees_nothing_but_a_name(self):
        self.certificate("DNS:localhost")
        port = self.serve_tls()
        between, url = self.connect_proxy()
        reply = self.proxy_to(port, upstream_proxy=url).get(overview())
        self.assertEqual((reply.status, reply.body), (200, BODY))
        for head in between.heads:
            self.assertEqual(head.split("\r\n")[:2], [f"CONNECT localhost:{port} HTTP/1.1", f"Host: localhost:{port}"])
            self.assertNotIn("authorization", head.lower())
        seen = "".join(between.heads).encode() + b"".join(between.passed)
        print(f"\na report through {len(between.heads)} tunnels, {len(seen)} bytes")
        self.assertGreater(len(seen), 1000)
        for secret in (TOKEN, "demo-secret", "ZGVtby1hcHA6", "/reporting"):
            self.assertNotIn(secret.encode(), seen)

    def test_a_connect_proxy_that_refuses_is_named(self):
        self.certificate("DNS:localhost")
        between, url = self.connect_proxy()
        between.refuse_with = "407 Proxy Authentication Required"
        detail = self.refusal(self.proxy_to(self.serve_tls(), upstream_proxy=url))
        self.assertIn("407", detail)
        self.assertIn("proxy", detail)

    def test_a_certificate_for_the_proxy_is_none_for_the_upstream(self):
        self.certificate("IP:127.0.0.1")
        _, url = self.connect_proxy()
        self.assertIn("certificate", self.refusal(self.proxy_to(self.serve_tls(), upstream_proxy=url)))
