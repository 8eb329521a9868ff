"""Exact totals of a trace: spikes, synops and dense MACs, over all tokens and timesteps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.trace.trace import Op, Trace


def stream_spikes(trace: Trace, stream_id: str) -> int:
    """Spikes of one stream: each -1 or 1 of each timestep of each token counts as one."""
    return int(trace.spikes_per_token(stream_id).sum())


def layer_synops(trace: Trace) -> dict[str, int]:
    """Synops of each layer, by layer id: spikes of its stream x its fan-out (every weight of the row, zeros too)."""
    spikes = {stream_id: stream_spikes(trace, stream_id) for stream_id in dict.fromkeys(x.stream for x in trace.layers)}
    return {layer.layer_id: spikes[layer.stream] * layer.n_out for layer in trace.layers}


def layer_macs(trace: Trace) -> dict[str, int]:
    """Dense MACs of each layer, by layer id: tokens x n_in x n_out, as if it took plain activations."""
    return {layer.layer_id: trace.n_tokens * layer.n_in * layer.n_out for layer in trace.layers}


def total_spikes(trace: Trace) -> int:
    """Spikes of all streams, local ones included."""
    return sum(stream_spikes(trace, stream.stream_id) for stream in trace.streams)


def total_synops(trace: Trace) -> int:
    """Synops of all layers."""
    return sum(layer_synops(trace).values())


def total_macs(trace: Trace) -> int:
    """Dense MACs of all spike-driven layers; the ops (attention, norms, head) are not in it."""
    return sum(layer_macs(trace).values())


def op_synops(trace: Trace) -> dict[str, int]:
    """Additions that spikes of local streams trigger, by the id of their op (QK^T and PV of spiking attention)."""
    return {
        op.op_id: int(_triggered(op, trace, trace.spikes_per_token(op.stream), "vector.add"))
        for op in trace.ops
        if op.stream is not None
    }


def op_macs(trace: Trace) -> dict[str, int]:
    """Multiply-accumulates of QK^T and PV, by op id: those dense ones, or what spikes stand for."""
    found: dict[str, int] = {}
    for op in trace.ops:
        if op.stream is not None:
            found[op.op_id] = int(_triggered(op.dense(), trace, trace.live(op.stream), "vector.mac"))
        elif op.kind in ("qk", "pv"):
            a, b = op.work_per_token.get("vector.mac", (0, 0))
            found[op.op_id] = int((a + b * trace.contexts).sum())
    return found


def _triggered(op: Op, trace: Trace, events: NDArray[np.int64], action: str) -> np.int64:
    """How often all events of all tokens do an action."""
    a, b = op.per_spike.get(action, (0, 0))
    total: np.int64 = ((a + b * trace.contexts) * events).sum()
    return total
