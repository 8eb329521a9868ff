"""The schedule of tokens: which stages work on which tokens at the same time.

Sequential: one token in the chip at a time, or one chunk of a prompt, whose tokens pass a stage one after another
before any of them goes on. Pipelined: rounds, in each of which every stage may work on another token. Auto: prompts
are pipelined, generated tokens sequential. A trace is cut into segments, each under one of the first two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.config.chip import Schedule
from simulator.engine.token_sample import groups
from simulator.errors import SpikewattError
from simulator.mapping.placement import Placement
from simulator.trace.sequences import sequence_starts
from simulator.trace.trace import DECODE, Trace
from simulator.trace.trace_program import Stage

ROUNDS_MAX = 8  # of a batch of a pipeline, so that several threads find work; the result does not depend on it


@dataclass(frozen=True)
class Segment:
    """Tokens in a row of the trace that follow one another in one way.

    Attributes
    ----------
    tokens
        int64 [n].
    pipelined
        In rounds, or one after another.
    """

    tokens: Ints
    pipelined: bool


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
    segment
        Number of the segment; -1 where the tokens of all sequential segments are together.
    weight
        One of so many rounds in a row is simulated, and its spikes stand for those of all; divides their number.
    times
        How often the rounds take place: more than ``len(tokens)`` where a full round also stands for one that fills
        the pipeline and one that drains it.
    """

    stages: tuple[Stage, ...]
    tokens: Ints
    rounds: Ints
    segment: int = -1
    weight: int = 1
    times: int = 0

    @property
    def sample(self) -> slice:
        """The rounds that are simulated: the middle one of each group of ``weight``."""
        return slice(self.weight // 2, None, self.weight)


def segments(trace: Trace, kind: str) -> list[Segment]:
    """The segments of a trace under ``schedule.kind``."""
    everything = np.arange(trace.n_tokens)
    if kind != "auto":
        return [Segment(everything, kind == "pipelined")]
    decoded = trace.phases == DECODE
    parts = np.split(everything, np.flatnonzero(np.diff(decoded)) + 1)
    return [Segment(part, not decoded[part[0]]) for part in parts]


def chunks(trace: Trace, size: int) -> list[Ints]:
    """Tokens in the order of a sequential schedule, cut into chunks of at most ``size`` of one prompt."""
    starts = sequence_starts(trace.positions)
    found: list[list[int]] = []
    for token in range(trace.n_tokens):
        alone = starts[token] or trace.phases[token] == DECODE or trace.phases[token - 1] == DECODE
        if alone or len(found[-1]) == size:
            found.append([])
        found[-1].append(token)
    return [np.array(chunk, dtype=np.int64) for chunk in found]


def entry_rounds(trace: Trace) -> Ints:
    """Round in which each token enters the first stage of a pipeline, int64 [tokens].

    One token enters per round: of those that may, the first of the trace. A token follows its sequence, and a decoded
    one waits until the token before it has left the last stage, for it is made of its output.
    """
    depth = len(trace.stages)
    sequences = np.split(np.arange(trace.n_tokens), np.flatnonzero(sequence_starts(trace.positions))[1:])
    waiting = [list(sequence) for sequence in sequences]
    entry = np.full(trace.n_tokens, -1, np.int64)
    may_enter = [0] * len(waiting)
    now = 0
    while any(waiting):
        ready = [i for i, tokens in enumerate(waiting) if tokens and may_enter[i] <= now]
        if ready:
            chosen = ready[0]
            token = waiting[chosen].pop(0)
            entry[token] = now
            following = waiting[chosen][:1]
            decodes = bool(following) and trace.phases[following[0]] == DECODE
            may_enter[chosen] = now + (depth if decodes else 1)
        now += 1
    return entry


def at_work(trace: Trace) -> NDArray[np.bool_]:
    """Whether each stage works on each token, bool [stages, tokens]."""
    return np.stack([trace.works(stage) for stage in trace.stages])


def schedule_batches(trace: Trace, schedule: Schedule, sample: int | None = None) -> Iterator[Batch]:
    """All batches of a trace, in order.

    Parameters
    ----------
    trace, schedule
        What is to be simulated, and the schedule of the chip.
    sample
        Tokens of each stage and phase, or rounds, that are simulated in place of all; None: all.
    """
    parts = segments(trace, schedule.kind)
    apart = [segment.tokens for segment in parts if not segment.pipelined]
    if apart:
        yield from sequential_batches(trace, np.concatenate(apart), sample)
    for number, segment in enumerate(parts):
        if segment.pipelined and sample is not None and not (trace.phases[segment.tokens] == DECODE).any():
            yield from sampled_batches(trace, segment, number, sample)
        elif segment.pipelined:
            yield from pipelined_batches(trace, segment, number)


def sequential_batches(trace: Trace, tokens: Ints, sample: int | None = None) -> Iterator[Batch]:
    """Every stage by itself, once for the tokens of each phase that it works on."""
    for stage in trace.stages:
        working = tokens[trace.works(stage)[tokens]]
        for phase in np.unique(trace.phases[working]):
            of_phase = working[trace.phases[working] == phase]
            for rounds, weight in groups(of_phase, sample):
                yield Batch((stage,), rounds[:, None], rounds, weight=weight, times=len(rounds))


def pipelined_batches(trace: Trace, segment: Segment, number: int) -> Iterator[Batch]:
    """Rounds of a pipeline, at most `ROUNDS_MAX` in a row with the same stages at work and the same phases in them."""
    entry, works, depth = entry_rounds(trace.take(segment.tokens)), at_work(trace), len(trace.stages)
    token_of = np.full(int(entry.max()) + 1, -1, np.int64)
    token_of[entry] = segment.tokens
    together: list[tuple[int, Ints]] = []
    before: tuple[tuple[int, int], ...] = ()
    made = partial(_batch, trace, segment=number)
    for now in range(len(token_of) + depth - 1):
        at = now - np.arange(depth)
        tokens = np.where((at >= 0) & (at < len(token_of)), token_of[np.clip(at, 0, len(token_of) - 1)], -1)
        active = np.flatnonzero((tokens >= 0) & works[np.arange(depth), tokens])
        shape = tuple((int(s), int(trace.phases[tokens[s]])) for s in active)
        if together and (shape != before or len(together) == ROUNDS_MAX):
            yield made(before, together)
            together = []
        if shape:
            together.append((now, tokens[active]))
        before = shape
    if together:
        yield made(before, together)


def sampled_batches(trace: Trace, segment: Segment, number: int, sample: int) -> Iterator[Batch]:
    """Some of the rounds of a pipeline that is always full: the tokens of prompts that follow one another in a ring.

    A round that fills the pipeline and the one that drains it as many rounds later have no stage in common, and
    together all. So the rounds of the ring do the work of all tokens, each token once in each stage. A round with a
    stage that works on some tokens only, as the head does, is simulated as the rounds that it would stand for: only
    one of them takes the time of that stage.
    """
    tokens, works, depth = segment.tokens, at_work(trace), len(trace.stages)
    n, total = len(tokens), len(tokens) + depth - 1
    ring = tokens[(np.arange(n)[:, None] - np.arange(depth)) % n]  # [rounds, stages]
    active = works[np.arange(depth), ring]
    shapes, of_round = np.unique(active, axis=0, return_inverse=True)
    most = int(np.bincount(of_round.reshape(-1)).argmax())
    stages = np.flatnonzero(shapes[most])
    which = tuple(trace.stages[s] for s in stages)
    for rounds, weight in groups(np.flatnonzero(of_round.reshape(-1) == most), sample):
        for some in np.split(rounds, range(ROUNDS_MAX * weight, len(rounds), ROUNDS_MAX * weight)):
            times = int(sum((total - 1 - some) // n + 1))
            yield Batch(which, ring[some][:, stages], some, number, weight, times)
    for first in np.flatnonzero(of_round.reshape(-1) != most).tolist():
        for now in range(first, total, n):
            entered = now - np.arange(depth)
            some = np.flatnonzero((entered >= 0) & (entered < n) & active[first])
            if len(some):
                which = tuple(trace.stages[s] for s in some)
                yield Batch(which, ring[first, some][None], np.array([now]), number, times=1)


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


def _batch(trace: Trace, shape: tuple[tuple[int, int], ...], together: list[tuple[int, Ints]], segment: int) -> Batch:
    rounds = np.array([now for now, _ in together], dtype=np.int64)
    tokens = np.stack([of_round for _, of_round in together])
    return Batch(tuple(trace.stages[s] for s, _ in shape), tokens, rounds, segment, times=len(rounds))
