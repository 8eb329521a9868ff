import pytest

from simulator.energy.prices import chip_prices
from simulator.errors import ConfigError
from simulator.sweep.groups import price_groups, timing_key
from simulator.sweep.space import Space, sweep_points

LANES, SRAM = "core.synapse.lanes", "core.sram.capacity"


def points(config, trace="hash"):
    return sweep_points(Space(config, dict.fromkeys(config.trace, trace)))


def values(config):
    return [tuple(point.values.values()) for point in points(config)]


def test_a_grid_has_all_combinations_the_last_axis_fastest(sweep):
    config = sweep({LANES: [1, 2, 4], SRAM: ["4 KiB", "8 KiB"]})
    assert values(config) == [(n, size) for n in (1, 2, 4) for size in ("4 KiB", "8 KiB")]


def test_a_zip_takes_the_values_side_by_side(sweep):
    config = sweep({LANES: [1, 2], SRAM: ["4 KiB", "8 KiB"]}, mode="zip")
    assert values(config) == [(1, "4 KiB"), (2, "8 KiB")]


def test_the_values_are_set_on_the_chip(sweep):
    [point] = points(sweep({LANES: [2], SRAM: ["8 KiB"], "noc.hop_x": ["7 pJ"]}))
    assert (point.chip.core.synapse.lanes, point.chip.core.sram.capacity) == (2, 8192)
    assert (point.chip.noc.hop_x.value, point.chip.noc.hop_x.grade) == (7.0, "assumed")
    assert point.overrides == (f"{LANES}=2", f"{SRAM}=8 KiB", "noc.hop_x=7 pJ")


def test_the_id_follows_chip_trace_and_code_alone(sweep, monkeypatch):
    def ids(config, trace="hash"):
        return [point.point_id for point in points(config, trace)]

    both = ids(sweep({LANES: [1, 2]}))
    assert len(set(both)) == 2
    assert ids(sweep({LANES: [2, 1]})) == both[::-1]  # the place in the sweep is no part of it
    assert set(ids(sweep({LANES: [1, 2]}), "other")).isdisjoint(both)
    monkeypatch.setattr("simulator.sweep.space.code_sha256", lambda: "other code")
    assert set(ids(sweep({LANES: [1, 2]}))).isdisjoint(both)


def test_two_spellings_of_one_chip_have_one_id(sweep):
    one, other = points(sweep({SRAM: ["4 KiB", "4096 B"]}))
    assert one.point_id == other.point_id


def test_values_that_are_wrong_together_are_told_before_anything_runs(sweep):
    """A lower bound of 1.65 pJ is right on the base (1.7 pJ), and not beside 1.6 pJ."""
    config = sweep({"noc.local": ["1.6 pJ"], "noc.local.low": ["0.5 pJ", "1.65 pJ"]})
    with pytest.raises(ConfigError) as error:
        points(config)
    assert error.value.problems == (
        "--set noc.local.low=1.65 pJ: found a bound above `value`, wanted low <= value "
        "(sweep 'small', point noc.local=1.6 pJ, noc.local.low=1.65 pJ)",
    )


@pytest.mark.parametrize(
    ("axes", "groups"),
    [
        ({"noc.hop_x": ["1 pJ", "2 pJ"]}, [2]),
        ({"chip.static_power": ["1 mW", "2 mW"], "sync.barrier.energy": ["1 pJ", "2 pJ"]}, [4]),
        ({"noc.chip_link.hop": ["1 pJ", "2 pJ"], LANES: [1, 2]}, [2, 2]),
        ({"noc.cycle": ["1 ns", "2 ns"]}, [1, 1]),
        ({"core.soma.every": ["timestep", "stage"]}, [1, 1]),
    ],
)
def test_only_points_that_differ_in_prices_share_a_simulation(sweep, axes, groups):
    made = points(sweep(axes))
    found = price_groups(made)
    assert [len(group) for group in found] == groups
    assert sorted(point.point_id for group in found for point in group) == sorted(point.point_id for point in made)


def test_the_timing_key_keeps_every_number_that_is_no_price(sweep):
    [point] = points(sweep({LANES: [2]}))
    key = timing_key(point.chip)
    assert key.count("priced") == len(chip_prices(point.chip))
    assert '"lanes": 2' in key
    assert "davies" not in key.replace('"source": "davies"', "")
