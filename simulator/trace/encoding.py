"""What a stored spike count means on the wire: in which timesteps it fires, and how many spikes that makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Code = Literal["binary", "ternary", "bitwise", "bitwise_twos", "graded"]
CODES: tuple[Code, ...] = get_args(Code)
MAX_LEVELS = 32767


@dataclass(frozen=True)
class Encoding:
    """Code of the spike trains of one trace (DESIGN section 5).

    A count n with |n| <= ``levels`` unrolls over ``n_timesteps``:

    ============  =================  ===============================================  ================
    code          counts             spike in timestep t                              timesteps T
    ============  =================  ===============================================  ================
    binary        0 .. levels        1 when t < n (a zero point is kept apart)        levels
    ternary       -levels .. levels  sign(n) when t < abs(n)                          levels
    bitwise       -levels .. levels  sign(n) when bit t of abs(n) is set;             bit length of
                                     the receiver weighs it by 2**t                   levels
    bitwise_twos  -levels .. levels  1 when bit t of n in two's complement is set;    bit length of
                                     weighed by 2**t, in the last by -2**(T-1)        levels, plus one
    graded        -levels .. levels  one packet that carries n, when n is not 0;      1
                                     the receiver multiplies
    ============  =================  ===============================================  ================
    """

    code: Code
    levels: int

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"encoding {self.code!r}, expected {', '.join(CODES[:-1])} or {CODES[-1]}")
        if not 1 <= self.levels <= MAX_LEVELS:
            raise ValueError(f"{self.levels} levels, expected 1 to {MAX_LEVELS}")

    @property
    def signed(self) -> bool:
        """Whether counts may be negative."""
        return self.code != "binary"

    @property
    def multiplies(self) -> bool:
        """Whether a packet carries a number by which the receiver multiplies its weights (MAC), not a spike (AC)."""
        return self.code == "graded"

    @property
    def n_timesteps(self) -> int:
        """Timesteps T that a count unrolls to."""
        bits = self.levels.bit_length()
        return {"bitwise": bits, "bitwise_twos": bits + 1, "graded": 1}.get(self.code, self.levels)

    @property
    def payload_bits(self) -> int:
        """Bits that a packet carries besides the neuron it comes from: a sign, or a whole count with its sign."""
        return {"ternary": 1, "bitwise": 1, "graded": self.levels.bit_length() + 1}.get(self.code, 0)

    def trains(self, counts: NDArray[np.integer]) -> NDArray[np.int16]:
        """What ``counts`` send in every timestep, [T, ...]: `spikes_in_timestep` of each."""
        timesteps = np.arange(self.n_timesteps).reshape(-1, *[1] * counts.ndim)
        return self.spikes_in_timestep(counts[None], timesteps)

    def spikes_in_timestep(self, counts: NDArray[np.integer], t: int | NDArray[np.int64]) -> NDArray[np.int16]:
        """What ``counts`` send in timestep ``t``: -1, 0 or 1, or the count itself under `graded`; same shape."""
        wide = counts.astype(np.int64)
        if self.code == "graded":
            return wide.astype(np.int16)
        if self.code == "bitwise_twos":
            return ((wide >> t) & 1).astype(np.int16)
        size = np.abs(wide)
        fires = (size >> t) & 1 if self.code == "bitwise" else (size > t).astype(np.int64)
        return (np.sign(wide) * fires).astype(np.int16)

    def timestep_weight(self, t: int) -> int:
        """Factor by which the receiver weighs a spike of timestep ``t``."""
        if self.code == "bitwise_twos" and t == self.n_timesteps - 1:
            return -(1 << t)
        return 1 << t if self.code in ("bitwise", "bitwise_twos") else 1

    def spikes_per_count(self, counts: NDArray[np.integer]) -> NDArray[np.int64]:
        """Packets that each count makes over all timesteps; same shape as ``counts``."""
        wide = counts.astype(np.int64)
        if self.code == "graded":
            return np.asarray(wide != 0, dtype=np.int64)
        bits: NDArray[np.int64] = wide & ((1 << self.n_timesteps) - 1) if self.code == "bitwise_twos" else np.abs(wide)
        if self.code in ("bitwise", "bitwise_twos"):
            bits = np.asarray(np.bitwise_count(bits), dtype=np.int64)
        return bits
