"""What every page of the program shares: its templates, and a figure with its words and its data."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from simulator.outputs.shown_text import shown_lines
from simulator.report.cells import MOST_ROWS, Cells, as_cells

# Options of the command line in a sentence, each with its value, and what is between backticks.
CODE = re.compile(r"(`[^`]+`|--set [^\s=]+=[^\s:;,]+|--(?:mapping|schedule|sync) [a-z]+|--[a-z][a-z-]+)")


class Section(NamedTuple):
    """One figure of a page with its words and its data.

    ``picture`` says what kind of picture it is and opens caption and alternative text; ``reading`` says how to read it.
    """

    name: str
    title: str
    picture: str
    reading: str
    finding: str
    svg: Markup
    width_pt: float
    cells: Cells

    @property
    def alt(self) -> str:
        """Alternative text: what kind of picture it is and what it shows."""
        return f"{self.picture}. {self.finding}"


def make_section(
    name: str, title: str, picture: str, reading: str, finding: str, svg: str, frame: pd.DataFrame
) -> Section:
    """A section around an ``<svg>`` element of `svg_text`, which escapes every name; the rest is matplotlib's own."""
    width_pt = float(svg.partition('width="')[2].partition("pt")[0])
    return Section(name, title, picture, reading, finding, Markup(svg), width_pt, as_cells(frame, MOST_ROWS))


def with_code(text: str) -> Markup:
    """``text`` with options of the command line and what is between backticks as code, which does not break."""
    parts = CODE.split(text)  # every second one is code
    marked = (
        escape(part) if i % 2 == 0 else Markup("<code>{}</code>").format(part.strip("`"))
        for i, part in enumerate(parts)
    )
    return Markup("").join(marked)


def script_data(data: object) -> Markup:
    """``data`` as JSON that can stand inside a ``<script>`` element."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))  # the only character that could close the element


def render_page(template: str, scripts: Sequence[str] = (), **content: object) -> str:
    """A page of ``simulator/report/templates`` with its content; the same content gives the same text.

    ``scripts`` are files of that folder, which the page runs last. Its security policy allows them by their hashes and
    nothing else: a script in a name of the user does not run.
    """
    loader = PackageLoader("simulator.report")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_shown,
    )
    sources = [loader.get_source(environment, name)[0] for name in scripts]
    hashes = [base64.b64encode(hashlib.sha256(source.encode()).digest()).decode() for source in sources]
    allowed = " ".join(f"'sha256-{value}'" for value in hashes)
    environment.filters["with_code"] = with_code
    environment.globals["script_policy"] = f"; script-src {allowed}" if allowed else ""
    return environment.get_template(template).render(scripts=[Markup(source) for source in sources], **content)


def _shown(value: object) -> object:
    """A value of a page: of text that is no markup, control characters and marks of direction appear as escapes."""
    return shown_lines(value) if isinstance(value, str) and not isinstance(value, Markup) else value
