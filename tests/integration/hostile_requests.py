"""Requests that are malformed, ambiguous or hostile, and some that are unusual and in order: bytes in, what may come out.

Data alone; test_hostile_requests.py runs it. Where RFC 9112 leaves a strict server a choice, a case has several statuses.
"""
import dataclasses

from harness import overview

MAX_HEAD = 16 * 1024  # listen.max_head
MAX_FIELDS = 100
MAX_BODY = 64 * 1024  # listen.max_body
MAX_TRAILERS = 32

# What comes after a case's answers on its connection.
CLOSES = "closes"  # nothing behind it is run
STAYS = "stays"  # what comes next is answered
EITHER = "either"  # the server may do one or the other
EATS = "eats"  # what comes next is a part of it, and is not run

UNFINISHED = frozenset({400, 408})  # 408 where nothing comes behind it, else what comes is no continuation of it

TARGET = overview()
# A request that nobody may run, within a case's own bytes. The digits are replaced by the run's own: same length.
MARK = "mmmmmmmm"
SMUGGLED = f"GET {overview()}&marker={MARK} HTTP/1.1\r\nHost: localhost\r\n\r\n"
FORM = "grant_type=client_credentials"
LENGTH = len(FORM)


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    data: bytes
    answers: tuple  # of the statuses that each request in the data may get
    then: str
    refused: bool = False  # by the server as a whole: not by the route that it is for


def case(name, text, statuses, then, is_refused=False):
    """`statuses`: of the only answer; or a list, of one answer after the other."""
    data = text if isinstance(text, bytes) else text.encode("latin-1")
    several = statuses if isinstance(statuses, list) else [statuses]
    return Case(name, data, tuple(frozenset({one} if isinstance(one, int) else one) for one in several), then, is_refused)


def refused(name, text, statuses=400):
    return case(name, text, statuses, CLOSES, True)


def request(*lines, first=f"GET {TARGET} HTTP/1.1", host="Host: localhost", content=""):
    return "\r\n".join([first] + ([host] if host is not None else []) + list(lines)) + "\r\n\r\n" + content


def post(*lines, content="", **options):
    return request(*lines, first="POST /auth/oauth2/token HTTP/1.1", content=content, **options)


def chunked(content, *lines):
    return post("Transfer-Encoding: chunked", *lines, content=content)


def chunk(text):
    return f"{len(text):x}\r\n{text}\r\n"


def lengths():
    smuggled, whole = SMUGGLED, len(SMUGGLED)
    yield refused("length, then chunks", post(f"Content-Length: {5 + whole}", "Transfer-Encoding: chunked", content="0\r\n\r\n" + smuggled))
    yield refused("chunks, then length", post("Transfer-Encoding: chunked", f"Content-Length: {5 + whole}", content="0\r\n\r\n" + smuggled))
    yield refused("chunks and a length of zero", post("Transfer-Encoding: chunked", "Content-Length: 0", content="0\r\n\r\n" + smuggled))
    yield refused("chunks and a length of zero on GET", request("Content-Length: 0", "Transfer-Encoding: chunked", content="0\r\n\r\n" + smuggled))
    yield refused("a coding that is none and a length", post("Transfer-Encoding: identity", f"Content-Length: {whole}", content=smuggled))
    yield refused("gzip before a length", post("Transfer-Encoding: gzip", f"Content-Length: {whole}", content=smuggled))
    yield refused("two lengths, the larger first", post(f"Content-Length: {whole}", "Content-Length: 0", content=smuggled))
    yield refused("two lengths, the smaller first", post("Content-Length: 0", f"Content-Length: {whole}", content=smuggled))
    yield refused("two lengths that are equal", post(*[f"Content-Length: {LENGTH}"] * 2, content=FORM))
    yield refused("two lengths in two cases", post(f"content-length: {LENGTH}", f"CONTENT-LENGTH: {LENGTH}", content=FORM))
    yield refused("two lengths of zero on GET", request("Content-Length: 0", "Content-Length: 0"))
    yield refused("three lengths", post(*[f"Content-Length: {n}" for n in (0, 1, 2)], content=smuggled))
    yield refused("two lengths, one with zeros before it", post("Content-Length: 029", "Content-Length: 29", content=FORM))
    values = {
        "an empty": "", "a blank": "   ", "a signed": f"+{LENGTH}", "a negative": f"-{LENGTH}", "minus zero": "-0", "plus zero": "+0",
        "a hexadecimal": "0x1d", "a hexadecimal without its prefix": "1d", "a fraction": "29.0", "an exponent": "2e1",
        "a spaced": "2 9", "a tabbed": "2\t9", "a number and a word": "29 bytes", "a word": "many", "a quoted": '"29"',
        "an underscore in a": "2_9", "a semicolon behind a": "29;", "a list as": "29, 29", "a list without space as": "29,29",
        "a list of different": f"0, {whole}", "a comma behind a": "29,", "a comma before a": ",29", "only a comma as": ",",
        "a digit that is not ASCII in a": "2\xb9", "full-width digits as": "\xef\xbc\x92\xef\xbc\x99", "infinity as": "inf",
    }
    for what, value in values.items():
        yield refused(f"{what} length", post(f"Content-Length: {value}", content=FORM))
    for value in ("0, 0", "+0", "-1", "0x0", " 0 0"):
        yield refused(f"a GET whose length is {value!r}", request(f"Content-Length: {value}"))
    for value in (2**63, 2**64, 2**64 + LENGTH, 10**40):
        # Beyond 63 bits there is no number to read; RFC 9110, section 8.6, asks for no more than that overflow is prevented.
        yield refused(f"a length of {value}", post(f"Content-Length: {value}", content=FORM), {400, 413})
    for value in (MAX_BODY + 1, 2**31, 2**32, 2**32 + LENGTH, 2**63 - 1):
        yield refused(f"a length of {value}, which is too large", post(f"Content-Length: {value}", content=FORM), 413)
    yield refused("a hundred digits of zero before a length beyond all", post("Content-Length: " + "0" * 100 + "9" * 30), {400, 413})
    yield refused("content that never comes", post("Content-Length: 60000", content=FORM), 408)


