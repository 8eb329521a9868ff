"""A sweep on processes that come and go: a killed local worker, shards, and a Dask cluster that loses a worker."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from simulator.errors import ConfigError, SpikewattError
from simulator.sweep import compute, runner, workers
from simulator.sweep.runner import parse_shard, run_sweep

LANES, SRAM = "core.synapse.lanes", "core.sram.capacity"
EIGHT = {LANES: [1, 2, 4, 8], SRAM: ["4 KiB", "8 KiB"]}
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(runner.__file__).resolve().parents[2])}


def test_a_killed_process_loses_only_what_it_was_doing(sweep):
    """The child kills one of its own workers after the first point; the sweep goes on and ends whole."""
    code = """
import os, signal, sys
from simulator.config.sweep import SweepConfig
from simulator.sweep.runner import run_sweep

def kill_a_worker(what, done, total):
    if done == 1:
        from joblib.externals.loky import reusable_executor
        os.kill(next(iter(reusable_executor._executor._processes)), signal.SIGKILL)

found = run_sweep(SweepConfig.model_validate_json(sys.argv[1]), "out", jobs=2, progress=kill_a_worker)
print(found.computed, found.failed)
"""
    command = [sys.executable, "-c", code, sweep(EIGHT).model_dump_json()]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split()[-1] == "0"
    found = run_sweep(sweep(EIGHT), "out")
    assert (found.reused, found.failed) == (8, 0)


def test_processes_that_are_killed_again_and_again_end_the_sweep_with_a_reason(sweep, monkeypatch):
    def killed(*_):
        raise workers.TerminatedWorkerError

    monkeypatch.setattr(workers, "_parallel", killed)
    with pytest.raises(SpikewattError, match="8 groups of points are not done"):
        run_sweep(sweep(EIGHT), "out", jobs=2)


def test_shards_together_are_the_whole(sweep):
    config = sweep(EIGHT)
    counts = [run_sweep(config, "out", shard=(i, 3)).computed for i in (1, 2, 3)]
    assert counts == [3, 3, 2]
    whole = run_sweep(config, "out")
    assert (whole.computed, whole.reused) == (0, 8)


def test_a_shard_shows_the_others_as_missing(sweep):
    frame = run_sweep(sweep(EIGHT), "out", shard=(2, 8)).frame
    assert frame["status"].tolist() == ["missing", "ok", *["missing"] * 6]


@pytest.mark.parametrize("text", ["2", "0/2", "3/2", "a/b", "-1/2"])
def test_what_is_no_shard(text):
    with pytest.raises(ConfigError, match="expected i/N"):
        parse_shard(text)
    assert parse_shard("2/3") == (2, 3)


def test_a_fault_of_this_program_at_one_point_stops_no_other(sweep, monkeypatch):
    real = compute.simulate

    def faulty(chip, trace, **more):
        if chip.core.synapse.lanes == 2:
            raise ZeroDivisionError("a fault of ours")
        return real(chip, trace, **more)

    monkeypatch.setattr(compute, "simulate", faulty)
    frame = run_sweep(sweep({LANES: [1, 2, 4]}), "out").frame
    assert frame["status"].tolist() == ["ok", "failed", "ok"]
    assert frame["reason"][1] == "ZeroDivisionError: a fault of ours"


def test_no_scheduler(sweep):
    if importlib.util.find_spec("distributed") is None:
        pytest.skip("distributed is not installed (extra cluster)")
    with pytest.raises(SpikewattError, match=r"--dask nowhere:1x: no scheduler answers there"):
        run_sweep(sweep({LANES: [1]}), "out", dask="nowhere:1x")


def test_a_dask_cluster_that_loses_a_worker_computes_every_point(sweep):
    """A real scheduler and two workers, started as a user would; one is killed after the first point is done."""
    if importlib.util.find_spec("distributed") is None:
        pytest.skip("distributed is not installed (extra cluster)")
    one = run_sweep(sweep(EIGHT), "one").frame
    with ExitStack() as cluster:

        def start(program, *more):
            module = f"distributed.cli.dask_{program}"
            command = [sys.executable, "-m", module, "--scheduler-file", "scheduler.json", "--no-dashboard", *more]
            process = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.DEVNULL)
            cluster.callback(process.wait)
            cluster.callback(process.kill)
            return process

        start("scheduler", "--port", "0", "--host", "127.0.0.1")
        both = [start("worker", "--nthreads", "1", "--no-nanny") for _ in range(2)]

        def kill_one(what, done, total):
            if done == 1:
                both[0].send_signal(signal.SIGKILL)

        found = run_sweep(sweep(EIGHT), "out", dask=address(Path("scheduler.json")), progress=kill_one)
    assert (found.computed, found.failed) == (8, 0)
    assert found.frame.equals(one)


def address(path):
    """Address of the scheduler, once it has written its file."""
    for _ in range(300):
        if path.exists() and path.read_text():
            return json.loads(path.read_text())["address"]
        time.sleep(0.1)
    raise TimeoutError(path)
