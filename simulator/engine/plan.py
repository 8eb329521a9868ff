"""The plan of a stage: its home cores, the blocks its spikes go to, and every service time, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simulator.config.chip import Action, ChipConfig
from simulator.engine.routes import Routes, multicast_routes, unicast_routes
from simulator.errors import ConfigError
from simulator.mapping.capacity import ceil_div, slices, words_per_row
from simulator.mapping.placement import Block, Placement
from simulator.trace.encoding import Encoding
from simulator.trace.trace import PHASES, Stage, Trace

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class StagePlan:
    """One stage on its cores. H home blocks, G target blocks (the layers' blocks, in program order).

    Attributes
    ----------
    homes, targets
        The blocks themselves.
    layers
        Layer id -> range of its blocks among the targets.
    home_core, target_core
        int64 [H], [G].
    home_router, home_start, home_stop
        int64 [H]: router of each home core and the range of neurons it encodes.
    target_cols
        int64 [G]: neurons of each target.
    target_router, target_service_ps
        int64 [G]: router of each target and the time it serves one packet (slowest stage plus overhead).
    target_update_ps, target_idle_ps
        int64 [G]: time to update all neurons of the block at the end of a timestep, with and without input in it;
        0 where the soma works once per stage.
    target_server
        int64 [G]: number of the core of each target among the cores with targets.
    target_words, target_synops
        int64 [G]: SRAM words read and native synapses served per packet.
    segment_of_row, segment_ptr, segment_target
        int64 [n], [S+1], [...]: rows with the same set of targets form a segment; its targets in CSR form.
    routes
        The ways of its spikes.
    """

    homes: tuple[Block, ...]
    targets: tuple[Block, ...]
    layers: dict[str, slice]
    home_core: Ints
    target_core: Ints
    home_router: Ints
    home_start: Ints
    home_stop: Ints
    target_cols: Ints
    target_router: Ints
    target_server: Ints
    target_service_ps: Ints
    target_update_ps: Ints
    target_idle_ps: Ints
    target_words: Ints
    target_synops: Ints
    segment_of_row: Ints
    segment_ptr: Ints
    segment_target: Ints
    routes: Routes


def plan_stage(stage: Stage, trace: Trace, placement: Placement, chip: ChipConfig) -> StagePlan:
    """Arrays of one stage of ``trace`` on its cores."""
    homes = placement.of(stage.stage_id)
    blocks = [placement.of(layer_id) for layer_id in stage.layers]
    targets = tuple(block for of_layer in blocks for block in of_layer)
    home_core, target_core = _ints([b.core for b in homes]), _ints([b.core for b in targets])
    columns = _ints([b.n_cols for b in targets])
    bits = np.repeat(_ints([trace.layer[i].weight_bits for i in stage.layers]), [len(b) for b in blocks])
    update_ps, idle_ps = soma_ps(columns, chip)
    fetching = (fetches(trace, chip), trace.n_tokens)
    service = service_ps(columns, bits, chip, accumulation(trace.encoding, chip)[1], fetching)
    server = np.unique(target_core, return_inverse=True)[1].astype(np.int64)
    segments = _segments(stage.width, targets)
    return StagePlan(
        homes=homes,
        targets=targets,
        layers=_ranges(stage.layers, [len(b) for b in blocks]),
        home_core=home_core,
        target_core=target_core,
        home_router=placement.core_router[home_core],
        home_start=_ints([b.col_start for b in homes]),
        home_stop=_ints([b.col_stop for b in homes]),
        target_cols=columns,
        target_router=placement.core_router[target_core],
        target_server=server,
        target_service_ps=service,
        target_update_ps=update_ps,
        target_idle_ps=idle_ps,
        target_words=words_per_row(columns, bits, chip),
        target_synops=columns * slices(bits, chip),
        **segments,
        routes=_routes(homes, targets, segments, server, service, placement, chip),
    )


def _routes(
    homes: tuple[Block, ...],
    targets: tuple[Block, ...],
    segments: dict[str, Ints],
    server: Ints,
    service: Ints,
    placement: Placement,
    chip: ChipConfig,
) -> Routes:
    """The ways of the spikes, as the chip file wants them: one packet per target, or one per spike."""
    ptr = segments["segment_ptr"]
    if not chip.noc.multicast:
        return unicast_routes(len(homes), len(ptr) - 1, server, service)
    edges = np.searchsorted(segments["segment_of_row"], np.arange(len(ptr))).tolist()
    router = placement.core_router
    return multicast_routes(
        router[[b.core for b in homes]],
        [range(b.col_start, b.col_stop) for b in homes],
        [range(start, stop) for start, stop in pairwise(edges)],
        np.split(segments["segment_target"], ptr[1:-1]),
        router[_ints([b.core for b in targets])],
        server,
        service,
        placement,
        chip,
    )


def _ranges(names: tuple[str, ...], sizes: list[int]) -> dict[str, slice]:
    """Name -> its range, one after another."""
    stops = np.cumsum([0, *sizes]).tolist()
    return {name: slice(start, stop) for name, (start, stop) in zip(names, pairwise(stops), strict=True)}


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
                f"{chip.name}: core.dendrite.multiply_accumulate: found none, wanted one because the trace is"
                f" {encoding.code}; add it to the chip, or replay the counts as spikes (--encoding ternary)"
            ]
        )
    return "multiply_accumulate", dendrite.multiply_accumulate


def fetches(trace: Trace, chip: ChipConfig) -> int:
    """Tokens for which the weights are read: all, but for a dense replay in tiles one for each tile of a prompt.

    A generated token waits for the one before it and fetches its weights alone.
    """
    if chip.replay != "dense":
        return trace.n_tokens
    generated = int(np.count_nonzero(trace.phases == PHASES.index("decode")))
    return int(ceil_div(trace.n_tokens - generated, chip.core.synapse.tile)) + generated


def service_ps(
    columns: Ints, weight_bits: Ints, chip: ChipConfig, accumulate: Action, fetching: tuple[int, int]
) -> Ints:
    """Time one spike packet keeps target cores busy: the slowest stage plus the fixed overhead (DESIGN section 5).

    The time of a fetch is spread over the tokens that share it: ``fetching`` of so many tokens read the weights.
    """
    core = chip.core
    words = words_per_row(columns, weight_bits, chip)
    reads_ps = ceil_div(words * core.synapse.word_read.latency.value * fetching[0], fetching[1])
    turns = ceil_div(columns * slices(weight_bits, chip), core.synapse.lanes)
    slowest = np.maximum(
        np.maximum(core.axon_in.lookup.latency.value, reads_ps),
        turns * max(core.synapse.synop.latency.value, accumulate.latency.value),
    )
    return slowest + core.overhead.value


def soma_ps(columns: Ints, chip: ChipConfig) -> tuple[Ints, Ints]:
    """Time to update all neurons of targets at the end of a timestep, with and without input in it."""
    soma = chip.core.soma
    turns = ceil_div(columns, soma.lanes) if soma.every == "timestep" else np.zeros_like(columns)
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