def codings():
    values = {
        "xchunked": "xchunked", "chunkedx": "chunkedx", "chunk": "chunk", "chunked twice": "chunked, chunked",
        "gzip, then chunked": "gzip, chunked", "chunked, then gzip": "chunked, gzip", "identity": "identity",
        "identity, then chunked": "identity, chunked", "chunked, then identity": "chunked, identity", "gzip alone": "gzip", "deflate": "deflate",
        "compress, then chunked": "compress, chunked", "nothing": "", "a blank": " ", "a comma": ",", "a comma behind it": "chunked,",
        "a comma before it": ", chunked", "a parameter": "chunked;q=1", "an empty parameter": "chunked;", "quotes": '"chunked"',
        "single quotes": "'chunked'", "a space within": "chun ked", "two words": "chunked chunked", "VT before it": "\x0bchunked",
        "VT behind it": "chunked\x0b", "FF before it": "\x0cchunked", "FF behind it": "chunked\x0c", "NUL before it": "\x00chunked",
        "NUL behind it": "chunked\x00", "DEL behind it": "chunked\x7f", "NEL before it": "\x85chunked", "a no-break space before it": "\xa0chunked",
        "a dot before it": ".chunked", "a colon before it": ": chunked", "a letter like k": "chun\xe2\x84\xaaed", "cow": "cow", "trailers": "trailers",
    }
    for what, value in values.items():
        yield refused(f"Transfer-Encoding: {what}", post(f"Transfer-Encoding: {value}", content="0\r\n\r\n" + SMUGGLED))
    yield refused("Transfer-Encoding twice", post(*["Transfer-Encoding: chunked"] * 2, content="0\r\n\r\n" + SMUGGLED))
    yield refused("Transfer-Encoding twice, the second is none", post("Transfer-Encoding: chunked", "Transfer-Encoding: identity", content="0\r\n\r\n" + SMUGGLED))
    yield refused("Transfer-Encoding twice, the first is none", post("Transfer-Encoding: x", "Transfer-Encoding: chunked", content="0\r\n\r\n" + SMUGGLED))
    yield refused("Transfer-Encoding twice, the first is empty", post("Transfer-Encoding:", "Transfer-Encoding: chunked", content="0\r\n\r\n" + SMUGGLED))
    yield refused("Transfer-Encoding in two cases", post("transfer-encoding: chunked", "TRANSFER-ENCODING: chunked", content="0\r\n\r\n" + SMUGGLED))
    yield refused("Transfer-Encoding folded", post("Transfer-Encoding:\r\n chunked", content="0\r\n\r\n" + SMUGGLED))
    yield refused("Transfer-Encoding folded with a tab", post("Transfer-Encoding: chunked,\r\n\tchunked", content="0\r\n\r\n" + SMUGGLED))
    yield refused("Transfer-Encoding in a field folded before it", post("X: y\r\n Transfer-Encoding: chunked", content="0\r\n\r\n" + SMUGGLED))
    yield refused("space before Transfer-Encoding's colon", post("Transfer-Encoding : chunked", content="0\r\n\r\n" + SMUGGLED))
    yield refused("tab before Transfer-Encoding's colon", post("Transfer-Encoding\t: chunked", content="0\r\n\r\n" + SMUGGLED))
    yield refused("NUL in Transfer-Encoding's name", post("Transfer-\x00Encoding: chunked", content="0\r\n\r\n" + SMUGGLED))
    yield refused("space before Content-Length's colon", post(f"Content-Length : {len(SMUGGLED)}", content=SMUGGLED))
    yield refused("tab before Content-Length's colon", post(f"Content-Length\t: {len(SMUGGLED)}", content=SMUGGLED))
    yield refused("Content-Length folded", post(f"Content-Length:\r\n {len(SMUGGLED)}", content=SMUGGLED))
    yield refused("Content-Length's digits folded", post("Content-Length: 2\r\n 9", content=FORM))
    old = "POST /auth/oauth2/token HTTP/1.0"
    yield refused("chunks in HTTP/1.0", request("Transfer-Encoding: chunked", first=old, content="0\r\n\r\n" + SMUGGLED))
    yield refused("chunks in HTTP/1.0 that is to be kept alive",
                  request("Connection: keep-alive", "Transfer-Encoding: chunked", first=old, content="0\r\n\r\n" + SMUGGLED))
    yield refused("chunks and a length in HTTP/1.0",
                  request("Transfer-Encoding: chunked", "Content-Length: 5", first=old, content="0\r\n\r\n" + SMUGGLED))


def line_ends():
    first = f"GET {TARGET} HTTP/1.1"
    yield refused("LF behind the request line", f"{first}\nHost: localhost\r\n\r\n")
    yield refused("LF behind a field", f"{first}\r\nHost: localhost\nX: y\r\n\r\n")
    yield refused("LF behind the last field", f"{first}\r\nHost: localhost\n\r\n")
    yield refused("LF at the end of the head", f"{first}\r\nHost: localhost\r\n\n")
    yield refused("LF at the end of the head, and a request behind", f"{first}\r\nHost: localhost\r\n\n" + SMUGGLED)
    yield refused("LF everywhere", f"{first}\nHost: localhost\n\n")
    yield refused("LF before the request line", "\n" + request())
    yield refused("LF within a value", request("X: a\nContent-Length: 5", content="hello"))
    yield refused("LF within a name", request("X\n: a"))
    yield refused("LF within the target", request(first="GET /a\nb HTTP/1.1"))
    yield refused("CR behind the request line", f"{first}\rHost: localhost\r\n\r\n")
    yield refused("CR behind a field", f"{first}\r\nHost: localhost\rX: y\r\n\r\n")
    yield refused("CR behind the last field", f"{first}\r\nHost: localhost\r\r\n\r\n")
    yield refused("CR at the end of the head", f"{first}\r\nHost: localhost\r\n\rX: y\r\n\r\n")
    yield refused("CR everywhere", f"{first}\rHost: localhost\r\r")
    yield refused("CR before the request line", "\r" + request())
    yield refused("CR within a value", request("X: a\rSet-Cookie: b=c"))
    yield refused("CR within a name", request("X\rY: a"))
    yield refused("CR within the target", request(first="GET /a\rb HTTP/1.1"))
    yield refused("CR within the method", request(first="GE\rT / HTTP/1.1"))
    yield refused("CR before the colon", request("X\r: a"))
    yield refused("CR behind the colon", request("X:\ra"))
    yield refused("LF, then CR behind a field", f"{first}\r\nHost: localhost\n\rX: y\r\n\r\n")
    yield refused("CR, then CRLF behind the request line", f"{first}\r\r\nHost: localhost\r\n\r\n")
    # At once: nothing more comes, and no timeout may be what ends it.
    yield refused("LF behind the request line, at once", f"{first}\n")
    yield refused("LF in a field, at once", f"{first}\r\nHost: localhost\n")
    yield refused("CR in a field, at once", f"{first}\r\nHost: localhost\rX")
    yield refused("NUL in a field, at once", f"{first}\r\nHost: localhost\r\nX: \x00")
    yield refused("NUL in the request line, at once", "GET /\x00")
    yield refused("a control byte in a name, at once", f"{first}\r\nHo\x01")
    yield refused("folding, at once", f"{first}\r\nHost: localhost\r\nX: y\r\n ")
    yield refused("a version that is none, at once", "GET / HTTP/2.0\r\n")


