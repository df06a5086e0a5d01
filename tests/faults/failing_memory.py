#!/usr/bin/env python3
"""Allocations fail, each of at least a size with a given chance: the daemon goes on, gives nothing wrong, loses nothing and recovers."""
import faulty_runs
import preload


def faults(dice):
    # There are many more of the small ones: with a high chance nothing else would happen.
    least = dice.choice((512, 4096, 16_384, 65_536, 1 << 20))
    return preload.Faults(least=least, chance=dice.choice((5_000, 20_000, 80_000) if least < 4096 else (10_000, 50_000, 250_000, 600_000)))


faulty_runs.main("Allocations fail", "failing_memory", faults, first_in_short=134, slowest_seconds=15)
