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


_BYTES: Mapping[str, Callable[[Figure], bytes]] = {"png": png_bytes, "pdf": pdf_bytes}  # slow: on request only


class DrawnFigure(NamedTuple):
    """A figure of one run: its frame, the figure, and its SVG element."""

    frame: pd.DataFrame
    figure: Figure
    svg: str


def draw_figures(run: Run) -> dict[str, DrawnFigure]:
    """Draw every figure of a run once, for the page and the files alike."""
    drawn = {}
    for name, kind in FIGURES.items():
        frame = kind.frame(run)
        figure, _ = kind.draw(frame)
        svg = svg_text(figure, name)
        figure.set_layout_engine("none")  # the layout is made, and is half of the time of a drawing
        drawn[name] = DrawnFigure(frame, figure, svg)
    return drawn


def save_figures(
    drawn: Mapping[str, DrawnFigure], directory: Path, formats: Sequence[Literal["png", "pdf"]] = ()
) -> tuple[Path, ...]:
    """Write every figure as ``<name>.svg``, and in the other ``formats``, into ``directory``, made when missing.

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
        for name, (_, figure, text) in drawn.items():
            files = {"svg": text.encode()} | {kind: _BYTES[kind](figure) for kind in formats}
            for kind, content in files.items():
                written.append(directory / f"{name}.{kind}")
                written[-1].write_bytes(content)
    except OSError as fault:
        raise OutputError(f"{fault.filename}: {fault.strerror}, expected a directory to write figures to") from fault
    return tuple(written)
