"""What is checked of a sweep before its first point runs; `spikewatt validate` does the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.config.sweep import SweepConfig
from simulator.errors import ConfigError
from simulator.sweep.axis_effects import axis_notes
from simulator.sweep.captures import Captures
from simulator.sweep.compute import opened
from simulator.sweep.objectives import Bound, checked_bounds, probe
from simulator.sweep.sampling import trace_value, value_at
from simulator.sweep.space import Point, Space, sweep_points
from simulator.sweep.store import Store
from simulator.trace.trace import Trace
from simulator.trace.trace_files import load_trace


@dataclass(frozen=True)
class Prepared:
    """A sweep that can run.

    Attributes
    ----------
    space, points
        What makes its points, and those that are known before the first result (none of mode ``optuna``).
    bounds
        Its constraints on keys that results have.
    hashes
        Path of each trace -> content hash.
    captures
        Of a sweep that captures its traces.
    notes
        What an objective cannot feel of an axis, in words.
    """

    space: Space
    points: list[Point]
    bounds: tuple[Bound, ...]
    hashes: dict[str, str]
    captures: Captures | None
    notes: tuple[str, ...]


def prepare(config: SweepConfig, store: Store | None = None) -> Prepared:
    """Check values that are wrong together, objectives and constraints; simulates one token at most.

    Traces are captured into ``store``; without one nothing is captured, and objectives are then taken as written.

    Raises
    ------
    ConfigError
        Values that are wrong together, an objective or constraint that is on no number of a result.
    TraceError
        A trace cannot be read.
    """
    traces = {path: load_trace(path) for path in config.trace}
    hashes = {path: trace.content_hash for path, trace in traces.items()}
    captures = None if config.capture is None or store is None else Captures(config, store.folder)
    space = Space(config, hashes, captures=captures)
    if captures is not None and store is not None:
        store.open(config, hashes)  # what it captures is kept from now on
    if config.capture is not None and store is None:
        return Prepared(space, [], checked_bounds(config, None, []), hashes, None, ())
    points = [] if config.mode == "optuna" else sweep_points(space)
    known = [point for point in points or list(_corners(space)) if not point.fault]
    example, trace = _example(known, store)
    bounds = checked_bounds(config, example, [*traces.values(), *([] if trace is None else [trace])])
    notes = tuple(axis_notes(space, known[0].values, space.mapping)) if known else ()
    return Prepared(space, points, bounds, hashes, captures, notes)


def _example(points: Sequence[Point], store: Store | None) -> tuple[dict[str, Any] | None, Trace | None]:
    """A flat result to compare the objectives with, one that is there or that of one token; and the trace of that."""
    if not points:
        return None, None
    stored = (None if store is None else store.result(point.point_id) for point in points)
    found = next((result for result in stored if result is not None), None)
    trace = opened(points[0].trace, points[0].trace_hash)
    return found or probe([point.chip for point in points], trace), trace


def _corners(space: Space) -> Iterator[Point]:
    """Points at the lower end, middle and upper end of every axis, of which most sweeps have one that works."""
    config = space.config
    for fraction in (0.0, 0.5, 1.0):
        values = {name: value_at(axis, fraction) for name, axis in config.axes.items()}
        try:
            yield space.point(values | trace_value(config, (config.trace or ("",))[0]))
        except ConfigError:
            continue
