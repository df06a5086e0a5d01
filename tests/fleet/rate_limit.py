"""The learned rate of an instance alone, as server/upstream/limit/rate_limit.cpp has it: what the budget's script has to agree with.

Only the curve: tokens are the script's own, since there they are a time (GCRA). Times are seconds.
"""
LOWEST_RATE = 1 / 60
DEEPEST, SHALLOWEST = 0.5, 0.03
PRICE_OF_429 = 220


def curve_length(depth):
    return 2.5 / depth


class RateLimit:
    def __init__(self, ceiling, burst):
        self.ceiling, self.most = ceiling, burst
        self.rate, self.burst = ceiling, burst
        self.learned, self.depth = False, DEEPEST
        self.target = self.span = self.progress = self.debt = self.accepted = 0
        self.limited_at = None
        self.cut_at = float("-inf")
        self.cuts = 0

    def on_success(self, saturated=True):
        if self.limited_at is None:
            return
        self.accepted += 1
        credit = min(1, 25 / self.rate) + 1 / (3 * self.rate)
        self.burst = min(self.burst + credit / 200, self.most)
        if not saturated or not self.learned:
            return
        self.progress += credit
        self.debt = max(self.debt - credit, 0)
        length = curve_length(self.depth)
        if self.debt > 0:
            self.progress = min(self.progress, length)
        x = self.progress / length - 1
        self.rate = min(max(self.target + self.span * x ** 3, self.rate), self.ceiling)

    def on_limited(self, sent_at, now):
        if sent_at >= self.cut_at:
            self.cut(sent_at)
            self.cut_at, self.burst = now, 1
        self.limited_at = sent_at if self.limited_at is None else max(self.limited_at, sent_at)
        self.accepted = 0

    def cut(self, sent_at):
        if self.learned:
            if self.accepted < curve_length(self.depth) / 4:
                self.depth = min(self.depth * 2, DEEPEST)
            elif self.progress >= curve_length(self.depth) / 2:
                self.depth = max(self.depth / 3, SHALLOWEST)
        self.target = self.rate * (1 - self.depth / 2)
        if self.limited_at is not None and self.accepted >= 20 and sent_at > self.limited_at:
            throughput = self.accepted / (sent_at - self.limited_at)
            self.target = min(max(throughput, self.rate * (1 - 1.15 * self.depth)), self.target)
        self.span = self.target * self.depth
        self.rate = min(max(self.target - self.span, LOWEST_RATE), self.ceiling)
        self.progress = 0
        self.debt = min(self.debt + PRICE_OF_429, 1.5 * PRICE_OF_429) if self.depth <= 2 * SHALLOWEST else 0
        self.learned = True
        self.cuts += 1
