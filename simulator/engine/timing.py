"""From the times of batches to the times of tokens, under each schedule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.config.chip import Schedule
from simulator.engine.batch_result import STAGE_TIMES, BatchResult
from simulator.engine.picoseconds import check_ps
from simulator.engine.schedule import Segment, at_work, chunks, entry_rounds, segments
from simulator.engine.steady import Steady
from simulator.trace.trace import DECODE, PHASES, Trace

SPAN_COLUMNS = ("stage", "token", "start_ps", "end_ps")
PIPELINE = "pipeline"  # the row of `SimResult.stages` where all stages work at once


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


class ScheduleTiming:
    """The segments of a trace one after another."""

    def __init__(self, trace: Trace, schedule: Schedule) -> None:
        self._trace, self._works = trace, at_work(trace)
        self._segments = segments(trace, schedule.kind)
        self._chunk = schedule.chunk
        self._parts = np.zeros((len(trace.stages), len(STAGE_TIMES), trace.n_tokens), np.int64)
        self._row = {stage.stage_id: row for row, stage in enumerate(trace.stages)}
        self._rounds = {i: RoundTimes(trace, s, self._works) for i, s in enumerate(self._segments) if s.pipelined}

    def add(self, found: BatchResult) -> None:
        """Note the times of a batch."""
        if found.batch.segment >= 0:
            self._rounds[found.batch.segment].add(found)
            return
        (stage,) = found.batch.stages
        for part, name in enumerate(STAGE_TIMES):
            self._parts[self._row[stage.stage_id], part, found.batch.tokens[:, 0]] = found.times[name]

    def tokens(self) -> pd.DataFrame:
        """See `SimResult.tokens`; raises CapacityError for times beyond 64 bits."""
        for parts in (self._parts, *(rounds.parts for rounds in self._rounds.values())):
            check_ps(parts)
        start, end = np.zeros(self._trace.n_tokens, np.int64), np.zeros(self._trace.n_tokens, np.int64)
        for now, segment, times in self._in_time():
            start[segment.tokens], end[segment.tokens] = now + times.start_ps, now + times.end_ps
        return token_frame(self._trace, start, end)

    def total_ps(self) -> int:
        """Until the last segment is over."""
        return sum(times.total_ps for _, _, times in self._in_time())

    def spans(self) -> pd.DataFrame:
        """See `SimResult.spans`."""
        rows = [
            (stage_id, token, now + start, now + end)
            for now, _, times in self._in_time()
            for stage_id, token, start, end in times.spans
        ]
        return pd.DataFrame(rows, columns=list(SPAN_COLUMNS))

    def stages(self) -> pd.DataFrame:
        """See `SimResult.stages`: a row for the rounds in which all stages work at once, and one per stage alone."""
        rows = {}
        if self._rounds:
            rows[PIPELINE] = sum(rounds.parts.sum(axis=1) for rounds in self._rounds.values())
        if len(self._rounds) < len(self._segments):
            rows |= {stage_id: self._parts[row].sum(axis=1) for stage_id, row in self._row.items()}
        frame = pd.DataFrame([times.tolist() for times in rows.values()], columns=list(STAGE_TIMES))
        total = frame.sum(axis=1)
        frame.insert(0, "stage", list(rows))
        return frame.assign(total_ps=total)

    def phase_ps(self) -> dict[str, int]:
        """Time in which the chip worked on tokens of each phase; adds up to the total."""
        per_token = self._parts.sum(axis=(0, 1))
        found: dict[str, int] = {
            name: int(per_token[self._trace.phases == phase].sum()) for phase, name in enumerate(PHASES)
        }
        for rounds in self._rounds.values():
            for name, ps in rounds.phase_ps().items():
                found[name] += ps
        return found

    def steady(self) -> Steady:
        """The pipeline while it is full, of the segment with most tokens; without one, the mean of all tokens."""
        if not self._rounds:
            return Steady(self.total_ps() / self._trace.n_tokens, None)
        longest = max(self._rounds, key=lambda i: len(self._segments[i].tokens))
        return self._rounds[longest].steady()

    def _in_time(self) -> list[tuple[int, Segment, SegmentTimes]]:
        """When each segment starts, and its times."""
        found, now = [], 0
        for number, segment in enumerate(self._segments):
            rounds = self._rounds.get(number)
            times = self._one_by_one(segment.tokens) if rounds is None else rounds.times()
            found.append((now, segment, times))
            now += times.total_ps
        return found

    def _one_by_one(self, tokens: Ints) -> SegmentTimes:
        """One chunk of tokens in the chip at a time; in it a stage takes one token after another."""
        taken = self._parts[:, :, tokens].sum(axis=1)  # [stages, tokens]
        works, names = self._works[:, tokens], list(self._row)
        start, end = np.zeros(len(tokens), np.int64), np.zeros(len(tokens), np.int64)
        spans, now = [], 0
        for chunk in chunks(self._trace.take(tokens), self._chunk):
            for row, stage_id in enumerate(names):
                for token in chunk[works[row, chunk]].tolist():
                    if not works[:row, token].any():
                        start[token] = now
                    spans.append((stage_id, int(tokens[token]), now, now + int(taken[row, token])))
                    now = end[token] = now + int(taken[row, token])
        return SegmentTimes(start, end, spans, now)


class RoundTimes:
    """Rounds of one segment one after another; a token spends one round in each stage that works on it.

    Attributes
    ----------
    parts
        int64 [times, rounds], in the order of `STAGE_TIMES`.
    """

    def __init__(self, trace: Trace, segment: Segment, works: NDArray[np.bool_]) -> None:
        self._tokens, self._works = segment.tokens, works[:, segment.tokens]
        self._names = [stage.stage_id for stage in trace.stages]
        self._decoded = trace.phases == DECODE
        self._entry = entry_rounds(trace.take(segment.tokens))
        n_rounds = int(self._entry.max()) + len(trace.stages)
        self.parts = np.zeros((len(STAGE_TIMES), n_rounds), np.int64)
        self._decoding = np.zeros((2, n_rounds), np.int64)  # active stages: those on decoded tokens, and all

    def add(self, found: BatchResult) -> None:
        """Note the times of the rounds of a batch, in every round that they stand for."""
        batch, n_rounds = found.batch, self.parts.shape[1]
        decoded = self._decoded[batch.tokens]
        again = len(self._tokens) if batch.times > len(batch.rounds) else n_rounds
        for first in range(0, n_rounds, again):
            here = batch.rounds + first < n_rounds
            rounds = batch.rounds[here] + first
            for part, name in enumerate(STAGE_TIMES):
                self.parts[part, rounds] = found.times[name][here]
            self._decoding[0, rounds], self._decoding[1, rounds] = decoded[here].sum(axis=1), decoded.shape[1]

    def times(self) -> SegmentTimes:
        """When each token is in the chip, and in each stage."""
        edge = np.concatenate([[0], np.cumsum(self.parts.sum(axis=0))])
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
        taken = self.parts.sum(axis=0)
        decode = int((taken * self._decoding[0] // np.maximum(self._decoding[1], 1)).sum())
        return {"prefill": int(taken.sum()) - decode, "decode": decode}

    def steady(self) -> Steady:
        """Rounds in which every stage that works on all tokens is at work, or as many as there ever are."""
        always = int(self._works.all(axis=1).sum())
        most = int(self._decoding[1].max())
        full = self._decoding[1] >= min(always, most)
        rounds_per_token = self.parts.shape[1] / len(self._tokens)
        return Steady(float(self.parts.sum(axis=0)[full].mean()), rounds_per_token, filled=most >= always)


def token_frame(trace: Trace, start_ps: Ints, end_ps: Ints) -> pd.DataFrame:
    """One row per token, see `SimResult.tokens`."""
    return pd.DataFrame(
        {
            "token": np.arange(trace.n_tokens),
            "phase": [PHASES[phase] for phase in trace.phases],
            "position": trace.positions,
            "context": trace.contexts,
            "start_ps": start_ps,
            "end_ps": end_ps,
            "latency_ps": end_ps - start_ps,
        }
    )
