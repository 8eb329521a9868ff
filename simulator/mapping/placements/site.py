"""What a placement has to work with: the mesh of the chips in use, and what travels between the cores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.config.chip import ChipConfig
from simulator.mapping.traffic import Traffic

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Site:
    """The ground that cores are placed on.

    Attributes
    ----------
    chip
        Its `chip` is the grid of one chip, its `mapping.seed` that of optimizers.
    n_chips, chips_x
        Chips in use, and how many stand side by side.
    traffic
        Makes the flits between cores; called by placements that ask for them, for it reads all counts of the trace.
    """

    chip: ChipConfig
    n_chips: int
    chips_x: int
    traffic: Callable[[], Traffic]

    @property
    def mesh_x(self) -> int:
        """Routers in a row of the whole mesh."""
        return self.chips_x * self.chip.chip.tiles_x
