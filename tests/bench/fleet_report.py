"""The figures of fleet.py, each with its bar, and what is common to its rows."""
import dataclasses
import math


@dataclasses.dataclass
class Figure:
    row: str
    what: str
    value: float
    unit: str
    bar: str
    holds: bool
    is_promise: bool  # it holds however slow the machine is


class Report:
    def __init__(self):
        self.figures = []
        self.measured = {}  # what the simulation is calibrated by

    def add(self, row, what, value, unit="", most=None, least=None, promise=False):
        """A figure; `most` and `least` are its bar. A promise holds however slow the machine is."""
        bars = [f"exactly {most:g}"] if most is not None and most == least else [f"{word} {bar:g}" for word, bar in (("at least", least), ("at most", most)) if bar is not None]
        holds = (most is None or value <= most) and (least is None or value >= least)
        self.figures.append(Figure(row, what, value, unit, " and ".join(bars), holds, promise))
        shown = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
        verdict = "" if not bars else "  holds" if holds else "  MISSED"
        print(f"{row:<12} {what:<58} {shown:>9} {unit:<4} {self.figures[-1].bar:<14}{verdict}", flush=True)

    @property
    def missed(self):
        return [figure for figure in self.figures if not figure.holds]


def percentile(values, share):
    """NaN-free: nothing measured is infinite, so that it misses every bar."""
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)] if values else math.inf


def bad(answers, names):
    """How many are no answer to their own key, and one of them to look at."""
    wrong = [answer for answer, name in zip(answers, names) if isinstance(answer, BaseException) or not answer.is_of(name)]
    if wrong:
        first = wrong[0]
        print(f"   {len(wrong)} wrong, for one {first if isinstance(first, BaseException) else (first.status, first.fields.get('cache-status'), first.body[:200])!r}")
    return len(wrong)
