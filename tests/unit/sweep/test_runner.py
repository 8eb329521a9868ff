import importlib.util
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from simulator.config.chip_files import load_chip
from simulator.errors import ConfigError, OutputError, TraceError
from simulator.report.result_json import result_dict
from simulator.simulation import simulation
from simulator.simulation.simulation import simulate
from simulator.sweep import compute, runner
from simulator.sweep.runner import run_sweep
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace_files import load_trace, save_trace

LANES, SRAM, HOP, CHIPS = "core.synapse.lanes", "core.sram.capacity", "noc.hop_x", "chip.max_chips"


def files_of(folder):
    """Relative path -> content of every file; SQLite counts its writes in a header, so of it the rows."""
    files = {}
    for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
        with closing(sqlite3.connect(path)) as database:
            content = database.execute("select * from points").fetchall() if path.suffix == ".sqlite" else None
        files[path.relative_to(folder).as_posix()] = content or path.read_bytes()
    return files


@pytest.fixture
def simulations(monkeypatch):
    """The chips that were really simulated, one entry per simulation."""
    chips = []

    def counted(chip, trace, **more):
        chips.append(chip)
        return simulate(chip, trace, **more)

    monkeypatch.setattr(compute, "simulate", counted)
    return chips


def test_every_point_equals_the_direct_simulation(sweep):
    config = sweep({LANES: [1, 4], SRAM: ["4 KiB", "8 KiB"]})
    found = run_sweep(config, "out")
    assert (found.computed, found.reused, found.failed) == (4, 0, 0)
    for _, row in found.frame.iterrows():
        chip = load_chip("./toy.yaml", [f"{LANES}={row[LANES]}", f"{SRAM}={row[SRAM]}"])
        direct = result_dict(simulate(chip, load_trace("small.npz")), bands=False)
        assert row["energy.per_token_pj"] == direct["energy"]["per_token_pj"]
        assert row["latency.total_ps"] == direct["latency"]["total_ps"]
        assert row["utilization.sram.share"] == direct["utilization"]["sram"]["share"]
        stored = json.loads(Path(f"out/points/{row['point']}/result.json").read_text())
        assert "elapsed" not in stored
        stored.pop("point")
        for key in ("command", "elapsed"):
            stored.pop(key, None), direct.pop(key)
        assert stored == json.loads(json.dumps(direct))


def test_the_table_is_the_frame(sweep):
    found = run_sweep(sweep({LANES: [1, 4]}), "out")
    table = pd.read_csv("out/points.csv", keep_default_na=False)
    assert list(table.columns) == list(found.frame.columns)
    assert list(table.columns[:7]) == [
        "point", LANES, "status", "reason", "front", "energy.per_token_pj", "latency.per_token_ps",
    ]  # fmt: skip
    assert table["energy.per_token_pj"].tolist() == found.frame["energy.per_token_pj"].tolist()
    assert (table["status"] == "ok").all()


def test_prices_alone_are_simulated_once_and_equal_the_direct_results(sweep, simulations):
    config = sweep({HOP: ["1 pJ", "2 pJ"], "chip.static_power": ["1 mW", "3 mW"]})
    found = run_sweep(config, "out")
    assert len(simulations) == 1
    assert found.computed == 4
    assert found.frame["latency.total_ps"].nunique() == 1
    assert found.frame["energy.total_pj"].nunique() == 4
    for _, row in found.frame.iterrows():
        chip = load_chip("./toy.yaml", [f"{HOP}={row[HOP]}", f"chip.static_power={row['chip.static_power']}"])
        direct = result_dict(simulate(chip, load_trace("small.npz"), mapping="chip"), bands=False)
        stored = json.loads(Path(f"out/points/{row['point']}/result.json").read_text())
        assert "elapsed" not in stored
        stored.pop("point")
        for key in ("command", "elapsed"):
            stored.pop(key, None), direct.pop(key)
        assert stored == json.loads(json.dumps(direct))


def test_static_power_by_hand(sweep):
    """1 mW more for t ps on n chips is 0.001 x t x n pJ more."""
    found = run_sweep(sweep({"chip.static_power": ["1 mW", "2 mW"]}), "out").frame
    chip_ps = found["latency.total_ps"][0] * found["utilization.chips"][0]
    assert found["energy.total_pj"][1] - found["energy.total_pj"][0] == pytest.approx(0.001 * chip_ps, rel=1e-9)


