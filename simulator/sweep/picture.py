"""Picture of a sweep: all points over its objectives, those on the Pareto front numbered and named below."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullFormatter

from simulator.arrays import F64
from simulator.config.sweep_axes import value_text
from simulator.errors import OutputError
from simulator.outputs.output_file import FIGURES, replaced_whole
from simulator.report.cells import ENERGIES, as_cells
from simulator.report.figures.style import HOT, INK, RULE, SMALL_PT, axes_for, png_bytes, styled, svg_text
from simulator.sweep.runner import SweepResult

NAME = "pareto"
DOMINATED = "#8c8c8c"  # 3.4 to 1 on white: a point that counts must be seen
UNITS = {"_pj": ("J", 1e-12), "_ps": ("s", 1e-12), "_w": ("W", 1.0)}  # suffix of a key -> symbol, factor
LOG_FROM = 100.0  # largest over smallest from which an axis is logarithmic: it then has two labelled ticks at least
PLOT_IN, PANEL_IN, LINE_IN = 4.0, 2.8, 0.19  # height of the plot, of one of several, and of each line of the key
AREA = "_mm2"  # without prefixes of its unit
POINTS_PER_INCH, LETTER_PT = 72, 5.5


def save_picture(result: SweepResult) -> tuple[Path, ...]:
    """Write ``pareto.svg`` and ``pareto.png`` into the folder of the sweep; nothing when no point has both numbers.

    Raises
    ------
    OutputError
        When a file cannot be written.
    """
    if not has_picture(result):
        return ()
    figure, _ = draw_front(result)
    svg, png = result.folder / f"{NAME}.svg", result.folder / f"{NAME}.png"
    try:
        for path, content in ((svg, svg_text(figure, NAME).encode()), (png, png_bytes(figure))):
            with replaced_whole(path, FIGURES[path.suffix]) as staged:
                staged.write_bytes(content)
    except OSError as fault:
        raise OutputError(f"{fault.filename or result.folder}: cannot write: {fault.strerror}") from fault
    return svg, png


def has_picture(result: SweepResult) -> bool:
    """Whether any point has a place in the picture."""
    return not _known(result).empty


def front_frame(result: SweepResult) -> pd.DataFrame:
    """The data of the picture: one row per point with a result, those of the front first."""
    known = _known(result)[["point", *result.axes, *result.objectives, "front"]]
    return known.sort_values("front", ascending=False, kind="stable", ignore_index=True)


def front_finding(result: SweepResult) -> str:
    """The cheapest points of the front in each objective, in words."""
    known = _known(result)
    front = known[known["front"].astype(bool)]
    if front.empty:
        return "No point is on the front."
    parts = []
    for key in result.objectives:
        best = front.iloc[int(front[key].to_numpy(dtype=float).argmin())]
        [(amount,)] = as_cells(pd.DataFrame({key: [best[key]]})).rows
        parts.append(f"the least {words(key)} is {amount} at {_changes(best, result.axes)}")
    return f"{len(front)} of {len(known)} points are on the Pareto front{_tolerance_words(result)}; {', '.join(parts)}."


def _tolerance_words(result: SweepResult) -> str:
    """What counts as no difference, in brackets."""
    return f" (differences up to {100 * result.tolerance:g} % count as none)" if result.tolerance else ""


def trade_finding(result: SweepResult) -> str:
    """From where to where each objective goes along the front, in words."""
    known = _known(result)
    front = known[known["front"].astype(bool)]
    if len(front) < 2:
        return "One point is the best in every objective." if len(front) else "No point is on the front."
    ends = front[list(result.objectives)].agg(["min", "max"])
    spans = []
    for key in result.objectives:
        low, high = (row[0] for row in as_cells(ends[[key]].reset_index(drop=True)).rows)
        spans.append(f"{words(key)} is {low} everywhere" if low == high else f"{words(key)} goes from {low} to {high}")
    return f"Along the front, {', '.join(spans)}."


@styled
def draw_front(result: SweepResult) -> tuple[Figure, Axes]:
    """Scatter of every other objective over the first, one panel each; of one objective, over the number of the point.

    Dominated points are grey. Those on the front (over all objectives, so a panel may show one that looks beaten) are
    numbered from the left, and the key below says which values were changed there.

    Returns
    -------
    tuple
        The figure, and its lowest panel.
    """
    known = _known(result)
    x, ys = _coordinates(known, result.objectives)
    on_front = known["front"].to_numpy(dtype=bool)
    order = np.flatnonzero(on_front)[np.lexsort((ys[0][on_front], x[on_front]))]
    height = PLOT_IN if len(ys) == 1 else PANEL_IN * len(ys)
    figure, ax = axes_for(None, height + LINE_IN * len(order))
    panels = [ax] if len(ys) == 1 else _panels(figure, len(ys))
    for panel, y, name in zip(panels, ys, result.objectives[1:] or result.objectives, strict=True):
        panel.scatter(x[~on_front], y[~on_front], s=22, color=DOMINATED, label="dominated")
        panel.scatter(
            x[on_front], y[on_front], s=34, color=HOT, edgecolor=INK, linewidth=0.6, label="Pareto front", zorder=3
        )
        panel.grid(color=RULE)
        _name_axis(panel, "y", name, y)
    ax = panels[-1]
    _name_axis(ax, "x", "number of the point" if len(result.objectives) == 1 else result.objectives[0], x)
    for panel, y in zip(panels, ys, strict=True):
        _number(panel, x[order], y[order])
    panels[0].legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)
    key = [f"{n}  {_changes(known.iloc[i], result.axes)}" for n, i in enumerate(order, start=1)]
    ax.set_xlabel("\n".join([ax.get_xlabel(), "", *key]), loc="left", fontsize=SMALL_PT)
    return figure, ax


def _panels(figure: Figure, n: int) -> list[Axes]:
    """Panels below each other with one horizontal axis."""
    figure.clear()
    return list(figure.subplots(n, 1, sharex=True))


def _known(result: SweepResult) -> pd.DataFrame:
    """The points that have a place in the picture."""
    return result.frame.dropna(subset=list(result.objectives[:2]))


def _coordinates(known: pd.DataFrame, objectives: tuple[str, ...]) -> tuple[F64, list[F64]]:
    """Places of the points on the horizontal axis and on each vertical one, in the units of the axes."""
    columns = [known[key].to_numpy(dtype=np.float64, na_value=np.nan) * _unit(key)[1] for key in objectives]
    if len(columns) == 1:
        return known.index.to_numpy(dtype=np.float64) + 1, columns
    return columns[0], columns[1:]


def _name_axis(ax: Axes, which: Literal["x", "y"], name: str, values: F64) -> None:
    """Label an axis in words and units; a wide one is logarithmic."""
    axis = ax.xaxis if which == "x" else ax.yaxis
    smallest, largest = np.nanmin(values, initial=np.inf), np.nanmax(values, initial=-np.inf)
    if smallest > 0 and largest / smallest >= LOG_FROM:
        ax.set_xscale("log") if which == "x" else ax.set_yscale("log")
        axis.set_minor_formatter(NullFormatter())
    symbol, _ = _unit(name)
    if symbol:
        axis.set_major_formatter(EngFormatter(unit=symbol))
    axis.set_label_text(f"{words(name)} (mm²)" if name.endswith(AREA) else words(name))


def _number(ax: Axes, x: F64, y: F64) -> None:
    """Write the number of each point of the front next to it; points whose labels would overlap share one."""
    ax.figure.draw_without_rendering()  # type: ignore[union-attr]  # from here on a place on the page is known
    places = ax.transData.transform(np.stack([x, y], axis=1)) * (POINTS_PER_INCH / ax.figure.dpi)
    groups: list[list[int]] = []
    for n, place in enumerate(places):
        for group in groups:
            across, up = np.abs(places[group[0]] - place)
            if across < LETTER_PT * (len(_runs(group)) + 2) and up < SMALL_PT + 2:
                group.append(n)
                break
        else:
            groups.append([n])
    for group in groups:
        at = (float(x[group[0]]), float(y[group[0]]))
        ax.annotate(_runs(group), at, (5, 4), textcoords="offset points", fontsize=SMALL_PT, zorder=4)


def _runs(places: list[int]) -> str:
    """Numbers from 1 on, three and more in a row as a range: ``1, 3-7``."""
    words: list[str] = []
    start = 0
    for i in range(1, len(places) + 1):
        if i == len(places) or places[i] != places[i - 1] + 1:
            run = [str(place + 1) for place in places[start:i]]
            words += run if len(run) < 3 else [f"{run[0]}-{run[-1]}"]
            start = i
    return ", ".join(words)


def _unit(key: str) -> tuple[str, float]:
    """Symbol and factor of the unit of ``key``; none for a plain number."""
    if key.startswith(ENERGIES):
        return UNITS["_pj"]
    return next((unit for suffix, unit in UNITS.items() if key.endswith(suffix)), ("", 1.0))


def words(key: str) -> str:
    """``energy.per_token_pj`` as ``energy per token``."""
    suffix = next((suffix for suffix in UNITS if key.endswith(suffix)), "")
    name = key.removesuffix(suffix).removesuffix(AREA)
    return name.removeprefix("trace.origin.").replace(".", " ").replace("_", " ")


def _changes(row: pd.Series, axes: tuple[str, ...]) -> str:
    """The values of one point, each axis by the shortest end of its path that no other axis has."""
    return ", ".join(f"{short_name(axis, axes)} = {value_text(row[axis])}" for axis in axes)


def short_name(axis: str, axes: tuple[str, ...]) -> str:
    """The shortest end of the path ``axis`` that no other of ``axes`` has: ``core.sram.capacity`` as ``capacity``."""
    parts = axis.split(".")
    for n in range(1, len(parts)):
        end = ".".join(parts[-n:])
        if not any(other != axis and (other == end or other.endswith(f".{end}")) for other in axes):
            return end
    return axis
