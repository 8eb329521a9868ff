"""Figure: the waterfall from the 45 nm op count to the chip's total."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

from simulator.report.bridge import STEPS, TOGETHER, bridge_frame
from simulator.report.figures.figure_kind import FigureKind
from simulator.report.figures.stack import ROW_IN, mark_cut, print_columns, si_axis
from simulator.report.figures.style import INK, OTHER, SMALL_PT, Fill, axes_for, component_fills, name_rows, styled, tip
from simulator.report.format import format_energy, format_ratio, format_share

START, TOTAL = Fill("#ffffff", "", INK), Fill("#3a3a3a", "")
_BREAK_ABOVE = 2.5  # the longest empty stretch is broken when it is this many times as long as all the rest together
_FINEST = 1e-9  # a rest below this share of the stretch is lost in the rounding of its ends
_GAP = 0.10  # of the rest, how long the broken piece is drawn


def bridge_finding(frame: pd.DataFrame) -> str:
    """How far the chip is from the op count, and the largest step between them, in words."""
    start, total = frame.iloc[0], frame.iloc[-1]
    steps = frame[frame["role"] == "change"]
    top = steps.iloc[int(steps["energy_pj"].to_numpy().argmax())]
    head = f"The chip uses {format_energy(float(total['energy_pj']))} per token"
    if float(start["energy_pj"]) > 0:
        ratio = format_ratio(float(total["energy_pj"]) / float(start["energy_pj"]))
        head += f", {ratio} the op count of {format_energy(float(start['energy_pj']))}"
    if float(top["energy_pj"]) <= 0:
        return f"{head}; no step adds to it."
    return f"{head}; the largest step is {top['label']} with {format_share(float(top['share']))} of the total."


def _step_fills() -> dict[str, Fill]:
    """Fill of each step: that of the component it is drawn as."""
    fills = component_fills()
    return {step.key: fills[step.drawn_as] for step in (TOGETHER, *STEPS) if step.drawn_as}


@styled
def draw_bridge(frame: pd.DataFrame, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Horizontal waterfall on a linear axis, in pJ per token; a dominant stretch is broken to keep the rest legible.

    Bars keep their true length in the data: the break is in the scale of the axis.
    """
    figure, ax = axes_for(ax, height_in=(ROW_IN + 0.04) * len(frame) + 0.75)
    y = np.arange(len(frame))
    left = frame[["start_pj", "stop_pj"]].min(axis=1).to_numpy()
    steps = _step_fills()
    fills = [
        START if role == "start" else TOTAL if role == "total" else steps.get(step, OTHER)
        for step, role in zip(frame["step"], frame["role"], strict=True)
    ]
    for i, fill in enumerate(fills):
        width = abs(float(frame["energy_pj"].iloc[i]))
        look = fill.patch() | {"edgecolor": INK if fill is START else fill.edge, "linewidth": 0.8}
        (bar,) = ax.barh(y[i], width, left=left[i], height=0.7, **look)
        tip(bar, f"{frame['label'].iloc[i]}: {format_energy(float(frame['energy_pj'].iloc[i]))} per token")
    _draw_levels(ax, frame)
    if _frame_axes(ax, frame):
        _draw_strip(ax, frame, fills)
    signs = ["" if role != "change" else "−" if e < 0 else "+" for role, e in frame[["role", "energy_pj"]].to_numpy()]
    amounts = [f"{sign}{format_energy(abs(e))}" for sign, e in zip(signs, frame["energy_pj"], strict=True)]
    shares = [("−" if share < 0 else "") + format_share(abs(share)) for share in frame["share"]]
    print_columns(ax, amounts, shares)
    return figure, ax


def _draw_levels(ax: Axes, frame: pd.DataFrame) -> None:
    """Thin verticals that carry the level reached from each bar to the next, and keep the shortest bars visible."""
    stops = frame["stop_pj"].to_numpy()
    for i in range(len(frame) - 1):
        ax.plot([stops[i], stops[i]], [i - 0.35, i + 1.35], color=INK, linewidth=0.8, zorder=3)


