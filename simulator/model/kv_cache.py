"""The KV cache: keys and values of the positions that a sequence has passed, block by block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F32


@dataclass(frozen=True)
class CachedRows:
    """Keys or values of c positions: value = row * scale.

    Attributes
    ----------
    rows
        [kv, c, hd]: int8, or float32 where the cache holds floats.
    scale
        float32 [kv, c]: of each position and head; ones where the cache holds floats.
    """

    rows: NDArray[np.int8] | F32
    scale: F32

    @classmethod
    def floats(cls, rows: F32) -> CachedRows:
        """Rows as they are."""
        return cls(rows, np.ones(rows.shape[:2], np.float32))

    @property
    def length(self) -> int:
        """Positions c."""
        return int(self.scale.shape[1])

    def first(self, c: int) -> CachedRows:
        """The first c positions."""
        return CachedRows(self.rows[:, :c], self.scale[:, :c])

    def and_then(self, later: CachedRows) -> CachedRows:
        """These positions and later ones."""
        return CachedRows(
            np.concatenate([self.rows, later.rows], axis=1), np.concatenate([self.scale, later.scale], axis=1)
        )


class KVCache:
    """What a sequence has passed so far; one cache per sequence.

    Attributes
    ----------
    length
        Positions passed by the whole model.
    """

    def __init__(self) -> None:
        self.length = 0
        self._rows: dict[str, CachedRows] = {}

    def append(self, rows_id: str, later: CachedRows) -> CachedRows:
        """Add the rows of new positions under an id such as ``blocks.0.keys``; returns those of all positions."""
        before = self._rows.get(rows_id)
        self._rows[rows_id] = later if before is None else before.and_then(later)
        return self._rows[rows_id]
