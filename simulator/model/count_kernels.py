"""Compiled kernels of the model: activations to spike counts, and a spike-driven layer as additions of weight rows.

Arrays and scalars in, sums out. `linear.SpikingLinear` computes the same sums faster through a matrix product; the
kernels that add rows are what that product means, and the check of every capture.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from simulator.compiled import jit, step
from simulator.trace.encoding import Encoding

LANES = 64  # a power of two


@jit
def add_count_rows(counts: NDArray[np.int16], rows: NDArray[np.int8], sums: NDArray[np.int32]) -> None:
    """Add to ``sums`` [tokens, n_out] each weight row [n_in, n_out] as often as its input's count says."""
    for token in range(counts.shape[0]):
        for i in range(counts.shape[1]):
            count = np.int32(counts[token, i])
            if count != 0:
                for j in range(rows.shape[1]):
                    sums[token, j] += count * rows[i, j]


@jit
def add_spike_rows(
    spikes: NDArray[np.int8], rows: NDArray[np.int8], shifts: NDArray[np.int64], sums: NDArray[np.int32]
) -> None:
    """Add to ``sums`` [tokens, n_out] the weight row of each spike (+1) and subtract that of each negative one (-1).

    ``spikes`` is [timesteps, tokens, n_in]; ``shifts`` [timesteps] are the left shifts by which the receiver weighs
    each timestep.
    """
    for t in range(spikes.shape[0]):
        for token in range(spikes.shape[1]):
            for i in range(spikes.shape[2]):
                if spikes[t, token, i] > 0:
                    for j in range(rows.shape[1]):
                        sums[token, j] += np.int32(rows[i, j]) << shifts[t]
                elif spikes[t, token, i] < 0:
                    for j in range(rows.shape[1]):
                        sums[token, j] -= np.int32(rows[i, j]) << shifts[t]


@jit
def count_steps(
    values: NDArray[np.float32],
    per_step: NDArray[np.float32],
    zero_point: NDArray[np.float32],
    dead_zone: np.float32,
    nearest: bool,
    smallest: np.float32,
    most: np.float32,
    counts: NDArray[np.int16],
) -> int:
    """Write ``clip(round(x * per_step) + zero_point)`` to ``counts`` [tokens, n]; returns how many were clipped.

    Rounds to ``nearest``, halves to even, or towards 0; less than ``dead_zone`` steps are none.
    """
    n_clipped = 0
    for token in range(values.shape[0]):
        for i in range(values.shape[1]):
            whole = _whole(values[token, i] * per_step[token], dead_zone, nearest) + zero_point[token]
            kept = min(max(whole, smallest), most)
            n_clipped += kept != whole
            counts[token, i] = np.int16(kept)
    return n_clipped


@jit
def diffuse_steps(
    values: NDArray[np.float32],
    per_step: NDArray[np.float32],
    zero_point: NDArray[np.float32],
    dead_zone: np.float32,
    smallest: np.float32,
    most: np.float32,
    counts: NDArray[np.int16],
) -> int:
    """As `count_steps` to nearest, but what rounding leaves of a value is added to the next one of its row.

    A value below the dead zone adds nothing. What the clip takes off a count is lost, and not added to the next value.
    """
    n_clipped = 0
    for token in range(values.shape[0]):
        left = np.float32(0)
        for i in range(values.shape[1]):
            steps = values[token, i] * per_step[token]
            left += np.float32(0) if abs(steps) < dead_zone else steps
            rounded = np.rint(left)
            left -= rounded
            whole = rounded + zero_point[token]
            kept = min(max(whole, smallest), most)
            n_clipped += kept != whole
            counts[token, i] = np.int16(kept)
    return n_clipped


@step
def _whole(steps: np.float32, dead_zone: np.float32, nearest: bool) -> np.float32:
    """A number of steps as a whole one."""
    whole = np.rint(steps) if nearest else np.trunc(steps)
    return np.float32(0) if abs(steps) < dead_zone else whole


