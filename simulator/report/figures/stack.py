"""Drawing shared by figures: horizontal stacked bars with their sums in a column at the right, and axes in SI units."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from simulator.energy.ledger import UNCOSTED
from simulator.report.figures.style import LEGEND_COLUMNS, OTHER, Fill, axes_for, legend_above, name_rows, tip
from simulator.report.format import format_share

ROW_IN = 0.31
GAP_PT, DIGIT_PT = 7.0, 6.5  # between columns of text, and the width of a character
_PREFIXES = ("p", "n", "µ", "m", "", "k")
VISIBLE = 0.002  # of the width of the axis: about a pixel
LEAST_ROW = 0.001  # of the sum of all rows: a shorter bar cannot be seen
CUT_ABOVE = 3.0  # a bar that may be cut is, when it is this much longer than the longest that may not


def si_unit(largest: float, symbol: str) -> tuple[float, str]:
    """Factor from pico-units to the unit that suits ``largest``, and that unit: 2.5e6, ``J`` -> 1e6, ``µJ``."""
    step = int(np.clip(np.floor(np.log10(largest) / 3), 0, len(_PREFIXES) - 1)) if largest > 0 else 0
    return 1000.0**step, _PREFIXES[step] + symbol


def si_axis(axis: Any, largest: float, symbol: str) -> str:
    """Show an axis whose data are in pico-units in the unit that suits ``largest``; returns that unit."""
    factor, unit = si_unit(largest, symbol)
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / factor:.4g}"))
    return unit


def draw_stack(
    frame: pd.DataFrame,
    fills: Mapping[str, Fill],
    ax: Axes | None,
    label: str,
    symbol: str,
    show: Callable[[float], str],
    may_be_cut: frozenset[str] = frozenset(),
) -> tuple[Figure, Axes]:
    """Stacked horizontal bars, first row on top.

    Parameters
    ----------
    frame
        Columns ``row, part, value``; rows are drawn in the order of appearance, parts in the order of ``fills``. A part
        without any value is left out, unless it is uncosted work.
    fills
        Look of each part; a part that is not in it is drawn as `OTHER`.
    ax
        Where to draw, or None for a new figure.
    label, symbol
        Axis label without its unit, and the unit of the values without its ``pico``.
    show
        Writes a sum.
    may_be_cut
        Rows that may leave the axis at the right when they dwarf the rest; the cut is marked and the sum printed. Bars
        keep their true length in the data.
    """
    names = list(dict.fromkeys(frame["row"]))
    present = dict.fromkeys(frame.loc[(frame["value"] > 0) | (frame["part"] == UNCOSTED), "part"])
    parts = [part for part in fills if part in present] + [part for part in present if part not in fills]
    figure, ax = axes_for(ax, height_in=ROW_IN * len(names) + 0.25 * -(-len(parts) // LEGEND_COLUMNS) + 0.65)
    table = frame.pivot_table(index="row", columns="part", values="value", aggfunc="sum", fill_value=0.0)
    table = table.reindex(index=names, columns=parts, fill_value=0.0)
    look = {part: fills.get(part, OTHER) for part in parts}
    left = np.zeros(len(names))
    for part in parts:
        width = table[part].to_numpy()
        there = np.flatnonzero(width > 0)
        bars = ax.barh(there, width[there], left=left[there], height=0.74, label=part, **look[part].patch())
        for y, bar in zip(there, bars, strict=True):
            tip(bar, f"{names[y]}, {part}: {show(float(width[y]))}")
        left = left + width
    _frame_axes(ax, names, left, label, symbol, may_be_cut)
    total = float(left.sum())
    shares = [format_share(value / total) if total > 0 else "" for value in left]
    print_columns(ax, [show(float(value)) for value in left], shares)
    name_visible(ax, table, look)
    return figure, ax


def name_visible(ax: Axes, table: pd.DataFrame, look: Mapping[str, Fill]) -> None:
    """Legend of the parts (columns of ``table``) of which a bar can be seen at the limits of ``ax``."""
    left, right = ax.get_xlim()
    largest = table.abs().max()
    seen = {part for part in table.columns if part == UNCOSTED or float(largest[part]) >= VISIBLE * (right - left)}
    if seen:
        legend_above(ax, {part: fill for part, fill in look.items() if part in seen})


def fold_small(frame: pd.DataFrame, keep: frozenset[str] = frozenset()) -> pd.DataFrame:
    """``row, part, value`` with the largest row first; rows below 0.1 % of the sum become one, the last.

    Rows in ``keep``, and a single small one, stay as they are.
    """
    sums = frame.groupby("row", sort=False)["value"].sum().sort_values(ascending=False, kind="stable")
    small = [row for row, value in sums.items() if value < LEAST_ROW * sums.sum() and row not in keep]
    if len(small) < 2:
        small = []
    others = f"{len(small)} others < 0.1%"
    order = {row: i for i, row in enumerate([*(row for row in sums.index if row not in small), others])}
    folded = frame.assign(row=[others if row in small else row for row in frame["row"]])
    folded = folded.groupby(["row", "part"], sort=False)["value"].sum().reset_index()
    return folded.sort_values("row", key=lambda rows: rows.map(order), kind="stable", ignore_index=True)


def _frame_axes(
    ax: Axes, names: list[str], sums: np.ndarray, label: str, symbol: str, may_be_cut: frozenset[str]
) -> None:
    """Limits, ticks and labels; marks the rows that leave the axis."""
    whole = [value for name, value in zip(names, sums, strict=True) if name not in may_be_cut]
    longest = float(max(sums, default=0.0))
    limit = max(whole, default=0.0) or longest
    cut = longest > CUT_ABOVE * limit
    right = (1.5 * limit if cut else 1.02 * longest) or 1.0
    ax.set_xlim(0.0, right)
    name_rows(ax, names)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.set_xlabel(f"{label} ({si_axis(ax.xaxis, right, symbol)})")
    for y, value in enumerate(sums):
        if value > right:
            mark_cut(ax, y, 0.96)


def mark_cut(ax: Axes, y: float, x: float) -> None:
    """Two slanted gaps at the fraction ``x`` of the axes through what is drawn at ``y``: a stretch is left out."""
    for middle in (x - 0.008, x + 0.008):
        ax.plot(
            [middle - 0.005, middle + 0.005],
            [y + 0.45, y - 0.45],
            transform=ax.get_yaxis_transform(),
            color="white",
            linewidth=3.0,
            solid_capstyle="butt",
            clip_on=False,
            zorder=5,
        )


def print_columns(ax: Axes, *columns: Sequence[str]) -> None:
    """Columns of text between the names of the rows and the axes, one line per row 0, 1, ..., right-aligned.

    There they are seen on a phone, which shows the left part of a figure first.
    """
    right = GAP_PT
    for column in reversed(columns):
        for y, text in enumerate(column):
            ax.annotate(
                text,
                xy=(0.0, y),
                xycoords=ax.get_yaxis_transform(),
                xytext=(-right, 0),
                textcoords="offset points",
                ha="right",
                va="center",
                annotation_clip=False,
            )
        right += DIGIT_PT * max(map(len, column), default=0) + GAP_PT
    ax.tick_params(axis="y", pad=right)
