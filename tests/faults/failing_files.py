#!/usr/bin/env python3
"""File operations on the cache file fail or take long: the daemon goes on, gives nothing wrong, loses nothing and recovers."""
import faulty_runs
import preload

EIO, ENOSPC = 1, 2


def faults(dice):
    """Errors, delays, or both."""
    chosen = preload.Faults()
    how = dice.choice(("errors", "errors", "full", "delays", "both"))
    if how != "delays":
        chosen.kinds = ENOSPC if how == "full" else dice.choice((EIO, EIO | ENOSPC))
        chosen.chance = dice.choice((5_000, 50_000, 300_000, 1_000_000))
    if how in ("delays", "both"):
        chosen.delay_chance = dice.choice((20_000, 200_000))
        chosen.delay_ms = dice.choice((50, 400))
    return chosen


faulty_runs.main("File operations on the cache file fail or take long", "failing_files", faults, first_in_short=4, slowest_seconds=5)
