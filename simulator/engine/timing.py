"""From the times of batches to the times of tokens, under each schedule."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulator.arrays import Ints
from simulator.config.chip import Schedule
from simulator.engine.batch_result import STAGE_TIMES, BatchResult
from simulator.engine.picoseconds import check_ps
from simulator.engine.round_times import RoundTimes, SegmentTimes
from simulator.engine.schedule import Segment, at_work, chunks, segments
from simulator.engine.steady import Steady
from simulator.engine.token_sample import standard_error, stood_for
from simulator.trace.trace import PHASES, Trace

SPAN_COLUMNS = ("stage", "token", "start_ps", "end_ps")
PIPELINE = "pipeline"  # the row of `SimResult.stages` where all stages work at once


class ScheduleTiming:
    """The segments of a trace one after another."""

    def __init__(self, trace: Trace, schedule: Schedule) -> None:
        self._trace, self._works = trace, at_work(trace)
        self._segments = segments(trace, schedule.kind)
        self._chunk = schedule.chunk
        self._parts = np.zeros((len(trace.stages), len(STAGE_TIMES), trace.n_tokens), np.int64)
        self._sampled = np.zeros((len(trace.stages), trace.n_tokens), np.int64)
        self._carried = np.zeros((len(trace.stages), trace.n_tokens), np.int64)
        self._row = {stage.stage_id: row for row, stage in enumerate(trace.stages)}
        self._rounds = {i: RoundTimes(trace, s, self._works) for i, s in enumerate(self._segments) if s.pipelined}

    def add(self, found: BatchResult) -> None:
        """Note the times of a batch."""
        batch = found.batch
        if batch.segment >= 0:
            self._rounds[batch.segment].add(found)
            return
        row, tokens = self._row[batch.stages[0].stage_id], batch.tokens[:, 0]
        for part, name in enumerate(STAGE_TIMES):
            self._parts[row, part, tokens] = found.times[name] + found.sampled[name][stood_for(batch.carried)]
            self._sampled[row, tokens] += found.sampled[name]
        self._carried[row, tokens] = batch.carried

    def error_ps(self) -> float | None:
        """Standard error of the total, ps; None where a sample is too small to say."""
        errors = [rounds.error_ps() for rounds in self._rounds.values()]
        found = np.unique(self._carried, axis=0, return_inverse=True)
        for at, carried in enumerate(found[0]):  # stages whose network is simulated for the same tokens
            of_tokens = self._sampled[found[1].reshape(-1) == at].sum(axis=0)
            errors.append(standard_error(of_tokens[carried > 0], int(carried.sum())))
        known = [error for error in errors if error is not None]
        return None if len(known) < len(errors) else float(np.hypot.reduce(known, initial=0.0))

    def tokens(self) -> pd.DataFrame:
        """See `SimResult.tokens`; raises CapacityError for times beyond 64 bits."""
        for parts in (self._parts, *(rounds.parts() for rounds in self._rounds.values())):
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
            rows[PIPELINE] = sum(rounds.parts().sum(axis=1) for rounds in self._rounds.values())
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
            n_tokens, error_ps = self._trace.n_tokens, self.error_ps()
            return Steady(self.total_ps() / n_tokens, None, None if error_ps is None else error_ps / n_tokens)
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
