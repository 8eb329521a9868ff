"""The look of all figures: colours with hatching, fonts, and the writing of SVG and PNG bytes that never change."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch

from simulator.actions import COMPONENTS
from simulator.actions import INK as INK

RULE = "#d0d0d0"
IDLE = "#ededed"  # hardware that took no part
IDLE_HATCH = "////"
IDLE_EDGE = "#9a9a9a"
HOT = "#D55E00"  # outline of the one cell or link named in the text
WIDTH_IN = 7.5  # 720 CSS px
SVG_DPI = 72  # of every SVG that matplotlib writes
PAD_IN = 0.08  # room around a drawing; cropping the finished picture instead would draw everything twice
FONT_PT = 10.0  # 13.3 CSS px in the SVG; nothing is set below 9 pt (12 px)
SMALL_PT = 9.0
LEGEND_COLUMNS = 4  # entries in a row
HEAT_MAP = "cividis_r"  # light is little, dark is much, also in grey and to the colour-blind

RC: Any = {  # matplotlib spells out its keys as a type of its own
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica"],
    "font.size": FONT_PT,
    "axes.labelsize": FONT_PT,
    "axes.edgecolor": "#7a7a7a",
    "axes.labelcolor": INK,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "text.color": INK,
    "text.parse_math": False,  # names come from the user's model; a dollar sign is a dollar sign
    "text.usetex": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": FONT_PT,
    "ytick.labelsize": FONT_PT,
    "legend.frameon": False,
    "legend.fontsize": FONT_PT,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.7,
    "svg.fonttype": "none",
    "savefig.facecolor": "white",
    "figure.facecolor": "white",
    "figure.autolayout": False,  # a figure names its own layout
    "figure.constrained_layout.use": False,
    "axes.facecolor": "white",
}


class Fill(NamedTuple):
    """Colour of a part, its hatching, and the colour of hatching and outline."""

    color: str
    hatch: str
    edge: str = "white"

    def patch(self) -> dict[str, Any]:
        """Keywords of a bar or patch drawn so."""
        return {"facecolor": self.color, "hatch": self.hatch, "edgecolor": self.edge, "linewidth": 0.5}


def component_fills() -> dict[str, Fill]:
    """Fill of every component, in the order of a stack; work without a price comes last."""
    fills = {name: Fill(*component.look) for name, component in COMPONENTS.items()}
    return {**fills, "uncosted": Fill("#ffffff", "xxx", HOT)}


# Part of a latency -> the component whose fill it takes.
TIMES: dict[str, Fill] = {
    part: Fill(*COMPONENTS[component].look)
    for part, component in {
        "compute": "synapse",
        "network": "noc",
        "transfer": "axon_out",
        "vector": "vector",
        "barrier": "sync",
    }.items()
}
OTHER = Fill("#ffffff", "**", INK)  # a component that this file does not know is drawn, never dropped

TIP = "tip:"  # an id that starts so is the tooltip of a part of the picture

Args = ParamSpec("Args")
Drawn = TypeVar("Drawn")


def styled(draw: Callable[Args, Drawn]) -> Callable[Args, Drawn]:
    """Run ``draw`` under the shared style, and leave matplotlib's global settings as they were."""

    @wraps(draw)
    def with_style(*args: Args.args, **kwargs: Args.kwargs) -> Drawn:
        with mpl.rc_context(RC):
            return draw(*args, **kwargs)

    return with_style


class InlineFigure(Figure):
    """A figure that notebooks show as the output of a cell; a formatter that is on already comes first."""

    def _repr_png_(self) -> bytes:
        """The picture for Jupyter and VS Code."""
        return png_bytes(self, dpi=100)


def axes_for(ax: Axes | None, height_in: float, width_in: float = WIDTH_IN) -> tuple[Figure, Axes]:
    """The figure of ``ax``, or a new figure of this size with one pair of axes."""
    if ax is None:
        figure = InlineFigure(figsize=(width_in, height_in), layout=ConstrainedLayoutEngine(w_pad=PAD_IN, h_pad=PAD_IN))
        return figure, figure.add_subplot()
    owner = ax.figure.figure
    if not isinstance(owner, Figure):
        raise TypeError("axes that belong to no figure")
    return owner, ax


