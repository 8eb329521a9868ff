"""Values on the move between timesteps: partial sums to their root, outputs and residuals to the next home.

Element i of a vector of n travels to element ``i * w // n`` of the home of width w, each as one packet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.engine.banks import accumulator_ps
from simulator.engine.kernels.value_transfer import ValuePackets
from simulator.mapping.capacity import ceil_div
from simulator.mapping.placement import Block, Placement
from simulator.trace.trace import Stage, Trace


@dataclass(frozen=True)
class Edges:
    """Value packets from the blocks of one owner to those of another; E edges.

    Attributes
    ----------
    stage
        Id of the stage for whose token they travel.
    sender, receiver
        Owners: ids of layers or stages.
    from_core, to_core, values
        int64 [E]: ``values`` packets from one core to another.
    """

    stage: str
    sender: str
    receiver: str
    from_core: Ints
    to_core: Ints
    values: Ints


@dataclass(frozen=True)
class Transfer:
    """One step of value packets, each of ``flits`` flits, done ``rounds`` times one after another.

    Attributes
    ----------
    kind
        ``reduce`` (partial sums), ``collect`` (outputs and residuals to a home), ``exchange`` (a number per home core).
    parts
        Who sends how much to whom; the edges of a sender are served in this order.
    """

    kind: str
    parts: tuple[Edges, ...]
    flits: int
    rounds: int = 1

    @property
    def barriers(self) -> int:
        """Barriers that end it."""
        return 0 if self.kind == "exchange" else 1


def value_flits(chip: ChipConfig) -> int:
    """Flits of a packet that carries one accumulator."""
    return ceil_div(chip.core.dendrite.accumulator_bits, chip.noc.flit_bits)


def transfers_before_ops(
    stages: Sequence[Stage], trace: Trace, placement: Placement, chip: ChipConfig
) -> list[Transfer]:
    """What reaches the homes of ``stages`` before their ops, and what the cores of a home tell each other for them.

    The stages work at the same time, so their values travel together.
    """
    parts = []
    for stage in stages:
        for layer_id in stage.sources:
            roots = tuple(b for b in placement.of(layer_id) if b.row_start == 0)
            parts.append(_to_home(roots, trace.layer[layer_id].n_out, stage, placement))
        for carried in stage.carries:
            senders = placement.of(carried)
            parts.append(_to_home(senders, senders[-1].col_stop, stage, placement))
    collect = [Transfer("collect", tuple(parts), value_flits(chip))] if parts else []
    return collect + _exchanges(stages, trace, placement, chip)


def reductions(stages: Sequence[Stage], placement: Placement, chip: ChipConfig) -> list[Transfer]:
    """Partial sums of the layers whose inputs are split over cores, each to the root block of its outputs."""
    parts = []
    for stage, layer_id in ((of, layer_id) for of in stages for layer_id in of.layers):
        blocks = placement.of(layer_id)
        root = {b.col_start: b.core for b in blocks if b.row_start == 0}
        partial = [b for b in blocks if b.row_start > 0]
        if partial:
            to_core = _ints([root[b.col_start] for b in partial])
            values = _ints([b.n_cols for b in partial])
            from_core = _ints([b.core for b in partial])
            parts.append(Edges(stage.stage_id, layer_id, layer_id, from_core, to_core, values))
    return [Transfer("reduce", tuple(parts), value_flits(chip))] if parts else []


def _to_home(senders: tuple[Block, ...], n: int, stage: Stage, placement: Placement) -> Edges:
    """Edges of a vector of ``n`` elements, held by ``senders`` column-wise, to the home of a stage.

    Element i goes to ``i * width // n``, so a home that starts at s takes the elements from ``ceil(s * n / width)`` on.
    """
    homes = placement.of(stage.stage_id)
    edge = _ints([ceil_div(home.col_start * n, stage.width) for home in homes] + [n])
    start, stop = _ints([b.col_start for b in senders]), _ints([b.col_stop for b in senders])
    overlap = np.minimum(stop[:, None], edge[None, 1:]) - np.maximum(start[:, None], edge[None, :-1])
    sender, home = np.nonzero(overlap > 0)
    from_core, to_core = _ints([b.core for b in senders])[sender], _ints([b.core for b in homes])[home]
    return Edges(stage.stage_id, senders[0].owner, stage.stage_id, from_core, to_core, overlap[sender, home])


def _exchanges(stages: Sequence[Stage], trace: Trace, placement: Placement, chip: ChipConfig) -> list[Transfer]:
    """For each home on several cores: each norm and each encoder needs one number gathered and spread again."""
    rounds = {stage.stage_id: _exchange_rounds(stage, trace, placement) for stage in stages}
    found = []
    for before, upto in pairwise(sorted({0, *rounds.values()})):
        parts = [_exchange(stage_id, placement) for stage_id, n in rounds.items() if n >= upto]
        by_way = zip(*parts, strict=True)  # all gather, then all spread
        found += [Transfer("exchange", edges, value_flits(chip), upto - before) for edges in by_way]
    return found


def _exchange_rounds(stage: Stage, trace: Trace, placement: Placement) -> int:
    """How often the cores of a home exchange numbers."""
    needed = sum(trace.op[op_id].kind in ("norm", "encode") for op_id in stage.ops)
    return needed if len(placement.of(stage.stage_id)) > 1 else 0


def _exchange(stage_id: str, placement: Placement) -> tuple[Edges, Edges]:
    """One number from every other core of a home to the first, and one back."""
    cores = _ints([b.core for b in placement.of(stage_id)])
    first, others = np.full(len(cores) - 1, cores[0]), cores[1:]
    one = np.ones(len(others), np.int64)
    owners = stage_id, stage_id, stage_id
    return Edges(*owners, others, first, one), Edges(*owners, first, others, one)


@dataclass(frozen=True)
class TransferPlan:
    """The packets of one transfer step.

    Attributes
    ----------
    packets
        As the network carries them.
    receivers
        int64 [receivers]: their cores.
    sent_ps
        Time at which the last sender has sent its last packet.
    """

    packets: ValuePackets
    receivers: Ints
    sent_ps: int


def plan_transfer(transfer: Transfer, placement: Placement, chip: ChipConfig) -> TransferPlan:
    """Senders send their packets one after another, edge by edge; receivers serve one table lookup each.

    A received partial sum is also added.
    """
    from_core = np.concatenate([part.from_core for part in transfer.parts])
    values = np.concatenate([part.values for part in transfer.parts])
    receivers, to = np.unique(np.concatenate([part.to_core for part in transfer.parts]), return_inverse=True)
    by_sender = np.argsort(from_core, kind="stable")  # ties in time go to the lower core
    edge = np.repeat(by_sender, values[by_sender])
    sender = from_core[edge]
    ready_ps = (_place_in_run(sender) + 1) * chip.core.axon_out.packet.latency.value
    cycle = ceil_div(ready_ps, chip.noc.cycle.value)
    order = np.argsort(cycle, kind="stable")
    packets = ValuePackets(
        cycle=cycle[order],
        source=placement.core_router[sender[order]],
        target_of=to[edge[order]].astype(np.int64),
        flits=np.full(len(cycle), transfer.flits, np.int64),
        receiver_router=placement.core_router[receivers],
        service_ps=np.full(len(receivers), receive_ps(transfer.kind, chip), np.int64),
    )
    return TransferPlan(packets, receivers, int(ready_ps.max()))


def receive_ps(kind: str, chip: ChipConfig) -> int:
    """Time a core takes for one value packet."""
    return max(receive_unit_ps(kind, chip).values()) + chip.core.overhead.value


def receive_unit_ps(kind: str, chip: ChipConfig) -> dict[str, int]:
    """Time of each unit of the core for it."""
    core = chip.core
    accumulate = max(core.dendrite.reduce.latency.value, accumulator_ps(chip)) if kind == "reduce" else 0
    return {"axon_in": core.axon_in.lookup.latency.value, "dendrite": accumulate}


def _place_in_run(sorted_values: Ints) -> Ints:
    """Place of each entry among the equal ones before it: 0, 1, 2 for 5, 5, 5."""
    starts = np.flatnonzero(np.diff(sorted_values, prepend=sorted_values[0] - 1))
    return np.arange(len(sorted_values)) - np.repeat(starts, np.diff(starts, append=len(sorted_values)))


def _ints(values: object) -> Ints:
    return np.array(values, dtype=np.int64)
