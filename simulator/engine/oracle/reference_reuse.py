"""The oracle of reuse: rows that the tokens of a tile share, and sums over suffixes of nested trains."""

from __future__ import annotations

import math
from collections import Counter
from itertools import product
from typing import TYPE_CHECKING

from simulator.engine.oracle.reference_schedule import chunk_of, works
from simulator.mapping.placement import Block

if TYPE_CHECKING:
    from simulator.engine.oracle.reference_cores import ReferenceCores


class SharedRows:
    """Rows of weights that are read once for a tile of tokens that are at a stage together."""

    def __init__(self, cores: ReferenceCores) -> None:
        self.cores, self.trace, self.tile = cores, cores.trace, cores.chip.core.synapse.tile
        self._shares: dict[Block, tuple[int, int]] = {}
        self._read: set[tuple[Block, int, tuple[int, int]]] = set()

    def tile_of(self, token: int) -> tuple[int, int]:
        """The tile of a token, as (first token of its chunk, number of the tile in the chunk)."""
        chunk = chunk_of(self.trace, token, self.cores.chip.schedule)
        return chunk[0], chunk.index(token) // self.tile

    def share(self, block: Block) -> tuple[int, int]:
        """(packets of a block over the whole trace, rows that it reads for them), both at least 1."""
        if self.tile == 1:
            return 1, 1
        if block not in self._shares:
            stage = next(stage for stage in self.trace.stages if block.owner in stage.layers)
            packets, read = 0, set()
            working = [token for token in range(self.trace.n_tokens) if works(self.trace, stage, token)]
            for token, row in product(working, range(block.row_start, block.row_stop)):
                count = self.cores.counts_of(stage, token)[row]
                sent = sum(self.cores.fires(count, t) for t in range(self.cores.n_timesteps()))
                packets += sent
                read |= {(self.tile_of(token), row)} if sent else set()
            self._shares[block] = max(packets, 1), max(len(read), 1)
        return self._shares[block]

    def fetches(self, block: Block, row: int, token: int) -> bool:
        """Whether a packet has its row read: each one, or in a tile of tokens the first that comes."""
        if self.tile == 1:
            return True
        at = (block, row, self.tile_of(token))
        first = at not in self._read
        self._read.add(at)
        return first


def add_suffixes(cores: ReferenceCores, block: Block) -> int:
    """Each neuron adds the sum of all rows that have come so far to its total; returns the time of all of them.

    Both sums may lie in a memory, from which they are read, and the total is written back.
    """
    core, lanes = cores.chip.core, cores.chip.core.synapse.lanes
    cores.count(block.owner, "dendrite", "accumulate", block.n_cols)
    taken = math.ceil(block.n_cols / lanes) * core.dendrite.accumulate.latency.value
    if core.dendrite.accumulators == "sram":
        read, write = core.dendrite.accumulator_read, core.dendrite.accumulator_write
        assert read is not None
        assert write is not None
        cores.count(block.owner, "dendrite", "accumulator_read", 2 * block.n_cols)
        cores.count(block.owner, "dendrite", "accumulator_write", block.n_cols)
        banks, first = core.dendrite.accumulator_banks or lanes, sum(b.n_cols for b in cores.before(block))
        turns = [range(at, min(at + lanes, block.n_cols)) for at in range(0, block.n_cols, lanes)]
        slots = sum(max(Counter((first + neuron) % banks for neuron in turn).values()) for turn in turns)
        taken = max(taken, slots * (2 * read.latency.value + write.latency.value))
    cores.found.busy_ps[block.core] += taken
    cores.work(block.core, "dendrite", taken)
    return taken
