"""The data of the view of a sweep: every point with its numbers, to choose axes, tolerance and points in a browser."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from simulator.actions import COMPONENTS
from simulator.config.sweep_axes import value_text
from simulator.report.cells import as_cells
from simulator.sweep.axis_order import axis_numbers
from simulator.sweep.picture import short_name, words
from simulator.sweep.runner import SweepResult

MOST_POINTS = 2000  # in the page; the points of the front first
PARTS = "energy.by_component."
ALWAYS = ("energy.per_token_pj", "latency.per_token_ps", "energy.mean_power_w", "utilization.chips", "utilization.mean")


def sweep_view(result: SweepResult) -> dict[str, Any]:
    """What the script of the page reads: ``points``, ``columns`` to choose from, ``objectives`` and ``parts``."""
    frame = result.frame.dropna(subset=list(result.objectives))
    order = np.argsort(~frame["front"].to_numpy(dtype=bool), kind="stable")[:MOST_POINTS]
    frame = frame.iloc[np.sort(order)].reset_index(drop=True)
    names = list(dict.fromkeys([*result.axes, *result.objectives, *(name for name in ALWAYS if name in frame.columns)]))
    broken = ~frame["feasible"].to_numpy(dtype=bool) if "feasible" in frame else np.zeros(len(frame), dtype=bool)
    return {
        "points": frame["point"].tolist(),
        "broken": broken.tolist(),
        "axes": list(result.axes),
        "objectives": list(result.objectives),
        "columns": [_column(frame, name, result.axes) for name in names],
        "parts": [_part(frame, name) for name in frame.columns if name.startswith(PARTS)],
        "tolerance": 100 * result.tolerance,
        "folder": str(result.folder),
    }


def _column(frame: pd.DataFrame, name: str, axes: tuple[str, ...]) -> dict[str, Any]:
    """One quantity of every point, as numbers and as text; a text axis is numbered in its order."""
    texts = [value_text(v) for v in frame[name]] if name in axes else [r[0] for r in as_cells(frame[[name]]).rows]
    numbers = axis_numbers(frame[name])
    label = short_name(name, axes) if name in axes else words(name)
    return {"name": name, "label": label, "numbers": _finite(numbers), "texts": texts}


def _part(frame: pd.DataFrame, name: str) -> dict[str, Any]:
    """Energy of one component at every point."""
    component = name.removeprefix(PARTS)
    color = COMPONENTS[component].look.color if component in COMPONENTS else "#d55e00"
    return {"label": component, "color": color, "numbers": _finite(frame[name].to_numpy(dtype=float, na_value=np.nan))}


def _finite(numbers: np.ndarray) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in numbers.tolist()]
