"""Traffic of ops whose data does not lie behind the vector unit: whole words of a core's SRAM, whole bursts of DRAM.

An access starts at a word or a burst and pays all that it touches. What an op moves once per token or timestep is one
access, spread evenly over the home cores in SRAM; what a spike reads is one access on one core.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.mapping.capacity import ceil_div
from simulator.mapping.storage import Store
from simulator.trace.trace_program import ClosedForm, Op

CACHED = ("kv_cache", "qk", "pv")  # kinds of ops whose results too go to their own memory


def stored_work(
    op: Op, store: Store, chip: ChipConfig, n_homes: int, contexts: Ints, n_timesteps: int, fired: Ints | None
) -> dict[str, Ints]:
    """``sram.*`` in words or ``dram.*`` in bits of whole bursts, int64 [tokens], of what was ``memory.*``."""
    unit, homes, counted = chip.core.sram.word, n_homes, 1
    if store == "dram":
        assert chip.dram is not None
        unit, homes, counted = chip.dram.burst, 1, chip.dram.burst
    done: dict[str, Ints] = {}

    def add(table: Mapping[str, ClosedForm], homes: int, times: Ints | int) -> None:
        for way in moved_ways(op):
            a, b = table.get(f"memory.{way}", (0, 0))
            units = ceil_div(a + b * contexts, unit * homes) * homes * times
            done[f"{store}.{way}"] = done.get(f"{store}.{way}", 0) + units * counted

    add(op.work_per_token, homes, 1)
    add(op.per_timestep, homes, n_timesteps)
    if fired is not None:
        add(op.per_spike, 1, fired)
    return done


def moved_ways(op: Op) -> tuple[str, ...]:
    """What of the memory traffic of an op goes to its own memory."""
    return ("read", "write") if op.kind in CACHED else ("read",)


def dram_ps(work: Mapping[str, Ints], chip: ChipConfig, channels: int) -> Ints:
    """Time of the bursts of an op, spread evenly over so many channels."""
    none = np.zeros(1, np.int64)
    bits = none + work.get("dram.read", none) + work.get("dram.write", none)
    if chip.dram is None:
        return none
    return ceil_div(bits // chip.dram.burst, channels) * chip.dram.access.value


def sram_ps(work: Mapping[str, Ints], chip: ChipConfig, n_homes: int) -> Ints | int:
    """Time of the words of an op, spread evenly over its home cores, each of which takes one after another."""
    actions = {"sram.read": chip.core.sram.read, "sram.write": chip.core.sram.write}
    return sum(
        ceil_div(work[name], n_homes) * action.latency.value
        for name, action in actions.items()
        if action is not None and name in work
    )
