"""Float activations to integer spike counts, one threshold per token.

Two choices make an encoder: how the step of the counts is found for a token (a `Range` rule, here the absolute maximum,
or minimum and maximum), and how a value becomes a count (`quantize`: round, shift, clip). They are apart so that a rule
that looks at a quantile, and clips what lies beyond it, is one more function with the signature of `absmax_range`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.errors import ModelError, did_you_mean
from simulator.trace.encoding import CODES, MAX_LEVELS, Code, Encoding

# Levels of a graded count where nothing else is said: what an INT8 activation holds.
GRADED_LEVELS = 127


@dataclass(frozen=True)
class SpikeCounts:
    """Activations of some tokens as spike counts: value = (count - zero_point) * v_threshold.

    Attributes
    ----------
    counts
        int16 [tokens, n].
    v_threshold
        float32 [tokens]: value of one spike, the threshold of the encoding neurons.
    zero_point
        int32 [tokens]: the count that means 0.0; all 0 for signed counts.
    """

    counts: NDArray[np.int16]
    v_threshold: NDArray[np.float32]
    zero_point: NDArray[np.int32]


# values [tokens, n], levels -> (step [tokens], the value that count 0 stands for [tokens])
Range = Callable[[NDArray[np.float32], int], tuple[NDArray[np.float32], NDArray[np.float32]]]


def absmax_range(values: NDArray[np.float32], levels: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Symmetric range: step ``max|x| / L``, count 0 stands for 0.0; nothing is clipped."""
    step = np.abs(values).max(axis=1) / np.float32(levels)
    return step, np.zeros_like(step)


def minmax_range(values: NDArray[np.float32], levels: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Asymmetric range: from ``min(x, 0)`` to ``max(x, 0)`` in L steps, so that 0.0 lies inside."""
    low = np.minimum(values.min(axis=1), np.float32(0))
    high = np.maximum(values.max(axis=1), np.float32(0))
    return (high - low) / np.float32(levels), low


RANGES: dict[Code, Range] = {code: minmax_range if code == "binary" else absmax_range for code in CODES}


def encoding_for(code: str, timesteps: int) -> Encoding:
    """The encoding that unrolls over exactly ``timesteps``.

    T levels; 2**T - 1 for ``bitwise``, 2**(T-1) - 1 for ``bitwise_twos``. ``graded`` has one timestep whatever its
    levels; here they are 127, as of an INT8 activation.

    Raises
    ------
    ModelError
        When the code is not known or T is out of range.
    """
    known = next((c for c in CODES if c == code), None)
    if known is None:
        raise ModelError(f"encoding {code!r}, wanted {', '.join(CODES)}{did_you_mean(code, CODES)}")
    bits = MAX_LEVELS.bit_length()
    least, most = {"bitwise": (1, bits), "bitwise_twos": (2, bits + 1), "graded": (1, 1)}.get(known, (1, MAX_LEVELS))
    if not least <= timesteps <= most:
        wanted = f"{least} to {most}" if most > least else f"{least}"
        raise ModelError(f"timesteps {timesteps}, wanted {wanted} for {code}")
    levels = {
        "bitwise": (1 << timesteps) - 1,
        "bitwise_twos": (1 << timesteps >> 1) - 1,
        "graded": GRADED_LEVELS,
    }
    return Encoding(known, levels.get(known, timesteps))


def encode(values: NDArray[np.float32], encoding: Encoding, place: str = "activations") -> SpikeCounts:
    """Encode each token (row) of ``values`` [tokens, n] as spike counts with a threshold of its own.

    Raises
    ------
    ModelError
        When a value is NaN or infinite; ``place`` says where.
    """
    if not np.isfinite(values).all():
        token = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise ModelError(f"{place}: token {token} holds NaN or infinity, wanted finite activations")
    step, low = RANGES[encoding.code](values, encoding.levels)
    return quantize(values, step, low, encoding)


def quantize(
    values: NDArray[np.float32], step: NDArray[np.float32], low: NDArray[np.float32], encoding: Encoding
) -> SpikeCounts:
    """Counts ``clip(rint(x / step) + zero_point)`` with ``zero_point = rint(-low / step)``, halves to even.

    The division is done once per token: its reciprocal multiplies the row, as hardware would do it. A silent token (all
    zeros, or so small that its step is no normal number) has step 1, and so counts 0.
    """
    step = np.where(step >= np.finfo(np.float32).tiny, step, np.float32(1))
    per_step = np.float32(1) / step
    zero_point = np.rint(-low * per_step).astype(np.int32)
    smallest = -encoding.levels if encoding.signed else 0
    shifted = np.rint(values * per_step[:, None]) + zero_point[:, None].astype(np.float32)
    counts = np.clip(shifted, smallest, encoding.levels).astype(np.int16)
    return SpikeCounts(counts, step, zero_point)
