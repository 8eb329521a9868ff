"""Which layers are fed the same vector: found from its values, call by call."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


class StreamKeys:
    """A key for the inputs of each call: equal for equal values.

    Nothing tells two vectors of zeros apart by value, and layers one behind another may both be silent. Zeros are one
    stream only where they are one tensor, unchanged, which is kept alive so that its memory is not given away.
    """

    def __init__(self) -> None:
        self._kept: list[torch.Tensor] = []

    def of(self, tensor: torch.Tensor, values: NDArray[np.generic]) -> bytes:
        """The key of a tensor whose values on the host are these."""
        found = hashlib.blake2b(np.ascontiguousarray(values).data, digest_size=16)
        found.update(repr((values.shape, values.dtype.str)).encode())
        if not values.any():
            self._kept.append(tensor)
            version = 0 if tensor.is_inference() else tensor._version
            found.update(repr((tensor.data_ptr(), version)).encode())
        return found.digest()


def stream_of(layer_id: str, keys: tuple[bytes, ...], known: dict[tuple[bytes, ...], str]) -> str:
    """Id of the stream that feeds a layer: that of the first layer with the same keys."""
    return known.setdefault(keys, f"{layer_id}.in")
