"""Run a sweep: compute the points that are missing, each committed by the process that did it, and tabulate all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from simulator.config.sweep import SweepConfig
from simulator.errors import ConfigError
from simulator.outputs.names import path_below
from simulator.sweep.adaptive import search
from simulator.sweep.compute import Group
from simulator.sweep.index import save_tables
from simulator.sweep.point_warnings import JOINED, shared_warnings
from simulator.sweep.preparation import prepare
from simulator.sweep.price_groups import price_groups
from simulator.sweep.sampling import TRACE_AXIS
from simulator.sweep.space import Point
from simulator.sweep.store import WARNINGS, Store
from simulator.sweep.workers import Outcome, dask_outcomes, local_outcomes
from simulator.trace.trace_files import verify_trace

Progress = Callable[[str, int, int], None]
Note = Callable[[str], None]
WHOLE = (1, 1)


@dataclass(frozen=True)
class SweepResult:
    """What a sweep has found.

    Attributes
    ----------
    frame
        One row per point (`Store.table`); also in ``points.csv`` and its like (`save_tables`).
    axes, objectives
        Columns of ``frame`` that were changed, and that are to be small.
    computed, reused, failed
        Points simulated or priced by this call, taken from an earlier one, and without a result.
    folder
        Where everything lies.
    warnings
        ``notes``, what captures left out, and what the points assumed, with how many of them.
    notes
        What an objective cannot feel of an axis.
    tolerance
        Share up to which a difference of an objective counts as none.
    """

    frame: pd.DataFrame
    axes: tuple[str, ...]
    objectives: tuple[str, ...]
    computed: int
    reused: int
    failed: int
    folder: Path
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    tolerance: float = 0.0

    @property
    def summary(self) -> pd.DataFrame:
        """The columns for people: axes, objectives, front, status and reason."""
        return self.frame[[*self.axes, *self.objectives, "front", "status", "reason"]]


def run_sweep(
    config: SweepConfig,
    out_dir: Path | str,
    jobs: int = 1,
    progress: Progress | None = None,
    shard: tuple[int, int] = WHOLE,
    dask: str | None = None,
    note: Note | None = None,
) -> SweepResult:
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
    shard
        (i, n): compute only the i-th of n parts, 1 <= i <= n; the parts may run at the same time on one folder.
    dask
        Address of a Dask scheduler whose workers compute the points, in place of ``jobs``.
    note
        Called with each axis that an objective cannot feel, before the first point is computed.

    Raises
    ------
    ConfigError
        Values that are wrong together, an objective or constraint that is on no number of a result, ``jobs`` below 1,
        a part that is none.
    TraceError
        A trace cannot be read.
    OutputError
        The folder cannot be written, or holds something that is not a sweep.
    """
    _check_call(config, jobs, shard)
    store = Store(Path(out_dir))
    store.check()
    prepared = prepare(config, store)
    notes = prepared.notes
    if note is not None:
        for line in notes:
            note(line)
    captures, points = prepared.captures, prepared.points
    store.open(config, prepared.hashes)
    work = Work(config, store, jobs, shard, dask, progress)
    refused = 0
    if config.mode == "optuna":
        points, refused = search(prepared.space, prepared.bounds, work.evaluate)
    else:
        work.compute(points)
    frame = store.table(points, config.objectives, prepared.bounds, config.tolerance)
    save_tables(frame, store.folder)
    axes = tuple(axis for axis in frame.columns if axis in config.axes or axis == TRACE_AXIS)
    failed = work.failed + refused
    captured = [] if captures is None else captures.warnings
    known = frame[WARNINGS].dropna() if WARNINGS in frame else ()
    warnings = (*notes, *captured, *shared_warnings(filter(None, text.split(JOINED)) for text in known))
    counted = work.computed, work.reused, failed
    return SweepResult(
        frame, axes, config.objectives, *counted, store.folder, warnings, notes, tolerance=config.tolerance
    )


def default_folder(config: SweepConfig) -> Path:
    """Where the points of a sweep are written unless a folder is given, below the current one."""
    return path_below(Path("reports") / "sweeps", config.name)


def parse_shard(text: str) -> tuple[int, int]:
    """``2/8`` as (2, 8); raises ConfigError for anything else."""
    i, slash, n = text.partition("/")
    if not (slash and i.isdecimal() and n.isdecimal() and 1 <= int(i) <= int(n)):
        raise ConfigError([f"--shard: found '{text}', expected i/N with 1 <= i <= N, such as 2/8"])
    return int(i), int(n)


def _check_call(config: SweepConfig, jobs: int, shard: tuple[int, int]) -> None:
    """Raise ConfigError for a number of processes or a part that means nothing."""
    what = f"sweep '{config.name}'"
    if jobs < 1:
        raise ConfigError([f"{what}: jobs: found {jobs}, expected at least 1"])
    i, n = shard
    if config.mode == "optuna" and shard != WHOLE:
        raise ConfigError(
            [f"{what}: shard: found {i}/{n}, expected none: each point of optuna follows from the others"]
        )


@dataclass
class Work:
    """The computing of points: where it is done, and how many were computed, reused and failed so far."""

    config: SweepConfig
    store: Store
    jobs: int
    shard: tuple[int, int]
    dask: str | None
    progress: Progress | None
    computed: int = 0
    reused: int = 0
    failed: int = 0
    _known: set[str] = field(default_factory=set)

    def evaluate(self, points: Sequence[Point]) -> list[dict[str, Any] | None]:
        """Compute what is missing of ``points``; returns their flat results."""
        self.compute(points)
        return [self.store.result(point.point_id) for point in points]

    def compute(self, points: Sequence[Point]) -> None:
        """Compute and commit the missing points of this part of the sweep."""
        unique = {point.point_id: point for point in points if point.point_id not in self._known}
        self._known |= set(unique)
        i, n = self.shard
        mine = price_groups(unique.values())[i - 1 :: n]
        missing = [tuple(point for point in group if self.store.result(point.point_id) is None) for group in mine]
        todo = [group for group in missing if group]
        for trace in dict.fromkeys(point.trace for group in todo for point in group if not point.fault):
            verify_trace(trace)
        n_todo = sum(map(len, todo))
        self.reused += sum(map(len, mine)) - n_todo
        done = 0
        for n_points, n_failed in self._outcomes(todo):
            done, self.failed, self.computed = done + n_points, self.failed + n_failed, self.computed + n_points
            self.computed -= n_failed
            if self.progress is not None:
                self.progress(self.config.name, done, n_todo)

    def _outcomes(self, groups: Sequence[Group]) -> Iterator[Outcome]:
        if self.dask is not None and groups:
            return dask_outcomes(groups, self.store, self.dask)
        return local_outcomes(groups, self.store, self.jobs)
