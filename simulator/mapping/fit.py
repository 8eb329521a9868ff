"""The fit of a trace on a chip, checked before anything is simulated."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from simulator.config.chip import ChipConfig
from simulator.mapping.capacity import ceil_div
from simulator.mapping.mapped import Mapped
from simulator.mapping.place import map_trace
from simulator.mapping.placement import Block
from simulator.mapping.storage import Stored
from simulator.trace.trace import Trace


@dataclass(frozen=True)
class Fit:
    """Space that a trace takes on a chip (space utilization: used / limit, not time).

    Attributes
    ----------
    rows
        One row per layer and home, in program order: ``owner, role, cores, row_parts, rows, neurons, sram_bytes`` (the
        largest block) and ``axon_util, neuron_util, sram_util`` (the largest block over the limit, 0..1).
    storage
        What is in memory besides weights, see `storage_frame`.
    cores_used, cores_total, n_chips
        Cores that hold a block, cores of the chips in use, chips.
    """

    rows: pd.DataFrame
    storage: pd.DataFrame
    cores_used: int
    cores_total: int
    n_chips: int


def fit(trace: Trace, chip: ChipConfig) -> Fit:
    """How ``trace`` fits ``chip``: the blocks of every layer and home core, and how full they are.

    Raises
    ------
    CapacityError
        When it does not fit, with demand, bound, gap and what would help.
    """
    mapped = map_trace(trace, chip)
    placement = mapped.placement
    owners = dict.fromkeys(block.owner for block in placement.blocks)
    rows = [_row(owner, placement.of(owner), chip) for owner in owners]
    used = len({block.core for block in placement.blocks})
    return Fit(pd.DataFrame(rows), storage_frame(mapped), used, placement.cores_total, placement.n_chips)


def storage_frame(mapped: Mapped) -> pd.DataFrame:
    """One row per thing in memory besides weights, in program order.

    Columns: ``stage, owner, kind, store, cores`` (home cores that use it), ``bytes_per_token`` (0 for what does not
    grow), ``bytes`` (of all cores), ``core_bytes``, ``capacity_bytes`` (of a core; missing in DRAM and where the chip
    file gives none).
    """
    rows = [_stored_row(item, mapped) for item in mapped.stored]
    columns = "stage owner kind store cores bytes_per_token bytes core_bytes capacity_bytes"
    table = pd.DataFrame(rows, columns=columns.split())
    table["capacity_bytes"] = table["capacity_bytes"].astype("Int64")
    return table


def storage_summary(storage: pd.DataFrame) -> pd.DataFrame:
    """`storage_frame` by kind and memory, the largest first.

    Columns: ``kind, store, stages, per_token_bytes, total_bytes`` (sums), ``core_bytes`` (the most on one core),
    ``capacity_bytes``.
    """
    groups = storage.groupby(["kind", "store"], sort=False, as_index=False)
    summary = groups.agg(
        stages=("stage", "nunique"),
        per_token_bytes=("bytes_per_token", "sum"),
        total_bytes=("bytes", "sum"),
        core_bytes=("core_bytes", "max"),
        capacity_bytes=("capacity_bytes", "first"),
    )
    return summary.sort_values("total_bytes", ascending=False, kind="stable", ignore_index=True)


def _stored_row(item: Stored, mapped: Mapped) -> tuple[object, ...]:
    chip, placement = mapped.chip, mapped.placement
    homes = placement.of(item.stage)
    capacity = {"memory": chip.memory.capacity, "sram": chip.core.sram.capacity}.get(item.store)
    core_bytes = {"memory": item.core_bytes(placement), "sram": homes[0].sram_bytes}.get(item.store, 0)
    place = (item.stage, item.owner, item.kind, item.store, len(homes))
    return (*place, item.bits_per_token / 8, ceil_div(item.bits, 8), core_bytes, capacity)


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
