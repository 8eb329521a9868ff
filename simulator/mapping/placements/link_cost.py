"""What a flit costs between two routers: links within a chip count as one each, links between chips as what they cost.

The cost of a link between chips is the mean of two ratios to a link within a chip: its energy, and the cycles that it
takes for a flit and until it takes the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.arrays import F64, Ints
from simulator.config.chip import ChipConfig
from simulator.mapping.grid import Grid
from simulator.mapping.placements.site import Site

ROUTER_CYCLES = {"P": 3, "N": 4, "R": 5, "V": 4}  # of one hop, docs/network_timing.md


@dataclass(frozen=True)
class LinkCost:
    """Links of a grid of chips.

    Attributes
    ----------
    grid
        All routers.
    tiles
        Routers of one chip in x and in y.
    between_chips
        Cost of a link that leaves a chip, in links within one.
    """

    grid: Grid
    tiles: tuple[int, int]
    between_chips: float

    @classmethod
    def of(cls, site: Site) -> LinkCost:
        """The links of a site."""
        return cls(site.grid, (site.chip.chip.tiles_x, site.chip.chip.tiles_y), chip_link_cost(site.chip))

    def between(self, start: Ints, stop: Ints) -> F64:
        """Cost of a flit from ``start`` to ``stop`` (router numbers, of one shape)."""
        chips = [np.abs((at + d) // n - at // n) * (side > n) for at, d, n, side in self._ways(start, stop)]
        hops = self.grid.hops(start, stop)
        cost: F64 = hops + (self.between_chips - 1) * (chips[0] + chips[1]).astype(np.float64)
        return cost

    def chip_of(self, router: Ints) -> Ints:
        """A number for the chip on which each router stands."""
        x, y = self.grid.place(router)
        return y // self.tiles[1] * self.grid.x + x // self.tiles[0]

    def _ways(self, start: Ints, stop: Ints) -> list[tuple[Ints, Ints, int, int]]:
        """Place, signed hops, routers of a chip and of all chips, in x and in y."""
        sides = self.grid.x, self.grid.y
        return list(zip(self.grid.place(start), self.grid.steps(start, stop), self.tiles, sides, strict=True))


def chip_link_cost(chip: ChipConfig) -> float:
    """Cost of a flit over a link between chips, in links within a chip; at least 1."""
    noc, link = chip.noc, chip.noc.chip_link
    if link is None:
        return 1.0
    cycles = ROUTER_CYCLES[noc.router] + (noc.extra_cycles_x + noc.extra_cycles_y) / 2
    ratios = [(cycles + link.extra_cycles + link.cycles_per_flit) / (cycles + 1)]
    pj = ((noc.hop_x.value or 0.0) + (noc.hop_y.value or 0.0)) / 2
    if pj and link.hop.value is not None:
        ratios.append(link.hop.value / pj)
    return max(1.0, sum(ratios) / len(ratios))
