"""Drawing below the map of the cores: how many cores have which busy share, on the scale and in the colours of it."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from simulator.report.figures.matrix import heat_norm
from simulator.report.figures.style import HEAT_MAP, IDLE, IDLE_EDGE, IDLE_HATCH, SMALL_PT, Fill, tip

BARS = 8  # of the cores in use
HEIGHT_IN = 1.7
LOG_FROM = 10.0  # times the median core
_UNUSED_AT = -1.3  # left of the scale, with a gap between


def busy_norm(frame: pd.DataFrame) -> Normalize:
    """Scale of the busy share (per cent) of the cores in use, by the square root.

    It is logarithmic where one core is far busier than most, so that the others still differ.
    """
    percent = 100 * frame.loc[frame["used"], "time_util"].to_numpy()
    known = percent[percent > 0]
    if known.size and known.max() > LOG_FROM * np.median(known):
        low = max(float(known.min()), float(known.max()) / 1e4)
        return LogNorm(low, float(known.max()), clip=True)
    return heat_norm(float(percent.max(initial=0.0)))


def busy_groups(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per bar: ``low_percent, high_percent, n_cores``, equally wide on the scale of `busy_norm`.

    A core in use belongs to one bar, one that is never busy to the first. An upper bound belongs to the next bar, and
    that of the last bar to itself.
    """
    norm = busy_norm(frame)
    edges = np.asarray(norm.inverse(np.linspace(0.0, 1.0, BARS + 1)), dtype=float)
    placed = np.asarray(norm(100 * frame.loc[frame["used"], "time_util"].to_numpy()), dtype=float)
    of = np.clip((placed * BARS).astype(np.int64), 0, BARS - 1)
    return pd.DataFrame(
        {"low_percent": edges[:-1], "high_percent": edges[1:], "n_cores": np.bincount(of, minlength=BARS)}
    )


def add_histogram(figure: Figure, ax: Axes, frame: pd.DataFrame) -> Axes:
    """Make ``figure`` higher and draw the histogram below its only axes ``ax``."""
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + HEIGHT_IN)
    rows = GridSpec(2, 1, figure, height_ratios=(height, HEIGHT_IN))
    ax.set_subplotspec(rows[0])
    ax.set_anchor("SW")  # what room the map leaves is above it, not between it and the histogram
    below = figure.add_subplot(rows[1])
    _draw_bars(below, frame)
    return below


def _draw_bars(ax: Axes, frame: pd.DataFrame) -> None:
    """One bar per group in the colour of its middle, and one of the unused cores; the number stands above each."""
    groups = busy_groups(frame)
    middle = np.arange(BARS) + 0.5
    colors = mpl.colormaps[HEAT_MAP](middle / BARS)
    bars = list(ax.bar(middle, groups["n_cores"], width=0.92, color=colors, edgecolor="#555555", linewidth=0.4))
    numbers = [int(n) for n in groups["n_cores"]]
    words = [f"{low:.3g} to {high:.3g}%" for low, high in groups[["low_percent", "high_percent"]].to_numpy()]
    ticks, labels = list(np.arange(BARS + 1.0)), _edge_labels(groups)
    if unused := int((~frame["used"]).sum()):
        look = Fill(IDLE, IDLE_HATCH, IDLE_EDGE).patch()
        bars += ax.bar([_UNUSED_AT], [unused], width=0.92, **look)
        numbers.append(unused)
        words.append("unused")
        ticks, labels = [_UNUSED_AT, *ticks], ["unused", *labels]
    for bar, n, word in zip(bars, numbers, words, strict=True):
        tip(bar, f"{word}: {n} cores")
        ax.annotate(
            f"{n}",
            (bar.get_x() + bar.get_width() / 2, n),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=SMALL_PT,
        )
    ax.set_ylim(0, 1.22 * max(numbers))
    ax.set_xticks(ticks, labels)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("busy share of elapsed time (%)")
    ax.set_ylabel("cores")


def _edge_labels(groups: pd.DataFrame) -> list[str]:
    """The bounds of the bars in per cent."""
    edges = [*groups["low_percent"], groups["high_percent"].iloc[-1]]
    return [f"{edge:.2g}" if edge < 99.5 else f"{edge:.0f}" for edge in edges]
