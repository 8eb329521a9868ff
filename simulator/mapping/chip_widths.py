"""Widths that a chip file asks for: its keys, KV heads on cores of their own, a head that memory holds."""

from __future__ import annotations

from simulator.config.chip import ChipConfig
from simulator.errors import ConfigError
from simulator.mapping.attention_heads import kv_heads
from simulator.mapping.capacity import ceil_div
from simulator.mapping.width_keys import WidthKeys
from simulator.mapping.widths import Widths
from simulator.trace.trace import Trace


def chip_widths(trace: Trace, chip: ChipConfig) -> Widths:
    """Widths of ``trace`` by `mapping.layer_cores`, `home_cores` and `head_cores` of the chip file.

    Under ``auto`` a stage with attention has a home core for each KV head, and a dense head that the memory of one
    core does not hold has as many cores of its own as hold it.

    Raises
    ------
    ConfigError
        When a key names what the trace does not have, or more cores than a stage or layer has elements.
    """
    mapping = chip.mapping
    keys = WidthKeys(mapping.layer_cores, mapping.home_cores, mapping.head_cores)
    faults = [f"{chip.name}: mapping.{'.'.join(map(str, path))}: {text}" for path, text in keys.faults(trace)]
    if faults:
        raise ConfigError(faults)
    return keys.widths(trace).over(Widths(_attention_homes(trace), op_cores=_head_cores(trace, chip)))


def _attention_homes(trace: Trace) -> dict[str, int]:
    """Stages with attention, each with a home core for each KV head."""
    heads = {stage.stage_id: min(kv_heads(stage, trace), stage.width) for stage in trace.stages}
    return {stage_id: n for stage_id, n in heads.items() if n > 1}


def _head_cores(trace: Trace, chip: ChipConfig) -> dict[str, int]:
    """A dense head of which a core holds but a part, with the cores that hold it all."""
    bound = chip.memory.capacity
    if bound is None or chip.mapping.head != "memory":
        return {}
    found = {}
    for stage in trace.stages:
        values = ceil_div(stage.width * chip.core.dendrite.accumulator_bits, 8)
        for op in (trace.op_by_id[op_id] for op_id in stage.ops):
            table = ceil_div(op.work_per_token.get("memory.read", (0, 0))[0], 8)
            if op.kind == "head" and table + values > bound:
                found[op.op_id] = min(ceil_div(table + values, bound), stage.width)
    return found
