"""Run a sweep: compute the points that are missing, each committed by the process that did it, and tabulate all."""

from __future__ import annotations

import os
import shlex
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from simulator.config.sweep import SweepConfig
from simulator.energy.ledger import build_ledger
from simulator.engine.warmup import warm_up
from simulator.errors import ConfigError, SpikewattError, TraceError
from simulator.report.run import Run
from simulator.report.simulation import simulate
from simulator.sweep.groups import price_groups
from simulator.sweep.objectives import check_objectives, probe
from simulator.sweep.space import Point, sweep_points
from simulator.sweep.store import TABLE, Store, commit
from simulator.trace.files import load_trace, verify_trace
from simulator.trace.trace import Trace

Progress = Callable[[str, int, int], None]
Group = tuple[Point, ...]


@dataclass(frozen=True)
class SweepResult:
    """What a sweep has found.

    Attributes
    ----------
    frame
        One row per point (`Store.table`); also in ``points.csv``.
    axes, objectives
        Columns of ``frame`` that were changed, and that are to be small.
    computed, reused, failed
        Points simulated or priced by this call, taken from an earlier one, and without a result.
    folder
        Where everything lies.
    """

    frame: pd.DataFrame
    axes: tuple[str, ...]
    objectives: tuple[str, ...]
    computed: int
    reused: int
    failed: int
    folder: Path

    @property
    def summary(self) -> pd.DataFrame:
        """The columns for people: axes, objectives, front, status and reason."""
        return self.frame[[*self.axes, *self.objectives, "front", "status", "reason"]]


def run_sweep(config: SweepConfig, out_dir: Path | str, jobs: int = 1, progress: Progress | None = None) -> SweepResult:
    """Compute the points of a sweep that ``out_dir`` does not hold yet.

    Every point is committed on its own as soon as it is done, so that an end at any moment loses only the points in
    work. Points that differ in energies alone share one simulation. A point that fails is noted with its reason, does
    not stop the others, and is tried again by the next call.

    Parameters
    ----------
    config
        From `load_sweep`.
    out_dir
        Folder of the sweep, new, empty, or that of an earlier call.
    jobs
        Processes; the results do not depend on it.
    progress
        Called with (what, points done, points to do).

    Raises
    ------
    ConfigError
        Values that are wrong together, an objective that is no number of a result, or ``jobs`` below 1.
    TraceError
        The trace cannot be read.
    OutputError
        The folder cannot be written, or holds something that is not a sweep.
    """
    if jobs < 1:
        raise ConfigError([f"sweep '{config.name}': jobs: found {jobs}, wanted at least 1"])
    trace = load_trace(config.trace)
    points = sweep_points(config, trace.content_hash)
    store = Store(Path(out_dir))
    unique = list({point.point_id: point for point in points}.values())
    store.check()
    stored = {point.point_id: store.result(point.point_id) for point in unique}
    missing = [point for point in unique if stored[point.point_id] is None]
    example = next((result for result in stored.values() if result is not None), None)
    del stored  # a result holds every layer; thousands of them would fill the memory
    if missing:
        trace = verify_trace(config.trace)
        example = example or probe([point.chip for point in missing], trace)
    check_objectives(config, example, trace)
    store.open(config, trace.content_hash)
    failed = _compute(missing, trace, config, store, jobs, progress)
    table = store.table(points, config.objectives)
    commit(store.folder / TABLE, table.to_csv(index=False, lineterminator="\n"))
    computed, reused = len(missing) - failed, len(unique) - len(missing)
    return SweepResult(table, tuple(config.axes), config.objectives, computed, reused, failed, store.folder)


def _compute(
    points: list[Point], trace: Trace, config: SweepConfig, store: Store, jobs: int, progress: Progress | None
) -> int:
    """Compute and commit ``points``; returns how many failed."""
    done = failed = 0
    groups = price_groups(points)
    for n_points, n_failed in _outcomes(groups, trace, config, store, jobs):
        done, failed = done + n_points, failed + n_failed
        if progress is not None:
            progress(config.name, done, len(points))
    return failed


def _outcomes(
    groups: list[Group], trace: Trace, config: SweepConfig, store: Store, jobs: int
) -> Iterator[tuple[int, int]]:
    """(points, failed ones) of each group as it is done, in any order."""
    if jobs == 1 or len(groups) < 2:
        yield from (compute_group(group, trace, config, store) for group in groups)
        return
    warm_up()  # compiled once here, loaded by the workers
    absolute = Store(store.folder.absolute())  # workers outlive a change of the working directory
    path = os.path.abspath(config.trace)
    work = (delayed(_compute_elsewhere)(group, path, trace.content_hash, config, absolute) for group in groups)
    outcomes = Parallel(n_jobs=jobs, backend="loky", batch_size=1, return_as="generator_unordered")(work)
    try:
        for outcome in outcomes:  # noqa: UP028 - `yield from` would close it before the warning is silenced
            yield outcome
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # joblib's advice on tasks that Ctrl-C has cancelled
            outcomes.close()


def _compute_elsewhere(
    group: Group, trace_path: str, trace_hash: str, config: SweepConfig, store: Store
) -> tuple[int, int]:
    """`compute_group` in a worker, which opens the trace itself instead of being sent all its counts."""
    return compute_group(group, _opened(trace_path, trace_hash), config, store)


@lru_cache(maxsize=1)
def _opened(path: str, content_hash: str) -> Trace:
    """The trace, opened once per worker."""
    trace = load_trace(path)
    if trace.content_hash != content_hash:
        raise TraceError(f"{path}: changed while the sweep was running, start it again")
    return trace


def compute_group(group: Sequence[Point], trace: Trace, config: SweepConfig, store: Store) -> tuple[int, int]:
    """Simulate a trace once and price it for every point of a price group; returns (points, failed ones).

    The first simulation that succeeds serves the rest. Each point is committed before the next one begins.
    """
    run: Run | None = None
    failed = 0
    for point in group:
        command = _command(point, config)
        try:
            run = simulate(point.chip, trace, command=command) if run is None else _repriced(run, point, command)
        except SpikewattError as error:
            failed += 1
            store.keep_error(point, error)
        else:
            store.keep_result(point, run)
    return len(group), failed


def _repriced(run: Run, point: Point, command: str) -> Run:
    """``run`` with the counts and times it has, at the prices of ``point``."""
    ledger = build_ledger(run.result, point.chip)
    return replace(run, chip=point.chip, ledger=ledger, command=command)


def _command(point: Point, config: SweepConfig) -> str:
    """Command line that makes the report of this point alone."""
    words = ["spikewatt", "simulate", "--chip", config.base, "--trace", config.trace, "--no-dense-twin"]
    for override in point.overrides:
        words += ["--set", override]
    return shlex.join(words)
