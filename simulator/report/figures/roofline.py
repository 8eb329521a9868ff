"""Figure: synaptic operations per second against bytes of weights per operation, under the roof of the cores.

Williams, Waterman, Patterson, Roofline, Communications of the ACM 52 (4), 2009: the roof is the lower of the peak rate
and of bandwidth times intensity.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter

from simulator.config.chip import ChipConfig
from simulator.engine.banks import accumulator_ps
from simulator.engine.row_service import accumulation, word_interval_ps
from simulator.report.figures.figure_kind import FigureKind
from simulator.report.figures.style import INK, SMALL_PT, axes_for, styled
from simulator.report.format import format_count, format_share
from simulator.report.run import Run
from simulator.report.stage_load import pipelined, stage_load
from simulator.report.tables import split_block
from simulator.trace.encoding import Encoding
from simulator.units import PS_PER_S

ALONE = " While one stage runs alone, all other cores wait."
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6e6e6e", "#000000")


def roofline_frame(run: Run) -> pd.DataFrame:
    """One row per kind of stage that drives layers, summed over blocks.

    ``stage, layers, cores`` (that hold its layers: mean over the blocks, by the time of each), ``synops_per_byte``,
    ``synops_per_s`` (over the whole time of the stage), ``roof_per_s`` (what those cores could do at this intensity,
    NaN where the chip file gives no time), ``share`` of that roof. ``attrs["cores"]`` holds ``(peak, bandwidth)`` of
    one core in synops and bytes per second.
    """
    peak, bandwidth = core_roof(run.chip, run.trace.encoding)
    counts = _counts(run)
    times = stage_load(run).set_index("stage")["time_ps"]
    held = {(block.owner, block.core) for block in run.placement.blocks}
    rows = []
    for stage in run.trace.stages:
        if stage.layers:
            synops, words = (sum(counts.get((layer, a), 0) for layer in stage.layers) for a in ("synop", "word_read"))
            n_cores = len({core for owner, core in held if owner in stage.layers})
            kinds = " ".join(run.trace.layer_by_id[layer].kind for layer in stage.layers)
            time_ps = int(times.get(stage.stage_id, 0))
            rows.append((split_block(stage.stage_id)[1], kinds, n_cores, synops, words, time_ps))
    frame = pd.DataFrame(rows, columns=["stage", "layers", "cores", "synops", "words", "time_ps"])
    frame["core_ps"] = frame["cores"] * frame["time_ps"]
    of_kinds = frame.groupby(["stage", "layers"], sort=False)
    sums, mean = of_kinds.sum().reset_index(), of_kinds["cores"].mean().to_numpy()
    sums["cores"] = np.where(sums["time_ps"] > 0, sums["core_ps"] / sums["time_ps"].where(sums["time_ps"] > 0), mean)
    n_bytes = sums["words"] * run.chip.core.sram.word / 8
    sums["synops_per_byte"] = sums["synops"] / n_bytes.where(n_bytes > 0)
    sums["synops_per_s"] = sums["synops"] / sums["time_ps"].where(sums["time_ps"] > 0) * PS_PER_S
    roofs = np.minimum(peak, bandwidth * sums["synops_per_byte"].to_numpy()) * sums["cores"].to_numpy()
    sums["roof_per_s"] = np.where(np.isfinite(roofs), roofs, np.nan)
    sums["share"] = sums["synops_per_s"] / sums["roof_per_s"]
    table = sums[["stage", "layers", "cores", "synops_per_byte", "synops_per_s", "roof_per_s", "share"]].copy()
    table.attrs["cores"] = (peak, bandwidth)
    table.attrs["pipelined"] = pipelined(run)
    return table


def core_roof(chip: ChipConfig, encoding: Encoding) -> tuple[float, float]:
    """Synops and bytes of weights that one core serves in a second at most; infinite where no time is given.

    All lanes work at the rate of the slower of synapse and dendrite, and each bank of accumulators takes one at a time.
    """
    core, access_ps, read_ps = chip.core, accumulator_ps(chip), word_interval_ps(chip)
    synop_ps = max(core.synapse.synop.latency.value, accumulation(encoding, chip)[1].latency.value)
    banks = core.dendrite.accumulator_banks or core.synapse.lanes
    peak = min(_rate(core.synapse.lanes, synop_ps), _rate(banks, access_ps))
    return peak, _rate(core.sram.banks * core.sram.word / 8, read_ps)


def _rate(amount: float, taken_ps: int) -> float:
    """Per second."""
    return amount / taken_ps * PS_PER_S if taken_ps else math.inf


def _counts(run: Run) -> dict[tuple[str, str], int]:
    """(layer, ``synop`` or ``word_read``) -> how often."""
    done: dict[tuple[str, str], int] = {}
    for row in run.result.action_counts:
        if row.component == "synapse":
            done[row.owner, row.action] = done.get((row.owner, row.action), 0) + row.count
    return done


def roofline_finding(frame: pd.DataFrame) -> str:
    """The stage nearest to its roof and the one farthest from it, in words."""
    known = frame.dropna(subset=["share"])
    if known.empty:
        return "No stage has a roof: the chip file gives no time for reading weights and adding them."
    shares = known["share"].to_numpy(dtype=float)
    top, low = known.iloc[int(shares.argmax())], known.iloc[int(shares.argmin())]
    return (
        f"{top['stage']} is closest to the limit of its cores: {format_count(float(top['synops_per_s']))} synaptic"
        f" operations per second, {format_share(float(top['share']))} of its roof; {low['stage']} reaches"
        f" {format_share(float(low['share']))}.{'' if frame.attrs.get('pipelined') else ALONE}"
    )


@styled
def draw_roofline(frame: pd.DataFrame, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Achieved rate of each stage over its intensity, both logarithmic, and a bar at the roof of its own cores."""
    figure, ax = axes_for(ax, height_in=3.9)
    known = frame[(frame["synops_per_byte"] > 0) & (frame["synops_per_s"] > 0)]
    for i, row in enumerate(known.to_dict("records")):
        color = COLORS[i % len(COLORS)]
        label = f"{row['stage']} ({row['layers']})"
        ax.plot(row["synops_per_byte"], row["synops_per_s"], MARKERS[i % len(MARKERS)], color=color, ms=8, label=label)
        if row["roof_per_s"] == row["roof_per_s"]:
            ax.plot(row["synops_per_byte"], row["roof_per_s"], "_", color=color, ms=22, mew=2.4)
            ends = [row["synops_per_s"], row["roof_per_s"]]
            ax.plot([row["synops_per_byte"]] * 2, ends, color=color, linewidth=0.8, linestyle=":")
    peak, bandwidth = frame.attrs["cores"]
    x_low, x_high = _decades(known["synops_per_byte"], 1.0)
    if len(known) and math.isfinite(peak) and math.isfinite(bandwidth):
        x_low, x_high = min(x_low, peak / bandwidth / 4), max(x_high, 4 * peak / bandwidth)
    if len(known) and math.isfinite(min(peak, bandwidth)):
        _draw_roofs(ax, known["cores"], peak, bandwidth, np.geomspace(x_low, x_high, 200))
    ax.set_xscale("log")
    ax.set_xlim(x_low, x_high)
    ax.set_yscale("log")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_major_formatter(EngFormatter(sep=" "))
    low, high = ax.get_ylim()
    if high < 100 * low:  # a decade or two may hold a single power of ten, or none
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("synaptic operations per byte of weights read")
    ax.set_ylabel("synaptic operations per second")
    ax.grid(axis="both")
    if len(known):
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, fontsize=SMALL_PT, borderaxespad=0.3)
    return figure, ax


