"""What must hold of every answer of a fleet, whichever instance has fetched it: the model of test_model.py.

tests/fuzz/cache_model plays one store with a clock of its own. Here several real daemons share an engine, and clocks cannot be set:
times are bounds. A request was decided on after it was sent, and an answer was fetched before the upstream got the question, so
nothing below depends on how fast the machine is. What each invariant of cache_model means across instances:

cache_model, reports            here
keys: one for all spellings     `own`: an answer is of the very question, byte for byte what the upstream has sent, by whichever way it came
decision by age and wishes      `wishes`: no hit is older than its state and the client's Cache-Control allow, counted from its fetch by
                                whichever instance; `no-cache` gets nothing that another instance has had before
what stands: age and ttl        `age`: Age says no less, and ttl no more, than the time since that fetch leaves
lifetimes by state              in `wishes`: open, settled, metadata, negative. Restating ones double over hours: no meaning here
what is kept                    `shared`: what one has stored, the others do not fetch while it is fresh, and nothing older takes its
                                place; a 404 takes no report's place
304: confirmed, unasked         in all: a confirmation counts as a fetch of what it confirms. Unasked: the upstream sends none
stand-ins and failures          `wishes`: stale-if-error no longer than allowed; `failures`: none without one of the upstream's
purges, hard and soft           `purges`: nothing whose fetch began before a purge, on an instance that has confirmed it, nor on any
                                once all have; after a soft one it is stale. What was under way at a purge lands nowhere
one answer stands a key         `forward`: an instance never goes back to an answer that ended before the one that it has stored began,
                                unless it has done a purge in between, which takes both where it was away
a clock that is set             no meaning: the clocks of real daemons cannot be set
requests                        `calls`: one call a key at a time while all are together; none for a fresh hit or only-if-cached

cache_model, http routes        not shared, but ended by writes: in `purges`, a write is a hard purge of its target. Hits, max-age and
                                wishes as above. Vary, Date and heuristics: no meaning across instances
"""
import bisect
import collections
import dataclasses
import math
import re

from model_origin import TRUE_FOR, account_of, campaign_of, key_of

ROUNDING = 0.01  # seconds: the daemon's times are whole milliseconds
LEASE = 2.0
REMEMBERED = 15.0  # seconds after which a failure is certainly no longer told of


class Violation(AssertionError):
    pass


@dataclasses.dataclass
class Policy:
    """The daemon's settings, in seconds."""

    settled: float = 2.5
    open: float = 0.9
    metadata: float = 1.5
    negative: float = 0.6
    while_revalidate: float = 0.6
    if_error: float = 3.0
    refetch: float = 0.0


@dataclasses.dataclass
class Get:
    instance: int
    key: tuple
    wish: str  # its Cache-Control
    cause: str
    sent: float
    done: float = 0.0
    status: int = 0  # 0: no answer
    cache: str = ""
    age: int = None
    body: bytes = dataclasses.field(default=b"", repr=False)
    memory: int = 0  # how often its instance has lost what it had: a kill loses what is not written yet
    excused: bool = False  # its instance was killed meanwhile
    error: str = ""

    @property
    def hit(self):
        return self.cache.startswith("roktcached; hit")

    @property
    def stored(self):
        return self.hit or "; stored" in self.cache

    @property
    def stands_in(self):
        return "detail=stale-if-error" in self.cache

    @property
    def ttl(self):
        found = re.search(r"; ttl=(-?\d+)", self.cache)
        return int(found[1]) if found else None


@dataclasses.dataclass
class Purge:
    """Also a write on an http route, which ends its target: then `begun` is when the upstream got it."""

    what: dict
    soft: bool
    instance: int
    begun: float
    done: float = float("inf")
    confirmed: int = 0
    instances: int = 0
    told: bool = False  # it was answered
    at: dict = dataclasses.field(default_factory=dict)  # from when on each instance has certainly done it
    lost: set = dataclasses.field(default_factory=set)  # instances for which the engine has lost it: they have made all stale

    def selects(self, key):
        what = self.what
        if "target" in what:
            return key[:2] == key_of(what["target"])[:2]
        if "route" in what:
            return route_of(key) == what["route"]
        if "account" in what:
            return account_of(key) == what["account"] and what.get("campaign", campaign_of(key)) == campaign_of(key)
        return True


