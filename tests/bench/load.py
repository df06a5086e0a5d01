"""What is asked of the contestants, from the load's core."""
import dataclasses
import http.client
import json
import os
import pathlib
import ssl
import subprocess
import tempfile

from processes import LOAD_CORES, Wrong, on_cores

SCRIPT = pathlib.Path(__file__).parent / "wrk.lua"
CIPHER = "TLS_AES_256_GCM_SHA384"  # the one that all of them agree to by themselves
# A settled month: what is cached stays fresh for a week.
QUERY = "dateStart=2025-01-01&dateEnd=2025-01-31&currency=USD&timeZoneVariation=America/New_York"


def target(size):
    return f"/reporting/accounts/12/campaigns/3/overview?{QUERY}&size={size}"


@dataclasses.dataclass(frozen=True)
class Keys:
    """So many reports, told apart by account and campaign."""
    count: int
    size: int

    @property
    def pattern(self):
        return f"/reporting/accounts/%d/campaigns/%d/overview?{QUERY}&size={self.size}"

    def target(self, number):
        return self.pattern % (1 + number // 1000, 1 + number % 1000)


def get(port, path, fields=None, tls=False):
    """@return status, fields with names in lower case, body"""
    connection = (http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=ssl._create_unverified_context()) if tls
                  else http.client.HTTPConnection("127.0.0.1", port, timeout=30))
    try:
        connection.request("GET", path, headers=fields or {})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def answer_bytes(port, path, fields, tls=False):
    """How long an answer is, head and body: what each answer of a run must be, give or take a digit of Age."""
    with tempfile.TemporaryFile() as received:
        subprocess.run(["curl", "-s", "-k", "-i", *(word for k, v in fields.items() for word in ("-H", f"{k}: {v}")),
                        f"http{'s' * tls}://127.0.0.1:{port}{path}"], stdout=received, check=True)
        return received.tell()


@dataclasses.dataclass(frozen=True)
class Load:
    """One run of wrk."""
    mode: tuple = ("same",)
    path: str = "/"
    fields: dict = dataclasses.field(default_factory=dict)
    threads: int = 1
    connections: int = 64
    cores: list = dataclasses.field(default_factory=lambda: LOAD_CORES)
    tls: bool = False

    def run(self, port, seconds):
        """@return requests, seconds, bytes, p50_us, p99_us, as wrk.lua prints them"""
        fields = [word for name, value in self.fields.items() for word in ("-H", f"{name}: {value}")]
        command = ["wrk", "-t", self.threads, "-c", self.connections, "-d", f"{seconds}s", "--timeout", "30s", "--latency",
                   *fields, "-s", SCRIPT, f"http{'s' * self.tls}://127.0.0.1:{port}{self.path}", "--", *self.mode]
        ended = subprocess.run(on_cores(self.cores, command), capture_output=True, text=True)
        if ended.returncode != 0:
            raise Wrong(f"wrk: {ended.stdout}{ended.stderr}")
        figures = json.loads(ended.stdout.splitlines()[-1])
        if figures["errors"] > 0 or figures["requests"] == 0:
            raise Wrong(f"wrk counts {figures['errors']} errors in {figures['requests']} requests:\n{ended.stdout}")
        return figures


@dataclasses.dataclass(frozen=True)
class LightLoad:
    """One run of light_load, which asks for large answers and is not full before who gives them."""
    path: str
    connections: int = 64
    tls: bool = False

    def run(self, port, seconds):
        """@return as Load does"""
        command = [os.environ["LIGHT_LOAD_BINARY"], port, seconds, self.connections, self.path,
                   *(("--tls", CIPHER) if self.tls else ())]
        ended = subprocess.run(on_cores(LOAD_CORES, command), capture_output=True, text=True)
        if ended.returncode != 0:
            raise Wrong(f"{ended.stdout}{ended.stderr}")
        return json.loads(ended.stdout)


def fetch_each(contestant, origin, keys):
    """Has a contestant fetch and keep every key: passes over them all, until one finds nothing left to fetch."""
    for _ in range(4):
        before = origin.count()
        asked = 0
        while asked < keys.count:
            load = Load(mode=("each", keys.pattern, keys.count, asked))
            made = load.run(contestant.port, 1 if keys.count <= 10_000 else 5)["requests"]
            # What was under way when wrk ended is asked for again.
            asked += made if asked + made >= keys.count else max(made - 4096, 1)
        if origin.count() == before:
            return
    raise Wrong(f"{contestant.name} still fetches after four passes over {keys.count} keys")
