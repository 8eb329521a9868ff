"""The oracle of memories other than the one behind the vector unit: what an access of an op touches."""

from __future__ import annotations

import math

from simulator.config.chip import ChipConfig
from simulator.engine.oracle.reference_ops import Touches, Work, dram_ps
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


def touches(op: Op, store: str, chip: ChipConfig, n_homes: int, shared_head: bool) -> Touches:
    """What an access of an op is counted as: words of SRAM on each home core, bits of whole bursts of DRAM.

    ``shared_head``: another token that is at the stage too has had a head in DRAM read.
    """

    def touched(component: str, action: str, amount: int, shared: bool) -> tuple[str, int]:
        cached = op.kind in ("kv_cache", "qk", "pv")
        stays = action == "write" and not cached  # what the others make stays behind the vector unit
        if component != "memory" or store == "memory" or stays:
            return component, amount
        if store == "dram":
            assert chip.dram is not None
            if op.kind == "head" and shared_head:
                return "dram", 0
            return "dram", math.ceil(amount / chip.dram.burst) * chip.dram.burst
        homes = n_homes if shared else 1
        return "sram", homes * math.ceil(amount / homes / chip.core.sram.word)

    return touched


def channel_ps(works: list[list[Work]], chip: ChipConfig, n_chips: int) -> int:
    """Time of a channel, when every stage at work spreads the bursts of its ops over the channels of all chips."""
    return sum(dram_ps(work, chip, n_chips) for of_stage in works for work in of_stage)
