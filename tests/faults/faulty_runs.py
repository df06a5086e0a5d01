"""Seeded runs of a daemon under load while a preload library lets its operations fail; started by failing_memory.py and failing_files.py."""
import argparse
import collections
import concurrent.futures
import gzip
import pathlib
import random
import re
import threading
import time
import zlib

from proof import SHORT, Daemon, Proof, World, allow_many_files
import harness
from client import ROUTES, fetch
from harness import overview, request
from preload import Control, library
from upstream import Upstream

OLD = 60  # entries that are on disk before the faults begin
OLDER_THAN_SECONDS = 1.1
FAULTS_SECONDS = 2.5
LOAD_THREADS = 6
RECOVERED_WITHIN_SECONDS = 15
RUNS = 6 if SHORT else 200
PAD = random.Random(18).randbytes(2 << 20).hex().encode()
SIZES = (200, 200, 3000, 3000, 20_000, 60_000, 300_000, 1_500_000)


def name_of(target):
    found = re.search(r"[?&]n=([^&]*)", target)
    return found[1] if found else target.rpartition("/")[2]


def body_of(name):
    """Whole JSON, the same for a name every time, and another for each name."""
    mixed = zlib.crc32(name.encode())
    size, at = SIZES[mixed % len(SIZES)], mixed % (len(PAD) // 2)
    return b'{"name":"%s","pad":"%s"}' % (name.encode(), PAD[at:at + size])


KINDS = (lambda name: overview(n=name), lambda name: f"/metadata/accounts/12/campaigns/3?n={name}",
         lambda name: f"/http/{name}", lambda name: f"/off/{name}")
STORING = KINDS[:3]


def target_of(name, kinds=KINDS):
    return kinds[zlib.crc32(name.encode()) // 8 % len(kinds)](name)


class Origin(Upstream):
    """Knows the body of every name."""

    def __init__(self, token_seconds):
        super().__init__(lambda exchange: exchange.reply(body_of(name_of(exchange.target)), "Cache-Control: max-age=600"), token_seconds)


def excerpt(output):
    """Its first line, and the last few."""
    lines = output.splitlines()
    return "\n         ".join(lines[:1] + lines[1:][-4:])


class Findings:
    """Of all runs."""

    def __init__(self):
        self.runs = self.considered = self.failed = self.delayed = 0
        self.answers = collections.Counter()
        self.bad = collections.Counter()
        self.tokens = 0
        self.recoveries = []
        self.slowest = 0.0  # seconds that an answer took, or its failure
        self.degraded = 0  # runs in which /readyz said so
        self.lock = threading.Lock()


class Run:
    def __init__(self, seed, faults, preload, findings, proof):
        self.seed = seed
        self.faults = faults
        self.preload = preload
        self.findings = findings
        self.proof = proof
        self.random = random.Random(seed)
        self.loading = threading.Event()
        self.answers = collections.Counter()
        self.degraded = False

    def bad(self, what, detail):
        with self.findings.lock:
            self.findings.bad[what] += 1
        self.proof.note(f"seed {self.seed} ({self.faults}): {what}: {detail}")

    def run(self):
        with World() as world:
            self.folder = pathlib.Path(world.folder())
            self.cache = self.folder / "cache"
            self.cache.mkdir(mode=0o700)
            self.control = Control(self.folder / "control", self.seed, self.faults)
            # In every other run tokens have to be fetched while operations fail, too.
            self.upstream = world.enter_context(Origin(token_seconds=5 if self.seed % 2 else 3600))
            self.daemon = self.start(faulty=True)
            try:
                self.play()
            finally:
                self.stop()
        with self.findings.lock:
            self.findings.runs += 1
            considered, failed, delayed = self.control.counts()
            self.findings.considered += considered
            self.findings.failed += failed
            self.findings.delayed += delayed
            self.findings.answers += self.answers
            self.findings.tokens += self.upstream.tokens
            self.findings.degraded += self.degraded

    def start(self, faulty):
        script = self.folder / "start"
        exports = f"export LD_PRELOAD='{self.preload}' FAULTS_CONTROL='{self.control.path}' FAULTS_FOLDER='{self.cache}'\n" if faulty else ""
        script.write_text(f"#!/bin/sh\n{exports}exec '{harness.BINARY}' \"$@\"\n")
        script.chmod(0o700)
        return Daemon(self.upstream.port, str(self.folder), tables=ROUTES, process={"binary": str(script)}, log_level="info",
                      log_access="false", cache_file=str(self.cache / "cache.db"), cache_max_memory="2MiB",
                      upstream_head_timeout="5s", upstream_body_timeout="5s")

    def stop(self):
        """Asked to end, it ends in time and well."""
        self.control.switch(0)
        daemon, self.daemon = self.daemon, None
        if daemon is None:
            return
        try:
            daemon.stop()
        except AssertionError as error:
            self.bad("did not end well", excerpt(str(error)))

    def alive(self):
        if self.daemon.alive():
            return True
        self.bad("the process ended", f"code {self.daemon.child.returncode}: {excerpt(self.daemon.output)}")
        self.daemon.stop()
        self.daemon = None
        return False

    def play(self):
        self.old = [f"old-{self.seed}-{number}" for number in range(OLD)]
        self.store_old()
        self.control.switch(1)
        self.load()
        self.control.switch(0)
        if self.alive() and self.recover():
            self.expect_old("lost", "after the faults")
        if self.daemon and self.alive():
            self.stop()
        self.daemon = self.start(faulty=False)
        self.expect_old("lost", "after a restart")

    def store_old(self):
        for name in self.old:
            answer = self.get(name, STORING)
            assert answer.status == 200 and answer.body == body_of(name), f"before any fault: {answer.status} {answer.error}"
        harness.wait_until(lambda: self.on_disk() >= OLD, "what is old is on disk")
        time.sleep(OLDER_THAN_SECONDS)

    def on_disk(self):
        return self.daemon.status()["cache"].get("disk", {}).get("entries", 0)

    def get(self, name, kinds=KINDS, **fields):
        answer = fetch(self.daemon.port, target_of(name, kinds), timeout=20, **fields)
        if answer.fields.get("content-encoding") == "gzip" and answer.whole:
            answer.body = gzip.decompress(answer.body)
        return answer

    def load(self):
        """Old entries and new ones, on all kinds of routes; everything may fail but be wrong."""
        self.loading.set()
        with concurrent.futures.ThreadPoolExecutor(LOAD_THREADS + 1) as pool:
            watching = pool.submit(self.watch)
            asking = [pool.submit(self.ask_on, number) for number in range(LOAD_THREADS)]
            time.sleep(FAULTS_SECONDS)
            self.loading.clear()
            for future in [watching, *asking]:
                future.result()

    def ask_on(self, thread):
        dice = random.Random(self.seed * 100 + thread)
        count = 0
        while self.loading.is_set() and self.daemon.alive():
            old = dice.random() < 0.5
            # Some new ones are asked for by several threads, and again.
            name = dice.choice(self.old) if old else f"new-{self.seed}-{dice.choice((thread, 'all'))}-{count - dice.choice((0, 0, 5))}"
            count += 1
            answer = self.get(name, STORING if old else KINDS, **({"Accept_Encoding": "gzip"} if dice.random() < 0.3 else {}))
            self.judge(name, answer)

    def judge(self, name, answer):
        if answer.status == 200 and answer.whole:
            if answer.body != body_of(name):
                self.bad("wrong body", f"{name}: {len(answer.body)} bytes, {answer.body[:60]}")
            verdict = "hit" if answer.is_hit else "200"
        elif answer.status == 200:
            verdict = "cut"
        elif answer.status >= 500 and (not answer.whole or answer.fields.get("content-type") == "application/problem+json"):
            verdict = str(answer.status)
        elif answer.status == 0:
            verdict = "none"
        else:
            self.bad("wrong status", f"{name}: {answer.status} {answer.body[:200]}")
            verdict = str(answer.status)
        with self.findings.lock:
            self.answers[verdict] += 1
            self.findings.slowest = max(self.findings.slowest, answer.seconds)

    def watch(self):
        """Somebody looks at the admin listener all the while."""
        while self.loading.is_set() and self.daemon.alive():
            for path in ("/readyz", "/status", "/metrics"):
                try:
                    reply = request(self.daemon.admin_port, path, timeout=10)
                    self.degraded |= path == "/readyz" and reply.json()["status"] == "degraded"
                except Exception:  # pylint: disable=broad-except
                    pass  # it may fail as all may
            time.sleep(0.1)

    def recover(self):
        """Everything is served, /readyz has nothing to say, and what is new comes to the disk again."""
        began, missing = time.monotonic(), "nothing asked yet"
        for attempt in range(1_000_000):
            if not self.alive():
                return False
            try:
                missing = self.what_is_missing(attempt)
            except Exception as error:  # pylint: disable=broad-except
                missing = f"{type(error).__name__}: {error}"
            took = time.monotonic() - began
            if not missing:
                with self.findings.lock:
                    self.findings.recoveries.append(took)
                return True
            if took > RECOVERED_WITHIN_SECONDS:
                self.bad("no recovery", f"after {took:.0f} s {missing}")
                return False
            time.sleep(0.1)

    def what_is_missing(self, attempt):
        ready = request(self.daemon.admin_port, "/readyz", timeout=10)
        if ready.json()["status"] != "ready":
            return f"/readyz says {ready.body[:200]}"
        before = self.on_disk()
        for number in range(6):
            name = f"then-{self.seed}-{attempt}-{number}"
            answer = self.get(name, STORING)
            if answer.status != 200 or answer.body != body_of(name):
                return f"{name}: {answer.status} {answer.error} {answer.body[:200]}"
        deadline = time.monotonic() + 3
        while self.on_disk() < before + 6:
            if time.monotonic() > deadline:
                return f"{before} entries on disk, and {self.on_disk()} after 6 more were fetched"
            time.sleep(0.05)
        return ""

    def expect_old(self, what, when):
        """Every old entry is a hit. None is fetched again meanwhile, so that a look-up that a busy machine makes late is no loss."""
        answers = self.ask_for_stored()
        wrong = [name for name, answer in answers.items() if answer.status == 200 and answer.body != body_of(name)]
        lost = [name for name, answer in answers.items() if not answer.is_hit]
        if wrong:
            self.bad("wrong body", f"{when}: {wrong[0]}: {answers[wrong[0]].body[:60]}")
        if lost:
            one = answers[lost[0]]
            self.bad(what, f"{when} {len(lost)} of {OLD}; one of them: {one.status} {one.error} {one.fields.get('cache-status')}")

    def ask_for_stored(self):
        """Asks again for what a busy machine is slow to read: a look-up on disk has a deadline, after which it is a miss.
        @return the answer of each old name: a hit, or what came instead at the last"""
        answers = {}
        deadline = time.monotonic() + RECOVERED_WITHIN_SECONDS
        while True:
            for name in self.old:
                if name not in answers or not answers[name].is_hit:
                    answers[name] = self.get(name, STORING, Cache_Control="only-if-cached")
            if all(answer.is_hit for answer in answers.values()) or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        return answers


def main(title, shim, faults_of, first_in_short, slowest_seconds):
    """@param faults_of a function of a random.Random: the Faults of a run
    @param first_in_short the first seed of the short form, from which on all kinds of faults come soon
    @param slowest_seconds the longest that an answer may take meanwhile, or its failure"""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--short", action="store_true", help="6 runs instead of 200")
    parser.add_argument("--seed", type=int, help="this run alone")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--first", type=int, default=first_in_short if SHORT else 1, help="the first seed")
    parser.add_argument("--at-once", type=int, default=2)
    options = parser.parse_args()
    if harness.SANITIZED:
        parser.error("a sanitizer has an allocator and file operations of its own: take a release build")
    allow_many_files()
    seeds = [options.seed] if options.seed is not None else range(options.first, options.first + options.runs)
    proof = Proof(f"{title}: {len(seeds)} runs, {LOAD_THREADS} clients without pause, {FAULTS_SECONDS} s of faults each")
    findings = Findings()
    with World() as world:
        preload = library(shim, world.folder())

        def run(seed):
            faults = faults_of(random.Random(seed))
            proof.guard(f"seed {seed} ({faults})", Run(seed, faults, preload, findings, proof).run)
        with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
            list(pool.map(run, seeds))
    report(proof, findings, len(seeds), slowest_seconds)


def report(proof, findings, runs, slowest_seconds):
    rate = f"{findings.failed} of {findings.considered} failed, {findings.delayed} delayed"
    proof.row("operations while faults were on", rate, "some fail or are delayed", findings.failed + findings.delayed > 0)
    answers = findings.answers
    counts = ", ".join(f"{count} {what}" for what, count in answers.most_common())
    proof.row("answers meanwhile", counts, "some are served", answers["hit"] + answers["200"] > 0)
    proof.row("the slowest of them", f"{findings.slowest:.1f} s", f"at most {slowest_seconds} s", findings.slowest <= slowest_seconds)
    bars = {"the process ended": "never", "wrong body": "never", "wrong status": "never", "lost": "no run has lost what it had on disk",
            "no recovery": f"all within {RECOVERED_WITHIN_SECONDS} s", "did not end well": "never"}
    for what, asked in bars.items():
        count = findings.bad[what]
        slowest = f"; slowest {max(findings.recoveries):.1f} s" if what == "no recovery" and findings.recoveries else ""
        proof.row(what, f"{count} in {runs} runs{slowest}", asked, count == 0 and findings.runs == runs)
    proof.note(f"/readyz said degraded in {findings.degraded} of {runs} runs; {findings.tokens} tokens")
    proof.finish()
