"""Cores where their traffic is short: swaps of cores, annealed, that lower the cost of all links that packets cross.

Every round each core looks at the place where its traffic balances (the mean place of its partners, weighted by
flits) and asks to swap with whoever stands near it. The change of each swap is computed as if no other were
made; those that lower the cost, or raise it by less than the temperature allows, are made together, and the best
placement met is kept. Rounds are array work over the pairs of cores that talk, so the time grows with their number.

A core of a stage that lies on one chip stays on this chip.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.arrays import F64, Ints
from simulator.mapping.placements.curves import snake
from simulator.mapping.placements.link_cost import LinkCost
from simulator.mapping.placements.site import Site

ROUNDS = 240
WARMTH = 0.5  # first temperature, in mean cost of a core


def min_hops(site: Site) -> Ints:
    """Routers of the cores after annealing from the snake; the same for the same seed, never worse than the snake."""
    place = snake(site)
    traffic = site.traffic()
    if not len(traffic.flits):
        return place
    home = np.full(len(place), -1, np.int64)
    home[site.on_one_chip] = site.on_one_chip // site.chip.chip.n_cores
    links = LinkCost.of(site)
    search = SwapSearch(traffic.from_core, traffic.to_core, traffic.flits, links, home)
    generator = np.random.Generator(np.random.PCG64(site.chip.mapping.seed))
    best, best_cost = place, search.cost(place).sum()
    reach = max(site.mesh_x, len(place) // (site.mesh_x * site.chip.chip.cores_per_tile) + 1)
    for round_no in range(ROUNDS):
        cooled = 1 - round_no / ROUNDS
        temperature = WARMTH * cooled**2 * best_cost / len(place)
        place = search.swap(place, temperature, max(1.0, reach * cooled**2 / 4), generator)
        cost = search.cost(place).sum()
        if cost < best_cost:
            best, best_cost = place, cost
    return best


@dataclass(frozen=True)
class SwapSearch:
    """Pairs of cores that talk, each pair once from either side, and the links between the places they stand on.

    Attributes
    ----------
    from_core, to_core, flits
        int64 [pairs].
    links
        Cost of a flit between two routers.
    chip
        int64 [cores]: the chip on which each core stays; -1 for one that may go anywhere.
    """

    from_core: Ints
    to_core: Ints
    flits: Ints
    links: LinkCost
    chip: Ints

    @property
    def n(self) -> int:
        """Cores."""
        return len(self.chip)

    def cost(self, place: Ints) -> F64:
        """Flits x links of each pair, each link at its cost."""
        total: F64 = self.links.between(place[self.from_core], place[self.to_core]) * self.flits
        return total

    def swap(self, place: Ints, temperature: float, jitter: float, generator: np.random.Generator) -> Ints:
        """One round: the placement after all swaps that were granted."""
        one, other = self._pairs(place, jitter, generator)
        partner = np.arange(self.n)
        partner[one], partner[other] = other, one
        change = self._change(place, partner)
        gain = change[one] + change[other]
        granted = gain < temperature * generator.standard_exponential(len(one))
        moved = place.copy()
        moved[one[granted]], moved[other[granted]] = place[other[granted]], place[one[granted]]
        return moved

    def _pairs(self, place: Ints, jitter: float, generator: np.random.Generator) -> tuple[Ints, Ints]:
        """Disjoint pairs of cores: each one that asks, in random order, with one that stands where it wants to be."""
        want = self._wanted(place, jitter, generator)
        order = np.argsort(place, kind="stable")
        at = np.searchsorted(place[order], want)
        other = order[np.minimum(at + generator.integers(0, 4, self.n), self.n - 1)]
        one = generator.permutation(self.n)
        other = other[one]
        allowed = self._may_swap(place, one, other)
        one, other = one[allowed], other[allowed]
        asked = np.arange(len(one))
        rank = np.full(self.n, 2 * self.n)
        np.minimum.at(rank, one, asked)
        np.minimum.at(rank, other, asked)
        free = (rank[one] == asked) & (rank[other] == asked) & (one != other)
        return one[free], other[free]

    def _may_swap(self, place: Ints, one: Ints, other: Ints) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether both of each pair may stand where the other does."""
        chip_of = self.links.chip_of(place)
        free = (self.chip[one] < 0) & (self.chip[other] < 0)
        allowed: np.ndarray[tuple[int], np.dtype[np.bool_]] = free | (chip_of[one] == chip_of[other])
        return allowed

    def _wanted(self, place: Ints, jitter: float, generator: np.random.Generator) -> Ints:
        """The router near which the traffic of each core balances; cores without traffic want to stay."""
        grid = self.links.grid
        ends, partners = np.concatenate([self.from_core, self.to_core]), np.concatenate([self.to_core, self.from_core])
        weight = np.concatenate([self.flits, self.flits]).astype(np.float64)
        total = np.bincount(ends, weight, self.n)
        axes = []
        for axis, steps, size in zip(
            grid.place(place), grid.steps(place[ends], place[partners]), self.links.tiles, strict=True
        ):
            mean = np.bincount(ends, weight * (axis[ends] + steps), self.n) / np.maximum(total, 1e-300)
            mean = np.where(total > 0, mean, axis) + generator.normal(0, jitter, self.n)
            nearest = np.rint(mean).astype(np.int64)
            nearest = nearest if grid.torus else np.clip(nearest, 0, axis.max())
            first = axis // size * size  # of the chip where a core stands
            axes.append(np.where(self.chip < 0, nearest, np.clip(nearest, first, first + size - 1)))
        return grid.router(axes[0], axes[1])

    def _change(self, place: Ints, partner: Ints) -> F64:
        """By how much the cost of the pairs of each core changes when it alone stands where its partner stands.

        A pair of cores that swap with each other keeps its distance and does not count.
        """
        moved = place[partner]
        change = np.zeros(self.n)
        together = partner[self.from_core] == self.to_core
        for one, other in ((self.from_core, self.to_core), (self.to_core, self.from_core)):
            before, after = (self.links.between(at[one], place[other]) for at in (place, moved))
            change += np.bincount(one, np.where(together, 0, after - before) * self.flits, self.n)
        return change
