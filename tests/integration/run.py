#!/usr/bin/env python3
"""Runs the integration tests: all of them, or the modules named. Writes "PASSED FAILED" to $ROKTCACHED_RESULT."""
import os
import pathlib
import sys
import unittest

folder = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(folder))
loader = unittest.defaultTestLoader
names = sys.argv[1:]
suite = loader.loadTestsFromNames(names) if names else loader.discover(str(folder), "test_*.py")
result = unittest.TextTestRunner(verbosity=2).run(suite)
failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
if path := os.environ.get("ROKTCACHED_RESULT"):
    pathlib.Path(path).write_text(f"{result.testsRun - failed} {failed}")
sys.exit(0 if failed == 0 and result.testsRun > 0 else 1)
