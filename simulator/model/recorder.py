"""Collects the spike counts of a forward pass and makes them a Trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.model.program import Program
from simulator.trace.encoding import Encoding
from simulator.trace.trace import DECODE, Trace


class Recorder:
    """Counts per stream, passage after passage; hand `record` to a `SpikingLinear`."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._dtype = np.int8 if encoding.levels <= np.iinfo(np.int8).max else np.int16
        self._parts: dict[str, list[NDArray[np.integer]]] = {}

    def record(self, stream_id: str, counts: NDArray[np.int16]) -> None:
        """Keep the counts [tokens, n] of a stream for one passage."""
        self._parts.setdefault(stream_id, []).append(counts.astype(self._dtype))

    def trace(
        self, name: str, program: Program, lengths: Sequence[int], origin: Mapping[str, object], n_decoded: int = 0
    ) -> Trace:
        """The Trace of what was recorded.

        ``lengths`` are the tokens of each passage, in order: positions start at 0 in each. The last ``n_decoded`` of
        them were generated.
        """
        widths = {stream.stream_id: stream.n for stream in program.streams}
        counts = {i: np.concatenate([_widened(part, widths[i]) for part in parts]) for i, parts in self._parts.items()}
        phases = np.zeros(sum(lengths), np.uint8)
        phases[len(phases) - n_decoded :] = DECODE
        positions = np.concatenate([np.arange(n, dtype=np.int64) for n in lengths])
        return program.trace(name, self._encoding, positions, phases, origin, counts.__getitem__)


def _widened(counts: NDArray[np.integer], n: int) -> NDArray[np.integer]:
    """Counts [tokens, m] with zeros up to n: a local stream is as wide as the longest context makes it."""
    return np.pad(counts, ((0, 0), (0, n - counts.shape[1])))
