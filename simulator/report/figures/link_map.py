"""Figure: how many flits each link of the mesh carried, both directions side by side."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from simulator.mapping.grid import Grid
from simulator.report.figures.figure_kind import FigureKind
from simulator.report.figures.matrix import color_bar, heat_norm
from simulator.report.figures.mesh_panel import RASTER_ABOVE, draw_chip_edges, frame_map, map_axes, mesh_size
from simulator.report.figures.style import HEAT_MAP, HOT, IDLE_EDGE, INK, styled
from simulator.report.format import format_count, format_ratio
from simulator.report.link_load import link_loaders
from simulator.report.run import Run

STEP = {"+x": (1, 0), "-x": (-1, 0), "+y": (0, 1), "-y": (0, -1)}
LINES_ABOVE = 700  # links, as of 14 x 14 routers: their arrows would be a few pixels long
ROUTER_SIDE = 0.26
NAMED_LAYERS = 4  # of those that load the hottest link
# An arrow along +x from router to router, as (along, across), moved to the right-hand side of its direction.
TO_THE_RIGHT = np.array([0.0, 0.1])
ARROW = np.array(
    [(0.18, 0.035), (0.60, 0.035), (0.60, 0.085), (0.82, 0.0), (0.60, -0.085), (0.60, -0.035), (0.18, -0.035)]
)


def links_frame(run: Run) -> pd.DataFrame:
    """One row per directed link: ``link, x, y, direction, crosses_chip, flits_per_token``.

    ``link`` is its name, ``(x,y) -> (x,y)``. ``attrs["mesh"]`` holds the size of the mesh and of one chip,
    ``attrs["loaders"]`` the layers whose spikes cross the hottest link, the largest share first.
    """
    links = run.result.links
    frame = links[["x", "y", "direction", "crosses_chip"]].reset_index(drop=True)
    grid = run.placement.grid
    names = [_link_name(x, y, d, grid) for x, y, d in zip(frame["x"], frame["y"], frame["direction"], strict=True)]
    frame.insert(0, "link", names)
    frame["flits_per_token"] = links["flits"].to_numpy() / run.n_tokens
    frame.attrs["mesh"] = mesh_size(run)
    frame.attrs["loaders"] = _loaders(run, frame)
    return frame


def _loaders(run: Run, frame: pd.DataFrame) -> list[str]:
    """Layers whose spikes cross the hottest link."""
    if len(frame) == 0 or float(frame["flits_per_token"].max()) <= 0:
        return []
    top = frame.iloc[int(frame["flits_per_token"].to_numpy().argmax())]
    return list(link_loaders(run, int(top["x"]), int(top["y"]), str(top["direction"])))


def _link_name(x: int, y: int, direction: str, grid: Grid) -> str:
    """``(x,y) → (x,y)``: the routers at the two ends of a link."""
    dx, dy = STEP[direction]
    return f"({x},{y}) → ({(x + dx) % grid.x},{(y + dy) % grid.y})"


def links_finding(frame: pd.DataFrame) -> str:
    """The hottest link and how far it stands out, in words."""
    flits = frame["flits_per_token"]
    if len(frame) == 0 or float(flits.max()) <= 0:
        return "No flit crossed a link between two tiles."
    top, most, used = frame.iloc[int(flits.to_numpy().argmax())], float(flits.max()), flits[flits > 0]
    crossing = ", which leaves its chip," if top["crosses_chip"] else ""
    loaders = frame.attrs.get("loaders", [])
    others = f" and {len(loaders) - NAMED_LAYERS} more" if len(loaders) > NAMED_LAYERS else ""
    load = f" Spikes for {', '.join(loaders[:NAMED_LAYERS])}{others} cross it." if loaders else " Only values cross it."
    return (
        f"The hottest link is {top['link']}{crossing} with {format_count(most)} flits per token,"
        f" {format_ratio(most / float(used.mean()))} the mean of the links in use ({len(used)} of {len(frame)}).{load}"
    )


@styled
def draw_links(frame: pd.DataFrame, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Map of the mesh with one arrow per directed link, darker for more flits; traffic keeps to the right.

    Links that close a ring of a torus point out of the map.
    """
    mesh_x, mesh_y, tiles_x, tiles_y = frame.attrs["mesh"]
    figure, ax = map_axes(ax, mesh_x, mesh_y)
    as_lines = len(frame) > LINES_ABOVE
    arrows = _arrows(frame, ARROW - TO_THE_RIGHT)
    flits = frame["flits_per_token"].to_numpy(dtype=float)
    norm = heat_norm(float(flits.max(initial=0.0)))
    colors = ScalarMappable(norm, mpl.colormaps[HEAT_MAP])
    idle = flits == 0
    if as_lines:
        _draw_lines(ax, frame, flits, norm)
    else:
        faces = colors.to_rgba(flits[~idle])
        for shapes in (
            PolyCollection(list(arrows[idle]), facecolor="white", edgecolor=IDLE_EDGE, linewidth=0.5),
            PolyCollection(list(arrows[~idle]), facecolor=faces, edgecolor="#555555", linewidth=0.5),
            PolyCollection(_routers(mesh_x, mesh_y), facecolor="#f2f2f2", edgecolor="#7a7a7a", linewidth=0.6),
        ):
            ax.add_collection(shapes)
    frame_map(ax, mesh_x, mesh_y)
    _show_closing_links(ax, arrows)
    several = draw_chip_edges(ax, mesh_x, mesh_y, tiles_x, tiles_y)
    if not idle.all():
        hottest = [arrows[int(flits.argmax())]]
        ax.add_collection(PolyCollection(hottest, facecolor="none", edgecolor=HOT, linewidth=2.2, zorder=4))
    _legend(ax, frame, idle, several)
    color_bar(figure, ax, colors, "flits per token")
    return figure, ax


