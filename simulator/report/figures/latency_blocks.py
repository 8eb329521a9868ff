"""Figure: time of one token in each stage of each block."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulator.report.figures.figure_kind import FigureKind
from simulator.report.figures.ledger_groups import block_name
from simulator.report.figures.matrix import draw_matrix
from simulator.report.figures.style import styled
from simulator.report.format import format_share, format_time
from simulator.report.run import Run
from simulator.report.tables import split_block


def latency_blocks_frame(run: Run) -> pd.DataFrame:
    """One row per stage: ``stage, block, time_ps`` per token; sums to the time per token."""
    wide = run.result.stages
    return pd.DataFrame(
        {
            "stage": [split_block(stage)[1] for stage in wide["stage"]],
            "block": [block_name(stage) for stage in wide["stage"]],
            "time_ps": wide["total_ps"] / run.n_tokens,
        }
    )


def latency_blocks_finding(frame: pd.DataFrame) -> str:
    """The slowest single stage, in words."""
    total = float(frame["time_ps"].sum())
    if total <= 0:
        return "No time passed."
    row = frame.iloc[int(frame["time_ps"].to_numpy().argmax())]
    where = f"{row['stage']} of block {row['block']}" if str(row["block"]).isdigit() else str(row["stage"])
    time = float(row["time_ps"])
    return f"The slowest single stage is {where}: {format_time(time)}, {format_share(time / total)} of a token's time."


@styled
def draw_latency_blocks(frame: pd.DataFrame, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Heat map of stages (down) and blocks (across), with the time in each cell."""
    tidy = frame.rename(columns={"stage": "row", "block": "column", "time_ps": "value"})
    return draw_matrix(tidy, ax, label="time per token", symbol="s")


FIGURE = FigureKind(
    title="Time by block",
    picture="Heat map of time per token, stages by blocks",
    reading="Darker is longer, by the square root.",
    frame=latency_blocks_frame,
    draw=draw_latency_blocks,
    finding=latency_blocks_finding,
)
