"""Where the texts of a trace begin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def sequence_starts(positions: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Bool [tokens]: whether a token begins a sequence, that is, does not follow the position of the token before."""
    return np.concatenate([[True], np.diff(positions) != 1])


def text_numbers(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Int64 [tokens]: the number of the text of each token, from 0."""
    numbers: NDArray[np.int64] = np.cumsum(sequence_starts(positions)) - 1
    return numbers
