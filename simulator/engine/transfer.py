"""Values on the move between timesteps: partial sums to their root, outputs and residuals to the next home.

Element i of a vector of n travels to element ``i * w // n`` of the home of width w, each as one packet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.config.chip import ChipConfig
from simulator.mapping.capacity import ceil_div
from simulator.mapping.placement import Block, Placement
from simulator.trace.trace import Stage, Trace

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Edge:
    """``values`` packets from one block to another in one transfer."""

    sender: Block
    receiver: Block
    values: int


@dataclass(frozen=True)
class Transfer:
    """One step of value packets, each of ``flits`` flits.

    Attributes
    ----------
    kind
        ``reduce`` (partial sums), ``collect`` (outputs and residuals to a home), ``exchange`` (a number per home core).
    edges
        Who sends how much to whom.
    """

    kind: str
    edges: tuple[Edge, ...]
    flits: int


def value_flits(chip: ChipConfig) -> int:
    """Flits of a packet that carries one accumulator."""
    return ceil_div(chip.core.dendrite.accumulator_bits, chip.noc.flit_bits)


def transfers_before_ops(stage: Stage, trace: Trace, placement: Placement, chip: ChipConfig) -> list[Transfer]:
    """What reaches the home of ``stage`` before its ops, and what its cores tell each other for them."""
    homes = placement.of(stage.stage_id)
    edges: list[Edge] = []
    for layer_id in stage.sources:
        roots = [b for b in placement.of(layer_id) if b.row_start == 0]
        edges += _to_home(roots, trace.layer[layer_id].n_out, homes, stage.width)
    for carried in stage.carries:
        senders = list(placement.of(carried))
        edges += _to_home(senders, senders[-1].col_stop, homes, stage.width)
    collect = [Transfer("collect", tuple(edges), value_flits(chip))] if edges else []
    return collect + _exchanges(stage, trace, homes, chip)


def reductions(stage: Stage, placement: Placement, chip: ChipConfig) -> list[Transfer]:
    """Partial sums of the layers whose inputs are split over cores, each to the root block of its outputs."""
    edges = []
    for layer_id in stage.layers:
        blocks = placement.of(layer_id)
        root = {b.col_start: b for b in blocks if b.row_start == 0}
        edges += [Edge(b, root[b.col_start], b.n_cols) for b in blocks if b.row_start > 0]
    return [Transfer("reduce", tuple(edges), value_flits(chip))] if edges else []


def _to_home(senders: list[Block], n: int, homes: tuple[Block, ...], width: int) -> Iterator[Edge]:
    """Edges of a vector of ``n`` elements, held by ``senders`` column-wise, to the home of ``width`` elements."""
    starts = [home.col_start for home in homes]
    for sender in senders:
        element = np.arange(sender.col_start, sender.col_stop) * width // n
        home_of = np.searchsorted(starts, element, side="right") - 1
        for home, values in zip(*np.unique(home_of, return_counts=True), strict=True):
            yield Edge(sender, homes[home], int(values))


def _exchanges(stage: Stage, trace: Trace, homes: tuple[Block, ...], chip: ChipConfig) -> list[Transfer]:
    """For a home on several cores: each norm and each encoder needs one number gathered and spread again."""
    if len(homes) == 1:
        return []
    first, others = homes[0], homes[1:]
    rounds = sum(trace.op[op_id].kind in ("norm", "encode") for op_id in stage.ops)
    gather = Transfer("exchange", tuple(Edge(b, first, 1) for b in others), value_flits(chip))
    spread = Transfer("exchange", tuple(Edge(first, b, 1) for b in others), value_flits(chip))
    return [gather, spread] * rounds


@dataclass(frozen=True)
class TransferArrays:
    """A transfer as the kernel takes it: packets grouped by sender, see `kernels_transfer.run_transfer`."""

    ready_ps: Ints
    ptr: Ints
    target_of: Ints
    sender_router: Ints
    receiver_router: Ints
    service_ps: Ints


def transfer_arrays(transfer: Transfer, placement: Placement, chip: ChipConfig) -> TransferArrays:
    """Senders send their packets one after another, edge by edge; receivers serve one table lookup each.

    A received partial sum is also added.
    """
    outgoing: dict[int, list[Edge]] = {}
    for edge in transfer.edges:
        outgoing.setdefault(edge.sender.core, []).append(edge)
    outgoing = dict(sorted(outgoing.items()))  # ties in time go to the lower core
    receiver = {core: i for i, core in enumerate(dict.fromkeys(edge.receiver.core for edge in transfer.edges))}
    target_of = [
        np.repeat([receiver[e.receiver.core] for e in edges], [e.values for e in edges]) for edges in outgoing.values()
    ]
    packet_ps = chip.core.axon_out.packet.latency.value
    return TransferArrays(
        ready_ps=np.concatenate([packet_ps * np.arange(1, len(t) + 1) for t in target_of]).astype(np.int64),
        ptr=np.cumsum([0, *map(len, target_of)]).astype(np.int64),
        target_of=np.concatenate(target_of).astype(np.int64),
        sender_router=placement.core_router[list(outgoing)],
        receiver_router=placement.core_router[list(receiver)],
        service_ps=np.full(len(receiver), receive_ps(transfer.kind, chip), np.int64),
    )


def receive_ps(kind: str, chip: ChipConfig) -> int:
    """Time a core takes for one value packet."""
    core = chip.core
    accumulate = core.dendrite.reduce.latency.value if kind == "reduce" else 0
    return max(core.axon_in.lookup.latency.value, accumulate) + core.overhead.value
