"""How values and spikes fill the packets of the network (`noc.packet` of the chip file)."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.mapping.capacity import ceil_div
from simulator.trace.encoding import Encoding

Values = TypeVar("Values", int, Ints, NDArray[np.float64])


def values_together(kind: str, chip: ChipConfig) -> int:
    """Values that a packet of a transfer has room for; one where home cores exchange single numbers."""
    return 1 if kind == "exchange" else chip.noc.packet.values


def value_packets(values: Values, kind: str, chip: ChipConfig) -> Values:
    """Packets that carry so many values from one core to another; the last one may have room left."""
    return -(-values // values_together(kind, chip))


def value_flits(kind: str, chip: ChipConfig) -> int:
    """Flits of a packet of values of the width of an accumulator, all places and the header included."""
    bits = values_together(kind, chip) * chip.core.dendrite.accumulator_bits
    return ceil_div(chip.noc.packet.header + bits, chip.noc.flit_bits)


def flits_per_spike(encoding: Encoding, chip: ChipConfig) -> int:
    """Flits of a packet that leaves an encoder: as many as header and payload fill, and at least one.

    Without a header the address travels in addition to the bits of a flit. A dense replay sends the whole count.
    """
    bits = encoding.levels.bit_length() + encoding.signed if chip.replay == "dense" else encoding.payload_bits
    return max(1, ceil_div(chip.noc.packet.header + bits, chip.noc.flit_bits))