def test_a_second_call_computes_only_what_is_missing(sweep, simulations):
    config = sweep({LANES: [1, 2, 4]})
    first = run_sweep(config, "out")
    before = files_of("out")
    shutil.rmtree(f"out/points/{first.frame['point'][1]}")
    simulations.clear()
    second = run_sweep(config, "out")
    assert (second.computed, second.reused, second.failed) == (1, 2, 0)
    assert [chip.core.synapse.lanes for chip in simulations] == [2]
    assert files_of("out") == before
    third = run_sweep(config, "out")
    assert (third.computed, third.reused) == (0, 3)
    assert len(simulations) == 1


def test_a_torn_result_is_computed_again(sweep):
    config = sweep({LANES: [1, 2]})
    point = run_sweep(config, "out").frame["point"][0]
    before = files_of("out")
    path = Path(f"out/points/{point}/result.json")
    path.write_text(path.read_text()[:100])
    assert run_sweep(config, "out").computed == 1
    assert files_of("out") == before


def test_an_edited_result_is_computed_again(sweep):
    config = sweep({LANES: [1, 2]})
    point = run_sweep(config, "out").frame["point"][0]
    before = files_of("out")
    path = Path(f"out/points/{point}/result.json")
    text = path.read_text()
    path.write_text(text.replace('"per_token_pj": ', '"per_token_pj": 1', 1))
    assert path.read_text() != text
    found = run_sweep(config, "out")
    assert (found.computed, found.reused) == (1, 1)
    assert files_of("out") == before


@pytest.mark.parametrize("other", [{LANES: [1, 2]}, {SRAM: ["2 KiB", "4 KiB"]}])
def test_the_result_of_another_point_is_computed_again(sweep, other):
    """Of the same sweep or of another one, moved into the folder of a point: the seal of its text holds."""
    moved = Path("other/points", run_sweep(sweep(other), "other").frame["point"][1], "result.json")
    config = sweep({LANES: [1, 2]})
    point = run_sweep(config, "out").frame["point"][0]
    before = files_of("out")
    shutil.copy(moved, f"out/points/{point}/result.json")
    found = run_sweep(config, "out")
    assert (found.computed, found.reused) == (1, 1)
    assert files_of("out") == before


def test_more_values_reuse_the_points_there(sweep):
    run_sweep(sweep({LANES: [1, 2]}), "out")
    found = run_sweep(sweep({LANES: [1, 2, 4]}), "out")
    assert (found.computed, found.reused) == (1, 2)
    assert len(found.frame) == 3


def test_a_point_that_does_not_fit_is_noted_and_stops_no_other(sweep, simulations):
    """12 x 8 weights of 8 bits take 96 bytes; the rows of one core would have to shrink below one."""
    config = sweep({SRAM: ["4 B", "4 KiB"]})
    found = run_sweep(config, "out")
    assert (found.computed, found.reused, found.failed) == (1, 0, 1)
    assert found.frame["status"].tolist() == ["failed", "ok"]
    assert found.frame["front"].tolist() == [False, True]
    assert found.frame["reason"][0].startswith("CapacityError: ")
    error = json.loads(Path(f"out/points/{found.frame['point'][0]}/error.json").read_text())
    assert (error["kind"], error["values"]) == ("CapacityError", {SRAM: "4 B"})
    assert found.frame["latency.total_ps"].dtype == "Int64"  # whole next to a missing one


def test_a_failed_point_is_tried_again_and_its_fault_forgotten(sweep, monkeypatch):
    config = sweep({LANES: [1, 2]})
    with monkeypatch.context() as broken:
        broken.setattr(compute, "simulate", failing(TraceError("out of luck")))
        found = run_sweep(config, "out")
    assert (found.computed, found.failed) == (0, 2)
    assert found.frame["reason"].tolist() == ["TraceError: out of luck"] * 2
    assert not found.frame["front"].any()
    found = run_sweep(config, "out")
    assert (found.computed, found.reused, found.failed) == (2, 0, 0)
    assert not list(Path("out").rglob("error.json"))


