"""Figure: energy and time of a generated token against the number of texts that generate together."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FixedLocator, NullLocator

from simulator.energy.batch_curve import PIPELINED, TOGETHER
from simulator.report.figures.style import RULE, WIDTH_IN, InlineFigure, styled, tip
from simulator.report.format import format_energy, format_time

LOOKS = {PIPELINED: ("o", "#0072B2"), TOGETHER: ("s", "#E69F00")}
WORDS = {PIPELINED: "pipelined", TOGETHER: "together, row fetches shared"}
PANELS = (
    ("energy_per_token_pj", "energy per token", "J", format_energy),
    ("time_per_token_ps", "time per token", "s", format_time),
)


@styled
def draw_batches(table: pd.DataFrame) -> tuple[Figure, list[Axes]]:
    """Two panels from 0 over the batch; a line per schedule of `simulator.energy.batch_curve`."""
    figure = InlineFigure(figsize=(WIDTH_IN, 3.0), layout="constrained")
    panels = list(figure.subplots(1, 2))
    for ax, (key, words, symbol, write) in zip(panels, PANELS, strict=True):
        for schedule, rows in table.groupby("schedule", sort=False):
            marker, color = LOOKS[str(schedule)]
            values = rows[key].to_numpy(dtype=float) * 1e-12
            ax.plot(rows["batch"], values, marker=marker, color=color, label=WORDS[str(schedule)])
            for batch, value in zip(rows["batch"], values, strict=True):
                (dot,) = ax.plot([batch], [value], marker=marker, color=color, ls="none")
                tip(dot, f"{WORDS[str(schedule)]}, batch {batch}: {write(value * 1e12)} per token")
        ax.set_xscale("log", base=2)
        ax.set_ylim(bottom=0.0)
        ax.xaxis.set_major_locator(FixedLocator(sorted(set(table["batch"]))))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.yaxis.set_major_formatter(EngFormatter(symbol))
        ax.grid(color=RULE)
        ax.set_xlabel("batch (texts)")
        ax.set_ylabel(words)
    panels[0].legend(loc="lower left")
    return figure, panels