def controls():
    for byte in [*range(0x20), 0x7f]:
        if chr(byte) not in "\t\r\n":
            yield refused(f"{byte:#04x} in a value", request(f"X: a{chr(byte)}b"))
    for byte in (0x00, 0x01, 0x08, 0x09, 0x0b, 0x0c, 0x1f, 0x7f, 0x80, 0x85, 0xa0, 0xff):
        yield refused(f"{byte:#04x} in the method", request(first=f"G{chr(byte)}T {TARGET} HTTP/1.1"))
        yield refused(f"{byte:#04x} in the target", request(first=f"GET {TARGET}&x={chr(byte)} HTTP/1.1"))
        yield refused(f"{byte:#04x} in a name", request(f"X{chr(byte)}Y: z"))
        yield refused(f"{byte:#04x} in the version", request(first=f"GET {TARGET} HTTP/1.1{chr(byte)}"))
    for byte in (0x00, 0x0b, 0x0c, 0x1f, 0x7f, 0xa0):
        yield refused(f"{byte:#04x} before the colon", request(f"X{chr(byte)}: y"))
        yield refused(f"{byte:#04x} before a field", request(f"{chr(byte)}X: y"))
        yield refused(f"{byte:#04x} before the request", f"{chr(byte)}{request()}")
    for byte in (0x00, 0x0b, 0x0c, 0x7f):
        yield refused(f"{byte:#04x} behind the colon", request(f"X:{chr(byte)}y"))
        yield refused(f"{byte:#04x} at the end of a value", request(f"X: y{chr(byte)}"))


def fields():
    yield refused("a field folded with a space", request("X: a\r\n b"))
    yield refused("a field folded with a tab", request("X: a\r\n\tb"))
    yield refused("a field folded into a length", request("X: a\r\n Content-Length: 5"))
    yield refused("a folded line of spaces", request("X: a\r\n   "))
    yield refused("a folded Host", request(host="Host:\r\n localhost"))
    yield refused("a folded line behind the request line", f"GET {TARGET} HTTP/1.1\r\n Host: localhost\r\n\r\n")
    yield refused("a space behind the request line's CRLF", f"GET {TARGET} HTTP/1.1\r\n \r\nHost: localhost\r\n\r\n")
    yield refused("a space before the colon", request("X : y"))
    yield refused("a tab before the colon", request("X\t: y"))
    yield refused("a space within a name", request("X Y: z"))
    yield refused("an empty name", request(": y"))
    yield refused("a blank name", request(" : y"))
    yield refused("no colon", request("X"))
    yield refused("no colon but an equals sign", request("X=y"))
    for byte in '"(),/;<=>?@[\\]{}':
        yield refused(f"a name with {byte}", request(f"X{byte}Y: z"))
    yield refused("a space before the Host's colon", request(host="Host : localhost"))
    yield refused("a name of obs-text", request("\xe9: y"))


def request_lines():
    for version in ("HTTP/2.0", "HTTP/2", "HTTP/3", "HTTP/1.10", "HTTP/1.11", "HTTP/01.1", "HTTP/1.01", "http/1.1", "Http/1.1",
                    "HTTP/1.", "HTTP/.1", "HTTP/11", "HTTP/9.9", "HTTP/0.9", "HTTP/1", "HTTP/", "HTTP", "HTTP/1,1", "HTTP/1.1.1", "HTTP/-1.1",
                    "HTTP/1.1x", "HTTP /1.1", "HTTP/ 1.1", "HTTP/1 .1", "HTTPS/1.1", "HTP/1.1", "SHTTP/1.1", "ICY/1.1", "1.1", "HTTP/1.\xb9"):
        yield refused(f"version {version}", request(first=f"GET {TARGET} {version}"))
    lines = {
        "no version": "GET /", "no version but its space": "GET / ", "only a method": "GET", "only a method and a space": "GET ",
        "no method": f" {TARGET} HTTP/1.1", "no method, no space": f"{TARGET} HTTP/1.1", "no target": "GET HTTP/1.1",
        "an empty target": "GET  HTTP/1.1", "two spaces behind the method": f"GET  {TARGET} HTTP/1.1",
        "two spaces behind the target": f"GET {TARGET}  HTTP/1.1", "a space behind the version": f"GET {TARGET} HTTP/1.1 ",
        "a space before the method": f" GET {TARGET} HTTP/1.1",
        "a tab behind the method": f"GET\t{TARGET} HTTP/1.1", "a tab behind the target": f"GET {TARGET}\tHTTP/1.1",
        "VT between": f"GET\x0b{TARGET}\x0bHTTP/1.1", "a space in the target": "GET /a b HTTP/1.1", "two versions": f"GET {TARGET} HTTP/1.1 HTTP/1.1",
        "a quote as the method": f'"GET" {TARGET} HTTP/1.1', "a slash in the method": f"GET/ {TARGET} HTTP/1.1", "a colon in the method": f"GET: {TARGET} HTTP/1.1",
        "a bracket in the method": f"[GET] {TARGET} HTTP/1.1", "a method of 33 bytes": f"{'M' * 33} {TARGET} HTTP/1.1",
        "a method of 4,000 bytes": f"{'M' * 4000} {TARGET} HTTP/1.1", "the version first": f"HTTP/1.1 GET {TARGET}", "an answer": "HTTP/1.1 200 OK",
        "empty": "", "spaces": "   ",
    }
    for what, line in lines.items():
        if line:
            yield refused(f"request line: {what}", request(first=line))
    yield refused("HTTP/0.9, at once", "GET /\r\n")
    yield refused("HTTP/0.9 for a report, at once", f"GET {TARGET}\r\n")
    yield refused("two empty lines before the request", "\r\n\r\n" + request())
    yield refused("many empty lines before the request", "\r\n" * 500 + request())
    yield refused("a byte order mark before the request", b"\xef\xbb\xbf" + request().encode())
    yield refused("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00")
    hello = bytes.fromhex("1603010200010001fc0303") + bytes(range(256)) * 2
    yield refused("TLS", hello)
    yield refused("TLS, its first bytes", hello[:5])
    yield refused("SSH", "SSH-2.0-OpenSSH_9.2\r\n")
    yield refused("the PROXY protocol", "PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n" + request())
    yield refused("the PROXY protocol's second version", b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12) + request().encode())
    yield refused("Redis", "*1\r\n$4\r\nPING\r\n")
    yield refused("a shell's command", "() { :; }; echo\r\n\r\n")
    for method in ("FOO", "get", "Get", "TRACE", "PUT", "DELETE", "PATCH", "PROPFIND", "M" * 32, "!#$%&'*+-.^_`|~", "GETX", "POST"):
        # One that is not of RFC 9110 or 5789 another server may take for one that is.
        yield case(f"method {method}", request(first=f"{method} {TARGET} HTTP/1.1"), 405, STAYS if method in ("PUT", "DELETE", "PATCH", "POST") else CLOSES)
    yield case("a method that is none for a path that is none", request(first="get /nothing HTTP/1.1"), {404, 405}, CLOSES)
    yield case("method GET where only POST is", request(first="GET /auth/oauth2/token HTTP/1.1"), 405, EITHER)
    yield case("a PUT with content", request(f"Content-Length: {LENGTH}", first=f"PUT {TARGET} HTTP/1.1", content=FORM), 405, EITHER)
    yield case("a TRACE with content", request(f"Content-Length: {LENGTH}", first=f"TRACE {TARGET} HTTP/1.1", content=FORM), {400, 405}, CLOSES)


