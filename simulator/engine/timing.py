"""From the times of batches to the times of tokens, under each schedule."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulator.arrays import Ints
from simulator.engine.batch_result import STAGE_TIMES, BatchResult
from simulator.engine.schedule import chunks
from simulator.trace.trace import DECODE, PHASES, Trace

SPAN_COLUMNS = ("stage", "token", "start_ps", "end_ps")
PIPELINE = "pipeline"  # the row of `SimResult.stages` where all stages work at once


class SequentialTiming:
    """One chunk of tokens in the chip at a time; in it a stage takes one token after another."""

    def __init__(self, trace: Trace, chunk: int) -> None:
        self._trace, self._chunk = trace, chunk
        order = [stage.stage_id for stage in trace.stages]
        self._row = {stage_id: row for row, stage_id in enumerate(order)}
        self._parts = np.zeros((len(order), len(STAGE_TIMES), trace.n_tokens), np.int64)

    def add(self, found: BatchResult) -> None:
        """Note the times of one stage for the tokens of a batch."""
        (stage,) = found.batch.stages
        for part, name in enumerate(STAGE_TIMES):
            self._parts[self._row[stage.stage_id], part, found.batch.tokens[:, 0]] = found.times[name]

    def tokens(self) -> pd.DataFrame:
        """See `SimResult.tokens`."""
        taken = self._parts.sum(axis=1)  # [stages, tokens]
        start, end = np.zeros(self._trace.n_tokens, np.int64), np.zeros(self._trace.n_tokens, np.int64)
        now = 0
        for chunk in chunks(self._trace, self._chunk):
            start[chunk] = now + np.cumsum(taken[0, chunk]) - taken[0, chunk]
            leaves = np.cumsum(taken[:, chunk], axis=1) + np.cumsum(np.r_[0, taken[:-1, chunk].sum(axis=1)])[:, None]
            end[chunk] = now + leaves[last_stages(self._trace)[chunk], np.arange(len(chunk))]
            now += int(taken[:, chunk].sum())
        return token_frame(self._trace, start, end)

    def spans(self) -> pd.DataFrame:
        """See `SimResult.spans`."""
        taken = self._parts.sum(axis=1)  # [stages, tokens]
        rows, now = [], 0
        for chunk in chunks(self._trace, self._chunk):
            for stage_id, row in self._row.items():
                works = self._trace.works(self._trace.stages[row])
                for token in chunk[works[chunk]].tolist():
                    rows.append((stage_id, token, now, now + int(taken[row, token])))
                    now += int(taken[row, token])
        return pd.DataFrame(rows, columns=list(SPAN_COLUMNS))

    def stages(self) -> pd.DataFrame:
        """See `SimResult.stages`."""
        frame = pd.DataFrame(self._parts.sum(axis=2), columns=list(STAGE_TIMES))
        frame.insert(0, "stage", list(self._row))
        return frame.assign(total_ps=self._parts.sum(axis=(1, 2)))

    def phase_ps(self) -> dict[str, int]:
        """Time in which the chip worked on tokens of each phase; adds up to the total."""
        per_token = self._parts.sum(axis=(0, 1))
        return {name: int(per_token[self._trace.phases == phase].sum()) for phase, name in enumerate(PHASES)}


class PipelinedTiming:
    """Rounds one after another; a token spends one round in each stage."""

    def __init__(self, trace: Trace, entry: Ints) -> None:
        self._trace, self._entry = trace, entry
        n_rounds = int(entry.max()) + len(trace.stages)
        self._parts = np.zeros((len(STAGE_TIMES), n_rounds), np.int64)
        self._decoding = np.zeros((2, n_rounds), np.int64)  # active stages: those on decoded tokens, and all

    def add(self, found: BatchResult) -> None:
        """Note the times of the rounds of a batch."""
        rounds = slice(found.batch.first_round, found.batch.first_round + found.n_rounds)
        for part, name in enumerate(STAGE_TIMES):
            self._parts[part, rounds] = found.times[name]
        decoded = self._trace.phases[found.batch.tokens] == DECODE
        self._decoding[0, rounds] = decoded.sum(axis=1)
        self._decoding[1, rounds] = decoded.shape[1]

    def tokens(self) -> pd.DataFrame:
        """See `SimResult.tokens`."""
        edge = np.concatenate([[0], np.cumsum(self._parts.sum(axis=0))])
        return token_frame(self._trace, edge[self._entry], edge[self._entry + last_stages(self._trace) + 1])

    def spans(self) -> pd.DataFrame:
        """See `SimResult.spans`."""
        edge = np.concatenate([[0], np.cumsum(self._parts.sum(axis=0))]).tolist()
        rows = [
            (stage.stage_id, token, edge[entry + depth], edge[entry + depth + 1])
            for token, entry in enumerate(self._entry.tolist())
            for depth, stage in enumerate(self._trace.stages)
            if self._trace.works(stage)[token]
        ]
        rows.sort(key=lambda row: row[2])
        return pd.DataFrame(rows, columns=list(SPAN_COLUMNS))

    def stages(self) -> pd.DataFrame:
        """See `SimResult.stages`: one row, for all stages work at once and the slowest decides."""
        row = dict(zip(STAGE_TIMES, self._parts.sum(axis=1).tolist(), strict=True))
        return pd.DataFrame([{"stage": PIPELINE, **row, "total_ps": int(self._parts.sum())}])

    def phase_ps(self) -> dict[str, int]:
        """Time of each phase; a round with both is shared out by the stages that worked on each."""
        taken = self._parts.sum(axis=0)
        decode = int((taken * self._decoding[0] // np.maximum(self._decoding[1], 1)).sum())
        return {"prefill": int(taken.sum()) - decode, "decode": decode}


def last_stages(trace: Trace) -> Ints:
    """Number of the last stage that works on each token, int64 [tokens]."""
    works = np.array([trace.works(stage) for stage in trace.stages])
    last: Ints = len(works) - 1 - np.argmax(works[::-1], axis=0)
    return last


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
