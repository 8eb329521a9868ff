"""INT8 weights: what one synapse holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WEIGHT_BITS = 8
WEIGHT_MAX = 127


@dataclass(frozen=True)
class QuantizedWeights:
    """A linear layer as rows of integer weights, one row per input neuron.

    Attributes
    ----------
    rows
        int8 [n_in, n_out], from -127 to 127; row i is what a spike of input i adds.
    scale
        float32 [n_out]: the float weight of input i and output j is about ``rows[i, j] * scale[j]``.
    column_sums
        int64 [n_out]: sum of the rows, what a spike of every input at once would add (for a zero point).
    largest_sum
        Largest sum over the inputs of ``abs(rows)`` of any output: with counts up to L no partial sum, in whatever
        order, exceeds ``L * largest_sum``.
    """

    rows: NDArray[np.int8]
    scale: NDArray[np.float32]
    column_sums: NDArray[np.int64]
    largest_sum: int


def quantize_weights(weights: NDArray[np.float32]) -> QuantizedWeights:
    """Quantize float weights [n_out, n_in] to INT8: symmetric, one scale per output channel, rounded to nearest.

    ``scale = max|w| / 127`` and ``q = rint(w / scale)`` (halves to even). A channel of zeros gets scale 1.
    """
    largest = np.abs(weights).max(axis=1)
    scale = (largest / np.float32(WEIGHT_MAX)).astype(np.float32)
    scale = np.where(scale > 0, scale, np.float32(1))
    quantized = np.clip(np.rint(weights / scale[:, None]), -WEIGHT_MAX, WEIGHT_MAX)
    rows = np.ascontiguousarray(quantized.T.astype(np.int8))
    wide = rows.astype(np.int64)
    return QuantizedWeights(rows, scale, wide.sum(axis=0), int(np.abs(wide).sum(axis=0).max()))
