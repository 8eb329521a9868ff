"""What a target core does for one spike packet, a row of weights: words, synops, the slots of its banks, its time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.config.provenance import Action
from simulator.engine.banks import accumulator_ps, accumulator_slots, word_slots
from simulator.errors import ConfigError
from simulator.mapping.capacity import ceil_div, slices, words_per_row
from simulator.trace.encoding import Encoding


@dataclass(frozen=True)
class RowService:
    """One spike at each of G targets, int64 [G] each.

    Attributes
    ----------
    words, synops
        SRAM words read, native synapses served (each an accumulate).
    word_conflicts, accumulator_conflicts
        Slots in which lanes wait because a bank has more than one word, or accumulator, to serve in their turn; the
        latter 0 where accumulators are registers.
    unit_ps
        Unit of the core -> its own time for the packet.
    ps
        Time for which a packet of this spike keeps the core: that of its slowest unit plus the overhead.
    overhead_ps
        Part of this time that a packet takes once, however many spikes it has.
    """

    words: Ints
    synops: Ints
    word_conflicts: Ints
    accumulator_conflicts: Ints
    unit_ps: dict[str, Ints]
    ps: Ints
    overhead_ps: int

    def served_ps(self, spikes: Ints, packets: Ints) -> Ints:
        """Time for which so many spikes in so many packets keep each core."""
        return spikes * (self.ps - self.overhead_ps) + packets * self.overhead_ps


def row_service(
    columns: Ints, weight_bits: Ints, packets: Ints, fetches: Ints, encoding: Encoding, chip: ChipConfig
) -> RowService:
    """The service of rows of ``columns`` weights of so many bits, int64 [G] each (DESIGN section 5).

    ``packets`` reach each target over the whole trace, for which it reads ``fetches`` rows (`row_fetches`); the time of
    a fetch is spread over the packets that share it.
    """
    core = chip.core
    synops = columns * slices(weight_bits, chip)
    turns = ceil_div(synops, core.synapse.lanes)
    fetched, of_words = word_slots(columns, weight_bits, chip)
    updated, of_accumulators = accumulator_slots(columns, weight_bits, chip)
    fetch_ps = ceil_div(fetched * word_interval_ps(chip) * fetches, np.maximum(packets, 1))
    accumulate_ps = turns * accumulation(encoding, chip)[1].latency.value
    unit_ps = {
        "axon_in": np.full_like(columns, core.axon_in.lookup.latency.value),
        "synapse": np.maximum(fetch_ps, turns * core.synapse.synop.latency.value),
        "dendrite": np.maximum(accumulate_ps, updated * accumulator_ps(chip)),
    }
    return RowService(
        words=words_per_row(columns, weight_bits, chip),
        synops=synops,
        word_conflicts=of_words,
        accumulator_conflicts=of_accumulators if core.dendrite.accumulators == "sram" else of_accumulators * 0,
        unit_ps=unit_ps,
        ps=np.max(list(unit_ps.values()), axis=0) + core.overhead.value,
        overhead_ps=core.overhead.value,
    )


def accumulation(encoding: Encoding, chip: ChipConfig) -> tuple[str, Action]:
    """What a dendrite does per weight of a row, as (name of the action, action).

    ``accumulate``, or ``multiply_accumulate`` where the trace has the receiver multiply by a count. What a chip with
    ``replay: dense`` calls ``accumulate`` is its multiply-accumulate already.

    Raises
    ------
    ConfigError
        When the trace needs a multiply-accumulate and the chip has none: there is neither time nor price for it.
    """
    dendrite = chip.core.dendrite
    if chip.replay == "dense" or not encoding.multiplies:
        return "accumulate", dendrite.accumulate
    if dendrite.multiply_accumulate is None:
        raise ConfigError(
            [
                f"{chip.name}: core.dendrite.multiply_accumulate: found none, expected one because the trace is"
                f" {encoding.code}; add it to the chip, or replay the counts as spikes (--encoding ternary)"
            ]
        )
    return "multiply_accumulate", dendrite.multiply_accumulate


def word_interval_ps(chip: ChipConfig) -> int:
    """Time from one word of a row to the next; a chip that names none begins a word when the one before is there."""
    synapse = chip.core.synapse
    return (synapse.word_interval or synapse.word_read.latency).value
