import pytest

from simulator.config.sweep_axes import Range
from simulator.sweep.sampling import combinations, value_at

LANES, SRAM = "core.synapse.lanes", "core.sram.capacity"
RANGES = {LANES: {"low": 1, "high": 16}, SRAM: {"low": "1 KiB", "high": "16 KiB", "scale": "log"}}


@pytest.mark.parametrize("mode", ["sobol", "lhs"])
def test_samples_follow_the_seed_and_lie_between_the_ends(sweep, mode):
    points = list(combinations(sweep(RANGES, mode=mode, samples=16)))
    assert points == list(combinations(sweep(RANGES, mode=mode, samples=16)))
    assert points != list(combinations(sweep(RANGES, mode=mode, samples=16, seed=1)))
    assert all(1 <= point[LANES] <= 16 for point in points)
    assert all(1024 <= int(point[SRAM].removesuffix(" B")) <= 16384 for point in points)


def test_a_latin_hypercube_takes_every_value_of_a_list_equally_often(sweep):
    points = list(combinations(sweep({LANES: [1, 2, 4, 8], SRAM: RANGES[SRAM]}, mode="lhs", samples=12)))
    assert sorted(point[LANES] for point in points) == sorted([1, 2, 4, 8] * 3)


def test_sobol_covers_both_halves_of_every_axis_equally(sweep):
    """Any first power of two of a Sobol sequence is balanced in each dimension."""
    points = list(combinations(sweep({LANES: [1, 2], SRAM: RANGES[SRAM]}, mode="sobol", samples=8)))
    assert [point[LANES] for point in points].count(1) == 4
    assert sum(int(point[SRAM].removesuffix(" B")) < 4096 for point in points) == 4  # the middle of a log scale


def test_a_value_is_drawn_once(sweep):
    assert len(list(combinations(sweep({LANES: [1, 2]}, mode="lhs", samples=40)))) == 2


def test_true_and_1_are_not_one_value(sweep):
    assert len(list(combinations(sweep({"noc.multicast": [1, True]})))) == 2


def test_several_traces_are_one_more_axis(sweep):
    points = list(combinations(sweep({LANES: [1, 2]}, trace=["a.npz", "b.npz"])))
    assert points == [{LANES: n, "trace": t} for n in (1, 2) for t in ("a.npz", "b.npz")]


@pytest.mark.parametrize(("fraction", "value"), [(0.0, "a"), (0.49, "a"), (0.5, "b"), (0.999, "b")])
def test_the_values_of_a_list_take_equal_parts(fraction, value):
    assert value_at(("a", "b"), fraction) == value


@pytest.mark.parametrize(
    ("ends", "middle"),
    [({"low": 1, "high": 4}, 2), ({"low": 1.0, "high": 4}, 2.5), ({"low": "1 pJ", "high": "4 nJ"}, "2000.5 pJ")],
)
def test_what_lies_between_the_ends_of_a_range(ends, middle):
    assert Range.model_validate(ends).at(0.5) == middle
