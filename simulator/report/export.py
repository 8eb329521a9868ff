"""Figures and tables as files for papers: SVG, PNG and PDF; CSV and LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import pandas as pd
from matplotlib.figure import Figure

from simulator.errors import OutputError, did_you_mean
from simulator.outputs.csv_text import csv_text
from simulator.outputs.output_file import FIGURES, LATEX, TEXT, check_writable_file, replaced_whole
from simulator.report.cells import as_cells
from simulator.report.figures.style import pdf_bytes, png_bytes, svg_text
from simulator.report.latex_text import escape_latex
from simulator.report.run import Run
from simulator.report.tables import assumption_table, comparison_table, consumer_table, stage_table

Writer = TypeVar("Writer")

FIGURE_FORMATS: Mapping[str, Callable[[Figure], bytes]] = {
    ".svg": lambda figure: svg_text(figure, "figure").encode(),
    ".png": png_bytes,
    ".pdf": pdf_bytes,
}
KINDS = {**FIGURES, ".csv": TEXT, ".tex": LATEX}  # what a file of each ending replaces


def save_figure(figure: Figure, path: Path | str) -> Path:
    """Write a figure as ``.svg``, ``.png`` or ``.pdf``; the same figure gives the same bytes.

    Raises
    ------
    OutputError
        For another ending, or when the file cannot be written.
    """
    file = Path(path)
    write = _known(FIGURE_FORMATS, file)
    _write(file, write(figure))
    return file


def check_figure(path: Path | str) -> None:
    """Raise OutputError where `save_figure` could not write ``path``, before anything is simulated for it."""
    file = Path(path)
    _known(FIGURE_FORMATS, file)
    check_writable_file(file, FIGURES[file.suffix])


def save_table(frame: pd.DataFrame, path: Path | str) -> Path:
    """Write a table as ``.csv`` (plain numbers, units in the names) or ``.tex`` (for people, see `latex_table`).

    Raises
    ------
    OutputError
        For another ending, or when the file cannot be written.
    """
    file = Path(path)
    formats: dict[str, Callable[[pd.DataFrame], str]] = {
        ".csv": csv_text,
        ".tex": latex_table,
    }
    _write(file, _known(formats, file)(frame).encode())
    return file


def write_latex(run: Run, directory: Path) -> tuple[Path, ...]:
    """Write tables for a paper into ``tables/`` of a report folder: comparison, stages, largest consumers, prices."""
    folder = directory / "tables"
    folder.mkdir(exist_ok=True)
    tables = {
        "comparison": comparison_table(run).drop(columns="scope"),
        "stages": stage_table(run),
        "consumers": consumer_table(run).head(10),
        "prices": assumption_table(run)[["action", "pj_per_count", "unit", "grade", "citation", "share"]],
    }
    return tuple(save_table(table, folder / f"{name}.tex") for name, table in tables.items())


def latex_table(frame: pd.DataFrame) -> str:
    """A ``tabular`` with the rules of booktabs; every value with its unit, as on the page (`as_cells`)."""
    cells = as_cells(frame)
    columns = "".join("r" if numeric else "l" for numeric in cells.numeric)
    lines = [_latex_row(row) for row in cells.rows]
    head = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", _latex_row(cells.headings), r"\midrule"]
    return "\n".join([*head, *lines, r"\bottomrule", r"\end{tabular}", ""])


def _latex_row(cells: tuple[str, ...]) -> str:
    return " & ".join(escape_latex(cell) for cell in cells) + r" \\"


def _known(formats: Mapping[str, Writer], file: Path) -> Writer:
    """The writer of the ending of ``file``."""
    if file.suffix not in formats:
        guess = did_you_mean(file.suffix, formats)
        raise OutputError(f"{file}: found the ending '{file.suffix}', expected one of {', '.join(formats)}{guess}")
    return formats[file.suffix]


def _write(file: Path, content: bytes) -> None:
    try:
        with replaced_whole(file, KINDS[file.suffix]) as staged:
            staged.write_bytes(content)
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror or error}") from error
