"""Exact totals of a trace: spikes, synops and dense MACs, over all tokens and timesteps."""

from __future__ import annotations

from simulator.trace.trace import Trace


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
