"""Annealing of a placement: which swaps it grants, and that it finds more than greedy swaps do."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from factories import make_chip

from simulator.config.chip import Mapping
from simulator.mapping.grid import Grid
from simulator.mapping.place import map_trace
from simulator.mapping.placements.link_cost import LinkCost
from simulator.mapping.placements.min_hops import SwapSearch
from simulator.mapping.traffic import traffic
from simulator.trace.synthetic import synthetic_trace


def test_two_cores_that_talk_gain_nothing_by_a_swap_with_each_other():
    """Each alone would save 5 flits x 1 hop at the place of the other; together they keep their distance."""
    links = LinkCost(Grid(2, 1), (2, 1), 1.0)
    search = SwapSearch(np.array([0]), np.array([1]), np.array([5]), links, np.array([0, 0]))
    place, generator = np.array([0, 1]), np.random.Generator(np.random.PCG64(0))
    for _ in range(20):
        assert search.swap(place, 0.0, 1.0, generator).tolist() == [0, 1]


def improved(search: SwapSearch, place: list[int]) -> list[int]:
    """Where the cores stand after rounds that grant gains alone."""
    at, generator = np.array(place), np.random.Generator(np.random.PCG64(0))
    for _ in range(60):
        at = search.swap(at, 0.0, 1e-9, generator)
    return at.tolist()


def test_cores_that_stay_on_their_chips_meet_at_its_edge():
    """Two chips of two tiles; cores 0 and 3 talk from the far ends of a row, and each moves to the border."""
    links = LinkCost(Grid(4, 1), (2, 1), 5.0)
    search = SwapSearch(np.array([0]), np.array([3]), np.array([5]), links, np.array([0, 0, 1, 1]))
    assert search.cost(np.arange(4)).tolist() == [5 * (2 + 5)]
    assert improved(search, [0, 1, 2, 3]) == [1, 0, 3, 2]


def test_a_core_that_is_the_last_on_the_mesh_swaps_too():
    """Two cores to a tile; only a swap with core 2, the last on tile 1, brings core 0 to its partner."""
    links = LinkCost(Grid(2, 1), (2, 1), 1.0)
    search = SwapSearch(np.array([0]), np.array([1]), np.array([5]), links, np.array([-1, 0, -1]))
    place = improved(search, [0, 1, 1])
    assert place[0] == place[1]
    assert sorted(place) == [0, 1, 1]


def annealed_cost(seed: int) -> int:
    """Flits x hops of a placement by annealing: one core per tile, 30 and 24 blocks in two layers."""
    chip = make_chip(
        chip__tiles_x=8,
        chip__tiles_y=8,
        chip__cores_per_tile=1,
        core__limits={"axons_in": 8, "neurons": 8},
        mapping=Mapping(placement="min_hops", seed=seed).model_dump(),
    )
    trace = synthetic_trace("poisson", [40, 48, 32], tokens=1, seed=1)
    mapped = map_trace(trace, chip)
    placement, found = mapped.placement, traffic(trace, mapped.placement.blocks, chip)
    at, to = placement.core_router[found.from_core], placement.core_router[found.to_core]
    return int((found.flits * placement.grid.hops(at, to)).sum())


def test_annealing_finds_shorter_routes_than_greedy_swaps(monkeypatch: pytest.MonkeyPatch):
    """Over several seeds: swaps that raise the cost at first lead out of local minima."""
    warm = [annealed_cost(seed) for seed in range(6)]
    monkeypatch.setattr(import_module("simulator.mapping.placements.min_hops"), "WARMTH", 0.0)
    greedy = [annealed_cost(seed) for seed in range(6)]
    print(warm, greedy)
    assert sum(warm) < sum(greedy)
