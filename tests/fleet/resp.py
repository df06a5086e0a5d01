"""RESP2 as far as the tests need it: commands out, replies in, over TCP or a Unix socket. No client library has to be installed."""
import socket


class EngineError(Exception):
    """An error reply; its first word is the kind: NOSCRIPT, OOM, NOPERM and so on."""

    @property
    def kind(self):
        return str(self).split(" ", 1)[0]


def command(*arguments):
    """The bytes of one command. Text and numbers are sent as UTF-8."""
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in arguments]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


class Connection:
    """One connection; used by one thread at a time. `at` is a port of 127.0.0.1 or the path of a Unix socket."""

    def __init__(self, at, timeout=10):
        if isinstance(at, str):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(timeout)
            try:
                self.sock.connect(at)
            except OSError:
                self.sock.close()
                raise
        else:
            self.sock = socket.create_connection(("127.0.0.1", at), timeout)
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()

    def __call__(self, *arguments):
        """Sends a command and returns its reply; an error reply is raised."""
        self.sock.sendall(command(*arguments))
        reply = self.read()
        if isinstance(reply, EngineError):
            raise reply
        return reply

    def read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the engine has closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return EngineError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.read() for _ in range(int(rest))]
        raise ConnectionError(f"not RESP2: {line!r}")
