"""What a notebook shows in a cell: a table with units, figures next to each other, the whole report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import TYPE_CHECKING

from simulator.report.cells import as_cells
from simulator.report.terminal import make_console, print_frame

if TYPE_CHECKING:
    import pandas as pd

FRAME_HEIGHT_PX = 800


@dataclass(frozen=True)
class InlineTable:
    """A table whose cells carry their units; ``frame`` holds the bare numbers.

    Attributes
    ----------
    frame
        What is shown; columns as `simulator.report.cells.as_cells` reads their units.
    caption
        Above the table.
    """

    frame: pd.DataFrame
    caption: str

    def __str__(self) -> str:
        text = StringIO()
        print_frame(self.frame, self.caption, make_console(text))
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines()).rstrip()

    def _repr_html_(self) -> str:
        """The table for Jupyter and VS Code."""
        cells = as_cells(self.frame)
        sides = ["right" if right else "left" for right in cells.numeric]

        def row(tag: str, texts: tuple[str, ...]) -> str:
            inside = (f"<{tag} style='text-align:{s}'>{escape(t)}</{tag}>" for s, t in zip(sides, texts, strict=True))
            return f"<tr>{''.join(inside)}</tr>"

        body = "".join(row("td", texts) for texts in cells.rows)
        caption = f"<caption>{escape(self.caption)}</caption>"
        return f"<table>{caption}<thead>{row('th', cells.headings)}</thead><tbody>{body}</tbody></table>"


@dataclass(frozen=True)
class InlineFigures:
    """Figures next to each other, or below each other where the cell is narrow; ``svg`` holds them by name."""

    svg: Mapping[str, str]

    def _repr_html_(self) -> str:
        """The figures for Jupyter and VS Code."""
        boxes = "".join(f"<div style='flex:1 1 28em;min-width:0'>{text}</div>" for text in self.svg.values())
        return f"<div style='display:flex;flex-wrap:wrap;gap:1em;background:white'>{boxes}</div>"


@dataclass(frozen=True)
class InlineReport:
    """The page of a report in a frame of the cell, with its sliders; ``page`` is the HTML text."""

    page: str

    def _repr_html_(self) -> str:
        """The page for Jupyter and VS Code."""
        style = f"width:100%;height:{FRAME_HEIGHT_PX}px;border:1px solid #d0d0d0"
        return f'<iframe title="report" style="{style}" srcdoc="{escape(self.page)}"></iframe>'
