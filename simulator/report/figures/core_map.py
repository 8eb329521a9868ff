"""Figure: how busy each core was, on the mesh and as a histogram."""

from __future__ import annotations

import math

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, NullFormatter

from simulator.report.figures.core_histogram import add_histogram, busy_groups, busy_norm
from simulator.report.figures.figure_kind import FigureKind
from simulator.report.figures.matrix import color_bar, ink_on
from simulator.report.figures.mesh_panel import RASTER_ABOVE, draw_chip_edges, frame_map, map_axes, mesh_size
from simulator.report.figures.style import HEAT_MAP, HOT, IDLE, IDLE_EDGE, IDLE_HATCH, INK, SMALL_PT, styled
from simulator.report.format import format_share
from simulator.report.run import Run

MANY_CORES = 20  # in use: for fewer the map says it all
NUMBERED_UP_TO = 16  # cores along either side of the map
TILE_SIDE = 0.9  # of the unit square of a tile; the rest is the gap between tiles


def cores_frame(run: Run) -> pd.DataFrame:
    """One row per core of the chips in use: ``core, x, y, slot, cores_per_tile, used, owner, time_util``.

    ``x, y`` is the tile, ``slot`` the place of the core among those of its tile, ``time_util`` busy over elapsed time
    (0 for an unused core). ``attrs["mesh"]`` holds the size of the mesh and of one chip.
    """
    router = run.placement.core_router
    frame = pd.DataFrame({"core": np.arange(len(router)), "router": router})
    frame["x"], frame["y"] = frame["router"] % run.placement.mesh_x, frame["router"] // run.placement.mesh_x
    frame["slot"] = frame.groupby("router").cumcount()
    frame["cores_per_tile"] = run.chip.chip.cores_per_tile
    busy = run.result.cores.set_index("core")
    frame["used"] = frame["core"].isin(busy.index)
    frame["owner"] = frame["core"].map(busy["owner"]).fillna("")
    elapsed = run.result.total_ps or 1  # nothing is busy when no time passes
    frame["time_util"] = frame["core"].map(busy["busy_ps"]).fillna(0.0) / elapsed
    frame = frame.drop(columns="router")
    frame.attrs["mesh"] = mesh_size(run)
    return frame


def cores_finding(frame: pd.DataFrame) -> str:
    """Cores in use and the busiest of them, in words."""
    top = _busiest(frame)
    mean = format_share(float(frame["time_util"].mean()))
    return (
        f"{int(frame['used'].sum())} of {len(frame)} cores are used; a core is busy {mean} of the time on average over"
        f" all of them; the busiest is core {top['core']} ({top['owner']})"
        f" with {format_share(float(top['time_util']))}.{_spread(frame)}"
    )


def _spread(frame: pd.DataFrame) -> str:
    """How the load is spread over the cores in use, where there are many."""
    used = frame.loc[frame["used"], "time_util"]
    if len(used) < MANY_CORES:
        return ""
    half, most = (format_share(float(used.quantile(q))) for q in (0.5, 0.9))
    groups = busy_groups(frame)
    at = int(groups["n_cores"].to_numpy().argmax())
    largest = groups.iloc[at]
    low = f"{largest['low_percent']:.2g} to" if at else "at most"  # never busy: in the first bar
    return (
        f" Half of the cores in use are busy at most {half} of the time, nine in ten at most {most}. The highest bar:"
        f" {int(largest['n_cores'])} cores are busy {low} {largest['high_percent']:.2g}%."
    )


