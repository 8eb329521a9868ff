"""What is in memory besides the weights of layers: how much of what, in which memory.

Everything of a stage is spread evenly over its home cores. KV cache, embedding, head and tables stay; a residual waits
for a later stage; spike counts and values that arrived are in use by one stage at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from simulator.config.chip import ChipConfig
from simulator.mapping.capacity import ceil_div
from simulator.mapping.kv_cache_size import cache_bits, positions_held
from simulator.mapping.placement import Placement
from simulator.trace.trace import TIED, Trace
from simulator.trace.trace_program import Op, Stage

Store = Literal["memory", "sram", "dram", "auto"]  # auto only until it is settled
Kind = Literal["kv_cache", "embedding", "head", "tables", "residual", "spike_counts", "values"]
STAY: tuple[Kind, ...] = ("kv_cache", "embedding", "head", "tables")
SPIKE_COUNTS = ("encode", "encode_heads")  # kinds of ops with a buffer of the counts that they send or use


@dataclass(frozen=True, slots=True)
class Stored:
    """One thing in memory.

    Attributes
    ----------
    stage
        At whose home cores it is used.
    owner
        Op that reads and writes it; for values the stage.
    kind
        What it is.
    store
        ``memory``: behind the vector unit of the home cores; ``sram``: with the weights; ``dram``: off the chip.
    bits
        Room that it takes, on all home cores together.
    bits_per_token
        By how much a token makes it grow; 0 for what does not.
    """

    stage: str
    owner: str
    kind: Kind
    store: Store
    bits: int
    bits_per_token: int = 0

    def core_bytes(self, placement: Placement) -> int:
        """Bytes on each home core."""
        return ceil_div(self.bits, 8 * len(placement.of(self.stage)))


def place_storage(trace: Trace, chip: ChipConfig, placement: Placement) -> tuple[Stored, ...]:
    """Everything that is in memory besides weights, in program order, where `mapping` of the chip file puts it."""
    stored = [item for stage in trace.stages for item in _stored(stage, trace, chip)]
    settled = _settled(stored, chip, placement)
    return tuple(_tied(settled) if trace.origin.get(TIED) is True else settled)


def _tied(stored: Sequence[Stored]) -> list[Stored]:
    """``stored`` with one table for embedding and head where both lie in DRAM; on cores each has its own."""
    away = any(item.kind == "head" and item.store == "dram" for item in stored)
    return [
        replace(item, bits=0) if away and item.kind == "embedding" and item.store == "dram" else item for item in stored
    ]


def stores(stored: Sequence[Stored], trace: Trace) -> dict[str, Store]:
    """Op -> memory of what it reads and writes, for the ops of all that is not behind the vector unit."""
    moved: dict[str, Store] = {item.owner: item.store for item in stored if item.store != "memory"}
    for stage in trace.stages:
        at = {moved[op_id] for op_id in stage.ops if op_id in moved and trace.op_by_id[op_id].kind == "kv_cache"}
        moved |= {op_id: store for store in at for op_id in stage.ops if trace.op_by_id[op_id].kind in ("qk", "pv")}
    return moved


def fits_at(stored: Sequence[Stored], trace: Trace, chip: ChipConfig) -> dict[str, int]:
    """Op -> fewest home cores whose memory holds its data, for those that `auto` put into DRAM on fewer.

    What else of the stage lies in memory is spread over these cores as well.
    """
    capacity = chip.memory.capacity or 0
    found: dict[str, int] = {}
    for stage in trace.stages:
        bits = sum(item.bits for item in stored if item.stage == stage.stage_id and item.store == "memory")
        for item in (item for item in stored if item.stage == stage.stage_id and item.store == "dram"):
            if capacity and getattr(chip.mapping, item.kind) == "auto":
                bits += item.bits
                found[item.owner] = ceil_div(bits, 8 * capacity)
        at = [found[op_id] for op_id in stage.ops if op_id in found and trace.op_by_id[op_id].kind == "kv_cache"]
        found |= {op_id: n for n in at for op_id in stage.ops if trace.op_by_id[op_id].kind in ("qk", "pv")}
    return found


def memory_bytes(stored: Sequence[Stored], placement: Placement) -> dict[int, Counter[Kind]]:
    """Core -> bytes of each kind behind its vector unit, at the moment when it holds most."""
    found: dict[int, Counter[Kind]] = {}
    in_use: dict[int, dict[str, Counter[Kind]]] = {}  # of each core and stage
    for item in stored:
        if item.store != "memory":
            continue
        share = item.core_bytes(placement)
        for home in placement.of(item.stage):
            kinds = found.setdefault(home.core, Counter())
            if item.kind in STAY:
                kinds[item.kind] += share
            elif item.kind == "residual":
                kinds["residual"] = max(kinds["residual"], share)
            else:
                in_use.setdefault(home.core, {}).setdefault(item.stage, Counter())[item.kind] += share
    for core, of_stage in in_use.items():
        found[core].update(max(of_stage.values(), key=lambda kinds: sum(kinds.values())))
    return found


def vocabulary(trace: Trace) -> int:
    """Rows of the embedding, as many as the head has outputs; 1, the row that is read, where the trace has no head."""
    heads = [layer.n_out for layer in trace.layers if layer.kind == "head"]
    for stage in trace.stages:
        ops = [trace.op_by_id[op_id] for op_id in stage.ops if trace.op_by_id[op_id].kind == "head"]
        heads += [op.work_per_token.get("vector.mac", (0, 0))[0] // stage.width for op in ops]
    return max(1, sum(heads))


def _stored(stage: Stage, trace: Trace, chip: ChipConfig) -> Iterator[Stored]:
    """What the ops of a stage keep, and the values that arrive for them."""
    waiting = chip.schedule.together
    for op_id in stage.ops:
        yield from (item for item in _of_op(trace.op_by_id[op_id], stage, trace, chip, waiting) if item.bits)
    arriving = sum(trace.layer_by_id[i].n_out for i in stage.sources) + sum(_width(i, trace) for i in stage.carries)
    if arriving:
        bits = arriving * chip.core.dendrite.accumulator_bits * waiting
        yield Stored(stage.stage_id, stage.stage_id, "values", "memory", bits)


def _of_op(op: Op, stage: Stage, trace: Trace, chip: ChipConfig, waiting: int) -> Iterator[Stored]:
    """What one op keeps: what it writes waits for a later stage or token, what it reads is a table."""
    read, written = (op.work_per_token.get(f"memory.{way}", (0, 0)) for way in ("read", "write"))

    def item(kind: Kind, bits: int, store: Store = "memory", per_token: int = 0) -> Stored:
        return Stored(stage.stage_id, op.op_id, kind, store, bits, per_token)

    if op.kind == "kv_cache":
        bits = cache_bits(stage, trace)
        yield item("kv_cache", bits * positions_held(trace, chip), chip.mapping.kv_cache, bits)
    elif op.kind in SPIKE_COUNTS:
        yield item("spike_counts", written[0] + written[1] * int(trace.contexts.max()))
    elif op.kind == "embedding":
        yield item("embedding", read[0] * vocabulary(trace), chip.mapping.embedding)
        yield item("residual", written[0] * waiting)
    elif op.kind == "residual":
        yield item("residual", written[0] * waiting)
    elif op.kind == "head":
        yield item("head", read[0], chip.mapping.head)
    else:
        rows = int(trace.positions.max()) + 1 if op.kind == "rotary" else 1
        yield item("tables", read[0] * rows, chip.mapping.tables)


def _width(stage_id: str, trace: Trace) -> int:
    return next(stage.width for stage in trace.stages if stage.stage_id == stage_id)


def _settled(stored: Sequence[Stored], chip: ChipConfig, placement: Placement) -> list[Stored]:
    """``stored`` with each ``auto`` in memory where its cores still have room, in program order, else in DRAM."""
    away: Store = "memory" if chip.dram is None else "dram"
    used = {core: kinds.total() for core, kinds in memory_bytes(stored, placement).items()}
    settled = []
    for item in stored:
        if item.store == "auto":
            share, homes = item.core_bytes(placement), [home.core for home in placement.of(item.stage)]
            fits = max(used.get(core, 0) for core in homes) + share <= (chip.memory.capacity or 0)
            item = replace(item, store="memory" if fits else away)
            if fits:
                used |= {core: used.get(core, 0) + share for core in homes}
        settled.append(item)
    return settled


def kinds_line(kinds: Mapping[Kind, int]) -> str:
    """``kv_cache 4096, values 96``, the largest first."""
    largest = sorted(kinds.items(), key=lambda entry: -entry[1])
    return ", ".join(f"{kind} {n}" for kind, n in largest if n)
