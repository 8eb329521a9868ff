"""Figure: time of one token per stage, stacked by what the time is spent on."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulator.report.figures.figure_kind import FigureKind
from simulator.report.figures.stack import draw_stack
from simulator.report.figures.style import TIMES, styled
from simulator.report.format import format_share, format_time
from simulator.report.run import Run
from simulator.report.tables import split_block


def latency_frame(run: Run) -> pd.DataFrame:
    """One row per stage (summed over blocks) and part: ``stage, part, time_ps`` per token."""
    wide = run.result.stages
    named = wide.assign(stage=[split_block(stage)[1] for stage in wide["stage"]])
    sums = named.groupby("stage", sort=False)[[f"{part}_ps" for part in TIMES]].sum()
    rows = [
        (stage, part, time / run.n_tokens)
        for stage, *times in sums.itertuples()
        for part, time in zip(TIMES, times, strict=True)
    ]
    return pd.DataFrame(rows, columns=["stage", "part", "time_ps"])


def latency_finding(frame: pd.DataFrame) -> str:
    """What takes the most time, and in which stage, in words."""
    total = float(frame["time_ps"].sum())
    if total <= 0:
        return "No time passed."
    parts = frame.groupby("part", sort=False)["time_ps"].sum()
    stages = frame.groupby("stage", sort=False)["time_ps"].sum()
    part, stage = str(parts.idxmax()), str(stages.idxmax())
    head = f"{part.capitalize()} takes {format_share(float(parts[part]) / total)} of the {format_time(total)} per token"
    if len(stages) == 1:  # a pipeline: its stages work at once
        return f"{head}."
    return f"{head}; the longest stage is {stage} with {format_share(float(stages[stage]) / total)}."


@styled
def draw_latency(frame: pd.DataFrame, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Horizontal bars, one per kind of stage, stacked by part; bars are in ps per token."""
    tidy = frame.rename(columns={"stage": "row", "time_ps": "value"})
    return draw_stack(tidy, TIMES, ax, label="time per token", symbol="s", show=format_time)


FIGURE = FigureKind(
    title="Time by stage",
    picture="Stacked bars of time per token, by stage and what the time is spent on",
    reading=(
        "Summed over blocks: compute is the cores at work on spikes, network spikes in transit,"
        " transfer results moving to the core that uses them next, vector the non-spiking operations, barrier"
        " the wait that closes"
        " each timestep."
    ),
    frame=latency_frame,
    draw=draw_latency,
    finding=latency_finding,
)
