"""Picture of a sweep: all points over two objectives, those on the Pareto front numbered and named below."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullFormatter

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
NEAR = 0.005  # share of an objective below which two points do not differ: less than any price is known to
PLOT_IN, LINE_IN = 4.0, 0.19  # height of the plot, and of each line of the key below it


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
        raise OutputError(f"{fault.filename}: cannot write: {fault.strerror}") from fault
    return svg, png


def has_picture(result: SweepResult) -> bool:
    """Whether any point has a place in the picture."""
    return not _known(result).empty


def front_frame(result: SweepResult) -> pd.DataFrame:
    """The data of the picture: one row per point with a result, those of the front first."""
    known = _known(result)[["point", *result.axes, *result.objectives, "front"]]
    return known.sort_values("front", ascending=False, kind="stable", ignore_index=True)


def front_finding(result: SweepResult) -> str:
    """The cheapest points of the front in each of the first two objectives, in words."""
    known = _known(result)
    front = known[known["front"].astype(bool)]
    if front.empty:
        return "No point is on the front."
    parts = []
    for key in result.objectives[:2]:
        best = front.iloc[int(front[key].to_numpy(dtype=float).argmin())]
        [(amount,)] = as_cells(pd.DataFrame({key: [best[key]]})).rows
        parts.append(f"the least {words(key)} is {amount} at {_changes(best, result.axes)}")
    found = f"{len(front)} of {len(known)} points are on the Pareto front; {', '.join(parts)}."
    near = near_front(known, result.objectives)
    if not near:
        return found
    are = "1 other point is" if near == 1 else f"{near} other points are"
    return f"{found} {are} within {100 * NEAR:g} % of one of them in every objective, which is no difference."


def near_front(known: pd.DataFrame, objectives: tuple[str, ...]) -> int:
    """How many points off the front are at most `NEAR` above one point of the front in every objective."""
    on_front = known["front"].to_numpy(dtype=bool)
    costs = known[list(objectives)].to_numpy(dtype=np.float64, na_value=np.nan)
    best = costs[on_front] * (1 + NEAR)
    return sum(bool((cost <= best).all(axis=1).any()) for cost in costs[~on_front])


@styled
def draw_front(result: SweepResult) -> tuple[Figure, Axes]:
    """Scatter of the first two objectives; with one objective, of that over the number of the point.

    Dominated points are grey. Those on the front (over all objectives, so a third one may put a point there that looks
    beaten) are numbered from the left, and the key below says which values were changed there.
    """
    known = _known(result)
    x, y = _coordinates(known, result.objectives)
    on_front = known["front"].to_numpy(dtype=bool)
    order = np.flatnonzero(on_front)[np.lexsort((y[on_front], x[on_front]))]
    figure, ax = axes_for(None, PLOT_IN + LINE_IN * len(order))
    ax.scatter(x[~on_front], y[~on_front], s=22, color=DOMINATED, label="dominated")
    ax.scatter(x[on_front], y[on_front], s=34, color=HOT, edgecolor=INK, linewidth=0.6, label="Pareto front", zorder=3)
    ax.grid(color=RULE)
    _name_axes(ax, result.objectives, x, y)
    _number(ax, x[order], y[order])
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)
    key = [f"{n}  {_changes(known.iloc[i], result.axes)}" for n, i in enumerate(order, start=1)]
    ax.set_xlabel("\n".join([ax.get_xlabel(), "", *key]), loc="left", fontsize=SMALL_PT)
    return figure, ax


def _known(result: SweepResult) -> pd.DataFrame:
    """The points that have a place in the picture."""
    return result.frame.dropna(subset=list(result.objectives[:2]))


def _coordinates(known: pd.DataFrame, objectives: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Both coordinates of each point, in the units of the axes."""
    columns = [known[key].to_numpy(dtype=np.float64, na_value=np.nan) * _unit(key)[1] for key in objectives[:2]]
    if len(columns) == 1:
        return known.index.to_numpy(dtype=np.float64) + 1, columns[0]
    return columns[0], columns[1]


def _name_axes(ax: Axes, objectives: tuple[str, ...], x: np.ndarray, y: np.ndarray) -> None:
    """Label each axis in words and units; a wide one is logarithmic."""
    names = ("number of the point", objectives[0]) if len(objectives) == 1 else objectives[:2]
    for axis, name, values in ((ax.xaxis, names[0], x), (ax.yaxis, names[1], y)):
        smallest, largest = values.min(), values.max()
        if smallest > 0 and largest / smallest >= LOG_FROM:
            axis.axes.set_xscale("log") if axis is ax.xaxis else axis.axes.set_yscale("log")
            axis.set_minor_formatter(NullFormatter())
        symbol, _ = _unit(name)
        if symbol:
            axis.set_major_formatter(EngFormatter(unit=symbol))
        axis.set_label_text(words(name))


def _number(ax: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Write the number of each point of the front next to it; points at one place share the label."""
    at: dict[tuple[float, float], list[str]] = {}
    for n, place in enumerate(zip(x.tolist(), y.tolist(), strict=True), start=1):
        at.setdefault(place, []).append(str(n))
    for place, numbers in at.items():
        ax.annotate(", ".join(numbers), place, xytext=(5, 4), textcoords="offset points", fontsize=SMALL_PT, zorder=4)


def _unit(key: str) -> tuple[str, float]:
    """Symbol and factor of the unit of ``key``; none for a plain number."""
    if key.startswith(ENERGIES):
        return UNITS["_pj"]
    return next((unit for suffix, unit in UNITS.items() if key.endswith(suffix)), ("", 1.0))


def words(key: str) -> str:
    """``energy.per_token_pj`` as ``energy per token``."""
    suffix = next((suffix for suffix in UNITS if key.endswith(suffix)), "")
    return key.removesuffix(suffix).removeprefix("trace.origin.").replace(".", " ").replace("_", " ")


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
