"""Figure: energy of a token against its spike rate, and the rate at which the chip would cost what the twin costs."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from simulator.engine.result import CHIP
from simulator.report.figures.figure_kind import FigureKind
from simulator.report.figures.stack import si_axis
from simulator.report.figures.style import HOT, INK, SMALL_PT, axes_for, styled
from simulator.report.format import format_energy
from simulator.report.run import Run

POINTS = 31  # every tenth of the rate of this run up to three times, itself included
OF_LAYERS = ("axon_in", "synapse", "dendrite")  # what a spike costs where it arrives
OF_STAGES = ("axon_out", "noc", "soma")  # and where it is sent from
CHIP_LINE, OP_COUNT, TWIN = "chip", "45 nm op count", "dense twin"
LOG_FROM = 20.0  # largest over smallest line: beyond it the lower lines lie on the axis
_LOOKS = {CHIP_LINE: (HOT, "-", 2.0), TWIN: (INK, "--", 1.6), OP_COUNT: ("#0072B2", ":", 1.8)}


def break_even_frame(run: Run) -> pd.DataFrame:
    """Energy per token at 0 to 3 times the spikes of this run: ``spikes_per_activation, model, energy_pj, this_run``.

    A straight line through this run, not further simulations: what a spike causes (its sending, its path, the rows it
    fetches and adds) follows the rate, and so does the static energy of the time that stages spend on spikes; neuron
    updates of idle neurons, values, non-spiking operations and barriers stay. The op count follows the rate alone, the
    dense twin does not know it. ``attrs["break_even"]`` is the rate at which chip and twin cost the same, NaN where no
    rate above 0 does or there is no twin; ``attrs["simulated"]`` is that rate by bisection, None where not asked for.
    """
    spikes, fixed = _split(run)
    rate = run.spikes_per_activation
    rates = np.linspace(0.0, 3.0, POINTS) * (rate or 1.0)
    scale = rates / rate if rate else np.zeros(POINTS)
    lines = {CHIP_LINE: fixed + spikes * scale, OP_COUNT: run.op_count.ac_pj / run.n_tokens * scale}
    if run.dense is not None:
        lines[TWIN] = np.full(POINTS, run.dense.energy_per_token_pj)
    frames = [pd.DataFrame({"spikes_per_activation": rates, "model": m, "energy_pj": e}) for m, e in lines.items()]
    frame = pd.concat(frames, ignore_index=True)
    frame["this_run"] = np.isclose(frame["spikes_per_activation"], rate) if rate else False
    twin = math.nan if run.dense is None else run.dense.energy_per_token_pj
    crossing = rate * (twin - fixed) / spikes if spikes else math.nan
    frame.attrs.update(rate=rate, break_even=crossing if crossing > 0 else math.nan, twin=twin, fixed=fixed)
    frame.attrs["simulated"] = None if run.bisection is None else run.bisection.spikes
    return frame


def _split(run: Run) -> tuple[float, float]:
    """Energy of one token that follows the spike rate, and the rest, pJ."""
    rows = run.ledger.rows
    layers, stages = set(run.trace.layer_by_id), {stage.stage_id for stage in run.trace.stages}
    of_layer = rows["owner"].isin(layers) & rows["component"].isin(OF_LAYERS) & (rows["action"] != "reduce")
    of_stage = rows["owner"].isin(stages) & rows["component"].isin(OF_STAGES) & (rows["action"] != "update_idle")
    dynamic = math.fsum(rows.loc[of_layer | of_stage, "energy_pj"])
    static = math.fsum(rows.loc[(rows["owner"] == CHIP) & (rows["component"] == "static"), "energy_pj"])
    stage_times = run.result.stages
    on_spikes = int(stage_times["compute_ps"].sum() + stage_times["network_ps"].sum())
    share = min(1.0, on_spikes / run.result.total_ps) if run.result.total_ps else 0.0
    spikes = (dynamic + static * share) / run.n_tokens
    return spikes, run.energy_per_token_pj - spikes


def break_even_finding(frame: pd.DataFrame) -> str:
    """The break-even rate and the rate of this run, in words."""
    rate, crossing, twin, fixed = (frame.attrs[key] for key in ("rate", "break_even", "twin", "fixed"))
    if math.isnan(twin):
        return f"Without spikes a token would need {format_energy(fixed)}; this run has no dense twin to compare with."
    if math.isnan(crossing):
        return (
            f"Fewer spikes cannot beat the dense twin: with no spike at all this chip still needs"
            f" {format_energy(fixed)} per"
            f" token, the dense twin {format_energy(twin)}{_against_simulation(frame)}."
        )
    side = "below" if rate < crossing else "above"
    return (
        f"By a linear estimate, chip and dense twin take the same energy at {crossing:.3g} spikes per activation;"
        f" this run has {rate:.3g}, {side} that{_against_simulation(frame)}."
    )


def _against_simulation(frame: pd.DataFrame) -> str:
    """How far the straight line is from the bisection, or how to find out."""
    line, simulated = frame.attrs["break_even"], frame.attrs["simulated"]
    if simulated is None:
        return " (an estimate: --breakeven finds it by simulation)"
    if simulated == 0:
        return ". Even without a spike, the simulated chip takes more than the twin"
    if math.isinf(simulated):
        return ". Even with the most spikes of the encoding, the simulated chip takes less than the twin"
    difference = "" if math.isnan(line) else f": the line is off by {line / simulated - 1:+.1%}"
    return f". By bisection on the simulated chip it is at {simulated:.3g}{difference}"


@styled
def draw_break_even(frame: pd.DataFrame, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Lines of energy over spike rate, a dot at this run and a cross where chip and twin meet."""
    figure, ax = axes_for(ax, height_in=3.4)
    for model, part in frame.groupby("model", sort=False):
        color, style, width = _LOOKS[str(model)]
        x, y = part["spikes_per_activation"], part["energy_pj"]
        ax.plot(x, y, color=color, linestyle=style, linewidth=width)
    chip = frame[(frame["model"] == CHIP_LINE) & frame["this_run"]]
    if len(chip):
        ax.plot(chip["spikes_per_activation"], chip["energy_pj"], "o", color=HOT, ms=8, mec=INK, label="this run")
    crossing = frame.attrs["break_even"]
    if crossing <= float(frame["spikes_per_activation"].max()):
        label = f"estimate: {crossing:.3g}"
        ax.plot([crossing], [frame.attrs["twin"]], "X", color="white", mec=INK, ms=10, label=label)
    simulated = frame.attrs["simulated"]
    if simulated and simulated <= float(frame["spikes_per_activation"].max()):
        label = f"by bisection: {simulated:.3g}"
        ax.plot([simulated], [frame.attrs["twin"]], "P", color=INK, mec="white", ms=10, label=label)
    _frame_axes(ax, frame)
    if len(ax.get_legend_handles_labels()[0]):
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, borderaxespad=0.3)
    return figure, ax


