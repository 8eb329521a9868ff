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
from simulator.report.stage_load import pipelined, stage_load
from simulator.report.tables import split_block

VECTOR_UNITS = ("vector", "memory")  # units whose time is that of non-spiking operations


def latency_frame(run: Run) -> pd.DataFrame:
    """One row per stage (summed over blocks) and part: ``stage, part, time_ps`` per token.

    In a pipeline (``attrs["round_ps"]``, the time per token) stages work at once. Then the time is that in which the
    busiest core of the slowest stage of its kind works, on ``compute`` or ``vector``.
    """
    if pipelined(run):
        return _pipeline_frame(run)
    wide = run.result.stages
    named = wide.assign(stage=[split_block(stage)[1] for stage in wide["stage"]])
    sums = named.groupby("stage", sort=False)[[f"{part}_ps" for part in TIMES]].sum()
    rows = [
        (stage, part, time / run.n_tokens)
        for stage, *times in sums.itertuples()
        for part, time in zip(TIMES, times, strict=True)
    ]
    return pd.DataFrame(rows, columns=["stage", "part", "time_ps"])


def _pipeline_frame(run: Run) -> pd.DataFrame:
    """`latency_frame` of a pipeline, in the order of the program."""
    load = stage_load(run)
    slowest = load.loc[sorted(load.groupby("kind")["time_ps"].idxmax())]
    rows = [
        (kind, part, float(time) / run.n_tokens if (part == "vector") == (unit in VECTOR_UNITS) else 0.0)
        for kind, unit, time in slowest[["kind", "unit", "time_ps"]].itertuples(index=False)
        for part in ("compute", "vector")
    ]
    frame = pd.DataFrame(rows, columns=["stage", "part", "time_ps"])
    frame.attrs["round_ps"] = run.result.total_ps / run.n_tokens
    return frame


def latency_finding(frame: pd.DataFrame) -> str:
    """What takes the most time, and in which stage, in words."""
    total = float(frame["time_ps"].sum())
    if total <= 0:
        return "No time passed."
    parts = frame.groupby("part", sort=False)["time_ps"].sum()
    stages = frame.groupby("stage", sort=False)["time_ps"].sum()
    part, stage = str(parts.idxmax()), str(stages.idxmax())
    if round_ps := frame.attrs.get("round_ps"):
        return (
            f"All stages work at once. The slowest is {stage}: its busiest core works"
            f" {format_time(float(stages[stage]))} of the {format_time(round_ps)} per token."
        )
    head = f"{part.capitalize()} takes {format_share(float(parts[part]) / total)} of the {format_time(total)} per token"
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
        " each timestep. In a pipeline all stages work at once: a bar is the time in which the busiest core of the"
        " slowest stage of its kind works, and the longest bar sets the time of a token."
    ),
    frame=latency_frame,
    draw=draw_latency,
    finding=latency_finding,
)
