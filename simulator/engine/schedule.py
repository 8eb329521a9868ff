"""The schedule of tokens: which stages work on which tokens at the same time.

Sequential: one token in the chip at a time, or one chunk of a prompt, whose tokens pass a stage one after another
before any of them goes on. Pipelined: rounds, in each of which every stage may work on another token. Auto: prompts
are pipelined, generated tokens sequential, and those of a batch of texts pipelined. A trace is cut into segments, each
under one of the first two. Without barriers (``sync.kind: handshake``) a pipeline has no rounds, and each stage starts
when it can.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.engine.token_order import follows_in, runs
from simulator.engine.token_sample import stand_ins, stretches
from simulator.errors import SpikewattError
from simulator.mapping.capacity import ceil_div
from simulator.mapping.placement import Placement
from simulator.trace.trace import DECODE, Trace
from simulator.trace.trace_program import Stage

ROUNDS_MAX = 8  # of a batch of a pipeline, so that several threads find work; the result does not depend on it


Order = Literal["sequential", "rounds", "asynchronous"]


@dataclass(frozen=True)
class Segment:
    """Tokens of the trace that follow one another in time and have one kind of schedule.

    Attributes
    ----------
    tokens
        int64 [n], ascending.
    way
        One after another, in rounds of a pipeline, or each stage when it can (`asynchronous`).
    """

    tokens: Ints
    order: Order


@dataclass(frozen=True)
class StageTask:
    """A stage and the tokens of one phase that it works on, int64 [n], ascending."""

    stage: Stage
    tokens: Ints


@dataclass(frozen=True)
class Batch:
    """Rounds in which the same stages work, every stage on tokens of one phase.

    Attributes
    ----------
    stages
        In program order.
    tokens
        int64 [rounds, stages]: the token that each stage works on.
    rounds
        int64 [rounds]: their numbers in the segment; of no use in the sequential schedule, where a round is a token.
    carried
        int64 [rounds]: the number of rounds in a row for which the network of each is simulated; 0: another
        round stands for it (`token_sample.stand_ins`).
    segment
        Number of the segment; -1 where a stage is by itself, with the tokens of all segments that are not in rounds.
    overlapping
        Whether the stage works while others do, in an asynchronous pipeline.
    """

    stages: tuple[Stage, ...]
    tokens: Ints
    rounds: Ints
    carried: Ints
    segment: int = -1
    overlapping: bool = False


def segments(trace: Trace, chip: ChipConfig) -> list[Segment]:
    """The segments of a trace under ``schedule.kind``; barriers make a pipeline go in rounds."""
    schedule = chip.schedule
    pipeline: Order = "rounds" if chip.sync.kind == "barrier" else "asynchronous"
    if schedule.kind != "auto":
        return [Segment(np.arange(trace.n_tokens), pipeline if schedule.kind == "pipelined" else "sequential")]
    decoding: Order = "sequential" if schedule.batch == 1 else pipeline
    return [
        Segment(run, decoding if trace.phases[run[0]] == DECODE else pipeline) for run in runs(trace, schedule.batch)
    ]


def entry_rounds(trace: Trace, tokens: Ints | None = None) -> Ints:
    """Round in which each of ``tokens`` (default: all) enters the first stage of a pipeline, int64 [n].

    One token enters per round: of those that may, the first of the trace. A token follows its sequence, and a decoded
    one waits until the token before it has left the last stage, for it depends on its output.
    """
    tokens = np.arange(trace.n_tokens) if tokens is None else tokens
    depth = len(trace.stages)
    sequences = np.split(np.arange(len(tokens)), np.flatnonzero(~follows_in(trace, tokens))[1:])
    waiting = [list(sequence) for sequence in sequences]
    entry = np.full(len(tokens), -1, np.int64)
    may_enter = [0] * len(waiting)
    now = 0
    while any(waiting):
        ready = [i for i, some in enumerate(waiting) if some and may_enter[i] <= now]
        if ready:
            chosen = ready[0]
            token = waiting[chosen].pop(0)
            entry[token] = now
            following = waiting[chosen][:1]
            decodes = bool(following) and trace.phases[tokens[following[0]]] == DECODE
            may_enter[chosen] = now + (depth if decodes else 1)
        now += 1
    return entry


def at_work(trace: Trace) -> NDArray[np.bool_]:
    """Whether each stage works on each token, bool [stages, tokens]."""
    return np.stack([trace.works(stage) for stage in trace.stages])


def stage_tasks(trace: Trace, tokens: Ints) -> Iterator[StageTask]:
    """Every stage, once for the tokens of each phase that it works on."""
    for stage in trace.stages:
        working = tokens[trace.works(stage)[tokens]]
        for phase in np.unique(trace.phases[working]):
            yield StageTask(stage, working[trace.phases[working] == phase])


def in_rounds(trace: Trace, chip: ChipConfig) -> Ints:
    """Tokens of all segments in rounds, int64 [n], ascending."""
    found = [segment.tokens for segment in segments(trace, chip) if segment.order == "rounds"]
    return np.sort(np.concatenate([np.zeros(0, np.int64), *found]))


def schedule_batches(trace: Trace, chip: ChipConfig, sample: int | None = None) -> Iterator[Batch]:
    """All batches of a trace: those of a stage by itself, then the rounds of pipelines.

    Parameters
    ----------
    trace, chip
        What is to be simulated, and the chip with its schedule and synchronization.
    sample
        Tokens whose network is simulated in place of all; None: all.
    """
    alone = np.setdiff1d(np.arange(trace.n_tokens), in_rounds(trace, chip))
    parts = segments(trace, chip)
    flowing = np.concatenate([np.zeros(0, np.int64), *(s.tokens for s in parts if s.order == "asynchronous")])
    for task in stage_tasks(trace, alone):
        carried = stand_ins(len(task.tokens), sample)
        overlapping = bool(np.isin(task.tokens[:1], flowing).any())  # all tokens of a phase take one route
        yield Batch((task.stage,), task.tokens[:, None], task.tokens, carried, overlapping=overlapping)
    for number, segment in enumerate(parts):
        if segment.order == "rounds":
            yield from pipelined_batches(trace, segment, number, sample)


def pipelined_batches(trace: Trace, segment: Segment, number: int, sample: int | None = None) -> Iterator[Batch]:
    """Rounds of a pipeline, at most `ROUNDS_MAX` in a row with the same stages at work and the same phases in them.

    Rounds are sampled where all tokens are of prompts: neighbours are alike then. Those in which a stage works that
    skips other tokens, as a head does, are like none of their neighbours and stand for themselves.
    """
    works = at_work(trace)
    rounds = list(_rounds(trace, segment, works))
    alike = not (trace.phases[segment.tokens] == DECODE).any()
    share = ceil_div(len(rounds) * sample, len(segment.tokens)) if alike and sample is not None else None
    if share is None:
        carried = stand_ins(len(rounds), None)
    else:
        skips = set(np.flatnonzero(~works[:, segment.tokens].all(axis=1)).tolist())
        carried = stretches(np.array([not skips.isdisjoint(at.stages) for at in rounds]), share)
    first = 0
    for shape, together in groupby(rounds, key=lambda at: tuple(zip(at.stages, trace.phases[at.tokens], strict=True))):
        of_shape = list(together)
        which = tuple(trace.stages[stage] for stage, _ in shape)
        for start in range(0, len(of_shape), ROUNDS_MAX):
            some = of_shape[start : start + ROUNDS_MAX]
            numbers, tokens = np.array([at.number for at in some]), np.array([at.tokens for at in some])
            yield Batch(which, tokens, numbers, carried[first : first + len(some)], number)
            first += len(some)


class _Round(NamedTuple):
    """Number of a round, the places of the stages at work in it, and the token of each."""

    number: int
    stages: list[int]
    tokens: list[int]


def _rounds(trace: Trace, segment: Segment, works: NDArray[np.bool_]) -> Iterator[_Round]:
    """The rounds of a segment in which any stage is at work; ``works`` is `at_work` of the trace."""
    entry, depth = entry_rounds(trace, segment.tokens), len(trace.stages)
    token_of = np.full(int(entry.max()) + 1, -1, np.int64)
    token_of[entry] = segment.tokens
    for now in range(len(token_of) + depth - 1):
        at = now - np.arange(depth)
        tokens = np.where((at >= 0) & (at < len(token_of)), token_of[np.clip(at, 0, len(token_of) - 1)], -1)
        active = np.flatnonzero((tokens >= 0) & works[np.arange(depth), tokens])
        if len(active):
            yield _Round(now, active.tolist(), tokens[active].tolist())


def check_pipeline(trace: Trace, placement: Placement) -> None:
    """Raise SpikewattError where two stages of a pipeline share a core: they would have to work there at once."""
    stage_of = {layer_id: stage.stage_id for stage in trace.stages for layer_id in (stage.stage_id, *stage.layers)}
    owner: dict[int, str] = {}
    for block in placement.blocks:
        stage_id = stage_of[block.owner]
        if owner.setdefault(block.core, stage_id) != stage_id:
            raise SpikewattError(
                f"{trace.where}: schedule pipelined: core {block.core} is shared by the stages {owner[block.core]} and"
                f" {stage_id}, expected one stage per core; set mapping.share_cores=false or take schedule sequential"
            )
