"""Times of the rounds of a pipeline, and of the tokens in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.engine.batch_result import STAGE_TIMES, BatchResult
from simulator.engine.schedule import Segment, entry_rounds
from simulator.engine.steady import Steady
from simulator.engine.token_sample import monotone_error, standard_error, stood_for
from simulator.trace.trace import DECODE, Trace


@dataclass(frozen=True)
class SegmentTimes:
    """Times of one segment, from its start.

    Attributes
    ----------
    start_ps, end_ps
        int64 [tokens of the segment].
    spans
        (stage, token, start, end) in the order of time.
    total_ps
        Until the last token has left.
    """

    start_ps: Ints
    end_ps: Ints
    spans: list[tuple[str, int, int, int]]
    total_ps: int


class RoundTimes:
    """Rounds of one segment one after another; a token spends one round in each stage that works on it.

    In dense replay the network does the ``same`` for the same stages, and more for more of them.
    """

    def __init__(self, trace: Trace, segment: Segment, works: NDArray[np.bool_], same: bool = False) -> None:
        self._same = same
        self._tokens, self._works = segment.tokens, works[:, segment.tokens]
        self._names = [stage.stage_id for stage in trace.stages]
        self._decoded = trace.phases == DECODE
        self._entry = entry_rounds(trace, segment.tokens)
        n_rounds = int(self._entry.max()) + len(trace.stages)
        self._parts = np.zeros((len(STAGE_TIMES), n_rounds), np.int64)
        self._sampled = np.zeros_like(self._parts)
        self._carried = np.zeros(n_rounds, np.int64)
        self._decoding = np.zeros((2, n_rounds), np.int64)  # active stages: those on decoded tokens, and all

    def add(self, found: BatchResult) -> None:
        """Note the times of the rounds of a batch."""
        batch = found.batch
        for part, name in enumerate(STAGE_TIMES):
            self._parts[part, batch.rounds] = found.times[name]
            self._sampled[part, batch.rounds] = found.sampled[name]
        self._carried[batch.rounds] = batch.carried
        decoded = self._decoded[batch.tokens]
        self._decoding[0, batch.rounds], self._decoding[1, batch.rounds] = decoded.sum(axis=1), decoded.shape[1]

    def parts(self) -> Ints:
        """Parts of the time of each round, int64 [times, rounds], in the order of `STAGE_TIMES`."""
        found, at_work = self._parts.copy(), np.flatnonzero(self._decoding[1])
        found[:, at_work] += self._sampled[:, at_work[stood_for(self._carried[at_work])]]
        return found

    def total_ps(self) -> int:
        """Until the last token has left."""
        return int(self.parts().sum())

    def error_ps(self) -> float | None:
        """Standard error of the sum of the rounds, ps; None where the sample is too small to say."""
        return self._error_ps(self._decoding[1] > 0)

    def _error_ps(self, some: NDArray[np.bool_]) -> float | None:
        """Standard error of the sum of some rounds."""
        known = np.flatnonzero(some & (self._carried > 0))
        values = self._sampled[:, known].sum(axis=0)
        if self._same and len(known) > 1:
            return monotone_error(values, known)
        return standard_error(values, int(some.sum()))

    def times(self) -> SegmentTimes:
        """When each token is in the chip, and in each stage."""
        edge = np.concatenate([[0], np.cumsum(self.parts().sum(axis=0))])
        depth = len(self._names)
        last = depth - np.argmax(self._works[::-1], axis=0)  # stages up to the last that works on a token
        spans = [
            (self._names[stage], int(self._tokens[i]), int(edge[entry + stage]), int(edge[entry + stage + 1]))
            for i, entry in enumerate(self._entry.tolist())
            for stage in np.flatnonzero(self._works[:, i]).tolist()
        ]
        spans.sort(key=lambda row: row[2])
        first = np.argmax(self._works, axis=0)
        return SegmentTimes(edge[self._entry + first], edge[self._entry + last], spans, int(edge[-1]))

    def phase_ps(self) -> dict[str, int]:
        """Time of each phase; a round with both is shared out by the stages that worked on each."""
        taken = self.parts().sum(axis=0)
        decode = int((taken * self._decoding[0] // np.maximum(self._decoding[1], 1)).sum())
        return {"prefill": int(taken.sum()) - decode, "decode": decode}

    def steady(self) -> Steady:
        """Rounds in which every stage that works on all tokens is at work, or as many as there ever are."""
        always = int(self._works.all(axis=1).sum())
        most = int(self._decoding[1].max())
        full = self._decoding[1] >= min(always, most)
        error_ps = self._error_ps(full)
        return Steady(
            time_per_token_ps=float(self.parts().sum(axis=0)[full].mean()),
            rounds_per_token=self._parts.shape[1] / len(self._tokens),
            error_ps=None if error_ps is None else error_ps / int(full.sum()),
            filled=most >= always,
        )
