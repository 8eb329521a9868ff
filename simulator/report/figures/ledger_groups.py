"""Which picture row a ledger layer belongs to: its kind (summed over blocks) and its block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from simulator.actions import COMPONENTS
from simulator.engine.result import CHIP
from simulator.report.tables import split_block
from simulator.trace.trace import Trace

NO_BLOCK = "none"  # column of what no block owns: embedding, head
SPIKES_OF = "spikes of {}"


class Group(NamedTuple):
    """Kind of a layer, stage or op, and the block it is in (`NO_BLOCK` for none)."""

    kind: str
    block: str


def block_name(identifier: str) -> str:
    """Number of the block that an id is in, as text, or `NO_BLOCK`: ``blocks.3.attn_in`` -> ``3``."""
    block = split_block(identifier)[0]
    return NO_BLOCK if block is None else str(block)


def trace_groups(trace: Trace) -> Mapping[str, Group]:
    """Group of every id that the ledger may name, in the order in which a token meets them.

    An op goes under its kind, a linear layer under its kind, and a stage (which owns the encoder and the network of its
    stream) under ``spikes of <stream>``.
    """
    groups: dict[str, Group] = {}
    for stage in trace.stages:
        for op_id in stage.ops:
            groups.setdefault(op_id, Group(trace.op_by_id[op_id].kind, block_name(op_id)))
        name = split_block(stage.stage_id)[1]
        kind = SPIKES_OF.format(name) if stage.stream else name
        groups.setdefault(stage.stage_id, Group(kind, block_name(stage.stage_id)))
        for layer_id in stage.layers:
            groups.setdefault(layer_id, Group(trace.layer_by_id[layer_id].kind, block_name(layer_id)))
    return groups


def grouped_energy(rows: pd.DataFrame, trace: Trace) -> pd.DataFrame:
    """Ledger rows with the columns ``kind`` and ``block`` added; what belongs to the chip gets a kind per component.

    A layer that the trace does not know keeps its id as its kind: its energy is shown, not dropped.
    """
    groups = trace_groups(trace)
    found = [
        Group(_chip_row(component), CHIP) if layer == CHIP else groups.get(layer, Group(layer, block_name(layer)))
        for layer, component in zip(rows["owner"], rows["component"], strict=True)
    ]
    return rows.assign(kind=[group.kind for group in found], block=[group.block for group in found])


def _chip_row(component: str) -> str:
    """Name of the row of a component that the chip as a whole pays for."""
    known = COMPONENTS.get(component)
    return known.chip_row or component if known else component


def kind_order(trace: Trace, present: pd.Series) -> list[str]:
    """Kinds in ``present``, in the order a token meets them; others after them in the order of appearance."""
    first_met = dict.fromkeys(group.kind for group in trace_groups(trace).values())
    here = list(dict.fromkeys(present))
    return [kind for kind in first_met if kind in here] + [kind for kind in here if kind not in first_met]
