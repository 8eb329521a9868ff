"""Compute a price group: one simulation, then a price for each of its points, each committed before the next begins."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from simulator.errors import TraceError
from simulator.report.result_json import unpriced_dict
from simulator.report.run import Run
from simulator.shipped import find_trace
from simulator.simulation.simulation import repriced, simulate
from simulator.sweep.space import Point
from simulator.sweep.store import Store
from simulator.trace.trace import Trace
from simulator.trace.trace_files import load_trace

Group = tuple[Point, ...]


def compute_group(
    group: Sequence[Point], store: Store, root: Path, memory_limit_bytes: int | None = None
) -> tuple[int, int]:
    """Simulate a trace once and price it for every point of a price group; returns (points, failed ones).

    The paths of the traces are relative to ``root``: a worker may have another working directory.
    The limit is that of each simulation, see `simulate`. The first simulation that succeeds serves the rest. A point
    that fails, for whatever reason, is noted with it and stops no other: in a sweep of thousands a fault of this
    program must not cost the other points either.
    """
    run: Run | None = None
    unpriced: dict[str, Any] = {}
    failed = 0
    for point in group:
        try:
            if run is None:
                run = simulate_point(point, root, memory_limit_bytes)
                unpriced = unpriced_dict(run)
            else:
                run = repriced(run, point.chip, point.command)
            store.keep_result(point, run, unpriced)
        except Exception as error:
            failed += 1
            store.keep_error(point, error)
    return len(group), failed


def simulate_point(point: Point, root: Path, memory_limit_bytes: int | None = None) -> Run:
    """The run of one point, without a dense twin; raises TraceError when its trace could not be captured."""
    if point.fault:
        raise TraceError(f"its trace could not be captured: {point.fault}")
    trace = opened(str(root / find_trace(point.trace)), point.trace_hash)
    return simulate(
        point.chip, trace, command=point.command, mapping=point.mapping, memory_limit_bytes=memory_limit_bytes
    )


@lru_cache(maxsize=2)
def opened(path: str, content_hash: str) -> Trace:
    """A trace, opened once per process instead of being sent with all its counts; raises TraceError when it changed."""
    trace = load_trace(path)
    if trace.content_hash != content_hash:
        raise TraceError(f"{path}: changed since the sweep began; start the sweep again")
    return trace
