"""Times are 64-bit whole picoseconds: what is beyond 107 days is refused instead of wrapping round."""

from __future__ import annotations

import numpy as np

from simulator.arrays import Ints
from simulator.errors import CapacityError

MOST_PS = 2**63 - 1


def times_ps(count: Ints, ps: int) -> Ints:
    """``count`` times ``ps``; raises CapacityError where 64 bits do not hold it."""
    if count.size and float(count.max()) * ps > MOST_PS:
        raise _too_long(float(count.max()) * ps)
    return count * ps


def check_ps(parts: Ints) -> None:
    """Raise CapacityError unless these times, and their sum, are times of 64 bits."""
    total = float(parts.sum(dtype=np.float64))
    if total > MOST_PS or (parts.size and int(parts.min()) < 0):
        raise _too_long(total)


def _too_long(ps: float) -> CapacityError:
    found = f"about {ps / 1e12:.3g} s" if ps > MOST_PS else "a time beyond 64 bits"
    return CapacityError(
        f"the simulated time: found {found}, expected at most {MOST_PS / 1e12:.3g} s (64-bit picoseconds);"
        " make latencies of the chip shorter, or take fewer tokens"
    )
