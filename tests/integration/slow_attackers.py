"""A process of slow attackers: each sends a byte a second of a head or of a content, or asks for much and reads nothing.

slow_attackers.py PORT COUNT TARGET. They come one after the other, and who is cut comes back. Each line on its standard input
is answered by a line of JSON: "report", or "hold", after which nobody comes or comes back.
"""
import collections
import json
import resource
import select
import socket
import sys
import time

TICKS_A_SECOND = 200  # many small ones: a hit must not be measured behind a burst that is the attackers' own
SECONDS_TO_COME = 2
FIELD = "X-Slow: " + "x" * 1000
WHAT_TRICKLES = {"head": f"ET / HTTP/1.1\r\n{FIELD}".encode(), "content": FIELD.encode()}


class Attackers:
    def __init__(self, port, count, target):
        self.port = port
        self.coming = collections.deque((["head", "content"] * 9 + ["deaf"] * 2) * (count // 20))
        self.at_each_tick = len(self.coming) // (TICKS_A_SECOND * SECONDS_TO_COME) + 1
        self.target = target
        self.poll = select.epoll()
        self.open = {}  # by descriptor: [socket, kind, when its clock began, bytes sent]
        self.turns = [set() for _ in range(TICKS_A_SECOND)]  # the descriptors that send at each tick of a second
        self.lived = collections.defaultdict(list)  # by kind: for how long, of those that were cut
        self.refused = 0
        self.late = 0  # by how much we were at worst, on a machine that has no time for us: as much later a cut is seen

    def connect(self, kind):
        sock = socket.socket()
        if kind == "deaf":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            sock.connect(("127.0.0.1", self.port))
            sock.sendall(self.first_bytes(kind))
        except OSError:
            self.refused += 1
            sock.close()
            return
        sock.setblocking(False)
        self.poll.register(sock, select.EPOLLRDHUP)
        self.open[sock.fileno()] = [sock, kind, time.monotonic(), 0]
        if kind != "deaf":
            self.turns[sock.fileno() % TICKS_A_SECOND].add(sock.fileno())

    def first_bytes(self, kind):
        if kind == "head":
            return b"G"
        if kind == "content":
            return b"POST /auth/oauth2/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
        return f"GET {self.target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 100

    def cut(self, descriptor):
        sock, kind, begun, _ = self.open.pop(descriptor)
        self.turns[descriptor % TICKS_A_SECOND].discard(descriptor)
        self.lived[kind].append(time.monotonic() - begun)
        sock.close()
        self.coming.append(kind)

    def tick(self, number):
        for _ in range(min(self.at_each_tick, len(self.coming))):
            self.connect(self.coming.popleft())
        for descriptor in list(self.turns[number % TICKS_A_SECOND]):
            entry = self.open[descriptor]
            sock, kind, _, sent = entry
            try:
                sock.send(WHAT_TRICKLES[kind][sent:sent + 1])
                entry[3] += 1
            except OSError:
                self.cut(descriptor)

    def report(self):
        return {"open": collections.Counter(kind for _, kind, _, _ in self.open.values()),
                "cut": {kind: len(all_of) for kind, all_of in self.lived.items()},
                "longest_s": {kind: round(max(all_of), 2) for kind, all_of in self.lived.items()},
                "refused": self.refused, "late_s": round(self.late, 2)}

    def run(self):
        self.poll.register(sys.stdin, select.EPOLLIN)
        number, due = 0, time.monotonic()
        while True:
            for descriptor, _ in self.poll.poll(max(0, due - time.monotonic())):
                if descriptor in self.open:
                    self.cut(descriptor)
                elif descriptor == sys.stdin.fileno():
                    if not (command := sys.stdin.readline().strip()):
                        return
                    if command == "hold":
                        self.at_each_tick = 0
                    print(json.dumps(self.report()), flush=True)
            if (now := time.monotonic()) >= due:
                self.late = max(self.late, now - due)
                number, due = number + 1, due + 1 / TICKS_A_SECOND
                self.tick(number)


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    Attackers(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]).run()
