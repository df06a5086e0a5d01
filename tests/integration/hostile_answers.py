"""Answers of an upstream that are malformed, ambiguous or hostile, and some that are unusual and in order: bytes in, status out.

Data alone; test_hostile_answers.py runs it.
"""
import dataclasses

CONTENT = '{"genuine":1}'
LENGTH = len(CONTENT)
EVIL = '{"evil":"yes"}'
# What nobody asked for: were it taken for the answer to the next request, a cache would be poisoned.
SECOND = f"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Type: application/json\r\nContent-Length: {len(EVIL)}\r\n\r\n{EVIL}"
MAX_RESPONSE = 1024 * 1024  # upstream.max_response

REFUSED = frozenset({502})


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    data: bytes
    statuses: frozenset  # on a report's route
    content: bytes = b""  # of an answer that is in order
    ends: bool = False  # the upstream closes the connection behind it
    reusable: bool = False  # the connection may serve another request
    # On a route with cache = "http", where surplus bytes are dropped (RFC 9112, section 6.3), and what is large is passed on as it comes.
    http_statuses: frozenset = frozenset()
    unfinished: bool = False  # what comes behind it is a part of it
    surplus: bool = False  # whether it is more than the answer shows only where all comes at once


def case(name, text, statuses=REFUSED, http_statuses=None, content="", **options):
    data = text if isinstance(text, bytes) else text.encode("latin-1")
    statuses = frozenset({statuses}) if isinstance(statuses, int) else statuses
    http = statuses if http_statuses is None else frozenset({http_statuses})
    return Case(name, data, statuses, content.encode(), http_statuses=http, **options)


def good(name, text, status=200, content=CONTENT, **options):
    return case(name, text, status, content=content, **{"reusable": True, **options})


def answer(*lines, first="HTTP/1.1 200 OK", length=f"Content-Length: {LENGTH}", content=CONTENT):
    fresh = "Cache-Control: max-age=60"  # so that a cache would keep it
    return "\r\n".join([first, *([length] if length else []), *lines, fresh]) + "\r\n\r\n" + content


def chunked(content, *lines, **options):
    return answer("Transfer-Encoding: chunked", *lines, length=None, content=content, **options)


def chunk(text):
    return f"{len(text):x}\r\n{text}\r\n"


END = "0\r\n\r\n"


def status_lines():
    for line in ("HTTP/2.0 200 OK", "HTTP/2 200 OK", "HTTP/3 200 OK", "HTTP/0.9 200 OK", "HTTP/1.10 200 OK", "HTTP/1.01 200 OK", "HTTP/01.1 200 OK",
                 "HTTP/11 200 OK", "HTTP/1. 200 OK", "HTTP/.1 200 OK", "HTTP/1 200 OK", "HTTP 200 OK", "http/1.1 200 OK", "Http/1.1 200 OK", "HTTPS/1.1 200 OK", "ICY 200 OK",
                 "XHTTP/1.1 200 OK", "HTTP/1.1x 200 OK", "HTTP /1.1 200 OK", "HTTP/1.1  200 OK", "HTTP/1.1\t200 OK", "HTTP/1.1200 OK", "HTTP/1.1 200\tOK", "HTTP/1.1 200OK",
                 "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 OK", "HTTP/1.1 OK 200", "200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 0200 OK",
                 "HTTP/1.1 2x0 OK", "HTTP/1.1 -200 OK", "HTTP/1.1 +200 OK", "HTTP/1.1 2.0 OK", "HTTP/1.1 0xc8 OK", "HTTP/1.1 000 OK", "HTTP/1.1 099 OK", "HTTP/1.1 600 OK",
                 "HTTP/1.1 999 OK", "HTTP/1.1 \xb200 OK", "HTTP/1.1 200 O\x00K", "HTTP/1.1 200 O\x01K", "HTTP/1.1 200 O\x7fK", "HTTP/1.1 200 O\rK", "HTTP/1.1 200 OK\x0b",
                 " HTTP/1.1 200 OK", "\tHTTP/1.1 200 OK", "\x00HTTP/1.1 200 OK", "GET / HTTP/1.1", "<html>", "220 ESMTP", "SSH-2.0-OpenSSH_9.2", "\x15\x03\x01\x00\x02\x02\x28"):
        yield case(f"status line {line!r}", answer(first=line))
    yield case("an empty line before the status line", "\r\n" + answer())
    yield case("two empty lines before the status line", "\r\n\r\n" + answer())
    yield case("LF before the status line", "\n" + answer())
    yield case("content alone", CONTENT + "\r\n\r\n")
    yield case("a byte order mark", b"\xef\xbb\xbf" + answer().encode())
    yield case("a status line without end", "HTTP/1.1 200 " + "x" * 100_000)