def _frame_axes(ax: Axes, frame: pd.DataFrame) -> None:
    """Limits and scale, the name of each line at its end, and a shade where the chip is cheaper than the twin."""
    ends = frame.groupby("model", sort=False)["energy_pj"].last()
    largest, smallest = float(frame["energy_pj"].max()) or 1.0, float(ends[ends > 0].min()) if (ends > 0).any() else 0.0
    right, twin = float(frame["spikes_per_activation"].max()), frame.attrs["twin"]
    wide = smallest > 0 and largest > LOG_FROM * smallest
    if wide:
        ax.set_yscale("log")
        ax.yaxis.set_minor_formatter(NullFormatter())
    low = smallest / 8 if wide else 0.0
    ax.set_xlim(0.0, right)
    ax.set_ylim(low, largest * (1.6 if wide else 1.05))
    if twin == twin:
        ax.axhspan(low, twin, color="#009E73", alpha=0.10, linewidth=0)
        ax.annotate("cheaper than dense", (0.99 * right, twin), xytext=(0, -4), textcoords="offset points",
                    va="top", ha="right", color="#00694d", fontsize=SMALL_PT)  # fmt: skip
    for model, value in ends.items():
        if value > 0:
            ax.annotate(str(model), (right, float(value)), xytext=(5, 0), textcoords="offset points", va="center",
                        color=_LOOKS[str(model)][0], annotation_clip=False)  # fmt: skip
    ax.grid(axis="both")
    ax.set_xlabel("spikes per activation")
    ax.set_ylabel(f"energy per token ({si_axis(ax.yaxis, largest, 'J')})")


FIGURE = FigureKind(
    title="Energy against spike rate",
    picture="Line chart of energy per token over spikes per activation, with the estimated break-even",
    reading=(
        "Linear estimate: energy caused by spikes, and leakage while they are processed, grows with the spike rate; the"
        " rest is constant. Use --breakeven to simulate it."
    ),
    frame=break_even_frame,
    draw=draw_break_even,
    finding=break_even_finding,
)
