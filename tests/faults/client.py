"""Clients that read at a pace of their own, read nothing, or leave."""
import dataclasses
import http.client
import os
import socket
import time

from certificates import Authority, tls_table
from harness import Tls, connection_to, free_port

ROUTES = "".join(f"""
[[route]]
name = "{name}"
path = "/{name}/{{rest...}}"
methods = ["GET"]
cache = "{cache}"
inject_token = {token}
""" for name, cache, token in (("http", "http", "false"), ("off", "off", "false"), ("http-with-token", "http", "true")))


@dataclasses.dataclass
class Answer:
    status: int = 0  # 0: none came
    fields: dict = dataclasses.field(default_factory=dict)
    body: bytes = b""
    whole: bool = False
    seconds: float = 0  # from the request to the end
    error: str = ""

    @property
    def is_hit(self):
        return self.fields.get("cache-status", "").startswith("roktcached; hit")


def connect(at, timeout=30, buffer=None):
    """A connection to a port, the path of a Unix socket or a Tls; `buffer` is what the kernel may hold of what comes in."""
    connection = connection_to(at, timeout)
    if buffer and isinstance(at, int):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.settimeout(timeout)
        sock.connect(("127.0.0.1", at))
        connection.sock = sock
    else:
        connection.connect()
    return connection


def ask(at, target, timeout=30, buffer=None, **fields):
    """Sends a request and reads nothing.
    @return the connection"""
    connection = connect(at, timeout, buffer)
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    connection.sock.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
    return connection


def fetch(at, target, timeout=30, rate=0, until=None, buffer=None, **fields):
    """One request and its answer, as far as it comes.

    @param timeout seconds without a byte, after which the client gives up
    @param rate bytes a second that it takes; 0: all that comes
    @param until an event that ends it before its end
    """
    answer, began = Answer(), time.monotonic()
    try:
        connection = ask(at, target, timeout, buffer, **fields)
        try:
            read(connection.sock, answer, rate, until)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        answer.error = f"{type(error).__name__}: {error}"
    answer.seconds = time.monotonic() - began
    return answer


def read(sock, answer, rate=0, until=None):
    response = http.client.HTTPResponse(sock, method="GET")
    response.begin()
    answer.status = response.status
    answer.fields = {name.lower(): value for name, value in response.getheaders()}
    length = answer.fields.get("content-length")
    parts = []
    try:
        while not (until and until.is_set()):
            part = response.read(8192 if rate else 1 << 18)
            if not part:
                break
            parts.append(part)
            if rate:
                time.sleep(len(part) / rate)
    finally:
        answer.body = b"".join(parts)
    answer.whole = response.isclosed() and (length is None or len(answer.body) == int(length))


class Ways:
    """The three ways to a daemon: TCP, TLS, a Unix socket. Settings for the daemon, then where clients connect."""

    def __init__(self, world):
        self.authority = Authority(world.folder())
        self.port, tls_port, unix = free_port(), free_port(), os.path.join(world.folder(), "proxy.sock")
        self.at = {"TCP": self.port, "TLS": Tls(tls_port, self.authority.context()), "Unix": unix}
        self.tables = self.new_certificate()
        self.settings = {"port": self.port, "listen_addresses": f"127.0.0.1:{self.port},unix:{unix}"}

    def new_certificate(self):
        """The [listen.tls] section with another certificate of the same authority."""
        return tls_table(*self.authority.issue("/CN=proxy"), f"127.0.0.1:{self.at['TLS'].port}")
