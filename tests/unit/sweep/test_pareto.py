import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simulator.sweep.pareto import pareto_mask

NAN = float("nan")


def front(*rows):
    return pareto_mask(np.array(rows, dtype=np.float64)).tolist()


def test_two_objectives_by_hand():
    """(3, 3) is beaten by (2, 2); (2, 5) by (1, 5), which is as good in the second and better in the first."""
    assert front((1, 5), (2, 2), (3, 3), (5, 1), (2, 5)) == [True, True, False, True, False]


def test_equal_points_are_both_kept():
    assert front((1, 1), (1, 1), (2, 1)) == [True, True, False]


def test_one_objective_keeps_the_smallest_and_its_ties():
    assert front((3,), (1,), (2,), (1,)) == [False, True, False, True]


def test_a_third_objective_keeps_what_two_would_drop():
    assert front((1, 1, 9), (2, 2, 1), (3, 3, 1)) == [True, True, False]


def test_an_unknown_cost_is_never_on_the_front_and_beats_nothing():
    assert front((NAN, 0), (5, 5), (0, NAN)) == [False, True, False]


def test_infinite_costs_are_costs():
    assert front((1, np.inf), (2, np.inf), (3, 0)) == [True, False, True]


def test_no_points():
    assert pareto_mask(np.zeros((0, 2))).tolist() == []


def dominates(a, b):
    """The definition, written out."""
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))


@given(arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=st.integers(0, 4)))
def test_the_front_is_what_no_point_dominates(costs):
    expected = [not any(dominates(other, point) for other in costs) for point in costs]
    assert pareto_mask(costs).tolist() == expected
