"""Figure: the spikes themselves, of a few neurons of each kind of stream over the timesteps of a few tokens."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from simulator.report.figures.figure_kind import FigureKind
from simulator.report.figures.style import HOT, INK, RULE, axes_for, styled
from simulator.report.format import format_share
from simulator.report.run import Run
from simulator.report.tables import split_block
from simulator.trace.trace import Trace

NEURONS, TOKENS, WIDTH = 12, 6, 90  # rows of a kind, tokens at most, and timesteps they may fill together
POSITIVE, NEGATIVE = "#0072B2", HOT


def raster_frame(run: Run) -> pd.DataFrame:
    """One row per spike: ``kind, row, neuron, token, timestep, sign``.

    The first stream of each kind, `NEURONS` of its neurons at even distances, and as many of the last tokens (their
    contexts are the longest) as fill `WIDTH` timesteps. ``attrs`` holds the kinds, and the numbers of tokens and of
    timesteps.
    """
    trace = run.trace
    kinds = _first_of_each_kind(trace)
    steps = trace.encoding.n_timesteps
    n_tokens = min(TOKENS, trace.n_tokens, max(1, WIDTH // steps))
    frames = [_spikes(trace, kind, stream, i * NEURONS, n_tokens) for i, (kind, stream) in enumerate(kinds.items())]
    frame = pd.concat(frames, ignore_index=True)
    frame.attrs.update(kinds=list(kinds), tokens=n_tokens, timesteps=steps)
    return frame


def _first_of_each_kind(trace: Trace) -> dict[str, str]:
    """Kind of stream -> the first stream of that kind."""
    kinds: dict[str, str] = {}
    for stream in trace.streams:
        kinds.setdefault(split_block(stream.stream_id)[1], stream.stream_id)
    return kinds


def _spikes(trace: Trace, kind: str, stream_id: str, first_row: int, n_tokens: int) -> pd.DataFrame:
    """Spikes of some neurons of one stream in the last tokens."""
    counts = trace.spike_counts(stream_id)
    neurons = np.unique(np.linspace(0, counts.shape[1] - 1, NEURONS).astype(int))
    chosen = counts[-n_tokens:, neurons]
    parts = []
    for timestep in range(trace.encoding.n_timesteps):
        spikes = trace.encoding.spikes_in_timestep(chosen, timestep)
        token, row = np.nonzero(spikes)
        part = {"row": first_row + row, "neuron": neurons[row], "token": token, "timestep": timestep}
        parts.append(pd.DataFrame({"kind": kind, **part, "sign": np.sign(spikes[token, row])}))
    return pd.concat(parts, ignore_index=True)


def raster_finding(frame: pd.DataFrame) -> str:
    """How full the raster is, and how many spikes are negative, in words."""
    kinds, tokens, timesteps = (frame.attrs[key] for key in ("kinds", "tokens", "timesteps"))
    places = len(kinds) * NEURONS * tokens * timesteps
    if frame.empty:
        return f"None of the {places} neuron-timesteps shown contains a spike."
    negative = float((frame["sign"] < 0).mean())
    busiest = str(frame["kind"].value_counts().idxmax())
    return (
        f"{format_share(len(frame) / places)} of the {places} neuron-timesteps shown contain a spike, most of them"
        f" in {busiest};"
        f" {format_share(negative)} of the spikes are negative."
    )


@styled
def draw_raster(frame: pd.DataFrame, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Raster of neurons (down, by kind of stream) over timesteps (across, by token); negative spikes are shorter."""
    kinds, tokens, timesteps = (frame.attrs[key] for key in ("kinds", "tokens", "timesteps"))
    figure, ax = axes_for(ax, height_in=0.075 * NEURONS * len(kinds) + 1.0)
    x = (frame["token"] * timesteps + frame["timestep"]).to_numpy(dtype=float) + 0.5
    y = frame["row"].to_numpy(dtype=float)
    positive = frame["sign"].to_numpy() > 0
    for chosen, color, half, label in (
        (positive, POSITIVE, 0.42, "spike +1"),
        (~positive, NEGATIVE, 0.22, "spike −1 (shorter)"),
    ):
        ends = np.stack([np.stack([x, y - half], axis=1), np.stack([x, y + half], axis=1)], axis=1)[chosen]
        if len(ends):
            ax.add_collection(LineCollection(list(ends), colors=color, linewidths=1.6, label=label))
    for token in range(1, tokens):
        ax.axvline(token * timesteps, color=RULE, linewidth=0.8)
    for i in range(1, len(kinds)):
        ax.axhline(i * NEURONS - 0.5, color=INK, linewidth=0.6)
    ax.set_xlim(0, tokens * timesteps)
    ax.set_ylim(len(kinds) * NEURONS - 0.5, -0.5)
    ax.set_yticks([NEURONS * (i + 0.5) - 0.5 for i in range(len(kinds))], kinds)
    ax.set_xticks(range(0, tokens * timesteps + 1, timesteps))
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(f"timestep (vertical lines: ends of the last {tokens} tokens)")
    if len(frame):
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.3)
    return figure, ax


FIGURE = FigureKind(
    title="Spikes",
    picture="Raster of the spikes of a few neurons, by kind of stream, over the timesteps of the last tokens",
    reading=(
        "One row per neuron, one mark per spike; negative spikes are shorter. The neurons stand at even distances in"
        " the first stream of their kind."
    ),
    frame=raster_frame,
    draw=draw_raster,
    finding=raster_finding,
)