def failing(error):
    def simulate(*_, **__):
        raise error

    return simulate


def test_two_processes_give_the_bytes_of_one(sweep):
    config = sweep({LANES: [1, 4], HOP: ["1 pJ", "2 pJ"], SRAM: ["4 B", "4 KiB"]})
    one = run_sweep(config, "one")
    two = run_sweep(config, "two", jobs=2)
    assert (one.computed, one.failed) == (two.computed, two.failed) == (4, 4)
    assert files_of("one") == files_of("two")


def test_ctrl_c_keeps_what_was_done(sweep):
    config = sweep({LANES: [1, 2, 4]})

    def stop(what, done, total):
        assert (what, done, total) == ("small", 1, 3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(config, "out", progress=stop)
    assert len(list(Path("out").rglob("result.json"))) == 1
    assert not list(Path("out").rglob("*.tmp"))
    seen = []
    found = run_sweep(config, "out", progress=lambda *step: seen.append(step))
    assert (found.computed, found.reused) == (2, 1)
    assert seen == [("small", 1, 2), ("small", 2, 2)]


def test_ctrl_c_among_processes_keeps_what_was_done(sweep):
    config = sweep({LANES: [1, 2, 4, 8, 16, 32]})

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(config, "out", jobs=2, progress=stop)
    kept = len(list(Path("out").rglob("result.json")))
    found = run_sweep(config, "out")
    assert kept >= 1
    assert (found.computed, found.reused, found.failed) == (6 - kept, kept, 0)


KILLED = """
import os, signal, sys
from simulator.config.sweep import SweepConfig
from simulator.sweep.runner import run_sweep
config = SweepConfig.model_validate_json(sys.argv[1])
run_sweep(config, "out", progress=lambda what, done, total: done == 2 and os.kill(os.getpid(), signal.SIGKILL))
"""


def test_kill_9_loses_nothing_that_was_done(sweep):
    config = sweep({LANES: [1, 2, 4]})
    environment = {**os.environ, "PYTHONPATH": str(Path(runner.__file__).resolve().parents[2])}
    done = subprocess.run([sys.executable, "-c", KILLED, config.model_dump_json()], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    found = run_sweep(config, "out")
    assert (found.computed, found.reused) == (1, 2)


USUAL = (
    "energy.per_token_pj, latency.per_token_ps, latency.ttft_ps, latency.tpot_ps, steady.energy_per_token_pj, "
    "steady.time_per_token_ps, utilization.chips"
)  # of a chip without an area
WRONG_OBJECTIVES = [
    ("energy.per_tokn_pj", "unknown result key 'energy.per_tokn_pj', expected one such as energy.per_token_pj "
     f"(did you mean 'energy.per_token_pj'?); the usual ones are {USUAL}"),
    ("chip.name", "found 'chip.name', which is not a number, expected one such as energy.per_token_pj; "
     f"the usual ones are {USUAL}"),
    ("latency.by_part", "found 'latency.by_part', which holds several numbers, expected one such as "
     f"latency.by_part.compute_ps; the usual ones are {USUAL}"),
    ("elapsed.simulate_s", "unknown result key 'elapsed.simulate_s', expected one such as energy.per_token_pj; "
     f"the usual ones are {USUAL}"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "line"), WRONG_OBJECTIVES)
def test_a_wrong_objective_is_told_before_any_point_runs(sweep, simulations, key, line):
    config = sweep({LANES: [1, 2]}, objectives=("energy.total_pj", key))
    with pytest.raises(ConfigError) as error:
        run_sweep(config, "out")
    assert error.value.problems == (f"sweep 'small': objectives: {line}",)
    assert not simulations
    assert not Path("out").exists()


def test_a_wrong_objective_is_told_on_finished_points_too(sweep):
    run_sweep(sweep({LANES: [1]}), "out")
    with pytest.raises(ConfigError, match="found 'energy', which holds several numbers"):
        run_sweep(sweep({LANES: [1]}, objectives=("energy",)), "out")


def test_an_objective_that_a_point_lacks_is_no_zero(sweep):
    """One chip: no flit ever crosses to another one, and there is no such row."""
    found = run_sweep(sweep({LANES: [1]}, objectives=("counts.by_action.noc.chip_hop",)), "out").frame
    assert found["counts.by_action.noc.chip_hop"].isna().all()
    assert found["reason"].tolist() == ["the result has no number counts.by_action.noc.chip_hop"]
    assert found["front"].tolist() == [False]


def test_the_probe_is_one_token(sweep, monkeypatch):
    tokens = []

    def counted(chip, trace, **more):
        tokens.append(trace.n_tokens)
        return simulate(chip, trace, **more)

    monkeypatch.setattr(simulation, "simulate", counted)
    run_sweep(sweep({LANES: [1, 2]}), "out")
    assert tokens == [1]


def test_a_folder_of_something_else_is_left_alone(sweep):
    Path("out").mkdir()
    Path("out/thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="is not empty and holds no sweep"):
        run_sweep(sweep({LANES: [1]}), "out")
    assert [path.name for path in Path("out").iterdir()] == ["thesis.tex"]


def test_a_missing_trace_is_one_line(sweep):
    Path("small.npz").unlink()
    with pytest.raises(TraceError, match=r"small\.npz: no such file"):
        run_sweep(sweep({LANES: [1]}), "out")


def test_no_jobs(sweep):
    with pytest.raises(ConfigError, match="found 0, expected at least 1"):
        run_sweep(sweep({LANES: [1]}), "out", jobs=0)


def test_one_chip_in_two_spellings_is_computed_once_and_shown_twice(sweep, simulations):
    found = run_sweep(sweep({SRAM: ["4 KiB", "4096 B"]}), "out")
    assert (found.computed, len(found.frame), len(simulations)) == (1, 2, 1)
    assert found.frame["front"].all()


@pytest.mark.parametrize("objectives", [("energy.per_token_pj",), ("energy.per_token_pj", "latency.per_token_ps")])
def test_a_point_that_breaks_a_bound_is_not_on_the_front(sweep, objectives):
    """Also of a single objective, whose column is the table's own and not to be written to."""
    whole = run_sweep(sweep({LANES: [1, 4]}), "out").frame
    bound = whole["latency.per_token_ps"].mean()
    bounded = sweep({LANES: [1, 4]}, objectives=objectives, constraints=[f"latency.per_token < {bound} ps"])
    found = run_sweep(bounded, "out").frame
    assert found["feasible"].tolist() == [False, True]
    assert found["front"].tolist() == [False, True]
    assert found["reason"].tolist() == [f"breaks latency.per_token < {bound} ps", ""]


def test_a_bound_on_nothing_is_told_before_any_point_runs(sweep, simulations):
    with pytest.raises(ConfigError, match=r"constraints: unknown result key 'latency\.per_tken'"):
        run_sweep(sweep({LANES: [1, 2]}, constraints=["latency.per_tken < 1 ms"]), "out")
    assert not simulations


def test_several_chips_and_traces(sweep):
    save_trace(synthetic_trace("full", [12, 8, 6], levels=3, tokens=2), "full.npz")
    config = sweep({"chip": ["./toy.yaml", "sdllm-asic-45nm"]}, base=None, trace=["small.npz", "full.npz"])
    found = run_sweep(config, "out")
    assert found.axes == ("chip", "trace")
    assert found.computed == 4
    for _, row in found.frame.iterrows():
        direct = simulate(load_chip(row["chip"]), load_trace(row["trace"]))
        assert row["energy.total_pj"] == direct.ledger.total_pj


def test_every_table_holds_the_frame(sweep):
    found = run_sweep(sweep({LANES: [1, 4], "core.sram.capacity": ["4 B", "4 KiB"]}), "out")
    with closing(sqlite3.connect("out/points.sqlite")) as database:
        rows = pd.read_sql("select * from points", database)
    assert rows["point"].tolist() == found.frame["point"].tolist()
    known = found.frame["status"] == "ok"
    assert rows["energy.total_pj"][known].tolist() == found.frame["energy.total_pj"][known].tolist()
    if importlib.util.find_spec("pyarrow") is not None:
        columns = pd.read_parquet("out/points.parquet")
        assert columns["energy.total_pj"][known].tolist() == found.frame["energy.total_pj"][known].tolist()
