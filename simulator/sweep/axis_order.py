"""Values of a sweep axis as numbers, so that ``16 KiB`` stands before ``128 KiB``."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulator.arrays import F64
from simulator.config.sweep_axes import value_text
from simulator.units import UNITS, parse_quantity


def axis_numbers(column: pd.Series) -> F64:
    """Float64 of each value: numbers and quantities as they are, other texts in the order of appearance.

    Quantities of one dimension are compared by size (``32 KiB`` < ``64 KiB``), in the unit of the program.
    """
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    values = column.tolist()
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return np.array(values, dtype=np.float64)
    texts = [value_text(value) for value in values]
    for dimension in UNITS:
        numbers = [_quantity(text, dimension) for text in texts]
        if None not in numbers:
            return np.array(numbers, dtype=np.float64)
    return pd.factorize(pd.Series(texts))[0].astype(np.float64)


def _quantity(text: str, dimension: str) -> float | None:
    """``text`` in the unit of the program, or None when it is no quantity of this dimension."""
    try:
        return float(parse_quantity(text, dimension))
    except ValueError:
        return None