def _decades(values: pd.Series, margin: float) -> tuple[float, float]:
    """Whole decades around the values, ``margin`` of them free on either side: equal values do not fill the width."""
    if not len(values):
        return 0.1, 10.0
    low, high = math.log10(float(values.min())), math.log10(float(values.max()))
    return 10.0 ** math.floor(low - margin + 0.5), 10.0 ** math.ceil(high + margin - 0.5)


def _draw_roofs(ax: Axes, cores: pd.Series, peak: float, bandwidth: float, x: np.ndarray) -> None:
    """The roof of one core and that of the most cores of any stage, each named at its right end."""
    for n, style in dict.fromkeys([(1.0, "--"), (float(cores.max()), "-")]):
        y = n * np.minimum(peak, bandwidth * x)
        ax.plot(x, y, color=INK, linewidth=1.3, linestyle=style, zorder=1)
        name = "one core" if n == 1 else f"{n:.0f} cores"
        ax.annotate(name, (x[-1], y[-1]), xytext=(-4, 4), textcoords="offset points", ha="right", fontsize=SMALL_PT)


FIGURE = FigureKind(
    title="Roofline",
    picture=(
        "Roofline chart of synaptic operations per second over operations per byte of weights read, by kind of stage"
    ),
    reading=(
        "A mark is what a stage reached over its whole time, in a pipeline while its busiest core works; the bar is"
        " what the cores of its layers could do. Both axes are logarithmic."
    ),
    frame=roofline_frame,
    draw=draw_roofline,
    finding=roofline_finding,
)
