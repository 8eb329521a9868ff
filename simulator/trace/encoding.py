"""What a stored spike count means on the wire: in which timesteps it fires, and how many spikes that makes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulator.trace.codes import CODES, MAX_LEVELS, NESTED, SPECS, Code, CodeSpec


@dataclass(frozen=True)
class Encoding:
    """Code of the spike trains of one trace (DESIGN section 5).

    A count n with |n| <= ``levels`` unrolls over ``n_timesteps``, as its row in `simulator.trace.codes` says:

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

    With ``nested`` an activation of a unary code sends one packet for its train (`simulator.trace.codes.nested`).
    """

    code: Code
    levels: int
    nested: bool = False

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"encoding {self.code!r}, expected {', '.join(CODES[:-1])} or {CODES[-1]}")
        if not 1 <= self.levels <= MAX_LEVELS:
            raise ValueError(f"{self.levels} levels, expected 1 to {MAX_LEVELS}")
        if self.nested and self.code not in NESTED:
            raise ValueError(f"nested trains of {self.code}, expected a unary code: {' or '.join(NESTED)}")

    @property
    def spec(self) -> CodeSpec:
        """The row of the code."""
        return NESTED[self.code] if self.nested else SPECS[self.code]

    @property
    def unfolded(self) -> Encoding:
        """The same code with a packet for every spike."""
        return replace(self, nested=False)

    @property
    def label(self) -> str:
        """The code in words."""
        return f"{self.code}, nested" if self.nested else self.code

    @property
    def signed(self) -> bool:
        """Whether counts may be negative."""
        return self.spec.signed

    @property
    def multiplies(self) -> bool:
        """Whether a packet carries a number by which the receiver multiplies its weights (MAC), not a spike (AC)."""
        return self.spec.multiplies

    @property
    def n_timesteps(self) -> int:
        """Timesteps T that a count unrolls to."""
        return self.spec.timesteps(self)

    @property
    def payload_bits(self) -> int:
        """Bits that a packet carries besides the neuron it comes from: a sign, or a whole count with its sign."""
        return self.spec.payload_bits(self)

    def trains(self, counts: NDArray[np.integer]) -> NDArray[np.int16]:
        """What ``counts`` send in every timestep, [T, ...]: `spikes_in_timestep` of each."""
        timesteps = np.arange(self.n_timesteps).reshape(-1, *[1] * counts.ndim)
        return self.spikes_in_timestep(counts[None], timesteps)

    def spikes_in_timestep(self, counts: NDArray[np.integer], t: int | NDArray[np.int64]) -> NDArray[np.int16]:
        """What ``counts`` send in timestep ``t``: -1, 0 or 1, or the count itself under `graded`; same shape."""
        return self.spec.sends(self, counts.astype(np.int64), t).astype(np.int16)

    def timestep_weight(self, t: int) -> int:
        """Factor by which the receiver weighs a spike of timestep ``t``."""
        return self.spec.weight(self, t)

    def spikes_per_count(self, counts: NDArray[np.integer]) -> NDArray[np.int64]:
        """Packets that each count makes over all timesteps; same shape as ``counts``."""
        return self.spec.spikes(self, counts.astype(np.int64))
