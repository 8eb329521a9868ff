"""The page of a comparison: each report against the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from simulator.errors import OutputError
from simulator.outputs.output_file import page_kind, replaced_whole
from simulator.report.cells import Cells, as_cells
from simulator.report.compare import (
    Finished,
    changes,
    energy_causes,
    energy_difference,
    headline,
    time_causes,
    time_difference,
)
from simulator.report.figures.difference import draw_difference, largest_rows
from simulator.report.figures.style import TIMES, svg_text
from simulator.report.overview import overview
from simulator.report.page import Section, make_section, render_page, script_data
from simulator.report.what_if import what_if_of_reports


class Part(NamedTuple):
    """One report against the first."""

    number: int
    label: str
    finding: str
    changes: Cells
    energy_causes: list[str]
    time_causes: list[str]
    sections: list[Section]


def write_comparison(reports: Sequence[Finished], path: Path) -> Path:
    """Write the page of a comparison; raises OutputError when it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced_whole(path, page_kind("comparison")) as staged:
            staged.write_text(render_comparison(reports), encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"{path}: cannot write the comparison: {error.strerror or error}") from error
    return path


def render_comparison(reports: Sequence[Finished]) -> str:
    """The page as text; the same reports give the same text."""
    first, *others = reports
    return render_page(
        "compare.html.j2",
        scripts=("page_tables.js", "what_if.js"),
        first=first,
        repricing=script_data(what_if_of_reports(reports)),
        labels=[report.label for report in reports],
        overview=as_cells(_overview(reports)),
        parts=[_part(i, first, other) for i, other in enumerate(others, start=1)],
        command=" ".join(["spikewatt compare", *(str(report.folder) for report in reports)]),
    )


def _overview(reports: Sequence[Finished]) -> pd.DataFrame:
    """`overview` with the label of each report, and with the time of the whole trace where tokens overlap."""
    table = overview([report.folder for report in reports]).drop(columns=["chip", "trace"])
    table.insert(0, "report", [report.label for report in reports])
    if any(report.is_pipelined for report in reports):
        table = table.rename(columns={"time_per_token_ps": "token_in_chip_ps"})
        table.insert(2, "time_per_token_ps", [report.time_per_token_ps for report in reports])
    return table


def _part(number: int, first: Finished, other: Finished) -> Part:
    return Part(
        number,
        other.label,
        headline(first, other),
        as_cells(changes(first, other)),
        energy_causes(first, other),
        time_causes(first, other),
        list(difference_sections(number, first, other)),
    )


def difference_sections(number: int, first: Finished, other: Finished) -> Iterator[Section]:
    """Difference of energy by layer and component, and of time by stage and part, where there is one."""
    energy, time = energy_difference(first, other), time_difference(first, other)
    for what, frame, symbol, causes in (
        ("energy", energy, "J", energy_causes(first, other, 1)),
        ("time", time, "s", time_causes(first, other, 1)),
    ):
        if not causes:
            continue
        name = f"{what}-{number}"
        row, part, value = frame.columns[0], frame.columns[1], frame.columns[-1]
        frame = frame[frame[value] != 0]
        tidy = largest_rows(pd.DataFrame({"row": frame[row], "part": frame[part], "value": frame[value]}))
        figure, _ = draw_difference(tidy, symbol, None if symbol == "J" else TIMES)
        yield make_section(
            name,
            f"Difference in {what}: {other.label}",
            f"Signed stacked bars of the difference in {what} per token, by {row} and {part}",
            "Left of zero is saved, right of zero is added; the numbers are the sums of the rows. The largest come"
            " first; those below 1 % of the largest are one row. Slanted gaps cut a bar that dwarfs all others.",
            f"The largest difference: {causes[0]}.",
            svg_text(figure, name),
            frame,
        )
