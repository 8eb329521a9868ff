"""Spikes that a simulator recorded, from an ``.npz`` file: one array for each population of a NIR graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from simulator.errors import ModelError
from simulator.npz_file import read_npz

LARGEST_BYTES = 1 << 30  # of all arrays, before they are read


def read_spikes(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an ``.npz`` file by name; nothing pickled is read.

    Raises
    ------
    ModelError
        The file is missing or damaged, holds something else than numbers, or more than 1 GiB.
    """
    try:
        return read_npz(path, LARGEST_BYTES)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot read spikes: {error}; numpy.savez writes such a file") from None
