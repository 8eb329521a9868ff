"""Links of the mesh: what a packet crosses under XY routing, and which links leave a chip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.config.chip import ChipConfig
from simulator.mapping.place import crosses_chip
from simulator.mapping.placement import Placement

Ints = NDArray[np.int64]

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

    @property
    def hops(self) -> Ints:
        """All links crossed."""
        return self.hop_x + self.hop_y + self.chip_hop


def crossings(senders: Ints, receivers: Ints, placement: Placement, chip: ChipConfig) -> Crossings:
    """Links crossed from ``senders`` to ``receivers`` (router numbers, broadcast against each other)."""
    sx, sy = senders % placement.mesh_x, senders // placement.mesh_x
    rx, ry = receivers % placement.mesh_x, receivers // placement.mesh_x
    out_x = np.abs(sx // chip.chip.tiles_x - rx // chip.chip.tiles_x)
    out_y = np.abs(sy // chip.chip.tiles_y - ry // chip.chip.tiles_y)
    return Crossings(np.abs(sx - rx) - out_x, np.abs(sy - ry) - out_y, out_x + out_y)


def link_timing(placement: Placement, chip: ChipConfig) -> tuple[Ints, Ints]:
    """Cycles beyond the router's own, and cycles per flit, of every output: two int64 [routers * 5]."""
    n = placement.mesh_x * placement.mesh_y
    extra = np.zeros((n, N_PORTS), np.int64)
    interval = np.ones((n, N_PORTS), np.int64)
    extra[:, 0:2] = chip.noc.extra_cycles_x
    extra[:, 2:4] = chip.noc.extra_cycles_y
    if chip.noc.chip_link is not None:
        leaves = chip_crossing_mask(placement, chip)
        extra[leaves] += chip.noc.chip_link.extra_cycles
        interval[leaves] = chip.noc.chip_link.cycles_per_flit
    return extra.ravel(), interval.ravel()


def chip_crossing_mask(placement: Placement, chip: ChipConfig) -> NDArray[np.bool_]:
    """Bool [routers, 5]: outputs whose link leaves the chip of its router."""
    mask = np.zeros((placement.mesh_x * placement.mesh_y, N_PORTS), np.bool_)
    for router in range(len(mask)):
        x, y = router % placement.mesh_x, router // placement.mesh_x
        mask[router, :4] = [crosses_chip(x, y, direction, chip) for direction in range(4)]
    return mask


def on_mesh(router: int, direction: int, placement: Placement) -> bool:
    """Whether the link of ``router`` in ``direction`` ends on the mesh (it does not at the edge)."""
    x, y = router % placement.mesh_x, router // placement.mesh_x
    return (x < placement.mesh_x - 1, x > 0, y < placement.mesh_y - 1, y > 0)[direction]


def link_frame(flits: Ints, wait_cycles: Ints, placement: Placement, chip: ChipConfig) -> pd.DataFrame:
    """One row per directed link of the mesh, see `SimResult.links`; both counts are int64 [routers * 5]."""
    crossing = chip_crossing_mask(placement, chip)
    ports = [
        (router, direction)
        for router in range(len(crossing))
        for direction in range(len(DIRECTIONS))
        if on_mesh(router, direction, placement)
    ]
    router, direction = np.array(ports, dtype=np.int64).reshape(-1, 2).T
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
        }
    )
