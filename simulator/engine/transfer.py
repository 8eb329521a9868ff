"""Values on the move between timesteps, in packets: the edges of `simulator.mapping.flows` as steps in time."""

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
from simulator.mapping.flows import Edges, collected, exchange_rounds, exchanged, forms_logits, reduced, spread
from simulator.mapping.mapped import Mapped
from simulator.mapping.packet_format import value_flits, value_packets, values_together
from simulator.trace.trace_program import Stage


@dataclass(frozen=True)
class Transfer:
    """One step of value packets, each of ``flits`` flits, done ``rounds`` times one after another.

    Attributes
    ----------
    kind
        ``reduce`` (partial sums), ``collect`` (outputs and residuals to home cores), ``exchange`` (a number per home
        core), ``spread`` (the vector of a head to all its home cores).
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
        return 0 if self.kind in ("exchange", "spread") else 1


def value_barriers(stage: Stage, mapped: Mapped) -> tuple[bool, bool]:
    """Whether a stage takes part in the barrier after a collect, and in that after a reduction."""
    blocks = mapped.placement.by_owner
    collects = bool(stage.sources or stage.carries)
    return collects, any(block.row_start > 0 for layer_id in stage.layers for block in blocks[layer_id])


def transfers_before_ops(stages: Sequence[Stage], mapped: Mapped) -> list[Transfer]:
    """What reaches the home cores of ``stages`` before their ops, and what these cores exchange for them.

    The stages work at the same time, so their values travel together.
    """
    parts = tuple(edges for stage in stages for edges in collected(stage, mapped.placement.by_owner))
    collect = [Transfer("collect", parts, value_flits("collect", mapped.chip))] if parts else []
    return collect + _exchanges(stages, mapped) + _of_heads(stages, mapped)


def _of_heads(stages: Sequence[Stage], mapped: Mapped) -> list[Transfer]:
    """What a head on several home cores takes: its whole input at each, and their largest logits at the first."""
    chip, blocks = mapped.chip, mapped.placement.by_owner
    wide = [s.stage_id for s in stages if forms_logits(s, mapped.trace) and len(blocks[s.stage_id]) > 1]
    if not wide:
        return []
    inputs = tuple(spread(stage_id, blocks) for stage_id in wide)
    largest = tuple(exchanged(stage_id, blocks)[0] for stage_id in wide)
    return [
        Transfer("spread", inputs, value_flits("spread", chip)),
        Transfer("exchange", largest, value_flits("exchange", chip)),
    ]


def reductions(stages: Sequence[Stage], mapped: Mapped) -> list[Transfer]:
    """Partial sums of the layers of ``stages``, where there are any."""
    parts = tuple(edges for stage in stages for edges in reduced(stage, mapped.placement.by_owner))
    return [Transfer("reduce", parts, value_flits("reduce", mapped.chip))] if parts else []


def _exchanges(stages: Sequence[Stage], mapped: Mapped) -> list[Transfer]:
    """For each stage with several home cores: each norm and each encoder gathers one number and spreads it again."""
    blocks = mapped.placement.by_owner
    rounds = {s.stage_id: exchange_rounds(s, mapped.trace) for s in stages if len(blocks[s.stage_id]) > 1}
    found = []
    for before, upto in pairwise(sorted({0, *rounds.values()})):
        parts = [exchanged(stage_id, blocks) for stage_id, n in rounds.items() if n >= upto]
        by_way = zip(*parts, strict=True)  # all gather, then all spread
        found += [Transfer("exchange", edges, value_flits("exchange", mapped.chip), upto - before) for edges in by_way]
    return found


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


def plan_transfer(transfer: Transfer, mapped: Mapped) -> TransferPlan:
    """Senders send their packets one after another, edge by edge; receivers serve one table lookup each.

    A received partial sum is also added.
    """
    chip, placement = mapped.chip, mapped.placement
    from_core = np.concatenate([part.from_core for part in transfer.parts])
    packets_of = value_packets(np.concatenate([part.values for part in transfer.parts]), transfer.kind, chip)
    receivers, to = np.unique(np.concatenate([part.to_core for part in transfer.parts]), return_inverse=True)
    by_sender = np.argsort(from_core, kind="stable")  # ties in time go to the lower core
    edge = np.repeat(by_sender, packets_of[by_sender])
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
    """Time of each unit of the core for it; partial sums are added one by one, for each place of the packet."""
    core = chip.core
    each = max(core.dendrite.reduce.latency.value, accumulator_ps(chip)) if kind == "reduce" else 0
    accumulate = each * values_together(kind, chip)
    return {"axon_in": core.axon_in.lookup.latency.value, "dendrite": accumulate}


def _place_in_run(sorted_values: Ints) -> Ints:
    """Place of each entry among the equal ones before it: 0, 1, 2 for 5, 5, 5."""
    starts = np.flatnonzero(np.diff(sorted_values, prepend=sorted_values[0] - 1))
    return np.arange(len(sorted_values)) - np.repeat(starts, np.diff(starts, append=len(sorted_values)))
