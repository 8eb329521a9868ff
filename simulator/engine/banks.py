"""Banks of the memories of a core: in how many slots the lanes get what they ask for.

A memory has banks of one port each, and what lies next to each other lies in banks next to each other (low-order
interleaving). What the lanes ask for at once is served in as many slots as the bank has to serve that is asked most:
each slot beyond the first is a bank conflict. So the shared memory of a GPU works (NVIDIA, CUDA C++ Programming Guide,
"Shared Memory": successive words lie in successive banks, each serves one word per cycle, requests to one bank are
served one after another).

A block's neurons follow one another, so all that a turn of the lanes asks for is a run of neighbours: where it begins
turns the banks round, but gives none of them more to do. That is why nothing here depends on the row or on the place
of a block on its core; the oracle, which looks at both, finds the same.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.config.chip_rules import ACCUMULATOR
from simulator.mapping.capacity import ceil_div, slices


def accumulator_actions(chip: ChipConfig) -> tuple[str, ...]:
    """What each accumulate does besides the addition: nothing, or a read and a write of the accumulator."""
    return ACCUMULATOR if chip.core.dendrite.accumulators == "sram" else ()


def accumulator_ps(chip: ChipConfig) -> int:
    """Time for which one accumulate keeps the bank of its accumulator; 0 when this is a register."""
    actions = (getattr(chip.core.dendrite, name) for name in accumulator_actions(chip))
    return sum(int(action.latency.value) for action in actions)


def word_slots(columns: Ints, weight_bits: Ints, chip: ChipConfig) -> tuple[Ints, Ints]:
    """Slots in which the words of a row are read, and those of them that are conflicts, int64 [G] each.

    ``columns`` and ``weight_bits`` are int64 [G]: weights of a row and their width. A turn of the lanes asks for the
    words that hold its native synapses and have not been read yet.
    """
    synapse, sram = chip.core.synapse, chip.core.sram

    def slots(n_cols: int, bits: int) -> tuple[int, int]:
        per_weight = slices(bits, chip)
        synops = n_cols * per_weight
        last = np.minimum(np.arange(synapse.lanes, synops + synapse.lanes, synapse.lanes), synops) - 1
        end = last // per_weight * bits + np.minimum((last % per_weight + 1) * synapse.weight_bits, bits)
        words = np.diff(ceil_div(end, sram.word), prepend=0)
        of_turn = ceil_div(words, sram.banks)
        return int(of_turn.sum()), int((of_turn - np.minimum(words, 1)).sum())

    return _of_each_shape(slots, columns, weight_bits)


def accumulator_slots(columns: Ints, weight_bits: Ints, chip: ChipConfig) -> tuple[Ints, Ints]:
    """Slots in which the accumulators of a row are updated, and those of them that are conflicts, int64 [G] each.

    ``columns`` and ``weight_bits`` are int64 [G]: neurons of a block, width of its weights. Each native synapse is one
    access to the accumulator of its neuron.
    """
    lanes = chip.core.synapse.lanes
    banks = chip.core.dendrite.accumulator_banks or lanes

    def slots(n_cols: int, bits: int) -> tuple[int, int]:
        per_weight = slices(bits, chip)
        synop = np.arange(n_cols * per_weight)
        of_turn = _most_of_a_bank(synop // lanes, synop // per_weight % banks)
        return int(of_turn.sum()), int((of_turn - 1).sum())

    return _of_each_shape(slots, columns, weight_bits)


def _most_of_a_bank(turn: Ints, bank: Ints) -> Ints:
    """Accesses to the bank that has most, int64 [turns]; ``turn`` (0, 1, ...) and ``bank`` of each access."""
    n_banks = int(bank.max()) + 1
    place, accesses = np.unique(turn * n_banks + bank, return_counts=True)
    most = np.zeros(int(turn[-1]) + 1, np.int64)
    np.maximum.at(most, place // n_banks, accesses)
    return most


def _of_each_shape(found: Callable[[int, int], tuple[int, int]], columns: Ints, weight_bits: Ints) -> tuple[Ints, Ints]:
    """``found(columns, weight bits)`` of each block, int64 [G] each, worked out once for each shape."""
    shapes, which = np.unique(np.column_stack([columns, weight_bits]), axis=0, return_inverse=True)
    of_shape = np.array([found(*shape) for shape in shapes.tolist()], dtype=np.int64).reshape(-1, 2)
    slots, conflicts = of_shape[which.reshape(-1)].T
    return slots, conflicts