def _arrows(frame: pd.DataFrame, shape: np.ndarray) -> np.ndarray:
    """Corners of each link's arrow, float [links, corners, 2], from its ``shape`` along +x."""
    steps = np.array([STEP[d] for d in frame["direction"]], dtype=float).reshape(-1, 2)
    across = np.stack([-steps[:, 1], steps[:, 0]], axis=1)
    start = frame[["x", "y"]].to_numpy(dtype=float).reshape(-1, 1, 2)
    along = shape[None, :, :1] * steps[:, None, :]
    return np.asarray(start + along + shape[None, :, 1:] * across[:, None, :])


def _draw_lines(ax: Axes, frame: pd.DataFrame, flits: np.ndarray, norm: Normalize) -> None:
    """One line per link in use, its width and colour the flits: arrows of a few pixels would be a grey haze."""
    used = np.argsort(flits, kind="stable")[int((flits == 0).sum()) :]
    ends = _arrows(frame, np.array([(0.0, -0.15), (1.0, -0.15)]))[used]
    width = 0.3 + 4.0 * np.sqrt(flits[used] / flits.max(initial=1.0))
    lines = LineCollection(list(ends), linewidths=width, cmap=HEAT_MAP, norm=norm, array=flits[used])
    lines.set(rasterized=len(frame) > RASTER_ABOVE, capstyle="round")
    ax.add_collection(lines)


def _show_closing_links(ax: Axes, arrows: np.ndarray) -> None:
    """Room for arrows that leave the map: those of links that close a ring of a torus."""
    for set_limits, get_limits, axis in ((ax.set_xlim, ax.get_xlim, 0), (ax.set_ylim, ax.get_ylim, 1)):
        low, high = get_limits()
        ends = arrows[..., axis]
        set_limits(min(low, float(ends.min(initial=low))), max(high, float(ends.max(initial=high))))


def _routers(mesh_x: int, mesh_y: int) -> list[np.ndarray]:
    """Corners of a square at each router."""
    corners = ROUTER_SIDE * (np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) - 0.5)
    centres = np.array([(x, y) for y in range(mesh_y) for x in range(mesh_x)], dtype=float)
    return list(centres[:, None, :] + corners)


def _legend(ax: Axes, frame: pd.DataFrame, idle: np.ndarray, several: bool) -> None:
    """What outline, empty arrows and dashes mean."""
    handles: list[Patch | Line2D] = []
    if not idle.all():
        hottest = frame["link"].iloc[int(frame["flits_per_token"].to_numpy().argmax())]
        handles.append(Patch(facecolor="none", edgecolor=HOT, linewidth=2.2, label=f"hottest: {hottest}"))
    if idle.any():
        label = f"no flit: {int(idle.sum())} of {len(frame)} links"
        handles.append(Patch(facecolor="white", edgecolor=IDLE_EDGE, linewidth=0.8, label=label))
    if several:
        handles.append(Line2D([], [], color=INK, linewidth=1.2, dashes=(4, 2), label="chip boundary"))
    if handles:
        ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, borderaxespad=0.3)


FIGURE = FigureKind(
    title="Load of the links",
    picture="Map of the mesh with the flits on every link, in both directions",
    reading=(
        "One arrow per link and direction, on the right-hand side of its direction; the bar at the right is"
        " the scale (square root). On a large mesh, one line per link in use, wider for more."
    ),
    frame=links_frame,
    draw=draw_links,
    finding=links_finding,
)
