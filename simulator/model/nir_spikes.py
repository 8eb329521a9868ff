"""Spikes that a simulator recorded, from an ``.npz`` file: one array for each population of a NIR graph."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.errors import ModelError

LARGEST_BYTES = 1 << 30  # of one array, before it is read


def read_spikes(path: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of an ``.npz`` file by name; nothing pickled is read.

    Raises
    ------
    ModelError
        The file is missing or damaged, holds something else than numbers, or an array of more than 1 GiB.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            large = next((entry for entry in archive.infolist() if entry.file_size > LARGEST_BYTES), None)
        if large is not None:
            size = f"{large.filename} has {large.file_size:,} bytes"
            raise ModelError(f"{path}: {size}, expected at most {LARGEST_BYTES:,}")
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: np.asarray(file[name]) for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        raise ModelError(f"{path}: cannot read spikes: {error}; numpy.savez writes such a file") from None
    for name, values in arrays.items():
        if values.dtype.kind not in "biuf":
            raise ModelError(f"{path}: {name} holds {values.dtype}, expected numbers")
    return arrays
