"""Figure: the tornado of the prices, what the range of each one does to the energy per token."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from simulator.report.figures.figure_kind import FigureKind
from simulator.report.figures.stack import ROW_IN, print_columns, si_axis
from simulator.report.figures.style import INK, axes_for, component_fills, name_rows, styled
from simulator.report.format import format_energy, format_share
from simulator.report.run import Run

MOST = 10  # bars; a price below them moves the total less than any of these


def tornado_frame(run: Run) -> pd.DataFrame:
    """`Uncertainty.tornado` per token with the shares of the total: one row per priced fact that has a range.

    Columns: ``prices, grade, low_pj, high_pj, value_pj, swing_pj, swing_share`` (share of the total that lies between
    the energies at the two bounds), the `MOST` widest.
    """
    frame = run.uncertainty.tornado().head(MOST)
    numbers = ["low_pj", "high_pj", "value_pj", "swing_pj"]
    frame[numbers] /= run.n_tokens
    frame["swing_share"] = frame["swing_pj"] / frame["value_pj"] if run.ledger.total_pj else 0.0
    return frame


def tornado_finding(frame: pd.DataFrame) -> str:
    """The price whose range moves the total most, in words."""
    if not len(frame) or float(frame["swing_pj"].iloc[0]) == 0:
        return "No price that was used has a range in the chip file: nothing says how wrong the total may be."
    top = frame.iloc[0]
    return (
        f"The range of {top['prices']} moves the total most, from {format_energy(float(top['low_pj']))} to"
        f" {format_energy(float(top['high_pj']))} per token, {format_share(float(top['swing_share']))} of it."
    )


@styled
def draw_tornado(frame: pd.DataFrame, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Horizontal bars from the energy at a price's low bound to that at its high one, the widest on top."""
    figure, ax = axes_for(ax, height_in=ROW_IN * max(len(frame), 1) + 0.75)
    fill = component_fills()["synapse"].patch()
    low, width = frame["low_pj"].to_numpy(dtype=float), frame["swing_pj"].to_numpy(dtype=float)
    ax.barh(np.arange(len(frame)), width, left=low, height=0.74, **fill)
    if len(frame):
        ax.axvline(float(frame["value_pj"].iloc[0]), color=INK, linewidth=1.0, zorder=3)
    highest = float(frame["high_pj"].max()) if len(frame) else 1.0
    ax.set_xlim(0.0, 1.02 * highest or 1.0)
    name_rows(ax, frame["prices"].tolist())
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.set_xlabel(f"energy per token ({si_axis(ax.xaxis, highest, 'J')})")
    swings = [format_energy(swing) for swing in frame["swing_pj"]]
    print_columns(ax, (66, 114), swings, [format_share(share) for share in frame["swing_share"]])
    return figure, ax


FIGURE = FigureKind(
    title="What the ranges of the prices do",
    picture="Tornado chart of energy per token",
    reading=(
        "Each bar runs from the energy at the price's low bound to that at its high one, all other prices at their"
        " value; the line is the total as reported. Prices without a range in the chip file have no bar."
    ),
    frame=tornado_frame,
    draw=draw_tornado,
    finding=tornado_finding,
)
