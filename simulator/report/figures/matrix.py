"""Drawing shared by figures: a matrix of kinds x blocks as a heat map with the number in each cell."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LogNorm, Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, NullFormatter

from simulator.report.figures.stack import LEAST_ROW, si_axis, si_unit
from simulator.report.figures.style import HEAT_MAP, HOT, IDLE, INK, SMALL_PT, axes_for, tip
from simulator.report.format import format_energy, format_time

LEAST_HEIGHT_IN = 2.2  # what the label of the colour bar needs

DIVERGING = "PuOr_r"  # safe for the colour-blind: purple is less, orange is more
OUTLIER = 1.3  # times the median of its kind: more than blocks of one kind differ by their spikes
LOG_FROM = 30.0  # largest over smallest value
NUMBERED_UP_TO = 12  # columns; above this a cell is too narrow for its number


def heat_norm(largest: float) -> PowerNorm:
    """Colours by the square root, so that one row far above the rest leaves the others apart from each other."""
    return PowerNorm(0.5, 0.0, largest or 1.0)


def ink_on(color: Sequence[float]) -> str:
    """Black or white, whichever is easier to read on ``color`` (relative luminance of WCAG 2)."""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in color[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return INK if luminance > 0.18 else "white"


def color_bar(figure: Figure, ax: Axes, colors: ScalarMappable, label: str) -> Colorbar:
    """Colour bar right of ``ax``, exactly as high."""
    bar = figure.colorbar(colors, cax=ax.inset_axes((1.015, 0.0, 0.025, 1.0)))
    bar.outline.set_visible(False)
    bar.set_label(label)
    return bar


def draw_matrix(frame: pd.DataFrame, ax: Axes | None, label: str, symbol: str) -> tuple[Figure, Axes]:
    """Heat map of ``value`` over ``row`` (down) and ``column`` (across), in the order of appearance, blocks first.

    The colours are those of the blocks, logarithmic where these differ widely; a cell that belongs to no block is grey
    and has its number. Rows below 0.1 % of the sum are left out. A pair without a row in ``frame`` stays empty: nothing
    of that kind happens there. Values are in pico-units of ``symbol``.
    """
    rows, columns, values = _table(frame)
    figure, ax = axes_for(ax, height_in=max(0.29 * len(rows) + 1.1, LEAST_HEIGHT_IN))
    in_blocks = np.array([name.isdigit() for name in columns])
    inside = values[:, in_blocks] if in_blocks.any() else values
    known = inside[np.isfinite(inside) & (inside > 0)]
    largest = float(known.max()) if known.size else 1.0
    norm = _norm(known)
    colors = mpl.colormaps[HEAT_MAP]
    write = format_energy if symbol == "J" else format_time
    factor, unit = si_unit(largest, symbol)
    for (y, x), value in np.ndenumerate(values):
        if not np.isfinite(value):
            continue
        own = in_blocks[x] or not in_blocks.any()
        face = colors(norm(value)) if own else mpl.colors.to_rgba(IDLE)
        where = f"block {columns[x]}" if columns[x].isdigit() else "outside blocks"
        _draw_cell(ax, x, y, face, f"{rows[y]}, {where}: {write(float(value))}")
        if not own:
            _print_beside(ax, x, y, write(float(value)))
        elif len(columns) <= NUMBERED_UP_TO:
            _print_in_cell(ax, x, y, f"{value / factor:#.3g}".rstrip("."), face)
    _frame_axes(ax, rows, columns)
    bar = color_bar(figure, ax, ScalarMappable(norm, colors), f"{label} ({unit})")
    si_axis(bar.ax.yaxis, largest, symbol)
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    return figure, ax


def draw_ratios(frame: pd.DataFrame, ax: Axes | None, label: str, symbol: str) -> tuple[Figure, Axes]:
    """Heat map of ``value`` over the median of its row, so that one block that differs from its kind stands out.

    Diverging colours around 1; the median is printed next to each row. A row of one column is grey and has its number.
    """
    rows, columns, values = _table(frame)
    figure, ax = axes_for(ax, height_in=max(0.29 * len(rows) + 1.1, LEAST_HEIGHT_IN))
    write = format_energy if symbol == "J" else format_time
    ratios, medians = _over_median(values)
    widest = float(np.nanmax(np.abs(np.log2(np.where(ratios > 0, ratios, 1.0))), initial=0.0))
    reach = max(widest, float(np.log2(OUTLIER)))
    norm = LogNorm(2.0**-reach, 2.0**reach)
    colors = mpl.colormaps[DIVERGING]
    for (y, x), value in np.ndenumerate(values):
        if not np.isfinite(value):
            continue
        ratio = ratios[y, x]
        alone = not np.isfinite(ratio)
        face = mpl.colors.to_rgba(IDLE) if alone else colors(norm(max(ratio, 2.0**-reach)))
        where = f"block {columns[x]}" if columns[x].isdigit() else "outside blocks"
        times = "" if alone else f", {ratio:.3g}x the median of its kind"
        _draw_cell(ax, x, y, face, f"{rows[y]}, {where}: {write(float(value))}{times}")
        if not alone and len(columns) <= NUMBERED_UP_TO:
            _print_in_cell(ax, x, y, f"{ratio:.2f}", face)
        elif not alone and ratio >= OUTLIER:
            ax.add_patch(Rectangle((x, y), 1.0, 1.0, facecolor="none", edgecolor=HOT, linewidth=2.0, zorder=3))
    _frame_axes(ax, [f"{row}  {write(float(m))}" for row, m in zip(rows, medians, strict=True)], columns)
    bar = color_bar(figure, ax, ScalarMappable(norm, colors), label)
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0) if 2.0**-reach <= tick <= 2.0**reach]
    bar.set_ticks(ticks if len(ticks) > 1 else [1 / OUTLIER, 1.0, OUTLIER])
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2g}x"))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    return figure, ax


def _over_median(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each value over the median of its row (NaN where it is alone or the median is 0), and the medians."""
    medians = np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else np.nan for row in values])
    several = (np.isfinite(values).sum(axis=1) > 1) & (medians > 0)
    ratios = np.full(values.shape, np.nan)
    ratios[several] = values[several] / medians[several, None]
    return ratios, medians


