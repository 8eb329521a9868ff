import json
from pathlib import Path

import pytest
from factories import chip_fields

from simulator.config.chip_files import chip_from_tree, chips_directory, load_chip
from simulator.config.chip_inheritance import shipped_chips
from simulator.energy.prices import chip_prices
from simulator.errors import ConfigError
from simulator.report.run_manifest import chip_sha256
from simulator.sweep.price_groups import price_groups, timing_key
from simulator.sweep.space import Space, sweep_points

LANES, SRAM = "core.synapse.lanes", "core.sram.capacity"
HOP, STATIC = "noc.hop_x", "chip.static_power"


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
    """A lower bound of 1.65 pJ is right on the base (1.7 pJ), and not with 1.6 pJ."""
    config = sweep({"noc.local": ["1.6 pJ"], "noc.local.low": ["0.5 pJ", "1.65 pJ"]})
    with pytest.raises(ConfigError) as error:
        points(config)
    assert error.value.problems == (
        "--set noc.local.low=1.65 pJ: found a bound above `value`, expected low <= value "
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


@pytest.mark.parametrize("base", sorted(shipped_chips(chips_directory())))
def test_every_price_of_every_chip_is_restated_as_its_file_would_be_read(sweep, base):
    """A chip of which only the prices were validated anew is the one that `--set` makes, to the last citation."""
    prices = [price.path for price in chip_prices(load_chip(base)).values()]
    axes = {
        path: ["1 mW", "3 mW"] if path == STATIC or path.startswith("static.") else ["1 pJ", "2.5 pJ"]
        for path in prices
    }
    for point in points(sweep(axes, mode="zip", base=base)):
        whole = load_chip(base, point.overrides)
        assert point.chip == whole
        assert chip_sha256(point.chip) == chip_sha256(whole)


def test_the_whole_chip_is_validated_once_for_all_its_prices(sweep, monkeypatch):
    whole = []
    monkeypatch.setattr(
        "simulator.sweep.space.chip_from_tree", lambda *args: whole.append(args) or chip_from_tree(*args)
    )
    assert len(points(sweep({LANES: [2, 4], HOP: ["1 pJ", "2 pJ", "3 pJ"]}))) == 6
    assert len(whole) == 1 + 2  # the base, then each number of lanes


def test_a_price_that_another_is_made_from_moves_that_one(sweep):
    fields = chip_fields()
    made = {"model": "scaled", "energy": f"{HOP}.value", "node": "14 nm", "voltage": 0.75, "source": "toy"}
    fields["noc"]["hop_y"] = made | {"to_node": "14 nm", "to_voltage": 0.75}
    config = sweep({HOP: ["1 pJ", "2 pJ"]})
    Path("toy.yaml").write_text(json.dumps(fields))
    first, second = (point.chip.noc for point in points(config))
    assert (first.hop_y.value, second.hop_y.value) == (1.0, 2.0)


def test_a_bound_on_an_axis_of_its_own_stays_beside_its_price(sweep):
    config = sweep({HOP: ["2 pJ", "3 pJ"], f"{HOP}.low": ["1 pJ"]})
    assert [(p.chip.noc.hop_x.value, p.chip.noc.hop_x.low) for p in points(config)] == [(2.0, 1.0), (3.0, 1.0)]


@pytest.mark.parametrize("wrong", ["2", "-1 pJ", "1 ns", "nan pJ"])
def test_a_wrong_price_is_told_in_the_same_words_wherever_it_stands(sweep, wrong):
    stated = []
    for prices in (["1 pJ", wrong], [wrong, "1 pJ"]):
        with pytest.raises(ConfigError) as error:
            points(sweep({HOP: prices}))
        stated.append(error.value.problems)
    assert stated[0] == stated[1]


def test_values_that_python_calls_equal_are_not_taken_for_one_another(sweep):
    config = sweep({LANES: [1, True], HOP: ["1 pJ", "2 pJ"]})
    space = Space(config, dict.fromkeys(config.trace, "hash"))
    space.point({LANES: 1, HOP: "1 pJ"})
    with pytest.raises(ConfigError, match="found true, expected a whole number"):
        space.point({LANES: True, HOP: "2 pJ"})
