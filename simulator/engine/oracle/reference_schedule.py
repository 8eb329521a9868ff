"""The oracle of the schedule: which stages work on which tokens in each round, in plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from simulator.config.chip import ChipConfig
from simulator.trace.trace import PHASES, Trace
from simulator.trace.trace_program import Stage

Active = list[tuple[Stage, int]]  # stages at work, each with its token


def ways(trace: Trace, chip: ChipConfig) -> Iterator[tuple[list[int], list[Active], bool]]:
    """Tokens of one kind of schedule, their rounds, and whether these overlap (`reference_flow`)."""
    schedule, everything = chip.schedule, list(range(trace.n_tokens))
    if schedule.kind == "sequential":
        yield everything, list(sequential(trace, schedule.chunk)), False
    elif schedule.kind == "pipelined":
        yield in_a_pipeline(trace, everything, chip)
    else:
        for is_decoded, run in groupby(everything, key=lambda token: decoded(trace, token)):
            tokens = list(run)
            alone = tokens, list(one_by_one(trace, tokens)), False
            yield alone if is_decoded else in_a_pipeline(trace, tokens, chip)


def in_a_pipeline(trace: Trace, tokens: list[int], chip: ChipConfig) -> tuple[list[int], list[Active], bool]:
    """In rounds that barriers close, or, where the chip has none, each stage when it can."""
    if chip.sync.kind == "handshake":
        return tokens, list(one_by_one(trace, tokens)), True
    return tokens, list(pipelined(trace, tokens)), False


def one_by_one(trace: Trace, tokens: list[int]) -> Iterator[Active]:
    """Each token through all stages that work on it before the next starts."""
    for token in tokens:
        for stage in trace.stages:
            if works(trace, stage, token):
                yield [(stage, token)]


def sequential(trace: Trace, size: int) -> Iterator[Active]:
    """One token after another; the tokens of a chunk of a prompt pass each stage together."""
    token = 0
    while token < trace.n_tokens:
        chunk = chunk_of(trace, token, size)
        for stage in trace.stages:
            for member in chunk:
                if works(trace, stage, member):
                    yield [(stage, member)]
        token = chunk[-1] + 1


def works(trace: Trace, stage: Stage, token: int) -> bool:
    """Whether a stage works on a token: those that make logits do not on a prompt's tokens but the last."""
    if trace.logits == "all" or stage not in head(trace):
        return True
    return decoded(trace, token) or not follows(trace, token + 1) or decoded(trace, token + 1)


def head(trace: Trace) -> list[Stage]:
    """The stages behind the last block: with the head as an op, or as a layer that they drive or collect from."""
    kinds = [
        (
            stage,
            [trace.op_by_id[op_id].kind for op_id in stage.ops]
            + [trace.layer_by_id[layer_id].kind for layer_id in (*stage.layers, *stage.sources)],
        )
        for stage in trace.stages[1:]  # the first one takes every token in
    ]
    found = [stage for stage, of_stage in kinds if "head" in of_stage]
    for stage in reversed(trace.stages[1:]):  # what makes values for these alone, and drives nothing itself
        takers = [other for other in trace.stages if stage.stage_id in other.carries]
        if stage not in found and not stage.layers and takers and all(other in found for other in takers):
            found.append(stage)
    return found


def chunk_of(trace: Trace, token: int, size: int) -> list[int]:
    """The tokens that pass the stages together with ``token``, itself among them: at most ``size`` of one prompt."""
    chunk = [0]
    while chunk[-1] + 1 < trace.n_tokens:
        following = chunk[-1] + 1
        if len(chunk) < size and joins(trace, following):
            chunk.append(following)
        elif token in chunk:
            break
        else:
            chunk = [following]
    return chunk


def joins(trace: Trace, token: int) -> bool:
    """Whether a token is of the same prompt as the one before it."""
    return token < trace.n_tokens and follows(trace, token) and not decoded(trace, token) | decoded(trace, token - 1)


def pipelined(trace: Trace, tokens: list[int]) -> Iterator[Active]:
    """In each round all ``tokens`` in the chip move on by a stage, and the first that may enters the first stage.

    Tokens of a sequence enter in their order; a decoded one waits until the one before it is out of the chip.
    """
    chip: list[int | None] = [None] * len(trace.stages)  # the token in each stage
    waiting = list(tokens)
    while waiting or any(token is not None for token in chip[:-1]):
        moved = chip[:-1]
        entering = next((token for token in waiting if may_enter(trace, token, waiting, moved)), None)
        if entering is not None:
            waiting.remove(entering)
        chip = [entering, *moved]
        at = [(stage, token) for stage, token in zip(trace.stages, chip, strict=True) if token is not None]
        if working := [(stage, token) for stage, token in at if works(trace, stage, token)]:
            yield working


def may_enter(trace: Trace, token: int, waiting: list[int], chip: list[int | None]) -> bool:
    """Whether nothing that must be before a token is still waiting, or, for a decoded one, still in the chip."""
    if not follows(trace, token):
        return True
    return token - 1 not in waiting and not (decoded(trace, token) and token - 1 in chip)


def follows(trace: Trace, token: int) -> bool:
    """Whether a token stands right behind the one before it in the same text."""
    return 0 < token < trace.n_tokens and int(trace.positions[token]) == int(trace.positions[token - 1]) + 1


def decoded(trace: Trace, token: int) -> bool:
    """Whether a token was generated."""
    return PHASES[int(trace.phases[token])] == "decode"
