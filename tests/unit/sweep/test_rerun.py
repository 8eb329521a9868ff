import json
from pathlib import Path

import pytest

from simulator.errors import OutputError
from simulator.sweep.rerun import rerun_point
from simulator.sweep.runner import run_sweep

LANES, HOP = "core.synapse.lanes", "noc.hop_x"


@pytest.fixture
def points(sweep):
    """Ids of a finished sweep below ``sweeps/``; the second was priced, not simulated."""
    return run_sweep(sweep({HOP: ["1 pJ", "2 pJ"], LANES: [4, 8]}), "sweeps/small").frame["point"].tolist()


def test_every_point_has_the_same_bytes_again(points):
    for point in points:
        found = rerun_point(point, Path("sweeps"))
        assert (found.same_bytes, found.same_code, found.differences) == (True, True, ())


def test_the_beginning_of_an_id_the_folder_and_the_sweep_folder_will_do(points):
    path = Path("sweeps/small/points") / points[0]
    assert rerun_point(points[0][:12], Path("sweeps/small")).path == path / "result.json"
    assert rerun_point(str(path), Path("nowhere")).same_bytes


def test_a_changed_number_is_named(points):
    path = Path("sweeps/small/points") / points[0] / "result.json"
    result = json.loads(path.read_text())
    result["counts"]["spikes"] += 1
    path.write_text(json.dumps(result))
    found = rerun_point(points[0], Path("sweeps"))
    assert not found.same_bytes
    spikes = result["counts"]["spikes"]
    assert found.differences == (f"counts.spikes: {spikes}, now {spikes - 1}",)


def test_points_of_other_code_are_compared_by_their_numbers(points, monkeypatch):
    monkeypatch.setattr("simulator.sweep.rerun.code_sha256", lambda: "f" * 64)
    monkeypatch.setattr("simulator.sweep.store.code_sha256", lambda: "f" * 64)
    found = rerun_point(points[0], Path("sweeps"))
    assert (found.same_bytes, found.same_code) == (True, False)


@pytest.mark.parametrize(
    ("name", "line"), [("zzz", "point 'zzz': found none below sweeps"), ("", "point '': found 4 such points")]
)
def test_no_point_or_several(points, name, line):
    with pytest.raises(OutputError, match=line):
        rerun_point(name, Path("sweeps"))


def test_a_damaged_point(points):
    path = Path("sweeps/small/points") / points[0] / "result.json"
    path.write_text("{}")
    with pytest.raises(OutputError, match="damaged"):
        rerun_point(points[0], Path("sweeps"))
