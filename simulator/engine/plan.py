"""The plan of stages at work together: home cores, the blocks their spikes go to, service times, as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.engine.network.routes import Routes, multicast_routes, unicast_routes
from simulator.engine.row_fetches import fetch_shares
from simulator.engine.row_service import RowService, row_service
from simulator.engine.servers import Servers, deduplicate_cores, slowest_cores
from simulator.engine.suffix_sums import suffix_ps
from simulator.mapping.capacity import ceil_div
from simulator.mapping.mapped import Mapped
from simulator.mapping.placement import Block, Placement
from simulator.trace.trace_program import Stage


@dataclass(frozen=True)
class StagePlan:
    """One or several stages on their cores. H blocks of home cores, G target blocks (of layers, in program order).

    The rows of several stages are numbered through: those of the second follow the last of the first.

    Attributes
    ----------
    homes, targets
        The blocks themselves.
    layers
        Layer id -> range of its blocks among the targets.
    stages
        Stage id -> range of its blocks among the home cores.
    home_core, target_core
        int64 [H], [G].
    home_router, home_start, home_stop
        int64 [H]: router of each home core and the range of neurons it encodes.
    target_cols
        int64 [G]: neurons of each target.
    target_router
        int64 [G]: router of each target.
    target_row
        What each target does for one packet.
    target_update_ps, target_idle_ps
        int64 [G]: time to update all neurons of the block at the end of a timestep, with and without input in it;
        0 where the soma works once per stage.
    target_suffix_ps
        int64 [G]: time to add running sums to totals after each timestep; 0 where trains are not nested.
    target_server
        int64 [G]: number of the core of each target among the cores with targets.
    segment_of_row, segment_ptr, segment_target
        int64 [n], [S+1], [...]: rows with the same set of targets form a segment; its targets in CSR form.
    with_network, without_network
        The receiving cores that are simulated: behind the network, without duplicates; and if every packet came in the
        cycle it is sent (the contention-free baseline), those that may be the last to be done.
    routes
        The ways of its spikes, to the targets of ``with_network``.
    """

    homes: tuple[Block, ...]
    targets: tuple[Block, ...]
    layers: dict[str, slice]
    stages: dict[str, slice]
    home_core: Ints
    target_core: Ints
    home_router: Ints
    home_start: Ints
    home_stop: Ints
    target_cols: Ints
    target_router: Ints
    target_server: Ints
    target_row: RowService
    target_update_ps: Ints
    target_idle_ps: Ints
    target_suffix_ps: Ints
    segment_of_row: Ints
    segment_ptr: Ints
    segment_target: Ints
    with_network: Servers
    without_network: Servers
    routes: Routes


def plan_stages(stages: Sequence[Stage], mapped: Mapped, *, deduplicate: bool = True) -> StagePlan:
    """Arrays of the stages of a trace that work at the same time; each drives layers by a stream.

    ``deduplicate=False`` simulates every core separately; it is required when deliveries are recorded.
    """
    trace, chip, placement = mapped.trace, mapped.chip, mapped.placement
    homes_of = [placement.of(stage.stage_id) for stage in stages]
    layer_ids = tuple(layer_id for stage in stages for layer_id in stage.layers)
    blocks_of = [placement.of(layer_id) for layer_id in layer_ids]
    homes = tuple(block for blocks in homes_of for block in blocks)
    targets = tuple(block for blocks in blocks_of for block in blocks)
    home_core, target_core = _ints([b.core for b in homes]), _ints([b.core for b in targets])
    first_row = np.cumsum([0, *(stage.width for stage in stages)])
    offset = np.repeat(first_row[:-1], [len(blocks) for blocks in homes_of])
    columns = _ints([b.n_cols for b in targets])
    bits = np.repeat(
        _ints([trace.layer_by_id[i].weight_bits for i in layer_ids]), [len(blocks) for blocks in blocks_of]
    )
    update_ps, idle_ps = soma_ps(columns, chip)
    after_ps = suffix_ps(columns, trace.encoding, chip)
    row = row_service(columns, bits, *fetch_shares(stages, mapped), trace.encoding, chip)
    server = np.unique(target_core, return_inverse=True)[1].astype(np.int64)
    segments = _segments(stages, placement)
    together = chip.noc.multicast and deduplicate
    on_tile = together and chip.core.axon_in.fifo_packets is None  # a bounded input is each core's own
    times = np.column_stack([row.ps, update_ps, idle_ps, after_ps])
    router = placement.core_router[target_core]
    with_network = deduplicate_cores(server, router if on_tile else target_core, times, *_csr(segments))
    without_network = with_network
    if deduplicate:
        without_network = slowest_cores(server, times, *_csr(segments), one_by_one=not chip.noc.multicast)
    starts, stops = _ints([b.col_start for b in homes]) + offset, _ints([b.col_stop for b in homes]) + offset
    rows = [range(start, stop) for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
    return StagePlan(
        homes=homes,
        targets=targets,
        layers=_ranges(layer_ids, [len(blocks) for blocks in blocks_of]),
        stages=_ranges([stage.stage_id for stage in stages], [len(blocks) for blocks in homes_of]),
        home_core=home_core,
        target_core=target_core,
        home_router=placement.core_router[home_core],
        home_start=starts,
        home_stop=stops,
        target_cols=columns,
        target_router=router,
        target_server=server,
        target_row=row,
        target_update_ps=update_ps,
        target_idle_ps=idle_ps,
        target_suffix_ps=after_ps,
        **segments,
        with_network=with_network,
        without_network=without_network,
        routes=_routes(homes, rows, router, segments, with_network, row.ps, placement, chip),
    )


def _routes(
    homes: tuple[Block, ...],
    rows: list[range],
    target_router: Ints,
    segments: dict[str, Ints],
    with_network: Servers,
    service: Ints,
    placement: Placement,
    chip: ChipConfig,
) -> Routes:
    """The routes of the spikes: one packet per target, or one per spike with multicast.

    ``rows`` are those that each home core encodes, numbered through all stages.
    """
    ptr = with_network.segment_ptr
    if not chip.noc.multicast:
        return unicast_routes(len(homes), len(ptr) - 1, with_network.server, service)
    edges = np.searchsorted(segments["segment_of_row"], np.arange(len(ptr))).tolist()
    return multicast_routes(
        placement.core_router[[b.core for b in homes]],
        rows,
        [range(start, stop) for start, stop in pairwise(edges)],
        np.split(with_network.segment_target, ptr[1:-1]),
        target_router[with_network.representatives],
        with_network.server,
        service[with_network.representatives],
        placement,
    )


def _ranges(names: Sequence[str], sizes: list[int]) -> dict[str, slice]:
    """Name -> its range, one after another."""
    stops = np.cumsum([0, *sizes]).tolist()
    return {name: slice(start, stop) for name, (start, stop) in zip(names, pairwise(stops), strict=True)}


def soma_ps(columns: Ints, chip: ChipConfig) -> tuple[Ints, Ints]:
    """Time to update all neurons of targets at the end of a timestep, with and without input in it."""
    soma = chip.core.soma
    turns = ceil_div(columns, soma.lanes) if soma.every == "timestep" else np.zeros_like(columns)
    return turns * soma.update.latency.value, turns * soma.update_idle.latency.value


def _segments(stages: Sequence[Stage], placement: Placement) -> dict[str, Ints]:
    """Rows of each stage grouped by the set of targets that serve them."""
    segment_of_row: list[Ints] = []
    members: list[Ints] = []
    n_targets = 0
    for stage in stages:
        targets = [block for layer_id in stage.layers for block in placement.of(layer_id)]
        start, stop = _ints([b.row_start for b in targets]), _ints([b.row_stop for b in targets])
        edges = np.unique(np.concatenate([[0, stage.width], start, stop]))
        segment_of_row.append(np.repeat(np.arange(len(edges) - 1) + len(members), np.diff(edges)))
        members += [np.flatnonzero((start <= edge) & (edge < stop)) + n_targets for edge in edges[:-1]]
        n_targets += len(targets)
    return {
        "segment_of_row": _ints(np.concatenate(segment_of_row)),
        "segment_ptr": _ints(np.cumsum([0, *map(len, members)])),
        "segment_target": _ints(np.concatenate(members)),
    }


def _csr(segments: dict[str, Ints]) -> tuple[Ints, Ints]:
    """Pointer and targets of the segments."""
    return segments["segment_ptr"], segments["segment_target"]


def _ints(values: object) -> Ints:
    return np.ascontiguousarray(np.array(values, dtype=np.int64))
