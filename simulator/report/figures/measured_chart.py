"""Figure: the run among published joules per token of real machines, by parameters and by bytes of weights moved."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullFormatter

from simulator.energy.measured_band import THIS_RUN, band_table, placed
from simulator.report.figures.figure_kind import FigureKind
from simulator.report.figures.style import HOT, INK, SMALL_PT, axes_for, styled, tip
from simulator.report.format import format_energy
from simulator.report.run import Run

LOOKS = {"measured": ("o", "#0072B2"), "scaled": ("s", "#E69F00")}
PER_BYTE = tuple(10.0**n for n in range(-12, -5))  # J per byte of the lines of equal energy


def measured_frame(run: Run) -> pd.DataFrame:
    """`simulator.energy.measured_band.band_table` of the run and the published machines of its phase."""
    frame = band_table(placed(run.trace, run.energy_per_token_pj * 1e-12))
    frame.attrs["phase"] = "prefill" if run.trace.phase == "prefill" else "decode"
    return frame


def measured_finding(frame: pd.DataFrame) -> str:
    """Energy per byte of weights of the run, and its range over the machines, in words."""
    own = frame["machine"] == THIS_RUN
    run, machines = float(frame.loc[own, "pj_per_byte"].iloc[0]), frame.loc[~own, "pj_per_byte"]
    low, high = float(machines.min()), float(machines.max())
    where = "below" if run < low else "above" if run > high else "within"
    return (
        f"This run takes {format_energy(run)} per byte of weights and token ({frame.attrs['phase']}), {where} the range"
        f" of {len(machines)} published machines, {format_energy(low)} to {format_energy(high)}."
    )


@styled
def draw_measured(frame: pd.DataFrame, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Energy per token over bytes of weights per token, both logarithmic; lines of equal energy per byte."""
    figure, ax = axes_for(ax, height_in=3.8)
    ax.set_xscale("log")
    ax.set_yscale("log")
    for grade, part in frame.groupby("grade", sort=False):
        marker, color = LOOKS.get(str(grade), ("*", HOT))
        own = grade not in LOOKS
        label = THIS_RUN if own else f"machine, {grade}"
        for i, row in enumerate(part.to_dict("records")):
            size = 16 if own else 7
            (dot,) = ax.plot([row["bytes"]], [row["joule"]], marker, color=color, mec=INK, ms=size, ls="none",
                             label=label if i == 0 else None, zorder=4 if own else 3)  # fmt: skip
            joule = format_energy(row["joule"] * 1e12)
            tip(dot, f"{row['machine']}, {row['model']}: {joule} per token, {row['params_m']:.4g} M parameters")
    _frame_axes(ax, frame)
    ax.legend(loc="upper left")
    return figure, ax


def _frame_axes(ax: Axes, frame: pd.DataFrame) -> None:
    """Limits, units of the decades, and lines of equal energy per byte with their names at the right."""
    left, right = float(frame["bytes"].min()) / 3, float(frame["bytes"].max()) * 3
    low, high = float(frame.loc[frame["joule"] > 0, "joule"].min()) / 5, float(frame["joule"].max()) * 5
    for per_byte in PER_BYTE:
        ax.plot([left, right], [left * per_byte, right * per_byte], color=INK, linewidth=0.6, linestyle=":", zorder=1)
        if low < right * per_byte < high:
            ax.annotate(f"{format_energy(per_byte * 1e12)}/B", (right, right * per_byte), xytext=(4, 0), va="center",
                        textcoords="offset points", fontsize=SMALL_PT)  # fmt: skip
    ax.set_xlim(left, right)
    ax.set_ylim(low, high)
    for axis, unit in ((ax.xaxis, "B"), (ax.yaxis, "J")):
        axis.set_major_formatter(EngFormatter(unit))
        axis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("weights moved per token")
    ax.set_ylabel(f"energy per token, {frame.attrs['phase']}")


FIGURE = FigureKind(
    title="Where does it lie among real machines?",
    picture="Scatter chart of energy per token over bytes of weights, this run and published machines",
    reading=(
        "Both axes are logarithmic; a dotted line has one energy per byte of weights. Round marks were measured, square"
        " ones are published figures of others, scaled. Bytes are all weights once per token, or those moved where a"
        " paper measured them. `spikewatt band` lists scope, grade and source of each."
    ),
    frame=measured_frame,
    draw=draw_measured,
    finding=measured_finding,
)
