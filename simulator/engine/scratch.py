"""Work arrays of the spike kernels."""

from __future__ import annotations

import numpy as np

from simulator.arrays import Ints
from simulator.engine.kernels.timesteps import Packets, Scratch


def scratch(most: int, flits: int = 1) -> Scratch:
    """Work arrays of `run_timesteps` for at most ``most`` packets at a time, each of so many ``flits``."""

    def field() -> Ints:
        return np.empty(max(most, 1), np.int64)

    def packets() -> Packets:
        return field(), field(), field(), field()

    flits_of = np.full(max(most, 1), flits, np.int64)
    return packets(), packets(), field(), field(), field(), flits_of, field()