def _table(frame: pd.DataFrame) -> tuple[list[str], list[str], np.ndarray]:
    """Rows that can be seen, columns with the blocks first, and the values; NaN where there is none."""
    sums = frame.groupby("row", sort=False)["value"].sum()
    rows = [str(row) for row, value in sums.items() if value >= LEAST_ROW * sums.sum()] or [str(r) for r in sums.index]
    columns = sorted(dict.fromkeys(frame["column"]), key=lambda name: not name.isdigit())
    table = frame.pivot_table(index="row", columns="column", values="value", aggfunc="sum")
    table = table.reindex(index=rows, columns=columns)
    table = table.dropna(axis="columns", how="all")
    return rows, list(table.columns), table.to_numpy(dtype=float)


def _norm(known: np.ndarray) -> Normalize:
    """Logarithmic where the largest value is far above the smallest, else by the square root."""
    if known.size and known.max() > LOG_FROM * known.min():
        return LogNorm(float(known.min()), float(known.max()), clip=True)
    return heat_norm(float(known.max()) if known.size else 1.0)


def _draw_cell(ax: Axes, x: int, y: int, face: Sequence[float], words: str) -> None:
    """One cell with its tooltip."""
    cell = Rectangle((x, y), 1.0, 1.0, facecolor=face, edgecolor="white", linewidth=1.0)
    tip(cell, words)
    ax.add_patch(cell)


def _print_beside(ax: Axes, x: int, y: int, text: str) -> None:
    """A number left of a cell that is alone in its row: a narrow cell has no room for it."""
    ax.text(x - 0.1, y + 0.5, text, ha="right", va="center", fontsize=SMALL_PT, in_layout=False)


def _print_in_cell(ax: Axes, x: int, y: int, text: str, face: Sequence[float]) -> None:
    """A number in a cell, black or white."""
    ink = ink_on(face)
    ax.text(x + 0.5, y + 0.5, text, ha="center", va="center", color=ink, fontsize=SMALL_PT, in_layout=False)


def _frame_axes(ax: Axes, rows: list[str], columns: list[str]) -> None:
    """Names of rows and columns; at most about twenty column names, so that none overlap."""
    step = -(-len(columns) // 20)
    shown = [i for i in range(0, len(columns), step) if columns[-1].isdigit() or len(columns) - 1 - i >= step]
    shown += [] if columns[-1].isdigit() else [len(columns) - 1]  # what no block owns is always named
    ax.set_xticks([i + 0.5 for i in shown], [columns[i] for i in shown])
    ax.set_yticks([i + 0.5 for i in range(len(rows))], rows)
    ax.set_xlim(0, len(columns))
    ax.set_ylim(len(rows), 0)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.set_xlabel("block")
