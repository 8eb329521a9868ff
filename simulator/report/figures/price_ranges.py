"""Figure: the energy per token by component with what the ranges of the prices make of it, a dot and intervals."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulator.energy.uncertainty import TOTAL
from simulator.report.figures.figure_kind import FigureKind
from simulator.report.figures.stack import ROW_IN, print_columns, si_axis
from simulator.report.figures.style import HOT, INK, axes_for, component_fills, name_rows, styled, tip
from simulator.report.format import format_energy
from simulator.report.run import Run

LEAST_SHOWN = 0.001  # of the highest end of the total: a shorter row cannot be seen
NUMBERS = ["value_pj", "low_pj", "high_pj", "q05_pj", "median_pj", "q95_pj"]


def price_ranges_frame(run: Run) -> pd.DataFrame:
    """Energy per token of the total, then of each component, the largest first: ``component`` and `NUMBERS`."""
    total = pd.DataFrame([{"component": TOTAL, **run.uncertainty.total}])
    parts = run.uncertainty.by_component().sort_values("value_pj", ascending=False, kind="stable")
    frame = pd.concat([total, parts], ignore_index=True)[["component", *NUMBERS]]
    frame[NUMBERS] /= run.n_tokens
    return frame


def price_ranges_finding(frame: pd.DataFrame) -> str:
    """Both ends of the total and the middle 90 % of draws, in words."""
    row = frame.iloc[0]
    if row["low_pj"] == row["high_pj"]:
        return "No price that was used has a range in the chip file: nothing says how wrong the total may be."
    low, high, q05, q95, value = (
        format_energy(float(row[name])) for name in ("low_pj", "high_pj", "q05_pj", "q95_pj", "value_pj")
    )
    text = f"The total of {value} per token is {low} with every price at its low end and {high} with every price at its"
    return f"{text} high end; 90 % of random draws lie between {q05} and {q95}."


@styled
def draw_price_ranges(frame: pd.DataFrame, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """A row each: a thin line from all low to all high, a thick one over 90 % of draws, a dot, a mark at the value."""
    shown = frame[frame["high_pj"] >= LEAST_SHOWN * float(frame["high_pj"].iloc[0])]
    figure, ax = axes_for(ax, height_in=ROW_IN * len(shown) + 0.75)
    fills = component_fills()
    for y, row in enumerate(shown.to_dict("records")):
        name = str(row["component"])
        color = fills[name].color if name in fills else INK
        (thin,) = ax.plot([row["low_pj"], row["high_pj"]], [y, y], color=INK, linewidth=1.0)
        (thick,) = ax.plot([row["q05_pj"], row["q95_pj"]], [y, y], color=color, linewidth=6.0, solid_capstyle="butt")
        ax.plot([row["median_pj"]], [y], "o", color="white", mec=INK, ms=6, zorder=4)
        ax.plot([row["value_pj"]], [y], "|", color=HOT, ms=16, mew=2.0, zorder=5)
        tip(
            thin, f"{name}: {format_energy(row['low_pj'])} to {format_energy(row['high_pj'])} at the ends of all prices"
        )
        tip(thick, f"{name}: {format_energy(row['q05_pj'])} to {format_energy(row['q95_pj'])} in 90 % of draws")
    name_rows(ax, shown["component"].tolist())
    reach = float(frame["high_pj"].iloc[0]) or 1.0
    ax.set_xlim(0.0, 1.03 * reach)
    ax.set_xlabel(f"energy per token ({si_axis(ax.xaxis, reach, 'J')})")
    print_columns(ax, [format_energy(value) for value in shown["value_pj"]])
    return figure, ax


FIGURE = FigureKind(
    title="What do the ranges of the prices make of each part?",
    picture="Dots and intervals of energy per token by component",
    reading=(
        "The orange mark is the reported energy. The thin line goes from all prices at their low end to all at their"
        " high end. The thick line holds 90 % of random draws within these ranges, and the dot is their median. Where"
        " a range is open to one side only, the mark lies outside the thick line."
    ),
    frame=price_ranges_frame,
    draw=draw_price_ranges,
    finding=price_ranges_finding,
)
