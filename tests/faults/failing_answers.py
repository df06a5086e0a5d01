#!/usr/bin/env python3
"""Twenty clients at once of an upstream that fails: a failure costs one fetch, and an answer that may not be shared reaches nobody else."""
import concurrent.futures
import itertools
import threading
import time

from proof import SHORT, Proof, World, allow_many_files
from client import ROUTES, fetch
from harness import overview
from upstream import Upstream, head

CLIENTS = 20
ANSWER_SECONDS = 1.0  # what the upstream takes for an answer: the unit of all waiting here
HEAD_TIMEOUT_SECONDS = 2.0
SLACK = 0.75  # of an answer: one round more than asked for would be a whole one
TARGETS = {
    "report": lambda name: overview(n=name),
    "metadata": lambda name: f"/metadata/accounts/12/campaigns/3?n={name}",
    "http": lambda name: f"/http/{name}",
}
serials = itertools.count(1)


def own_answer(exchange, status, *fields):
    """One that says for whom it was made, and which one it is."""
    body = b'{"for":"%s","serial":%d}' % (exchange.fields.get("x-client", "nobody").encode(), next(serials))
    exchange.reply(body, *fields, status=status)


ANSWERS = {
    "unreadable": lambda e: e.send(b"HTTP/9.9 what\r\n\r\n") or False,
    "two lengths": lambda e: e.send(head("200 OK", "Content-Length: 5", "Content-Length: 6") + b"[1,2]") or False,
    "cut in its head": lambda e: e.send(b"HTTP/1.1 200 OK\r\nContent-Le") or False,
    "500": lambda e: own_answer(e, "500 Internal Server Error"),
    "404": lambda e: own_answer(e, "404 Not Found"),
    "no-store": lambda e: own_answer(e, "200 OK", "Cache-Control: no-store"),
    "private": lambda e: own_answer(e, "200 OK", "Cache-Control: private, max-age=600"),
}


class Case:
    def __init__(self, kind, failure):
        self.kind = kind
        self.failure = failure
        self.title = f"{failure}, {kind} route"

    def answer(self, exchange):
        if self.failure == "timeout":
            exchange.stall(threading.Event(), 10 * HEAD_TIMEOUT_SECONDS)
            return False
        time.sleep(ANSWER_SECONDS)
        return ANSWERS[self.failure](exchange)

    def wave(self, upstream, daemon, target):
        """All clients at once, each with a field of its own that the upstream reads.
        @return their answers, and what the wave cost the upstream"""
        before = len(upstream.asked)
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            answers = list(pool.map(lambda n: fetch(daemon.port, target, 30, X_Client=f"client-{n}"), range(CLIENTS)))
        return answers, len(upstream.asked) - before

    def run(self, proof):
        with World() as world:
            upstream = world.enter_context(Upstream(self.answer))
            daemon = world.daemon(upstream, tables=ROUTES, upstream_max_connections=2 * CLIENTS, upstream_max_retries=0,
                                  upstream_head_timeout=f"{HEAD_TIMEOUT_SECONDS * 1000:.0f}ms")
            daemon.wait_for_token()
            self.judge(proof, upstream, daemon)

    def judge(self, proof, upstream, daemon):
        answers, fetches = self.wave(upstream, daemon, TARGETS[self.kind](self.failure.replace(" ", "-")))
        statuses = sorted({a.status for a in answers})
        longest = max(a.seconds for a in answers)
        wanted = {"timeout": [504], "404": [404], "500": [500]}.get(self.failure, [502])
        unit = HEAD_TIMEOUT_SECONDS if self.failure == "timeout" else ANSWER_SECONDS
        good = fetches == 1 and statuses == wanted and longest < (1 + SLACK) * unit
        if self.failure == "500":  # the upstream's own, or an error of ours
            good = fetches == 1 and len(statuses) == 1 and statuses[0] >= 500 and longest < (1 + SLACK) * unit
        proof.row(self.title, f"{fetches} fetches, status {statuses}, longest {longest / unit:.2f} units of {unit:.0f} s",
                  f"1 fetch, the same to all, below {1 + SLACK} units", good)


class Unshared(Case):
    """An answer that is its client's alone."""

    def judge(self, proof, upstream, daemon):
        target = TARGETS[self.kind](self.failure.replace(" ", "-"))
        for wave, most in (("first", 2), ("second", 1)):
            answers, fetches = self.wave(upstream, daemon, target)
            others = [a for n, a in enumerate(answers) if f'"for":"client-{n}"'.encode() not in a.body]
            own = CLIENTS - len(others)
            different = len({a.body for a in answers})
            longest = max(a.seconds for a in answers) / ANSWER_SECONDS
            good = own == different == CLIENTS and longest < most + SLACK
            proof.row(f"{self.title}, {wave} time", f"{own} got their own, {fetches} fetches, longest {longest:.2f} answers",
                      f"{CLIENTS} their own, at most {most} (below {most + SLACK})", good)
            if others:
                proof.note(f"statuses {sorted({a.status for a in answers})}, {others[0].error} {others[0].body[:120]}")


def cases():
    ours = ["unreadable", "timeout"] + ([] if SHORT else ["two lengths", "cut in its head"])
    yield from (Case(kind, failure) for failure in ours for kind in TARGETS)
    yield from (Case(kind, failure) for failure in ("500", "404") for kind in ("report", "metadata"))
    yield from (Unshared("http", failure) for failure in ("500", "no-store", "private"))


def main():
    allow_many_files()
    proof = Proof(f"{CLIENTS} clients at once of one target; the upstream takes {ANSWER_SECONDS:.0f} s for an answer")
    # Each has a daemon of its own, for failures count for the circuit of them all; most of the time everybody waits.
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda case: proof.guard(case.title, lambda: case.run(proof)), cases()))
    proof.finish()


main()
