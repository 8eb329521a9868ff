"""Flits of multicast trees on every output in closed form: by hand, and as the routes of the engine have them."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.engine.network.link_flits import tree_flits
from simulator.engine.network.links import N_PORTS
from simulator.engine.network.trees import xy_tree
from simulator.mapping.grid import Grid


def test_a_tree_crosses_each_link_once():
    """From router 0 of a mesh of 3 x 2 to routers 2, 4 and 5: east twice, north at 1 and 2, into three tiles."""
    found = tree_flits(np.array([0]), np.array([7]), np.zeros(4, np.int64), np.array([2, 4, 5, 5]), Grid(3, 2))
    taken = {0 * N_PORTS, 1 * N_PORTS, 1 * N_PORTS + 2, 2 * N_PORTS + 2}
    into = {router * N_PORTS + 4 for router in (2, 4, 5)}
    assert set(np.flatnonzero(found).tolist()) == taken | into
    assert set(found[found > 0].tolist()) == {7}


@pytest.mark.parametrize("torus", [False, True])
def test_trees_are_those_of_the_engine(torus: bool):
    rng, grid = np.random.default_rng(3), Grid(5, 4, torus)
    roots, flits, tree_of = rng.integers(0, 20, 30), rng.integers(1, 9, 30), np.sort(rng.integers(0, 30, 120))
    receivers = rng.integers(0, 20, 120)
    expected = np.zeros(20 * N_PORTS, np.int64)
    for tree in np.unique(tree_of):
        outputs = xy_tree(int(roots[tree]), receivers[tree_of == tree], grid).outputs
        np.add.at(expected, outputs, flits[tree])
    assert tree_flits(roots, flits, tree_of, receivers, grid).tolist() == expected.tolist()
