"""The oracle of memories other than the one behind the vector unit: what an access of an op touches."""

from __future__ import annotations

import math
from collections import Counter

from simulator.config.chip import ChipConfig
from simulator.engine.oracle.reference_ops import Touches, Work, dram_ps
from simulator.mapping.placement import Placement
from simulator.mapping.storage import Stored
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Op, Stage


def store_of(op: Op, stage: Stage, trace: Trace, stored: tuple[Stored, ...]) -> str:
    """The memory of the data of an op: products of attention read the cache that their stage keeps."""
    owners = [op.op_id]
    if op.kind in ("qk", "pv"):
        owners = [op_id for op_id in stage.ops if trace.op_by_id[op_id].kind == "kv_cache"]
    stay = ("kv_cache", "embedding", "head", "tables")
    kept = [item for item in stored if item.owner in owners and item.kind in stay]
    return kept[0].store if kept else "memory"


def touches(op: Op, store: str, chip: ChipConfig, n_homes: int) -> Touches:
    """What an access of an op is counted as: words of SRAM on each home core, bits of whole bursts of DRAM."""

    def touched(component: str, action: str, amount: int, shared: bool) -> tuple[str, int]:
        cached = op.kind in ("kv_cache", "qk", "pv")
        stays = action == "write" and not cached  # what the others make stays behind the vector unit
        if component != "memory" or store == "memory" or stays:
            return component, amount
        if store == "dram":
            assert chip.dram is not None
            return "dram", math.ceil(amount / chip.dram.burst) * chip.dram.burst
        homes = n_homes if shared else 1
        return "sram", homes * math.ceil(amount / homes / chip.core.sram.word)

    return touched


def channel_ps(works: list[tuple[list[Work], set[int]]], chip: ChipConfig) -> int:
    """Time of the busiest channel, when every stage spreads the bursts of its ops over the chips of its homes."""
    busy: Counter[int] = Counter()
    for of_stage, chips in works:
        for number in chips:
            busy[number] += sum(dram_ps(work, chip, len(chips)) for work in of_stage)
    return max(busy.values(), default=0)


def chips_of(stage: Stage, placement: Placement, chip: ChipConfig) -> set[int]:
    """Chips that hold the home cores of a stage."""
    found = set()
    for block in placement.of(stage.stage_id):
        y, x = divmod(int(placement.core_router[block.core]), placement.mesh_x)
        found.add(y // chip.chip.tiles_y * placement.chips_x + x // chip.chip.tiles_x)
    return found
