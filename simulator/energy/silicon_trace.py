"""The events of a measurement as a trace: layers one after another, spikes by a known pattern."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulator.energy.silicon_case import Events
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Layer


def events_trace(events: Events) -> Trace:
    """The trace of ``events``.

    A layer may have more outputs than the next has inputs: projections of one vector that stand next to each other.
    """
    layers = events.layers * events.repeat
    widths = [n_in for n_in, _ in layers]
    trace = synthetic_trace(
        "silent" if events.pattern == "once" else events.pattern,
        (*widths, layers[-1][1]),
        code=events.code,
        levels=events.levels,
        tokens=events.tokens,
        mean_count=events.mean_count,
        weight_bits=events.weight_bits,
        ops=False,
        head=False,
        seed=events.seed,
    )
    wide = tuple(
        Layer(layer.layer_id, layer.kind, n_in, n_out, layer.weight_bits, layer.stream)
        for layer, (n_in, n_out) in zip(trace.layers, layers, strict=True)
    )
    trace = replace(trace, layers=wide)
    if events.pattern == "once":
        return replace(trace, load_counts=_Once(events.tokens, widths[0], events.spikes or 0, events.seed))
    return trace


@dataclass(frozen=True)
class _Once:
    """``spikes`` of the inputs at random, each once, spread evenly over the tokens."""

    tokens: int
    width: int
    spikes: int
    seed: int

    def __call__(self, stream_id: str) -> NDArray[np.int16]:
        counts = np.zeros((self.tokens, self.width), np.int16)
        rows = np.random.Generator(np.random.PCG64(self.seed)).permutation(self.width)[: self.spikes]
        counts[np.arange(self.spikes) % self.tokens, rows] = 1
        return counts
