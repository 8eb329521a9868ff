"""Whether everything besides the weights fits: the memory behind the vector unit, the SRAM of a core, the DRAM."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from simulator.config.chip import ChipConfig
from simulator.errors import CapacityError
from simulator.mapping.capacity import ceil_div
from simulator.mapping.kv_cache_size import positions_held, sram_bytes
from simulator.mapping.placement import Placement
from simulator.mapping.storage import STAY, Kind, Stored, kinds_line, memory_bytes
from simulator.trace.trace import Trace


def check_storage(stored: Sequence[Stored], trace: Trace, chip: ChipConfig, placement: Placement) -> None:
    """Check what `simulator.mapping.storage.place_storage` placed against the limits of the chip.

    Raises
    ------
    CapacityError
        When a memory has no room for its part: demand, bound, gap and what would help.
    """
    _check_memory(stored, chip, placement)
    _check_shared(stored, chip, placement)
    _check_sram(stored, trace, chip, placement)
    _check_dram(stored, chip, placement)


def _check_memory(stored: Sequence[Stored], chip: ChipConfig, placement: Placement) -> None:
    """Refuse a core with more behind its vector unit than its memory holds."""
    bound = chip.memory.capacity
    found = memory_bytes(stored, placement)
    if bound is None or not found:
        return
    core = max(found, key=lambda core: found[core].total())
    demand = found[core].total()
    if demand > bound:
        raise CapacityError(
            f"{chip.name}: core {core} needs {demand} bytes of memory ({kinds_line(found[core])}), limit {bound}"
            f" ({demand - bound} over); {_lever(found[core], chip)}raise memory.capacity or lower core.limits.neurons"
        )


def _lever(kinds: Counter[Kind], chip: ChipConfig) -> str:
    """Where the largest part could go instead."""
    largest = max(kinds, key=lambda kind: kinds[kind])
    if largest not in STAY:
        return ""
    return (
        f"set mapping.{largest} to dram, " if chip.dram is not None else f"give the chip a dram for mapping.{largest}, "
    )


def _check_shared(stored: Sequence[Stored], chip: ChipConfig, placement: Placement) -> None:
    """Refuse a core whose SRAM does not hold its weights and what its vector unit keeps, where these are one memory."""
    found = memory_bytes(stored, placement) if chip.memory.in_sram else {}
    weights = _weights(placement) if found else Counter()
    bound = chip.core.sram.capacity
    for core, kinds in found.items():
        if (demand := kinds.total() + weights[core]) > bound:
            raise CapacityError(
                f"{chip.name}: core {core} needs {demand} bytes of SRAM ({weights[core]} of weights,"
                f" {kinds_line(kinds)}), limit {bound} ({demand - bound} over): its memory is in its SRAM"
                f" (memory.in_sram); {_lever(kinds, chip)}set mapping.share_cores=false or raise core.sram.capacity"
            )


def _weights(placement: Placement) -> Counter[int]:
    """Core -> bytes of weights that are there at the same time."""
    weights: Counter[int] = Counter()
    for block in placement.blocks:
        if block.role == "layer":
            others = 0 if placement.streamed else weights[block.core]
            weights[block.core] = max(weights[block.core], others + block.sram_bytes)
    return weights


def _check_sram(stored: Sequence[Stored], trace: Trace, chip: ChipConfig, placement: Placement) -> None:
    """Refuse a core whose SRAM does not hold its caches together with the weights that are there at the same time."""
    caches: Counter[int] = Counter()
    for item in (item for item in stored if item.store == "sram"):
        homes = placement.of(item.stage)
        share = sram_bytes(item.bits_per_token, positions_held(trace, chip), len(homes), chip)
        caches.update({home.core: share for home in homes})
    weights = _weights(placement) if caches else Counter()
    bound = chip.core.sram.capacity
    for core, cache in caches.items():
        if (demand := cache + weights[core]) > bound:
            raise CapacityError(
                f"{chip.name}: core {core} needs {demand} bytes of SRAM ({cache} of KV cache, {weights[core]} of"
                f" weights), limit {bound} ({demand - bound} over); set mapping.kv_cache to dram, raise"
                " core.sram.capacity or take fewer tokens"
            )


def _check_dram(stored: Sequence[Stored], chip: ChipConfig, placement: Placement) -> None:
    """Refuse more off the chips than their DRAM holds: what the mapping put there, and streamed weights."""
    if chip.dram is None or chip.dram.capacity is None:
        return
    kept = sum(ceil_div(item.bits, 8) for item in stored if item.store == "dram")
    weights = sum(block.sram_bytes for block in placement.blocks if block.owner in placement.streamed)
    demand, bound = kept + weights, chip.dram.capacity * placement.n_chips
    if demand > bound:
        raise CapacityError(
            f"{chip.name}: {demand} bytes of DRAM are needed ({kept} of caches and tables, {weights} of streamed"
            f" weights), limit {bound} on {placement.n_chips} chip(s) ({demand - bound} over); raise dram.capacity or"
            " take fewer tokens"
        )
