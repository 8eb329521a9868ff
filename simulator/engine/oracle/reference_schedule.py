"""The oracle of the schedule: which stages work on which tokens in each round, in plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, zip_longest

from simulator.config.chip import ChipConfig, Schedule
from simulator.trace.trace import PHASES, Trace
from simulator.trace.trace_program import Stage

Active = list[tuple[Stage, int]]  # stages at work, each with its token


def ways(trace: Trace, chip: ChipConfig) -> Iterator[tuple[list[int], list[Active], bool]]:
    """Tokens of one kind of schedule, their rounds, and whether these overlap (`reference_flow`)."""
    schedule, everything = chip.schedule, list(range(trace.n_tokens))
    if schedule.kind == "sequential":
        yield everything, list(sequential(trace, schedule)), False
    elif schedule.kind == "pipelined":
        yield in_a_pipeline(trace, everything, chip)
    else:
        for is_decoded, turns in groupby(turn_by_turn(trace, schedule.batch), key=lambda turn: decoded(trace, turn[0])):
            of_prompts = [] if is_decoded else [token for turn in turns for token in turn]
            for tokens in turns if is_decoded else [of_prompts]:
                alone = is_decoded and schedule.batch == 1
                in_order = tokens, list(one_by_one(trace, tokens)), False
                yield in_order if alone else in_a_pipeline(trace, tokens, chip)


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


def sequential(trace: Trace, schedule: Schedule) -> Iterator[Active]:
    """One chunk after another, each of which passes a stage before any of it goes on."""
    for chunk in chunks(trace, schedule):
        for stage in trace.stages:
            for member in chunk:
                if works(trace, stage, member):
                    yield [(stage, member)]


def texts(trace: Trace) -> list[list[list[int]]]:
    """The texts of a trace, each as its prompts and what it generates in turn; the first prompt may be empty."""
    found: list[list[list[int]]] = []
    for token in range(trace.n_tokens):
        if not follows(trace, token):
            found.append([[]])
        is_prompt = len(found[-1]) % 2 == 1
        if is_prompt == decoded(trace, token):
            found[-1].append([])
        found[-1][-1].append(token)
    return found


def turn_by_turn(trace: Trace, batch: int) -> Iterator[list[int]]:
    """Tokens of one phase of ``batch`` texts, in the order in which they are in the chip."""
    every = texts(trace)
    for first in range(0, len(every), batch):
        for parts in zip_longest(*every[first : first + batch], fillvalue=[]):
            if turn := [token for part in parts for token in part]:
                yield turn


def chunks(trace: Trace, schedule: Schedule) -> Iterator[list[int]]:
    """Tokens that pass the stages together: some of one prompt, or one generated token of each text of a batch."""
    for turn in turn_by_turn(trace, schedule.batch):
        of_texts = [[token for part in text for token in part if token in turn] for text in texts(trace)]
        if decoded(trace, turn[0]):
            for step in zip_longest(*of_texts):
                yield [token for token in step if token is not None]
        else:
            for prompt in of_texts:
                for at in range(0, len(prompt), schedule.chunk):
                    yield prompt[at : at + schedule.chunk]


def chunk_of(trace: Trace, token: int, schedule: Schedule) -> list[int]:
    """The tokens that pass the stages together with ``token``, itself among them."""
    return next(chunk for chunk in chunks(trace, schedule) if token in chunk)


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
