"""A tensor as a file stores it, and what every kind of weight file offers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

MOST_TENSORS = 100_000  # of a model; the largest mixtures of experts have 50,000


@dataclass(frozen=True)
class StoredTensor:
    """What the header of a file says of a tensor: number type and shape, rows first."""

    dtype: str
    shape: tuple[int, ...]


class TensorFiles(Protocol):
    """Where each tensor of a model lies, under its Hugging Face name.

    Attributes
    ----------
    listing
        The file that lists the tensors: the weights themselves, or the index of the shards.
    path_of
        Name of a tensor -> its file.
    tensors
        Name of a tensor -> its type and shape.
    bits
        Number types that can be read -> bits per weight that a memory holds (`Checkpoint.stored_bits`).
    """

    @property
    def listing(self) -> Path: ...  # noqa: D102  said above

    @property
    def path_of(self) -> Mapping[str, Path]: ...  # noqa: D102

    @property
    def tensors(self) -> Mapping[str, StoredTensor]: ...  # noqa: D102

    @property
    def bits(self) -> Mapping[str, int]: ...  # noqa: D102

    def read(self, name: str, rows: slice | None = None) -> NDArray[np.float32]:
        """A tensor, or some rows of it, in float32; raises ModelError when the file is damaged."""
        ...

    def sha256(self) -> str:
        """Hash of the files."""
        ...


def hash_of(paths: Iterable[Path]) -> str:
    """SHA-256 of the content of the files, one after another."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
