"""The assumptions of a paper: every price of a report with its range, grade and citation key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from simulator.actions import is_power
from simulator.report.format import format_energy, format_power, format_share
from simulator.report.latex_text import breakable, escape_latex
from simulator.report.paper.paper_report import INCLUDED, PaperReport

ROWS_PER_PAGE = 48  # of 8 pt, with the caption


def price_tables(report: PaperReport, number: int, keys: Mapping[tuple[str, str], str]) -> str:
    """One ``table*`` per `ROWS_PER_PAGE` prices of a report, the largest share of the energy first.

    Parameters
    ----------
    report
        Its prices are shown.
    number
        Of the report in the kit: the label is ``tab:prices-<number>``.
    keys
        (source, citation) -> key of the bibliography.
    """
    lines = [_line(row, keys) for row in report.prices.to_dict("records")]
    pages = [lines[start : start + ROWS_PER_PAGE] for start in range(0, len(lines), ROWS_PER_PAGE)]
    return "\n".join(_table(report, number, page, len(pages), lines) for page, lines in enumerate(pages, start=1))


def _table(report: PaperReport, number: int, page: int, pages: int, lines: list[str]) -> str:
    """One table of one page."""
    part = f", part {page} of {pages}" if pages > 1 else ""
    label = f"tab:prices-{number}" + (f"-{page}" if page > 1 else "")
    return "\n".join(
        [
            r"\begin{table*}[p]",
            r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
            rf"\caption{{Prices of {breakable(report.label)}{part}. Grade: how well a price is known. Share: of the"
            r" energy of the run.}",
            rf"\label{{{label}}}",
            r"\begin{tabular}{@{}lrllrlr@{}}",
            r"\toprule",
            r"action & price & per & range & node & grade and source & share \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table*}",
            "",
        ]
    )


def _line(row: Mapping[Any, Any], keys: Mapping[tuple[str, str], str]) -> str:
    """One price."""
    write = format_power if is_power(row["action"]) else format_energy
    counted = "chip" if is_power(row["action"]) else str(row["unit"]).removeprefix("pJ/")
    if str(row["source"]).startswith(INCLUDED):
        price, source = "--", escape_latex(f"in {str(row['source']).removeprefix(INCLUDED)}")
    else:
        price = escape_latex(write(row["pj_per_count"]))
        source = escape_latex(row["grade"]) + rf"~\cite{{{keys[row['source'], row['citation']]}}}"
    ends = [row[name] for name in ("low_pj_per_count", "high_pj_per_count")]
    span = "--"
    if any(pd.notna(end) for end in ends):
        span = " to ".join(escape_latex(write(row["pj_per_count"] if pd.isna(end) else end)) for end in ends)
    node = "--" if pd.isna(row["node_nm"]) else f"{row['node_nm']:g} nm"
    cells = (escape_latex(row["action"]), price, counted, span, node, source, escape_latex(format_share(row["share"])))
    return " & ".join(cells) + r" \\"
