"""Reads the answers on a connection as RFC 9112 has them and takes nothing else: what may be read two ways is an error."""
import dataclasses
import re

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [\t\x20-\x7e\x80-\xff]*")
FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
CHUNK_LINE = re.compile(rb"[0-9a-f]{1,8}")


class Malformed(Exception):
    """An answer that is none."""


class Incomplete(Exception):
    """An answer that ends before its end."""


@dataclasses.dataclass
class Answer:
    status: int
    fields: dict  # names in lower case
    content: bytes

    @property
    def closes(self):
        return "close" in [option.strip().lower() for option in self.fields.get("connection", "").split(",")]


def read_line(data, at):
    end = data.find(b"\r\n", at)
    if end < 0:
        raise Incomplete(f"a line without its end: {data[at:at + 80]!r}")
    return data[at:end], end + 2


def read_head(data, at):
    line, at = read_line(data, at)
    status_line = STATUS_LINE.fullmatch(line)
    if not status_line:
        raise Malformed(f"no status line: {line[:80]!r}")
    fields = {}
    while True:
        line, at = read_line(data, at)
        if not line:
            return int(status_line[1]), fields, at
        field = FIELD_LINE.fullmatch(line)
        if not field:
            raise Malformed(f"no field line: {line[:80]!r}")
        name, value = field[1].decode().lower(), field[2].decode("latin-1")
        if name in fields and name in ("content-length", "transfer-encoding", "content-type", "connection", "x-request-id"):
            raise Malformed(f"{name} twice")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value


def read_chunks(data, at):
    content = b""
    while True:
        line, at = read_line(data, at)
        if not CHUNK_LINE.fullmatch(line):
            raise Malformed(f"no chunk size: {line[:80]!r}")
        size = int(line, 16)
        if at + size + 2 > len(data):
            raise Incomplete("a chunk is cut off")
        if data[at + size:at + size + 2] != b"\r\n":
            raise Malformed("no CRLF behind a chunk")
        content += data[at:at + size]
        at += size + 2
        if size == 0:
            return content, at


def read_answer(data, at, method):
    """(answer, where it ends); its content is empty where a request of `method` has none in its answer."""
    status, fields, at = read_head(data, at)
    length, coding = fields.get("content-length"), fields.get("transfer-encoding")
    if length is not None and (coding is not None or not re.fullmatch("[0-9]{1,15}", length)):
        raise Malformed(f"Content-Length: {length} beside Transfer-Encoding: {coding}")
    if status < 200 or status == 204:
        if length is not None or coding is not None:
            raise Malformed(f"{status} with a length")
        return Answer(status, fields, b""), at
    if method == "HEAD" or status == 304:
        return Answer(status, fields, b""), at
    if coding is not None:
        if coding != "chunked":
            raise Malformed(f"Transfer-Encoding: {coding}")
        content, at = read_chunks(data, at)
        return Answer(status, fields, content), at
    if length is None:
        raise Malformed("neither a length nor chunks")
    end = at + int(length)
    if end > len(data):
        raise Incomplete("the content is cut off")
    return Answer(status, fields, data[at:end]), end


def read_answers(data, methods):
    """(interim answers, final answers) of all that came on a connection.

    `methods` are the requests' in their order, the last one's for all further ones. Raises Malformed or Incomplete.
    """
    interim, final, at = [], [], 0
    while at < len(data):
        if final and final[-1].closes:
            raise Malformed(f"bytes behind an answer that ends the connection: {data[at:at + 80]!r}")
        method = methods[min(len(final), len(methods) - 1)]
        answer, at = read_answer(data, at, method)
        (interim if answer.status < 200 else final).append(answer)
    return interim, final
