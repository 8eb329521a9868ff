"""Figure: energy of one token of each kind of layer in each block."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulator.engine.result import CHIP
from simulator.report.figures.figure_kind import FigureKind
from simulator.report.figures.ledger_groups import grouped_energy, kind_order
from simulator.report.figures.matrix import draw_matrix
from simulator.report.figures.style import styled
from simulator.report.format import format_energy, format_ratio
from simulator.report.run import Run


def energy_blocks_frame(run: Run) -> pd.DataFrame:
    """One row per kind and block: ``kind, block, energy_pj`` per token, without the energy that belongs to the chip."""
    rows = grouped_energy(run.ledger.rows, run.trace)
    rows = rows[rows["block"] != CHIP]
    sums = rows.groupby(["kind", "block"], sort=False)["energy_pj"].sum().reset_index()
    sums["energy_pj"] /= run.n_tokens
    order = {kind: i for i, kind in enumerate(kind_order(run.trace, sums["kind"]))}
    return sums.sort_values("kind", key=lambda kinds: kinds.map(order), kind="stable").reset_index(drop=True)


def energy_blocks_finding(frame: pd.DataFrame) -> str:
    """The most and the least expensive block, in words."""
    blocks = frame.groupby("block", sort=False)["energy_pj"].sum()
    inside = blocks[[block for block in blocks.index if block.isdigit()]]
    if len(inside) < 2 or float(inside.min()) <= 0:
        return f"The layers take {format_energy(float(blocks.sum()))} per token."
    if float(inside.max()) < 1.005 * float(inside.min()):
        return f"All {len(inside)} blocks take about the same, {format_energy(float(inside.mean()))} per token each."
    high, low = str(inside.idxmax()), str(inside.idxmin())
    return (
        f"Block {high} takes {format_energy(float(inside[high]))} per token,"
        f" {format_ratio(float(inside[high]) / float(inside[low]))} the energy of block {low},"
        f" the cheapest of {len(inside)}."
    )


@styled
def draw_energy_blocks(frame: pd.DataFrame, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Heat map of kinds (down) and blocks (across), with the energy in each cell."""
    tidy = frame.rename(columns={"kind": "row", "block": "column", "energy_pj": "value"})
    return draw_matrix(tidy, ax, label="energy per token", symbol="J")


FIGURE = FigureKind(
    title="Energy by block",
    picture="Heat map of energy per token, kinds of layer by blocks",
    reading=(
        "The bar at the right is the scale (logarithmic). Kinds below 0.1 % are left out, and so is what belongs to no"
        " block: static power and barriers. A grey cell is outside the blocks."
    ),
    frame=energy_blocks_frame,
    draw=draw_energy_blocks,
    finding=energy_blocks_finding,
)
