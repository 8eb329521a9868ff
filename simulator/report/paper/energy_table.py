"""The energy table of a paper: five rows per token in one unit, each with its range; one column per report."""

from __future__ import annotations

import math
from collections.abc import Sequence

from simulator.actions import SUMMARY_ROWS
from simulator.energy.uncertainty import TOTAL
from simulator.report.figures.stack import si_unit
from simulator.report.format import format_ratio, format_share, format_time
from simulator.report.latex_text import breakable, escape_latex, width_pt
from simulator.report.paper.paper_report import PaperReport

TABLE_PT = 8.0  # \footnotesize of a 10 pt article
COLUMN_PT, PAGE_PT = 3.3 * 72.27, 7.0 * 72.27  # of the figures too
GAP_PT = 8.0  # between columns: twice \tabcolsep as set in the table
DIGITS = 3  # significant ones of the smallest total
MOST_DECIMALS = 4
CAPTION = (
    "Energy per token (mean of the whole run). In brackets: the range that holds the value and the middle 90\\,\\% of"
    " draws of the prices from their published ranges; a row without brackets has no known range."
    " Memory: weights, accumulators, membranes, caches, DRAM."
    " Non-spiking: softmax, normalization, encoders, the head. Static: leakage and barriers over the whole time."
)


def energy_table(reports: Sequence[PaperReport]) -> str:
    """A ``table`` that fits a column of 3.3 inch, or a ``table*`` of 7 inch where there are more reports.

    More columns than 7 inch hold go to a tabular below, in the same float.
    """
    unit, lines = _cells(reports)
    widths = [max(width_pt(_plain(cell), TABLE_PT) for cell in column) + GAP_PT for column in zip(*lines, strict=True)]
    wide = sum(widths) > COLUMN_PT
    environment = "table*" if wide else "table"
    tabulars = [_tabular(lines, columns) for columns in _fitting(widths, PAGE_PT if wide else COLUMN_PT)]
    return "\n".join(
        [
            rf"\begin{{{environment}}}[t]",
            r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
            rf"\caption{{{CAPTION}{_contained(reports)} All energies in {escape_latex(unit)}.}}",
            r"\label{tab:energy}",
            "\n\n\\medskip\n".join(tabulars),
            rf"\end{{{environment}}}",
            "",
        ]
    )


def _cells(reports: Sequence[PaperReport]) -> tuple[str, list[list[str]]]:
    """The unit of all energies, and the rows of the table as plain text, first the headings."""
    totals = [report.per_token_pj(TOTAL) for report in reports]
    factor, unit = si_unit(max(totals), "J")
    smallest = min((total for total in totals if total > 0), default=1.0) / factor
    decimals = min(max(DIGITS - 1 - math.floor(math.log10(smallest)), 0), MOST_DECIMALS)
    height = max(len(report.heading) for report in reports)
    headings = [[""] * (height - len(report.heading)) + report.heading for report in reports]
    lines = [["", *names] for names in zip(*headings, strict=True)]
    energies = [[name, *(_energy(x, name, factor, decimals) for x in reports)] for name in (*SUMMARY_ROWS, TOTAL)]
    return unit, [
        *lines,
        *energies,
        ["time", *(format_time(report.finished.time_per_token_ps) for report in reports)],
        *_compared(reports),
    ]


def _compared(reports: Sequence[PaperReport]) -> list[list[str]]:
    """Rows that need no unit: compared with the op count and the dense twin, and what rests on assumptions."""
    op_counts, twins, assumed = [], [], []
    for report in reports:
        energy = report.result["energy"]
        op_count, twin = energy["cmos45"]["ac_pj"], energy.get("dense_twin")
        op_counts.append(format_ratio(energy["total_pj"] / op_count) if op_count else "--")
        dense = twin["energy_per_token_pj"] if isinstance(twin, dict) else 0.0
        twins.append(format_ratio(energy["per_token_pj"] / dense) if dense else "--")
        rows = report.prices
        assumed.append(format_share(float(rows.loc[rows["grade"] == "assumed", "share"].sum())))
    chips = [str(report.result["utilization"].get("chips", "--")) for report in reports]
    return [
        ["/ op count", *op_counts],
        ["/ dense twin", *twins],
        ["assumed", *assumed],
        ["chips", *chips],
    ]


def _energy(report: PaperReport, row: str, factor: float, decimals: int) -> str:
    """``135.8 [131.9, 165.3]``; the value alone where no price has a range."""
    columns = ("value_pj", "low_pj", "high_pj")
    value, low, high = (_number(report.per_token_pj(row, name) / factor, decimals) for name in columns)
    return value if low == high else f"{value} [{low}, {high}]"


def _number(value: float, decimals: int) -> str:
    smallest = 10.0**-decimals
    if 0 < value < smallest / 2:
        return f"<{smallest:.{decimals}f}"
    return f"{value:.{decimals}f}"


def _plain(cell: str) -> str:
    """What a cell looks like in print: the dashes of LaTeX are one letter."""
    return cell.replace("--", "–")


def _fitting(widths: Sequence[float], limit: float) -> list[list[int]]:
    """Numbers of the columns of each tabular, such that the first column and those fit in ``limit`` points."""
    groups: list[list[int]] = [[]]
    for number, width in enumerate(widths[1:], start=1):
        taken = widths[0] + sum(widths[column] for column in groups[-1])
        if groups[-1] and taken + width > limit:
            groups.append([])
        groups[-1].append(number)
    return groups


def _tabular(lines: Sequence[Sequence[str]], columns: Sequence[int]) -> str:
    """A tabular of the first column and these."""
    body = [_row([line[0], *(line[column] for column in columns)]) for line in lines]
    energies = next(number for number, line in enumerate(lines) if line[0] == next(iter(SUMMARY_ROWS)))
    total = energies + len(SUMMARY_ROWS)
    parts = (body[:energies], body[energies:total], body[total : total + 1], body[total + 1 :])
    rules = (r"\midrule", r"\midrule", r"\midrule", r"\bottomrule")
    inside = [line for part, rule in zip(parts, rules, strict=True) for line in (*part, rule)]
    return "\n".join([rf"\begin{{tabular}}{{@{{}}l{'r' * len(columns)}@{{}}}}", r"\toprule", *inside, r"\end{tabular}"])


def _row(cells: Sequence[str]) -> str:
    return " & ".join("--" if cell == "--" else escape_latex(cell) for cell in cells) + r" \\"


def _contained(reports: Sequence[PaperReport]) -> str:
    """What a chip file bills inside the price of another row."""
    said = []
    for report in reports:
        parts = [f"part of the {inside} energy in {row}" for inside, row in report.moved]
        if parts:
            said.append(f" {breakable(report.label)} counts {', '.join(parts)}: its sources give one price for both.")
    return "".join(said)
