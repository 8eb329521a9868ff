"""Figures of a run. Each is a tidy frame made from the Run, a drawing of the frame, and its finding in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from simulator.errors import OutputError
from simulator.report.figures import (
    breakeven_line,
    bridge_chart,
    charged_stages,
    core_map,
    energy,
    energy_blocks,
    latency,
    latency_blocks,
    link_map,
    measured_chart,
    price_ranges,
    raster,
    roofline,
    spikes,
    stage_map,
    tornado,
)
from simulator.report.figures.figure_kind import FigureKind
from simulator.report.figures.style import pdf_bytes, png_bytes, svg_text
from simulator.report.run import Run

# A new figure is one module and one line here; the order is that of the report.
FIGURES: Mapping[str, FigureKind] = {
    "charged": charged_stages.FIGURE,
    "bridge": bridge_chart.FIGURE,
    "tornado": tornado.FIGURE,
    "ranges": price_ranges.FIGURE,
    "energy": energy.FIGURE,
    "energy_blocks": energy_blocks.FIGURE,
    "latency": latency.FIGURE,
    "latency_blocks": latency_blocks.FIGURE,
    "break_even": breakeven_line.FIGURE,
    "measured": measured_chart.FIGURE,
    "roofline": roofline.FIGURE,
    "mapping": stage_map.FIGURE,
    "cores": core_map.FIGURE,
    "links": link_map.FIGURE,
    "spikes": spikes.FIGURE,
    "raster": raster.FIGURE,
}


Formats = Sequence[Literal["png", "pdf"]]
_BYTES: Mapping[str, Callable[[Figure], bytes]] = {"png": png_bytes, "pdf": pdf_bytes}  # slow: on request only


class DrawnFigure(NamedTuple):
    """A figure of one run: its frame, its SVG element, and its files of other kinds."""

    frame: pd.DataFrame
    svg: str
    files: Mapping[str, bytes]


def draw_figures(run: Run, formats: Formats = ()) -> dict[str, DrawnFigure]:
    """Draw every figure of a run once, for the page and the files alike."""
    return {name: draw_figure(run, name, formats) for name in FIGURES}


def draw_figure(run: Run, name: str, formats: Formats = ()) -> DrawnFigure:
    """Draw one of the `FIGURES`, as files of the other ``formats`` too."""
    kind = FIGURES[name]
    frame = kind.frame(run)
    figure, _ = kind.draw(frame)
    svg = svg_text(figure, name)
    figure.set_layout_engine("none")  # the layout is made, and is half of the time of a drawing
    return DrawnFigure(frame, svg, {kind: _BYTES[kind](figure) for kind in formats})


def save_figures(drawn: Mapping[str, DrawnFigure], directory: Path) -> tuple[Path, ...]:
    """Write every figure as ``<name>.svg``, and its other files, into ``directory``, made when missing.

    Returns
    -------
    tuple of pathlib.Path
        The files written, in the order of the report. The same run gives the same bytes.

    Raises
    ------
    OutputError
        When the directory cannot be made or a file cannot be written.
    """
    written: list[Path] = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, figure in drawn.items():
            for kind, content in {"svg": figure.svg.encode(), **figure.files}.items():
                written.append(directory / f"{name}.{kind}")
                written[-1].write_bytes(content)
    except OSError as fault:
        place = fault.filename or directory  # a full disk names no file
        raise OutputError(f"{place}: {fault.strerror}, expected a directory to write figures to") from fault
    return tuple(written)
