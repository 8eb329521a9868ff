"""Time of the units of the cores: means over the cores in which they work, and the sentence about them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import make_run

from simulator.report.unit_table import bank_conflicts, unit_finding, unit_table


@pytest.fixture(scope="module")
def run():
    return make_run()


def test_shares_by_hand(run):
    """Half of a core's busy time is its dendrite's, of which axon_in works a quarter and then waits."""
    table = unit_table(run).set_index("unit")
    assert table.index.tolist() == ["axon_in", "dendrite", "soma"]
    layers = run.result.cores.query("role == 'layer'")
    mean = (layers["busy_ps"] // 2).mean() / run.result.total_ps
    assert table.loc["dendrite", ["cores", "busy_share", "stall_share"]].tolist() == pytest.approx([14, mean, 0])
    assert table.loc["dendrite", "idle_share"] == table.loc["dendrite", "wait_share"] == pytest.approx(1 - mean)
    busiest = layers.loc[layers["busy_ps"].idxmax()]
    assert table.loc["dendrite", "busiest_core"] == busiest["core"]
    assert table.loc["dendrite", "busiest_share"] == busiest["busy_ps"] // 2 / run.result.total_ps
    assert table["cores"].tolist() == [23, 14, 9]  # of two blocks, and the home of the head


def test_the_finding_names_the_bottleneck_and_the_conflicts(run):
    words = unit_finding(run)
    assert words.startswith("The dendrite unit is busiest (")
    assert "; axon_in is blocked most (" in words
    assert words.endswith(". No bank conflicts.")
    cores = run.result.cores.assign(word_conflicts=3, accumulator_conflicts=0)
    some = replace(run, result=replace(run.result, cores=cores))
    assert bank_conflicts(some) == {"words": 3 * 23, "accumulators": 0}
    assert unit_finding(some).endswith(". Slots lost in bank conflicts: 69 for words.")


def test_a_run_without_time_has_no_unit(run):
    timeless = replace(run, result=replace(run.result, total_ps=0))
    assert unit_table(timeless).empty
    assert unit_finding(timeless) == "No unit of a core took any time."
