"""A batch of texts out of a trace that holds fewer: the same program, replayed with other tokens of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulator.errors import TraceError
from simulator.trace.sequences import text_numbers
from simulator.trace.trace import DECODE, Trace


def batched(trace: Trace, batch: int) -> Trace:
    """``trace`` with as many texts as fill batches of ``batch``; the trace itself where it has them.

    Copy r of a text of n tokens, in place of its token i, has the spikes of token (i + r * stride) mod n, where stride
    is n over the number of copies, rounded down, and at least 1. So copies differ from each other as tokens of one
    text do. Positions, phases and contexts are those of the text. A local stream, whose live activations
    depend on the context, keeps its own spikes.

    Raises
    ------
    TraceError
        When ``batch`` is above 1 and the trace has no generated token.
    """
    if batch == 1:
        return trace
    if not (trace.phases == DECODE).any():
        raise TraceError(
            f"{trace.where}: a batch of {batch}: found prompts alone, expected generated tokens; capture some with"
            " spikewatt capture --decode, or set schedule.batch=1"
        )
    texts = text_numbers(trace.positions)
    n_texts = int(texts[-1]) + 1
    missing = -n_texts % batch
    if missing == 0:
        return trace
    copies = [(number % n_texts, number // n_texts) for number in range(n_texts + missing)]
    most = copies[-1][1] + 1
    tokens = [np.flatnonzero(texts == text) for text, _ in copies]
    spikes = [np.roll(own, -copy * max(1, len(own) // most)) for own, (_, copy) in zip(tokens, copies, strict=True)]
    taken = np.concatenate(tokens)
    counts = _Rotated(trace, taken, np.concatenate(spikes))
    return replace(trace, positions=trace.positions[taken], phases=trace.phases[taken], load_counts=counts)


def copies_line(trace: Trace, batch: int) -> tuple[str, ...]:
    """What the texts of a batch are made from, where ``trace`` holds fewer; nothing where it holds them all."""
    n_texts = int(text_numbers(trace.positions)[-1]) + 1
    missing = -n_texts % batch
    if missing == 0:
        return ()
    return (
        f"batch of {batch}: the trace holds {n_texts} text(s); {missing} more are copies that replay its tokens from"
        " another one on, so they differ as tokens of one text do",
    )


@dataclass(frozen=True)
class _Rotated:
    """Counts of the tokens that stand in for others; a class, so that a trace can be sent to another process."""

    whole: Trace
    own: NDArray[np.int64]
    spikes: NDArray[np.int64]

    def __call__(self, stream_id: str) -> NDArray[np.integer]:
        tokens = self.own if stream_id in self.whole.local_streams else self.spikes
        return np.ascontiguousarray(self.whole.spike_counts(stream_id)[tokens])
