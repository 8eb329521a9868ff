"""Figure: energy of one token per kind of layer, stacked by component; the chip's own energy as bars of its own."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulator.energy.ledger import UNCOSTED
from simulator.engine.result import CHIP
from simulator.report.figures.figure_kind import FigureKind
from simulator.report.figures.ledger_groups import grouped_energy, kind_order
from simulator.report.figures.stack import draw_stack, fold_small
from simulator.report.figures.style import component_fills, styled
from simulator.report.format import format_energy, format_share
from simulator.report.run import Run


def energy_frame(run: Run) -> pd.DataFrame:
    """One row per kind and component: ``kind, component, on_chip_level, energy_pj`` per token.

    A component without energy (its price is included in another one) has no row in a kind that has energy; a kind
    without any keeps its rows, and so does uncosted work. The column sums to the energy per token of the ledger.
    """
    rows = grouped_energy(run.ledger.rows, run.trace)
    rows = rows.assign(on_chip_level=rows["owner"] == CHIP)
    sums = rows.groupby(["kind", "component", "on_chip_level"], sort=False)["energy_pj"].sum().reset_index()
    empty_kind = sums.groupby("kind")["energy_pj"].transform("sum") == 0
    sums = sums[(sums["energy_pj"] > 0) | (sums["component"] == UNCOSTED) | empty_kind]
    sums = sums.assign(energy_pj=sums["energy_pj"] / run.n_tokens)
    order = {kind: i for i, kind in enumerate(kind_order(run.trace, sums["kind"]))}
    return sums.sort_values("kind", key=lambda kinds: kinds.map(order), kind="stable").reset_index(drop=True)


def energy_finding(frame: pd.DataFrame) -> str:
    """The largest kind and the largest component, or the largest layer when that kind belongs to the chip, in words."""
    total = float(frame["energy_pj"].sum())
    if total <= 0:
        return "No energy was spent."
    kinds = frame.groupby("kind", sort=False)["energy_pj"].sum()
    kind = str(kinds.idxmax())
    share = format_share(float(kinds[kind]) / total)
    head = f"The largest item is {kind} with {share} of the {format_energy(total)} per token"
    inner = frame[~frame["on_chip_level"]]
    if kind in set(inner["kind"]) or not len(inner):
        word, sums = "by component", frame.groupby("component", sort=False)["energy_pj"].sum()
    else:
        word, sums = "among the layers", inner.groupby("kind", sort=False)["energy_pj"].sum()
    top, most = str(sums.idxmax()), float(sums.max())
    return f"{head}; {word}, {top} leads with {format_energy(most)} ({format_share(most / total)})."


@styled
def draw_energy(frame: pd.DataFrame, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Horizontal bars, one per kind, stacked by component; bars are in pJ per token, the axis shows a readable unit."""
    chip_level = frame.loc[frame["on_chip_level"], "kind"].unique()
    uncosted = frozenset(frame.loc[frame["component"] == UNCOSTED, "kind"])
    tidy = frame.rename(columns={"kind": "row", "component": "part", "energy_pj": "value"})
    return draw_stack(
        fold_small(tidy[["row", "part", "value"]], keep=uncosted),
        component_fills(),
        ax,
        label="energy per token",
        symbol="J",
        show=format_energy,
        may_be_cut=frozenset(chip_level),
    )


FIGURE = FigureKind(
    title="Energy by layer",
    picture="Stacked bars of energy per token, by kind of layer and component",
    reading=(
        "Summed over blocks, the largest kind first. Kinds below 0.1 % are one bar. The bar of the energy"
        " that belongs to the chip as a whole is cut where it would leave no room for the others."
    ),
    frame=energy_frame,
    draw=draw_energy,
    finding=energy_finding,
)
