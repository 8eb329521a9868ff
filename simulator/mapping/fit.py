"""The fit of a trace on a chip, told before anything is simulated."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from simulator.config.chip import ChipConfig
from simulator.mapping.place import map_trace
from simulator.mapping.placement import Block
from simulator.trace.trace import Trace


@dataclass(frozen=True)
class Fit:
    """Space that a trace takes on a chip (space utilization: used / limit, not time).

    Attributes
    ----------
    rows
        One row per layer and home, in program order: ``owner, role, cores, row_parts, rows, neurons, sram_bytes`` (the
        largest block) and ``axon_util, neuron_util, sram_util`` (the largest block over the limit, 0..1).
    cores_used, cores_total, n_chips
        Cores that hold a block, cores of the chips in use, chips.
    """

    rows: pd.DataFrame
    cores_used: int
    cores_total: int
    n_chips: int


def fit(trace: Trace, chip: ChipConfig) -> Fit:
    """How ``trace`` fits ``chip``: the blocks of every layer and home, and how full they are.

    Raises
    ------
    CapacityError
        When it does not fit, with demand, bound, gap and what would help.
    """
    placement = map_trace(trace, chip)
    owners = dict.fromkeys(block.owner for block in placement.blocks)
    rows = [_row(owner, placement.of(owner), chip) for owner in owners]
    used = len({block.core for block in placement.blocks})
    return Fit(pd.DataFrame(rows), used, placement.cores_total, placement.n_chips)


def _row(owner: str, blocks: tuple[Block, ...], chip: ChipConfig) -> dict[str, object]:
    rows = max(b.n_rows for b in blocks)
    neurons = max(b.n_cols for b in blocks)
    sram = max(b.sram_bytes for b in blocks)
    return {
        "owner": owner,
        "role": blocks[0].role,
        "cores": len(blocks),
        "row_parts": len({b.row_start for b in blocks}),
        "rows": rows,
        "neurons": neurons,
        "sram_bytes": sram,
        "axon_util": rows / chip.core.limits.axons_in,
        "neuron_util": neurons / chip.core.limits.neurons,
        "sram_util": sram / chip.core.sram.capacity,
    }
