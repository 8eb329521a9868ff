"""Compiled kernels of the model: activations to spike counts, and a spike-driven layer as additions of weight rows.

Arrays and scalars in, sums out. `linear.SpikingLinear` computes the same sums faster through a matrix product; these
kernels are what that product means, and the check of every capture.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from simulator.compiled import jit
from simulator.trace.encoding import Encoding


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
            steps = values[token, i] * per_step[token]
            whole = np.rint(steps) if nearest else np.trunc(steps)
            whole = np.float32(0) if abs(steps) < dead_zone else whole
            whole += zero_point[token]
            kept = min(max(whole, smallest), most)
            n_clipped += kept != whole
            counts[token, i] = np.int16(kept)
    return n_clipped


def accumulate_rows(counts: NDArray[np.integer], rows: NDArray[np.int8]) -> NDArray[np.int32]:
    """Sums of weight rows from counts: int32 [tokens, n_out] from counts [tokens, n_in] and rows [n_in, n_out]."""
    sums = np.zeros((counts.shape[0], rows.shape[1]), dtype=np.int32)
    add_count_rows(np.ascontiguousarray(counts, np.int16), np.ascontiguousarray(rows, np.int8), sums)
    return sums


def accumulate_spikes(counts: NDArray[np.integer], rows: NDArray[np.int8], encoding: Encoding) -> NDArray[np.int32]:
    """The same sums packet by packet: walk the timesteps, add the shifted row of each spike (graded: multiplied)."""
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
