"""An engine that sends octets which are no replies, or are replies without an end."""
import unittest

from daemons import Raw
from hostile import HostileCase, of


class HostileOctets(HostileCase):
    def test_octets_that_are_no_replies(self):
        for octets in (b"$2147483648\r\nabc", b"$9223372036854775807\r\n", b"*2147483647\r\n", b"*1000000\r\n", b"*1\r\n" * 100,
                       b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$-5\r\n", b"\0" * 1000, b"*4\r\n$4\r\nlead\r\n", b":" + b"9" * 5000 + b"\r\n"):
            for name in ("flight", "HMGET"):
                self.lie(of(name, lambda _, reply, octets=octets: Raw(octets)), f"{name}: {octets[:20]!r}")
        lists = b"*100000\r\n" + (b"*1000\r\n" + b"*0\r\n" * 1000) * 2000
        self.lie(of("XREAD", lambda *_: Raw(lists)), "many lists in one")
        self.lie(of("HMGET", lambda *_: Raw(b"*5\r\n" + (b"*20000\r\n" + b"*0\r\n" * 20000) * 5)), "many lists for an entry")


if __name__ == "__main__":
    unittest.main()
