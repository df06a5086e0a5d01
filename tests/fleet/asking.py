"""Instances that are asked all the time, while something is done to them: each reply is looked at."""
import contextlib
import http.client
import itertools
import threading

from daemons import wait_until


class Load:
    """Asks each instance without a pause. `target(number, count)` is what is asked of which, and the how many-th it is."""

    def __init__(self, case, members, target):
        self.case, self.members, self.target = case, members, target
        self.spared = set()  # those that are about to be restarted
        self.busy = [threading.Lock() for _ in members]
        self.replies = [0 for _ in members]
        self.wrong = []
        self.longest = 0  # seconds that a reply has taken
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.ask, args=(number,)) for number in range(len(members))]
        for thread in self.threads:
            thread.start()

    def ask(self, number):
        for count in itertools.count():
            if self.ended.wait(0.002):
                return
            with self.busy[number]:
                if number in self.spared:
                    continue
                target = self.target(number, count)
                try:
                    reply, took = self.case.timed(self.members[number], target)
                    self.case.expect_own(self.case.origin, target, reply)
                    self.longest = max(self.longest, took)
                    self.replies[number] += 1
                except (AssertionError, OSError, http.client.HTTPException) as wrong:
                    self.wrong.append((number, wrong))

    @contextlib.contextmanager
    def without(self, number):
        with self.busy[number]:
            self.spared.add(number)
        yield
        self.spared.discard(number)

    def go_on(self, count=20):
        """Until all that are not spared have been answered so often again."""
        enough = {number: replies + count for number, replies in enumerate(self.replies) if number not in self.spared}
        wait_until(lambda: all(self.replies[number] >= least for number, least in enough.items()), "all are answered")

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()
