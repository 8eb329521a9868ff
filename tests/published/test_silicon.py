"""Measurements on real chips, replayed through the engine and the ledger with the shipped chip files.

The recorded table is in the case files; a part that drifts from it by more than 2 points fails here and in
`spikewatt validate-silicon`. The numbers that can be found by hand are found by hand.
"""

from __future__ import annotations

import pytest

from simulator.energy.silicon_case import Density, silicon_cases
from simulator.energy.silicon_run import DRIFT_POINTS, run_case, run_point
from simulator.energy.silicon_table import drifted_lines, names_of, recorded_table, silicon_notes, silicon_table

CASES = {case.name: case for case in silicon_cases()}


@pytest.fixture(scope="module")
def outcomes():
    return {outcome.name: outcome for case in CASES.values() for outcome in run_case(case)}


def part(outcomes, point, name):
    return outcomes[point].verdicts[name]


def test_no_part_has_drifted_from_the_recorded_table(outcomes):
    assert drifted_lines(outcomes.values()) == []
    assert sum(len(outcome.verdicts) for outcome in outcomes.values()) > 20


def test_a_part_that_moved_by_more_than_two_points_is_told(outcomes):
    outcome = outcomes["k-NN search on 32 Loihi, every update inactive"]
    shifted = outcome.verdicts["energy"].part.model_copy(update={"recorded": 14.8 + DRIFT_POINTS + 0.2})
    point = outcome.point.model_copy(update={"parts": {"energy": shifted}})
    (line,) = drifted_lines([run_point(outcome.case, point)])
    assert line.startswith("k-NN search on 32 Loihi, every update inactive: dynamic energy of the cores per query")
    assert "expected at most 2" in line


SEARCH = "k-NN search on 32 Loihi, updates active where input arrives"


def test_frady_2020_search_by_hand(outcomes):
    """708 spikes x 76,800 x 23.6 pJ and 76,800 x 60 updates x 81 pJ are 1.6565 mJ; hops and barriers add 0.3 %."""
    by_hand = (708 * 76_800 * 23.6 + 76_800 * 60 * 81) * 1e-9
    assert by_hand == pytest.approx(1.6565, abs=1e-4)
    found = part(outcomes, SEARCH, "energy")
    assert by_hand < found.simulated < 1.005 * by_hand
    assert found.error == pytest.approx(0.248, abs=0.005)
    assert found.met is False


def test_frady_2020_a_step_takes_longer_than_measured_by_hand(outcomes):
    """11.8 spikes a step x 128 columns of a core x 3.5 ns and 128 updates are about 6.4 us; 5.8 us were measured."""
    found = part(outcomes, SEARCH, "time")
    assert found.simulated > 708 / 60 * 128 * 3.5e-3 > 5.2
    assert found.error == pytest.approx(0.16, abs=0.02)


def test_notes_compute_what_the_search_is_above_the_measurement_by(outcomes):
    """23.6 and 52 pJ give +14.5 %, the active update +10.0 %; with 667 and 750 spikes +9 to +20 % of it move."""
    names = names_of(outcomes[SEARCH])
    assert names["table_share"] == pytest.approx((708 * 76_800 * 23.6 + 76_800 * 60 * 52) * 1e-9 / 1.33 - 1, rel=1e-9)
    assert names["active_share"] == pytest.approx(76_800 * 60 * 29e-9 / 1.33, rel=1e-9)
    assert names["fewest"] == pytest.approx(names["error.energy"] - 41 * 76_800 * 23.6e-9 / 1.33, rel=1e-9)
    text = "\n".join(line for lines in silicon_notes([outcomes[SEARCH]]).values() for line in lines)
    assert f"Of the {names['error.energy']:+.1%}, +14.5% are Table 2 of Davies 2018" in text


def test_frady_2020_search_with_every_update_inactive_is_a_bound_and_no_success(outcomes):
    found = part(outcomes, "k-NN search on 32 Loihi, every update inactive", "energy")
    assert found.error == pytest.approx(0.148, abs=0.005)
    assert (found.met, found.part.role) == (None, "lower bound")


def test_akopyan_2015_held_out_point_is_within_2_percent(outcomes):
    found = part(outcomes, "recurrent net on TrueNorth, 20.07 Hz", "power")
    assert found.met is True
    assert found.error == pytest.approx(-0.006, abs=0.002)


def test_what_a_core_of_truenorth_takes_does_not_depend_on_how_many_are_replayed(outcomes):
    """64 and 256 of the 4,096 cores; what is left is the chance of spikes and places."""
    case = CASES["recurrent net on TrueNorth"]
    whole = next(point for point in case.points if point.name == "20.07 Hz")
    quarter = whole.model_copy(
        update={
            "events": {"layers": [[16384, 128]]},
            "parts": {"power": whole.parts["power"].model_copy(update={"times": 64.0})},
        }
    )
    fewer = run_point(case, quarter).verdicts["power"].simulated
    assert fewer == pytest.approx(part(outcomes, "recurrent net on TrueNorth, 20.07 Hz", "power").simulated, rel=2e-3)


