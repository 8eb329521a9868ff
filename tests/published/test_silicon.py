"""Measurements on real chips, replayed through the engine and the ledger with the shipped chip files.

Targets: 20 % for Loihi, 2 % for TrueNorth's held-out point and for ODIN. The Loihi search misses its target under the
chip file's own reading of an active neuron update and meets it under the other one; both are pinned to what they are.
Loihi 2 has no published energies and no target: its cases show the gap.
"""

import pytest

from simulator.config import load_chip
from simulator.energy.silicon import run_case, silicon_notes, silicon_table
from simulator.energy.silicon_cases import loihi2_llm_generate, odin, silicon_cases, truenorth

CASES = {case.name: case for case in silicon_cases()}


@pytest.fixture(scope="module")
def search():
    return run_case(CASES["k-NN search, active where input arrives"])


def test_frady_2020_search_by_hand(search):
    """708 spikes x 76,800 x 23.6 pJ and 76,800 x 60 updates x 81 pJ are 1.6565 mJ; hops and barriers add 0.3 %."""
    by_hand = (708 * 76_800 * 23.6 + 76_800 * 60 * 81) * 1e-9
    assert by_hand == pytest.approx(1.6565, abs=1e-4)
    assert by_hand < search.simulated < 1.005 * by_hand


def test_frady_2020_search_is_a_quarter_above_the_measurement_and_says_so(search):
    assert search.error == pytest.approx(0.248, abs=0.005)
    assert search.met is False


def test_frady_2020_search_with_every_update_inactive_is_within_20_percent():
    verdict = run_case(CASES["k-NN search, every update inactive"])
    assert verdict.error == pytest.approx(0.148, abs=0.005)
    assert verdict.met is True


def test_akopyan_2015_held_out_point_is_within_2_percent():
    verdict = run_case(truenorth(20.07, 71.0, "held out"))
    assert verdict.met is True
    assert verdict.error == pytest.approx(-0.006, abs=0.002)


@pytest.mark.parametrize(("clock", "microwatt"), [(75.0, 477.0), (1.3, 35.0)])
def test_frenkel_2019_both_points_are_within_2_percent(clock, microwatt):
    verdict = run_case(odin(clock, microwatt))
    assert verdict.met is True
    assert abs(verdict.error) < 0.004


def test_loihi_2_autoencoder_is_an_order_of_magnitude_below_and_has_no_target():
    verdict = run_case(CASES["autoencoder"])
    assert verdict.met is None
    assert verdict.error == pytest.approx(-0.88, abs=0.01)


def test_loihi_2_llm_is_static_power_times_time():
    """24 chips x 1.003 W / 41.5 per second are 580 mJ, above the 405 mJ measured on another board."""
    verdict = run_case(loihi2_llm_generate())
    static = 24 * load_chip("loihi2-like").chip.static_power.value / 41.5 * 1e3
    assert static == pytest.approx(580.05, abs=0.01)
    assert 0 < verdict.simulated - static < 10


def test_the_table_and_the_notes_name_every_case_and_every_override():
    verdict = run_case(odin(1.3, 35.0))
    (row,) = silicon_table([verdict]).to_dict("records")
    assert (row["measured"], row["simulated"], row["error"], row["verdict"]) == ("35 uW", "35.09 uW", "+0.3%", "met")
    notes = "\n".join(silicon_notes([verdict]))
    assert all(override.path in notes and override.why in notes for override in verdict.case.overrides)
    assert verdict.case.source in notes


def test_no_case_sets_a_price_that_its_measurement_could_be_tuned_by():
    """Overrides set geometry, clocks and power that follow a published formula, never an energy - but one, by name."""
    energies = [o.path for case in CASES.values() for o in case.overrides if "energy" in o.path]
    assert energies == ["core.soma.update.energy"]
