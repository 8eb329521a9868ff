import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from factories import make_chip, make_placement, make_result, make_run, make_trace

from simulator.energy.ledger import LEDGER_COLUMNS, EnergyLedger, build_ledger
from simulator.engine.result import CountRow
from simulator.errors import ConservationError, UncostedError


def result_of(*counts, static_ps=0):
    """A SimResult with these counts and this much chip time, all else from the toy run."""
    trace, chip = make_trace(), make_chip()
    result = make_result(trace, chip, make_placement(trace, chip))
    rows = tuple(CountRow(*count) for count in counts)
    return dataclasses.replace(result, action_counts=rows, static_ps=static_ps)


def ledger_of(*rows):
    return EnergyLedger(pd.DataFrame(rows, columns=list(LEDGER_COLUMNS)), ())


def test_hand_computed_ledger():
    result = result_of(
        ("blocks.0.q", "synapse", "synop", 640),
        ("chip", "sync", "barrier", 3),
        ("blocks.0.q", "dendrite", "accumulate", 640),
        ("blocks.0.attn_in", "noc", "hop_x", 7),
        ("blocks.0.attn_in", "noc", "local", 5),
        static_ps=1_000_000,
    )
    ledger = build_ledger(result, make_chip())
    # synop: inside the accumulate; 640 x 23.6; 7 x 3; 5 x 1.7; barrier 3 x 30; 2 mW x 1e6 ps = 2e-3 x 1e6 pJ
    assert list(ledger.rows["energy_pj"]) == [0.0, 15104.0, 21.0, 8.5, 90.0, 2000.0]
    assert list(ledger.rows["owner"]) == ["blocks.0.q"] * 2 + ["blocks.0.attn_in"] * 2 + ["chip"] * 2
    assert ledger.total_pj == 15104.0 + 21.0 + 8.5 + 90.0 + 2000.0
    assert dict(ledger.by_owner()) == {"blocks.0.q": 15104.0, "blocks.0.attn_in": 29.5, "chip": 2090.0}
    assert dict(ledger.by_component()) == {
        "synapse": 0.0,
        "dendrite": 15104.0,
        "noc": 29.5,
        "sync": 90.0,
        "static": 2000.0,
    }
    # toy chip: accumulate, hops and local pre-silicon, barrier assumed, static measured
    assert dict(ledger.by_grade()) == {"pre-silicon": 15133.5, "assumed": 90.0, "measured": 2000.0}
    assert ledger.assumed_share == pytest.approx(90 / 17223.5, rel=1e-15)
    assert sum(ledger.grade_shares().values()) == pytest.approx(1.0, rel=1e-12)


def test_columns_and_types():
    rows = make_run().ledger.rows
    assert tuple(rows.columns) == LEDGER_COLUMNS
    assert [rows[c].dtype for c in ("count", "pj_per_count", "energy_pj")] == [np.int64, np.float64, np.float64]


def test_one_watt_for_one_picosecond_is_one_picojoule():
    ledger = build_ledger(result_of(static_ps=1), make_chip(chip__static_power__value="1 W"))
    assert ledger.total_pj == 1.0


def test_a_run_without_any_energy_has_no_shares():
    ledger = build_ledger(result_of(static_ps=0), make_chip())
    assert ledger.total_pj == 0.0
    assert ledger.grade_shares() == {"measured": 0.0}
    assert ledger.assumed_share == 0.0


def test_work_without_a_price_is_refused_with_its_place():
    chip = make_chip(noc__chip_link=None, chip__max_chips=1)
    with pytest.raises(UncostedError) as error:
        build_ledger(result_of(("blocks.0.q", "noc", "chip_hop", 9)), chip)
    assert str(error.value) == (
        "blocks.0.q: noc.chip_hop done 9 times has no price: chip 'toy' has no noc.chip_link.hop;"
        " add the price or pass --allow-uncosted"
    )


def test_an_unknown_action_is_refused_with_the_nearest_known():
    with pytest.raises(UncostedError, match=r"no action vector.muls \(did you mean 'vector.mul'\?\)"):
        build_ledger(result_of(("blocks.0.norm", "vector", "muls", 1)), make_chip())


def test_uncosted_work_becomes_a_row_and_a_warning_when_allowed():
    chip = make_chip(noc__chip_link=None, chip__max_chips=1)
    result = result_of(("blocks.0.q", "noc", "chip_hop", 9), ("blocks.0.q", "noc", "hop_x", 1))
    ledger = build_ledger(result, chip, allow_uncosted=True)
    row = ledger.rows.iloc[0]
    assert (row["component"], row["action"], row["count"]) == ("uncosted", "noc.chip_hop", 9)
    assert row["energy_pj"] == 0.0
    assert math.isnan(row["pj_per_count"])
    assert ledger.total_pj == 3.0
    assert ledger.warnings == (
        "blocks.0.q: noc.chip_hop done 9 times has no price: chip 'toy' has no noc.chip_link.hop:"
        " its energy is missing from the total",
    )


def test_an_inclusion_in_something_never_done_is_warned_of():
    ledger = build_ledger(result_of(("blocks.0.q", "synapse", "synop", 4)), make_chip())
    assert ledger.warnings == (
        "synapse.synop costs nothing here: its price is included in dendrite.accumulate, which was never done",
    )


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (("a", "soma", "fire", -1, 1.0, 1.0, "s", "assumed"), "count below zero"),
        (("a", "soma", "fire", 1, 1.0, math.nan, "s", "assumed"), "not a finite number"),
        (("a", "soma", "fire", 1, 1.0, -1.0, "s", "assumed"), "not a finite number"),
        (("a", "noc", "hop_x", 1, 1.0, 1.0, "s", "assumed"), "second home"),
        (("a", "soma", "fire", 1, 1.0, 1.0, "s", None), "sum over grades 1.0 pJ, expected the total 2.0 pJ"),
        ((None, "soma", "fire", 1, 1.0, 1.0, "s", "assumed"), "sum over owners 1.0 pJ"),
    ],
)
def test_check_finds_every_breach(row, says):
    good = ("a", "noc", "hop_x", 1, 1.0, 1.0, "s", "assumed")
    with pytest.raises(ConservationError, match=says):
        ledger_of(good, row).check()


def test_a_breach_in_the_counts_stops_the_ledger():
    twice = ("blocks.0.q", "soma", "fire", 1)
    with pytest.raises(ConservationError, match="second home"):
        build_ledger(result_of(twice, twice), make_chip())


def test_sums_are_exact():
    """1e16 + 1 + 1: adding one after the other loses both, the ledger loses none."""
    rows = [("a", "x", f"{i}", 1, pj, pj, "s", "assumed") for i, pj in enumerate((1e16, 1.0, 1.0))]
    ledger = ledger_of(*rows)
    assert 1e16 + 1.0 + 1.0 == 1e16
    assert ledger.total_pj == 1e16 + 2.0
    assert ledger.by_owner()["a"] == 1e16 + 2.0


def test_the_identity_in_words_is_checked_before_it_is_said():
    good = ledger_of(("a", "noc", "hop_x", 2, 1.5, 3.0, "s", "assumed"))
    assert good.conservation_line() == "Σ layers = Σ components = total: 3 pJ"
    assert good.conservation_line(lambda pj: f"{pj:.1f}!") == "Σ layers = Σ components = total: 3.0!"
    with pytest.raises(ConservationError):
        ledger_of(("a", "noc", "hop_x", -2, 1.5, 3.0, "s", "assumed")).conservation_line()
