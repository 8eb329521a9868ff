"""Measurements on real chips, replayed through the engine and the ledger with the shipped chip files.

Targets: 20 % for Loihi, 2 % for TrueNorth's held-out point and for ODIN. The Loihi search misses its target under the
reading of an active neuron update that most public models share, and is judged by it; the other reading is a bound.
Loihi 2 has no published energies and no target: its cases show the gap.
"""

import pytest

from simulator.config import load_chip
from simulator.energy.silicon import run_case, silicon_notes, silicon_table
from simulator.energy.silicon_cases import llm_affine, loihi2_llm_generate, odin, silicon_cases, truenorth

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


def test_frady_2020_search_with_every_update_inactive_is_a_bound_and_no_success():
    verdict = run_case(CASES["k-NN search, every update inactive"])
    assert verdict.error == pytest.approx(0.148, abs=0.005)
    assert verdict.met is None


def test_what_the_search_is_above_the_published_range_by(search):
    """C.2 of the census: 23.6 and 52 pJ give +9 to +20 %; the active update makes the rest, and the notes say so."""
    synapses, updates = 76_800, 76_800 * 60

    def above(spikes, update_pj):
        return (spikes * synapses * 23.6 + updates * update_pj) * 1e-9 / 1.33 - 1

    assert [round(above(n, 52), 3) for n in (667, 708, 750)] == [0.089, 0.145, 0.202]
    assert [round(above(n, 81), 2) for n in (667, 750)] == [0.19, 0.30]
    assert above(708, 81) - above(708, 52) == pytest.approx(0.100, abs=0.001)
    assert search.error - above(708, 81) == pytest.approx(0.003, abs=0.001)
    assert 667 * synapses * 23.6e-9 / 1.33 - 1 == pytest.approx(-0.09, abs=0.005)
    assert 708 * synapses * 23.6e-9 / 1.33 - 1 == pytest.approx(-0.035, abs=0.005)


@pytest.fixture(scope="module")
def held_out():
    return run_case(truenorth(20.07, 71.0, "held out"))


def test_akopyan_2015_held_out_point_is_within_2_percent(held_out):
    assert held_out.met is True
    assert held_out.error == pytest.approx(-0.006, abs=0.002)


def test_what_a_core_of_truenorth_takes_does_not_depend_on_how_many_are_replayed(held_out):
    """64 and 256 of the 4,096 cores; what is left is the chance of spikes and places."""
    fewer = run_case(truenorth(20.07, 71.0, "held out", parts=64))
    assert fewer.simulated == pytest.approx(held_out.simulated, rel=2e-3)


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


def test_loihi_2_llm_by_its_own_two_points():
    """405 mJ x 41.5/s = 16.8 W and 3.7 mJ x 6632/s = 24.5 W: the simulated token takes three times the slope."""
    rest_w, token_mj = llm_affine()
    assert (rest_w + token_mj * 41.5e-3) / 41.5 * 1e3 == pytest.approx(405)
    assert (rest_w + token_mj * 6.632) / 6632 * 1e3 == pytest.approx(3.7)
    assert (rest_w, token_mj) == (pytest.approx(16.76, abs=0.01), pytest.approx(1.17, abs=0.01))
    verdict = run_case(CASES["LLM 370M, one more token"])
    assert verdict.met is None
    assert verdict.error == pytest.approx(2.3, abs=0.1)


def test_the_table_and_the_notes_name_every_case_and_every_override():
    verdict = run_case(odin(1.3, 35.0))
    (row,) = silicon_table([verdict]).to_dict("records")
    assert (row["measured"], row["simulated"], row["error"], row["verdict"]) == ("35 uW", "35.09 uW", "+0.3%", "met")
    (notes,) = ("\n".join(lines) for lines in silicon_notes([verdict]).values())
    assert all(override.path in notes and override.why in notes for override in verdict.case.overrides)
    assert verdict.case.source in notes


def test_no_case_sets_a_price_that_its_measurement_could_be_tuned_by():
    """Overrides set geometry, clocks and power that follow a published formula, never an energy - but one, by name."""
    energies = [o.path for case in CASES.values() for o in case.overrides if "energy" in o.path]
    assert energies == ["core.soma.update.energy"]