def targets():
    for what, target in {"no slash": "reporting", "a relative path": "./reporting", "only a query": "?a=b", "a scheme without authority": "http:/reporting",
                         "an authority": "localhost:80", "an asterisk": "*", "an asterisk and a path": "*/reporting", "a mail address": "mailto:a@b"}.items():
        yield refused(f"target: {what}", request(first=f"GET {target} HTTP/1.1"))
    yield refused("target: raw UTF-8", request(first="GET /r\xc3\xa9porting HTTP/1.1"))
    yield refused("target: raw UTF-8 in the query", request(first=f"GET {TARGET}&x=\xe2\x82\xac HTTP/1.1"))
    for what, target in {"a fragment": "/reporting#x", "only a fragment behind a slash": "/#", "a backslash": "/a\\b", "a quote": '/a"b', "angle brackets": "/<a>",
                         "a caret": "/^", "a backtick": "/`", "braces": "/{a}", "a bar": "/a|b", "a percent alone": "/%", "one hex digit": "/%4",
                         "no hex digits": "/%zz", "a percent at the end": "/a?b=%", "a half percent in the query": "/a?b=%4&c", "a bar in an API key": "/a?api_key=b|c",
                         "half a percent in an API key": "/a?api_key=%4", "a bar behind a report's": f"{TARGET}&a=b|c"}.items():
        yield refused(f"target: {what}", request(first=f"GET {target} HTTP/1.1"))
        yield refused(f"target of a HEAD: {what}", request(first=f"HEAD {target} HTTP/1.1"))
    yield refused("half a percent in an API key, asked by a page elsewhere", request("Origin: http://evil.example", first="GET /a?api_key=%4 HTTP/1.1"), {400, 403})
    yield refused("target of a POST with content: a bar", post(f"Content-Length: {LENGTH}", content=FORM).replace("/token", "/token?a=|"))
    for what, target in {"two slashes": "//evil.example/reporting", "dot segments": "/x/../../etc/passwd", "encoded dots": "/%2e%2e/%2e%2e/etc", "an encoded NUL": "/%00",
                         "an encoded line end": "/%0d%0aX:%20y"}.items():
        yield case(f"target: {what}", request(first=f"GET {target} HTTP/1.1"), {400, 404}, EITHER)
    yield refused("CONNECT", request(first="CONNECT evil.example:443 HTTP/1.1", host="Host: evil.example:443"), {400, 421})
    yield refused("CONNECT to an allowed host", request(first="CONNECT localhost:443 HTTP/1.1"))
    yield refused("CONNECT, its own Host", request(first="CONNECT localhost:443 HTTP/1.1", host="Host: localhost:443"))
    yield case("CONNECT with a path", request(first=f"CONNECT {TARGET} HTTP/1.1"), {400, 405}, EITHER)
    yield case("OPTIONS *", request(first="OPTIONS * HTTP/1.1"), 405, EITHER)
    yield refused("POST *", request("Content-Length: 0", first="POST * HTTP/1.1"))
    yield refused("HEAD *", request(first="HEAD * HTTP/1.1"))
    # RFC 9112, section 3.2.2: the server that the target names counts, and Host does not.
    for what, target, host in (("another allowed host", f"http://127.0.0.1{TARGET}", "localhost"), ("a Host that is none of ours", f"http://localhost{TARGET}", "evil.example"),
                               ("a port that Host has not", f"http://localhost:81{TARGET}", "localhost"), ("no port, and Host has one", f"http://localhost{TARGET}", "localhost:81"),
                               ("another port", f"http://localhost:82{TARGET}", "localhost:81")):
        yield case(f"absolute-form: {what}", request(first=f"GET {target} HTTP/1.1", host=f"Host: {host}"), 200, CLOSES)
    for what, host in (("another host", "localhost"), ("a host that is none of ours, twice", "evil.example")):
        yield refused(f"absolute-form: {what}", request(first=f"GET http://evil.example{TARGET} HTTP/1.1", host=f"Host: {host}"), 421)
    for what, target, host in (("a user", f"http://user@localhost{TARGET}", "localhost"),
                               ("a user and a password", f"http://user:word@localhost{TARGET}", "localhost"), ("our host as the user", f"http://localhost@evil.example{TARGET}", "localhost"),
                               ("no authority", f"http://{TARGET}", "localhost"), ("only a port", f"http://:80{TARGET}", ":80"), ("ftp", f"ftp://localhost{TARGET}", "localhost"),
                               ("https without TLS", f"https://localhost{TARGET}", "localhost"), ("ws", f"ws://localhost{TARGET}", "localhost"), ("file", f"file://localhost{TARGET}", "localhost"),
                               ("no slashes", f"http:localhost{TARGET}", "localhost"), ("a backslash", f"http:\\\\localhost{TARGET}", "localhost"),
                               ("a scheme that is empty", f"://localhost{TARGET}", "localhost"), ("a port that is none", f"http://localhost:x{TARGET}", "localhost:x"),
                               ("a host in quotes", f'http://"localhost"{TARGET}', "localhost")):
        yield refused(f"absolute-form: {what}", request(first=f"GET {target} HTTP/1.1", host=f"Host: {host}"), {400, 421} if "evil.example" in target else 400)
    yield refused("absolute-form without Host", request(first=f"GET http://localhost{TARGET} HTTP/1.1", host=None))
    yield refused("absolute-form with two Hosts", request("Host: localhost", first=f"GET http://localhost{TARGET} HTTP/1.1"))
    yield refused("absolute-form with a malformed Host", request(first=f"GET http://localhost{TARGET} HTTP/1.1", host="Host: local host"))
    yield case("absolute-form, and a request behind", request(first=f"GET http://localhost{TARGET} HTTP/1.1") + SMUGGLED, 200, CLOSES)
    yield case("absolute-form: a default port that Host has not", request(first=f"GET http://localhost:80{TARGET} HTTP/1.1"), {200, 400}, CLOSES)
    yield case("absolute-form: a scheme in upper case", request(first=f"GET HTTP://localhost{TARGET} HTTP/1.1"), {200, 400}, CLOSES)
    yield case("absolute-form: a host in another case", request(first=f"GET http://LOCALHOST{TARGET} HTTP/1.1"), {200, 400}, CLOSES)
    yield case("absolute-form: no path", request(first="GET http://localhost HTTP/1.1"), {200, 400}, CLOSES)
    yield case("absolute-form: only a query", request(first="GET http://localhost?a HTTP/1.1"), {200, 400}, CLOSES)
    yield case("absolute-form: a fragment", request(first=f"GET http://localhost{TARGET}#x HTTP/1.1"), 400, CLOSES)