@jit
def least_error_steps(
    values: NDArray[np.float32],
    candidates: NDArray[np.float32],
    base: NDArray[np.float32],
    dead_zone: np.float32,
    nearest: bool,
    most: np.float32,
    worth: float,
    found: NDArray[np.float32],
) -> None:
    """Write to ``found`` [tokens] the candidate step [tokens, steps] of least cost; the first of those of equal cost.

    A cost is the squared error of signed counts -most to most of ``values`` [tokens, n], times ``1 + worth * (base /
    step - 1)`` with ``base`` [tokens].
    """
    sums = np.empty(LANES, np.float32)
    for token in range(values.shape[0]):
        least, narrow = np.inf, np.float64(base[token])
        for k in range(candidates.shape[1]):
            step = candidates[token, k]
            wide = np.float64(step)
            error = np.float64(_squared_error(values[token], np.float32(1) / step, dead_zone, nearest, most, sums))
            cost = error * wide * ((1 - worth) * wide + worth * narrow)
            if k == 0 or cost < least:
                least = cost
                found[token] = step


@step
def _squared_error(
    values: NDArray[np.float32],
    per_step: np.float32,
    dead_zone: np.float32,
    nearest: bool,
    most: np.float32,
    sums: NDArray[np.float32],
) -> np.float32:
    """Squared error, in steps, of the counts of a row; the squares are added as `_total` says."""
    sums[:] = 0
    for first in range(0, values.shape[0], LANES):
        part = values[first : first + LANES]
        for i in range(part.shape[0]):
            steps = abs(part[i]) * per_step
            error = steps - min(_whole(steps, dead_zone, nearest), most)
            sums[i] += error * error
    return _total(sums)


@jit
def add_sizes(values: NDArray[np.float32], totals: NDArray[np.float32]) -> None:
    """Write to ``totals`` [tokens] the sums of |x| of the rows of ``values`` [tokens, n], added as `_total` says."""
    sums = np.empty(LANES, np.float32)
    for token in range(values.shape[0]):
        sums[:] = 0
        for first in range(0, values.shape[1], LANES):
            part = values[token, first : first + LANES]
            for i in range(part.shape[0]):
                sums[i] += abs(part[i])
        totals[token] = _total(sums)


@step
def _total(sums: NDArray[np.float32]) -> np.float32:
    """The sum of all lanes, in place and by halves.

    Values go to `LANES` sums in turn, and these are added here. So a processor adds many values at once, and in the
    same order on every machine.
    """
    half = LANES // 2
    while half:
        for i in range(half):
            sums[i] += sums[half + i]
        half //= 2
    total: np.float32 = sums[0]
    return total


@jit
def largest_sizes(bits: NDArray[np.int32], largest: NDArray[np.int32]) -> None:
    """Write to ``largest`` [tokens] the bits of the largest |x| of each row, from the ``bits`` [tokens, n] of float32.

    Without their sign, the bits of two floats compare as the floats do; infinity and then NaN come last. Whole numbers
    are compared many at a time, where floats are not for the sake of NaN.
    """
    for token in range(bits.shape[0]):
        found = np.int32(0)
        for i in range(bits.shape[1]):
            found = max(found, bits[token, i] & np.int32(0x7FFFFFFF))
        largest[token] = found


@jit
def scale_sums(sums: NDArray[np.float32], per_token: NDArray[np.float32], per_output: NDArray[np.float32]) -> None:
    """Make of each sum [tokens, n_out], in place, ``(sum * per_token) * per_output``."""
    for token in range(sums.shape[0]):
        for j in range(sums.shape[1]):
            sums[token, j] = sums[token, j] * per_token[token] * per_output[j]


