"""Blocks of a model that are alike: rows whose numbers are equal become one, named by the blocks it stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

NUMBERED = re.compile(r"(?P<before>.*?\.)(?P<number>\d+)(?P<after>\..*)")  # blocks.12.q


def group_alike(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Rows of equal values in all columns but ``name`` as one, where their names differ in the number of a block alone.

    Groups stand where their first row stood. ``name`` becomes ``blocks.0-29.q``; the column ``alike`` after it counts
    the rows of a group.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    others = rows.drop(columns=name).itertuples(index=False, name=None)
    for text, values in zip(rows[name], others, strict=True):
        found = NUMBERED.fullmatch(text)
        before, number, after = found.groups() if found else (text, "", "")
        groups.setdefault((before, after, *values), []).extend([int(number)] if found else [])
    names = [f"{before}{ranges(numbers)}{after}" for (before, after, *_), numbers in groups.items()]
    grouped = pd.DataFrame([values for _, _, *values in groups], columns=[c for c in rows.columns if c != name])
    grouped.insert(0, name, names)
    grouped.insert(1, "alike", [max(len(numbers), 1) for numbers in groups.values()])
    return grouped


def ranges(numbers: Iterable[int]) -> str:
    """``0-3,5`` for 0, 1, 2, 3, 5, in ascending order; empty for none."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)
