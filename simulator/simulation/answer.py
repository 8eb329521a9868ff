"""What a question about a chip and a trace yields: tables and lines to print in order, and the same as JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd


class Titled(NamedTuple):
    """A table and its title."""

    frame: pd.DataFrame
    title: str


class Answer(NamedTuple):
    """The parts of an answer in the order of printing.

    Attributes
    ----------
    parts
        Tables with titles, and lines of text.
    record
        The same in JSON types.
    warnings
        Lines for stderr.
    failed
        Whether a check did not hold: the exit code is 1 then.
    next_lines
        Commands that a user most likely runs now.
    """

    parts: tuple[Titled | str, ...]
    record: Any = None
    warnings: tuple[str, ...] = ()
    failed: bool = False
    next_lines: tuple[str, ...] = ()


def json_rows(frame: pd.DataFrame) -> list[dict[str, object]]:
    """Rows of a table; JSON has no NaN and no infinity, so both are null."""
    return [{str(key): _finite(value) for key, value in row.items()} for row in frame.to_dict("records")]


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def one_table(frame: pd.DataFrame, title: str, *lines: str) -> Answer:
    """A table, and lines below it."""
    return Answer((Titled(frame, title), *lines), json_rows(frame))
