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


def tolerant(rows, tolerance):
    return pareto_mask(np.array(rows, dtype=np.float64), tolerance).tolist()


def test_a_difference_within_the_tolerance_is_none():
    """0.008 % less energy is none, so both stay; 2 % more time for it is too much."""
    assert tolerant([(1.0, 5), (1.00008, 5), (2, 6)], 0.0) == [True, False, False]
    assert tolerant([(1.0, 5), (1.00008, 5), (2, 6)], 0.005) == [True, True, False]
    assert tolerant([(1.0, 5.1), (1.00008, 5)], 0.005) == [False, True]


def test_no_points_beat_each_other_in_a_circle():
    """Each is 1.5 tolerances below the next in one objective and within the tolerance in the others."""
    step = 1.01**0.75
    circle = [(1, step, step**2), (step**2, 1, step), (step, step**2, 1)]
    assert any(tolerant(circle, 0.01))


@given(
    arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=st.floats(-5, 5)),
    st.sampled_from([0.0, 0.005, 0.1, 0.5]),
)
def test_some_point_is_always_left_and_what_beats_all_is_on_the_front(costs, tolerance):
    found = pareto_mask(costs, tolerance)
    assert found.any()
    far = costs.min(axis=0) - 10 * (1 + np.abs(costs).max())
    assert pareto_mask(np.vstack([costs, far]), tolerance).tolist() == [*[False] * len(costs), True]


@given(arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=st.floats(0.1, 5)))
def test_what_is_left_out_is_worse_than_the_tolerance(costs):
    """Every point off the front has one on it or off it that is better by more than the tolerance in an objective."""
    found = pareto_mask(costs, 0.05)
    for point in costs[~found]:
        assert ((point - costs > 0.05 * np.minimum(point, costs)).any(axis=1)).any()
