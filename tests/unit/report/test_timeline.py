"""The timeline file: what Perfetto reads of it, and what it leaves out."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path

import pytest
from factories import make_chip

from simulator.report import timeline
from simulator.report.run import Run
from simulator.report.timeline import write_timeline
from simulator.simulation.simulation import simulate
from simulator.trace.synthetic import synthetic_trace


def make_run(**chip: object) -> Run:
    """Each stage on cores of its own, as the chip file has it."""
    return simulate(make_chip(**chip), synthetic_trace("poisson", [9, 7, 5], tokens=3), mapping="chip")


def events_of(path: Path) -> tuple[list[dict[str, object]], dict[str, object]]:
    record = json.loads(gzip.decompress(path.read_bytes()))
    return record["traceEvents"], record["otherData"]


def test_every_core_has_a_track_with_a_slice_for_each_token(tmp_path: Path) -> None:
    run, path = make_run(), tmp_path / "timeline.json.gz"
    assert write_timeline(run, path) == 0
    events, about = events_of(path)
    slices = [e for e in events if e["ph"] == "X"]
    assert about["slices"] == len(slices)
    per_core = [[e for e in slices if (e["pid"], e["tid"]) == (1, core)] for core in run.result.cores["core"]]
    assert [len(of_core) for of_core in per_core] == [3] * len(per_core)
    assert max(e["ts"] + e["dur"] for e in slices) == pytest.approx(run.result.total_ps / 1e6)
    assert {e["args"]["name"] for e in events if e["name"] == "process_name"} == {"cores", "links"}


@pytest.mark.parametrize("schedule", [{"kind": "sequential"}, {"chunk": 2}, {"kind": "pipelined"}])
def test_slices_of_a_core_do_not_overlap(tmp_path: Path, schedule: dict[str, object]) -> None:
    run, path = make_run(schedule=schedule), tmp_path / "timeline.json.gz"
    write_timeline(run, path)
    slices = [e for e in events_of(path)[0] if e["ph"] == "X" and e["pid"] == 1]
    for core in run.result.cores["core"]:
        times = sorted((e["ts"], e["ts"] + e["dur"]) for e in slices if e["tid"] == core)
        assert all(end <= start + 1e-9 for (_, end), (start, _) in itertools.pairwise(times))


def test_what_is_beyond_the_cap_is_left_out_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, path = make_run(), tmp_path / "timeline.json.gz"
    write_timeline(run, path)
    n_slices = events_of(path)[1]["slices"]
    monkeypatch.setattr(timeline, "SLICES_MAX", 4)
    assert write_timeline(run, path) == n_slices - 4
    assert events_of(path)[1]["slices_left_out"] == n_slices - 4


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.json.gz", "b.json.gz")]
    for path in paths:
        write_timeline(make_run(), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
