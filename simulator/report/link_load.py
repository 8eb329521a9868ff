"""Which layers load a link of the network with spikes: XY routes between home cores and the cores of their layers."""

from __future__ import annotations

import numpy as np

from simulator.arrays import Ints
from simulator.mapping.placement import Block
from simulator.mapping.spike_packets import run_starts, spike_packets
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
        crossing = _crossing(run, stage, homes, (x, y, direction))
        if crossing:
            sent_before = _sent_before(run, stage, homes)
            loads |= {layer: _packets(sent_before, pairs) for layer, pairs in crossing.items()}
    return dict(sorted(((layer, n) for layer, n in loads.items() if n), key=lambda item: -item[1]))


def _crossing(
    run: Run, stage: Stage, blocks: dict[str, list[Block]], link: tuple[int, int, str]
) -> dict[str, list[tuple[Block, Block]]]:
    """Home cores and targets of each layer of a stage whose path takes the link; layers without any are left out."""
    homes = blocks.get(stage.stage_id, [])
    found = {
        layer: [
            (home, target) for home in homes for target in blocks.get(layer, []) if _crosses(run, home, target, link)
        ]
        for layer in (stage.layers if stage.stream is not None else ())
    }
    return {layer: pairs for layer, pairs in found.items() if pairs}


def _sent_before(run: Run, stage: Stage, blocks: dict[str, list[Block]]) -> Ints:
    """Packets with spikes of the neurons before each of the stage's stream, int64 [n + 1]."""
    assert stage.stream is not None
    targets = [block for layer in stage.layers for block in blocks.get(layer, [])]
    edges, counts = run_starts(blocks[stage.stage_id], targets), run.trace.spike_counts(stage.stream)
    sent = spike_packets(counts, edges, run.trace.encoding, run.chip)
    return np.concatenate([[0], np.cumsum(sent.packets)])


def _packets(sent_before: Ints, pairs: list[tuple[Block, Block]]) -> int:
    """Packets of home cores to targets, one for each that takes it."""
    total = 0
    for home, target in pairs:
        first, last = max(home.col_start, target.row_start), min(home.col_stop, target.row_stop)
        total += int(sent_before[last] - sent_before[first]) if last > first else 0
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
