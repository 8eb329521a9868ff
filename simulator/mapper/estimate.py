"""Closed-form time and energy of a mapped trace: stage costs, and what its placement adds on links of the mesh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.engine.barrier import barrier_ps
from simulator.engine.network.links import crossings
from simulator.engine.network.network import Network
from simulator.engine.schedule import entry_rounds
from simulator.engine.transfer import plan_transfer, transfers_before_ops
from simulator.mapper.candidates import placed
from simulator.mapper.cost_of_stage import StageCost
from simulator.mapper.gated_static import static_of_mapped_pj
from simulator.mapper.packing import packing
from simulator.mapper.placed_links import (
    SpikeWay,
    busiest_port_ps,
    chip_link_flits,
    link_pj,
    mean_reach_ps,
    port_pj,
    spike_flits,
)
from simulator.mapper.stage_cost import CostModel
from simulator.mapper.stage_work import Floats, StageWork
from simulator.mapping.flows import collected
from simulator.mapping.mapped import Mapped
from simulator.mapping.packet_format import value_flits, value_packets
from simulator.trace.trace import Trace

_NONE: Ints = np.zeros(0, np.int64)
_from, _to, _values = (attrgetter(name) for name in ("from_core", "to_core", "values"))


@dataclass(frozen=True)
class Estimate:
    """What one token takes and costs, in closed form.

    Attributes
    ----------
    latency_ps
        From the first stage to the last.
    interval_ps
        From one token to the next: the latency in a sequential schedule, the round of a full pipeline otherwise.
    seldom_ps
        What stages add in a pipeline that work on less than half of the tokens, as a head does: their time over all
        tokens. No round of a full pipeline waits for them.
    dynamic_pj, static_pj
        Energy of a token; static power over the interval, whole chips.
    seldom_pj
        Static energy of ``seldom_ps``.
    n_chips, cores
        Hardware in use.
    stage_ps
        Time of each stage with its barriers, in program order, ps.
    """

    latency_ps: float
    interval_ps: float
    seldom_ps: float
    dynamic_pj: float
    static_pj: float
    seldom_pj: float
    n_chips: int
    cores: int
    stage_ps: tuple[float, ...]

    @property
    def energy_pj(self) -> float:
        """Energy of a token while the chip is full, pJ."""
        return self.dynamic_pj + self.static_pj

    @property
    def prompt_pj(self) -> float:
        """Energy of a token of a long prompt, pJ: with its part of the stages that work seldom."""
        return self.energy_pj + self.seldom_pj


def estimate(mapped: Mapped, works: Sequence[StageWork], model: CostModel, pipelined: bool) -> Estimate:
    """Closed form of one token of ``mapped``, whose tokens are those of ``works``, or evenly sampled by these."""
    placement, chip = mapped.placement, mapped.chip
    costs = [_placed_cost(work, mapped, model) for work in works]
    share = np.array([work.share for work in works])
    barrier = _barrier_ps(mapped)
    stage_ps = np.array([float(c.token_ps[0]) + int(c.barriers[0]) * barrier for c in costs])
    latency = float(stage_ps @ share)
    interval, seldom = latency, 0.0
    if pipelined:
        often = share >= 0.5
        seldom = float((stage_ps * share)[~often].sum())
        if chip.sync.kind == "barrier":
            interval = steady_ps(costs, share, barrier, mapped.trace.n_tokens, _collect_together_ps(mapped, works))
        else:
            interval = float(stage_ps[often].max())
    under_way = stage_ps * share
    if pipelined and chip.sync.kind == "barrier":
        under_way = np.where(share >= 0.5, interval, under_way)  # for the whole round
    rare = np.where(share >= 0.5, 0.0, under_way) if pipelined else np.zeros(len(share))
    return Estimate(
        latency_ps=latency,
        interval_ps=interval,
        seldom_ps=seldom,
        dynamic_pj=_dynamic_pj(costs, share) + _barriers(costs, share, pipelined, chip) * model.prices["sync.barrier"],
        static_pj=static_of_mapped_pj(mapped, model, under_way - rare, interval),
        seldom_pj=static_of_mapped_pj(mapped, model, rare, seldom),
        n_chips=placement.n_chips,
        cores=len({block.core for block in placement.blocks}),
        stage_ps=tuple(stage_ps.tolist()),
    )


def trace_total(mapped: Mapped, works: Sequence[StageWork], model: CostModel, pipelined: bool) -> tuple[float, float]:
    """Closed form of the whole trace, filling and draining of a pipeline included: ps, pJ.

    The tokens of ``works`` are those of the trace, or evenly sampled from them.
    """
    trace = mapped.trace
    costs = [_placed_cost(work, mapped, model) for work in works]
    share, barrier = np.array([work.share for work in works]), _barrier_ps(mapped)
    if not pipelined:
        found = estimate(mapped, works, model, pipelined)
        return found.interval_ps * trace.n_tokens, found.energy_pj * trace.n_tokens
    if mapped.chip.sync.kind == "handshake":
        found = estimate(mapped, works, model, pipelined)
        total = found.latency_ps + (trace.n_tokens - 1) * found.interval_ps
        static = static_of_mapped_pj(mapped, model, np.array(found.stage_ps) * share * trace.n_tokens, total)
        return total, found.dynamic_pj * trace.n_tokens + static
    entry = entry_rounds(trace)
    token_of = np.full(int(entry.max()) + len(costs), -1, np.int64)
    token_of[entry] = np.arange(trace.n_tokens)
    at = np.arange(len(token_of))[:, None] - np.arange(len(costs))
    tokens = np.where(at >= 0, token_of[np.maximum(at, 0)], -1)
    at_work = [_among(trace, work, of_stage) for work, of_stage in zip(works, tokens.T, strict=True)]
    rounds = round_ps(costs, barrier, np.column_stack(at_work), _collect_together_ps(mapped, works))
    total = float(rounds.sum())
    barriers = _barriers(costs, share, pipelined, mapped.chip) * len(rounds)
    energy = _dynamic_pj(costs, share) * trace.n_tokens + barriers * model.prices["sync.barrier"]
    under_way = np.array([float(rounds[of_stage >= 0].sum()) for of_stage in at_work])
    return total, energy + static_of_mapped_pj(mapped, model, under_way, total)


def _among(trace: Trace, work: StageWork, tokens: Ints) -> Ints:
    """Place of each token among those of ``work``, which stand for all that the stage works on, int64 [R].

    -1 for tokens on which it does not work and for no token.
    """
    works = trace.works(work.stage)
    place = np.where(works, (np.cumsum(works) - 1) * work.trace.n_tokens // max(int(works.sum()), 1), -1)
    found: Ints = np.where(tokens >= 0, place[tokens], -1)
    return found


def _barrier_ps(mapped: Mapped) -> int:
    sync = mapped.chip.sync
    return barrier_ps(sync.barrier, mapped.placement.tiles_used) if sync.kind == "barrier" else 0


def _dynamic_pj(costs: Sequence[StageCost], share: Floats) -> float:
    """Dynamic energy of a token without barriers."""
    return float(sum(cost.energy_pj[0] * part for cost, part in zip(costs, share.tolist(), strict=True)))


def _barriers(costs: Sequence[StageCost], share: Floats, pipelined: bool, chip: ChipConfig) -> float:
    """Barriers of a token; in a pipeline those of a round."""
    if chip.sync.kind == "handshake":
        return 0.0
    each = np.array([float(cost.barriers[0]) for cost in costs])
    return float(each.max() if pipelined else each @ share)


def _collect_together_ps(mapped: Mapped, works: Sequence[StageWork]) -> float:
    """Time of the values that all stages of a full round collect at once, where links between chips carry them.

    The network carries them once: values that wait for such a link hold up others, which no load of links says.
    """
    stages = [work.stage for work in works if work.share >= 0.5]
    together = [step for step in transfers_before_ops(stages, mapped) if step.kind == "collect"]
    if mapped.placement.n_chips == 1 or not together:
        return 0.0
    carried = Network(mapped.placement, mapped.chip).carry_values(plan_transfer(together[0], mapped).packets)
    return float(carried.taken_ps)


def steady_ps(costs: Sequence[StageCost], share: Floats, barrier: float, n_whole: int, shared_ps: float = 0.0) -> float:
    """Mean round of a full pipeline in lockstep, in which every stage works on a token of its own.

    The tokens of the costs stand for ``n_whole`` tokens, each for as many of its neighbours. Fewer tokens than stages
    follow one another in a ring. ``shared_ps`` as in `round_ps`.
    """
    at_work = [cost for cost, part in zip(costs, share.tolist(), strict=True) if part >= 0.5]
    n_tokens = np.array([cost.vector_ps.shape[1] for cost in at_work])  # fewer of a stage that skips some tokens
    first = len(at_work) - 1 if n_whole >= len(at_work) else 0  # before it the pipeline fills
    ring = (np.arange(first, n_whole)[:, None] - np.arange(len(at_work))) % n_whole
    tokens = ring * n_tokens // n_whole
    return float(round_ps(at_work, barrier, tokens, shared_ps).mean())


def round_ps(costs: Sequence[StageCost], barrier: float, tokens: Ints, shared_ps: float = 0.0) -> Floats:
    """Rounds of a pipeline in lockstep: the slowest stage in each step; float64 [R].

    ``tokens`` int64 [R, S]: the token that each stage works on in each round; -1 for none. Collecting takes at least
    ``shared_ps`` where all stages work.
    """
    n_steps = max(cost.step_ps.shape[2] for cost in costs)
    fixed, vector, steps = np.zeros((len(tokens), 5)), np.zeros(len(tokens)), np.zeros((len(tokens), n_steps))
    for cost, token in zip(costs, tokens.T, strict=True):
        at = np.flatnonzero(token >= 0)
        parts = [cost.collect_ps[0], cost.exchange_ps[0], cost.soma_ps[0], cost.reduce_ps[0], float(cost.barriers[0])]
        fixed[at] = np.maximum(fixed[at], parts)
        vector[at] = np.maximum(vector[at], cost.vector_ps[0, token[at]])
        own = cost.step_ps.shape[2]
        steps[at, :own] = np.maximum(steps[at, :own], cost.step_ps[0, token[at]])
    fixed[:, 0] = np.maximum(fixed[:, 0], shared_ps * (tokens >= 0).mean(axis=1))
    rounds: Floats = fixed[:, :4].sum(axis=1) + vector + steps.sum(axis=1) + fixed[:, 4] * barrier
    return rounds


def _placed_cost(work: StageWork, mapped: Mapped, model: CostModel) -> StageCost:
    """Cost of a stage where it stands, for each token: measured distances and links between chips."""
    placement, chip = mapped.placement, mapped.chip
    homes = placement.of(work.stage.stage_id)
    blocks_of = [placement.of(layer.layer_id) for layer in work.layers]
    routers = placement.core_router
    blocks = [block for blocks in blocks_of for block in blocks]
    some, way, hop_pj = placed(len(homes), blocks_of), None, 0.0
    if blocks and work.n_steps:
        flits = spike_flits(homes, blocks, mapped)
        moved = packing(work, some, work.mean_spikes, chip).of_a_token(work.mean_spikes)[1].item()
        hop_pj = moved / work.stage.width * port_pj(flits[0], model.prices, placement)
        port_ps = busiest_port_ps(flits, mapped) / work.stage.width
        way = SpikeWay(mean_reach_ps(homes, blocks, mapped), port_ps)
    cost = model.cost(work, some, placement.n_chips, work.spikes, way)
    edges = list(collected(work.stage, placement.by_owner))
    ends = [np.concatenate([_NONE, *(cores(edge) for edge in edges)]) for cores in (_from, _to, _values)]
    came = (
        routers[ends[0]],
        routers[ends[1]],
        (value_packets(ends[2], "collect", chip) * value_flits("collect", chip)).astype(np.float64),
    )
    value_pj = link_pj(crossings(came[0], came[1], placement), came[2], model.prices)
    values = float(chip_link_flits(*came, placement))
    link_ps = 0.0 if chip.noc.chip_link is None else float(chip.noc.chip_link.cycles_per_flit * chip.noc.cycle.value)
    extra = 0.0 if chip.noc.chip_link is None else float(chip.noc.chip_link.extra_cycles * chip.noc.cycle.value)
    return replace(
        cost,
        collect_ps=np.maximum(cost.collect_ps, values * link_ps) + (extra if values else 0.0),
        energy_pj=cost.energy_pj - cost.hop_pj + hop_pj + value_pj,
        hop_pj=np.array([hop_pj + value_pj]),
    )
