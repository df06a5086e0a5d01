"""Cold requests in numbers, from a thread of their own: so many a second, or so many that wait at any time."""
import asyncio
import collections
import itertools
import re
import threading

from clients import basic
from harness import overview

TICK_SECONDS = 0.01
numbers = itertools.count()


def cold(account=12):
    """A report that nobody has asked for before."""
    return overview(account=account, n=next(numbers))


class Load:
    """Sends cold requests while its `with` lasts: `rate` a second, however long answers take, or, by `waiting`, a new one
    for each that was answered. Keeps what was refused; ends by closing its connections.
    """

    def __init__(self, port, client, rate=0, waiting=0, account=12):
        self.port = port
        self.account = account
        self.client = client
        self.rate = rate
        self.waiting = waiting or 2000  # a bound where there is a rate: what exceeds it is left out
        self.sent = 0
        self.lost = 0  # connections that were closed under a request
        self.statuses = collections.Counter()
        self.refused = []  # (head, body) of the answers other than 200, up to a thousand
        self.idle = []
        self.under_way = set()
        self.ended = False
        self.failure = None
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended = True
        self.thread.join()
        if self.failure:
            raise self.failure

    def run(self):
        try:
            asyncio.run(self.send_all())
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    async def send_all(self):
        loop = asyncio.get_running_loop()
        started = loop.time()
        considered = 0
        while not self.ended:
            room = self.waiting - len(self.under_way)
            if self.rate:
                due = int((loop.time() - started) * self.rate)
                room = min(room, due - considered)
                considered = due
            for _ in range(room):
                line = self.idle.pop() if self.idle else await self.connect(loop)
                self.send(line)
            await asyncio.sleep(TICK_SECONDS)
        for line in self.idle + list(self.under_way):
            line.transport.abort()

    async def connect(self, loop):
        _, line = await loop.create_connection(lambda: Line(self), "127.0.0.1", self.port)
        return line

    def send(self, line):
        self.under_way.add(line)
        self.sent += 1
        fields = f"Host: localhost\r\nAuthorization: {basic(self.client)}\r\n"
        line.transport.write(f"GET {cold(self.account)} HTTP/1.1\r\n{fields}\r\n".encode())

    def answered(self, line, status, head, body):
        self.statuses[status] += 1
        if status != 200 and len(self.refused) < 1000:
            self.refused.append((head, body))
        self.under_way.discard(line)
        self.idle.append(line)

    def closed(self, line):
        if line in self.under_way and not self.ended:
            self.lost += 1
        self.under_way.discard(line)
        if line in self.idle:
            self.idle.remove(line)


class Line(asyncio.Protocol):
    """A connection with one request under way, or none."""

    def __init__(self, load):
        self.load = load
        self.transport = None
        self.received = b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data
        head, end, rest = self.received.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)[1])
        if len(rest) < length:
            return
        self.received = b""
        self.load.answered(self, int(head.split()[1]), head.decode(), rest)

    def connection_lost(self, _):
        self.load.closed(self)
