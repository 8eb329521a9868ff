"""Time of a chip-wide barrier."""

from __future__ import annotations

import numpy as np

from simulator.config.chip import Barrier


def barrier_ps(barrier: Barrier, tiles_used: int) -> int:
    """Barrier latency with ``tiles_used`` tiles: linear between the points of the chip file, constant outside them."""
    tiles = [point.tiles for point in barrier.latency]
    values = [point.value for point in barrier.latency]
    return round(float(np.interp(tiles_used, tiles, values)))
