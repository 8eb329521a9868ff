"""What a stored spike count means on the wire: in which timesteps it fires, and how many spikes that makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Code = Literal["binary", "ternary", "bitwise"]


@dataclass(frozen=True)
class Encoding:
    """Code of the spike trains of one trace (DESIGN section 5).

    A count n with |n| <= ``levels`` unrolls over ``n_timesteps``:

    ==========  =================  ===========================================  ================
    code        counts             spike in timestep t                          timesteps
    ==========  =================  ===========================================  ================
    binary      0 .. levels        1 when t < n (a zero point is kept apart)    levels
    ternary     -levels .. levels  sign(n) when t < abs(n)                      levels
    bitwise     -levels .. levels  sign(n) when bit t of abs(n) is set;         bit length of
                                   the receiver weighs it by 2**t               levels
    ==========  =================  ===========================================  ================
    """

    code: Code
    levels: int

    def __post_init__(self) -> None:
        if self.code not in ("binary", "ternary", "bitwise"):
            raise ValueError(f"encoding {self.code!r}, wanted binary, ternary or bitwise")
        if not 1 <= self.levels <= 32767:
            raise ValueError(f"{self.levels} levels, wanted 1 to 32767")

    @property
    def signed(self) -> bool:
        """Whether counts may be negative."""
        return self.code != "binary"

    @property
    def n_timesteps(self) -> int:
        """Timesteps T that a count unrolls to."""
        return self.levels.bit_length() if self.code == "bitwise" else self.levels

    def spikes_in_timestep(self, counts: NDArray[np.integer], t: int) -> NDArray[np.int8]:
        """Signed spikes (-1, 0, 1) of ``counts`` in timestep ``t``; same shape as ``counts``."""
        size = np.abs(counts.astype(np.int64))
        fires = (size >> t) & 1 if self.code == "bitwise" else size > t
        spikes: NDArray[np.int8] = np.sign(counts).astype(np.int8) * fires.astype(np.int8)
        return spikes

    def timestep_weight(self, t: int) -> int:
        """Factor by which the receiver weighs a spike of timestep ``t``."""
        return 1 << t if self.code == "bitwise" else 1

    def spikes_per_count(self, counts: NDArray[np.integer]) -> NDArray[np.int64]:
        """Spikes that each count makes over all timesteps; same shape as ``counts``."""
        size = np.abs(counts.astype(np.int64))
        return np.bitwise_count(size).astype(np.int64) if self.code == "bitwise" else size
