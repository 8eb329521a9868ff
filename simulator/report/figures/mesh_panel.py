"""Drawing shared by figures: the mesh of tiles as a map, with chip boundaries, ticks and a colour bar."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulator.report.figures.style import INK, WIDTH_IN, axes_for
from simulator.report.run import Run

MAP_WIDTH_IN = 6.2  # of the map itself, without its colour bar
MAX_TILE_IN = 1.0
MAX_HEIGHT_IN = 9.0
LEAST_HEIGHT_IN = 2.4  # of the whole figure: a mesh of two rows needs room for its labels and legend
RASTER_ABOVE = 3000  # shapes; a map of more is an image inside the SVG, with its text still text


def mesh_size(run: Run) -> tuple[int, int, int, int]:
    """Routers in x and y of the whole mesh, and tiles in x and y of one chip."""
    return run.placement.mesh_x, run.placement.mesh_y, run.chip.chip.tiles_x, run.chip.chip.tiles_y


def map_axes(ax: Axes | None, mesh_x: int, mesh_y: int) -> tuple[Figure, Axes]:
    """Axes with the aspect of the mesh."""
    height = min(MAP_WIDTH_IN * mesh_y / mesh_x, max(2.0, MAX_TILE_IN * mesh_y), MAX_HEIGHT_IN)
    return axes_for(ax, height_in=max(height + 1.0, LEAST_HEIGHT_IN), width_in=WIDTH_IN)


def frame_map(ax: Axes, mesh_x: int, mesh_y: int) -> None:
    """One unit square per tile, its router at the centre; the tile (0, 0) is at the lower left."""
    ax.set_xlim(-0.5, mesh_x - 0.5)
    ax.set_ylim(-0.5, mesh_y - 0.5)
    ax.set_aspect("equal", anchor="W")
    for axis, size in ((ax.xaxis, mesh_x), (ax.yaxis, mesh_y)):
        axis.set_ticks(range(0, size, math.ceil(size / 16)))
    ax.set_xlabel("tile x")
    ax.set_ylabel("tile y")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def draw_chip_edges(ax: Axes, mesh_x: int, mesh_y: int, tiles_x: int, tiles_y: int) -> bool:
    """Dashed lines where one chip ends and the next begins; returns whether there are any."""
    xs, ys = range(tiles_x, mesh_x, tiles_x), range(tiles_y, mesh_y, tiles_y)
    for x in xs:
        ax.plot([x - 0.5, x - 0.5], [-0.5, mesh_y - 0.5], color=INK, linewidth=1.2, dashes=(4, 2))
    for y in ys:
        ax.plot([-0.5, mesh_x - 0.5], [y - 0.5, y - 0.5], color=INK, linewidth=1.2, dashes=(4, 2))
    return bool(xs or ys)
