"""Values of a JSON file, which may be of any size and type."""

from __future__ import annotations

import math
from typing import TypeGuard

LONGEST = 80  # characters of a value in a message


def is_integer(value: object) -> TypeGuard[int]:
    """Whether a value is an integer; ``true`` and ``false`` are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_positive(value: object) -> TypeGuard[int | float]:
    """Whether a value is a positive number that a float64 can hold."""
    if not is_integer(value) and not isinstance(value, float):
        return False
    try:
        return value > 0 and math.isfinite(float(value))
    except OverflowError:  # an integer beyond 1.8e308
        return False


def shown(value: object) -> str:
    """A value in a message: as Python writes it, cut when it is long."""
    words = f"an integer of {value.bit_length()} bits" if is_integer(value) and abs(value) >> 64 else repr(value)
    return words if len(words) <= LONGEST else words[: LONGEST - 3] + "..."
