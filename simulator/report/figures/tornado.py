"""Figure: the tornado of the prices, what the range of each one does to the energy per token."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from simulator.report.figures.figure_kind import FigureKind
from simulator.report.figures.stack import ROW_IN, print_columns, si_axis
from simulator.report.figures.style import INK, axes_for, component_fills, name_rows, styled, tip
from simulator.report.format import format_energy, format_share
from simulator.report.run import Run

LEAST_SHOWN = 0.001  # of the total: a narrower bar cannot be seen
NO_MATTER = 0.02  # of the total
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
    """The price whose range moves the total most, or that none does, in words."""
    if not len(frame) or float(frame["swing_pj"].iloc[0]) == 0:
        return "No price that was used has a range in the chip file: nothing says how wrong the total may be."
    top = frame.iloc[0]
    share = format_share(float(top["swing_share"]))
    if float(top["swing_share"]) < NO_MATTER:
        return f"No known range matters: the widest, of {top['prices']}, moves the total by {share}."
    return (
        f"The range of {top['prices']} moves the total most, from {format_energy(float(top['low_pj']))} to"
        f" {format_energy(float(top['high_pj']))} per token, {share} of it."
    )


@styled
def draw_tornado(frame: pd.DataFrame, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Horizontal bars around the reported total, from the energy at a price's low bound to that at its high one.

    Rows that move the total by less than 0.1 % are left out, but for the first.
    """
    shown = frame[(frame["swing_share"] >= LEAST_SHOWN) | (np.arange(len(frame)) == 0)]
    figure, ax = axes_for(ax, height_in=ROW_IN * max(len(shown), 1) + 0.75)
    fills = component_fills()
    ends = {end: (shown[f"{end}_pj"] - shown["value_pj"]).to_numpy(dtype=float) for end in ("low", "high")}
    for y, (name, low, high) in enumerate(zip(shown["prices"], ends["low"], ends["high"], strict=True)):
        for width, end in ((low, "low"), (high, "high")):
            look = fills["noc" if end == "high" else "synapse"].patch()
            (bar,) = ax.barh(y, width, height=0.7, **look)
            tip(bar, f"{name} at its {end} end: {format_energy(float(shown[f'{end}_pj'].iloc[y]))} per token")
    ax.axvline(0.0, color=INK, linewidth=1.0, zorder=3)
    reach = max([*np.abs(ends["low"]), *np.abs(ends["high"])], default=0.0) or 1.0
    low, high = min(ends["low"], default=0.0), max(ends["high"], default=0.0)
    ax.set_xlim(low - 0.03 * reach, high + 0.03 * reach)
    name_rows(ax, shown["prices"].tolist())
    ax.xaxis.set_major_locator(MaxNLocator(6))
    total = format_energy(float(frame["value_pj"].iloc[0])) if len(frame) else "the total"
    ax.set_xlabel(f"difference from {total} per token ({si_axis(ax.xaxis, reach, 'J')})")
    swings = [format_energy(swing) for swing in shown["swing_pj"]]
    print_columns(ax, swings, [format_share(share) for share in shown["swing_share"]])
    return figure, ax


FIGURE = FigureKind(
    title="How uncertain is the total?",
    picture="Tornado chart of energy per token",
    reading=(
        "Each bar shows the total when one price goes from its lowest to its highest published value and the others"
        " stay: blue is less than reported, orange is more. Ranges that move the total by less than 0.1 % and prices"
        " without a range have no bar."
    ),
    frame=tornado_frame,
    draw=draw_tornado,
    finding=tornado_finding,
)
