"""Figures of a run. Each is a tidy frame made from the Run, a drawing of the frame, and its finding in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulator.errors import OutputError
from simulator.report.bridge import bridge_frame
from simulator.report.figures.breakeven_line import break_even_finding, break_even_frame, draw_break_even
from simulator.report.figures.bridge_chart import bridge_finding, draw_bridge
from simulator.report.figures.core_map import cores_finding, cores_frame, draw_cores
from simulator.report.figures.energy import draw_energy, energy_finding, energy_frame
from simulator.report.figures.energy_blocks import draw_energy_blocks, energy_blocks_finding, energy_blocks_frame
from simulator.report.figures.latency import draw_latency, latency_finding, latency_frame
from simulator.report.figures.latency_blocks import draw_latency_blocks, latency_blocks_finding, latency_blocks_frame
from simulator.report.figures.link_map import draw_links, links_finding, links_frame
from simulator.report.figures.raster import draw_raster, raster_finding, raster_frame
from simulator.report.figures.roofline import draw_roofline, roofline_finding, roofline_frame
from simulator.report.figures.spikes import draw_spikes, spikes_finding, spikes_frame
from simulator.report.figures.style import pdf_bytes, png_bytes, svg_text
from simulator.report.figures.tornado import draw_tornado, tornado_finding, tornado_frame
from simulator.report.run import Run


class FigureKind(NamedTuple):
    """One figure of the report: its words, frame, drawing and finding.

    ``picture`` says what kind of picture it is and opens the caption and the alternative text; ``reading`` says how to
    read it.
    """

    title: str
    picture: str
    reading: str
    frame: Callable[[Run], pd.DataFrame]
    draw: Callable[..., tuple[Figure, Axes]]
    finding: Callable[[pd.DataFrame], str]

    def alt(self, frame: pd.DataFrame) -> str:
        """Alternative text: what kind of picture it is and what it shows."""
        return f"{self.picture}. {self.finding(frame)}"


# A new figure is one module and one line here; the order is that of the report.
FIGURES: Mapping[str, FigureKind] = {
    "bridge": FigureKind(
        "From the op count to the chip",
        "Waterfall chart of energy per token",
        "Each step adds to the level above it; per cent are of the chip's total. Where one step dwarfs the rest,"
        " slanted gaps mark the stretch of the axis that is left out.",
        bridge_frame,
        draw_bridge,
        bridge_finding,
    ),
    "tornado": FigureKind(
        "What the ranges of the prices do",
        "Tornado chart of energy per token",
        "Each bar runs from the energy at the price's low bound to that at its high one, all other prices at their"
        " value; the line is the total as reported. Prices without a range in the chip file have no bar.",
        tornado_frame,
        draw_tornado,
        tornado_finding,
    ),
    "energy": FigureKind(
        "Energy by layer",
        "Stacked bars of energy per token, by kind of layer and component",
        "Each kind is summed over all blocks, in the order a token meets it; the energy that belongs to the chip as a"
        " whole comes last, and its bar is cut where it would leave no room for the others.",
        energy_frame,
        draw_energy,
        energy_finding,
    ),
    "energy_blocks": FigureKind(
        "Energy by block",
        "Heat map of energy per token, kinds of layer by blocks",
        "Darker is more, by the square root. Static power and barriers belong to no block and are left out here.",
        energy_blocks_frame,
        draw_energy_blocks,
        energy_blocks_finding,
    ),
    "latency": FigureKind(
        "Time by stage",
        "Stacked bars of time per token, by stage and what the time is spent on",
        "Each stage is summed over all blocks: compute is the cores at work on spikes, network the spikes' way,"
        " transfer the values' way to their next home, vector the non-spiking operations, barrier the wait that closes"
        " each timestep.",
        latency_frame,
        draw_latency,
        latency_finding,
    ),
    "latency_blocks": FigureKind(
        "Time by block",
        "Heat map of time per token, stages by blocks",
        "Darker is longer, by the square root.",
        latency_blocks_frame,
        draw_latency_blocks,
        latency_blocks_finding,
    ),
    "break_even": FigureKind(
        "Energy against spike rate",
        "Line chart of energy per token over spikes per activation, with the estimated break-even",
        "An estimate: a straight line through this run, along which what a spike causes follows the rate, and so does"
        " the static energy of the time spent on spikes; the rest stays. What further simulations find is said beside"
        " it where they were asked for.",
        break_even_frame,
        draw_break_even,
        break_even_finding,
    ),
    "roofline": FigureKind(
        "Roofline",
        "Roofline chart of synaptic operations per second over operations per byte of weights read, by kind of stage",
        "A mark is what a stage reached over its whole time, the bar above it what the cores of its layers could do;"
        " both axes are logarithmic.",
        roofline_frame,
        draw_roofline,
        roofline_finding,
    ),
    "cores": FigureKind(
        "Use of the cores",
        "Map of the mesh with the busy share of every core",
        "One square group per tile, one cell per core; busy over elapsed time of the whole trace. Darker is busier,"
        " by the square root.",
        cores_frame,
        draw_cores,
        cores_finding,
    ),
    "links": FigureKind(
        "Load of the links",
        "Map of the mesh with the flits on every link, in both directions",
        "One arrow (on a large mesh, one bar) per link and direction, on the right-hand side of its way; darker carries"
        " more, by the square root.",
        links_frame,
        draw_links,
        links_finding,
    ),
    "raster": FigureKind(
        "Spikes",
        "Raster of the spikes of a few neurons, by kind of stream, over the timesteps of the last tokens",
        "One row per neuron, one mark per spike; negative spikes are shorter. The neurons stand at even distances in"
        " the first stream of their kind.",
        raster_frame,
        draw_raster,
        raster_finding,
    ),
    "spikes": FigureKind(
        "Spike counts",
        "Line chart of how often each spike count occurs, by kind of stream",
        "The share axis is logarithmic. The encoder turns each activation into one signed count; the number in brackets"
        " is the mean of the spikes that one activation sends.",
        spikes_frame,
        draw_spikes,
        spikes_finding,
    ),
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
