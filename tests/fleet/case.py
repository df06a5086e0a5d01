"""A test case with an engine: one for each class, empty before each test."""
import unittest

from engine import Engine
from resp import EngineError
from scripts import Fleet


class EngineCase(unittest.TestCase):
    OPTIONS = {}

    @classmethod
    def setUpClass(cls):
        cls.server = Engine(**cls.OPTIONS)
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        self.engine = self.server.connect()
        self.addCleanup(self.engine.close)
        self.engine("FLUSHALL")
        self.fleet = Fleet(self.engine)

    def refused(self, kind, call, *arguments, **named):
        with self.assertRaises(EngineError) as caught:
            call(*arguments, **named)
        self.assertEqual(caught.exception.kind, kind, caught.exception)
