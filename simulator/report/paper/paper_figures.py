"""Figures of a paper at the width of a column and of a page, all text at 8 pt: made from finished reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, NullFormatter

from simulator.actions import COMPONENTS, SUMMARY_ROWS
from simulator.energy.uncertainty import TOTAL
from simulator.report.figures.stack import si_unit
from simulator.report.figures.style import INK, OTHER, TIMES, Fill, columns_that_fit, pdf_bytes, styled
from simulator.report.format import format_energy, format_share, format_time
from simulator.report.paper.paper_report import PaperReport

WIDTHS_IN = (3.3, 7.0)  # a column and a page of two columns
TEXT_PT = 8.0
BAR_IN = 0.42  # height of one bar with its space
KINDS = 8  # of layers that have a row of their own
REST = "all others"
DWARFED = 8  # times a smaller total, from which on bars show shares
MARKS = "osD^vPX*"
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
_PAPER: Any = {
    "font.size": TEXT_PT,
    "axes.labelsize": TEXT_PT,
    "xtick.labelsize": TEXT_PT,
    "ytick.labelsize": TEXT_PT,
    "legend.fontsize": TEXT_PT,
    "hatch.linewidth": 0.4,
    "axes.linewidth": 0.6,
}

Draw = Callable[[Sequence[PaperReport], float], Figure]


def paper_figures(reports: Sequence[PaperReport]) -> Iterator[tuple[str, bytes]]:
    """(name, PDF) of every figure at every width of `WIDTHS_IN`: ``energy-3.3in``; the same reports, the same bytes."""
    for name, draw in FIGURES.items():
        for width in WIDTHS_IN:
            yield f"{name}-{width:g}in", _pdf(draw, reports, width)


@styled
def _pdf(draw: Draw, reports: Sequence[PaperReport], width_in: float) -> bytes:
    with mpl.rc_context(_PAPER):
        return pdf_bytes(draw(reports, width_in))


@styled
def draw_paper_figure(name: str, reports: Sequence[PaperReport], width_in: float) -> Figure:
    """One of `FIGURES` as a figure; raises KeyError for another name."""
    with mpl.rc_context(_PAPER):
        figure = FIGURES[name](reports, width_in)
        figure.draw_without_rendering()
        return figure


def _energy(reports: Sequence[PaperReport], width_in: float) -> Figure:
    """Energy of one token by the rows of the table, one bar per report, with the total and its range.

    Where one total dwarfs another, bars show shares of it: the parts of the smaller could not be seen.
    """
    totals = [report.per_token_pj(TOTAL) or 1.0 for report in reports]
    factor, unit = si_unit(max(totals), "J")
    apart = max(totals) > DWARFED * min(totals)
    scales = totals if apart else [factor] * len(reports)
    table = pd.DataFrame([r.rows["value_pj"].drop(TOTAL) / scale for r, scale in zip(reports, scales, strict=True)])
    fills = {row: Fill(*COMPONENTS[component].look) for row, component in SUMMARY_ROWS.items()}
    figure, ax = _bars(reports, width_in, table, fills)
    ends = [(report.per_token_pj(TOTAL, "low_pj"), report.per_token_pj(TOTAL, "high_pj")) for report in reports]
    _at_the_end(ax, [format_energy(report.per_token_pj(TOTAL)) for report in reports])
    if apart:
        _share_axis(ax, "share of the energy; at the right: per token")
        return figure
    for y, (low, high) in enumerate(ends):
        if low < high:
            middle, half = (low + high) / 2 / factor, (high - low) / 2 / factor
            ax.errorbar(middle, y, xerr=half, color=INK, linewidth=0.8, capsize=2.5)
    ax.set_xlim(0, 1.03 * max(*totals, *(high for _, high in ends)) / factor)
    ax.set_xlabel(f"energy per token ({unit})")
    return figure


def _time(reports: Sequence[PaperReport], width_in: float) -> Figure:
    """Share of the time by part, one bar per report, with the time of one token at its end."""
    table = pd.DataFrame([report.times / (report.times.sum() or 1.0) for report in reports]).fillna(0.0)
    figure, ax = _bars(reports, width_in, table, TIMES)
    _at_the_end(ax, [format_time(report.finished.time_per_token_ps) for report in reports])
    _share_axis(ax, "share of the time; at the right: per token")
    return figure


def _at_the_end(ax: Axes, texts: Sequence[str]) -> None:
    """A text at the right of each bar."""
    for y, text in enumerate(texts):
        ax.annotate(text, (1.0, y), (4, 0), ax.get_yaxis_transform(), "offset points", va="center")


def _share_axis(ax: Axes, label: str) -> None:
    ax.set_xlim(0, 1.0)
    ax.set_xticks([0, 0.5, 1.0], ["0", "50 %", "100 %"])
    ax.set_xlabel(label)


def _layers(reports: Sequence[PaperReport], width_in: float) -> Figure:
    """Energy of one token by kind of layer on a logarithmic axis, one mark per report; small kinds together."""
    table = pd.concat([report.kinds for report in reports], axis=1, keys=range(len(reports))).fillna(0.0)
    order = table.max(axis=1).sort_values(ascending=False, kind="stable").index
    shown = table.loc[order[:KINDS]]
    if len(order) > KINDS:
        shown = pd.concat([shown, table.loc[order[KINDS:]].sum().to_frame(REST).T])
    factor, unit = si_unit(float(shown.max().max()), "J")
    columns = _legend_columns([report.label for report in reports], width_in)
    figure, ax = _axes(width_in, 0.2 * len(shown) + 0.5 + 0.16 * -(-len(reports) // columns))
    for number, report in enumerate(reports):
        values = shown[number] / factor
        there = values > 0
        rows = [y for y, drawn in enumerate(there) if drawn]
        mark, color = MARKS[number % len(MARKS)], COLORS[number % len(COLORS)]
        ax.plot(values[there], rows, mark, color=color, markersize=4.5, label=_short(report.label, width_in))
    ax.set_xscale("log")
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.set_yticks(range(len(shown)), [_short(str(name), width_in * 0.8) for name in shown.index])
    ax.grid(axis="both", which="major")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(f"energy per token ({unit})")
    figure.legend(loc="outside upper left", ncols=columns, handletextpad=0.2, columnspacing=1.0, borderaxespad=0.0)
    return figure


FIGURES: Mapping[str, Draw] = {"energy": _energy, "time": _time, "layers": _layers}


def _bars(
    reports: Sequence[PaperReport], width_in: float, table: pd.DataFrame, fills: Mapping[str, Fill]
) -> tuple[Figure, Axes]:
    """Stacked bars, one per report, with a legend above; parts without a value are left out."""
    parts = [part for part in table.columns if (table[part] > 0).any()]
    columns = _legend_columns([str(part) for part in parts], width_in)
    figure, ax = _axes(width_in, BAR_IN * len(reports) + 0.55 + 0.16 * -(-len(parts) // columns))
    left = [0.0] * len(reports)
    for part in parts:
        look = fills.get(part, OTHER)
        values = table[part].tolist()
        ax.barh(range(len(reports)), values, left=left, height=0.62, label=part, **look.patch())
        left = [start + value for start, value in zip(left, values, strict=True)]
    ax.set_ylim(len(reports) - 0.5, -0.5)
    names = ["\n".join(report.heading[:2]) + ("…" if len(report.heading) > 2 else "") for report in reports]
    ax.set_yticks(range(len(reports)), names)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    if parts:
        figure.legend(loc="outside upper left", ncols=columns, handlelength=1.3, handletextpad=0.4, columnspacing=1.0)
    return figure, ax


def _axes(width_in: float, height_in: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width_in, height_in), layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03))
    return figure, figure.add_subplot()


def _legend_columns(names: Sequence[str], width_in: float) -> int:
    """How many entries of a legend stand next to each other: a letter is about 0.07 inch wide at 8 pt."""
    return columns_that_fit([_short(name, width_in) for name in names], width_in, letter_in=0.07, mark_in=0.4)


def _short(name: str, width_in: float) -> str:
    """The name, cut where it would take more than about half of the width."""
    most = _letters(width_in)
    return name if len(name) <= most else name[: most - 1] + "…"


def _letters(width_in: float) -> int:
    return int(width_in * 7)


def shares_text(report: PaperReport) -> str:
    """What the figure of energies shows of a report, for its caption: ``compute 64.6%, static 32.4%``."""
    rows = report.rows["value_pj"]
    total = float(rows[TOTAL]) or 1.0
    largest = rows.drop(TOTAL).sort_values(ascending=False, kind="stable").head(2)
    return ", ".join(f"{name} {format_share(float(value) / total)}" for name, value in largest.items())
