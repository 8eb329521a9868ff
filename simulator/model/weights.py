"""Integer weights: what one synapse holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from simulator.errors import ModelError

WEIGHT_BITS = 8
FLOAT_BITS = 16  # weights of so many bits are no integers: they stay floats
FloatFormat = Literal["bfloat16", "float16"]
WeightRounding = Literal["nearest", "gptq"]


@dataclass(frozen=True)
class QuantizedWeights:
    """A linear layer as rows of integer weights, one row per input neuron.

    Attributes
    ----------
    rows
        int8 [n_in, n_out], from -127 to 127 (4 bits: -7 to 7); row i is what a spike of input i adds.
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


def quantize_weights(
    weights: NDArray[np.float32], bits: int = WEIGHT_BITS, scale: NDArray[np.float32] | None = None
) -> QuantizedWeights:
    """Quantize float weights [n_out, n_in] to INT8 or INT4: symmetric, a scale per output channel, rounded to nearest.

    ``scale = max|w| / 127`` (4 bits: 7) and ``q = rint(w / scale)`` (halves to even). A channel of
    zeros, or so small that its scale is no normal number, gets scale 1 and zeros. A ``scale`` [n_out] that was found
    before is taken as it is.
    """
    quantized, scale = whole_weights(weights, bits, scale)
    rows = np.ascontiguousarray(quantized.T.astype(np.int8))
    wide = rows.astype(np.int64)
    return QuantizedWeights(rows, scale, wide.sum(axis=0), int(np.abs(wide).sum(axis=0).max()))


def whole_weights(
    weights: NDArray[np.float32], bits: int, scale: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights [n_out, n_in] as whole numbers in float32, and their scale [n_out]: the rule of `quantize_weights`."""
    most = (1 << (bits - 1)) - 1
    if scale is None:
        scale = scale_of(np.abs(weights).max(axis=1), most)
    return np.clip(np.rint(weights / scale[:, None]), -most, most), scale


def rounded_groups(
    weights: NDArray[np.float32], bits: int, group: int | None, scales: NDArray[np.float32] | None = None
) -> list[QuantizedWeights]:
    """Float weights [n_out, n_in] as integers, one entry per group of inputs; ``scales`` [n_out, groups] if found."""
    parts = weight_groups(weights.shape[1], group)
    own = [None if scales is None else np.ascontiguousarray(scales[:, k]) for k in range(len(parts))]
    return [quantize_weights(weights[:, inputs], bits, scale) for inputs, scale in zip(parts, own, strict=True)]


def scale_of(largest: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """Scale at which the largest sizes [n_out] get the integer ``most``; 1 where it is no normal number."""
    scale = (largest / np.float32(most)).astype(np.float32)
    return np.where(scale >= np.finfo(np.float32).tiny, scale, np.float32(1))


def join_outputs(layers: Sequence[QuantizedWeights]) -> QuantizedWeights:
    """Layers of the same inputs as one, their outputs side by side."""
    if len(layers) == 1:
        return layers[0]
    return QuantizedWeights(
        np.concatenate([layer.rows for layer in layers], axis=1),
        np.concatenate([layer.scale for layer in layers]),
        np.concatenate([layer.column_sums for layer in layers]),
        max(layer.largest_sum for layer in layers),
    )


def rounded_float(weights: NDArray[np.float32], float_format: FloatFormat, place: str) -> NDArray[np.float32]:
    """Weights rounded to a 16-bit float (nearest, halves to even), as float32.

    Raises
    ------
    ModelError
        When a weight is beyond the largest number of the format; ``place`` says where.
    """
    with np.errstate(over="ignore"):  # reported below
        dtype = ml_dtypes.bfloat16 if float_format == "bfloat16" else np.float16
        rounded = weights.astype(dtype).astype(np.float32)
    n = int(np.count_nonzero(~np.isfinite(rounded)))
    if n:
        most = float(np.abs(weights).max())
        raise ModelError(f"{place}: {n} weights up to {most:g} do not fit {float_format}; take bfloat16, or integers")
    return rounded


def weight_groups(n_in: int, group: int | None) -> list[slice]:
    """Ranges of inputs that share a scale: groups of ``group`` inputs (the last may be shorter), or all inputs."""
    step = n_in if group is None else group
    return [slice(start, min(start + step, n_in)) for start in range(0, n_in, step)]
