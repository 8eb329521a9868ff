"""Every number of a report can be asked where it comes from: by hand on a shipped chip and the toy trace."""

import math
import shutil
from pathlib import Path

import pandas as pd
import pytest
from factories import make_run, make_trace

from simulator.config import load_chip
from simulator.config.chip_files import chips_directory
from simulator.errors import ConfigError, OutputError, SpikewattError
from simulator.report.explain import explain_lines, explain_table, price_places
from simulator.report.report_files import write_report


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    run = make_run(trace=make_trace(), chip=load_chip("loihi-like"))
    return write_report(run, tmp_path_factory.mktemp("explain") / "report")


def test_each_number_is_count_times_price_and_all_of_them_are_the_total(folder):
    table = explain_table(folder)
    priced = table[table["pj_per_count"].notna()]
    assert (priced["count"] * priced["pj_per_count"]).tolist() == pytest.approx(priced["energy_pj"].tolist())
    assert table["share"].sum() == pytest.approx(1.0)
    assert table["energy_pj"].is_monotonic_decreasing
    assert table["citation"].notna().all()
    assert table["grade"].notna().all()


def test_a_report_of_schema_version_1_reads_the_same(folder, tmp_path):
    """Its columns were called by other names."""
    earlier = Path(shutil.copytree(folder, tmp_path / "earlier"))
    names = {"owner": "layer", "pj_per_count": "unit_pj", "low_pj_per_count": "low_pj", "high_pj_per_count": "high_pj"}
    for table in ("components.csv", "assumptions.csv"):
        pd.read_csv(earlier / table).rename(columns=names).to_csv(earlier / table, index=False)
    assert not {"owner", "pj_per_count"} & set(pd.read_csv(earlier / "components.csv").columns)
    pd.testing.assert_frame_equal(explain_table(earlier), explain_table(folder))


def test_a_synaptic_operation_leads_to_its_line_its_paper_and_its_range(folder):
    table = explain_table(folder, "blocks.0.q", "synapse.synop")
    (row,) = table.to_dict("records")
    assert row["pj_per_count"] == 23.6
    ends = (pytest.approx(row["count"] * 21.1), pytest.approx(row["count"] * 35.5))
    assert (row["low_pj"], row["high_pj"]) == ends
    places = price_places(folder, [row["path"]])
    file, line, _ = places[row["path"]].rsplit(":", 2)
    text = (chips_directory() / "loihi-like.yaml").read_text().splitlines()
    assert file.endswith("loihi-like.yaml")
    assert text[int(line) - 1 :][:2] == ["      energy:", "        value: 23.6 pJ"]
    arithmetic, price, source = explain_lines(table, places)
    assert f"{row['count']:,} x 23.60 pJ = " in arithmetic
    assert "pre-silicon, 14 nm 0.75 V; range from 21.10 pJ to 35.50 pJ, so " in price
    assert source.startswith("  source: M. Davies et al., Loihi")


def test_what_another_price_contains_says_so(folder):
    lines = list(explain_lines(explain_table(folder, "blocks.0.q", "dendrite.accumulate"), {}))
    assert "x 0, included in another price" in lines[0]
    assert "included in synapse.synop" in lines[2]


def test_no_place_is_told_of_a_price_that_the_file_does_not_have(tmp_path):
    """It was set on the command line; the others of the same report keep their lines."""
    chip = load_chip("loihi-like", ["core.soma.update.energy=80 pJ"])
    folder = write_report(make_run(chip=chip), tmp_path / "r")
    places = price_places(folder, ["core.soma.update.energy", "core.synapse.synop.energy"])
    assert list(places) == ["core.synapse.synop.energy"]


def test_a_chip_file_of_ones_own_can_be_named(tmp_path):
    mine = tmp_path / "mine.yaml"
    price = "{value: 2 pJ, source: davies2018, grade: assumed, note: mine}"
    mine.write_text(f"extends: loihi-like\nname: mine\nsummary: mine\nnoc:\n  hop_x: {price}\n")
    folder = write_report(make_run(chip=load_chip(str(mine))), tmp_path / "r")
    assert price_places(folder, ["noc.hop_x"]) == {}
    assert price_places(folder, ["noc.hop_x"], str(mine)) == {"noc.hop_x": f"{mine}:5:3"}
    with pytest.raises(ConfigError):
        price_places(folder, ["noc.hop_x"], "no-such-chip")


def test_static_power_is_in_watts(folder):
    table = explain_table(folder, action="static.power")
    assert "chip-ps x 104.0 mW = " in next(explain_lines(table, {}))
    assert math.isnan(pd.to_numeric(table["low_pj_per_count"]).iloc[0])


def test_nothing_found_and_no_report_are_said(folder, tmp_path):
    with pytest.raises(SpikewattError, match=r"--layer nix: matches none of \d+ names, expected one such as"):
        explain_table(folder, "nix")
    with pytest.raises(SpikewattError, match=r"--action statik.\*: .* \(did you mean 'static\.power'\?\)"):
        explain_table(folder, action="statik.*")
    with pytest.raises(SpikewattError, match=r"--layer chip and --action synapse\.\*: no row has both"):
        explain_table(folder, "chip", "synapse.*")
    with pytest.raises(OutputError, match="found no report in this folder"):
        explain_table(tmp_path)


def test_part_of_a_name_is_completed(folder):
    part = "block"  # of blocks.0.gate and others, whose kinds are whole names
    with pytest.raises(SpikewattError, match=r"\(did you mean 'blocks\.0\.[a-z_]+'\?\)"):
        explain_table(folder, part)


def test_a_report_nearby_is_named(folder, tmp_path, monkeypatch):
    below = tmp_path / "reports" / "loihi-like" / "tiny"
    below.mkdir(parents=True)
    (below / "result.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    for wrong, where in (
        ("reports/loihi-like", "no report in this folder"),
        ("reports/loihi-lik/tiny", "no such folder"),
    ):
        expected = f"{wrong}: found {where}, expected one that `spikewatt simulate` wrote"
        with pytest.raises(OutputError) as refused:
            explain_table(Path(wrong))
        assert str(refused.value) == f"{expected} (did you mean 'reports/loihi-like/tiny'?)"


def test_a_paper_of_several_rows_is_written_out_once(folder):
    table = explain_table(folder)
    lines = list(explain_lines(table, {}))
    for citation, n in table["citation"].value_counts().items():
        assert sum(citation in line for line in lines) == 1
        if n > 1:
            [first] = [line for line in lines if citation in line]
            number = first.removeprefix("  source: ").split()[0]
            assert number.startswith("[")
            assert sum(line.startswith(f"  source: {number}") for line in lines) == n


@pytest.mark.parametrize(("layer", "meant"), [("gaet", "gate"), ("lm_haed", "lm_head")])
def test_a_kind_of_layer_that_is_misspelt_is_guessed(folder, layer, meant):
    with pytest.raises(SpikewattError, match=rf"--layer {layer}: matches none of .*did you mean '{meant}'"):
        explain_table(folder, layer)


def test_a_kind_of_layer_means_those_of_all_blocks(folder):
    assert set(explain_table(folder, "gate")["owner"]) == {"blocks.0.gate", "blocks.1.gate"}
    assert set(explain_table(folder, "lm_head")["owner"]) == {"lm_head"}