def route_of(key):
    if not key[2]:
        return "files"
    if key[0].startswith("/metadata"):
        return "campaign-metadata"
    return "campaign-overview" if key[0].endswith("/overview") else "account-summary"


class Model:
    def __init__(self, origin, policy):
        self.origin = origin
        self.policy = policy
        self.purges = []
        self.sent_at = {}  # of clients' requests, by cause
        self.asked = {}  # the requests themselves, by cause
        self.had = {}  # by number of an answer: when it had certainly landed
        self.upset_at = 0.0  # when the engine was emptied or has begun to lie: what has landed before may be gone
        self.stored = collections.defaultdict(list)  # by instance, memory and key: (done, begin of the answer, of use until), in order of done
        self.tally = collections.Counter()

    # What is known of an answer.

    def lifetime(self, key, status):
        policy = self.policy
        if not key[2]:
            return TRUE_FOR
        if status == 404:
            return policy.negative
        if key[0].startswith("/metadata"):
            return policy.metadata
        return policy.open if self.is_open(key) else policy.settled

    @staticmethod
    def is_open(key):
        return any(name == "dateEnd" and value > "2099" for name, value in key[1])

    def fetches(self, call, before):
        """The call that brought the answer, and those that confirmed it, as far as they had begun."""
        return [call] + [other for other in list(self.origin.confirmed[call.number]) if other.begun < before]

    def tell(self, get, rule, sentence):
        raise Violation(f"{rule}: {sentence}\n  {get}\n  {get.body[-250:]}")

    # The invariants.

    def check(self, gets, purges):
        """Of all that was done at once."""
        self.purges += purges
        for get in gets:
            self.sent_at[get.cause] = get.sent
            self.asked[get.cause] = get
        for get in sorted(gets, key=lambda get: get.sent):
            self.check_get(get)
        for get in gets:
            self.learn(get)

    def check_get(self, get):
        if not get.status:
            if not get.excused:
                self.tell(get, "failures", "no answer")
            return
        own = re.search(rb'"number": (\d+),', get.body)
        if not own:
            return self.check_refusal(get)
        call = self.check_own(get, int(own[1]))
        if call.status not in (200, 404) or "; detail=status" in get.cache:
            if get.hit:
                self.tell(get, "wishes", "an error is no hit")
            return None
        fetches = self.fetches(call, get.done)
        latest = max(fetch.begun for fetch in fetches)
        self.check_age(get, call, fetches, latest)
        self.check_wishes(get, call, fetches, latest)
        self.check_purges(get, latest)
        return self.check_forward(get, fetches)

    def check_own(self, get, number):
        call = self.origin.calls[number - 1] if 0 < number <= len(self.origin.calls) else None
        if not call or call.key != get.key:
            self.tell(get, "own", f"it is the answer to {call and call.key}")
        if call.body != get.body:
            self.tell(get, "own", f"not what the upstream has sent: {call.body[:200]}")
        if get.status != call.status:
            self.tell(get, "own", f"the upstream has said {call.status}")
        self.tally["answers by hit" if get.hit else "answers by the fleet" if "detail=fleet" in get.cache else "other answers"] += 1
        return call

    def check_refusal(self, get):
        """An answer of the proxy's own."""
        if get.wish == "only-if-cached" and get.status == 504:
            self.tally["refusals"] += 1
            return
        # Of any key: a circuit stands between the daemon and an upstream that fails.
        failed = [call for call in self.origin.calls if call.status in (0, 503) and call.begun > get.sent - REMEMBERED and call.ended < get.done]
        if not failed and not get.excused:
            self.tell(get, "failures", f"none of the upstream's: {get.body[:300]}")
        self.tally["failures"] += 1

    def check_age(self, get, call, fetches, latest):
        since = get.sent - latest
        if get.age is not None and get.age < math.floor(since - ROUNDING):
            self.tell(get, "age", f"fetched {since:.3f} s before it was asked for")
        asked = self.sent_at.get(call.cause)
        slack = ROUNDING if get.key[2] else 1  # on http routes it is counted from Date, which knows whole seconds
        if get.age is not None and asked and len(fetches) == 1 and get.age > get.done - asked + slack:
            self.tell(get, "age", f"asked for {get.done - asked:.3f} s before it was there")
        lifetime = self.lifetime(get.key, call.status)
        if get.ttl is not None and get.ttl > math.ceil(lifetime - since + ROUNDING):
            self.tell(get, "age", f"fetched {since:.3f} s before, it lives {lifetime} s")

    def check_wishes(self, get, call, fetches, latest):
        since, policy = get.sent - latest - ROUNDING, self.policy
        lifetime = self.lifetime(get.key, call.status)
        report = bool(get.key[2])
        stale = policy.while_revalidate if report and call.status == 200 and not self.is_open(get.key) else 0
        if get.hit:
            limit = lifetime + stale
            moments_ago = min(lifetime, policy.refetch) if report else 0
            wish, _, seconds = get.wish.partition("=")
            if wish in ("no-cache", "no-store, no-cache"):
                limit = moments_ago
            elif wish == "max-age":
                limit = max(min(float(seconds), limit), moments_ago)
            elif wish == "min-fresh":
                limit = max(lifetime - float(seconds), moments_ago)
            elif wish == "max-stale":
                limit = lifetime + (min(float(seconds), policy.if_error) if call.status == 200 or not report else 0)
            if since > limit:
                self.tell(get, "wishes", f"fetched {since:.3f} s before, allowed are {limit:.3f} s")
            self.tally[f"hits with {wish or 'no wish'}"] += 1
        elif get.stands_in:
            if since > lifetime + policy.if_error:
                self.tell(get, "wishes", f"stands in {since:.3f} s after its fetch")
            self.tally["stand-ins"] += 1
        else:
            self.check_fetched(get, since > lifetime, fetches)

    def check_fetched(self, get, was_stale, fetches):
        """It comes from a fetch that was under way when it was asked for, or later, or was fresh. `had` says of which it is certain
        that they had landed by then."""
        had = self.had.get(fetches[0].number, float("inf"))
        certain = had < get.sent and all(fetch.begun < had and fetch.ended < had for fetch in fetches)
        if certain and was_stale:
            self.tell(get, "wishes", "another instance's answer was stale when it was asked for")
        if certain and "no-cache" in get.wish:
            self.tell(get, "wishes", f"it was there {get.sent - had:.3f} s before somebody asked for a new one")
        if "detail=fleet" in get.cache:
            self.check_latest(get, max(fetch.ended for fetch in fetches))

    def check_latest(self, get, ended):
        """A late answer takes no newer one's place in the engine."""
        for other in reversed(self.origin.of_key[get.key]):
            had, asked = self.had.get(other.number, float("inf")), self.asked.get(other.cause)
            if other.begun <= ended:
                break
            if other.status == 200 and self.upset_at < had < get.sent and asked and get.done < asked.sent + self.lifetime(get.key, 200):
                self.tell(get, "shared", f"{other} had landed, and is fresh")

    def check_purges(self, get, latest):
        for purge in self.purges:
            if latest >= purge.begun or get.sent < purge.at.get(get.instance, float("inf")) or not purge.selects(get.key):
                continue
            self.tally["answers of before a purge, looked at"] += 1
            if not purge.soft and get.instance not in purge.lost:
                self.tell(get, "purges", f"fetched {purge.begun - latest:.3f} s before {purge}")
            since = get.sent - purge.at[get.instance] - ROUNDING
            stale_hit = get.hit and get.ttl <= 0 and (since <= self.policy.while_revalidate or get.wish.startswith("max-stale"))
            if not stale_hit and not get.stands_in:
                self.tell(get, "purges", f"fetched {purge.begun - latest:.3f} s before {purge}, and not stale, or for too long")

    def check_forward(self, get, fetches):
        mine = self.stored[get.instance, get.memory, get.key]
        ended = max(fetch.ended for fetch in fetches)
        for done, begun, until in mine[:bisect.bisect_left(mine, get.sent, key=lambda one: one[0])]:
            if ended < begun and get.done < until and not self.purged_late(get, done):
                self.tell(get, "forward", f"it ended {begun - ended:.3f} s before that began which is stored here")

    def purged_late(self, get, stored_at):
        """Who does a purge late, after it was away, loses what it has fetched since; what others have fetched since the purge will do."""
        return any(purge.begun <= get.done and purge.at.get(get.instance, float("inf")) >= stored_at and purge.selects(get.key) for purge in self.purges)

    def learn(self, get):
        own = re.search(rb'"number": (\d+),', get.body)
        call = self.origin.calls[int(own[1]) - 1] if own and get.status in (200, 404) else None
        if not call:
            return
        asked = self.asked.get(call.cause)
        if "detail=fleet" in get.cache or (get.hit and asked and asked.instance != get.instance):
            self.had[call.number] = min(get.done, self.had.get(call.number, float("inf")))
        if get.stored:
            stale = self.policy.if_error if get.key[2] and call.status == 200 else 0
            until = call.begun + self.lifetime(get.key, call.status) + stale - ROUNDING
            bisect.insort(self.stored[get.instance, get.memory, get.key], (get.done, call.begun, until))

    def purged_between(self, key, begin, end):
        return any(purge.begun <= end and purge.done >= begin and purge.selects(key) for purge in self.purges)

    # Of calls.

    def check_calls(self, calls, calm_since):
        """`calm_since`: from then on all instances have been together, and none was alone; None: they were not."""
        for call in calls:
            get = self.asked.get(call.cause)
            if get and get.wish == "only-if-cached":
                self.tell(get, "calls", f"it has caused {call}")
            if get and get.hit and get.ttl > 0 and call.key[2]:
                self.tell(get, "calls", f"a fresh hit has caused {call}")
            if calm_since is not None and call.key[2] and call.begun > calm_since:
                self.check_alone(call, calm_since)
                self.check_shared(call, calm_since)

    def check_alone(self, call, calm_since):
        """Nobody else's fetch of the key was under way. Where the first has lost its lease, nobody can know it."""
        for other in reversed(self.origin.of_key[call.key]):
            if other.number >= call.number:
                continue
            if other.begun < call.begun - LEASE:
                break
            asked, mine = self.asked.get(other.cause), self.asked.get(call.cause)
            if not asked or asked.sent < calm_since or "no-store" in asked.wish or (mine and "no-store" in mine.wish):
                continue
            self.tally["calls one after the other"] += 1
            # A call may be the second of a fetch whose connection was lost: the fetch is older.
            since = min(asked.sent, mine.sent if mine else asked.sent)
            overlaps = call.begun < other.ended and call.begun < asked.sent + LEASE and other.cause != call.cause
            if overlaps and not self.purged_between(call.key, since, call.begun):
                raise Violation(f"calls: two at once:\n  {other}\n  {asked}\n  {call}\n  {mine}")

    def check_shared(self, call, calm_since):
        """Checks that no other instance could have given the answer."""
        before = [other for other in self.origin.of_key[call.key] if other.number < call.number]
        get = self.asked.get(call.cause)
        if not before or not get or get.wish:
            return
        last = before[-1]
        asked = self.asked.get(last.cause)
        if last.status != 200 or not asked or asked.sent < calm_since or not asked.stored or asked.hit or asked.done > get.sent:
            return  # or nobody knows that it was stored: behind a stale hit, for one
        fresh = call.begun < asked.sent + self.lifetime(call.key, 200)
        if fresh and not self.purged_between(call.key, asked.sent, call.begun):
            raise Violation(f"shared: fetched anew, though it was there and fresh:\n  {last}\n  {asked}\n  {call}\n  {get}")
        self.tally["calls after one that was stale"] += 1
