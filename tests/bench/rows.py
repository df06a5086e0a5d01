"""The rows of the table, and the bars that roktcached is held to."""
from contestants import PEERS, SIZES
from costs import Cached, Idle, Misses, Start
from hits import ColdHits, Hits
from more_hits import ConcurrentMisses, DisturbedHits, KeyedHits


def ahead_of_peers(results):
    ours = results["roktcached"].middle("rate")
    return all(ours > results[peer.title].middle("rate") for peer in PEERS)


def as_prompt_as_peers(results):
    return results["roktcached"].middle("p99_ms") <= min(results[peer.title].middle("p99_ms") for peer in PEERS)


def at_least(share, other, name="rate"):
    return lambda r: r["roktcached"].middle(name) >= share * r[other].middle(name)


def at_most(share, other, name="cpu_us"):
    return lambda r: r["roktcached"].middle(name) <= share * r[other].middle(name)


AHEAD = ("a higher rate than every peer", ahead_of_peers)
PROMPT = ("p99 no worse than the best peer's", as_prompt_as_peers)

ROWS = [
    Hits("a", "hit, 208 B", bars=(
        ("CPU at most 1.3 × the bare loop's", at_most(1.3, "bare loop")),
        ("CPU at most 0.9 × HAProxy's", at_most(0.9, "HAProxy")),
        ("rate at least 1.05 × HAProxy's", at_least(1.05, "HAProxy")), PROMPT)),
    # wrk's core is full before any server's: its figures are wrk's, and the bar is for the servers.
    Hits("b", "hit, 50 KB", size=SIZES["50 KB"], by_wrk=False,
         bars=(("rate at least 1.1 × nginx's", at_least(1.1, "nginx")), PROMPT)),
    Hits("b", "hit, 50 KB, asked by wrk", size=SIZES["50 KB"]),
    Hits("c", "hit with If-None-Match, 304", if_none_match=True, bars=(AHEAD,)),
    Hits("d", "hit, 208 B, 16 requests pipelined", mode="pipelined", bars=(AHEAD,)),
    Hits("e", "hit, 1 KB, a new connection each", size=SIZES["1 KB"], fields=(("Connection", "close"),),
         bars=(("rate at least nginx's", at_least(1.0, "nginx")),)),
    # Up to 535 bytes of head and body a client's kernel acknowledges together with the end of the connection; beyond, by a segment
    # more. With 208 B of body nginx and HAProxy stay below; roktcached, whose head says more, does not.
    Hits("e", "hit, 208 B, a new connection each", fields=(("Connection", "close"),),
         bars=(("with 208 B, rate at least nginx's", at_least(1.0, "nginx")),)),
    # Above, the load's core is full before any server's: the kernel does most of a handshake in the client's calls. On one core the
    # rate says what a connection costs both sides.
    Hits("e", "hit, 208 B, a new connection each, load on the same core", fields=(("Connection", "close"),), load_apart=False,
         bars=(("on one core, rate at least nginx's", at_least(1.0, "nginx")),)),
    Hits("f", "hit, 1 KB, 10,000 keys by Zipf", size=SIZES["1 KB"], mode="zipf", keys=10_000, with_bare_loop=False,
         bars=(AHEAD, PROMPT)),
    ColdHits("g", "hit on disk, 1 KB, memory tier 64 MiB", size=SIZES["1 KB"], with_bare_loop=False,
             bars=(("rate at least nginx's", at_least(1.0, "nginx")),)),
    Misses("h", "miss, stored: added latency", bars=(
        ("at most 150 µs", lambda r: r["roktcached"].median <= 150),
        ("no more than nginx", lambda r: r["roktcached"].median <= r["nginx"].median))),
    Idle("i", "idle keep-alive connection: resident", bars=(
        ("at most 2 KiB", lambda r: r["roktcached"].each <= 2 * 1024),)),
    Cached("j", "cached entry of 1 KB: resident", bars=(
        ("at most the entry and 256 bytes", lambda r: r["roktcached"].each <= r["roktcached"].entry + 256),)),
    Start("k", "start to first answer", bars=(("under 300 ms", lambda r: max(r["roktcached"].times) < 0.3),)),
    Hits("l", "hit, 208 B, both cores, load on the same", threads=2, bars=(AHEAD,)),
    Hits("m", "TLS hit, 208 B", tls=True, with_bare_loop=False,
         bars=(("with TLS and 208 B, CPU at most 0.9 × HAProxy's", at_most(0.9, "HAProxy")),)),
    Hits("m", "TLS hit, 64 KB", size=SIZES["64 KB"], tls=True, by_wrk=False, with_bare_loop=False,
         bars=(("with TLS and 64 KB, CPU at most 0.95 × HAProxy's", at_most(0.95, "HAProxy")),)),
    Hits("m", "TLS hit, 1.3 MB", size=SIZES["1.3 MB"], tls=True, by_wrk=False, with_bare_loop=False,
         bars=(("with TLS and 1.3 MB, CPU at most 0.95 × HAProxy's", at_most(0.95, "HAProxy")),)),
    Hits("n", "hit, 1.3 MB", size=SIZES["1.3 MB"], by_wrk=False, with_bare_loop=False,
         bars=(("CPU at most nginx's", at_most(1.0, "nginx")),)),
    Hits("o", "hit, 64 KB, gzip", size=SIZES["64 KB"], fields=(("Accept-Encoding", "gzip"),), compressed=True, with_bare_loop=False,
         bars=(("CPU at most 0.1 × HAProxy's", at_most(0.1, "HAProxy")),)),
    KeyedHits("p", "hit, 208 B, with an API key", bars=(
        ("CPU at most 1.05 × that of a hit without one", at_most(1.05, "without a key")),)),
    ConcurrentMisses("q", "miss, 1 KB, stored, 64 at once", size=SIZES["1 KB"], bars=(
        ("p99 no worse than nginx's", at_most(1.0, "nginx", "p99_ms")),)),
    DisturbedHits("r", "hit, 208 B, beside misses, purges and evictions", bars=(
        ("p99 no worse than nginx's", at_most(1.0, "nginx", "p99_ms")),)),
]
