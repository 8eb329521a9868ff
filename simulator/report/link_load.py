"""Which layers load a link of the network with spikes: XY routes between home cores and the cores of their layers."""

from __future__ import annotations

import numpy as np

from simulator.arrays import Ints
from simulator.mapping.placement import Block
from simulator.report.run import Run
from simulator.trace.trace_program import Stage


def link_loaders(run: Run, x: int, y: int, direction: str) -> dict[str, int]:
    """Layer -> spike packets over the whole trace that cross the link of router (x, y) in ``direction``, most first.

    Packets of values (outputs, residuals, partial sums) are not among them. On a chip with multicast a packet that
    serves several cores beyond the link is counted once for each.
    """
    homes: dict[str, list[Block]] = {}
    for block in run.placement.blocks:
        homes.setdefault(block.owner, []).append(block)
    loads: dict[str, int] = {}
    for stage in run.trace.stages:
        for layer in stage.layers:
            packets = _packets(run, stage, homes.get(stage.stage_id, []), homes.get(layer, []), (x, y, direction))
            if packets:
                loads[layer] = packets
    return dict(sorted(loads.items(), key=lambda item: -item[1]))


def _packets(run: Run, stage: Stage, homes: list[Block], targets: list[Block], link: tuple[int, int, str]) -> int:
    """Spikes of the stage's stream times the targets behind the link that take them."""
    crossing = [(home, target) for home in homes for target in targets if _crosses(run, home, target, link)]
    if not crossing or stage.stream is None:
        return 0
    spikes = run.trace.encoding.spikes_per_count(run.trace.spike_counts(stage.stream)).sum(axis=0)
    reached: Ints = np.concatenate([[0], np.cumsum(spikes)])
    total = 0
    for home, target in crossing:
        first, last = max(home.col_start, target.row_start), min(home.col_stop, target.row_stop)
        total += int(reached[last] - reached[first]) if last > first else 0
    return total


def _crosses(run: Run, home: Block, target: Block, link: tuple[int, int, str]) -> bool:
    """Whether the XY route from a home core to a target, first along x, then along y, takes the link."""
    x, y, direction = link
    grid, router = run.placement.grid, run.placement.core_router
    source, end = router[home.core], router[target.core]
    (sx, sy), (tx, _) = grid.place(source), grid.place(end)
    dx, dy = grid.steps(source, end)
    ahead, length = (x - sx, dx) if direction.endswith("x") else (y - sy, dy)
    on_it = sy == y if direction.endswith("x") else tx == x
    side = grid.x if direction.endswith("x") else grid.y
    if direction.startswith("-"):
        ahead, length = -ahead, -length
    return bool(on_it and 0 <= (ahead % side if grid.torus else ahead) < length)