def hosts():
    yield refused("no Host", request(host=None))
    yield refused("no Host but one of HTTP/1.0's friends", request("X-Forwarded-Host: localhost", host=None))
    yield refused("two Hosts", request("Host: localhost"))
    yield refused("two Hosts that differ", request("Host: evil.example"))
    yield refused("two Hosts in two cases", request("hOsT: localhost"))
    yield refused("two Hosts, one empty", request("Host:"))
    yield refused("two Hosts in HTTP/1.0", request("Host: localhost", first=f"GET {TARGET} HTTP/1.0"))
    for what, value in {"empty": "", "blank": "  ", "spaced": "local host", "tabbed": "localhost\t:80", "with a user": "user@localhost", "with a user and a password": "a:b@localhost",
                        "with a path": "localhost/", "with a query": "localhost?a", "with a fragment": "localhost#a", "a list": "localhost, localhost",
                        "a list without space": "localhost,evil.example", "with a scheme": "http://localhost", "with a backslash": "localhost\\", "in quotes": '"localhost"',
                        "in angle brackets": "<localhost>", "with obs-text": "localhost\xe9", "a port of 65536": "localhost:65536", "a port of 99999": "localhost:99999",
                        "a port of six digits": "localhost:100080", "a signed port": "localhost:+80", "a negative port": "localhost:-1", "a port that is a word": "localhost:http",
                        "a hexadecimal port": "localhost:0x50", "two ports": "localhost:80:80", "two colons": "localhost::80", "only a port": ":80", "a spaced port": "localhost: 80",
                        "IPv6 without brackets": "::1", "IPv6 without its end": "[::1", "IPv6 without its beginning": "::1]", "something behind IPv6": "[::1]x",
                        "IPv6 with a port beyond all": "[::1]:65536", "IPv6 with an empty address": "[]", "IPv6 with words": "[localhost]", "IPv6 with three colons": "[:::1]",
                        "IPv6 with two gaps": "[1::2::3]", "IPv6 with nine groups": "[1:2:3:4:5:6:7:8:9]", "IPv6 with a group of five": "[12345::1]",
                        "IPv6 in two brackets": "[[::1]]", "IPv6 before a name": "[::1]localhost", "IPv6 behind a name": "localhost[::1]", "IPv6 with a port and no colon": "[::1]80",
                        "a percent alone": "local%host", "half a percent": "local%6host"}.items():
        yield refused(f"a Host that is {what}" if what in ("empty", "blank", "spaced", "tabbed") else f"Host: {what}", request(host=f"Host: {value}"))
    for value in ("evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.2", "xn--nxasmq6b", "[::2]", "0.0.0.0", "0", "localhos"):
        yield case(f"Host: {value}, which is not served", request(host=f"Host: {value}"), 421, EITHER)
    # What a URI may have as its host and nobody has listed, or a strict reader has no room for.
    for value in ("localhost.", "loc%61lhost", "local!host", "a_b", "[::1%25eth0]", "[v1.x]", "2130706433", "127.1", "0x7f.0.0.1", "a" * 300):
        yield case(f"Host: {value[:20]}, which may be read", request(host=f"Host: {value}"), {400, 421}, EITHER)
    for value in ("localhost:", "localhost:0", "localhost:0080", "localhost:0000000080", "[0:0:0:0:0:0:0:1]"):
        yield case(f"Host: {value}, which may be served", request(host=f"Host: {value}"), {200, 400, 421}, EITHER)


def sizes():
    too_many = MAX_FIELDS + 1
    yield refused("a target beyond the head's limit", request(first=f"GET /{'x' * (MAX_HEAD + 1000)} HTTP/1.1"), 414)
    yield refused("a target without end", f"GET /{'x' * (4 * MAX_HEAD)}", 414)
    yield refused("a method without end", "M" * (2 * MAX_HEAD), {400, 414})
    yield refused("a value beyond the head's limit", request("X: " + "x" * (MAX_HEAD + 1000)), 431)
    yield refused("a value without end", request()[:-2] + "X: " + "x" * (4 * MAX_HEAD), 431)
    yield refused("a name without end", request()[:-2] + "x" * (4 * MAX_HEAD), 431)
    yield refused("a head beyond its limit", request(*[f"X{n}: {'x' * 400}" for n in range(50)]), 431)
    yield refused("white space beyond the head's limit", request("X:" + " " * (2 * MAX_HEAD) + "y"), 431)
    yield refused("one field too many", request(*[f"X{n}: y" for n in range(too_many - 1)]), 431)
    yield refused("one field too many, all of one name", request(*["X: y"] * (too_many - 1)), 431)
    yield refused("a thousand fields", request(*["X: y"] * 1000), 431)
    yield refused("a thousand empty fields", request(*["X:"] * 1000), 431)
    yield refused("a megabyte of fields without end", request()[:-2] + "X: y\r\n" * 100_000, 431)
    yield refused("a chunked content beyond its limit", chunked(chunk("x" * 0x8000) * 3 + "0\r\n\r\n"), 413)


