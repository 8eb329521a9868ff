"""Figure: time of one token in each stage of each block."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulator.report.figures.figure_kind import FigureKind
from simulator.report.figures.ledger_groups import block_name
from simulator.report.figures.matrix import OUTLIER, draw_ratios
from simulator.report.figures.style import styled
from simulator.report.format import format_share, format_time
from simulator.report.run import Run
from simulator.report.stage_load import pipelined, stage_load


def latency_blocks_frame(run: Run) -> pd.DataFrame:
    """One row per stage: ``stage, block, time_ps`` per token.

    Where stages take turns, they sum to the time per token. In a pipeline (``attrs["pipelined"]``) it is the time that
    the busiest core of the stage works.
    """
    load = stage_load(run)
    frame = pd.DataFrame(
        {
            "stage": load["kind"],
            "block": [block_name(stage) for stage in load["stage"]],
            "time_ps": load["time_ps"] / run.n_tokens,
        }
    )
    frame.attrs["pipelined"] = pipelined(run)
    return frame


def latency_blocks_finding(frame: pd.DataFrame) -> str:
    """The slowest single stage, in words."""
    total = float(frame["time_ps"].sum())
    if total <= 0:
        return "No time passed."
    row = frame.iloc[int(frame["time_ps"].to_numpy().argmax())]
    where = f"{row['stage']} of block {row['block']}" if str(row["block"]).isdigit() else str(row["stage"])
    time = float(row["time_ps"])
    of_token = "" if frame.attrs.get("pipelined") else f", {format_share(time / total)} of a token's time"
    slowest = f"The slowest single stage is {where}: {format_time(time)}{of_token}."
    found = latency_outliers(frame)
    if found.empty:
        return slowest
    words = [f"{stage} of block {block} takes {ratio:.1f}x" for stage, block, ratio in found.itertuples(index=False)]
    return f"{'; '.join(words[:3])} the median of its kind{_more(len(words))}. {slowest}"


def _more(n: int) -> str:
    """How many outliers are not named."""
    return f" ({n - 3} more lie above {OUTLIER}x)" if n > 3 else ""


def latency_outliers(frame: pd.DataFrame) -> pd.DataFrame:
    """Stages that take over `OUTLIER` times the median of their kind: ``stage, block, ratio``, the furthest first."""
    inside = frame[[str(block).isdigit() for block in frame["block"]]]
    medians = inside.groupby("stage")["time_ps"].transform("median")
    ratio = inside["time_ps"] / medians.where(medians > 0)
    found = inside.assign(ratio=ratio)[ratio > OUTLIER]
    return found.sort_values("ratio", ascending=False, kind="stable", ignore_index=True)[["stage", "block", "ratio"]]


@styled
def draw_latency_blocks(frame: pd.DataFrame, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Heat map of stages (down) and blocks (across): time over the median of its kind."""
    tidy = frame.rename(columns={"stage": "row", "block": "column", "time_ps": "value"})
    return draw_ratios(tidy, ax, label="time over the median of its row", symbol="s")


FIGURE = FigureKind(
    title="Time by block",
    picture="Heat map of time per token over the median of each stage, by block",
    reading=(
        "Each cell is the time over the median of its row, which is printed next to the name; orange takes longer than"
        " its kind, purple less. A grey cell has no other of its kind. In a pipeline, the time is that in which the"
        " busiest core of the stage works."
    ),
    frame=latency_blocks_frame,
    draw=draw_latency_blocks,
    finding=latency_blocks_finding,
)
