#!/usr/bin/env python3
"""A hundred clients leave an upstream that stalls: the next request is served within a second, and nothing of theirs is sent any more."""
import itertools
import threading
import time

from proof import SHORT, Proof, World, allow_many_files
from client import ROUTES, Ways, ask, fetch
from harness import in_parallel, overview, wait_until
from upstream import Upstream, head

CLIENTS = 100
SLOTS = 4  # requests under way upstream at once: the other clients wait in the queue
SERVED_WITHIN_SECONDS = 1.0
NOTICED_WITHIN_SECONDS = 1.0
TARGETS = {
    "report": lambda name: overview(n=name),
    "metadata": lambda name: f"/metadata/accounts/12/campaigns/3?n={name}",
    "http": lambda name: f"/http/{name}",
    "http with the token": lambda name: f"/http-with-token/{name}",
    "off": lambda name: f"/off/{name}",
}
BODY = b'{"campaigns":[' + b"1," * 5000 + b"1]}"
LIFETIME = "Cache-Control: max-age=600"


class Case:
    """Clients of one kind of route, before a daemon of their own."""

    def __init__(self, kind, behind_the_head, one_target):
        self.kind = kind
        self.behind_the_head = behind_the_head
        self.one_target = one_target
        self.released = threading.Event()
        self.left_at = None

    @property
    def title(self):
        return f"{self.kind}, {'behind' if self.behind_the_head else 'before'} the head, {'one target' if self.one_target else 'a target each'}"

    def answer(self, exchange):
        if "stalls" in exchange.target:
            if self.behind_the_head:
                exchange.send(head("200 OK", "Content-Type: application/json", f"Content-Length: {len(BODY)}", LIFETIME) + BODY[:5000])
            if not exchange.stall(self.released):
                return False
            if self.behind_the_head:
                exchange.send(BODY[5000:])
                return True
        exchange.reply(BODY, LIFETIME)
        return True

    def run(self, proof):
        with World() as world:
            upstream = world.enter_context(Upstream(self.answer))
            ways = Ways(world)
            daemon = world.daemon(upstream, tables=ROUTES + ways.tables, upstream_max_connections=SLOTS,
                                  upstream_budget_max_concurrent=SLOTS, upstream_head_timeout="60s", upstream_body_timeout="60s",
                                  upstream_budget_max_queue_wait="60s", **ways.settings)
            daemon.wait_for_token()
            world.callback(self.released.set)
            self.come(upstream, ways)
            self.leave()
            self.judge(proof, upstream, daemon)

    def target(self, name):
        return TARGETS[self.kind](name)

    def come(self, upstream, ways):
        self.clients = []
        for number, way in zip(range(CLIENTS), itertools.cycle(ways.at)):
            name = "stalls" if self.one_target else f"stalls-{number}-{way}"
            self.clients.append(ask(ways.at[way], self.target(name)))
        self.wait_until_steady(upstream)

    @staticmethod
    def wait_until_steady(upstream):
        """Until those that can be under way are, and the others wait."""
        wait_until(lambda: upstream.asked, "the first is under way")
        seen, since = 0, time.monotonic()
        while time.monotonic() - since < 0.5:
            if len(upstream.asked) != seen:
                seen, since = len(upstream.asked), time.monotonic()
            time.sleep(0.02)

    def leave(self):
        for client in self.clients:
            client.close()
        self.left_at = time.monotonic()

    def judge(self, proof, upstream, daemon):
        sent = len(upstream.asked)
        next_one = fetch(daemon.port, self.target("healthy"), timeout=10)
        time.sleep(max(0.0, self.left_at + NOTICED_WITHIN_SECONDS - time.monotonic()))
        under_way = sum(exchange.ended is None for exchange in list(upstream.asked))
        queued = sum(c["budget"]["queued"] for c in daemon.status()["upstream"]["credentials"])
        self.released.set()
        time.sleep(1)
        late = [e.target for e in list(upstream.asked) if "stalls" in e.target and e.arrived > self.left_at + NOTICED_WITHIN_SECONDS]
        served = next_one.status == 200 and next_one.body == BODY and next_one.seconds <= SERVED_WITHIN_SECONDS
        aborts = self.kind not in ("report", "metadata")
        good = served and not late and not queued and not (aborts and under_way)
        proof.row(self.title, f"next {next_one.status or next_one.error} after {next_one.seconds:.2f} s; "
                  f"sent {sent}, later {len(late)}; queued {queued}, under way {under_way}",
                  f"200 within {SERVED_WITHIN_SECONDS:.0f} s, 0 later, 0 queued{', 0 under way' if aborts else ''}", good)
        again = fetch(daemon.port, self.target("stalls" if self.one_target else "stalls-99-TCP"), timeout=10)
        if (again.status, again.body) != (200, BODY):
            proof.row(f"{self.title}: asked again", f"{again.status} {again.error} {again.body[:80]}", "200 and the body", False)


def main():
    allow_many_files()
    proof = Proof(f"{CLIENTS} clients leave an upstream that stalls; a third each over TCP, TLS and a Unix socket; {SLOTS} under way at once")
    for one_target in (False,) if SHORT else (False, True):
        for behind in (False, True):
            cases = [Case(kind, behind, one_target) for kind in TARGETS]
            in_parallel(len(cases), lambda n, cases=cases: proof.guard(cases[n].title, lambda: cases[n].run(proof)))
    proof.finish()


main()
