"""Arrays over candidates C, layers L, tokens N and timesteps T, from which the closed form of a stage is computed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.mapper.candidates import Candidates
from simulator.mapper.stage_work import Floats, StageWork
from simulator.mapping.capacity import ceil_div


def block_columns(work: StageWork, some: Candidates) -> Ints:
    """Outputs of the largest block of each layer, int64 [C, L]."""
    return ceil_div(np.array([layer.n_out for layer in work.layers], np.int64).reshape(1, -1), some.col_parts)


def crowding_of(work: StageWork, parts: Ints) -> Floats:
    """`StageWork.crowding` of each number of parts, float64 [T, ...]."""
    widths, place = np.unique(parts, return_inverse=True)
    found = np.stack([work.crowding(n) for n in widths.tolist()], axis=1)
    crowded: Floats = found[:, place.reshape(parts.shape)]
    return crowded


def most_of_layers(values: Ints | NDArray[np.bool_]) -> Floats:
    """The largest over the layers, float64 [C]; 0 where there are none."""
    most: Floats = values.max(axis=1, initial=0).astype(np.float64)
    return most


def wide(values: Ints | Floats) -> Floats:
    """[C] as [C, 1, 1]."""
    return np.asarray(values, np.float64)[:, None, None]


def floats(values: Ints) -> Floats:
    """The same as float64."""
    return values.astype(np.float64)
