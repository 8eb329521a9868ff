"""Placement of blocks: consecutive cores on consecutive tiles of a snake through each chip, chips in a near square."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simulator.config.chip import ChipConfig
from simulator.errors import CapacityError
from simulator.mapping.capacity import ceil_div
from simulator.mapping.partition import partition
from simulator.mapping.placement import Block, Placement
from simulator.trace.trace import Trace

Ints = NDArray[np.int64]


def map_trace(trace: Trace, chip: ChipConfig) -> Placement:
    """Partition and place the program of ``trace`` on as many chips as it takes.

    Raises
    ------
    CapacityError
        When a limit of the chip file cannot be met: demand, bound, gap and what would help.
    """
    return place(partition(trace, chip), chip)


def place(blocks: tuple[Block, ...], chip: ChipConfig) -> Placement:
    """Put numbered blocks on the mesh; raises CapacityError when they need more than ``chip.max_chips`` chips."""
    n_chips = ceil_div(max(len(blocks), 1), chip.chip.n_cores)
    if n_chips > chip.chip.max_chips:
        bound = chip.chip.max_chips * chip.chip.n_cores
        raise CapacityError(
            f"{chip.name}: the trace needs {len(blocks)} cores, limit {bound} on {chip.chip.max_chips} chip(s)"
            f" ({len(blocks) - bound} cores over); raise chip.max_chips to {n_chips}, core.sram.capacity or core.limits"
        )
    chips_x = math.isqrt(n_chips - 1) + 1
    chips_y = ceil_div(n_chips, chips_x)
    return Placement(
        blocks=blocks,
        n_chips=n_chips,
        chips_x=chips_x,
        chips_y=chips_y,
        mesh_x=chips_x * chip.chip.tiles_x,
        mesh_y=chips_y * chip.chip.tiles_y,
        core_router=_core_routers(n_chips, chips_x, chip),
    )


def _core_routers(n_chips: int, chips_x: int, chip: ChipConfig) -> Ints:
    """Router of every core: cores fill a tile, tiles follow a snake so that neighbours in number are neighbours."""
    grid = chip.chip
    core = np.arange(n_chips * grid.n_cores, dtype=np.int64)
    chip_no, tile = core // grid.n_cores, core % grid.n_cores // grid.cores_per_tile
    row, along = tile // grid.tiles_x, tile % grid.tiles_x
    column = np.where(row % 2 == 0, along, grid.tiles_x - 1 - along)
    x = chip_no % chips_x * grid.tiles_x + column
    y = chip_no // chips_x * grid.tiles_y + row
    return y * (chips_x * grid.tiles_x) + x


def crosses_chip(x: Ints, y: Ints, direction: int, chip: ChipConfig) -> NDArray[np.bool_]:
    """Whether the links of routers (x, y) in ``direction`` (0 +x, 1 -x, 2 +y, 3 -y) leave their chip."""
    grid = chip.chip
    position, size = (x, grid.tiles_x) if direction < 2 else (y, grid.tiles_y)
    leaves: NDArray[np.bool_] = position % size == (size - 1 if direction % 2 == 0 else 0)
    return leaves
