#!/usr/bin/env python3
"""Runs the integration tests: all of them, or the modules named. Writes to $ROKTCACHED_RESULT how many passed and failed,
and below that the names of those that failed.

Tests mostly wait, so several modules run at once, each in a process and with ports of its own; one that is named alone runs
in this process.
"""
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

AT_ONCE = 6
# Begun first, so that none is left alone at the end.
LONGEST = ["test_upstream_limit", "test_purge", "test_separation", "test_cross_product", "test_slow_readers", "test_budget", "test_credentials",
           "test_token", "test_retries", "test_warming", "test_coalescing", "test_tls", "test_hostile_answers"]
FIRST_PORT, PORTS_EACH = 10_000, 300  # all below those that the system gives to outgoing connections

folder = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(folder))


def write_result(passed, failed, names):
    if path := os.environ.get("ROKTCACHED_RESULT"):
        pathlib.Path(path).write_text("\n".join([f"{passed} {failed}", *names]) + "\n")
    sys.exit(0 if failed == 0 and passed > 0 else 1)


class Result(unittest.TextTestResult):
    """Says what each test took."""

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        if (took := time.monotonic() - self.began) >= 1:
            self.stream.writeln(f"    in {took:.1f} s")


def run_here(names):
    result = unittest.TextTestRunner(verbosity=2, resultclass=Result).run(unittest.defaultTestLoader.loadTestsFromNames(names))
    bad = [test for test, _ in result.failures + result.errors] + result.unexpectedSuccesses
    write_result(result.testsRun - len(bad), len(bad), [test.id() for test in bad])


def run_module(number, name):
    """(passed, failed, names of those, output, seconds, of CPU) of one module, from a process of its own."""
    started = time.monotonic()
    with tempfile.NamedTemporaryFile() as result:
        environment = {**os.environ, "ROKTCACHED_RESULT": result.name,
                       "ROKTCACHED_TEST_PORTS": str(FIRST_PORT + number * PORTS_EACH)}
        with subprocess.Popen([sys.executable, __file__, name], env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as child:
            output = child.stdout.read()
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        counts, *names = pathlib.Path(result.name).read_text().splitlines() or ["0 1", name]
    passed, failed = map(int, counts.split())
    return passed, failed, names, output, time.monotonic() - started, used.ru_utime + used.ru_stime


def run_all(names):
    names = [name for name in LONGEST if name in names] + [name for name in names if name not in LONGEST]
    passed = failed = 0
    names_of_failed = []
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        running = {pool.submit(run_module, number, name): name for number, name in enumerate(names)}
        for done in concurrent.futures.as_completed(running):
            module_passed, module_failed, module_names, output, seconds, cpu = done.result()
            passed += module_passed
            failed += module_failed
            names_of_failed += module_names
            print(f"-- {running[done]}: {module_passed} passed, {module_failed} failed, {seconds:.0f} s, {cpu:.0f} s of CPU\n{output}", flush=True)
    write_result(passed, failed, names_of_failed)


wanted = sys.argv[1:]
if len(wanted) == 1:
    run_here(wanted)
else:
    run_all(wanted or sorted(path.stem for path in folder.glob("test_*.py")))
