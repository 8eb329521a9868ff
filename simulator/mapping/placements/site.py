"""What a placement has to work with: the mesh of the chips in use, and what travels between the cores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.mapping.grid import Grid
from simulator.mapping.traffic import Traffic


@dataclass(frozen=True)
class Site:
    """The ground that cores are placed on.

    Attributes
    ----------
    chip
        Its `chip` is the grid of one chip, its `mapping.seed` that of optimizers.
    n_chips, chips_x
        Chips in use, and how many stand side by side; the last row may be partly empty.
    traffic
        Makes the flits between cores; called by placements that ask for them, for it reads all counts of the trace.
    on_one_chip
        int64: cores that hold a block of a stage which lies on one chip as a whole. They stay on their chip.
    """

    chip: ChipConfig
    n_chips: int
    chips_x: int
    traffic: Callable[[], Traffic]
    on_one_chip: Ints

    @property
    def mesh_x(self) -> int:
        """Routers in a row of the whole mesh."""
        return self.chips_x * self.chip.chip.tiles_x

    @property
    def grid(self) -> Grid:
        """The routers of all these chips, as their links join them."""
        mesh_y = -(-self.n_chips // self.chips_x) * self.chip.chip.tiles_y
        return Grid(self.mesh_x, mesh_y, self.chip.noc.topology == "torus")
