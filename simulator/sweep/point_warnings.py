"""Warnings of the points of a sweep, those that say the same joined into one."""

from __future__ import annotations

import re
from collections.abc import Iterable

JOINED = " | "
_NUMBER = re.compile(r"\d[\d,.]*")


def shared_warnings(points: Iterable[Iterable[str]]) -> list[str]:
    """One line for each kind of warning, the most frequent first, with the number of points that have it.

    Warnings of one kind differ in nothing but numbers; the line shows the first of them.
    """
    first: dict[str, str] = {}
    count: dict[str, int] = {}
    total = 0
    for warnings in points:
        total += 1
        kinds = {_NUMBER.sub("#", warning): warning for warning in warnings}
        for kind, warning in kinds.items():
            first.setdefault(kind, warning)
            count[kind] = count.get(kind, 0) + 1
    order = sorted(count, key=lambda kind: -count[kind])
    return [f"{first[kind]} ({count[kind]} of {total} points)" for kind in order]