def _draw_strip(ax: Axes, frame: pd.DataFrame, fills: Sequence[Fill]) -> None:
    """A bar of the whole total at its true scale above the broken axis, its large parts named."""
    strip = ax.inset_axes((0.0, 1.05, 1.0, 0.6 / len(frame)))
    total = float(frame["energy_pj"].iloc[-1])
    at = 0.0
    for row, fill in zip(frame.iloc[:-1].to_dict("records"), fills, strict=False):
        width = max(float(row["energy_pj"]), 0.0)
        (bar,) = strip.barh(0, width, left=at, height=1.0, **fill.patch())
        tip(bar, f"{row['label']}: {format_energy(width)}, {format_share(width / total)}")
        if width > 0.25 * total:
            words = f"{row['label']} {format_share(width / total)}"
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
            strip.text(at + width / 2, 0, words, ha="center", va="center", fontsize=SMALL_PT, bbox=box)
        at += width
    strip.set_xlim(0.0, at or 1.0)
    strip.set_ylim(-0.5, 0.5)
    strip.axis("off")
    strip.annotate("to scale", (0.0, 0.5), xycoords="axes fraction", xytext=(-6, 0), textcoords="offset points",
                   ha="right", va="center", annotation_clip=False)  # fmt: skip


def _frame_axes(ax: Axes, frame: pd.DataFrame) -> bool:
    """Limits, scale, ticks and labels; whether the axis is broken."""
    highest = float(frame[["start_pj", "stop_pj"]].max().max()) or 1.0
    broken = _find_break(frame)
    if broken is not None:
        ax.set_xscale("function", functions=(broken.forward, broken.inverse))
        ax.xaxis.set_major_locator(FixedLocator(broken.ticks(highest)))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.set_xlim(0.0, highest * 1.01 if broken is None else highest)
    name_rows(ax, frame["label"].tolist())
    for i in (0, len(frame) - 1):
        ax.get_yticklabels()[i].set_fontweight("bold")
    ax.set_xlabel(f"energy per token ({si_axis(ax.xaxis, highest, 'J')})")
    if broken is not None:
        middle = broken.forward(np.array([(broken.low + broken.high) / 2])) / broken.forward(np.array([highest]))
        ends = frame[["start_pj", "stop_pj"]]
        through = (ends.min(axis=1) <= broken.low) & (ends.max(axis=1) >= broken.high)
        for row in (*np.flatnonzero(through), len(frame) - 0.4):
            mark_cut(ax, row, float(middle[0]))
    return broken is not None


class Break(NamedTuple):
    """A stretch ``low .. high`` (pJ) in which no bar ends and that the axis draws ``factor`` times shorter."""

    low: float
    high: float
    factor: float

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Data to drawn length: piecewise linear, slope 1 outside the break."""
        x = np.asarray(x, dtype=float)
        inside = np.clip(x - self.low, 0.0, self.high - self.low)
        return np.asarray(x - inside * (1 - 1 / self.factor))

    def inverse(self, drawn: np.ndarray) -> np.ndarray:
        """Drawn length to data, the inverse of `forward`."""
        drawn = np.asarray(drawn, dtype=float)
        inside = np.clip(drawn - self.low, 0.0, (self.high - self.low) / self.factor)
        return np.asarray(drawn + inside * (self.factor - 1))

    def ticks(self, highest: float) -> list[float]:
        """Round values left and right of the break."""
        step = MaxNLocator(5).tick_values(0.0, float(self.forward(np.array([highest]))[0]))
        width = step[1] - step[0]
        low = np.arange(0.0, self.low, width)
        high = np.arange(np.ceil(self.high / width) * width, highest + 1e-6 * width, width)
        return [*low, *(high if len(high) else [highest])]


def _find_break(frame: pd.DataFrame) -> Break | None:
    """Where to break the axis: in the longest stretch in which no bar ends, when it dwarfs the rest of the bridge."""
    ends = np.unique(np.append(frame[["start_pj", "stop_pj"]].to_numpy(), 0.0))
    stretches = np.diff(ends)
    if len(stretches) < 2:
        return None
    longest = int(stretches.argmax())
    rest = float(ends[-1] - ends[0] - stretches[longest])
    if stretches[longest] < _BREAK_ABOVE * rest or rest < _FINEST * stretches[longest]:
        return None
    low, high = float(ends[longest]) + 0.25 * rest, float(ends[longest + 1]) - 0.25 * rest
    return Break(low, high, (high - low) / (_GAP * rest))


FIGURE = FigureKind(
    title="From the op count to the chip",
    picture="Waterfall chart of energy per token",
    reading=(
        "Each step adds to the level above it; per cent are of the chip's total. Where one step dwarfs the rest,"
        " slanted gaps mark the stretch of the axis that is left out, and the strip above shows the whole to scale."
    ),
    frame=bridge_frame,
    draw=draw_bridge,
    finding=bridge_finding,
)
