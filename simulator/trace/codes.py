"""The codes of spike trains: one row each, which says everything about a code but how it is compiled and checked.

This module loads no numpy by itself: the command line takes its choices from here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from simulator.trace.encoding import Encoding

    Wide = NDArray[np.int64]

Code = Literal["binary", "ternary", "bitwise", "bitwise_twos", "graded"]
Firing = Literal["unary", "bits", "twos", "nested"]
MAX_LEVELS = 32767
GRADED_LEVELS = 127  # of an INT8 activation; a graded count takes one timestep whatever its levels


@dataclass(frozen=True)
class CodeSpec:
    """What one code does with a spike count. Every function takes the encoding first, for its levels and timesteps.

    Attributes
    ----------
    firing
        When a count fires: the branch of the compiled engine and of the oracle. ``unary``: in the first abs(n)
        timesteps. ``bits``: where a bit of abs(n) is set. ``twos``: where a bit of n in two's complement is set.
        ``nested``: once, in timestep T - abs(n).
    timesteps
        Timesteps T that a count unrolls to.
    levels
        Most levels that T timesteps hold.
    allowed
        Least and most T.
    sends
        What a packet of timestep t stands for, 0 for none; int64, shape of the counts.
    spikes
        Packets of each count over all timesteps; int64, shape of the counts.
    weight
        Factor by which the receiver weighs a spike of timestep t.
    payload_bits
        Bits that a packet carries besides the neuron it comes from.
    signed
        Whether counts may be negative.
    multiplies
        Whether a packet carries a number by which the receiver multiplies its weights (MAC), not a spike (AC).
    sums_suffixes
        Whether the receiver adds, at the end of each timestep, all that has come so far to each of its sums.
    """

    firing: Firing
    timesteps: Callable[[Encoding], int]
    levels: Callable[[int], int]
    allowed: tuple[int, int]
    sends: Callable[[Encoding, Wide, int | Wide], Wide]
    spikes: Callable[[Encoding, Wide], Wide]
    weight: Callable[[Encoding, int], int]
    payload_bits: Callable[[Encoding], int]
    signed: bool = True
    multiplies: bool = False
    sums_suffixes: bool = False


def _bits(encoding: Encoding) -> int:
    return encoding.levels.bit_length()


def _send_unary(encoding: Encoding, counts: Wide, t: int | Wide) -> Wide:
    import numpy as np

    return np.asarray(np.sign(counts) * (np.abs(counts) > t), dtype=np.int64)


def _send_bits(encoding: Encoding, counts: Wide, t: int | Wide) -> Wide:
    import numpy as np

    return np.asarray(np.sign(counts) * ((np.abs(counts) >> t) & 1), dtype=np.int64)


def _count_bits(bits: Wide) -> Wide:
    import numpy as np

    return np.asarray(np.bitwise_count(bits), dtype=np.int64)


_BITS = MAX_LEVELS.bit_length()
SPECS: dict[Code, CodeSpec] = {
    "binary": CodeSpec(
        firing="unary",
        timesteps=lambda encoding: encoding.levels,
        levels=lambda timesteps: timesteps,
        allowed=(1, MAX_LEVELS),
        sends=_send_unary,
        spikes=lambda encoding, counts: abs(counts),
        weight=lambda encoding, t: 1,
        payload_bits=lambda encoding: 0,
        signed=False,
    ),
    "ternary": CodeSpec(
        firing="unary",
        timesteps=lambda encoding: encoding.levels,
        levels=lambda timesteps: timesteps,
        allowed=(1, MAX_LEVELS),
        sends=_send_unary,
        spikes=lambda encoding, counts: abs(counts),
        weight=lambda encoding, t: 1,
        payload_bits=lambda encoding: 1,
    ),
    "bitwise": CodeSpec(
        firing="bits",
        timesteps=_bits,
        levels=lambda timesteps: (1 << timesteps) - 1,
        allowed=(1, _BITS),
        sends=_send_bits,
        spikes=lambda encoding, counts: _count_bits(abs(counts)),
        weight=lambda encoding, t: 1 << t,
        payload_bits=lambda encoding: 1,
    ),
    "bitwise_twos": CodeSpec(
        firing="twos",
        timesteps=lambda encoding: _bits(encoding) + 1,
        levels=lambda timesteps: (1 << timesteps >> 1) - 1,
        allowed=(2, _BITS + 1),
        sends=lambda encoding, counts, t: (counts >> t) & 1,
        spikes=lambda encoding, counts: _count_bits(counts & ((1 << encoding.n_timesteps) - 1)),
        weight=lambda encoding, t: -(1 << t) if t == encoding.n_timesteps - 1 else 1 << t,
        payload_bits=lambda encoding: 0,
    ),
    "graded": CodeSpec(
        firing="unary",
        timesteps=lambda encoding: 1,
        levels=lambda timesteps: GRADED_LEVELS,
        allowed=(1, 1),
        sends=lambda encoding, counts, t: counts,
        spikes=lambda encoding, counts: (counts != 0).astype(counts.dtype),
        weight=lambda encoding, t: 1,
        payload_bits=lambda encoding: _bits(encoding) + 1,
        multiplies=True,
    ),
}
CODES: tuple[Code, ...] = tuple(SPECS)


def _send_nested(encoding: Encoding, counts: Wide, t: int | Wide) -> Wide:
    import numpy as np

    return np.asarray(np.sign(counts) * (np.abs(counts) == encoding.n_timesteps - t), dtype=np.int64)


def nested(spec: CodeSpec) -> CodeSpec:
    """The row of a unary code whose trains are sent as nested sets, for the same counts and the same sums.

    The spikes of a unary train in timestep t + 1 are a subset of those in t. So each activation sends one packet, the
    largest count first, in timestep T - abs(n); the receiver adds the running sum of rows to its total after each
    timestep, which counts a row that came in timestep t another T - t times. It is the product sparsity of a train of
    its own (Prosperity, Wei et al., HPCA 2025).
    """
    return replace(
        spec,
        firing="nested",
        sends=_send_nested,
        spikes=lambda encoding, counts: (counts != 0).astype(counts.dtype),
        weight=lambda encoding, t: encoding.n_timesteps - t,
        sums_suffixes=True,
    )


NESTED: dict[Code, CodeSpec] = {code: nested(SPECS[code]) for code in ("binary", "ternary")}
