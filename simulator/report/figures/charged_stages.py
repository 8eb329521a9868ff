"""Figure: energy of one token per stage, its own and the static power that is charged to it."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulator.actions import COMPONENTS
from simulator.report.figures.figure_kind import FigureKind
from simulator.report.figures.stack import draw_stack
from simulator.report.figures.style import Fill, styled
from simulator.report.format import format_energy, format_share
from simulator.report.run import Run
from simulator.report.stage_load import charged_table

OWN, STATIC = "its own work", "static power charged to it"
FILLS = {OWN: Fill(*COMPONENTS["synapse"].look), STATIC: Fill(*COMPONENTS["static"].look)}


def charged_frame(run: Run) -> pd.DataFrame:
    """One row per kind of stage and part, the largest stage first: ``stage, part, energy_pj`` per token."""
    table = charged_table(run)
    rows = [
        (stage, part, pj / run.n_tokens)
        for stage, *energies in table[["stage", "own_pj", "static_pj"]].itertuples(index=False)
        for part, pj in zip((OWN, STATIC), energies, strict=True)
    ]
    return pd.DataFrame(rows, columns=["stage", "part", "energy_pj"])


def charged_finding(frame: pd.DataFrame) -> str:
    """The stage with most of the energy, in words."""
    total = float(frame["energy_pj"].sum())
    if total <= 0:
        return "No energy was spent."
    stages = frame.groupby("stage", sort=False)["energy_pj"].sum()
    static = float(frame.loc[frame["part"] == STATIC, "energy_pj"].sum())
    return (
        f"{stages.idxmax()} holds {format_share(float(stages.max()) / total)} of the {format_energy(total)} per token"
        f" when static power, {format_share(static / total)}, is charged to the stages."
    )


@styled
def draw_charged(frame: pd.DataFrame, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Horizontal bars, one per kind of stage; bars are in pJ per token."""
    tidy = frame.rename(columns={"stage": "row", "energy_pj": "value"})
    return draw_stack(tidy, FILLS, ax, label="energy per token", symbol="J", show=format_energy)


FIGURE = FigureKind(
    title="Which stage costs what",
    picture="Stacked bars of energy per token by stage, its own work and its part of the static power",
    reading=(
        "Where stages take turns, a stage is charged the static power of the time that it takes. In a pipeline all"
        " stages work at once, and a stage is charged by the cores that it holds. Barriers have a row of their own."
    ),
    frame=charged_frame,
    draw=draw_charged,
    finding=charged_finding,
)
