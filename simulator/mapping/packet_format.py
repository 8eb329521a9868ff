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


def payload_bits(encoding: Encoding, chip: ChipConfig) -> int:
    """Bits that a spike carries besides its address; a dense replay sends the whole count."""
    return encoding.levels.bit_length() + encoding.signed if chip.replay == "dense" else encoding.payload_bits


def address_bits(chip: ChipConfig) -> int:
    """Bits of the address of each spike of a list behind the first, whose address is that of the packet."""
    given = chip.noc.packet.address
    return (chip.core.limits.axons_in - 1).bit_length() if given is None else given


def flits_per_spike(encoding: Encoding, chip: ChipConfig) -> int:
    """Flits of a packet that leaves an encoder: as many as header and payload fill, and at least one.

    Without a header the address travels in addition to the bits of a flit. A dense replay sends the whole count.
    """
    return int(list_flits(1, encoding, chip))


def list_flits(spikes: Values, encoding: Encoding, chip: ChipConfig) -> Values:
    """Flits of a packet that lists so many spikes, at least one: the first has the address of the packet."""
    form, payload = chip.noc.packet, payload_bits(encoding, chip)
    bits = form.header + (spikes - 1) * address_bits(chip) + spikes * payload
    flits: Values = -(-np.maximum(bits, 1) // chip.noc.flit_bits)
    return flits


def bitmap_flits(spikes: Values, neurons: Values, encoding: Encoding, chip: ChipConfig) -> Values:
    """Flits of a packet with a bit for each of its neurons, and the payload of those that have fired."""
    bits = chip.noc.packet.header + neurons + spikes * payload_bits(encoding, chip)
    flits: Values = -(-bits // chip.noc.flit_bits)
    return flits


def gathered_packets(spikes: Ints, neurons: Ints, encoding: Encoding, chip: ChipConfig) -> tuple[Ints, Ints]:
    """Packets, and flits of all of them, for the spikes of some neurons of a home core in a timestep.

    Both arguments are int64 of shapes that are broadcast. The ``neurons`` have the same targets (DESIGN 5.5).
    """
    form = chip.noc.packet
    full, left = np.divmod(spikes, form.spikes)
    packets = full + (left > 0)
    flits = full * list_flits(form.spikes, encoding, chip)
    flits = flits + np.where(left > 0, list_flits(np.maximum(left, 1), encoding, chip), 0)
    if not form.bitmap:
        return packets, flits
    as_bitmap = bitmap_flits(spikes, neurons, encoding, chip)
    shorter = (spikes > 0) & ((as_bitmap < flits) | ((as_bitmap == flits) & (packets > 1)))
    return np.where(shorter, 1, packets), np.where(shorter, as_bitmap, flits)
