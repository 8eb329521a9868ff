"""Figure: by how much the energy of each kind of layer differs between two runs, stacked by component."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from simulator.report.figures.stack import ROW_IN, print_columns, si_axis
from simulator.report.figures.style import COMPONENTS, INK, OTHER, Fill, axes_for, legend_above, name_rows, styled
from simulator.report.format import format_energy, format_time


@styled
def draw_difference(
    frame: pd.DataFrame, symbol: str, fills: dict[str, Fill] | None = None, ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Signed stacked bars, savings to the left of zero and costs to the right.

    Parameters
    ----------
    frame
        ``row, part, value``: rows in the order of appearance; values in pico-units of ``symbol``.
    symbol
        ``J`` or ``s``.
    fills
        Look of each part; those of the components by default.
    ax
        Where to draw, or None for a new figure.
    """
    fills = COMPONENTS if fills is None else fills
    names = list(dict.fromkeys(frame["row"]))
    present = set(frame.loc[frame["value"] != 0, "part"])
    parts = [part for part in dict.fromkeys([*fills, *frame["part"]]) if part in present]
    figure, ax = axes_for(ax, height_in=ROW_IN * len(names) + 0.25 * -(-len(parts) // 5) + 0.65)
    table = frame.pivot_table(index="row", columns="part", values="value", aggfunc="sum", fill_value=0.0)
    table = table.reindex(index=names, columns=parts, fill_value=0.0)
    ends = {1: np.zeros(len(names)), -1: np.zeros(len(names))}
    for part in parts:
        values = table[part].to_numpy()
        for sign, end in ends.items():
            width = np.where(np.sign(values) == sign, values, 0.0)
            there = np.flatnonzero(width)
            ax.barh(there, width[there], left=end[there], height=0.74, **fills.get(part, OTHER).patch())
            ends[sign] = end + width
    largest = float(max(np.abs(ends[1]).max(initial=0.0), np.abs(ends[-1]).max(initial=0.0))) or 1.0
    ax.axvline(0.0, color=INK, linewidth=0.9)
    name_rows(ax, names)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.set_xlabel(f"difference per token ({si_axis(ax.xaxis, largest, symbol)})")
    sums = table.sum(axis=1)
    write = format_energy if symbol == "J" else format_time
    print_columns(ax, (84,), [("+" if x > 0 else "−" if x < 0 else "") + write(abs(float(x))) for x in sums])
    if parts:
        legend_above(ax, {part: fills.get(part, OTHER) for part in parts})
    return figure, ax
