"""Closed-form time and energy of a mapped trace: stage costs, and what its placement adds on links of the mesh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.engine.barrier import barrier_ps
from simulator.engine.network.links import Crossings, crossings
from simulator.engine.transfer import value_flits
from simulator.mapper.candidates import placed
from simulator.mapper.stage_cost import CostModel, StageCost
from simulator.mapper.stage_work import Floats, StageWork
from simulator.mapping.flows import collected, overlaps
from simulator.mapping.mapped import Mapped
from simulator.mapping.placement import Placement
from simulator.mapping.traffic import flits_per_spike


@dataclass(frozen=True)
class Estimate:
    """What one token takes and costs, in closed form.

    Attributes
    ----------
    latency_ps
        From the first stage to the last.
    interval_ps
        From one token to the next: the latency in a sequential schedule, the round of a full pipeline otherwise.
    dynamic_pj, static_pj
        Energy of a token; static power over the interval, whole chips.
    n_chips, cores
        Hardware in use.
    stage_ps
        Time of each stage with its barriers, in program order, ps.
    """

    latency_ps: float
    interval_ps: float
    dynamic_pj: float
    static_pj: float
    n_chips: int
    cores: int
    stage_ps: tuple[float, ...]

    @property
    def energy_pj(self) -> float:
        """Energy of a token, pJ."""
        return self.dynamic_pj + self.static_pj


def estimate(mapped: Mapped, works: Sequence[StageWork], model: CostModel, pipelined: bool) -> Estimate:
    """Closed form of one token of ``mapped``, whose tokens are those of ``works``."""
    placement, chip = mapped.placement, mapped.chip
    costs = [_placed_cost(work, mapped, model) for work in works]
    share = np.array([work.share for work in works])
    barrier = barrier_ps(chip.sync.barrier, placement.tiles_used) if chip.sync.kind == "barrier" else 0
    stage_ps = np.array([float(c.token_ps[0]) + int(c.barriers[0]) * barrier for c in costs])
    latency = float(stage_ps @ share)
    interval = latency
    if pipelined:
        interval = round_ps(costs, barrier) if chip.sync.kind == "barrier" else float((stage_ps * share).max())
    dynamic = float(sum(c.energy_pj[0] * s for c, s in zip(costs, share, strict=True)))
    dynamic += barrier_pj(costs, share, model, chip, pipelined)
    return Estimate(
        latency_ps=latency,
        interval_ps=interval,
        dynamic_pj=dynamic,
        static_pj=interval * placement.n_chips * static_pj_per_ps(model),
        n_chips=placement.n_chips,
        cores=len({block.core for block in placement.blocks}),
        stage_ps=tuple(stage_ps.tolist()),
    )


def static_pj_per_ps(model: CostModel) -> float:
    """Static power of one chip: pJ in a picosecond."""
    return model.prices["static.power"]


def barrier_pj(costs: Sequence[StageCost], share: Floats, model: CostModel, chip: ChipConfig, pipelined: bool) -> float:
    """Energy of the barriers of a token; in a pipeline those of a round."""
    if chip.sync.kind == "handshake":
        return 0.0
    each = np.array([float(c.barriers[0]) for c in costs])
    return float(each.max() if pipelined else each @ share) * model.prices["sync.barrier"]


def round_ps(costs: Sequence[StageCost], barrier: float) -> float:
    """Mean round of a full pipeline in lockstep: the slowest stage in each step, every stage on a token of its own."""
    n = max(cost.vector_ps.shape[1] for cost in costs)
    n_steps = max(cost.step_ps.shape[2] for cost in costs)
    vector, steps = np.zeros(n), np.zeros((n, n_steps))
    for depth, cost in enumerate(costs):
        vector = np.maximum(vector, np.roll(_in_rounds(cost.vector_ps[0], n), depth))
        if cost.step_ps.shape[2]:
            steps = np.maximum(steps, np.roll(_in_rounds(cost.step_ps[0], n), depth, axis=0))
    parts = ("collect_ps", "exchange_ps", "soma_ps", "reduce_ps")
    fixed = sum(max(float(getattr(cost, part)[0]) for cost in costs) for part in parts)
    collect = int(any(cost.collect_ps[0] > 0 for cost in costs))
    reduce = int(any(cost.reduce_ps[0] > 0 for cost in costs))
    return float(fixed + vector.mean() + steps.sum(axis=1).mean() + (n_steps + collect + reduce) * barrier)


def _in_rounds(times: Floats, n: int) -> Floats:
    """``times`` of the tokens that a stage works on, with 0 for the rounds in which it rests, [n, ...]."""
    padded = np.zeros((n, *times.shape[1:]))
    padded[: len(times)] = times
    return padded


def _placed_cost(work: StageWork, mapped: Mapped, model: CostModel) -> StageCost:
    """Cost of a stage where it stands, for each token: measured distances and links between chips."""
    placement, chip = mapped.placement, mapped.chip
    homes = placement.of(work.stage.stage_id)
    blocks_of = [placement.of(layer.layer_id) for layer in work.layers]
    some = placed(len(homes), blocks_of)
    cost = model.cost(work, some, work.spikes)
    routers = placement.core_router
    blocks = [block for blocks in blocks_of for block in blocks]
    sent, hop_pj = np.zeros(1), 0.0
    if blocks and work.n_steps:
        low, high = _ints([b.col_start for b in homes]), _ints([b.col_stop for b in homes])
        rows = _ints([b.row_start for b in blocks]), _ints([b.row_stop for b in blocks])
        home, target, start, stop = overlaps(low, high, *rows)
        ways = routers[_ints([b.core for b in homes])[home]], routers[_ints([b.core for b in blocks])[target]]
        flits = (stop - start) / work.stage.width * flits_per_spike(work.trace.encoding, chip)
        scale = _tree_scale(ways, flits, placement) if chip.noc.multicast else 1.0
        links = crossings(*ways, placement)
        hop_pj += float(work.mean_spikes.sum()) * _link_pj(links, flits, model) * scale
        sent = np.atleast_1d(chip_link_flits(*ways, flits * scale, placement))
    values, value_pj = 0.0, 0.0
    for edges in collected(work.stage, placement.by_owner):
        ways = routers[edges.from_core], routers[edges.to_core]
        packed: Floats = (edges.values * value_flits(chip)).astype(np.float64)
        value_pj += _link_pj(crossings(*ways, placement), packed, model)
        values += float(chip_link_flits(*ways, packed, placement))
    link_ps = 0.0 if chip.noc.chip_link is None else float(chip.noc.chip_link.cycles_per_flit * chip.noc.cycle.value)
    extra = 0.0 if chip.noc.chip_link is None else float(chip.noc.chip_link.extra_cycles * chip.noc.cycle.value)
    steps = cost.step_ps
    if sent.max() > 0:
        steps = np.maximum(steps, work.spikes[None] * sent.max() * link_ps) + extra
    return StageCost(
        collect_ps=np.maximum(cost.collect_ps, values * link_ps) + (extra if values else 0.0),
        exchange_ps=cost.exchange_ps,
        vector_ps=cost.vector_ps,
        step_ps=steps,
        soma_ps=cost.soma_ps,
        reduce_ps=cost.reduce_ps,
        energy_pj=cost.energy_pj - cost.hop_pj + hop_pj + value_pj,
        hop_pj=np.array([hop_pj + value_pj]),
        barriers=cost.barriers,
        cores=cost.cores,
    )


def chip_link_flits(from_router: Ints, to_router: Ints, flits: Floats, placement: Placement) -> float:
    """Flits over the busiest link between two chips, XY routing."""
    grid = placement.grid
    x, y = grid.place(from_router)
    dx, dy = grid.steps(from_router, to_router)
    busiest = 0.0
    for along, across, steps, size in ((x, y, dx, placement.tiles_x), (y, x + dx, dy, placement.tiles_y)):
        first, last = along // size, (along + steps) // size
        crossing = first != last
        if not crossing.any():
            continue
        loads: dict[tuple[int, int, int], float] = {}
        for a, b, lane, n in zip(
            first[crossing].tolist(),
            last[crossing].tolist(),
            across[crossing].tolist(),
            flits[crossing].tolist(),
            strict=True,
        ):
            step = 1 if b > a else -1
            for edge in range(a, b, step):
                loads[edge, step, lane] = loads.get((edge, step, lane), 0.0) + n
        busiest = max(busiest, *loads.values())
    return busiest


def _link_pj(links: Crossings, flits: Floats, model: CostModel) -> float:
    """Energy of so many flits over the links that each pair crosses."""
    price = model.prices
    each = links.hop_x * price["noc.hop_x"] + links.hop_y * price["noc.hop_y"] + links.chip_hop * price["noc.chip_hop"]
    return float((each * flits).sum())


def _tree_scale(ways: tuple[Ints, Ints], flits: Floats, placement: Placement) -> float:
    """Links of the multicast trees over those of single packets, about: each tile is entered once."""
    links = crossings(*ways, placement).hops
    alone = float((links * flits).sum())
    by_home: dict[int, tuple[float, int, set[int]]] = {}
    for home, target, n, hops in zip(*(part.tolist() for part in (*ways, flits, links)), strict=True):
        weight, nearest, tiles = by_home.get(home, (0.0, hops, set()))
        by_home[home] = max(weight, n), min(nearest, hops), tiles | {target}
    tree = sum(weight * (len(tiles) + max(nearest - 1, 0)) for weight, nearest, tiles in by_home.values())
    return min(1.0, tree / alone) if alone else 1.0


def _ints(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)
