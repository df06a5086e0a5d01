"""Requests that differ in one thing: every route's base request, and what each of its parts may be instead."""
import dataclasses
import itertools

from harness import request

ACCOUNT = "/reporting/accounts/{account}"
CAMPAIGN = ACCOUNT + "/campaigns/{campaign}"
METADATA = "/metadata/accounts/{account}/campaigns"
# The Rokt API's routes for reports, with values of their groupby.
REPORTS = {
    ACCOUNT + "/campaigns/breakdown": ("country", "partner-source"),
    ACCOUNT + "/summary": None,
    ACCOUNT + "/transactions/overview": None,
    ACCOUNT + "/transactions/breakdown": ("age", "placement"),
    CAMPAIGN + "/overview": None,
    CAMPAIGN + "/breakdown": ("creative", "audience"),
    CAMPAIGN + "/histogram": None,
    CAMPAIGN + "/creatives/{creative}/overview": None,
    CAMPAIGN + "/creatives/{creative}/breakdown": ("audience",),
}
METADATAS = (
    METADATA + "/{campaign}",
    METADATA + "/{campaign}/audiences/{audience}",
    METADATA + "/{campaign}/creatives/{creative}",
)
# Routes that an operator may add.
OPERATORS_REPORTS = {ACCOUNT + "/campaigns/overview": ("page", "brand")}
OPERATORS_METADATAS = (METADATA,)

# What a request may differ in, in its spellings; the first is the base request's, None leaves it out.
IDS = {"account": ("12", "13", "112", "012"), "campaign": ("3", "4", "12"), "creative": ("2", "3"), "audience": ("1", "2")}
DATES = ("{}", "{}T00:00:00", "{}T00:00:00.5")
PARAMETERS = {
    "dateStart": tuple(date.format("2025-03-02") for date in DATES) + ("2025-03-01",),
    "dateEnd": tuple(date.format("2025-03-02") for date in DATES) + ("2025-03-03",),
    "currency": ("USD", "EUR", "AUD"),
    "timeZoneVariation": ("America/New_York", "Pacific/Honolulu", "US/Eastern"),
}
UNKNOWN = (None, "x", "x=", "x=1", "X=1")
RESERVED = ("x=a/b", "x=a%252Fb", "x=a+b", "x=a%2Bb", "x=a%20b", "x=a&b", "x=a%26b", "x=a&b=", "x=a%26b%3D")
VERSIONS = (None, "alpha-20200701", "alpha-20210101", "latest")
HTTP_FIELDS = {
    "rokt-version": VERSIONS,
    "Accept-Language": (None, "de", "de-CH", "de, en"),
    "Accept": (None, "text/html", "application/json", "text/html, application/json"),
    "X-Custom": (None, "1", "2", "1, 2"),
    "Authorization": (None, "Basic YTpi", "Basic Yzpk"),
}
HTTP_PATHS = ("/files/a", "/files/A", "/files/%61", "/files/a%2Fb", "/files/a/b", "/files/a%2fb", "/copies/a", "/shared/a")
HTTP_QUERIES = (("a=1", "b=2"), ("b=2", "a=1"), ("%61=1", "b=2"), ("a=1",), ("a=1", "b="), ("a=1", "b"), ("a=1", "b=2", "b=2"))


@dataclasses.dataclass(frozen=True)
class Ask:
    """One request. `pair` makes its keys new: no other pair has asked for them."""

    path: str
    parameters: tuple = ()
    fields: tuple = ()  # of name and value
    pair: str = ""

    def of(self, pair):
        return dataclasses.replace(self, pair=f"pair={pair}")

    def send(self, port, method="GET", **more):
        text = "&".join(part for part in (*self.parameters, self.pair) if part)
        return request(port, self.path + (f"?{text}" if text else ""), method, {**dict(self.fields), **more})


def base(template, report=True):
    ids = {name: spellings[0] for name, spellings in IDS.items()}
    names = PARAMETERS if report else ()
    return Ask(template.format(**ids), tuple(f"{name}={PARAMETERS[name][0]}" for name in names))


def with_parameter(ask, name, text):
    """`ask` with `text` in the place of its parameter of that name, or behind those it has; None: without it."""
    names = [part.split("=")[0] for part in ask.parameters]
    place = names.index(name) if name in names else len(names)
    new = () if text is None else (text,)
    return dataclasses.replace(ask, parameters=ask.parameters[:place] + new + ask.parameters[place + 1:])


def with_field(ask, name, value):
    return dataclasses.replace(ask, fields=((name, value),) if value is not None else ())


def cached_alternatives(template, report, groupby):
    """Lists of requests, any two of which differ in one thing."""
    ask = base(template, report)
    ids = {name: spellings[0] for name, spellings in IDS.items()}
    for name in IDS:
        if "{" + name + "}" in template:
            yield [dataclasses.replace(ask, path=template.format(**{**ids, name: spelling})) for spelling in IDS[name]]
    if report:
        for name, spellings in PARAMETERS.items():
            yield [with_parameter(ask, name, f"{name}={spelling}") for spelling in spellings]
    if groupby:
        yield [ask] + [with_parameter(ask, "groupby", f"groupby={value}") for value in groupby]
    yield [with_parameter(ask, "x", text) for text in UNKNOWN]
    yield [with_field(ask, "rokt-version", version) for version in VERSIONS]


def http_alternatives():
    yield [Ask(path) for path in HTTP_PATHS]
    yield [Ask("/files/a", parameters) for parameters in HTTP_QUERIES]
    for path in ("/files/a", "/shared/a"):
        for name, values in HTTP_FIELDS.items():
            if path == "/files/a" or name != "Authorization":  # the shared token takes its place
                yield [with_field(Ask(path), name, value) for value in values]


def pairs_among(alternatives):
    return [pair for asks in alternatives for pair in itertools.combinations(asks, 2)]


def cached_pairs(reports, metadatas):
    routes = [(template, True, groupby) for template, groupby in reports.items()]
    routes += [(template, False, None) for template in metadatas]
    pairs = [pair for route in routes for pair in pairs_among(cached_alternatives(*route))]
    # One query on every two routes: the tails of some paths are the same.
    pairs += pairs_among([[base(template) for template, _, _ in routes]])
    return pairs + pairs_among([[with_parameter(base(CAMPAIGN + "/overview"), "x", text) for text in RESERVED]])


def http_pairs():
    return pairs_among(http_alternatives())
