"""Static power by part, and what is left of it when idle parts are switched off, by hand."""

import dataclasses

import pytest
from factories import make_chip, make_placement, make_result, make_trace, price

from simulator.actions import ACTIONS
from simulator.config import load_chip
from simulator.energy.ledger import build_ledger
from simulator.energy.prices import find_price, static_power_w
from simulator.energy.static_parts import PARTS
from simulator.engine.result import CHIP

# 2 x 4 tiles of 2 cores; 4 lanes, 64 neurons with accumulators of 24 bits, 2 vector lanes: 128 mW in parts of cores.
FIGURES = {
    "core": "1 mW",  # x 16 = 16 mW
    "lanes": "0.5 mW",  # x 64 = 32 mW
    "sram": "2 mW",  # x 16 = 32 mW
    "accumulators": "0.5 uW",  # x 24576 = 12.288 mW
    "vector": "0.25 mW",  # x 32 = 8 mW
    "memory": "1.732 mW",  # x 16 = 27.712 mW
    "router": "3 mW",  # x 8 = 24 mW
    "base": "7 mW",
    "dram": "5 mW",
}
TOTAL_PS = 1_000_000


def chip_of_parts(**changes):
    figures = {name: price(value) for name, value in FIGURES.items()}
    return make_chip(chip__static_power=None, static=figures, **changes)


def ledger_of(chip, uses_dram=False, chips=2, **awake):
    """The static rows of 1 us on two chips: action -> (chip-ps, pJ)."""
    trace = make_trace()
    made = make_result(trace, chip, make_placement(trace, chip))
    result = dataclasses.replace(
        made, action_counts=(), total_ps=TOTAL_PS, static_ps=chips * TOTAL_PS, uses_dram=uses_dram, **awake
    )
    rows = build_ledger(result, chip).rows
    assert set(rows["owner"]) == {CHIP}
    return {row.action: (row.count, row.energy_pj) for row in rows.itertuples()}


def energy(rows):
    return sum(pj for _, pj in rows.values())


def test_each_part_draws_its_power_over_the_whole_time_of_all_chips():
    rows = ledger_of(chip_of_parts())
    assert set(rows) == {*FIGURES} - {"dram"}
    assert {count for count, _ in rows.values()} == {2 * TOTAL_PS}
    assert rows["lanes"][1] == pytest.approx(0.032 * 2 * TOTAL_PS)
    assert rows["accumulators"][1] == pytest.approx(0.012288 * 2 * TOTAL_PS)
    assert rows["router"][1] == pytest.approx(0.024 * 2 * TOTAL_PS)
    assert energy(rows) == pytest.approx((0.128 + 0.024 + 0.007) * 2 * TOTAL_PS)


def test_dram_is_on_standby_where_the_run_uses_it():
    assert ledger_of(chip_of_parts(), uses_dram=True)["dram"] == (2 * TOTAL_PS, pytest.approx(0.005 * 2 * TOTAL_PS))
    assert static_power_w(chip_of_parts(), dram=True) - static_power_w(chip_of_parts()) == pytest.approx(0.005)


@pytest.mark.parametrize(
    ("change", "milliwatts"),
    [
        ({"chip__tiles_x": 4}, 128 + 24),  # twice the cores and routers
        ({"chip__cores_per_tile": 4}, 128),
        ({"core__synapse__lanes": 8}, 32),
        ({"core__dendrite__accumulators_per_core": 128}, 12.288),
        ({"core__dendrite__accumulator_bits": "48 bit"}, 12.288),
        ({"vector__lanes": 4}, 8),
    ],
)
def test_a_larger_chip_leaks_more(change, milliwatts):
    more = static_power_w(chip_of_parts(**change)) - static_power_w(chip_of_parts())
    assert more == pytest.approx(milliwatts / 1000)


def test_idle_cores_are_switched_off():
    """Of 32 cores one is at work half of the time and one all of it: 1.5 / 32 of 2 us x 128 mW; routers stay on."""
    rows = ledger_of(chip_of_parts(chip__gating="core"), awake_core_ps=TOTAL_PS * 3 // 2, awake_chip_ps=TOTAL_PS)
    awake = TOTAL_PS * 3 // 2 // 16
    assert rows["core"][0] == rows["memory"][0] == awake == 93_750
    assert (rows["router"][0], rows["base"][0]) == (2 * TOTAL_PS, 2 * TOTAL_PS)
    assert energy(rows) == pytest.approx(0.128 * awake + 0.031 * 2 * TOTAL_PS)


def test_a_core_that_is_switched_off_draws_what_it_retains():
    """10 % of 1,906,250 chip-ps: 190,625 next to 93,750."""
    chip = chip_of_parts(chip__gating="core", chip__retention=0.1)
    rows = ledger_of(chip, awake_core_ps=TOTAL_PS * 3 // 2, awake_chip_ps=TOTAL_PS)
    assert rows["lanes"][0] == 93_750 + 190_625


def test_idle_chips_are_switched_off_with_their_routers_but_not_the_board():
    chip = chip_of_parts(chip__gating="chip", chip__retention=0.25)
    rows = ledger_of(chip, uses_dram=True, awake_core_ps=1, awake_chip_ps=1_200_000)
    on = 1_200_000 + 200_000
    assert (rows["core"][0], rows["router"][0], rows["base"][0], rows["dram"][0]) == (on, on, 2_000_000, 2_000_000)


def test_one_figure_is_switched_off_with_its_chip():
    chip = make_chip(chip__gating="chip", chip__retention=0.5)
    assert ledger_of(chip, awake_chip_ps=1_000_000) == {"power": (1_500_000, pytest.approx(0.002 * 1_500_000))}


def test_everything_retained_is_no_gating():
    full = ledger_of(chip_of_parts())
    for gating in ("core", "chip"):
        chip = chip_of_parts(chip__gating=gating, chip__retention=1.0)
        assert ledger_of(chip, awake_core_ps=5, awake_chip_ps=7) == full


def test_the_note_says_of_how_many_parts_a_figure_is_or_that_it_is_one():
    parts = find_price(chip_of_parts(), "static.lanes").note
    whole = find_price(load_chip("loihi-like"), "static.power").note
    assert parts.startswith("0.0005 W per lane x 64")
    assert whole.startswith("one figure for the whole chip, which does not scale with its size. 3.34 W / 32 chips")


def test_every_static_action_is_a_part():
    assert set(PARTS) == {name for name, action in ACTIONS.items() if action.component == "static"}


def test_phases_share_out_the_time_at_work_and_add_up():
    trace, chip = make_trace(), make_chip()
    made = make_result(trace, chip, make_placement(trace, chip))
    ps = {"prefill": made.total_ps // 3, "decode": made.total_ps - made.total_ps // 3}
    counts = dict.fromkeys(ps, ())
    result = dataclasses.replace(made, phase_ps=ps, phase_counts=counts, awake_core_ps=1_000_003, awake_chip_ps=77)
    parts = [result.of_phase(phase) for phase in ps]
    assert sum(part.awake_core_ps for part in parts) == 1_000_003
    assert sum(part.awake_chip_ps for part in parts) == 77
    assert all(part.awake_core_ps >= 0 for part in parts)
