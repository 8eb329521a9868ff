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
