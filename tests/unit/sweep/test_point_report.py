"""A stored point is read as a report: the same sums as a direct simulation, nothing simulated again."""

import json
import shutil
from pathlib import Path

import pytest

from simulator.config.chip_files import load_chip
from simulator.errors import OutputError
from simulator.report.compare import energy_causes, read_reports, time_difference
from simulator.report.compare_page import render_comparison
from simulator.report.explain import explain_table
from simulator.simulation.simulation import simulate
from simulator.sweep import compute
from simulator.sweep.point_report import ALL, as_report
from simulator.sweep.runner import run_sweep
from simulator.trace.trace_files import load_trace

LANES = "core.synapse.lanes"


@pytest.fixture
def points(sweep, monkeypatch):
    """Folders of two points; from here on a simulation fails."""
    found = run_sweep(sweep({LANES: [1, 4]}), "out")
    monkeypatch.setattr(compute, "simulate", None)
    return [Path("out/points") / point for point in found.frame["point"]]


def test_the_ledger_of_a_point_is_that_of_its_simulation_by_action(points):
    direct = simulate(load_chip("./toy.yaml", [f"{LANES}=1"]), load_trace("small.npz")).ledger.rows
    expected = direct.groupby(direct["component"] + "." + direct["action"])[["count", "energy_pj"]].sum()
    table = explain_table(as_report(points[0])).set_index("action")
    assert set(table["owner"]) == {ALL}
    assert table["count"].to_dict() == expected["count"].to_dict()
    assert table["energy_pj"].to_dict() == pytest.approx(expected["energy_pj"].to_dict(), rel=1e-12)
    assert table["share"].sum() == pytest.approx(1)
    assert table.loc["synapse.synop", "path"] == "core.synapse.synop.energy"


def test_two_points_are_compared_with_causes_and_times(points):
    before, after = read_reports([as_report(point) for point in points])
    assert any("static.power" in cause for cause in energy_causes(before, after))
    times = time_difference(before, after)
    stored = [json.loads((point / "result.json").read_text())["latency"]["per_token_ps"] for point in points]
    assert times["difference_ps"].sum() == pytest.approx(stored[1] - stored[0])
    page = render_comparison([before, after])
    assert "core.synapse.lanes" in page


def test_a_point_is_found_by_its_id(sweep):
    run_sweep(sweep({LANES: [1]}), "reports/sweeps/small")
    [folder] = Path("reports/sweeps/small/points").iterdir()
    assert as_report(Path(folder.name[:6])) == folder


def test_a_chip_file_that_has_changed_is_refused(points):
    Path("toy.yaml").write_text(Path("toy.yaml").read_text().replace('"name": "toy"', '"name": "other"'))
    with pytest.raises(
        OutputError, match=r"the chip '\./toy\.yaml', or one that it extends, has changed since the sweep"
    ):
        as_report(points[0])
    assert [path.name for path in points[0].iterdir()] == ["result.json"]


def test_an_edited_result_is_refused(points):
    result = points[0] / "result.json"
    result.write_text(result.read_text().replace('"tokens": 2', '"tokens": 3'))
    with pytest.raises(OutputError, match="was edited after the sweep"):
        as_report(points[0])


def test_a_folder_of_something_else_stays_as_it_is(points, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    assert as_report(other) == other
    assert list(other.iterdir()) == []
    shutil.copytree(points[0], tmp_path / "copy")
    assert as_report(tmp_path / "copy") == tmp_path / "copy"
