#!/usr/bin/env python3
"""No more threads are to be had while the daemon starts: it says so and ends, and hangs at no number of them."""
from proof import Daemon, Proof, World
from harness import free_port, wait_until
from preload import library
from upstream import Upstream

MOST = 60  # more than it starts
ENDS_WITHIN_SECONDS = 30


def start(world, upstream, preload, threads):
    """@return the daemon, ready or ended"""
    # With three for its clients it has every kind of thread.
    daemon = Daemon(upstream.port, world.folder(), wait=False, listen_threads="3", admin_port=free_port(),
                    wrapper=("/usr/bin/env", f"LD_PRELOAD={preload}", f"THREADS_MOST={threads}"))
    world.callback(daemon.stop)
    wait_until(lambda: not daemon.alive() or daemon.ready(), f"{threads} threads: ready, or ended", ENDS_WITHIN_SECONDS)
    return daemon


def main():
    proof = Proof("A start that gets no more threads")
    with World() as world, Upstream(lambda exchange: exchange.reply(b"{}")) as upstream:
        preload = library("failing_threads", world.folder())
        for threads in range(MOST):
            daemon = start(world, upstream, preload, threads)
            if daemon.alive():
                break
            reason = next((line for line in daemon.output.splitlines() if line.startswith("roktcached: ")), "no reason")
            proof.row(f"{threads} threads", f"{daemon.child.returncode}: {reason[:60]}", "1, and a reason that names threads",
                      daemon.child.returncode == 1 and "no more threads" in reason)
        proof.row(f"{threads} threads", "ready" if daemon.alive() else "ended", "ready, and it has not begun with fewer than 5",
                  daemon.alive() and threads >= 5)
    proof.finish()


main()
