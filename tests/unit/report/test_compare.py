"""Comparisons of finished reports of the toy model."""

import json
import math
import re
import shutil
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories import make_chip, make_run
from page import Page

from simulator.energy.ledger import build_ledger
from simulator.engine.batch_result import STAGE_TIMES
from simulator.engine.timing import PIPELINE
from simulator.errors import OutputError
from simulator.report.compare import (
    changes,
    energy_causes,
    energy_difference,
    energy_parts,
    headline,
    read_reports,
    time_causes,
    time_difference,
    time_parts,
)
from simulator.report.compare_page import render_comparison
from simulator.report.figures.difference import largest_rows
from simulator.report.format import format_energy
from simulator.report.report_files import write_report
from simulator.report.what_if import what_if_of_reports


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The toy run; the same with accumulates at twice the price; the same with a stage that takes 1 us longer."""
    root = tmp_path_factory.mktemp("reports")
    run = make_run()
    dear = make_chip(core__dendrite__accumulate__energy__value="47.2 pJ")
    stages = run.result.stages.copy()
    stages.loc[stages["stage"] == "head", ["vector_ps", "total_ps"]] += 4_000_000
    slow = replace(run.result, stages=stages, total_ps=run.result.total_ps + 4_000_000)
    runs = [
        run,
        replace(run, mapped=replace(run.mapped, chip=dear), ledger=build_ledger(run.result, dear)),
        replace(run, result=slow),
    ]
    return [write_report(each, root / name) for each, name in zip(runs, "abc", strict=True)]


@pytest.fixture(scope="module")
def reports(folders):
    return read_reports(folders)


def test_a_changed_price_is_the_one_change(reports):
    assert changes(reports[0], reports[1]).to_numpy().tolist() == [
        ["chip core.dendrite.accumulate.energy.value", "23.60 pJ", "47.20 pJ"]
    ]
    assert changes(reports[0], reports[2]).empty


def test_small_rows_of_a_difference_are_one_and_the_largest_comes_first():
    """1 % of 100 is 1: two rows lie below it; of a single one nothing is joined."""
    rows = [("a", "x", 0.5), ("b", "x", -100.0), ("c", "x", 2.0), ("d", "x", -0.4), ("d", "y", 0.1)]
    frame = pd.DataFrame(rows, columns=["row", "part", "value"])
    found = largest_rows(frame).to_numpy().tolist()
    assert [row[:2] for row in found] == [["b", "x"], ["c", "x"], ["2 others < 1%", "x"], ["2 others < 1%", "y"]]
    assert [row[2] for row in found] == pytest.approx([-100.0, 2.0, 0.1, 0.1])
    assert largest_rows(frame[:3])["row"].tolist() == ["b", "c", "a"]


def test_what_was_changed_has_its_unit(reports):
    other = json.loads(json.dumps(reports[0].chip))
    other["chip"]["static_power"]["value"] = 0.24
    other["noc"]["cycle"]["value"] = 1350
    other["core"]["sram"]["capacity"] = 32768
    found = changes(reports[0], replace(reports[0], chip=other)).set_index("where")["after"].to_dict()
    assert found == {
        "chip chip.static_power.value": "240.0 mW",
        "chip noc.cycle.value": "1.350 ns",
        "chip core.sram.capacity": "32 KiB",
    }


def test_the_difference_of_a_price_is_count_times_difference(reports):
    """Twice 23.6 pJ: each accumulate of a token takes 23.6 pJ more."""
    table = energy_difference(reports[0], reports[1])
    counts = reports[0].ledger.query("component == 'dendrite'")["count"].sum()
    assert table["difference_pj"].sum() == pytest.approx(counts / reports[0].n_tokens * 23.6)
    assert set(table.loc[table["difference_pj"] != 0, "component"]) == {"dendrite"}


def test_the_five_largest_causes_come_with_their_reason(reports):
    *causes, rest = energy_causes(reports[0], reports[1])
    assert len(causes) == 5
    assert re.fullmatch(r"\d+ other differences: \+[\d.]+ nJ per token; all \d+ together: \+[\d.]+ nJ per token", rest)
    for cause in causes:
        assert re.fullmatch(r"dendrite\.accumulate of \w+: \+[\d.]+ nJ per token \(2\.00x the price\)", cause)
    assert energy_causes(reports[1], reports[0])[0].endswith(" nJ per token (0.500x the price)")
    assert ": -" in energy_causes(reports[1], reports[0])[0]


def test_time_is_told_by_stage_and_part(reports):
    """4 us over 4 tokens are 1 us per token, all of it in the vector unit at the head."""
    [cause] = time_causes(reports[0], reports[2])
    assert cause.startswith("vector of head: +1.000 µs per token")
    table = time_difference(reports[0], reports[2])
    assert table["difference_ps"].sum() == 1_000_000


def test_equal_reports_have_no_cause(reports):
    assert energy_causes(reports[0], reports[2]) == []
    assert time_causes(reports[0], reports[1]) == []


def test_what_only_one_report_has_is_compared_with_nothing(reports):
    less = replace(reports[0], ledger=reports[0].ledger.query("component != 'soma'"))
    assert "none before" in " ".join(energy_causes(less, reports[0], 50))
    assert "none now" in " ".join(energy_causes(reports[0], less, 50))


def _random_report(report, seed, way):
    """``report`` with a random ledger and random times: stages in turn, at once, or some of both."""
    rng = np.random.default_rng(seed)
    tokens = int(rng.integers(1, 9))
    counts = rng.integers(0, 10**9, len(report.ledger)) * rng.integers(0, 2, len(report.ledger))
    ledger = report.ledger.assign(count=counts, energy_pj=counts * report.ledger["pj_per_count"].fillna(0.0))
    rows = {"turns": report.stages["stage"], "pipeline": [PIPELINE], "both": [PIPELINE, *report.stages["stage"]]}[way]
    stages = pd.DataFrame({"stage": rows})
    for name in STAGE_TIMES:
        stages[name] = rng.integers(0, 10**12, len(stages)) * rng.integers(0, 2, len(stages))
    stages["total_ps"] = stages[list(STAGE_TIMES)].sum(axis=1)
    total = math.fsum(ledger["energy_pj"])
    result = report.result | {
        "trace": {**report.result["trace"], "tokens": tokens},
        "energy": {**report.result["energy"], "total_pj": total, "per_token_pj": total / tokens},
        "latency": {**report.result["latency"], "total_ps": int(stages["total_ps"].sum())},
    }
    return replace(report, ledger=ledger, stages=stages, result=result)


@pytest.mark.parametrize("ways", list(product(("turns", "pipeline", "both"), repeat=2)))
@pytest.mark.parametrize("seed", range(4))
def test_causes_add_up_to_the_difference_of_the_totals(reports, ways, seed):
    before, after = (_random_report(reports[0], 2 * seed + i, way) for i, way in enumerate(ways))
    for parts, part, key in (
        (energy_parts(before, after), "energy", "total_pj"),
        (time_parts(before, after), "latency", "total_ps"),
    ):
        old, new = (report.result[part][key] / report.n_tokens for report in (before, after))
        found = math.fsum(cause.amount for cause in parts)
        assert found == pytest.approx(new - old, rel=1e-12, abs=1e-12 * max(old, new))
        sizes = [abs(cause.amount) for cause in parts]
        assert sizes == sorted(sizes, reverse=True)


def test_the_last_line_sums_the_others_and_all(reports):
    before, after = (_random_report(reports[0], seed, "pipeline") for seed in (1, 2))
    parts, said = energy_parts(before, after), energy_causes(before, after)
    rest, whole = math.fsum(x.amount for x in parts[5:]), math.fsum(x.amount for x in parts)
    words = [("+" if x > 0 else "-") + format_energy(abs(x)) for x in (rest, whole)]
    n = len(parts)
    assert said[-1] == f"{n - 5} other differences: {words[0]} per token; all {n} together: {words[1]} per token"


def test_a_pipeline_and_stages_in_turn_differ_by_part(reports):
    """One has a single row of times: what each part takes over all stages is all that both have."""
    pipelined, in_turn = _random_report(reports[0], 1, "pipeline"), _random_report(reports[0], 2, "turns")
    assert set(time_difference(in_turn, pipelined)["stage"]) == {"all stages"}
    assert set(time_difference(pipelined, pipelined)["stage"]) == {PIPELINE}
    assert "A token is in the chip for" in headline(in_turn, pipelined)
    assert "A token is in the chip for" not in headline(in_turn, in_turn)


def test_headline(reports):
    ratio = reports[1].result["energy"]["per_token_pj"] / reports[0].result["energy"]["per_token_pj"]
    assert f"{ratio:.2f}x the energy and 1.00x the time" in headline(reports[0], reports[1])


def test_the_page_is_accessible_and_says_the_causes(reports):
    html = render_comparison(reports)
    page = Page(html)
    assert render_comparison(reports) == html
    items = page.texts("li")
    assert all(cause in items for cause in energy_causes(reports[0], reports[1]))
    assert len(page.all("div", role="img")) == 2  # one report differs in energy alone, the other in time alone
    assert len(set(page.texts("th", scope="row"))) >= 3  # each report by a name of its own
    assert len(page.all("table")) == len(page.all("caption"))


def test_one_report_or_none(folders, tmp_path):
    with pytest.raises(OutputError, match="found 1 report, expected two or more"):
        read_reports(folders[:1])
    with pytest.raises(
        OutputError, match="found no report in this folder, expected one that `spikewatt simulate` wrote"
    ):
        read_reports([folders[0], tmp_path])


def test_an_older_report_without_its_chip(folders, tmp_path):
    older = tmp_path / "older"
    older.mkdir()
    (older / "result.json").write_text((folders[0] / "result.json").read_text())
    with pytest.raises(OutputError, match="not a complete report folder"):
        read_reports([folders[0], older])


def test_a_report_of_schema_version_1_is_compared(folders, tmp_path):
    """It says layer for owner and unit_pj for pj_per_count; the result is that of the same report of today."""
    earlier = Path(shutil.copytree(folders[0], tmp_path / "earlier"))
    result = json.loads((earlier / "result.json").read_text())
    result["schema_version"] = 1
    result["energy"]["by_layer"] = result["energy"].pop("by_owner")
    (earlier / "result.json").write_text(json.dumps(result))
    names = {"owner": "layer", "pj_per_count": "unit_pj"}
    pd.read_csv(earlier / "components.csv").rename(columns=names).to_csv(earlier / "components.csv", index=False)
    (earlier / "owners.csv").rename(earlier / "layers.csv")
    before, after = read_reports([earlier, folders[1]])
    today = what_if_of_reports(read_reports(folders[:2])[:1])["reports"]
    assert [each["prices"] for each in what_if_of_reports([before])["reports"]] == [each["prices"] for each in today]
    pd.testing.assert_frame_equal(energy_difference(before, after), energy_difference(*read_reports(folders[:2])))
