#!/usr/bin/env python3
"""Resident memory follows the settings: large answers, then a crowd of clients that do not read theirs, and after they have left."""
import concurrent.futures
import functools
import hashlib
import random
import threading
import time

from proof import MIB, SHORT, Proof, World, allow_many_files, has_setting
from client import ROUTES, ask, fetch
from harness import overview
from upstream import Upstream

MEMORY_MIB, TRANSIENT_MIB, SLACK_MIB = 32, 64, 64
SIZE = 15 * MIB
ANSWERS = 30 if SHORT else 60
CROWD = 300
CROWD_ANSWERS = 20
BACK_WITHIN_SECONDS = 5
SAMPLE_SECONDS = 0.02


def body(number):
    """Whole JSON that no compression makes small, the same for a number every time."""
    text = random.Random(number).randbytes((SIZE - 64) // 2).hex().encode()
    return b'{"number":%d,"rows":["' % number + text + b'"]}'


@functools.cache
def digest(number):
    return hashlib.sha256(body(number)).digest()


def target(number):
    """Every other one is a report's."""
    return overview(n=f"large-{number}") if number % 2 else f"/http/large-{number}"


def number_of(asked):
    return int(asked.partition("large-")[2].partition("&")[0])


def answer(exchange):
    exchange.reply(body(number_of(exchange.target)), "Cache-Control: max-age=600")
    return True


class Sampler(threading.Thread):
    """Looks at resident memory until stopped; `take()` gives the highest since the last call."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.process = daemon
        self.highest = 0.0
        self.stopped = threading.Event()
        self.start()

    def run(self):
        while not self.stopped.wait(SAMPLE_SECONDS):
            try:
                self.highest = max(self.highest, self.process.resident_mib())
            except (OSError, StopIteration):
                return

    def take(self):
        highest, self.highest = self.highest, 0.0
        return highest


class Measurement:
    def __init__(self, proof, daemon, bound_mib):
        self.proof = proof
        self.daemon = daemon
        self.bound_mib = bound_mib
        self.sampler = Sampler(daemon)

    def note_account(self):
        """What the daemon itself says of the bodies that it holds."""
        if bodies := self.daemon.status().get("bodies"):
            places = ", ".join(f"{place} {bodies[place] / MIB:.0f}" for place in ("memory", "growing", "held", "limit"))
            resident, files = self.daemon.resident_mib(), self.daemon.resident_mib("RssFile")
            self.proof.note(f"its own account, MiB: {places}; resident {resident:.0f}, of files {files:.0f}")

    def peak(self, what, more, good=True):
        self.note_account()
        highest = self.sampler.take()
        self.proof.row(what, f"highest {highest:.0f} MiB; {more}", f"at most {self.bound_mib} MiB, no wrong body",
                       good and highest <= self.bound_mib)

    def read(self, numbers, at_once):
        """Fetches answers and judges them.
        @return (right, refused, wrong)"""
        def one(number):
            got = fetch(self.daemon.port, target(number), timeout=60)
            if got.status == 200 and got.whole:
                return "right" if hashlib.sha256(got.body).digest() == digest(number) else "wrong"
            return "refused"  # a 503, or cut in a way that shows
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            verdicts = list(pool.map(one, numbers))
        return tuple(verdicts.count(v) for v in ("right", "refused", "wrong"))

    def fill(self):
        right, refused, wrong = self.read(range(ANSWERS), 4)
        self.peak(f"{ANSWERS} answers of {SIZE // MIB} MiB, 4 at once", f"{right} right, {refused} refused, {wrong} wrong",
                  wrong == 0 and right >= ANSWERS // 2)

    def crowd(self):
        time.sleep(2)
        before = self.daemon.resident_mib()
        clients = []
        try:
            for number in range(CROWD):
                clients.append(ask(self.daemon.port, target(number % CROWD_ANSWERS), buffer=4096))
            time.sleep(3)  # for all that is going to be held
            right, refused, wrong = self.read(range(0, CROWD_ANSWERS, 2), 2)
            self.peak(f"{CROWD} clients that do not read {CROWD_ANSWERS} of them",
                      f"beside them {right} right, {refused} refused, {wrong} wrong", wrong == 0 and right > 0)
        finally:
            for client in clients:
                client.close()
        self.left(before)
        self.note_account()

    def left(self, before):
        began, most = time.monotonic(), max(before + 32, MEMORY_MIB + SLACK_MIB)
        while (now := self.daemon.resident_mib()) > most and time.monotonic() - began < 3 * BACK_WITHIN_SECONDS:
            time.sleep(0.05)
        took = time.monotonic() - began
        self.proof.row("after they have left", f"{before:.0f} MiB before them, {now:.0f} MiB {took:.1f} s after",
                       f"at most {most:.0f} MiB within {BACK_WITHIN_SECONDS} s",
                       now <= most and took <= BACK_WITHIN_SECONDS)

    def afterwards(self):
        right, refused, wrong = self.read(range(0, ANSWERS, 5), 2)
        self.peak("then read again, 2 at once", f"{right} right, {refused} refused, {wrong} wrong", wrong == 0 and right > 0)


def main():
    allow_many_files()
    known = has_setting("cache_max_transient")
    bound = MEMORY_MIB + TRANSIENT_MIB + SLACK_MIB
    proof = Proof(f"max_memory {MEMORY_MIB} MiB, max_transient {TRANSIENT_MIB} MiB{'' if known else ' (which this binary does not know)'}; "
                  f"resident at most their sum and {SLACK_MIB} MiB more")
    transient = {"cache_max_transient": f"{TRANSIENT_MIB}MiB"} if known else {}
    with World() as world:
        upstream = world.enter_context(Upstream(answer))
        daemon = world.daemon(upstream, tables=ROUTES, cache_max_memory=f"{MEMORY_MIB}MiB", cache_max_disk="4GiB",
                              listen_write_timeout="60s", **transient)
        daemon.wait_for_token()
        for number in range(ANSWERS):
            digest(number)
        measurement = Measurement(proof, daemon, bound)
        world.callback(measurement.sampler.stopped.set)
        for part in (measurement.fill, measurement.crowd, measurement.afterwards):
            proof.guard(part.__name__, part)
    proof.finish()


main()