def tip(artist: Artist, text: str) -> None:
    """Give a part of the picture a tooltip: a ``<title>`` in the SVG, nothing elsewhere."""
    artist.set_gid(f"{TIP}{text}")


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Name the rows of horizontal bars, the first on top."""
    ax.set_ylim(max(len(names), 1) - 0.4, -0.6)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")


def legend_above(ax: Axes, fills: dict[str, Fill], columns: int = LEGEND_COLUMNS) -> None:
    """One legend entry per fill, in rows above the axes, left-aligned."""
    handles = [Patch(label=name, **fill.patch()) for name, fill in fills.items()]
    ax.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns,
        borderaxespad=0.3,
        handlelength=1.8,
        handleheight=1.1,
        columnspacing=1.4,
    )


def columns_that_fit(names: Sequence[str], width_in: float, letter_in: float = 0.09, mark_in: float = 0.5) -> int:
    """How many entries of a legend fit next to each other: its letters and its mark take so much."""
    longest = max(map(len, names), default=1)
    return max(1, min(len(names), int(width_in / (letter_in * longest + mark_in))))


@styled
def png_bytes(figure: Figure, dpi: int = 150) -> bytes:
    """The figure as PNG; the same figure gives the same bytes."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi, metadata={"Software": None})
    return out.getvalue()


@styled
def pdf_bytes(figure: Figure) -> bytes:
    """The figure as PDF with its text as text; the same figure gives the same bytes."""
    out = io.BytesIO()
    with mpl.rc_context({"pdf.fonttype": 42}):
        figure.savefig(out, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return out.getvalue()


@styled
def svg_text(figure: Figure, prefix: str) -> str:
    """The figure as an ``<svg>`` element that can be used in HTML together with others; the same figure, the same text.

    Parameters
    ----------
    figure
        What to write.
    prefix
        Put before every id, so that two figures on one page never share one.
    """
    out = io.StringIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with mpl.rc_context({"svg.hashsalt": f"spikewatt-{prefix}"}), _laid_out(figure):
        figure.savefig(out, format="svg", metadata=nothing)
    return _embeddable(out.getvalue(), prefix)


@contextmanager
def _laid_out(figure: Figure) -> Iterator[None]:
    """Lay the figure out for SVG; ``savefig`` would draw it once more for that."""
    engine, dpi = figure.get_layout_engine(), figure.dpi
    FigureCanvasSVG(figure)
    figure.dpi = SVG_DPI
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine(None)
    try:
        yield
    finally:
        figure.dpi = dpi
        figure.set_layout_engine(engine)


def _embeddable(svg: str, prefix: str) -> str:
    """Strip what belongs to a file of its own, keep only the ids that are pointed to and make them this figure's own.

    The one style rule that matplotlib writes would reach out of an inlined SVG into the page; it moves to the root.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<defs>\s*<style[^>]*>[^<]*</style>\s*</defs>\s*", "", svg)
    family = re.search(r'style="[^"]*?font-family: ([^;"]*)', svg)
    svg = re.sub(r'(style="[^"]*?)font-family: [^;"]*;? ?', r"\1", svg)
    svg = re.sub(rf'<g id="{TIP}([^"]*)">', r"<g><title>\1</title>", svg)
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', svg))
    svg = re.sub(r'(<[^<>]*?) id="([^"]*)"', lambda m: f'{m[1]} id="{prefix}-{m[2]}"' if m[2] in used else m[1], svg)
    svg = re.sub(r'(url\(|href=")#', rf"\g<1>#{prefix}-", svg)
    svg = re.sub(r"^ +", "", svg, flags=re.MULTILINE)
    fonts = family[1] if family else "sans-serif"
    return svg.replace("<svg", f'<svg style="font-family: {fonts}; stroke-linejoin: round; stroke-linecap: butt"', 1)