def chunks():
    end = "0\r\n\r\n" + SMUGGLED
    for what, size in {"negative": "-1d", "signed": "+1d", "with 0x": "0x1d", "with 0X": "0X1d", "with h": "1dh", "empty": "", "a space": " ", "a word": "zz",
                       "with a space before it": " 1d", "with a space behind it": "1d ", "with a tab behind it": "1d\t", "with a space within": "1 d", "with VT behind it": "1d\x0b",
                       "with NUL behind it": "1d\x00", "with an underscore": "1_d", "with a point": "1d.0", "with a comma": "1d,", "with obs-text": "1d\xb9",
                       "of 300 digits": "0" * 298 + "1d", "with a quote": '"1d"'}.items():
        yield refused(f"a chunk size {what}", chunked(f"{size}\r\n{FORM}\r\n{end}"))
    for size in ("ffffffff", "100000000", "10000001d", "7fffffffffffffff", "ffffffffffffffff", "10000000000000000", "1000000000000001d", "f" * 40):
        yield refused(f"a chunk of {size}", chunked(f"{size}\r\n{FORM}\r\n{end}"), {400, 413})
    yield refused("a last chunk of minus zero", chunked(f"{chunk(FORM)}-0\r\n\r\n{SMUGGLED}"))
    yield refused("a last chunk of 0x0", chunked(f"{chunk(FORM)}0x0\r\n\r\n{SMUGGLED}"))
    yield refused("a last chunk with a space", chunked(f"{chunk(FORM)}0 \r\n\r\n{SMUGGLED}"))
    yield refused("a last chunk of 300 zeros", chunked(f"{chunk(FORM)}{'0' * 300}\r\n\r\n{SMUGGLED}"))
    yield refused("no CRLF behind a chunk", chunked(f"1d\r\n{FORM}{end}"))
    yield refused("LF behind a chunk", chunked(f"1d\r\n{FORM}\n{end}"))
    yield refused("CR behind a chunk", chunked(f"1d\r\n{FORM}\r{end}"))
    yield refused("two bytes that are no CRLF behind a chunk", chunked(f"1d\r\n{FORM}xx{end}"))
    yield refused("LF, then CR behind a chunk", chunked(f"1d\r\n{FORM}\n\r{end}"))
    yield refused("a chunk that is longer than its size", chunked(f"1c\r\n{FORM}\r\n{end}"))
    yield refused("a chunk that is shorter than its size", chunked(f"1e\r\n{FORM}\r\n{end}"))
    yield refused("LF behind a chunk size", chunked(f"1d\n{FORM}\r\n{end}"))
    yield refused("LF behind a chunk size, at once", chunked("1d\n"))
    yield refused("CR behind a chunk size", chunked(f"1d\r{FORM}\r\n{end}"))
    yield refused("CR, then CRLF behind a chunk size", chunked(f"1d\r\r\n{FORM}\r\n{end}"))
    yield refused("LF behind the last chunk's size", chunked(f"{chunk(FORM)}0\n\r\n{SMUGGLED}"))
    yield refused("LF at the end of the trailers", chunked(f"{chunk(FORM)}0\r\n\n{SMUGGLED}"))
    yield refused("CR at the end of the trailers", chunked(f"{chunk(FORM)}0\r\n\r{SMUGGLED}"))
    yield refused("an empty line before the first chunk", chunked(f"\r\n{chunk(FORM)}{end}"))
    yield refused("a chunk that never comes", chunked("1d\r\ngrant"), UNFINISHED)
    yield refused("a last chunk that never comes", chunked(chunk(FORM)), UNFINISHED)
    yield refused("trailers that never end", chunked(f"{chunk(FORM)}0\r\nX: y\r\n"), UNFINISHED)


def extensions():
    end = "0\r\n\r\n" + SMUGGLED
    for what, extension in {"without a name": ";", "with a value but no name": ";=b", "with an empty value": ";a=", "with a space in its value": ";a=b c", "with a control byte": ";a=\x01",
                            "with NUL": ";a\x00b", "with DEL": ";a=\x7f", "with LF": ";a\n", "with CR": ";a\rb", "with CR in quotes": ';a="b\rc"', "with LF in quotes": ';a="b\nc"',
                            "with CRLF in quotes": ';a="b\r\nc"', "with NUL in quotes": ';a="\x00"', "with an open quote": ';a="b', "with a quote that ends in a backslash": ';a="b\\',
                            "with an escaped end of its quotes": ';a="b\\"', "with something behind its quotes": ';a="b"c', "with a comma": ";a,b", "with two equals signs": ";a==b",
                            "with a slash in its name": ";a/b", "of obs-text": ";\xe9", "without a semicolon": " a=b", "with a colon": ";a: b", "with two semicolons": ";;a=b",
                            "with a semicolon at the end": ";a=b;"}.items():
        yield refused(f"a chunk extension {what}", chunked(f"1d{extension}\r\n{FORM}\r\n{end}"))
    yield refused("a chunk extension that is too long", chunked(f"1d;{'a' * 300}\r\n{FORM}\r\n{end}"), {400, 431})
    yield refused("a chunk extension's value that is too long", chunked(f'1d;a="{"b" * 300}"\r\n{FORM}\r\n{end}'), {400, 431})
    yield refused("a chunk extension without end", chunked("1d;" + "a" * 100_000), {400, 413, 431})
    yield refused("a last chunk's extension that is too long", chunked(f"{chunk(FORM)}0;{'a' * 300}\r\n\r\n{SMUGGLED}"), {400, 431})
    yield refused("a last chunk's extension with LF", chunked(f"{chunk(FORM)}0;a\n\r\n\r\n{SMUGGLED}"))
    yield refused("many small chunks with long extensions", chunked(f"1;{'a' * 240}\r\nx\r\n" * 1000 + end), {400, 413})


def trailers():
    start = f"{chunk(FORM)}0\r\n"
    for line in ("Content-Length: 5", "Transfer-Encoding: chunked", "Host: evil.example", "Connection: close", "Trailer: X", "Authorization: Basic YTpi", "X-API-Key: k",
                 "TE: trailers", "Upgrade: h2c", "Expect: 100-continue", "Content-Encoding: gzip", "Content-Type: text/plain", "content-length: 0", "Cookie: a=b"):
        # RFC 9110, section 6.5.1: a recipient that may not merge one may drop it or refuse it. Here those that steer are refused.
        steers = line.split(":")[0].lower() in ("content-length", "transfer-encoding", "host", "connection", "trailer", "authorization")
        yield case(f"trailer {line}", chunked(f"{start}{line}\r\n\r\n"), 400 if steers else {200, 400}, CLOSES if steers else EITHER)
    for what, line in {"folded": "X: a\r\n b", "without a colon": "X", "without a name": ": y", "with a space before the colon": "X : y", "with a space before it": " X: y",
                       "with NUL": "X: \x00", "with a control byte": "X: \x01", "with DEL": "X: \x7f", "with CR": "X: a\rb", "with LF": "X: a\nY: b", "ended by LF": "X: a\n",
                       "with obs-text in its name": "\xe9: y", "with a bracket in its name": "X[]: y", "that is a request line": f"GET {TARGET} HTTP/1.1"}.items():
        yield refused(f"a trailer {what}", chunked(f"{start}{line}\r\n\r\n{SMUGGLED}"))
    yield refused("one trailer too many", chunked(start + "X: y\r\n" * (MAX_TRAILERS + 1) + "\r\n"), {400, 431})
    yield refused("a trailer that is too long", chunked(f"{start}X: {'y' * 9000}\r\n\r\n"), {400, 431})
    yield refused("trailers that are too long together", chunked(start + f"X: {'y' * 900}\r\n" * 12 + "\r\n"), {400, 431})
    yield refused("trailers without end", chunked(start + "X: y\r\n" * 20_000), {400, 431})
    yield refused("a trailer without end", chunked(f"{start}X: {'y' * 100_000}"), {400, 431})


