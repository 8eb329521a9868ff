"""Tables as text cells, ready for a page: the unit of a column is read from the ending of its name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd

from simulator.config.sweep_axes import value_text
from simulator.report.format import UNKNOWN, format_bytes, format_energy, format_ratio, format_share, format_time

ENERGIES = "energy.by_"  # keys of a result that are energies in pJ and end in the name of a part
MOST_ROWS = 400  # of the table under a figure; a longer one is cut, and says so


class Cells(NamedTuple):
    """A table of text: headings, which of them are numbers, the rows, and a remark when rows are left out."""

    headings: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    remark: str = ""


def as_cells(frame: pd.DataFrame, most_rows: int | None = None) -> Cells:
    """``frame`` with every value written for people.

    Columns ending in ``_pj`` (or starting with `ENERGIES`) are energies, in ``_ps`` times, in ``_mm2`` areas and in
    ``_bytes`` sizes (a missing one is shown as a dash); those ending in ``share``, ``rate`` and ``_util`` are shares,
    ``chip_over`` is a ratio. Everything else is shown as it is.
    """
    shown = frame if most_rows is None else frame.head(most_rows)
    writers = [_writer(str(column), frame[column]) for column in frame.columns]
    rows = tuple(
        tuple(write(value) for write, value in zip(writers, row, strict=True))
        for row in shown.itertuples(index=False, name=None)
    )
    left_out = len(frame) - len(shown)
    remark = f"{left_out} of {len(frame)} rows are left out here; the CSV files hold all of them." if left_out else ""
    numeric = tuple(_is_number(frame[column]) for column in frame.columns)
    return Cells(tuple(_heading(str(column)) for column in frame.columns), numeric, rows, remark)


def write_number(value: float) -> str:
    """A bare number: a whole one with thin spaces between thousands, another with four significant digits."""
    if pd.isna(value) or not math.isfinite(value):
        return UNKNOWN
    if float(value).is_integer():
        return f"{int(value):,}".replace(",", "\u202f")
    return f"{value:.4g}"


def _heading(column: str) -> str:
    """Name of a column without its unit: the cells carry it. A dotted path stays as a file writes it."""
    if column == "chip_over":
        return "chip compared with this (times)"
    name = column.removesuffix("_pj").removesuffix("_ps").removesuffix("_bytes").removesuffix("_mm2")
    return name if "." in name else name.replace("_", " ")


def _is_number(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column))


def _writer(name: str, column: pd.Series) -> Callable[[Any], str]:
    """How the values of a column are written."""
    if name.endswith("_pj") or name.startswith(ENERGIES):
        return lambda pj: format_energy(pj) if pj else "0"
    if name.endswith("_ps"):
        return lambda ps: "–" if math.isnan(ps) else format_time(ps)
    if name.endswith(("_util", "share", "rate")):
        return format_share
    if name.endswith("_bytes"):
        return lambda size: "–" if pd.isna(size) else format_bytes(size)
    if name.endswith("_mm2"):
        return lambda area: "–" if pd.isna(area) else f"{area:.4g} mm²"
    if name == "chip_over":
        return format_ratio
    if pd.api.types.is_bool_dtype(column):
        return lambda value: "yes" if value else "no"
    return write_number if _is_number(column) else value_text
