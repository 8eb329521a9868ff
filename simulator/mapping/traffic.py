"""Flits between cores over a whole trace, from its spike counts: what a placement wants to keep short.

In unicast a spike is a packet to each block that it drives. With multicast it is assumed to pass these blocks one after
another, in their order, which bounds the links of its tree from above and wants them to stay together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.mapping.flows import (
    Blocks,
    Edges,
    collected,
    exchange_rounds,
    exchanged,
    forms_logits,
    overlaps,
    reduced,
    spread,
)
from simulator.mapping.packet_format import value_flits, value_packets
from simulator.mapping.placement import Block
from simulator.mapping.spike_packets import spike_packets
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Stage

Entry = tuple[Ints, Ints, Ints]


@dataclass(frozen=True)
class Traffic:
    """Flits between pairs of cores, each pair at most once: int64 [pairs] each.

    Attributes
    ----------
    from_core, to_core, flits
        ``flits`` over all tokens from one core to another.
    """

    from_core: Ints
    to_core: Ints
    flits: Ints


def traffic(trace: Trace, blocks: tuple[Block, ...], chip: ChipConfig) -> Traffic:
    """Spikes, outputs, residuals, partial sums and exchanged numbers of ``trace`` between the cores of ``blocks``."""
    owned: dict[str, list[Block]] = {}
    for block in blocks:
        owned.setdefault(block.owner, []).append(block)
    entries: list[Entry] = []
    for stage in trace.stages:
        entries += _spikes(stage, trace, owned, chip)
        times = int(trace.works(stage).sum())
        entries += [(a, b, n * times) for a, b, n in _values(stage, trace, owned, chip)]
    from_core, to_core, flits = (np.concatenate(field) for field in zip(*entries, strict=True))
    n_cores = 1 + max(block.core for block in blocks)
    pairs, which = np.unique(from_core * n_cores + to_core, return_inverse=True)
    total = np.zeros(len(pairs), np.int64)
    np.add.at(total, which, flits)
    return Traffic(pairs // n_cores, pairs % n_cores, total)


def _spikes(stage: Stage, trace: Trace, blocks: Blocks, chip: ChipConfig) -> Iterator[Entry]:
    """Spikes of a stage's home cores to the blocks that they drive."""
    if stage.stream is None or not stage.layers:
        return
    counts = trace.spike_counts(stage.stream)[trace.works(stage)]
    homes = blocks[stage.stage_id]
    targets = [block for layer_id in stage.layers for block in blocks[layer_id]]
    cuts = {*(b.col_start for b in homes), *(row for b in targets for row in (b.row_start, b.row_stop))}
    edges = _ints(sorted(cuts - {stage.width}))
    before = np.concatenate([[0], np.cumsum(spike_packets(counts, edges, trace.encoding, chip).flits)])
    home, target, low, high = overlaps(
        _ints([b.col_start for b in homes]),
        _ints([b.col_stop for b in homes]),
        _ints([b.row_start for b in targets]),
        _ints([b.row_stop for b in targets]),
    )
    from_core, to_core = _ints([b.core for b in homes])[home], _ints([b.core for b in targets])[target]
    flits = before[high] - before[low]
    if chip.noc.multicast:
        follows = np.concatenate([[False], from_core[1:] == from_core[:-1]])
        from_core = np.where(follows, np.roll(to_core, 1), from_core)
    yield from_core, to_core, flits


def _values(stage: Stage, trace: Trace, blocks: Blocks, chip: ChipConfig) -> Iterator[Entry]:
    """Flits of the values of one token that travel between timesteps, see `flows`."""

    def flits(edges: Edges, kind: str) -> Ints:
        return value_packets(edges.values, kind, chip) * value_flits(kind, chip)

    for edges in (*collected(stage, blocks), *reduced(stage, blocks)):
        yield edges.from_core, edges.to_core, flits(edges, "collect")
    rounds = exchange_rounds(stage, trace)
    for edges in exchanged(stage.stage_id, blocks):
        yield edges.from_core, edges.to_core, flits(edges, "exchange") * rounds
    if forms_logits(stage, trace):
        inputs, largest = spread(stage.stage_id, blocks), exchanged(stage.stage_id, blocks)[0]
        yield inputs.from_core, inputs.to_core, flits(inputs, "spread")
        yield largest.from_core, largest.to_core, flits(largest, "exchange")


def _ints(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)
