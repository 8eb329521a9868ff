"""What a capture of a torch module found, before it is a Trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulator.model.program import Program
from simulator.model.recorder import Recorder
from simulator.trace.encoding import Encoding
from simulator.trace.trace import Trace


@dataclass(frozen=True)
class Captured:
    """Streams, layers and counts of one call.

    Attributes
    ----------
    program
        Streams, layers, ops and stages.
    encoding
        Code of all streams.
    counts
        Stream id -> counts, integer [rows, n].
    lengths
        Rows of each sample.
    n_clipped
        Activations that exceeded the largest count and were clipped.
    n_encoded
        Activations that were encoded; integers that are used as spike counts are not among them.
    notes
        What was assumed, in words.
    origin
        Further facts, in JSON types.
    """

    program: Program
    encoding: Encoding
    counts: Mapping[str, NDArray[np.int16]]
    lengths: list[int]
    n_clipped: int = 0
    n_encoded: int = 0
    notes: tuple[str, ...] = ()
    origin: Mapping[str, object] = field(default_factory=dict)

    def trace(self, name: str, origin: Mapping[str, object]) -> Trace:
        """The Trace, with an origin that says all of it."""
        recorder = Recorder(self.encoding)
        for stream_id, counts in self.counts.items():
            recorder.record(stream_id, counts)
        return recorder.trace(name, self.program, self.lengths, {**origin, **self.origin})
