"""The KV cache of a stage: its bits, the positions it holds, and its room in the SRAM of the home cores."""

from __future__ import annotations

import numpy as np

from simulator.config.chip import ChipConfig
from simulator.errors import CapacityError
from simulator.mapping.capacity import ceil_div
from simulator.trace.sequences import text_numbers
from simulator.trace.trace import DECODE, Trace
from simulator.trace.trace_program import Stage


def cache_bits(stage: Stage, trace: Trace) -> int:
    """Bits that a token adds to the cache of a stage: what its op of kind ``kv_cache`` writes; 0 where it has none."""
    ops = [trace.op_by_id[op_id] for op_id in stage.ops]
    return sum(op.work_per_token.get("memory.write", (0, 0))[0] for op in ops if op.kind == "kv_cache")


def positions_held(trace: Trace, chip: ChipConfig) -> int:
    """Positions for which a cache must have room: the longest context of each text that is in the chip together.

    These are the ``schedule.batch`` texts of a batch. A pipeline holds all texts of the trace. Under ``auto`` a batch
    that generates has the chip for itself, so all batches up to one that generates are held together. Copies that fill
    a batch (`simulator.trace.batches`) count, whether they are in the trace yet or not.
    """
    schedule, texts = chip.schedule, text_numbers(trace.positions)
    longest, generates = np.zeros(int(texts[-1]) + 1, np.int64), np.zeros(int(texts[-1]) + 1, np.int64)
    np.maximum.at(longest, texts, trace.contexts)
    generates[texts[trace.phases == DECODE]] = 1
    if generates.any():
        n_texts = ceil_div(len(longest), schedule.batch) * schedule.batch
        longest, generates = np.resize(longest, n_texts), np.resize(generates, n_texts)
    batches = np.arange(len(longest)) // schedule.batch
    if schedule.kind == "pipelined":
        batches = np.zeros_like(batches)
    elif schedule.kind == "auto":
        of_batch = np.maximum.reduceat(generates, np.arange(0, len(generates), schedule.batch))
        batches = (np.cumsum(of_batch) - of_batch)[batches]
    return int(np.bincount(batches, weights=longest).max())


def sram_bytes(bits: int, positions: int, n_homes: int, chip: ChipConfig) -> int:
    """SRAM of each of ``n_homes`` cores for a cache of ``bits`` per position; the share of a position starts a word."""
    word = chip.core.sram.word
    return ceil_div(positions * ceil_div(bits, n_homes * word) * word, 8)


def homes_for_cache(stage: Stage, trace: Trace, chip: ChipConfig) -> int:
    """Fewest home cores whose SRAM holds the cache of a stage, where `mapping.kv_cache` puts it there; else 1.

    Raises
    ------
    CapacityError
        When even one core for each element of the stage's vector does not do.
    """
    bits = cache_bits(stage, trace)
    if chip.mapping.kv_cache != "sram" or bits == 0:
        return 1
    word, positions, bound = chip.core.sram.word, positions_held(trace, chip), chip.core.sram.capacity
    words = 8 * bound // (positions * word)  # for each position
    homes = ceil_div(bits, words * word) if words else stage.width + 1
    if homes <= stage.width:
        return homes
    demand = sram_bytes(bits, positions, stage.width, chip)
    raise CapacityError(
        f"{chip.name}: {stage.stage_id}: a KV cache of {positions} positions of {bits} bits needs {demand} bytes of"
        f" SRAM on each of {stage.width} home cores, limit {bound} ({demand - bound} over); set mapping.kv_cache to"
        " dram, raise core.sram.capacity or take fewer tokens"
    )
