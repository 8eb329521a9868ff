"""Compiled kernels of dense attention: scores to the shares of each key, in float32.

No fastmath, as in every kernel: the order of each sum is the same on every machine.
"""

from __future__ import annotations

from math import factorial

import numpy as np
from numpy.typing import NDArray

from simulator.compiled import jit, step

# Coefficients of ``2**f`` in powers of f: ``log(2)**k / k!``. For |f| <= 1/2 the first term left out is below 2e-7.
E0, E1, E2, E3, E4, E5, E6 = (np.float32(np.log(2) ** k / factorial(k)) for k in range(7))
# Powers of two to a power of e. Below the least one a power of two has no normal float32; it is taken for 0.
PER_E, LEAST_EXPONENT = np.float32(1 / np.log(2)), np.float32(-127)


@jit
def raise_maxima(bits: NDArray[np.int32], largest: NDArray[np.int32]) -> None:
    """Raise ``largest`` [rows] to the largest x of each row, all as the ``bits`` of float32, [rows, n] those of x.

    With all bits but the sign turned where that is set, whole numbers compare as the floats do.
    """
    for row in range(bits.shape[0]):
        largest[row] = _raised(largest[row], bits[row])


@step
def _raised(largest: np.int32, bits: NDArray[np.int32]) -> np.int32:
    """Bits of the largest of a float32 and a row of them, all as bits."""
    found = _ordered(largest)
    for i in range(bits.shape[0]):
        found = max(found, _ordered(bits[i]))
    return _ordered(found)


@step
def _ordered(bits: np.int32) -> np.int32:
    """Bits of a float32 as a whole number of the same order, and back."""
    return np.int32(bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@jit
def exponentials(x: NDArray[np.float32], base: NDArray[np.float32]) -> None:
    """Write ``exp(x - base)`` in the place of x [rows, n], which ``base`` [rows] bounds above.

    The whole part of the exponent to base 2 goes into the bits of the result, a polynomial takes the rest. A processor
    does every step for many values at once, where a library's exponential is called for one.
    """
    for row in range(x.shape[0]):
        values = x[row]
        for j in range(values.shape[0]):
            exponent = max((values[j] - base[row]) * PER_E, LEAST_EXPONENT)
            whole = np.rint(exponent)
            f = exponent - whole
            power = E0 + f * (E1 + f * (E2 + f * (E3 + f * (E4 + f * (E5 + f * E6)))))
            bits = np.int32((np.int32(whole) + np.int32(127)) << np.int32(23))
            values[j] = power * bits.view(np.float32)


@jit
def seen_scores(
    products: NDArray[np.float64], n: int, window: int, scale: np.float32, scores: NDArray[np.float32]
) -> None:
    """Write to ``scores`` [g*n, c] the scaled ``products`` of the last n of c positions, less the largest of each row.

    A query sees the positions up to its own, at most ``window`` of them; the scores of the others are -infinity.
    """
    rows, c = products.shape
    for row in range(rows):
        stop = c - n + row % n + 1
        start = max(0, stop - window)
        mine = scores[row]
        mine[:start] = -np.inf
        mine[stop:] = -np.inf
        seen, of_row = mine[start:stop], products[row, start:stop]
        for j in range(seen.shape[0]):
            seen[j] = np.float32(of_row[j]) * scale
        bits = seen.view(np.int32)
        base = np.int32(_raised(bits[0], bits)).view(np.float32)
        for j in range(seen.shape[0]):
            seen[j] -= base


@jit
def to_shares(powers: NDArray[np.float32], shares: NDArray[np.float64]) -> None:
    """Write to ``shares`` [rows, n] the ``powers`` over the sum of their row, which is formed in float64."""
    sums = np.empty(8)
    for row in range(powers.shape[0]):
        sums[:] = 0
        for first in range(0, powers.shape[1], 8):
            part = powers[row, first : first + 8]
            for j in range(part.shape[0]):
                sums[j] += part[j]
        factor = np.float32(1) / np.float32(sums.sum())
        for j in range(powers.shape[1]):
            shares[row, j] = powers[row, j] * factor
