"""The links that packets of a placed stage take: how far, over which of them, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulator.arrays import Ints
from simulator.engine.network.link_flits import tree_flits, unicast_flits
from simulator.engine.network.links import N_PORTS, Crossings, chip_crossing_mask, crossings, link_timing
from simulator.mapper.stage_work import Floats, PricedActions
from simulator.mapping.flows import overlaps
from simulator.mapping.mapped import Mapped
from simulator.mapping.packet_format import flits_per_spike
from simulator.mapping.placement import Block, Placement
from simulator.mapping.placements.link_cost import ROUTER_CYCLES

# Share of its cycles in which a busy link of a chip moves a flit: routers of five FIFO inputs (head-of-line blocking;
# Karol, Hluchyj, Morgan, IEEE Trans. Commun. 35, 1987, Table I, N = 5). A slow link between chips always has one.
FULL_LINK = 0.64


class SpikeWay(NamedTuple):
    """The path of the spikes of a placed stage: latency of a flit alone, time of the busiest port.

    ``port_ps`` is for one spike of the stage.
    """

    latency_ps: float
    port_ps: float


def mean_reach_ps(homes: Sequence[Block], blocks: Sequence[Block], mapped: Mapped) -> float:
    """Time of a flit alone from a home core to the farthest target that it drives, mean over the home cores."""
    noc, routers = mapped.chip.noc, mapped.placement.core_router
    home, target, _, _ = overlaps(
        *(_ints([getattr(home, name) for home in homes]) for name in ("col_start", "col_stop")),
        *(_ints([getattr(block, name) for block in blocks]) for name in ("row_start", "row_stop")),
    )
    ends = routers[_ints([home.core for home in homes])][home], routers[_ints([b.core for b in blocks])][target]
    links = crossings(*ends, mapped.placement)
    cycles = 2 + ROUTER_CYCLES[noc.router] * (1 + links.hops)
    cycles = cycles + links.hop_x * noc.extra_cycles_x + links.hop_y * noc.extra_cycles_y
    if noc.chip_link is not None:
        cycles = cycles + links.chip_hop * (noc.chip_link.extra_cycles + noc.chip_link.cycles_per_flit - 1)
    farthest = np.zeros(len(homes))
    np.maximum.at(farthest, home, cycles)
    return float(farthest.mean() * noc.cycle.value)


def spike_flits(homes: Sequence[Block], blocks: Sequence[Block], mapped: Mapped) -> tuple[Ints, Ints]:
    """Flits of one spike of every neuron of a stage: on each output and into each router, int64 [routers * 5], [...].

    With multicast rows with the same targets have a tree, from their home core to all of them.
    """
    placement, routers = mapped.placement, mapped.placement.core_router
    starts, stops = ([getattr(block, name) for block in blocks] for name in ("row_start", "row_stop"))
    cuts = {*(home.col_start for home in homes), *(starts if mapped.chip.noc.multicast else ())}
    edges = _ints([*sorted(cuts), homes[-1].col_stop])
    part, target, low, high = overlaps(edges[:-1], edges[1:], _ints(starts), _ints(stops))
    home = np.searchsorted(_ints([home.col_start for home in homes]), edges[:-1], side="right") - 1
    root, into = routers[_ints([home.core for home in homes])][home], routers[_ints([b.core for b in blocks])][target]
    each = flits_per_spike(mapped.trace.encoding, mapped.chip)
    if not mapped.chip.noc.multicast:
        flits = (high - low) * each
        return unicast_flits(root[part], into, flits, placement.grid), np.bincount(root[part], weights=flits)
    sent = np.diff(edges) * each
    return tree_flits(root, sent, part, into, placement.grid), np.bincount(root, weights=sent)


def busiest_port_ps(flits: tuple[Ints, Ints], mapped: Mapped) -> float:
    """Time that the busiest port of the network takes for the flits on each output and into each router."""
    interval = link_timing(mapped.placement, mapped.chip)[1]
    cycles = (flits[0] * np.where(interval > 1, interval, 1 / FULL_LINK)).max()
    return float(max(cycles, flits[1].max() / FULL_LINK) * mapped.chip.noc.cycle.value)


def port_pj(flits: Ints, price: PricedActions, placement: Placement) -> float:
    """Energy of the flits on each output, int64 [routers * 5], without those into tiles."""
    leaves, by_output = chip_crossing_mask(placement), flits.reshape(-1, N_PORTS)
    kinds = {"hop_x": by_output[:, :2][~leaves[:, :2]], "hop_y": by_output[:, 2:4][~leaves[:, 2:4]]}
    kinds["chip_hop"] = by_output[leaves]
    return float(sum(int(some.sum()) * price[f"noc.{kind}"] for kind, some in kinds.items()))


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


def link_pj(links: Crossings, flits: Floats, price: PricedActions) -> float:
    """Energy of so many flits over the links that each pair crosses."""
    each = links.hop_x * price["noc.hop_x"] + links.hop_y * price["noc.hop_y"] + links.chip_hop * price["noc.chip_hop"]
    return float((each * flits).sum())


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)
