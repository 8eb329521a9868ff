"""A local stream for any trace: its spikes trigger the work of an op and never leave the home cores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from simulator.trace.trace import Trace
from simulator.trace.trace_program import ClosedForm, Op, Stream


def with_local_stream(
    trace: Trace,
    live: ClosedForm,
    per_spike: Mapping[str, ClosedForm],
    counts: np.ndarray | None = None,
    seed: int = 0,
) -> Trace:
    """``trace`` with a stream ``local`` of ``live`` activations that triggers an op ``scores`` of the last stage.

    Its counts are those given, [tokens, n], or drawn over all levels of the encoding.
    """
    a, b = live
    n = max(a + b * int(trace.contexts.max()), 1)
    if counts is None:
        low = -trace.encoding.levels if trace.encoding.signed else 0
        counts = np.random.default_rng(seed).integers(low, trace.encoding.levels + 1, (trace.n_tokens, n))
        counts = np.where(np.arange(n) < (a + b * trace.contexts)[:, None], counts, 0).astype(np.int16)
    last = trace.stages[-1]
    return replace(
        trace,
        streams=(*trace.streams, Stream("local", n, live)),
        ops=(*trace.ops, Op("scores", "qk", {"vector.mul": (0, 1)}, {}, "local", per_spike, operand_bits=8)),
        stages=(*trace.stages[:-1], replace(last, ops=(*last.ops, "scores"))),
        load_counts=lambda stream_id: counts if stream_id == "local" else trace.spike_counts(stream_id),
    )