def fields():
    for what, line in {"without a colon": "X", "with a space before its colon": "X : y", "with a tab before its colon": "X\t: y", "without a name": ": y", "with a blank name": " : y",
                       "with a space in its name": "X Y: z", "with a bracket in its name": "X[]: y", "with obs-text in its name": "\xe9: y", "with NUL in its name": "X\x00: y",
                       "folded": "X: a\r\n b", "folded with a tab": "X: a\r\n\tb", "folded into a length": "X: a\r\n Content-Length: 5", "with NUL": "X: a\x00b", "with 0x01": "X: \x01",
                       "with BEL": "X: \x07", "with VT": "X: a\x0bb", "with FF": "X: a\x0cb", "with ESC": "X: \x1b[31m", "with DEL": "X: \x7f", "with CR": "X: a\rSet-Cookie: b=c",
                       "with CR at its end": "X: a\r", "ended by LF": "X: a\nY: b", "with CR before its colon": "X\r: y", "in quotes": '"X": y'}.items():
        yield case(f"a field {what}", answer(line))
        if "\r\n" not in line and what != "ended by LF":
            yield case(f"a first field {what}", answer(length=line))
    yield case("a folded line behind the status line", answer(length=f" Content-Length: {LENGTH}"))
    yield case("LF behind the status line", answer().replace("OK\r\n", "OK\n"))
    yield case("LF at the end of the head", answer().replace("\r\n\r\n", "\r\n\n"))
    yield case("LF everywhere", answer().replace("\r\n", "\n"))
    yield case("CR behind the status line", answer().replace("OK\r\n", "OK\r"))
    yield case("CR at the end of the head", answer().replace("\r\n\r\n", "\r\n\r"))
    yield case("CR everywhere", answer().replace("\r\n", "\r"))
    yield case("a thousand fields", answer(*["X: y"] * 1000))
    yield case("a field that is too long", answer("X: " + "x" * 100_000))
    yield case("fields that are too long together", answer(*[f"X{n}: {'x' * 5000}" for n in range(40)]))


def lengths():
    for what, value in {"an empty": "", "a blank": " ", "a signed": f"+{LENGTH}", "a negative": "-1", "minus zero": "-0", "a hexadecimal": "0x0d", "a word as": "many", "a spaced": "1 3",
                        "a fraction as": "13.0", "a quoted": '"13"', "a list as": "13, 13", "a list without space as": "13,13", "a list of different": "13, 14", "a comma behind a": "13,",
                        "a comma before a": ",13", "a semicolon behind a": "13;", "a unit behind a": "13 bytes", "a digit that is not ASCII in a": "1\xb3", "an underscore in a": "1_3",
                        "2^63 as": str(2**63), "2^64 as": str(2**64), "more than 2^64 as": str(2**64 + LENGTH), "40 digits as": "9" * 40,
                        "100 zeros before too many digits as": "0" * 100 + "9" * 30}.items():
        yield case(f"{what} length", answer(length=f"Content-Length: {value}"))
    yield case("a length beyond upstream.max_response", answer(length=f"Content-Length: {MAX_RESPONSE + 1}"), frozenset({"cut"}))  # it streams, and ends too soon
    for first, second in ((LENGTH, LENGTH), (LENGTH, LENGTH + 1), (LENGTH + 1, LENGTH), (0, LENGTH), (LENGTH, 0)):
        yield case(f"the lengths {first} and {second}", answer(f"Content-Length: {second}", length=f"Content-Length: {first}"))
    yield case("two lengths in two cases", answer(f"content-length: {LENGTH}", length=f"CONTENT-LENGTH: {LENGTH}"))
    yield case("a length, then chunks", answer("Transfer-Encoding: chunked", content=chunk(CONTENT) + END))
    yield case("chunks, then a length", chunked(chunk(CONTENT) + END, f"Content-Length: {LENGTH}"))
    yield case("chunks and a length of zero", chunked(chunk(CONTENT) + END, "Content-Length: 0"))
    yield case("a space before the length's colon", answer(length=f"Content-Length : {LENGTH}"))
    yield case("a folded length", answer(length=f"Content-Length:\r\n {LENGTH}"))


