"""Which rows of weights are read for which tokens: once for each packet, or once for the tokens of a tile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.engine.token_order import chunks
from simulator.mapping.mapped import Mapped
from simulator.mapping.placement import Block
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Stage


def packets_per_row(stage: Stage, trace: Trace, chip: ChipConfig) -> Ints:
    """Packets that each row of a stage sends to a target for each token that it works on, int64 [tokens, n]."""
    assert stage.stream is not None
    counts = trace.spike_counts(stage.stream)
    packets = np.ones(counts.shape, np.int64) if chip.replay == "dense" else trace.encoding.spikes_per_count(counts)
    return packets * trace.works(stage)[:, None]


def fetches_per_row(stage: Stage, trace: Trace, chip: ChipConfig) -> Ints:
    """How often each row of a stage is read for each token, int64 [tokens, n].

    With ``core.synapse.tile: 1`` a row is read for every packet. In a larger tile the first token that has a packet of
    the row reads it, for all packets of the tile's tokens, whatever their timestep (PTB: Lee et al., HPCA 2022, batch
    timesteps; Prosperity: Wei et al., HPCA 2025, whole tokens).
    """
    packets = packets_per_row(stage, trace, chip)
    if chip.core.synapse.tile == 1:
        return packets
    return first_in_tile(packets > 0, tiles(trace, chip)).astype(np.int64)


def tiles(trace: Trace, chip: ChipConfig) -> Ints:
    """Number of the tile of each token, int64 [tokens].

    The tokens of a chunk of a prompt are at a stage together, and so is a generated token of each text of a batch; they
    fill tiles in their order. Without a batch a generated token is alone.
    """
    tile = chip.core.synapse.tile
    parts = (chunk[at : at + tile] for chunk in chunks(trace, chip.schedule) for at in range(0, len(chunk), tile))
    number = np.zeros(trace.n_tokens, np.int64)
    for i, part in enumerate(parts):
        number[part] = i
    return number


def first_in_tile(active: NDArray[np.bool_], tile: Ints) -> NDArray[np.bool_]:
    """Where a row of ``active`` [tokens, n] is active for the first time in its tile; the same shape."""
    first = np.zeros_like(active)
    order = np.argsort(tile, kind="stable")
    seen = np.zeros(active.shape[1], np.bool_)
    for i, token in enumerate(order):
        if i == 0 or tile[token] != tile[order[i - 1]]:
            seen[:] = False
        first[token] = active[token] & ~seen
        seen |= active[token]
    return first


def fetch_shares(stages: Sequence[Stage], mapped: Mapped) -> tuple[Ints, Ints]:
    """Packets that each target of ``stages`` gets over the whole trace, and the rows that it reads for them.

    int64 [G] each; ones where every packet reads its row.
    """
    trace, chip, placement = mapped.trace, mapped.chip, mapped.placement
    of_layer = [(stage, placement.of(layer_id)) for stage in stages for layer_id in stage.layers]
    if chip.core.synapse.tile == 1:
        ones = np.ones(sum(len(blocks) for _, blocks in of_layer), np.int64)
        return ones, ones
    packets = [of_blocks(packets_per_row(stage, trace, chip).sum(axis=0), blocks) for stage, blocks in of_layer]
    fetches = [of_blocks(fetches_per_row(stage, trace, chip).sum(axis=0), blocks) for stage, blocks in of_layer]
    return np.concatenate(packets), np.concatenate(fetches)


def layer_fetches(stage: Stage, tokens: Ints, mapped: Mapped) -> Iterator[tuple[str, Ints]]:
    """(layer id, rows that each of its blocks reads for ``tokens``, int64 [blocks]) of the layers of a stage."""
    if stage.stream is None:
        return
    per_row = fetches_per_row(stage, mapped.trace, mapped.chip)[tokens].sum(axis=0)
    for layer_id in stage.layers:
        yield layer_id, of_blocks(per_row, mapped.placement.of(layer_id))


def stage_fetches(stage: Stage, trace: Trace, chip: ChipConfig) -> tuple[int, int]:
    """(packets of all rows of a stage to a target over the whole trace, rows read for them), both at least 1."""
    if chip.core.synapse.tile == 1 or stage.stream is None:
        return 1, 1
    packets, fetches = packets_per_row(stage, trace, chip).sum(), fetches_per_row(stage, trace, chip).sum()
    return max(int(packets), 1), max(int(fetches), 1)


def of_blocks(per_row: Ints, blocks: Sequence[Block]) -> Ints:
    """Sums of ``per_row``, int64 [n], over the rows of each block of a layer, int64 [blocks]."""
    before = np.concatenate([[0], np.cumsum(per_row)])
    return np.array([before[block.row_stop] - before[block.row_start] for block in blocks], np.int64)
