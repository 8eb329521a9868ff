"""The order of tokens: prompts of a batch of texts, then the tokens that these texts generate together."""

from __future__ import annotations

import numpy as np

from simulator.arrays import Ints
from simulator.config.chip import Schedule
from simulator.trace.sequences import sequence_starts, text_numbers
from simulator.trace.trace import DECODE, Trace


def runs(trace: Trace, batch: int) -> list[Ints]:
    """Tokens of one phase that follow one another in time, int64 [n] each, ascending; together they are all tokens.

    ``batch`` texts that follow one another in the trace are in the chip together. Their prompts come first, then all
    that they generate. A text with further prompts takes part in the next turn. Prompts of neighbouring batches that
    generate nothing in between are one run.
    """
    texts = text_numbers(trace.positions)
    decoded = trace.phases == DECODE
    group, turn = texts // batch, _turns(trace)
    order = np.lexsort((np.arange(trace.n_tokens), decoded, turn, group))
    moved = np.diff(group[order]) | np.diff(turn[order])
    begins = np.diff(decoded[order]) | ((moved != 0) & decoded[order][1:])
    return [np.sort(run) for run in np.split(order, np.flatnonzero(begins) + 1)]


def _turns(trace: Trace) -> Ints:
    """Turn of each token in its text, int64 [tokens]: a prompt, which may be empty, and what is generated after it."""
    starts, decoded = sequence_starts(trace.positions), trace.phases == DECODE
    begins = starts | (~decoded & np.concatenate([[False], decoded[:-1]]))
    total = np.cumsum(begins)
    turns: Ints = total - total[starts][text_numbers(trace.positions)]
    return turns


def chunks(trace: Trace, schedule: Schedule) -> list[Ints]:
    """Tokens in the order of a sequential schedule, in chunks that pass a stage together, int64 [n] each, ascending.

    ``schedule.chunk`` tokens of one prompt are together, or one generated token of each of ``schedule.batch`` texts.
    """
    found: list[Ints] = []
    for run in runs(trace, schedule.batch):
        begins = np.flatnonzero(_breaks(trace, run))
        of_texts = np.split(run, begins[1:])
        if trace.phases[run[0]] == DECODE:
            longest = max(map(len, of_texts))
            found += [np.array([text[i] for text in of_texts if i < len(text)]) for i in range(longest)]
        else:
            found += [text[at : at + schedule.chunk] for text in of_texts for at in range(0, len(text), schedule.chunk)]
    return found


def _breaks(trace: Trace, run: Ints) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Bool [n]: whether a token of a run does not follow the token before it in its text."""
    apart = np.concatenate([[True], np.diff(run) != 1])
    return apart | sequence_starts(trace.positions)[run]


def follows_in(trace: Trace, tokens: Ints) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Bool [n]: whether each of ``tokens`` (ascending) follows the one before it, which is of the same text."""
    return ~_breaks(trace, tokens)
