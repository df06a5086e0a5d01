"""Reads PromQL just far enough to hold it against the metrics that a daemon has: the names and labels that stand in it."""
import json
import re

STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
SELECTOR = re.compile(r"\b((?:roktcached_\w+|process_\w+|up)\b)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*")\s*(?:,|$)\s*')
GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
TARGET_LABELS = {"job", "instance"}  # Prometheus' own, of the scrape
OPEN_LABELS = {"code", "route", "credential", "version", "client"}  # whose values depend on what is asked and configured


def mistakes_of(query, exposition):
    """What stands in a query, and not in /metrics: metrics, labels, and values of labels that have few."""
    known = {}
    for name, labeled in exposition.samples:
        for label, value in labeled:
            known.setdefault(name, {}).setdefault(label, set()).add(value)
        known.setdefault(name, {})
    known["up"] = {}
    used = set()
    for name, matchers in SELECTOR.findall(query):
        if name not in known:
            yield f"there is no metric {name}"
            continue
        used |= known[name].keys()
        if MATCHER.sub("", matchers).strip():
            yield f"not understood: {{{matchers}}}"
        for label, operator, text in MATCHER.findall(matchers):
            if label in TARGET_LABELS:
                continue
            if label not in known[name]:
                yield f"{name} has no label {label}"
            elif label not in OPEN_LABELS:
                values = json.loads(text).split("|") if "~" in operator else [json.loads(text)]
                yield from (f"{name} has no {label}=\"{value}\"" for value in values if value not in known[name][label])
    for names in GROUPING.findall(STRING.sub("", query)):
        yield from (f"no metric of the query has a label {label}" for label in re.findall(r"\w+", names) if label not in used | TARGET_LABELS)


def queries_of_rules(text):
    """(alert, query) of a rule file."""
    for name, inline, block in re.findall(r"- alert: (\w+)\n +expr: (?:\|\n((?: {10}.*\n)+)|(.*)\n)", text):
        yield name, inline or block


def queries_of_dashboard(dashboard):
    """(where, query) of a Grafana dashboard: its panels, annotations and variables."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]
    for variable in dashboard["templating"]["list"]:
        if values := re.fullmatch(r"label_values\((.*), (\w+)\)", variable.get("definition", "")):
            yield variable["name"], f"count by ({values[2]}) ({values[1]})"


def as_grafana_asks(query):
    """With the variables replaced, as Grafana does before it asks Prometheus."""
    for name, text in (("$__rate_interval", "1m"), ("$__range", "1h"), ("$instance", ".+")):
        query = query.replace(name, text)
    return query