def codings():
    for what, value in {"xchunked": "xchunked", "chunked twice": "chunked, chunked", "gzip": "gzip", "gzip, then chunked": "gzip, chunked", "chunked, then gzip": "chunked, gzip",
                        "identity": "identity", "identity, then chunked": "identity, chunked", "nothing": "", "a comma": ",", "a comma behind it": "chunked,", "a comma before it": ", chunked",
                        "a parameter": "chunked;q=1", "quotes": '"chunked"', "a space within": "chun ked", "VT before it": "\x0bchunked", "FF behind it": "chunked\x0c", "NUL behind it": "chunked\x00",
                        "a no-break space before it": "\xa0chunked", "chunk": "chunk", "a dot before it": ".chunked"}.items():
        yield case(f"Transfer-Encoding: {what}", answer(f"Transfer-Encoding: {value}", length=None, content=chunk(CONTENT) + END), ends=True)
    yield case("Transfer-Encoding twice", chunked(chunk(CONTENT) + END, "Transfer-Encoding: chunked"))
    yield case("Transfer-Encoding twice, the second is none", chunked(chunk(CONTENT) + END, "Transfer-Encoding: identity"), ends=True)
    yield case("Transfer-Encoding folded", answer("Transfer-Encoding:\r\n chunked", length=None, content=chunk(CONTENT) + END))
    yield case("a space before Transfer-Encoding's colon", answer("Transfer-Encoding : chunked", length=None, content=chunk(CONTENT) + END), ends=True)
    yield case("chunks in HTTP/1.0", chunked(chunk(CONTENT) + END, first="HTTP/1.0 200 OK"), ends=True)
    yield case("chunks in HTTP/1.0 that is to be kept alive", chunked(chunk(CONTENT) + END, "Connection: keep-alive", first="HTTP/1.0 200 OK"))


