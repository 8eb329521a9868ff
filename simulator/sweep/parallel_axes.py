"""Picture of a sweep: every point as a line across its values and its costs (parallel coordinates, Inselberg 1985)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from simulator.config.sweep_axes import value_text
from simulator.report.cells import as_cells
from simulator.report.figures.style import HOT, INK, SMALL_PT, axes_for, styled
from simulator.report.format import format_share
from simulator.sweep.axis_order import axis_numbers
from simulator.sweep.picture import DOMINATED, short_name, words
from simulator.sweep.runner import SweepResult

HEIGHT_IN = 3.6
APART = 0.055  # of an axis, between two labels: one line of text
LISTED_UP_TO = 8  # different values that an axis names one by one
RASTER_ABOVE = 400  # lines; more of them are an image inside the SVG


def parallel_frame(result: SweepResult) -> pd.DataFrame:
    """One row per point with a result: its axes, its objectives and ``front``; points of the front last."""
    known = result.frame.dropna(subset=list(result.objectives))
    columns = [*result.axes, *result.objectives, "front"]
    return known[columns].sort_values("front", kind="stable", ignore_index=True)


def parallel_finding(frame: pd.DataFrame, axes: tuple[str, ...]) -> str:
    """The value that most points of the front share, and how many of all points have it, in words."""
    front = frame[frame["front"].astype(bool)]
    shared = [(float(front[axis].value_counts(normalize=True).iloc[0]), axis) for axis in axes if len(front)]
    if len(front) < 2 or not shared:
        return "The front is one point." if len(front) else "No point is on the front."
    share, axis = max(shared, key=lambda pair: pair[0])
    value = front[axis].value_counts().index[0]
    of_all = format_share(float((frame[axis] == value).mean()))
    has = f"{short_name(axis, axes)} = {value_text(value)}"
    return f"{format_share(share)} of the points on the front have {has}; of all points, {of_all}."


@styled
def draw_parallel(frame: pd.DataFrame, axes: tuple[str, ...], ax: Axes | None = None) -> tuple[Figure, Axes]:
    """One vertical axis per column, lowest value at the bottom; lines of the front are drawn above the others."""
    figure, ax = axes_for(ax, HEIGHT_IN)
    names = [name for name in frame.columns if name != "front"]
    heights = np.stack([_heights(frame[name]) for name in names], axis=1)
    front = frame["front"].to_numpy(dtype=bool)
    lines = np.stack([np.broadcast_to(np.arange(len(names)), heights.shape), heights], axis=2)
    for chosen, color, width in ((~front, DOMINATED, 0.7), (front, HOT, 1.6)):
        label = "Pareto front" if width > 1 else "dominated"
        collection = LineCollection(list(lines[chosen]), colors=color, linewidths=width, label=label)
        collection.set_rasterized(len(frame) > RASTER_ABOVE)
        ax.add_collection(collection)
    for x, name in enumerate(names):
        ax.plot([x, x], [0, 1], color=INK, linewidth=0.9, zorder=3)
        _name_values(ax, x, frame[name])
    ax.set_xlim(-0.35, len(names) - 0.4)
    ax.set_ylim(-0.06, 1.06)
    labels = [words(name) if name not in axes else short_name(name, axes) for name in names]
    ax.set_xticks(range(len(names)), [label.replace(" ", "\n", 1) for label in labels])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.02), ncols=2)
    return figure, ax


def _heights(column: pd.Series) -> np.ndarray:
    """Where the values of one axis stand, in [0, 1]: numbers and quantities to scale, texts in order of appearance."""
    numbers = axis_numbers(column)
    span = float(numbers.max() - numbers.min()) if len(numbers) else 0.0
    return np.full(len(numbers), 0.5) if span == 0 else (numbers - numbers.min()) / span


def _name_values(ax: Axes, x: int, column: pd.Series) -> None:
    """Write the values of one axis next to it; of many different numbers only the ends."""
    heights = _heights(column)
    texts = [row[0] for row in as_cells(column.to_frame()).rows]
    places = dict(zip(heights.tolist(), texts, strict=True))
    if len(places) > LISTED_UP_TO:
        places = {height: places[height] for height in (min(places), max(places))}
    for height, text in _apart(places).items():
        ax.annotate(
            text, (x, height), xytext=(4, 0), textcoords="offset points", va="center", fontsize=SMALL_PT, zorder=4,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85},
        )  # fmt: skip


def _apart(places: dict[float, str]) -> dict[float, str]:
    """The labels that do not overprint one another: the ends first, then those with room from the bottom up."""
    ends = {min(places), max(places)} if max(places) - min(places) >= APART else {max(places)}
    kept = sorted(ends)
    for height in sorted(places):
        if all(abs(height - other) >= APART for other in kept):
            kept.append(height)
    return {height: places[height] for height in sorted(kept)}
