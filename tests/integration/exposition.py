"""Reads Prometheus' text exposition format, version 0.0.4, more strictly than Prometheus does: whatever could be meant in two
ways, or would be dropped without a word, is an AssertionError here.
"""
import math
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
HELP = re.compile(rf"# HELP ({NAME}) (\S.*)")
TYPE = re.compile(rf"# TYPE ({NAME}) (counter|gauge|histogram)")
SAMPLE = re.compile(rf"({NAME})(?:\{{(.+)\}})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,(?!$)|$)')
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?|[+-]Inf|NaN")


class Exposition:
    """`types` by family name; `samples` by (name, frozenset of its labels)."""

    def __init__(self, text):
        assert text.endswith("\n") and "\r" not in text, "lines end with \\n"
        self.types = {}
        self.samples = {}
        family = helped = None
        for line in text[:-1].split("\n"):
            if match := HELP.fullmatch(line):
                helped = match[1]
                assert helped not in self.types, f"described twice: {line}"
            elif match := TYPE.fullmatch(line):
                family = match[1]
                assert family == helped and family not in self.types, line
                self.types[family] = match[2]
                assert family.endswith("_total") == (match[2] == "counter"), line
            else:
                match = SAMPLE.fullmatch(line)
                assert match, f"neither a comment nor a sample: {line!r}"
                assert self.belongs(match[1], family), f"{line} is not of {family}"
                key = match[1], frozenset(labels(match[2] or "").items())
                assert key not in self.samples, f"twice: {line}"
                assert NUMBER.fullmatch(match[3]), line
                self.samples[key] = float(match[3].replace("Inf", "inf"))
        for name, kind in self.types.items():
            if kind == "histogram":
                self.check_histogram(name)
            if kind == "counter":
                whole = name != "process_cpu_seconds_total"
                assert all(value >= 0 and (value == int(value) or not whole) for value in self.of(name).values()), name

    def belongs(self, name, family):
        endings = ("_bucket", "_sum", "_count") if self.types.get(family) == "histogram" else ("",)
        return name in [family + ending for ending in endings]

    def check_histogram(self, name):
        rows = {}
        for labeled, value in self.of(name + "_bucket").items():
            rest = frozenset((label, text) for label, text in labeled if label != "le")
            rows.setdefault(rest, []).append((float(dict(labeled)["le"].replace("Inf", "inf")), value))
        counts, sums = self.of(name + "_count"), self.of(name + "_sum")
        assert rows and rows.keys() == counts.keys() == sums.keys(), name
        for rest, buckets in rows.items():
            assert buckets == sorted(buckets), f"{name}: bounds ascend, and each count includes those before"
            values = [value for _, value in buckets]
            assert values == sorted(values), (name, rest, values)
            assert buckets[-1] == (math.inf, counts[rest]), (name, rest, "the last bucket is all")
            assert sums[rest] >= 0 and (counts[rest] > 0 or sums[rest] == 0), (name, rest)

    def of(self, name):
        """The samples of a name, by their labels."""
        return {labeled: value for (sample, labeled), value in self.samples.items() if sample == name}

    def get(self, name, **wanted):
        """The one sample of this name with exactly these labels."""
        return self.samples["roktcached_" + name, frozenset(wanted.items())]

    def sum(self, name, **wanted):
        """Of all samples of this name that have these labels and maybe others."""
        return sum(value for labeled, value in self.of("roktcached_" + name).items() if wanted.items() <= dict(labeled).items())

    def by(self, label, name):
        """Sums of the samples of this name by one label, without zeros."""
        sums = {}
        for labeled, value in self.of("roktcached_" + name).items():
            text = dict(labeled)[label]
            sums[text] = sums.get(text, 0) + value
        return {text: value for text, value in sums.items() if value}

    def counters(self):
        """What may only grow: counters, and the counts and sums of histograms."""
        kinds = {name: kind for name, kind in self.types.items() if kind != "gauge"}
        return {key: value for key, value in self.samples.items() if any(self.belongs(key[0], name) for name in kinds)}


def labels(text):
    found = {}
    while text:
        match = LABEL.match(text)
        assert match and match[1] not in found, text
        found[match[1]] = re.sub(r"\\(.)", lambda escaped: "\n" if escaped[1] == "n" else escaped[1], match[2])
        text = text[match.end():]
    return found
