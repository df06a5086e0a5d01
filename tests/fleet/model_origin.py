"""The upstream of the fleet's model: each answer is recognisable, and every call is written down."""
import collections
import dataclasses
import http.server
import json
import random
import threading
import time
import urllib.parse

TRUE_FOR = 1.0  # seconds of max-age on http routes
now = time.monotonic


@dataclasses.dataclass
class Call:
    """A request that the upstream got. `number` is in the body that it was answered with."""

    number: int
    key: tuple
    cause: str  # the client's request that led to it, by its traceparent
    begun: float
    truth: int
    ended: float = float("inf")  # before the last octet was sent
    status: int = 0  # 0: it got no answer
    body: bytes = dataclasses.field(default=b"", repr=False)
    confirms: int = 0  # of a 304: the number of the answer that still holds


def key_of(target, version="LATEST"):
    """Equal for spellings that ask the same. An http route has no versions."""
    path, _, query = target.partition("?")
    pairs = tuple(sorted(urllib.parse.parse_qsl(query, keep_blank_values=True)))
    return path, pairs, "" if path.startswith("/files/") else version


class Origin(http.server.ThreadingHTTPServer):
    """`truths` are what it tells, by key. Campaigns with even numbers have entity-tags, and 304 while their truth stands."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, seed):
        super().__init__(("127.0.0.1", 0), Answering)
        self.lock = threading.Lock()
        self.random = random.Random(seed)
        self.calls = []  # call number N is at N - 1
        self.of_key = collections.defaultdict(list)
        self.confirmed = collections.defaultdict(list)  # by the number of an answer: the calls that were told that it holds
        self.truths = collections.Counter()
        self.pace = (0.0, 0.02)  # seconds that an answer takes, from and to
        self.mood = {}  # by account, "" for http routes: "503", "404", "reset"
        self.sizes = {}  # of bodies, by key
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def begin(self, key, cause):
        with self.lock:
            call = Call(len(self.calls) + 1, key, cause, now(), self.truths[key])
            self.calls.append(call)
            self.of_key[key].append(call)
            return call, self.random.uniform(*self.pace), self.random.getrandbits(4 * self.sizes.get(key, 1))

    def under_way(self, key):
        return any(call.ended == float("inf") for call in self.of_key[key])

    def stop(self):
        self.shutdown()
        self.server_close()


def account_of(key):
    parts = key[0].split("/")
    return parts[parts.index("accounts") + 1] if "accounts" in parts else ""


def campaign_of(key):
    parts = key[0].split("/")
    return parts[parts.index("campaigns") + 1] if "campaigns" in parts else ""


def has_tag(key):
    return int(campaign_of(key) or 1) % 2 == 0


class Answering(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/auth/"):
            return self.send(200, json.dumps({"access_token": "a-token-of-the-model", "expires_in": 3600, "token_type": "Bearer"}).encode())
        origin = self.server
        key = key_of(self.path, self.headers.get("rokt-version", "LATEST"))
        call, takes, padding = origin.begin(key, self.headers.get("traceparent", ""))
        if self.command not in ("GET", "HEAD"):  # a write is done when it begins
            with origin.lock:
                origin.truths[key] += 1
        time.sleep(takes)
        return self.answer(call, origin.mood.get(account_of(key)), padding)

    do_POST = do_PUT = do_DELETE = do_GET

    def answer(self, call, mood, padding):
        origin, key = self.server, call.key
        if mood == "reset":
            call.ended = now()
            self.close_connection = True
            return None
        fields = {"Cache-Control": f"max-age={TRUE_FOR:.0f}" if not mood else "no-store"} if not key[2] else {}
        known = self.headers.get("If-None-Match", "").strip('"')
        if not mood and known.isdigit() and has_tag(key):
            holds = origin.calls[int(known) - 1]
            if holds.key == key and holds.truth == call.truth == origin.truths[key]:
                call.confirms, call.status = holds.number, 304
                with origin.lock:
                    origin.confirmed[holds.number].append(call)
                call.ended = now()
                return self.send(304, None, fields | {"ETag": f'"{known}"'})
        call.status = int(mood or 200)
        said = {"padding": f"{padding:x}", "path": key[0], "asks": key[1], "version": key[2], "number": call.number, "truth": call.truth}
        call.body = json.dumps(said).encode()
        if has_tag(key) and not mood:
            fields["ETag"] = f'"{call.number}"'
        call.ended = now()
        return self.send(call.status, call.body, fields)

    def send(self, status, body, fields=None):
        self.send_response(status)
        for name, value in (fields or {}).items():
            self.send_header(name, value)
        if body is not None:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            if body is not None:
                self.wfile.write(body)
        except OSError:
            pass  # who asked is gone

    def log_message(self, *_):
        pass
