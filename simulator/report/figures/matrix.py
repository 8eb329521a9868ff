"""Drawing shared by figures: a matrix of kinds x blocks as a heat map with the number in each cell."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from simulator.report.figures.stack import si_axis, si_unit
from simulator.report.figures.style import HEAT_MAP, INK, SMALL_PT, axes_for

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

    A pair without a row in ``frame`` stays empty: nothing of that kind happens there. Values are in pico-units of
    ``symbol``; the numbers in the cells are in the unit of the colour bar.
    """
    rows = list(dict.fromkeys(frame["row"]))
    columns = sorted(dict.fromkeys(frame["column"]), key=lambda name: not name.isdigit())
    figure, ax = axes_for(ax, height_in=0.29 * len(rows) + 1.1)
    table = frame.pivot_table(index="row", columns="column", values="value", aggfunc="sum")
    values = table.reindex(index=rows, columns=columns).to_numpy(dtype=float)
    norm = heat_norm(float(np.nanmax(values)))
    colors = mpl.colormaps[HEAT_MAP]
    mesh = ax.pcolormesh(np.ma.masked_invalid(values), cmap=colors, norm=norm, edgecolors="white", linewidth=1.0)
    mesh.set_rasterized(values.size > 4000)
    factor, unit = si_unit(norm.vmax or 1.0, symbol)
    if len(columns) <= NUMBERED_UP_TO:
        for (y, x), value in np.ndenumerate(values):
            if np.isfinite(value):
                ink = ink_on(colors(norm(value)))
                text = f"{value / factor:#.3g}".rstrip(".")
                ax.text(x + 0.5, y + 0.5, text, ha="center", va="center", color=ink, fontsize=SMALL_PT, in_layout=False)
    _frame_axes(ax, rows, columns)
    bar = color_bar(figure, ax, ScalarMappable(norm, colors), f"{label} ({unit})")
    si_axis(bar.ax.yaxis, norm.vmax or 1.0, symbol)
    return figure, ax


def _frame_axes(ax: Axes, rows: list[str], columns: list[str]) -> None:
    """Names of rows and columns; at most about twenty column names, so that none overlap."""
    step = -(-len(columns) // 20)
    shown = [i for i in range(0, len(columns), step) if columns[-1].isdigit() or len(columns) - 1 - i >= step]
    shown += [] if columns[-1].isdigit() else [len(columns) - 1]  # what no block owns is always named
    ax.set_xticks([i + 0.5 for i in shown], [columns[i] for i in shown])
    ax.set_yticks([i + 0.5 for i in range(len(rows))], rows)
    ax.set_ylim(len(rows), 0)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.set_xlabel("block")
