"""Statistics of a trace: how often the neurons of each stream fire, and what that makes its layers do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.trace.totals import layer_work, stream_spikes
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Stream

if TYPE_CHECKING:
    import pandas as pd


def trace_stats(trace: Trace) -> pd.DataFrame:
    """Statistics of each stream over all tokens, one row per stream, in program order.

    Returns
    -------
    pandas.DataFrame
        ``stream``; ``kind`` (last part of its id: attn_in, attn_out, mlp_in, mlp_hidden; attn_q, attn_p for the local
        streams of attention); ``n`` activations per token (the most of any token, for a local stream); ``tokens``;
        ``activations`` that were live, over all tokens; ``spikes``; ``spikes_per_activation``; ``firing_rate`` = spikes
        / (activations x T), in [0, 1]; ``zero_share`` of activations that never fire; ``max_count``, the largest
        absolute count; ``synops`` = spikes x the fan-outs of the layers that the stream drives, 0 for a local stream.
    """
    import pandas as pd

    synops = {stream.stream_id: 0 for stream in trace.streams}
    work = layer_work(trace)
    for layer in trace.layers:
        synops[layer.stream] += work[layer.layer_id].synops
    return pd.DataFrame([_row(trace, stream, synops[stream.stream_id]) for stream in trace.streams])


def _row(trace: Trace, stream: Stream, synops: int) -> dict[str, Any]:
    counts = trace.spike_counts(stream.stream_id)
    spikes = stream_spikes(trace, stream.stream_id)
    activations = int(trace.live(stream.stream_id).sum())
    return {
        "stream": stream.stream_id,
        "kind": stream.stream_id.rsplit(".", 1)[-1],
        "n": stream.n,
        "tokens": trace.n_tokens,
        "activations": activations,
        "spikes": spikes,
        "spikes_per_activation": spikes / activations,
        "firing_rate": spikes / (activations * trace.encoding.n_timesteps),
        "zero_share": 1 - np.count_nonzero(counts) / activations,
        "max_count": max(int(counts.max()), -int(counts.min())),
        "synops": synops,
    }


def stats_by_kind(stats: pd.DataFrame) -> pd.DataFrame:
    """Statistics of each kind of stream, from those of the streams (`trace_stats`), in order of first appearance.

    Returns
    -------
    pandas.DataFrame
        ``kind``; number of ``streams``; ``activations`` over all their tokens; sums of ``spikes`` and ``synops``;
        ``spikes_per_activation``, ``firing_rate`` and ``zero_share`` over all activations (not means of the streams'
        shares); the largest ``max_count``.
    """
    weighted = stats.copy()
    shares = ["spikes_per_activation", "firing_rate", "zero_share"]
    weighted[shares] = weighted[shares].mul(weighted["activations"], axis=0)
    kinds = weighted.groupby("kind", sort=False).agg(
        streams=("stream", "size"),
        activations=("activations", "sum"),
        spikes=("spikes", "sum"),
        spikes_per_activation=("spikes_per_activation", "sum"),
        firing_rate=("firing_rate", "sum"),
        zero_share=("zero_share", "sum"),
        max_count=("max_count", "max"),
        synops=("synops", "sum"),
    )
    kinds[shares] = kinds[shares].div(kinds["activations"], axis=0)
    return kinds.reset_index()
