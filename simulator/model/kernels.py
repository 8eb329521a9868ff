"""Compiled integer kernels: a spike-driven linear layer as additions of weight rows.

Arrays and scalars in, sums out. `linear.SpikingLinear` computes the same sums faster through a matrix product; these
kernels are what that product means, and the check of every capture.
"""

from __future__ import annotations

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
def add_spike_rows(spikes: NDArray[np.int8], rows: NDArray[np.int8], shift: int, sums: NDArray[np.int32]) -> None:
    """Add to ``sums`` [tokens, n_out] the weight row of each spike (+1) and subtract that of each negative one (-1).

    ``shift`` is the left shift by which the receiver weighs this timestep.
    """
    for token in range(spikes.shape[0]):
        for i in range(spikes.shape[1]):
            if spikes[token, i] > 0:
                for j in range(rows.shape[1]):
                    sums[token, j] += np.int32(rows[i, j]) << shift
            elif spikes[token, i] < 0:
                for j in range(rows.shape[1]):
                    sums[token, j] -= np.int32(rows[i, j]) << shift


def accumulate_rows(counts: NDArray[np.integer], rows: NDArray[np.int8]) -> NDArray[np.int32]:
    """Sums of weight rows from counts: int32 [tokens, n_out] from counts [tokens, n_in] and rows [n_in, n_out]."""
    sums = np.zeros((counts.shape[0], rows.shape[1]), dtype=np.int32)
    add_count_rows(np.ascontiguousarray(counts, np.int16), np.ascontiguousarray(rows, np.int8), sums)
    return sums


def accumulate_spikes(counts: NDArray[np.integer], rows: NDArray[np.int8], encoding: Encoding) -> NDArray[np.int32]:
    """The same sums packet by packet: walk the timesteps, add the shifted row of each spike (graded: multiplied)."""
    sums = np.zeros((counts.shape[0], rows.shape[1]), dtype=np.int32)
    rows = np.ascontiguousarray(rows, np.int8)
    for t in range(encoding.n_timesteps):
        sent, weight = np.ascontiguousarray(encoding.spikes_in_timestep(counts, t)), encoding.timestep_weight(t)
        if encoding.multiplies:
            add_count_rows(sent, rows, sums)
        else:
            spikes = (sent if weight > 0 else -sent).astype(np.int8)
            add_spike_rows(spikes, rows, abs(weight).bit_length() - 1, sums)
    return sums
