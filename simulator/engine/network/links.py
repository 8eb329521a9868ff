"""Links of the network: what a packet crosses under XY routing, and which links leave a chip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.mapping.placement import Placement

DIRECTIONS = ("+x", "-x", "+y", "-y")  # outputs 0..3 of a router; 4 ejects to a core of its tile
N_PORTS = 5


@dataclass(frozen=True)
class Crossings:
    """Links between pairs of routers by kind, int64 of any one shape.

    ``hop_x`` and ``hop_y`` stay on a chip, ``chip_hop`` leave one.
    """

    hop_x: Ints
    hop_y: Ints
    chip_hop: Ints

    def __getitem__(self, some: slice) -> Crossings:
        """The links of some of the pairs."""
        return Crossings(self.hop_x[some], self.hop_y[some], self.chip_hop[some])

    @property
    def hops(self) -> Ints:
        """All links crossed."""
        return self.hop_x + self.hop_y + self.chip_hop


def crossings(senders: Ints, receivers: Ints, placement: Placement) -> Crossings:
    """Links crossed from ``senders`` to ``receivers`` (router numbers, broadcast against each other)."""
    grid = placement.grid
    (x, y), (dx, dy) = grid.place(senders), grid.steps(senders, receivers)
    out_x = _chips_left(x, dx, placement.tiles_x, placement.chips_x)
    out_y = _chips_left(y, dy, placement.tiles_y, placement.chips_y)
    return Crossings(np.abs(dx) - out_x, np.abs(dy) - out_y, out_x + out_y)


def _chips_left(start: Ints, steps: Ints, tiles: int, chips: int) -> Ints:
    """Links that leave a chip on a path in one dimension, which may go on beyond the edge."""
    left: Ints = np.abs((start + steps) // tiles - start // tiles) * (chips > 1)
    return left


def link_timing(placement: Placement, chip: ChipConfig) -> tuple[Ints, Ints]:
    """Cycles beyond the router's own, and cycles per flit, of every output: two int64 [routers * 5]."""
    n = placement.mesh_x * placement.mesh_y
    extra = np.zeros((n, N_PORTS), np.int64)
    interval = np.ones((n, N_PORTS), np.int64)
    extra[:, 0:2] = chip.noc.extra_cycles_x
    extra[:, 2:4] = chip.noc.extra_cycles_y
    if chip.noc.chip_link is not None:
        leaves = chip_crossing_mask(placement)
        extra[leaves] += chip.noc.chip_link.extra_cycles
        interval[leaves] = chip.noc.chip_link.cycles_per_flit
    return extra.ravel(), interval.ravel()


def chip_crossing_mask(placement: Placement) -> NDArray[np.bool_]:
    """Bool [routers, 5]: outputs whose link leaves the chip of its router."""
    x, y = _coordinates(placement)
    mask = np.zeros((len(x), N_PORTS), np.bool_)
    for direction in range(len(DIRECTIONS)):
        if (placement.chips_x, placement.chips_y)[direction // 2] > 1:  # else no link that is used leaves a chip
            mask[:, direction] = placement.crosses_chip(x, y, direction)
    return mask


def has_link(placement: Placement) -> NDArray[np.bool_]:
    """Bool [routers, 4]: directions in which a router has a neighbour, on a mesh none beyond the edge."""
    x, y = _coordinates(placement)
    if placement.grid.torus:
        rings = np.array([placement.mesh_x, placement.mesh_x, placement.mesh_y, placement.mesh_y]) > 1
        return np.tile(rings, (len(x), 1))
    return np.stack([x < placement.mesh_x - 1, x > 0, y < placement.mesh_y - 1, y > 0], axis=1)


def _coordinates(placement: Placement) -> tuple[Ints, Ints]:
    """Column and row of every router, int64 [routers] each."""
    router = np.arange(placement.mesh_x * placement.mesh_y, dtype=np.int64)
    return router % placement.mesh_x, router // placement.mesh_x


def link_frame(
    flits: Ints, wait_cycles: Ints, peak_queue: Ints, total_ps: int, placement: Placement, chip: ChipConfig
) -> pd.DataFrame:
    """One row per directed link of the network, see `SimResult.links`; the three counts are int64 [routers * 5]."""
    interval = link_timing(placement, chip)[1]
    crossing = chip_crossing_mask(placement)
    router, direction = np.nonzero(has_link(placement))
    port = router * N_PORTS + direction
    return pd.DataFrame(
        {
            "router": router,
            "x": router % placement.mesh_x,
            "y": router // placement.mesh_x,
            "direction": np.array(DIRECTIONS)[direction],
            "crosses_chip": crossing[router, direction],
            "flits": flits[port],
            "wait_cycles": wait_cycles[port],
            "mean_wait_cycles": wait_cycles[port] / np.maximum(flits[port], 1),
            "peak_queue": peak_queue[port],
            "load": flits[port] * interval[port] * chip.noc.cycle.value / max(total_ps, 1),
        }
    )
