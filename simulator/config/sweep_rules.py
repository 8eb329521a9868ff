"""What ties the fields of a sweep file together, on its plain values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from simulator.config.sweep_axes import identity
from simulator.config.sweep_checks import CHIP_AXIS, is_capture_axis
from simulator.config.validate import Path as Keys

DRAWING = ("sobol", "lhs", "optuna")  # modes that draw samples; the others take every value of their lists
MOST_POINTS = 100_000  # each is a chip that is validated, 2 ms, before the first is simulated


def broken_sweep_rules(sweep: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    """Path and text of each fault: one source of chips, what each mode needs, not too many points, none twice."""
    axes, mode = sweep.get("axes"), sweep.get("mode", "grid")
    if not isinstance(axes, Mapping):
        return
    if bool(sweep.get("trace")) == (sweep.get("capture") is not None):
        found = "both trace and capture" if sweep.get("trace") else "neither trace nor capture"
        yield ("trace",), f"found {found}, expected one of them"
    if sweep.get("capture") is None:
        for key in filter(is_capture_axis, axes):
            yield ("axes", key), "found an axis of the encoder, expected none without capture"
    if (CHIP_AXIS in axes) == (sweep.get("base") is not None):
        found = "both base and axes.chip" if CHIP_AXIS in axes else "neither base nor axes.chip"
        yield ("base",), f"found {found}, expected one of them"
    if mode in DRAWING and sweep.get("samples") is None:
        yield ("samples",), f"missing, expected a whole number because mode is {mode}"
    if mode in ("grid", "zip"):
        if sweep.get("samples") is not None:
            yield ("samples",), f"found a number of samples, expected none because mode is {mode}"
        for key, values in axes.items():
            if isinstance(values, Mapping):
                yield ("axes", key), f"found a range, expected a list of values because mode is {mode}"
    if (n := _n_points(sweep, axes, mode)) > MOST_POINTS:
        yield ("samples",) if mode in DRAWING else ("axes",), f"found {n} points, expected at most {MOST_POINTS}"
    for key in ("trace", "objectives"):
        entries = sweep.get(key)
        values = list(entries) if isinstance(entries, tuple) else []
        for i in _repeated(values):
            yield (key, i), f"found {values[i]!r} a second time, expected each once"
    yield from _broken_lists({key: values for key, values in axes.items() if isinstance(values, tuple)}, mode)


def _n_points(sweep: Mapping[str, Any], axes: Mapping[str, Any], mode: object) -> int:
    """Points of a sweep, as far as its mode, lists and samples say."""
    samples, traces = sweep.get("samples"), sweep.get("trace")
    n_traces = len(traces) if isinstance(traces, tuple) else 1
    if mode in DRAWING:
        return n_traces * (samples if isinstance(samples, int) else 0)
    lengths = [len(values) for values in axes.values() if isinstance(values, tuple)]
    return n_traces * (max(lengths, default=0) if mode == "zip" else math.prod(lengths))


def _broken_lists(lists: Mapping[str, tuple[Any, ...]], mode: object) -> Iterator[tuple[Keys, str]]:
    """No value twice on an axis; where they go side by side, as many on each and no row of them twice."""
    if mode != "zip":
        for key, values in lists.items():
            for i in _repeated([identity(value) for value in values]):
                yield ("axes", key, i), f"found {values[i]!r} a second time, expected each value once"
    elif lists:
        first, *others = lists
        for key in others:
            if len(lists[key]) != len(lists[first]):
                text = f"found {len(lists[key])} values, and {len(lists[first])} of {first}"
                yield ("axes", key), f"{text}, expected as many because mode is zip"
        for i in _repeated([tuple(map(identity, row)) for row in zip(*lists.values(), strict=False)]):
            yield (
                ("axes", first, i),
                f"found the values number {i + 1} of all axes a second time, expected each point once",
            )


def _repeated(values: list[Any]) -> Iterator[int]:
    """Positions of the values that stood before."""
    seen = set()
    for i, value in enumerate(values):
        key = _hashable(value)
        if key in seen:
            yield i
        seen.add(key)


def _hashable(value: object) -> object:
    """``value``, or its text where it is a mapping or holds one."""
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value
