"""The schedule of tokens: which stages work on which tokens at the same time.

Sequential: one token in the chip at a time, or one chunk of a prompt, whose tokens pass a stage one after another
before any of them goes on. Pipelined: rounds, in each of which every stage may work on another token.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulator.arrays import Ints
from simulator.errors import SpikewattError
from simulator.mapping.placement import Placement
from simulator.trace.sequences import sequence_starts
from simulator.trace.trace import DECODE, Stage, Trace


@dataclass(frozen=True)
class Batch:
    """Rounds in which the same stages work, every stage on tokens of one phase.

    Attributes
    ----------
    stages
        In program order.
    tokens
        int64 [rounds, stages]: the token that each stage works on.
    first_round
        Number of the first of these rounds; in the sequential schedule 0, where a round is a token.
    """

    stages: tuple[Stage, ...]
    tokens: Ints
    first_round: int = 0


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


def sequential_batches(trace: Trace) -> Iterator[Batch]:
    """Every stage by itself, once for the tokens of each phase."""
    for stage in trace.stages:
        for phase in np.unique(trace.phases):
            tokens = np.flatnonzero((trace.phases == phase) & trace.works(stage))
            if len(tokens):
                yield Batch((stage,), tokens[:, None])


def pipelined_batches(trace: Trace, entry: Ints) -> Iterator[Batch]:
    """Rounds of a pipeline, those in a row with the same stages at work and the same phases in them together."""
    depth = len(trace.stages)
    token_of = np.full(int(entry.max()) + 1, -1, np.int64)
    token_of[entry] = np.arange(trace.n_tokens)
    works = np.array([trace.works(stage) for stage in trace.stages])
    rounds: list[Ints] = []
    before: tuple[tuple[int, int], ...] = ()
    for now in range(len(token_of) + depth - 1):
        at = now - np.arange(depth)
        tokens = np.where((at >= 0) & (at < len(token_of)), token_of[np.clip(at, 0, len(token_of) - 1)], -1)
        active = np.flatnonzero((tokens >= 0) & works[np.arange(depth), tokens])
        shape = tuple((int(s), int(trace.phases[tokens[s]])) for s in active)
        if rounds and shape != before:
            yield _batch(trace, before, rounds, now)
            rounds = []
        rounds.append(tokens[active])
        before = shape
    yield _batch(trace, before, rounds, len(token_of) + depth - 1)


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


def _batch(trace: Trace, shape: tuple[tuple[int, int], ...], rounds: list[Ints], stop: int) -> Batch:
    return Batch(tuple(trace.stages[s] for s, _ in shape), np.stack(rounds), stop - len(rounds))
