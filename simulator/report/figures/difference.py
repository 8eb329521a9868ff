"""Figure: by how much the energy of each kind of layer differs between two runs, stacked by component."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from simulator.report.figures.stack import CUT_ABOVE, ROW_IN, mark_cut, name_visible, print_columns, si_axis
from simulator.report.figures.style import (
    INK,
    LEGEND_COLUMNS,
    OTHER,
    Fill,
    axes_for,
    component_fills,
    name_rows,
    styled,
)
from simulator.report.format import format_energy, format_time

LEAST = 0.01  # of the largest row: a bar below it is not seen


@styled
def draw_difference(
    frame: pd.DataFrame, symbol: str, fills: dict[str, Fill] | None = None, ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Signed stacked bars, savings to the left of zero and costs to the right.

    A bar much longer than every other one leaves the axis; the cut is marked and the sum printed. The legend names the
    parts that can be seen.

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
    fills = component_fills() if fills is None else fills
    names = list(dict.fromkeys(frame["row"]))
    present = set(frame.loc[frame["value"] != 0, "part"])
    parts = [part for part in dict.fromkeys([*fills, *frame["part"]]) if part in present]
    figure, ax = axes_for(ax, height_in=ROW_IN * len(names) + 0.25 * -(-len(parts) // LEGEND_COLUMNS) + 0.65)
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
    largest = _show_all_but_one(ax, ends[-1], ends[1])
    ax.axvline(0.0, color=INK, linewidth=0.9)
    name_rows(ax, names)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.set_xlabel(f"difference per token ({si_axis(ax.xaxis, largest, symbol)})")
    sums = table.sum(axis=1)
    write = format_energy if symbol == "J" else format_time
    print_columns(ax, [("+" if x > 0 else "−" if x < 0 else "") + write(abs(float(x))) for x in sums])
    name_visible(ax, table, {part: fills.get(part, OTHER) for part in parts})
    return figure, ax


def largest_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """``row, part, value`` with the largest rows first, and rows below `LEAST` of the largest as one, where several."""
    sizes = frame["value"].abs().groupby(frame["row"], sort=False).sum().sort_values(ascending=False, kind="stable")
    small = sizes.index[sizes < LEAST * sizes.max()]
    small = small if len(small) > 1 else small[:0]
    others = f"{len(small)} others < {100 * LEAST:g}%"
    order = {row: i for i, row in enumerate([*sizes.index.difference(small, sort=False), others])}
    folded = frame.assign(row=frame["row"].where(~frame["row"].isin(small), others))
    folded = folded.groupby(["row", "part"], sort=False)["value"].sum().reset_index()
    return folded.sort_values("row", key=lambda rows: rows.map(order), kind="stable", ignore_index=True)


def _show_all_but_one(ax: Axes, low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    """Limits of the axis from the ends of the rows, its longest side returned; marks a row that dwarfs all others."""
    reach = np.maximum(high, -low)
    *_, second, longest = sorted([0.0, 0.0, *(float(end) for end in reach)])
    limit = 1.5 * second if longest > CUT_ABOVE * second > 0 else 1.02 * longest or 1.0
    left, right = max(1.02 * float(low.min(initial=0.0)), -limit), min(1.02 * float(high.max(initial=0.0)), limit)
    ax.set_xlim(left, right if right > left else limit)
    for y in np.flatnonzero(reach > limit):
        mark_cut(ax, float(y), 0.96 if high[y] > limit else 0.04)
    return max(right, -left) or limit
