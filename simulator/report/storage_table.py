"""What is in memory besides weights: where KV cache, embedding, head and buffers are, how large, how full it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simulator.mapping.capacity import ceil_div
from simulator.mapping.fit import storage_frame
from simulator.mapping.kv_cache_size import positions_held
from simulator.mapping.mapped import Mapped
from simulator.mapping.storage import Stored, kinds_line, memory_bytes
from simulator.report.format import format_bytes, format_share
from simulator.report.run import Run

WORDS = {"memory": "vector memory", "sram": "SRAM", "dram": "DRAM"}
NAMES = {"kv_cache": "KV cache", "embedding": "embedding", "head": "head"}  # what the mapping places


def storage_dict(run: Run) -> dict[str, Any]:
    """Sizes by kind, over all stages, and the fullest memory behind a vector unit; bytes."""
    table = storage_frame(run.mapped)
    by_kind = {
        str(kind): {
            "stores": {str(store): int(n) for store, n in rows.groupby("store", sort=False)["bytes"].sum().items()},
            "bytes": int(rows["bytes"].sum()),
            "bytes_per_token": float(rows["bytes_per_token"].sum()),
        }
        for kind, rows in table.groupby("kind", sort=False)
    }
    used, capacity = _fullest(run.mapped)[1], run.chip.memory.capacity
    return {
        "positions": positions_held(run.trace, run.chip),
        "by_kind": by_kind,
        "memory": {
            "fullest_core_bytes": used,
            "capacity_bytes": capacity,
            "share": None if capacity is None else used / capacity,
        },
    }


def storage_line(run: Run) -> str:
    """Where the KV cache, the embedding and the head are, and how full the memory of the fullest core is."""
    stored = run.mapped.stored
    words = [_words(name, [item for item in stored if item.kind == kind]) for kind, name in NAMES.items()]
    core, used, _ = _fullest(run.mapped)
    capacity = run.chip.memory.capacity
    of = (
        "(no capacity in the chip file)"
        if capacity is None
        else f"of {format_bytes(capacity)} ({format_share(used / capacity)})"
    )
    fullest = f"largest vector memory: core {core}, {format_bytes(used)} {of}"
    return "storage: " + "; ".join([*filter(None, words), fullest])


def unbounded(mapped: Mapped) -> Iterable[str]:
    """The warning about a chip file that does not say how much its memory holds."""
    if mapped.chip.memory.capacity is not None:
        return
    core, used, kinds = _fullest(mapped)
    if used:
        yield (
            f"memory.capacity is not set: {used} bytes on core {core} ({kinds}) are assumed to fit, at an energy and"
            " a time"
            " that do not depend on size; set memory.capacity to check the fit"
        )


def _words(name: str, items: list[Stored]) -> str:
    """``KV cache 64 B (16 B per token) in DRAM``; nothing where there is none."""
    if not items:
        return ""
    size = sum(ceil_div(item.bits, 8) for item in items)
    grows = sum(item.bits_per_token for item in items) / 8
    per_token = f" ({format_bytes(grows)} per token)" if grows else ""
    return f"{name} {format_bytes(size)}{per_token} in {' and '.join(dict.fromkeys(WORDS[i.store] for i in items))}"


def _fullest(mapped: Mapped) -> tuple[int, int, str]:
    """Core with most behind its vector unit, how many bytes, and of what."""
    found = memory_bytes(mapped.stored, mapped.placement)
    if not found:
        return 0, 0, ""
    core = max(found, key=lambda core: found[core].total())
    return core, found[core].total(), kinds_line(found[core])
