"""Inputs and outputs are cut alike: blocks nearly square, so that spikes and partial sums both travel little."""

from __future__ import annotations

import numpy as np

from simulator.config.chip import ChipConfig
from simulator.mapping.capacity import Cut, ceil_div, cols_that_fit, nothing_fits
from simulator.trace.trace_program import Layer

SPARE = 8  # a cut may take one core in so many more than the fewest


def cut_in_squares(layer: Layer, chip: ChipConfig) -> Cut:
    """Among the cuts that take at most an eighth more cores than the fewest, the one whose blocks are nearest a square.

    Of equally square ones the one with the fewest cuts of the inputs. Raises CapacityError when not even one synapse
    fits a core.
    """
    row_parts = np.arange(ceil_div(layer.n_in, chip.core.limits.axons_in), layer.n_in + 1, dtype=np.int64)
    rows = ceil_div(np.full_like(row_parts, layer.n_in), row_parts)
    most_cols = cols_that_fit(rows, layer, chip)
    fits = most_cols > 0
    if not fits.any():
        raise nothing_fits(layer, chip)
    row_parts, rows = row_parts[fits], rows[fits]
    col_parts = ceil_div(np.full_like(row_parts, layer.n_out), most_cols[fits])
    cols = ceil_div(np.full_like(row_parts, layer.n_out), col_parts)
    blocks = row_parts * col_parts
    square = np.maximum(rows, cols) / np.minimum(rows, cols)
    square[blocks > blocks.min() + blocks.min() // SPARE] = np.inf
    best = int(np.argmin(square))
    return Cut(int(row_parts[best]), int(col_parts[best]))