@styled
def draw_cores(frame: pd.DataFrame, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Map of the mesh, one cell per core, darker for busier; unused cores are hatched.

    A new figure has the histogram of the busy shares below the map; ``ax`` gets the map alone.
    """
    alone = ax is None
    mesh_x, mesh_y, tiles_x, tiles_y = frame.attrs["mesh"]
    figure, ax = map_axes(ax, mesh_x, mesh_y)
    cells = core_cells(frame)
    used = frame["used"].to_numpy()
    percent = 100 * frame["time_util"].to_numpy()
    colors = ScalarMappable(busy_norm(frame), mpl.colormaps[HEAT_MAP])
    raster = len(frame) > RASTER_ABOVE
    if not used.all():
        idle = PolyCollection(list(cells[~used]), facecolor=IDLE, edgecolor=IDLE_EDGE, linewidth=0.3)
        idle.set_hatch(_idle_hatch(frame))
        ax.add_collection(idle)
        idle.set_rasterized(raster)
    faces = colors.to_rgba(percent[used])
    busy = PolyCollection(list(cells[used]), facecolor=faces, edgecolor="#555555", linewidth=0.4)
    ax.add_collection(busy)
    busy.set_rasterized(raster)
    top = int(percent.argmax())
    ax.add_collection(PolyCollection([cells[top]], facecolor="none", edgecolor=HOT, linewidth=2.2))
    _print_numbers(ax, frame, cells, percent, colors)
    frame_map(ax, mesh_x, mesh_y)
    several = draw_chip_edges(ax, mesh_x, mesh_y, tiles_x, tiles_y)
    _legend(ax, frame, several)
    bar = color_bar(figure, ax, colors, "busy share (%)")
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    if alone:
        add_histogram(figure, ax, frame)
    return figure, ax


def _busiest(frame: pd.DataFrame) -> pd.Series:
    """Row of the busiest core, the lowest number of several."""
    return frame.iloc[int(frame["time_util"].to_numpy().argmax())]


def _idle_hatch(frame: pd.DataFrame) -> str:
    """Hatching of unused cores; plain grey on a large map, where a cell has no room for it."""
    return "" if len(frame) > RASTER_ABOVE else IDLE_HATCH


def _grid(cores_per_tile: int) -> tuple[int, int]:
    """Columns and rows in which the cores of one tile are laid out."""
    columns = math.ceil(math.sqrt(cores_per_tile))
    return columns, math.ceil(cores_per_tile / columns)


def core_cells(frame: pd.DataFrame) -> np.ndarray:
    """Corners of each core's cell, float [cores, 4, 2]; slots fill a tile from its lower left, row by row."""
    columns, rows = _grid(int(frame["cores_per_tile"].iloc[0]))
    width, height = TILE_SIDE / columns, TILE_SIDE / rows
    slot = frame["slot"].to_numpy()
    left = frame["x"].to_numpy() - TILE_SIDE / 2 + width * (slot % columns)
    low = frame["y"].to_numpy() - TILE_SIDE / 2 + height * (slot // columns)
    unit = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    return np.asarray(np.stack([left, low], axis=1)[:, None, :] + unit * np.array([width, height]))


def _print_numbers(
    ax: Axes, frame: pd.DataFrame, cells: np.ndarray, percent: np.ndarray, colors: ScalarMappable
) -> None:
    """Per cent in the cell of each used core, when the map is small enough for legible numbers."""
    columns, rows = _grid(int(frame["cores_per_tile"].iloc[0]))
    mesh_x, mesh_y, _, _ = frame.attrs["mesh"]
    if max(columns * mesh_x, rows * mesh_y) > NUMBERED_UP_TO:
        return
    digits = 2 if percent.max() < 1 else 1
    faces = colors.to_rgba(percent)
    for i in np.flatnonzero(frame["used"].to_numpy()):
        text = f"{percent[i]:.0f}" if percent[i] >= 9.95 else f"{percent[i]:.{digits}f}"
        x, y = cells[i].mean(axis=0)
        ax.text(x, y, text, ha="center", va="center", fontsize=SMALL_PT, color=ink_on(faces[i]), in_layout=False)


def _legend(ax: Axes, frame: pd.DataFrame, several: bool) -> None:
    """What hatching, outline and dashes mean."""
    top = _busiest(frame)
    handles: list[Patch | Line2D] = [
        Patch(facecolor="none", edgecolor=HOT, linewidth=2.2, label=f"busiest: core {top['core']}")
    ]
    unused = int((~frame["used"]).sum())
    if unused:
        label = f"unused: {unused} of {len(frame)} cores"
        handles.append(Patch(facecolor=IDLE, edgecolor=IDLE_EDGE, hatch=_idle_hatch(frame), linewidth=0.3, label=label))
    if several:
        handles.append(Line2D([], [], color=INK, linewidth=1.2, dashes=(4, 2), label="chip boundary"))
    ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, borderaxespad=0.3)


FIGURE = FigureKind(
    title="Use of the cores",
    picture="Map of the mesh with the busy share of every core, and a histogram of these shares",
    reading=(
        "One square group per tile, one cell per core; busy over elapsed time of the whole trace. The bar at the"
        " right is the scale: by the square root, by the logarithm where one core is far busier than most. The"
        " histogram counts the cores on the same scale and in the same colours."
    ),
    frame=cores_frame,
    draw=draw_cores,
    finding=cores_finding,
)
