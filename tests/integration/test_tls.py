"""An https upstream: only a certificate that is valid, trusted and for this host will do."""
import http.server
import json
import os
import ssl
import subprocess
import threading

from harness import TestCase, overview, wait_until

BODY = b'{"grossCost":1}'


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
        self.answer(json.dumps({"access_token": "t", "expires_in": 3600, "token_type": "Bearer"}).encode())

    def do_GET(self):
        Upstream.resumed.append(self.connection.session_reused)
        self.answer(BODY)

    def log_message(self, *_):
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

    def serve(self, maximum=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(self.keys, "server.pem"), os.path.join(self.keys, "server.key"))
        if maximum:
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = maximum
            context.set_ciphers("ALL:@SECLEVEL=0")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
        server.handle_error = lambda *_: None
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

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
        reply = self.proxy_to(self.serve()).get(overview())
        self.assertEqual((reply.status, reply.body), (200, BODY))

    def test_a_certificate_of_an_unknown_authority(self):
        self.certificate("DNS:localhost")
        self.assertIn("certificate", self.refusal(self.proxy_to(self.serve(), ca=False)))

    def test_a_certificate_for_another_host(self):
        self.certificate("DNS:other.example")
        self.assertIn("certificate", self.refusal(self.proxy_to(self.serve())))

    def test_an_expired_certificate(self):
        self.certificate("DNS:localhost", days="-1")
        self.assertIn("certificate has expired", self.refusal(self.proxy_to(self.serve())))

    def test_the_session_is_resumed_by_the_next_connection(self):
        self.certificate("DNS:localhost")
        port = self.serve()
        Upstream.resumed = []
        proxy = self.proxy_to(port, upstream_idle_timeout="1ms")
        for campaign in range(1, 6):
            self.assertEqual(proxy.get(overview(campaign=campaign)).status, 200)
        # The token's connection is a handshake in full; a few may have begun beside it.
        self.assertIn(True, Upstream.resumed)
        self.assertEqual(Upstream.resumed, sorted(Upstream.resumed))

    def test_an_old_protocol(self):
        self.certificate("DNS:localhost")
        self.assertIn("TLS handshake", self.refusal(self.proxy_to(self.serve(ssl.TLSVersion.TLSv1_1))))
