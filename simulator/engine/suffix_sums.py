"""Nested unary trains: one packet for each activation, and sums over suffixes at the receiver (DESIGN section 5)."""

from __future__ import annotations

import numpy as np

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.engine.banks import accumulator_slots
from simulator.mapping.capacity import ceil_div
from simulator.trace.encoding import Encoding

# Of one addition of the running sum to the total, where both lie in a memory.
ACCESSES = {"accumulator_read": 2, "accumulator_write": 1}


def suffix_actions(chip: ChipConfig) -> dict[str, int]:
    """Actions of the dendrite -> times of each, for one neuron at the end of a timestep."""
    return {"accumulate": 1, **(ACCESSES if chip.core.dendrite.accumulators == "sram" else {})}


def suffix_ps(columns: Ints, encoding: Encoding, chip: ChipConfig) -> Ints:
    """Time in which blocks of so many neurons add their running sums to their totals after a timestep, int64 [G]."""
    if chip.replay == "dense" or not encoding.spec.sums_suffixes:
        return np.zeros_like(columns)
    dendrite = chip.core.dendrite
    turns = ceil_div(columns, chip.core.synapse.lanes) * dendrite.accumulate.latency.value
    if dendrite.accumulators == "registers":
        return turns
    slots = accumulator_slots(columns, np.ones_like(columns), chip)[0]
    access_ps = sum(getattr(dendrite, name).latency.value * times for name, times in ACCESSES.items())
    taken: Ints = np.maximum(turns, slots * access_ps)
    return taken