@jit
def turn_pairs(
    x: NDArray[np.float32], cos: NDArray[np.float32], sin: NDArray[np.float32], turned: NDArray[np.float32]
) -> None:
    """Turn the pairs (j, j + hd/2) of x [heads, n, hd] by the angles whose ``cos`` and ``sin`` are [n, hd/2]."""
    half = cos.shape[1]
    for head in range(x.shape[0]):
        for token in range(x.shape[1]):
            for j in range(half):
                a, b = x[head, token, j], x[head, token, half + j]
                turned[head, token, j] = a * cos[token, j] - b * sin[token, j]
                turned[head, token, half + j] = b * cos[token, j] + a * sin[token, j]


@jit
def add_pairs(x: NDArray[np.float32], smallest: int) -> None:
    """Butterflies on each row of x [rows, smallest * 2**k], in place: from halves of a row to ``smallest`` values."""
    n = x.shape[1]
    for row in range(x.shape[0]):
        span = n
        while span > smallest:
            half = span // 2
            for start in range(0, n, span):
                low, high = x[row, start : start + half], x[row, start + half : start + span]
                for i in range(half):
                    a, b = low[i], high[i]
                    low[i] = a + b
                    high[i] = a - b
            span = half


@jit
def add_signed(x: NDArray[np.float32], signs: NDArray[np.float32]) -> None:
    """Make value j of each row of x [m, b], in place, the sum over i of ``signs[i, j]`` times value i, in their order.

    Some rows at a time, turned so that the sums of one sign are added together. Four values to a step: b is a multiple
    of 4, as the order of every Hadamard matrix beyond 2 is.
    """
    m, b = x.shape
    width = 256
    tile, total = np.empty((b, width), np.float32), np.empty((b, width), np.float32)
    for start in range(0, m, width):
        n = min(width, m - start)
        for i in range(b):
            for k in range(n):
                tile[i, k] = x[start + k, i]
        for j in range(b):
            sums = total[j]
            sums[:] = 0
            for i in range(0, b, 4):
                s0, s1, s2, s3 = signs[i, j], signs[i + 1, j], signs[i + 2, j], signs[i + 3, j]
                r0, r1, r2, r3 = tile[i], tile[i + 1], tile[i + 2], tile[i + 3]
                for k in range(n):
                    sums[k] = sums[k] + s0 * r0[k] + s1 * r1[k] + s2 * r2[k] + s3 * r3[k]
        for k in range(n):
            for j in range(b):
                x[start + k, j] = total[j, k]


def accumulate_spikes(counts: NDArray[np.integer], rows: NDArray[np.int8], encoding: Encoding) -> NDArray[np.int32]:
    """Sums of weight rows packet by packet: int32 [tokens, n_out] from counts [tokens, n_in] and rows [n_in, n_out].

    It walks the timesteps and adds the shifted row of each spike; a graded count multiplies its row.
    """
    return accumulate_trains(encoding.trains(counts), rows, encoding)


def accumulate_trains(trains: NDArray[np.int16], rows: NDArray[np.int8], encoding: Encoding) -> NDArray[np.int32]:
    """Sums of what the inputs send in each timestep, int32 [tokens, n_out] from trains [timesteps, tokens, n_in]."""
    sums = np.zeros((trains.shape[1], rows.shape[1]), dtype=np.int32)
    rows = np.ascontiguousarray(rows, np.int8)
    if encoding.multiplies:
        add_count_rows(np.ascontiguousarray(trains[0]), rows, sums)
    else:
        signs, shifts = _timestep_weights(encoding)
        add_spike_rows(trains.astype(np.int8) * signs[:, None, None], rows, shifts, sums)
    return sums


@cache
def _timestep_weights(encoding: Encoding) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Sign, and left shift, by which the receiver weighs each timestep."""
    weights = [encoding.timestep_weight(t) for t in range(encoding.n_timesteps)]
    return np.sign(weights).astype(np.int8), np.array([abs(weight).bit_length() - 1 for weight in weights])
