"""Tables as CSV text that a spreadsheet opens as text and numbers, never as formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.outputs.shown_text import one_line

if TYPE_CHECKING:
    import pandas as pd

# First letters at which a spreadsheet takes a cell for a formula (OWASP, "CSV Injection").
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
QUOTE = "'"  # in front of such a text; spreadsheets show the rest as it is


def csv_text(frame: pd.DataFrame) -> str:
    """``frame`` as CSV without its index; texts and names of columns that look like a formula are quoted.

    Control characters appear as escapes, because the first reader of a table is often a terminal.
    """
    from pandas.api.types import is_numeric_dtype

    safe = frame.rename(columns=_quoted)
    texts = [name for name in safe.columns if not is_numeric_dtype(safe[name])]
    safe = safe.assign(**{name: safe[name].astype(object).map(_quoted) for name in texts})
    return str(safe.to_csv(index=False, lineterminator="\n"))


def unquoted(value: object) -> object:
    """A cell as it was before `csv_text`."""
    return value[1:] if isinstance(value, str) and value.startswith(QUOTE) and _is_formula(value) else value


def _quoted(value: object) -> object:
    if not isinstance(value, str):
        return value
    return QUOTE + one_line(value) if _is_formula(value) else one_line(value)


def _is_formula(text: str) -> bool:
    return text.lstrip(QUOTE).startswith(FORMULA_STARTS)
