"""From the times of batches to the times of tokens, under each schedule."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.engine.asynchronous import Flow, flow
from simulator.engine.batch_result import STAGE_TIMES, BatchResult
from simulator.engine.picoseconds import check_ps
from simulator.engine.round_times import RoundTimes, SegmentTimes
from simulator.engine.schedule import Segment, at_work, segments
from simulator.engine.steady import Steady
from simulator.engine.token_order import chunks
from simulator.engine.token_sample import standard_error, stood_for
from simulator.trace.trace import DECODE, PHASES, Trace

SPAN_COLUMNS = ("stage", "token", "start_ps", "end_ps")
PIPELINE = "pipeline"  # the row of `SimResult.stages` where all stages work at once


class ScheduleTiming:
    """The segments of a trace one after another."""

    def __init__(self, trace: Trace, chip: ChipConfig) -> None:
        self._trace, self._works = trace, at_work(trace)
        self._segments = segments(trace, chip)
        self._schedule = chip.schedule
        self._parts = np.zeros((len(trace.stages), len(STAGE_TIMES), trace.n_tokens), np.int64)
        self._sampled = np.zeros((len(trace.stages), trace.n_tokens), np.int64)
        self._carried = np.zeros((len(trace.stages), trace.n_tokens), np.int64)
        self._row = {stage.stage_id: row for row, stage in enumerate(trace.stages)}
        rounds = ((i, segment) for i, segment in enumerate(self._segments) if segment.order == "rounds")
        self._rounds = {i: RoundTimes(trace, s, self._works, chip.replay == "dense") for i, s in rounds}
        self._flows: dict[int, Flow] = {}
        self._known: list[tuple[int, Segment, SegmentTimes]] = []  # of all batches so far
        self._cores: dict[int, Ints] = {}  # row -> cores that take part in an asynchronous stage

    def add(self, found: BatchResult) -> None:
        """Note the times of a batch."""
        batch, self._known = found.batch, []
        if batch.segment >= 0:
            self._rounds[batch.segment].add(found)
            return
        row, tokens = self._row[batch.stages[0].stage_id], batch.tokens[:, 0]
        for part, name in enumerate(STAGE_TIMES):
            self._parts[row, part, tokens] = found.times[name] + found.sampled[name][stood_for(batch.carried)]
            self._sampled[row, tokens] += found.sampled[name]
        self._carried[row, tokens] = batch.carried
        if batch.overlapping:
            self._cores[row] = np.union1d(found.cores, self._cores.get(row, found.cores))

    def error_ps(self) -> float | None:
        """Standard error of the total, ps; None where a sample is too small to say.

        In an asynchronous pipeline, whose stages overlap, the error of their sum is an upper bound.
        """
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
        return sum(
            self._rounds[number].total_ps() if number in self._rounds else self._times(number).total_ps
            for number in range(len(self._segments))
        )

    def spans(self) -> pd.DataFrame:
        """See `SimResult.spans`."""
        rows = [
            (stage_id, token, now + start, now + end)
            for now, _, times in self._in_time()
            for stage_id, token, start, end in times.spans
        ]
        return pd.DataFrame(rows, columns=list(SPAN_COLUMNS))

    def stages(self) -> pd.DataFrame:
        """See `SimResult.stages`: a row for a pipeline, in which all stages work at once, and one per stage alone."""
        rows = {}
        if any(segment.order != "sequential" for segment in self._segments):
            of_rounds = [rounds.parts().sum(axis=1) for rounds in self._rounds.values()]
            rows[PIPELINE] = np.sum([*of_rounds, *(parts.sum(axis=1) for parts, _ in self._paths())], axis=0)
        if alone := [segment.tokens for segment in self._segments if segment.order == "sequential"]:
            tokens = np.concatenate(alone)
            rows |= {stage_id: self._parts[row][:, tokens].sum(axis=1) for stage_id, row in self._row.items()}
        frame = pd.DataFrame([times.tolist() for times in rows.values()], columns=list(STAGE_TIMES))
        total = frame.sum(axis=1)
        frame.insert(0, "stage", list(rows))
        return frame.assign(total_ps=total)

    def phase_ps(self) -> dict[str, int]:
        """Time in which the chip worked on tokens of each phase; adds up to the total."""
        found: dict[str, int] = dict.fromkeys(PHASES, 0)
        alone = [segment.tokens for segment in self._segments if segment.order == "sequential"]
        taken = [(self._parts[:, :, tokens].sum(axis=(0, 1)), tokens) for tokens in alone]
        for ps, tokens in [*taken, *((parts.sum(axis=0), tokens) for parts, tokens in self._paths())]:
            for phase, name in enumerate(PHASES):
                found[name] += int(ps[self._trace.phases[tokens] == phase].sum())
        for rounds in self._rounds.values():
            of_rounds = rounds.phase_ps()
            for name in PHASES:
                found[name] += of_rounds[name]
        return found

    def steady(self) -> Steady:
        """The pipeline while it is full, of the longest segment of prompts, else of tokens; else the mean of all."""
        pipelines = [i for i, segment in enumerate(self._segments) if segment.order != "sequential"]
        error_ps = self.error_ps()
        if not pipelines:
            n_tokens = self._trace.n_tokens
            return Steady(self.total_ps() / n_tokens, None, None if error_ps is None else error_ps / n_tokens)
        prompts = [i for i in pipelines if (self._trace.phases[self._segments[i].tokens] != DECODE).any()]
        longest = max(prompts or pipelines, key=lambda i: len(self._segments[i].tokens))
        if longest in self._rounds:
            return self._rounds[longest].steady()
        return self._flow(longest).steady(self._works[:, self._segments[longest].tokens], error_ps)

    def overlapping_ps(self, n_cores: int) -> Ints:
        """For how long a stage of an asynchronous pipeline that each core takes part in is under way, int64 [cores]."""
        found = np.zeros(n_cores, np.int64)
        rows_of: list[list[int]] = [[] for _ in range(n_cores)]
        for row, cores in self._cores.items():
            for core in cores.tolist():
                rows_of[core].append(row)
        flows = [self._flow(i) for i, segment in enumerate(self._segments) if segment.order == "asynchronous"]
        of_rows = {rows: sum(of.under_way(rows) for of in flows) for rows in set(map(tuple, rows_of)) if rows}
        for core, rows in enumerate(rows_of):
            found[core] = of_rows.get(tuple(rows), 0)
        return found

    def _flow(self, number: int) -> Flow:
        """The flow of an asynchronous segment; all batches have been added."""
        if number not in self._flows:
            segment = self._segments[number]
            taken = self._parts[:, :, segment.tokens].sum(axis=1)
            self._flows[number] = flow(self._trace, segment, self._works[:, segment.tokens], taken)
        return self._flows[number]

    def _paths(self) -> Iterator[tuple[Ints, Ints]]:
        """Critical path of each asynchronous segment: parts of the times int64 [times, works], and tokens [works]."""
        for number, segment in enumerate(self._segments):
            if segment.order == "asynchronous":
                stages, places = np.array(self._flow(number).path).T
                tokens = segment.tokens[places]
                yield self._parts[stages, :, tokens].T, tokens

    def _in_time(self) -> list[tuple[int, Segment, SegmentTimes]]:
        """When each segment starts, and its times; the trace has at least one segment."""
        if self._known:
            return self._known
        found, now = [], 0
        for number, segment in enumerate(self._segments):
            times = self._times(number)
            found.append((now, segment, times))
            now += times.total_ps
        self._known = found
        return found

    def _times(self, number: int) -> SegmentTimes:
        """The times of one segment."""
        segment = self._segments[number]
        if number in self._rounds:
            return self._rounds[number].times()
        if segment.order == "asynchronous":
            return self._flow(number).times(list(self._row), segment, self._works[:, segment.tokens])
        return self._one_by_one(segment.tokens)

    def _one_by_one(self, tokens: Ints) -> SegmentTimes:
        """One chunk of tokens in the chip at a time; in it a stage takes one token after another."""
        taken = self._parts[:, :, tokens].sum(axis=1)  # [stages, tokens]
        works, names = self._works[:, tokens], list(self._row)
        start, end = np.zeros(len(tokens), np.int64), np.zeros(len(tokens), np.int64)
        spans, now = [], 0
        mine = np.zeros(self._trace.n_tokens, np.bool_)
        mine[tokens] = True
        of_segment = (chunk for chunk in chunks(self._trace, self._schedule) if mine[chunk[0]])
        for chunk in (np.searchsorted(tokens, chunk) for chunk in of_segment):
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
