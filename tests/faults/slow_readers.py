#!/usr/bin/env python3
"""A reader that takes 32 KB/s, and one that takes nothing, beside others of the same answer: theirs arrive as fast as without them."""
import concurrent.futures
import hashlib
import os
import statistics
import threading
import time

from proof import MIB, SHORT, Proof, World, allow_many_files
from client import ROUTES, ask, fetch
from harness import overview, wait_until
from upstream import Upstream

SIZE = 12 * MIB
UPSTREAM_SECONDS = 1.0  # that the upstream takes for it
SLOW_BYTES_A_SECOND = 32_000
BEGINNERS, LATE = 3, 3  # readers that come at the beginning, and when half of it has come
ROUNDS = 1 if SHORT else 5
GIVE_UP_SECONDS = 10
BODY = b'{"rows":["' + os.urandom((SIZE - 13) // 2).hex().encode() + b'"]}'
DIGEST = hashlib.sha256(BODY).digest()

# (title, target, whether it may be kept)
FORMS = [
    ("report with a length", lambda name: overview(n=name), True),
    ("report in chunks", lambda name: overview(n=f"{name}-chunked"), True),
    ("http with a length", lambda name: f"/http/{name}", True),
    ("http in chunks", lambda name: f"/http/{name}-chunked", True),
    ("report above max_response", lambda name: overview(n=name), False),
    ("report above max_response, in chunks", lambda name: overview(n=f"{name}-chunked"), False),
    ("http above max_response, in chunks", lambda name: f"/http/{name}-chunked", False),
]


def answer(exchange):
    exchange.reply_at_a_pace(BODY, UPSTREAM_SECONDS, "Cache-Control: max-age=600", chunked="chunked" in exchange.target)
    return True


class Round:
    """The readers of one answer that nobody has asked for before, with slow ones among them or without."""

    def __init__(self, upstream, daemon, target, with_slow):
        self.upstream = upstream
        self.at = daemon.port
        self.target = target
        self.with_slow = with_slow
        self.stop = threading.Event()

    def run(self):
        with concurrent.futures.ThreadPoolExecutor(BEGINNERS + LATE + 1) as pool:
            idle = slow = None
            if self.with_slow:
                # The slow ones come first: it is they who start the fetch.
                slow = pool.submit(fetch, self.at, self.target, 60, SLOW_BYTES_A_SECOND, self.stop, 16384)
                wait_until(lambda: self.upstream.count(self.target), "it is under way")
                idle = ask(self.at, self.target, buffer=16384)
                time.sleep(0.05)
            readers = [pool.submit(fetch, self.at, self.target, GIVE_UP_SECONDS) for _ in range(BEGINNERS)]
            time.sleep(UPSTREAM_SECONDS / 2)
            readers += [pool.submit(fetch, self.at, self.target, GIVE_UP_SECONDS) for _ in range(LATE)]
            self.answers = [reader.result() for reader in readers]
            self.stop.set()
            self.slow = slow and slow.result()
            if idle:
                idle.close()
        self.fetches = self.upstream.count(self.target)
        return self

    @property
    def right(self):
        """Whole and right to everybody; the slow one has the beginning of it, and time for no more."""
        return (all(a.status == 200 and a.whole and hashlib.sha256(a.body).digest() == DIGEST for a in self.answers)
                and (not self.slow or BODY.startswith(self.slow.body)))

    @property
    def seconds(self):
        return max(a.seconds for a in self.answers)


def measure(proof, upstream, daemon, number, title, target, kept):
    pairs = []
    for turn in range(ROUNDS):
        # In turn one first and the other first.
        order = [False, True] if turn % 2 == 0 else [True, False]
        rounds = {slow: Round(upstream, daemon, target(f"{number}-{turn}-{'slow' if slow else 'alone'}"), slow).run() for slow in order}
        pairs.append(rounds)
    alone, beside = (statistics.median(pair[slow].seconds for pair in pairs) for slow in (False, True))
    fetches = max(r.fetches for pair in pairs for r in pair.values())
    right = all(r.right for pair in pairs for r in pair.values())
    slow = min(len(pair[True].slow.body) for pair in pairs)
    good = right and beside <= 1.5 * alone + 0.5 and (fetches == 1 or not kept)
    bodies = "right" if right else "WRONG or cut"
    proof.row(title, f"alone {alone:.2f} s, beside slow ones {beside:.2f} s; fetches {fetches}; bodies {bodies}",
              f"at most {1.5 * alone + 0.5:.2f} s, {'1 fetch' if kept else 'any fetches'}, right bodies", good)
    if not right:
        broken = [a for pair in pairs for r in pair.values() for a in r.answers if not a.whole or a.status != 200]
        for one in broken[:2]:
            proof.note(f"{one.status} {len(one.body)} bytes after {one.seconds:.2f} s {one.error}")
    if slow == 0:
        proof.note("the slow reader has got nothing")


def a_slow_reader_gets_all(proof, upstream, daemon):
    """One that takes a third of the upstream's pace, beside a fast one."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        slow = pool.submit(fetch, daemon.port, "/http/in-its-own-time", 60, SIZE / UPSTREAM_SECONDS / 3, None, 65536)
        fast = pool.submit(fetch, daemon.port, "/http/in-its-own-time", 60)
        answers = [fast.result(), slow.result()]
    right = all(a.whole and hashlib.sha256(a.body).digest() == DIGEST for a in answers)
    proof.row("one at a third of the upstream's pace",
              f"after {answers[1].seconds:.2f} s, the fast one after {answers[0].seconds:.2f} s; {'right' if right else 'WRONG or cut'}",
              "all of it, right", right)


def main():
    allow_many_files()
    proof = Proof(f"Readers of an answer of {SIZE // MIB} MiB that the upstream gives in {UPSTREAM_SECONDS:.0f} s: {BEGINNERS} at its beginning and {LATE} in its middle; "
                  f"then beside one that takes {SLOW_BYTES_A_SECOND // 1000} KB/s and one that takes nothing; medians of {ROUNDS}")
    with World() as world:
        upstream = world.enter_context(Upstream(answer))
        daemons = {kept: world.daemon(upstream, tables=ROUTES, upstream_max_response="13MiB" if kept else "8MiB") for kept in (True, False)}
        for daemon in daemons.values():
            daemon.wait_for_token()
        for number, (title, target, kept) in enumerate(FORMS):
            proof.guard(title, lambda n=number, f=(title, target, kept): measure(proof, upstream, daemons[f[2]], n, *f))
        a_slow_reader_gets_all(proof, upstream, daemons[True])
    proof.finish()


main()
