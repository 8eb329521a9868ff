"""Which tokens stand for others: groups of neighbours with one representative each, so that weights are integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from simulator.arrays import Ints
from simulator.errors import SpikewattError
from simulator.trace.trace import Trace

if TYPE_CHECKING:
    from simulator.engine.schedule import Batch

ALL_UP_TO = 64  # tokens of a trace that are all simulated unless a number is asked for
ERROR_MAX = 0.01  # standard error of time and energy that the default number keeps to
SAMPLE_MIN = 8  # fewer say nothing of their own spread


def groups(items: Ints, sample: int | None) -> list[tuple[Ints, int]]:
    """Cut ``items`` into ``sample`` groups of neighbours; returns the items of all groups of a size, and that size.

    Sizes differ by one at most, so there are at most two of them. ``None``, or as many as there are, is no group.
    """
    if sample is None or sample >= len(items):
        return [(items, 1)]
    size, larger = divmod(len(items), sample)
    edge = larger * (size + 1)
    parts = [(items[:edge], size + 1), (items[edge:], size)]
    return [(part, weight) for part, weight in parts if len(part)]


def sample_size(trace: Trace, asked: int | Literal["auto", "all"]) -> int | None:
    """Tokens to simulate, where ``asked`` is a number, ``all`` or ``auto`` (`default_sample`); None: all.

    Raises
    ------
    SpikewattError
        When the number is below 1.
    """
    if isinstance(asked, int):
        if asked < 1:
            raise SpikewattError(f"--sample-tokens: found {asked}, expected a number of at least 1, or all")
        return asked if asked < trace.n_tokens else None
    return default_sample(trace) if asked == "auto" else None


def default_sample(trace: Trace) -> int | None:
    """Tokens to simulate so that the standard error of time and of energy is below `ERROR_MAX`; None: all.

    Time and energy follow the spikes: their spread over tokens is known from the trace, that of the busiest stream and
    that of the sum. The error of a mean of n of N tokens is spread / sqrt(n) x sqrt(1 - n / N); neighbours that stand
    for one another make it smaller still.
    """
    if trace.n_tokens <= ALL_UP_TO:
        return None
    spikes = np.stack([trace.spikes_per_token(s.stream) for s in trace.stages if s.stream is not None])
    busiest = spikes[spikes.sum(axis=1).argmax()]
    spread = max(_spread(busiest), _spread(spikes.sum(axis=0)))
    endless = (spread / ERROR_MAX) ** 2
    needed = int(np.ceil(endless / (1 + endless / trace.n_tokens)))
    return max(SAMPLE_MIN, needed) if max(SAMPLE_MIN, needed) < trace.n_tokens else None


def _spread(values: Ints) -> float:
    """Standard deviation over mean; 0 of nothing."""
    mean = float(values.mean())
    return float(values.std()) / mean if mean else 0.0


def sampling_warning(batches: Sequence[Batch]) -> tuple[str, ...]:
    """What a sample leaves out; nothing where every token is simulated."""
    weights = [batch.weight for batch in batches]
    if max(weights) == 1 and all(batch.times == len(batch.tokens) for batch in batches):
        return ()
    simulated = sum(len(batch.tokens[batch.sample]) * len(batch.stages) for batch in batches)
    done = sum(batch.tokens.size for batch in batches)
    lines = [
        f"sampled: the spikes of 1 in {done / simulated:.1f} tokens of each stage are simulated, those of its"
        " neighbours taken to be alike; ops, encoding neurons and values are counted for every token."
        " --sample-tokens all simulates every one"
    ]
    if any(batch.times > len(batch.tokens) for batch in batches):
        lines.append(
            "sampled: rounds that fill or drain the pipeline are taken to last as long as those in which it is full, an"
            " upper bound"
        )
    return tuple(lines)
