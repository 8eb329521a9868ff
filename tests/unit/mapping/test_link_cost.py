"""What a flit costs on its way, with links between chips, by hand."""

import numpy as np
import pytest

from simulator.mapping.grid import Grid
from simulator.mapping.placements.link_cost import LinkCost


@pytest.mark.parametrize(
    ("start", "stop", "cost"),
    [
        ((0, 0), (1, 1), 2),
        ((0, 0), (2, 0), 2 + 9),
        ((0, 0), (3, 3), 6 + 2 * 9),
        ((1, 0), (2, 0), 1 + 9),
        ((3, 1), (3, 2), 10),
    ],
)
def test_a_link_between_chips_costs_as_much_as_given(start, stop, cost):
    """Two by two chips of 2 x 2 routers; a link between chips costs 10 hops."""
    grid = Grid(4, 4)
    links = LinkCost(grid, (2, 2), 10.0)
    at = [np.array([y * 4 + x]) for x, y in (start, stop)]
    assert links.between(*at).tolist() == [cost]
    assert links.between(at[1], at[0]).tolist() == [cost]


def test_one_chip_has_no_link_between_chips():
    links = LinkCost(Grid(2, 2), (2, 2), 10.0)
    assert links.between(np.array([0]), np.array([3])).tolist() == [2]


def test_routers_of_a_chip_have_its_number():
    links = LinkCost(Grid(4, 2), (2, 2), 10.0)
    numbers = links.chip_of(np.arange(8)).tolist()
    assert numbers == [0, 0, 1, 1, 0, 0, 1, 1]


def test_chips_of_other_rows_have_other_numbers():
    """2 x 2 chips of 3 x 2 routers: six routers to each of four numbers."""
    numbers = LinkCost(Grid(6, 4), (3, 2), 10.0).chip_of(np.arange(24)).reshape(4, 6)
    corners = [numbers[y, x] for y in (0, 2) for x in (0, 3)]
    assert len(set(corners)) == 4
    assert (numbers == np.kron(np.reshape(corners, (2, 2)), np.ones((2, 3), int))).all()


def test_round_a_ring_the_outer_chips_are_neighbours():
    """4 x 2 routers, chips of 2 x 1: from the first to the last column is one link, between chips."""
    links = LinkCost(Grid(4, 2, torus=True), (2, 1), 5.0)
    assert links.between(np.array([0, 0, 0]), np.array([3, 7, 1])).tolist() == [5, 10, 1]


def test_the_ring_of_one_chip_leaves_no_chip():
    links = LinkCost(Grid(4, 1, torus=True), (4, 1), 5.0)
    assert links.between(np.array([0]), np.array([3])).tolist() == [1]
