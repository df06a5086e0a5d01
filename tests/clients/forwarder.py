"""Stands between clients and the daemon, passes every byte on, and keeps what each connection's client has sent."""
import socket
import socketserver
import threading

from harness import TestCase


def pump(source, sink, keep=lambda data: None):
    """Until `source` ends; then `sink` is told so."""
    try:
        while data := source.recv(65536):
            keep(data)
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other side has gone: its own pump ends, too


class Forwarder(socketserver.ThreadingTCPServer):
    """`connections` is a bytearray for each, in the order in which they came."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port):
        super().__init__(("127.0.0.1", 0), None)
        self.port = port
        self.connections = []

    def finish_request(self, request, client_address):
        sent = bytearray()
        self.connections.append(sent)
        with socket.create_connection(("127.0.0.1", self.port)) as daemon:
            threading.Thread(target=pump, args=(daemon, request), daemon=True).start()
            pump(request, daemon, sent.extend)

    def handle_error(self, request, client_address):
        pass  # a connection that breaks is its client's to judge

    def heads(self):
        """What was asked so far: a head of text for each request, none of which has content."""
        return [head for sent in self.connections for head in sent.decode().split("\r\n\r\n")[:-1]]


def forward(test: TestCase, port):
    """(forwarder, base address), until the test is over."""
    forwarder = Forwarder(port)
    return forwarder, f"http://127.0.0.1:{test.serve(forwarder)}"


def target_of(head):
    return head.split(" ", 2)[1]


def field_of(head, name):
    """A field's value; None where there is none."""
    for line in head.split("\r\n")[1:]:
        found, _, value = line.partition(":")
        if found.lower() == name.lower():
            return value.strip()
    return None
