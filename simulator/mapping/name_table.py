"""Tables of widths by name: ids of a program, patterns of ids as of a shell, or kinds of stages, layers and ops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TypeVar

from simulator.trace.trace import Trace

Entry = TypeVar("Entry")
Names = Mapping[str, Sequence[str]]  # id -> its kinds


def stage_names(trace: Trace) -> Names:
    """Each stage, and the last part of its id: ``attn_out`` of ``blocks.3.attn_out``."""
    return {stage.stage_id: (last_part(stage.stage_id),) for stage in trace.stages}


def layer_names(trace: Trace) -> Names:
    """Each layer, its kind, the last part of its id, and the kind of the stage that drives it."""
    return {
        layer_id: (trace.layer_by_id[layer_id].kind, last_part(layer_id), last_part(stage.stage_id))
        for stage in trace.stages
        for layer_id in stage.layers
    }


def op_names(trace: Trace) -> Names:
    """Each op and its kind."""
    return {op.op_id: (op.kind, last_part(op.op_id)) for op in trace.ops}


def last_part(name: str) -> str:
    """What stands behind the last dot of an id."""
    return name.rpartition(".")[2]


def entry_of(name: str, kinds: Sequence[str], table: Mapping[str, Entry]) -> Entry | None:
    """The entry of ``name``: its own, or that of the first key that is a pattern of it or one of its kinds."""
    if name in table:
        return table[name]
    return next((entry for key, entry in table.items() if names_it(key, name, kinds)), None)


def names_it(key: str, name: str, kinds: Sequence[str]) -> bool:
    """Whether a key of a table names this stage, layer or op."""
    return key == name or key in kinds or fnmatchcase(name, key)
