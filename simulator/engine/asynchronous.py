"""A pipeline without barriers: each stage starts a token when its inputs are there and its output is free.

`simulator.engine.oracle.reference_flow` says the same in plain Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.engine.round_times import SegmentTimes
from simulator.engine.schedule import Segment, entry_rounds
from simulator.engine.steady import Steady
from simulator.engine.token_order import follows_in
from simulator.trace.trace import DECODE, Trace


@dataclass(frozen=True)
class Flow:
    """When each stage works on each token of a segment, int64 ps [stages, tokens], and what decides it.

    Attributes
    ----------
    start, end
        From the start of the segment; 0 where a stage does not work on a token.
    path
        (stage, token) in the order of time: the critical path, whose times add up to that of the segment.
    """

    start: Ints
    end: Ints
    path: tuple[tuple[int, int], ...]

    def times(self, names: list[str], segment: Segment, works: NDArray[np.bool_]) -> SegmentTimes:
        """As the times of a segment; ``works`` bool [stages, tokens of the segment]."""
        stage, token = np.nonzero(works)
        begin, done = self.start[stage, token], self.end[stage, token]
        order = np.argsort(begin, kind="stable").tolist()
        spans = [(names[stage[k]], int(segment.tokens[token[k]]), int(begin[k]), int(done[k])) for k in order]
        first = np.argmax(works, axis=0)
        return SegmentTimes(
            self.start[first, np.arange(works.shape[1])], self.end.max(axis=0), spans, int(self.end.max())
        )

    def under_way(self, stages: Sequence[int]) -> int:
        """For how long any of some stages is at work, ps."""
        start, end = self.start[list(stages)].reshape(-1), self.end[list(stages)].reshape(-1)
        order = np.argsort(start, kind="stable")
        reached = np.maximum.accumulate(np.concatenate([[0], end[order]]))
        return int(np.maximum(end[order] - np.maximum(start[order], reached[:-1]), 0).sum())

    def steady(self, works: NDArray[np.bool_], error_ps: float | None) -> Steady:
        """The mean time between tokens that leave the last stage that works on all of them."""
        always = np.flatnonzero(works.all(axis=1))
        left = np.sort(self.end[always[-1] if len(always) else 0])
        n = len(left) - 1
        interval = float(left[-1] - left[0]) / n if n else float(left[0])
        return Steady(interval, 1.0, None if error_ps is None else error_ps / (n + 1), filled=n > 0)


def flow(trace: Trace, segment: Segment, works: NDArray[np.bool_], taken: Ints) -> Flow:
    """The flow of a segment; ``works`` bool and ``taken`` int64 ps are [stages, tokens of the segment]."""
    tokens = segment.tokens
    follows = (trace.phases[tokens] == DECODE) & follows_in(trace, tokens)
    start, end = np.zeros_like(taken), np.zeros_like(taken)
    reason: dict[tuple[int, int], tuple[int, int, bool]] = {}  # what is waited for, and whether for its end
    at: dict[int, int] = {}  # stage -> the token that it has had last
    last: dict[int, int] = {}  # token -> its last stage so far
    for token in np.argsort(entry_rounds(trace, tokens), kind="stable").tolist():
        ready = (last[token - 1], token - 1, True) if follows[token] and token - 1 in last else None
        for stage in np.flatnonzero(works[:, token]).tolist():
            waited = [] if ready is None else [ready]
            if stage in at:
                before = at[stage]
                waited.append((stage, before, True))
                takers = np.flatnonzero(works[stage + 1 :, before])
                if len(takers):
                    waited.append((stage + 1 + int(takers[0]), before, False))
            if waited:
                until = [(end if is_end else start)[s, t] for s, t, is_end in waited]
                reason[stage, token] = waited[int(np.argmax(until))]
                start[stage, token] = max(until)
            end[stage, token] = start[stage, token] + taken[stage, token]
            ready, at[stage], last[token] = (stage, token, True), token, stage
    return Flow(start, end, _critical(end, reason))


def _critical(end: Ints, reason: dict[tuple[int, int], tuple[int, int, bool]]) -> tuple[tuple[int, int], ...]:
    """Back from what ends last: each work that something waited for the end of."""
    stage, token = np.unravel_index(int(end.argmax()), end.shape)
    now, path = (int(stage), int(token)), [(int(stage), int(token))]
    while now in reason:
        *before, is_end = reason[now]
        now = before[0], before[1]
        if is_end:
            path.append(now)
    return tuple(reversed(path))
