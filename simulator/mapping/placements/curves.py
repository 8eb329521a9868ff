"""Cores along a curve: they fill a tile, then the next tile of the curve, chip after chip.

A snake goes through the chips as through the tiles of a chip, so that chips of neighbouring numbers are neighbours.
"""

from __future__ import annotations

import numpy as np

from simulator.arrays import Ints
from simulator.mapping.placements.site import Site


def in_order(site: Site) -> Ints:
    """Tiles row by row, each row from left to right."""
    return _routers(site, turns_back=False)


def snake(site: Site) -> Ints:
    """Tiles row by row, every other row from right to left; chips likewise."""
    return _routers(site, turns_back=True)


def _routers(site: Site, turns_back: bool) -> Ints:
    grid = site.chip.chip
    core = np.arange(site.n_chips * grid.n_cores, dtype=np.int64)
    chip_x, chip_y = _along(core // grid.n_cores, site.chips_x, turns_back)
    column, row = _along(core % grid.n_cores // grid.cores_per_tile, grid.tiles_x, turns_back)
    return (chip_y * grid.tiles_y + row) * site.mesh_x + chip_x * grid.tiles_x + column


def _along(number: Ints, width: int, turns_back: bool) -> tuple[Ints, Ints]:
    """Column and row of each number in rows of ``width``."""
    row, along = number // width, number % width
    back = (row % 2 == 1) & turns_back
    return np.where(back, width - 1 - along, along), row
