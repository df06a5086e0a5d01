"""An upstream of the tests' own: a thread a connection, and a function that answers as the proof wants it."""
import select
import socket
import threading
import time

from harness import free_port

TOKEN = b'{"access_token":"our-own-token","expires_in":%d,"token_type":"Bearer"}'


class Exchange:
    """One request, as it has arrived, and its answer."""

    def __init__(self, connection, head):
        self.connection = connection
        line, *fields = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = line.split(" ", 2)
        self.fields = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields if field)}
        self.arrived = time.monotonic()
        self.ended = None  # when the answer was complete, or the connection gone

    def send(self, data):
        self.connection.sendall(data)

    def reply(self, body, *fields, status="200 OK", kind="application/json"):
        self.send(head(status, f"Content-Type: {kind}", f"Content-Length: {len(body)}", *fields) + body)

    def reply_at_a_pace(self, body, seconds, *fields, chunked=False, pieces=40, kind="application/json"):
        """The body in equal pieces, at equal times."""
        length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        self.send(head("200 OK", f"Content-Type: {kind}", length, *fields))
        began, size = time.monotonic(), -(-len(body) // pieces)
        for number in range(pieces):
            time.sleep(max(0.0, began + seconds * number / pieces - time.monotonic()))
            piece = body[number * size:(number + 1) * size]
            self.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.send(b"0\r\n\r\n")

    def stall(self, released, seconds=60):
        """Waits for the event `released`.
        @return False where the other side has closed the connection, or nothing came of it in time"""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if released.is_set():
                return True
            readable, _, _ = select.select([self.connection], [], [], 0.02)
            if readable:
                try:
                    if not self.connection.recv(1, socket.MSG_PEEK):
                        return False
                except OSError:
                    return False
                time.sleep(0.02)
        return False


def head(status, *fields):
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode("latin-1")


class Upstream:
    """Gives tokens that live for `token_seconds`, and hands every other request to `answer(exchange)`. Connections are kept, until `answer` returns False."""

    def __init__(self, answer, token_seconds=3600):
        self.answer = answer
        self.token_seconds = token_seconds
        self.tokens = 0
        self.asked = []  # every Exchange but those for tokens
        self.listener = socket.create_server(("127.0.0.1", free_port()), backlog=1024)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        received = b""
        with connection:
            try:
                while True:
                    while b"\r\n\r\n" not in received:
                        more = connection.recv(65536)
                        if not more:
                            return
                        received += more
                    text, _, received = received.partition(b"\r\n\r\n")
                    exchange = Exchange(connection, text)
                    received = self.drop_content(connection, exchange, received)
                    if not self.handle(exchange):
                        return
            except OSError:
                return

    @staticmethod
    def drop_content(connection, exchange, received):
        length = int(exchange.fields.get("content-length", 0))
        while len(received) < length:
            more = connection.recv(65536)
            if not more:
                raise OSError("gone")
            received += more
        return received[length:]

    def handle(self, exchange):
        if exchange.target.startswith("/auth/"):
            self.tokens += 1
            exchange.reply(TOKEN % self.token_seconds)
            return True
        self.asked.append(exchange)
        try:
            return self.answer(exchange) is not False
        finally:
            exchange.ended = time.monotonic()

    def count(self, target):
        return sum(exchange.target == target for exchange in list(self.asked))
