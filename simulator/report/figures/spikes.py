"""Figure: how often each spike count occurs, per kind of stream."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from simulator.report.figures.figure_kind import FigureKind
from simulator.report.figures.style import axes_for, styled
from simulator.report.format import format_share
from simulator.report.run import Run
from simulator.report.tables import split_block

# colour, marker, line: three marks that tell one kind from another
LINES = (
    ("#0072B2", "o", "-"),
    ("#D55E00", "s", "--"),
    ("#009E73", "^", "-."),
    ("#CC79A7", "D", ":"),
    ("#E69F00", "v", "-"),
    ("#56B4E9", "P", "--"),
    ("#000000", "X", "-."),
)
MARKED_UP_TO = 40  # different counts; beyond, the markers would touch


def spikes_frame(run: Run) -> pd.DataFrame:
    """One row per kind of stream and spike count, all tokens and blocks: ``kind, count, activations, share, spikes``.

    ``count`` is the signed integer of an activation, ``share`` is of the activations of the kind,
    and ``spikes`` is what these activations send over all timesteps.
    """
    trace = run.trace
    tallies: dict[str, dict[int, int]] = {}
    for stream in trace.streams:
        tally = tallies.setdefault(split_block(stream.stream_id)[1], {})
        for count, times in zip(*np.unique(trace.live_counts(stream.stream_id), return_counts=True), strict=True):
            tally[int(count)] = tally.get(int(count), 0) + int(times)
    rows = [(kind, count, tally[count]) for kind, tally in tallies.items() for count in sorted(tally)]
    frame = pd.DataFrame(rows, columns=["kind", "count", "activations"])
    frame["share"] = frame["activations"] / frame.groupby("kind")["activations"].transform("sum")
    frame["spikes"] = frame["activations"] * trace.encoding.spikes_per_count(frame["count"].to_numpy(np.int64))
    return frame


def spikes_finding(frame: pd.DataFrame) -> str:
    """Silent share and the most active kind, in words."""
    if int(frame["activations"].sum()) == 0:
        return "The trace holds no activations."
    if int(frame["spikes"].sum()) == 0:
        return "No activation sends a spike."
    per_kind = _spikes_per_activation(frame)
    silent = int(frame.loc[frame["count"] == 0, "activations"].sum()) / int(frame["activations"].sum())
    high, low = str(per_kind.idxmax()), str(per_kind.idxmin())
    return (
        f"{format_share(silent)} of all activations send no spike; {high} is the most active stream with"
        f" {per_kind[high]:.3g} spikes per activation, {low} the least with {per_kind[low]:.3g}.{_at_the_end(frame)}"
    )


def _at_the_end(frame: pd.DataFrame) -> str:
    """How many activations have the largest count, where larger ones are clipped to it; nothing where few do."""
    largest = int(frame["count"].abs().max())
    share = float(frame.loc[frame["count"].abs() == largest, "activations"].sum() / frame["activations"].sum())
    if largest < 2 or share < 0.0005:
        return ""
    return f" {format_share(share)} have the largest count, {largest}, to which larger ones are clipped."


@styled
def draw_spikes(frame: pd.DataFrame, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Share of activations (logarithmic) over spike count, one line per kind of stream."""
    figure, ax = axes_for(ax, height_in=3.9)
    per_kind = _spikes_per_activation(frame)
    marked = frame["count"].nunique() <= MARKED_UP_TO
    for i, (kind, part) in enumerate(frame.groupby("kind", sort=False)):
        color, marker, line = LINES[i % len(LINES)]
        ax.plot(
            part["count"],
            part["share"],
            color=color,
            linestyle=line,
            linewidth=1.4,
            marker=marker if marked else "",
            markersize=6,
            label=f"{kind} ({per_kind[str(kind)]:.3g} spikes each)",
        )
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}%"))
    ax.xaxis.set_major_locator(MaxNLocator(nbins=16, integer=True))
    ax.set_xlabel("spike count of an activation (sign: sign of its spikes)")
    ax.set_ylabel("share of activations")
    ax.grid(axis="both")
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.3, handlelength=3.2)
    return figure, ax


def _spikes_per_activation(frame: pd.DataFrame) -> pd.Series:
    """Mean spikes that one activation sends over all timesteps, per kind."""
    sums = frame.groupby("kind", sort=False)[["spikes", "activations"]].sum()
    return sums["spikes"] / sums["activations"]


FIGURE = FigureKind(
    title="Spike counts",
    picture="Line chart of how often each spike count occurs, by kind of stream",
    reading=(
        "The share axis is logarithmic. The encoder turns each activation into one signed count; the number in brackets"
        " is the mean of the spikes that one activation sends."
    ),
    frame=spikes_frame,
    draw=draw_spikes,
    finding=spikes_finding,
)