@pytest.mark.parametrize("point", ["75 MHz", "1.3 MHz"])
def test_frenkel_2019_both_points_are_within_2_percent(outcomes, point):
    found = part(outcomes, f"all axons busy on ODIN, {point}", "power")
    assert found.met is True
    assert abs(found.error) < 0.004


GENERATE = "LLM 370M on 24 Loihi 2, generate"


def test_abreu_2025_llm_lies_on_24_chips_a_block_on_each(outcomes):
    outcome = outcomes[GENERATE]
    assert outcome.result.n_chips == 24
    blocks = outcome.result.cores.groupby("chip")["owner"].agg(
        lambda owners: {int(o.split(".")[1]) // 4 for o in owners}
    )
    assert all(len(found) == 1 for found in blocks)
    assert sorted(block for found in blocks for block in found) == list(range(24))


def test_abreu_2025_slope_of_the_llm_by_hand(outcomes):
    """24 blocks of 12.85M weights, 69 % of them not zero, at 5.3 pJ: 1.13 mJ; updates and hops add the rest."""
    weights = 24 * (4 * 1024**2 + 3 * 1024 * 2816)
    names = names_of(outcomes[GENERATE])
    assert weights == names["count.synapse_synop"]
    by_hand = weights * 0.69 * 5.3e-9
    found = part(outcomes, GENERATE, "dynamic")
    assert by_hand < found.simulated < 1.06 * by_hand
    assert names["slope_mj"] == pytest.approx((3.7 * 6632 - 405 * 41.5) / (6632 - 41.5), rel=1e-12)
    assert names["rest_w"] == pytest.approx(16.76, abs=0.01)


def test_density_of_ternary_rounding_is_that_of_a_gaussian():
    """|w| > half the mean magnitude: 2 (1 - Phi(0.5 sqrt(2 / pi))) = 0.69."""
    from statistics import NormalDist

    density = CASES["LLM 370M on 24 Loihi 2"].density
    assert isinstance(density, Density)
    assert 2 * (1 - NormalDist().cdf(0.5 * (2 / 3.141592653589793) ** 0.5)) == pytest.approx(density.value, abs=0.001)


def test_vpx_2026_autoencoder_takes_the_measured_cores_and_a_bound_is_said_of_the_rest(outcomes):
    outcome = outcomes["autoencoder on Loihi 2, one inference"]
    assert len(outcome.result.cores) == 74
    assert outcome.verdicts["energy"].error < -0.9
    assert 1.5 < names_of(outcome)["per_core_nj"] < 2.0


def test_isscc_2026_dram_slopes_by_hand(outcomes):
    """(123.41 - 18.26) mJ / (663.7 - 97.68) MB / 8 = 23.2 pJ/bit; (151.59 - 123.41) / (867.4 - 663.7) / 8 = 17.3."""
    names = names_of(outcomes["DRAM bits of a dense LLM chip, 1B to 7B"])
    assert names["first_pj"] == pytest.approx(23.22, abs=0.01)
    assert names["second_pj"] == pytest.approx(17.29, abs=0.01)


def test_the_table_shows_every_part_and_misses_first(outcomes):
    table = silicon_table(list(outcomes.values()))
    ranks = [("fail", "no target", "pass", "used for fitting").index(verdict) for verdict in table["verdict"]]
    assert ranks == sorted(ranks)
    assert len(table) == sum(len(outcome.point.parts) for outcome in outcomes.values())
    row = table[table["case"] == "all axons busy on ODIN, 1.3 MHz"].iloc[0]
    assert (row["measured"], row["simulated"], row["error"], row["verdict"]) == ("35 uW", "35.09 uW", "+0.3%", "pass")
    assert all(table["rests_on"])
    recorded = recorded_table(CASES.values())
    assert set(table["case"]) <= set(recorded["case"])


def test_the_notes_name_every_setting_and_source(outcomes):
    outcome = outcomes["all axons busy on ODIN, 1.3 MHz"]
    (notes,) = ("\n".join(lines) for lines in silicon_notes([outcome]).values())
    for setting in (*outcome.case.settings, *outcome.point.settings):
        assert f"{setting.path} = {setting.value}: {setting.why}" in notes
    assert outcome.case.source in notes


def test_no_case_sets_a_price_that_its_measurement_could_be_tuned_by():
    """Settings are of geometry, clocks and published power formulas, never an energy - but one, by name."""
    settings = [s for case in CASES.values() for point in case.points for s in (*case.settings, *point.settings)]
    assert [s.path for s in settings if "energy" in s.path] == ["core.soma.update.energy"]
