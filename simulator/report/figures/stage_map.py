"""Figure: the mapping, which stage of the program lies on which cores and chips, and how busy they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from simulator.arrays import F64
from simulator.report.figures.core_map import core_cells, cores_frame
from simulator.report.figures.figure_kind import FigureKind
from simulator.report.figures.mesh_panel import MAP_WIDTH_IN, RASTER_ABOVE, draw_chip_edges, frame_map, map_axes
from simulator.report.figures.style import IDLE, IDLE_EDGE, INK, columns_that_fit, styled
from simulator.report.format import format_share
from simulator.report.run import Run
from simulator.report.stage_load import core_work
from simulator.report.tables import split_block

# Colours of Okabe and Ito, for colour-blind readers too: one for each kind of stage, then again from the first.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
FAINT = 0.8  # how much white is in the colour of a core that does nothing


def stage_map_frame(run: Run) -> pd.DataFrame:
    """One row per core of the chips in use, as `core_map.cores_frame`, with the mapping.

    Further columns: ``stage`` (of a core that several share the first; empty for an unused core), ``kind`` (the stage
    without its block), ``role`` (``home`` or ``layer``), ``chip``, ``busy_share`` (busy time over that of the busiest
    core). ``attrs["stages"]`` and ``attrs["straddling"]`` are how many stages there are and how many lie on several
    chips.
    """
    frame = cores_frame(run)
    work = core_work(run)
    first = work.drop_duplicates("core").set_index("core")["stage"]
    frame["stage"] = frame["core"].map(first).fillna("")
    frame["kind"] = [split_block(stage)[1] if stage else "" for stage in frame["stage"]]
    roles = {block.core: block.role for block in reversed(run.placement.blocks)}
    frame["role"] = frame["core"].map(roles).fillna("")
    frame["chip"] = run.placement.chip_of(run.placement.core_router)
    most = float(frame["time_util"].max())
    frame["busy_share"] = frame["time_util"] / most if most else 0.0
    chips = frame["chip"].to_numpy()[work["core"].to_numpy()]
    frame.attrs["stages"] = int(work["stage"].nunique())
    frame.attrs["straddling"] = int((pd.Series(chips).groupby(work["stage"].to_numpy()).nunique() > 1).sum())
    return frame


def stage_map_finding(frame: pd.DataFrame) -> str:
    """Where the stages lie, and which kind of them has the most cores and the busiest."""
    used = frame[frame["used"]]
    cores = used.groupby("kind", sort=False).size()
    top = used.iloc[int(used["time_util"].to_numpy().argmax())]
    chips, straddling = int(used["chip"].nunique()), frame.attrs["straddling"]
    on = "one chip" if chips == 1 else f"{chips} chips"
    several = f"; {straddling} of them lie on several chips" if straddling else ""
    return (
        f"{frame.attrs['stages']} stages take {len(used)} cores of {on}{several}. Most cores, {int(cores.max())}, are"
        f" of {cores.idxmax()}; the busiest core is of {top['kind']} and works"
        f" {format_share(float(top['time_util']))} of the time."
    )


@styled
def draw_stage_map(frame: pd.DataFrame, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Map of the mesh, one cell per core in the colour of its stage, paler if less busy; home cores have an edge."""
    mesh_x, mesh_y, tiles_x, tiles_y = frame.attrs["mesh"]
    figure, ax = map_axes(ax, mesh_x, mesh_y)
    homes = (frame["role"] == "home").to_numpy()
    cells = PolyCollection(
        list(core_cells(frame)),
        facecolor=_faces(frame),
        edgecolor=[INK if home else IDLE_EDGE for home in homes.tolist()],
        linewidth=np.where(homes, 1.0, 0.3).tolist(),
    )
    cells.set_rasterized(len(frame) > RASTER_ABOVE)
    ax.add_collection(cells)
    frame_map(ax, mesh_x, mesh_y)
    several = draw_chip_edges(ax, mesh_x, mesh_y, tiles_x, tiles_y)
    _legend(ax, frame, several)
    return figure, ax


def _color_of(frame: pd.DataFrame) -> dict[str, F64]:
    """Colour of each kind of stage, float [3]."""
    kinds = dict.fromkeys(frame.sort_values("core")["kind"])
    named = [kind for kind in kinds if kind]
    return {kind: np.array(to_rgb(COLORS[i % len(COLORS)])) for i, kind in enumerate(named)}


def _faces(frame: pd.DataFrame) -> F64:
    """Colour of each cell, float [cores, 3]: white is mixed in by the square root of what is missing to the busiest."""
    colors = {**_color_of(frame), "": np.array(to_rgb(IDLE))}
    base = np.array([colors[kind] for kind in frame["kind"]])
    pale = FAINT * (1 - np.sqrt(frame["busy_share"].to_numpy()))[:, None]
    faces: F64 = np.where(frame["used"].to_numpy()[:, None], base * (1 - pale) + pale, base)
    return faces


def _legend(ax: Axes, frame: pd.DataFrame, several: bool) -> None:
    """Which colour is which kind of stage, and what edges mean."""
    counts = frame.groupby("kind").size()
    handles: list[Patch | Line2D] = [
        Patch(facecolor=tuple(color), label=f"{kind}: {counts[kind]} cores") for kind, color in _color_of(frame).items()
    ]
    handles.append(Patch(facecolor="none", edgecolor=INK, linewidth=1.0, label="home core"))
    if unused := int((~frame["used"]).sum()):
        handles.append(Patch(facecolor=IDLE, edgecolor=IDLE_EDGE, linewidth=0.3, label=f"unused: {unused}"))
    if several:
        handles.append(Line2D([], [], color=INK, linewidth=1.2, dashes=(4, 2), label="chip boundary"))
    columns = columns_that_fit([str(handle.get_label()) for handle in handles], MAP_WIDTH_IN)
    ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, borderaxespad=0.3)


FIGURE = FigureKind(
    title="Mapping",
    picture="Map of the mesh with the stage of the program on every core",
    reading=(
        "One square group per tile, one cell per core, in the colour of the kind of its stage: its home cores and"
        " the layers"
        " that it drives. A fainter cell is less busy than the busiest core (square-root scale)."
    ),
    frame=stage_map_frame,
    draw=draw_stage_map,
    finding=stage_map_finding,
)
