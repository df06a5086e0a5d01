#!/usr/bin/env python3
"""Allocations fail, each of at least a size with a given chance: the daemon goes on, gives nothing wrong, loses nothing and recovers."""
import faulty_runs
import preload


def faults(dice):
    return preload.Faults(least=dice.choice((4096, 16_384, 65_536, 1 << 20)), chance=dice.choice((10_000, 50_000, 250_000, 600_000)))


faulty_runs.main("Allocations fail", "failing_memory", faults, first_in_short=26, slowest_seconds=15)