def chunks():
    for what, size in {"negative": "-d", "signed": "+d", "with 0x": "0xd", "empty": "", "a space": " ", "a word": "zz", "with a space before it": " d", "with a space behind it": "d ",
                       "with a tab behind it": "d\t", "with NUL behind it": "d\x00", "of nine digits": "10000000d", "of 300 digits": "0" * 299 + "d", "of 2^64": "1" + "0" * 16,
                       "of 2^64 and its own": "1" + "0" * 15 + "d", "of 2^63": "8" + "0" * 15, "with CR in it": "d\r", "with an empty extension": "d;", "with an extension without a value": "d;a=",
                       "with a control byte in its extension": "d;a=\x01", "with NUL in its extension": "d;a\x00", "with an open quote": 'd;a="b', "with CR in quotes": 'd;a="\r"',
                       "with LF in quotes": 'd;a="\n"', "with something behind its quotes": 'd;a="b"c', "with too long an extension": "d;" + "a" * 300}.items():
        yield case(f"a chunk size {what}", chunked(f"{size}\r\n{CONTENT}\r\n{END}"))
    yield case("no CRLF behind a chunk", chunked(f"d\r\n{CONTENT}{END}"))
    yield case("LF behind a chunk", chunked(f"d\r\n{CONTENT}\n{END}"))
    yield case("CR behind a chunk", chunked(f"d\r\n{CONTENT}\r{END}"))
    yield case("a chunk that is longer than its size", chunked(f"c\r\n{CONTENT}\r\n{END}"))
    yield case("a chunk that is shorter than its size", chunked(f"e\r\n{CONTENT}\r\n{END}"))
    yield case("LF behind a chunk size", chunked(f"d\n{CONTENT}\r\n{END}"))
    yield case("LF behind the last chunk's size", chunked(f"{chunk(CONTENT)}0\n\r\n"))
    yield case("LF at the end of the trailers", chunked(f"{chunk(CONTENT)}0\r\n\n"))
    yield case("an empty line before the first chunk", chunked(f"\r\n{chunk(CONTENT)}{END}"))
    yield case("chunks beyond upstream.max_response", chunked(chunk("x" * 65536) * (MAX_RESPONSE // 65536 + 1) + END), 200)
    yield case("many small chunks with long extensions", chunked(f"1;{'a' * 240}\r\nx\r\n" * 2000 + END))
    start = f"{chunk(CONTENT)}0\r\n"
    for what, line in {"folded": "X: a\r\n b", "without a colon": "X", "without a name": ": y", "with a space before its colon": "X : y", "with a space before it": " X: y", "with NUL": "X: \x00",
                       "with a control byte": "X: \x01", "with CR": "X: a\rb", "with LF": "X: a\nY: b", "that is a status line": "HTTP/1.1 200 OK"}.items():
        yield case(f"a trailer {what}", chunked(f"{start}{line}\r\n\r\n"))
    yield case("too many trailers", chunked(start + "X: y\r\n" * 33 + "\r\n"))
    yield case("a trailer that is too long", chunked(f"{start}X: {'y' * 9000}\r\n\r\n"))
    yield case("a trailer that is far too long", chunked(f"{start}X: {'y' * 100_000}\r\n\r\n"))
    yield case("trailers without end", chunked(start + "X: y\r\n" * 20_000))


def without_content():
    interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    yield case("100 with a length", f"HTTP/1.1 100 Continue\r\nContent-Length: {len(SECOND)}\r\n\r\n{SECOND}{answer()}")
    yield case("100 with a length of zero", "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n" + answer())
    yield case("103 with chunks", "HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n" + END + answer())
    yield case("101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n")
    yield case("101, and an answer", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n" + answer())
    yield case("a flood of interim answers", interim * 1000 + answer())
    yield case("a flood of 100", "HTTP/1.1 100 Continue\r\n\r\n" * 1000 + answer())
    yield case("an interim answer, then none", interim, ends=True)
    yield case("an interim answer that is malformed", "HTTP/1.1 103 Early Hints\r\nLink : </x>\r\n\r\n" + answer())
    yield case("an interim answer, then what is none", interim + answer(first="HTTP/1.1 20 OK"))
    yield case("an interim answer with LF", interim.replace("\r\n", "\n") + answer())
    yield case("204 with a length", answer(first="HTTP/1.1 204 No Content"))
    yield case("204 with a length, and no content", answer(first="HTTP/1.1 204 No Content", content=""))
    yield case("204 with chunks", chunked(chunk(CONTENT) + END, first="HTTP/1.1 204 No Content"))
    yield case("204 with a last chunk alone", chunked(END, first="HTTP/1.1 204 No Content"))
    yield case("204 with two lengths of zero", answer("Content-Length: 0", first="HTTP/1.1 204 No Content", length="Content-Length: 0", content=""))
    yield case("206 that nobody asked for", answer(f"Content-Range: bytes 0-{LENGTH - 1}/{LENGTH}", first="HTTP/1.1 206 Partial Content"))
    yield case("206 that nobody asked for, of a part", answer("Content-Range: bytes 5-17/1000", first="HTTP/1.1 206 Partial Content"))
    yield case("206 that nobody asked for, without a range", answer(first="HTTP/1.1 206 Partial Content"))
    yield case("304 that nobody asked for", answer(first="HTTP/1.1 304 Not Modified", length=None, content=""))
    yield case("304 that nobody asked for, with a length", answer(first="HTTP/1.1 304 Not Modified", content=""))
    yield case("304 with two lengths", answer("Content-Length: 0", first="HTTP/1.1 304 Not Modified", content=""))
    yield case("304 with chunks and a length", chunked("", f"Content-Length: {LENGTH}", first="HTTP/1.1 304 Not Modified"))


def ends():
    yield case("a status line cut off", "HTTP/1.1 200", ends=True)
    yield case("a head cut off", answer()[:30], ends=True)
    yield case("a head without its last LF", answer(content="")[:-1], ends=True)
    yield case("content cut off", answer()[:-1], ends=True)
    yield case("content that does not come", answer(content=""), ends=True)
    yield case("a chunk cut off", chunked(chunk(CONTENT)[:8]), ends=True)
    yield case("no last chunk", chunked(chunk(CONTENT)), ends=True)
    yield case("no chunk at all", chunked(""), ends=True)
    yield case("a last chunk cut off", chunked(chunk(CONTENT) + "0\r\n"), ends=True)
    yield case("trailers cut off", chunked(chunk(CONTENT) + "0\r\nX: y\r\n"), ends=True)
    yield case("a head that never ends", answer()[:30], 504)
    yield case("content that never ends", answer()[:-1], 504)
    yield case("an answer until the connection closes, and it does not", answer(length=None), 504)


def surplus():
    """A report is refused where its length is in doubt; elsewhere what is too much is dropped, with the connection."""
    yield case("one byte behind the content", answer(content=CONTENT + "x"), http_statuses=200)
    yield case("CRLF behind the content", answer(content=CONTENT + "\r\n"), http_statuses=200)
    yield case("a second answer behind the content", answer() + SECOND, http_statuses=200)
    yield case("a second answer behind a length of zero", answer(length="Content-Length: 0", content=SECOND), http_statuses=200)
    yield case("content behind a length of zero", answer(length="Content-Length: 0"), http_statuses=200)
    # These have no length that could be in doubt: RFC 9112, section 6.3, has what comes behind them dropped.
    yield case("a second answer behind the last chunk", chunked(chunk(CONTENT) + END) + SECOND, frozenset({200, 502}), content=CONTENT)
    yield case("a second answer behind 204", answer(first="HTTP/1.1 204 No Content", length=None, content=SECOND), frozenset({204, 502}))
    yield case("content behind 204", answer(first="HTTP/1.1 204 No Content", length=None), frozenset({204, 502}))
    yield case("a second answer behind 404", answer(first="HTTP/1.1 404 Not Found") + SECOND, frozenset({404, 502}))


def unusual():
    """In order, though few send them so."""
    yield good("nothing special", answer())
    yield good("an empty reason", answer(first="HTTP/1.1 200 "))
    yield good("no space behind the status", answer(first="HTTP/1.1 200"))
    yield good("no space behind the status of HTTP/1.0", answer(first="HTTP/1.0 200"), reusable=False)
    yield good("no space behind an interim status", "HTTP/1.1 103\r\nLink: </x>\r\n\r\n" + answer(first="HTTP/1.1 200"))
    yield good("HTTP/1.2", answer(first="HTTP/1.2 200 OK"))
    yield good("HTTP/1.9 in chunks", chunked(chunk(CONTENT) + END, first="HTTP/1.9 200 OK"))
    yield good("a reason with a tab and obs-text", answer(first="HTTP/1.1 200 O\tK \xe9!"))
    yield good("much space around the length", answer(length=f"Content-Length: \t {LENGTH} \t "))
    yield good("no space behind the colon", answer("X:y", length=f"content-length:{LENGTH}"))
    yield good("obs-text and a tab in a value", answer("X: a\t\xe9\xff"))
    yield good("an empty value", answer("X:"))
    yield good("a length with zeros before it", answer(length=f"Content-Length: 00{LENGTH}"))
    yield good("chunks", chunked(chunk(CONTENT) + END))
    yield good("a chunk a byte", chunked("".join(map(chunk, CONTENT)) + END))
    yield good("Chunked in another case", answer("transfer-encoding: CHUNKED ", length=None, content=chunk(CONTENT) + END))
    yield good("chunk extensions", chunked(f'D;a;b=c;d="e;f \\" g"\r\n{CONTENT}\r\n0;last=1\r\n\r\n'))
    yield good("a chunk size of eight digits", chunked(f"0000000d\r\n{CONTENT}\r\n00000000\r\n\r\n"))
    yield good("a chunk size of one digit behind eight zeros", chunked(f"00000000d\r\n{CONTENT}\r\n000000000\r\n\r\n"))
    yield good("a chunk size of one digit behind 200 zeros", chunked(f"{'0' * 200}d\r\n{CONTENT}\r\n{'0' * 201}\r\n\r\n"))
    yield good("a trailer", chunked(f"{chunk(CONTENT)}0\r\nX-Checksum: abc\r\n\r\n", "Trailer: X-Checksum"))
    # Nobody merges a trailer into the head, so none means what its name says.
    for line in ("Content-Length: 5", "Transfer-Encoding: chunked", "Connection: close", "Host: x", "Trailer: X", "Set-Cookie: a=b", "ETag: \"x\"", "Content-Encoding: gzip", "Cache-Control: no-store"):
        yield good(f"a trailer {line}", chunked(f"{chunk(CONTENT)}0\r\n{line}\r\n\r\n"))
    yield good("until the connection closes", answer(length=None), ends=True, reusable=False)
    yield good("until the connection closes, though it is to be kept alive", answer("Connection: keep-alive", length=None), ends=True, reusable=False)
    yield good("HTTP/1.0 until the connection closes", answer(first="HTTP/1.0 200 OK", length=None), ends=True, reusable=False)
    yield good("HTTP/1.0 with a length", answer(first="HTTP/1.0 200 OK"), reusable=False)
    yield good("Connection: close", answer("Connection: close"), reusable=False)
    yield good("Connection: close beside keep-alive", answer("Connection: keep-alive", "Connection: close"), reusable=False)
    yield good("Connection that names Content-Length", answer("Connection: content-length"))
    yield good("an interim answer before it", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer())
    yield good("three interim answers before it", "HTTP/1.1 100 Continue\r\n\r\n" * 2 + "HTTP/1.1 199 \r\n\r\n" + answer())
    yield good("204", answer(first="HTTP/1.1 204 No Content", length=None, content=""), 204, "")
    yield good("an empty content", answer(length="Content-Length: 0", content=""), 200, "")
    yield good("404", answer(first="HTTP/1.1 404 Not Found"), 404)
    yield good("a status that nobody knows", answer(first="HTTP/1.1 299 "), 299)


HOSTILE = [one for part in (status_lines, fields, lengths, codings, chunks, without_content) for one in part()]
HOSTILE += [dataclasses.replace(one, unfinished=True) for one in ends()]
HOSTILE += [dataclasses.replace(one, surplus=True) for one in surplus()]
UNUSUAL = list(unusual())
