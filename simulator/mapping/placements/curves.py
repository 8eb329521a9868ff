"""Cores along a curve: they fill a tile, then the next tile of the curve, chip after chip."""

from __future__ import annotations

import numpy as np

from simulator.arrays import Ints
from simulator.mapping.placements.site import Site


def in_order(site: Site) -> Ints:
    """Tiles row by row, each row from left to right."""
    return _routers(site, turns_back=False)


def snake(site: Site) -> Ints:
    """Tiles row by row, every other row from right to left, so that neighbours in number are neighbours."""
    return _routers(site, turns_back=True)


def _routers(site: Site, turns_back: bool) -> Ints:
    grid = site.chip.chip
    core = np.arange(site.n_chips * grid.n_cores, dtype=np.int64)
    chip_no, tile = core // grid.n_cores, core % grid.n_cores // grid.cores_per_tile
    row, along = tile // grid.tiles_x, tile % grid.tiles_x
    back = (row % 2 == 1) & turns_back
    column = np.where(back, grid.tiles_x - 1 - along, along)
    x = chip_no % site.chips_x * grid.tiles_x + column
    y = chip_no // site.chips_x * grid.tiles_y + row
    return y * site.mesh_x + x