def content():
    whole = len(SMUGGLED)
    yield refused("a GET with content", request(f"Content-Length: {whole}", content=SMUGGLED))
    yield refused("a GET with one byte", request("Content-Length: 1", content="x"))
    yield refused("a GET with content that never comes", request("Content-Length: 10"))
    yield refused("a GET with chunks", request("Transfer-Encoding: chunked", content=chunk(SMUGGLED) + "0\r\n\r\n"))
    yield refused("a GET with a last chunk alone", request("Transfer-Encoding: chunked", content="0\r\n\r\n"))
    yield refused("a HEAD with content", request(f"Content-Length: {whole}", first=f"HEAD {TARGET} HTTP/1.1", content=SMUGGLED))
    yield refused("a HEAD with chunks", request("Transfer-Encoding: chunked", first=f"HEAD {TARGET} HTTP/1.1", content="0\r\n\r\n"))
    yield refused("a GET of HTTP/1.0 with content", request(f"Content-Length: {whole}", first=f"GET {TARGET} HTTP/1.0", content=SMUGGLED))
    yield refused("a GET with content and Upgrade", request("Upgrade: h2c", f"Content-Length: {whole}", content=SMUGGLED))
    yield refused("a GET for nothing with content", request(f"Content-Length: {whole}", first="GET /nothing HTTP/1.1", content=SMUGGLED))
    yield case("content that is longer than its length", post(f"Content-Length: {LENGTH}", content=FORM + "wo rld\r\n"), [200, 400], CLOSES)
    yield case("content that is longer than its length, by what could be a method", post(f"Content-Length: {LENGTH}", content=FORM + "X"), [200, 405], EATS)
    yield case("content that is shorter than its length", post("Content-Length: 100000", content=""), 413, CLOSES)
    yield case("a length that is zero, and content", post("Content-Length: 0", content="\x00hello"), [400, 400], CLOSES)
    yield case("no length, and content", post(content="\x00hello"), [400, 400], CLOSES)
    yield case("a chunked request, and what is no request", chunked(f"{chunk(FORM)}0\r\n\r\n\x01"), [200, 400], CLOSES)
    yield case("a request, and another without a CRLF at its end", request() + request()[:-2] + "X", [200, UNFINISHED], CLOSES)
    yield case("a good request, and one with two lengths", request() + post("Content-Length: 0", f"Content-Length: {whole}", content=SMUGGLED), [200, 400], CLOSES)
    yield case("good ones around a bad one", request() * 2 + request("X : y") + SMUGGLED, [200, 200, 400], CLOSES)
    yield case("a request behind one that closes", request("Connection: close") + SMUGGLED, 200, CLOSES)
    yield case("a request behind one of HTTP/1.0", request(first=f"GET {TARGET} HTTP/1.0") + SMUGGLED, 200, CLOSES)
    yield case("a bad request behind one that closes", request("Connection: close") + "\x00\x00", 200, CLOSES)
    yield case("a request within a form", post(f"Content-Length: {whole}", content=SMUGGLED), 400, STAYS)
    yield case("a request within a chunk", chunked(chunk(SMUGGLED) + "0\r\n\r\n"), 400, STAYS)


