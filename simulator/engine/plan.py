"""The plan of a stage: its home cores, the blocks its spikes go to, and every service time, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.config.chip import ChipConfig
from simulator.mapping.capacity import ceil_div, slices, words_per_row
from simulator.mapping.placement import Block, Placement
from simulator.trace.trace import Layer, Stage, Trace

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class StagePlan:
    """One stage on its cores. H home blocks, G target blocks (the layers' blocks, in program order).

    Attributes
    ----------
    homes, targets
        The blocks themselves.
    home_router, home_start, home_stop
        int64 [H]: router of each home core and the range of neurons it encodes.
    target_router, target_service_ps
        int64 [G]: router of each target and the time it serves one packet (slowest stage plus overhead).
    target_update_ps, target_idle_ps
        int64 [G]: time to update all neurons of the block at the end of a timestep, with and without input in it;
        0 where the soma works once per stage.
    target_words, target_synops
        int64 [G]: SRAM words read and native synapses served per packet.
    segment_of_row, segment_ptr, segment_target
        int64 [n], [S+1], [...]: rows with the same set of targets form a segment; its targets in CSR form.
    """

    homes: tuple[Block, ...]
    targets: tuple[Block, ...]
    home_router: Ints
    home_start: Ints
    home_stop: Ints
    target_router: Ints
    target_service_ps: Ints
    target_update_ps: Ints
    target_idle_ps: Ints
    target_words: Ints
    target_synops: Ints
    segment_of_row: Ints
    segment_ptr: Ints
    segment_target: Ints


def plan_stage(stage: Stage, trace: Trace, placement: Placement, chip: ChipConfig) -> StagePlan:
    """Arrays of one stage of ``trace`` on its cores."""
    homes = placement.of(stage.stage_id)
    targets = tuple(block for layer_id in stage.layers for block in placement.of(layer_id))
    pairs = [(block, trace.layer[block.owner]) for block in targets]
    router = placement.core_router
    updates = [soma_times(block, chip) for block in targets]
    return StagePlan(
        homes=homes,
        targets=targets,
        home_router=router[[b.core for b in homes]],
        home_start=_ints([b.col_start for b in homes]),
        home_stop=_ints([b.col_stop for b in homes]),
        target_router=router[_ints([b.core for b in targets])],
        target_service_ps=_ints([service_ps(b, x, chip) for b, x in pairs]),
        target_update_ps=_ints([update for update, _ in updates]),
        target_idle_ps=_ints([idle for _, idle in updates]),
        target_words=_ints([words_per_row(b.n_cols, x.weight_bits, chip) for b, x in pairs]),
        target_synops=_ints([b.n_cols * slices(x.weight_bits, chip) for b, x in pairs]),
        **_segments(stage.width, targets),
    )


def service_ps(block: Block, layer: Layer, chip: ChipConfig) -> int:
    """Time one spike packet keeps a target core busy: its slowest stage plus the fixed overhead (DESIGN section 5)."""
    core = chip.core
    words = words_per_row(block.n_cols, layer.weight_bits, chip)
    turns = ceil_div(block.n_cols * slices(layer.weight_bits, chip), core.synapse.lanes)
    slowest = max(
        core.axon_in.lookup.latency.value,
        words * core.synapse.word_read.latency.value,
        turns * core.synapse.synop.latency.value,
        turns * core.dendrite.accumulate.latency.value,
    )
    return slowest + core.overhead.value


def soma_times(block: Block, chip: ChipConfig) -> tuple[int, int]:
    """Time to update all neurons of a target at the end of a timestep, with and without input in it."""
    soma = chip.core.soma
    if soma.every == "stage":
        return 0, 0
    turns = ceil_div(block.n_cols, soma.lanes)
    return turns * soma.update.latency.value, turns * soma.update_idle.latency.value


def _segments(width: int, targets: tuple[Block, ...]) -> dict[str, Ints]:
    """Rows grouped by the set of targets that serve them."""
    edges = sorted({0, width, *(b.row_start for b in targets), *(b.row_stop for b in targets)})
    members = [[g for g, b in enumerate(targets) if b.row_start <= edge < b.row_stop] for edge in edges[:-1]]
    segment_of_row = np.searchsorted(np.array(edges), np.arange(width), side="right").astype(np.int64) - 1
    return {
        "segment_of_row": segment_of_row,
        "segment_ptr": _ints(np.cumsum([0, *map(len, members)])),
        "segment_target": _ints([g for member in members for g in member]),
    }


def _ints(values: object) -> Ints:
    return np.ascontiguousarray(np.array(values, dtype=np.int64))
