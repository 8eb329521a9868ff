"""The links that packets of a placed stage take: how far, over which of them, and what they cost."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.engine.network.link_flits import unicast_flits
from simulator.engine.network.links import Crossings, crossings, link_timing
from simulator.mapper.stage_work import Floats, PricedActions
from simulator.mapping.mapped import Mapped
from simulator.mapping.placement import Placement
from simulator.mapping.placements.link_cost import ROUTER_CYCLES


class SpikeWay(NamedTuple):
    """The path of the spikes of a placed stage: latency of a flit alone, time of the busiest port.

    ``port_ps`` is for one spike of the stage; None: estimated from the widths.
    """

    latency_ps: float
    port_ps: float | None


def mean_reach_ps(home: Ints, links: Crossings, chip: ChipConfig) -> float:
    """Time of a flit alone from a home core to the farthest target that it drives, mean over the home cores.

    ``home`` int64 [E] is the home core of each pair that ``links`` are between.
    """
    noc = chip.noc
    per_hop, link = ROUTER_CYCLES[noc.router], noc.chip_link
    cycles = 2 + per_hop * (1 + links.hops) + links.hop_x * noc.extra_cycles_x + links.hop_y * noc.extra_cycles_y
    if link is not None:
        cycles = cycles + links.chip_hop * (link.extra_cycles + link.cycles_per_flit - 1)
    farthest = np.zeros(int(home.max()) + 1)
    np.maximum.at(farthest, home, cycles)
    return float(farthest.mean() * noc.cycle.value)


def busiest_port_ps(ways: tuple[Ints, Ints], flits: Ints, mapped: Mapped) -> float:
    """Time that the busiest port of the network takes for so many flits from router to router, XY routing."""
    placement = mapped.placement
    interval = link_timing(placement, mapped.chip)[1]
    out = unicast_flits(*ways, flits, placement.grid) * interval
    entered = np.bincount(ways[0], weights=flits)
    return float(max(out.max(), entered.max()) * mapped.chip.noc.cycle.value)


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


def tree_scale(ways: tuple[Ints, Ints], flits: Floats, placement: Placement) -> float:
    """Links of the multicast trees over those of single packets, about: each tile is entered once."""
    links = crossings(*ways, placement).hops
    alone = float((links * flits).sum())
    by_home: dict[int, tuple[float, int, set[int]]] = {}
    for home, target, n, hops in zip(*(part.tolist() for part in (*ways, flits, links)), strict=True):
        weight, nearest, tiles = by_home.get(home, (0.0, hops, set()))
        by_home[home] = max(weight, n), min(nearest, hops), tiles | {target}
    tree = sum(weight * (len(tiles) + max(nearest - 1, 0)) for weight, nearest, tiles in by_home.values())
    return min(1.0, tree / alone) if alone else 1.0