def expectations():
    form = f"Content-Length: {LENGTH}"
    yield case("Expect on a GET", request("Expect: 100-continue"), 200, STAYS)
    yield case("Expect for a length of zero", post("Expect: 100-continue", "Content-Length: 0"), 400, STAYS)
    yield case("Expect for content", post("Expect: 100-continue", form, content=FORM), 200, STAYS)
    yield case("Expect for content, and a request behind", post("Expect: 100-continue", form, content=FORM + request()), [200, 200], STAYS)
    yield case("Expect in upper case", post("Expect: 100-CONTINUE", form, content=FORM), 200, STAYS)
    yield case("Expect for chunks", chunked(f"{chunk(FORM)}0\r\n\r\n", "Expect: 100-continue"), 200, STAYS)
    yield case("Expect in HTTP/1.0", request("Expect: 100-continue", form, first="POST /auth/oauth2/token HTTP/1.0", content=FORM), {200, 417}, CLOSES)
    for what, value in {"something else": "200-ok", "more than one": "100-continue, x", "twice in one": "100-continue, 100-continue", "a parameter": "100-continue;a=b",
                        "nothing": "", "another number": "101-continue", "a word": "continue"}.items():
        yield case(f"Expect: {what}", post(f"Expect: {value}", form, content=FORM), {400, 417}, CLOSES)
    yield case("Expect: something else on a GET", request("Expect: x"), 417, STAYS)
    yield case("Expect: something else, and a request behind", post("Expect: x", form, content=FORM + SMUGGLED), 417, CLOSES)
    yield case("Expect in two lines", post("Expect: 100-continue", "Expect: 100-continue", form, content=FORM), {400, 417}, CLOSES)
    yield case("Expect in two lines that differ", post("Expect: 100-continue", "Expect: x", form, content=FORM), {400, 417}, CLOSES)
    yield refused("Expect and two lengths", post("Expect: 100-continue", form, "Content-Length: 0", content=FORM))
    yield refused("Expect and a GET with content", request("Expect: 100-continue", form, content=FORM))
    yield refused("Expect and too long a content", post("Expect: 100-continue", f"Content-Length: {MAX_BODY + 1}"), 413)
    yield case("an upgrade to h2c", request("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"), 200, STAYS)
    yield case("an upgrade to h2c, and its preface", request("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk",
                                                            content="PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), [200, 400], CLOSES)
    yield case("an upgrade to h2c with content", post("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk", form, content=FORM), 200, STAYS)
    yield case("an upgrade to h2c that Connection does not name", request("Upgrade: h2c"), 200, STAYS)
    yield case("HTTP2-Settings alone", request("HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"), 200, STAYS)
    yield case("a WebSocket", request("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 200, STAYS)
    yield case("a WebSocket, and a request behind", request("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                                                           content=request()), [200, 200], STAYS)
    yield case("an upgrade to TLS", request("Connection: Upgrade", "Upgrade: TLS/1.0"), 200, STAYS)


def unusual():
    """In order, though few send them so."""
    yield case("nothing special", request(), 200, STAYS)
    yield case("no space behind the colon", request("X:y", host="Host:localhost"), 200, STAYS)
    yield case("much space around values", request("X: \t  y \t ", host="Host: \t localhost\t \t"), 200, STAYS)
    yield case("an empty value", request("X:", "Y: "), 200, STAYS)
    yield case("a tab and obs-text in a value", request("X: a\tb \xe9\xff\x80"), 200, STAYS)
    yield case("a value of every visible byte", request("X: " + "".join(chr(byte) for byte in range(0x20, 0x7f))), 200, STAYS)
    yield case("a name of every byte that a token may have", request("!#$%&'*+-.^_`|~09azAZ: y"), 200, STAYS)
    yield case("a value that looks like a field", request("X: Content-Length: 5"), 200, STAYS)
    yield case("names in lower case", request("user-agent: x", host="host: localhost"), 200, STAYS)
    yield case("names in upper case", request("ACCEPT: */*", host="HOST: LOCALHOST"), 200, STAYS)
    yield case("a Host with a port", request(host="Host: localhost:8080"), 200, STAYS)
    yield case("the highest port", request(host="Host: localhost:65535"), 200, STAYS)
    yield case("an IPv4 address as Host", request(host="Host: 127.0.0.1"), 200, STAYS)
    yield case("an IPv6 address as Host", request(host="Host: [::1]"), 200, STAYS)
    yield case("an IPv6 address with a port as Host", request(host="Host: [::1]:8080"), 200, STAYS)
    yield case("a length of zero on GET", request("Content-Length: 0"), 200, STAYS)
    yield case("a length of many zeros on GET", request("Content-Length: 000"), {200, 400}, EITHER)
    yield case("a length with tabs around it", post(f"Content-Length:\t{LENGTH}\t", content=FORM), 200, STAYS)
    yield case("a length", post(f"Content-Length: {LENGTH}", content=FORM), 200, STAYS)
    yield case("chunks", chunked(f"{chunk(FORM)}0\r\n\r\n"), 200, STAYS)
    yield case("a chunk a byte", chunked("".join(map(chunk, FORM)) + "0\r\n\r\n"), 200, STAYS)
    yield case("Chunked in another case", post("transfer-encoding: \tCHUNKED ", content=f"{chunk(FORM)}0\r\n\r\n"), 200, STAYS)
    yield case("chunk sizes of eight digits, in upper case", chunked(f"0000001D\r\n{FORM}\r\n00000000\r\n\r\n"), 200, STAYS)
    yield case("chunk sizes of nine digits", chunked(f"00000001d\r\n{FORM}\r\n000000000\r\n\r\n"), 200, STAYS)
    yield case("chunk sizes of 200 digits", chunked(f"{'0' * 198}1d\r\n{FORM}\r\n{'0' * 200}\r\n\r\n"), 200, STAYS)
    yield case("a last chunk alone", chunked("0\r\n\r\n"), 400, STAYS)
    yield case("chunk extensions", chunked(f'1d;a;b=c;d="e \\" ;f"\r\n{FORM}\r\n0;last\r\n\r\n'), 200, STAYS)
    yield case("a chunk extension with space around its parts", chunked(f"1d ; a = b\r\n{FORM}\r\n0\r\n\r\n"), {200, 400}, EITHER)
    yield case("a chunk extension of 200 bytes", chunked(f"1d;{'a' * 200}\r\n{FORM}\r\n0\r\n\r\n"), 200, STAYS)
    yield case("a trailer", chunked(f"{chunk(FORM)}0\r\nX-Checksum: abc\r\n\r\n", "Trailer: X-Checksum"), 200, STAYS)
    yield case("as many trailers as there may be", chunked(f"{chunk(FORM)}0\r\n" + "X: y\r\n" * MAX_TRAILERS + "\r\n"), 200, STAYS)
    yield case("a trailer with an empty value and obs-text", chunked(f"{chunk(FORM)}0\r\nX:\r\nY: \xe9\r\n\r\n"), 200, STAYS)
    yield case("as many fields as there may be", request(*[f"X{n}: y" for n in range(MAX_FIELDS - 1)]), 200, STAYS)
    yield case("a head that is nearly too long", request("X: " + "x" * (MAX_HEAD - len(request()) - 64)), 200, STAYS)
    yield case("an empty line before the request", "\r\n" + request(), 200, STAYS)
    yield case("an empty line between two requests", request() + "\r\n" + request(), [200, 200], STAYS)
    yield case("an empty line behind content", post(f"Content-Length: {LENGTH}", content=FORM + "\r\n"), 200, STAYS)
    yield case("absolute-form with its Host", request(first=f"GET http://localhost{TARGET} HTTP/1.1"), 200, CLOSES)
    yield case("absolute-form with its Host and port", request(first=f"GET http://localhost:8080{TARGET} HTTP/1.1", host="Host: localhost:8080"), 200, CLOSES)
    yield case("absolute-form with an IPv6 address", request(first=f"GET http://[::1]:8080{TARGET} HTTP/1.1", host="Host: [::1]:8080"), 200, CLOSES)
    # RFC 9110, section 2.5: a minor version that we do not know is HTTP/1.1 to us.
    yield case("HTTP/1.2", request(first=f"GET {TARGET} HTTP/1.2"), 200, STAYS)
    yield case("HTTP/1.9 with content in chunks", request("Transfer-Encoding: chunked", first="POST /auth/oauth2/token HTTP/1.9", content=f"{chunk(FORM)}0\r\n\r\n"), 200, STAYS)
    yield refused("HTTP/1.2 without Host", request(first=f"GET {TARGET} HTTP/1.2", host=None))
    yield case("HTTP/1.0", request(first=f"GET {TARGET} HTTP/1.0"), 200, CLOSES)
    yield case("HTTP/1.0 without Host", request(first=f"GET {TARGET} HTTP/1.0", host=None), 200, CLOSES)
    yield case("HTTP/1.0 with a Host that is not served", request(first=f"GET {TARGET} HTTP/1.0", host="Host: evil.example"), 421, CLOSES)
    yield case("HTTP/1.0 that is to be kept alive", request("Connection: keep-alive", first=f"GET {TARGET} HTTP/1.0"), 200, EITHER)
    yield case("HTTP/1.0 with content", request(f"Content-Length: {LENGTH}", first="POST /auth/oauth2/token HTTP/1.0", content=FORM), 200, CLOSES)
    yield case("Connection: keep-alive", request("Connection: keep-alive", "Keep-Alive: timeout=5"), 200, STAYS)
    yield case("Connection: close in a list", request("Connection: x , , CLOSE"), 200, CLOSES)
    yield case("Connection: close beside keep-alive", request("Connection: keep-alive", "Connection: close"), 200, CLOSES)
    yield case("Connection: closed, which is something else", request("Connection: closed"), 200, STAYS)
    yield case("Connection that names Host", request("Connection: host"), 200, EITHER)
    yield case("Connection that names what is added", request("Connection: authorization, content-length, cache-status"), 200, STAYS)
    yield case("TE", request("TE: trailers, gzip;q=0.5", "Connection: TE"), 200, STAYS)
    yield case("a HEAD", request(first=f"HEAD {TARGET} HTTP/1.1"), 200, STAYS)
    yield case("a HEAD for nothing", request(first="HEAD /nothing HTTP/1.1"), 404, STAYS)
    yield case("two requests", request() * 2, [200, 200], STAYS)
    yield case("a POST, a HEAD, a GET", post(f"Content-Length: {LENGTH}", content=FORM) + request(first="GET /nothing HTTP/1.1") + request(), [200, 404, 200], STAYS)


UNUSUAL = list(unusual())
HOSTILE = [one for part in (lengths, codings, line_ends, controls, fields, request_lines, targets, hosts, sizes, chunks, extensions, trailers, content,
                            expectations) for one in part()]
