"""Placements: where on the mesh the cores stand. A new one is a module here and a line in `PLACEMENTS`."""

from __future__ import annotations

from collections.abc import Callable

from simulator.arrays import Ints
from simulator.mapping.placements.curves import in_order, snake
from simulator.mapping.placements.min_hops import min_hops
from simulator.mapping.placements.site import Site

# name in the chip file (`mapping.placement`) -> int64 [cores], the router of each core number
PLACEMENTS: dict[str, Callable[[Site], Ints]] = {
    "in_order": in_order,
    "snake": snake,
    "min_hops": min_hops,
}
