"""The tokens whose network is simulated: each stands for its neighbours, and the error of that is stated.

What the cores do is simulated for every token, and packets, links and operations are counted for every token. What a
sample leaves out is how long packets wait for each other: a token that stands for its neighbours says it for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.errors import SpikewattError
from simulator.trace.trace import Trace

ALL_UP_TO = 64  # tokens of a trace that are all simulated unless a number is asked for
ERROR_MAX = 0.01  # standard error of the time that the default keeps to
SAMPLE_FIRST = 8  # tokens that the default begins with


@dataclass(frozen=True)
class Sampling:
    """How much of the network was simulated, and the error of that.

    Attributes
    ----------
    simulated, of
        Tokens of stages whose network was simulated, of all.
    time_error
        Standard error of the whole time over that time; None where the sample is too small to say.
    """

    simulated: int
    of: int
    time_error: float | None


def stand_ins(n: int, sample: int | None) -> Ints:
    """For how many of ``n`` neighbours each stands, int64 [n]; 0: another one stands for it.

    Neighbours are cut into ``sample`` groups whose sizes differ by one at most; the middle one of each stands for it.
    ``None``: each stands for itself.
    """
    groups = n if sample is None else min(sample, n)
    size, larger = divmod(n, max(groups, 1))
    sizes = np.full(groups, size, np.int64)
    sizes[:larger] += 1
    found = np.zeros(n, np.int64)
    found[np.cumsum(sizes) - sizes + sizes // 2] = sizes
    return found


def stretches(special: NDArray[np.bool_], sample: int) -> Ints:
    """`stand_ins` of each stretch between ``special`` ones, which stand for themselves, int64 [n].

    A stretch has its part of a sample of ``sample`` of all, and at least one.
    """
    n = len(special)
    found = np.ones(n, np.int64)
    ends = [-1, *np.flatnonzero(special).tolist(), n]
    for before, after in pairwise(ends):
        length = after - before - 1
        found[before + 1 : after] = stand_ins(length, max(1, round(sample * length / n)))
    return found


def stood_for(carried: Ints) -> Ints:
    """Place of the one that stands for each, int64 [n]; ``carried`` as from `stand_ins`."""
    those = np.flatnonzero(carried)
    return np.repeat(those, carried[those])


def standard_error(values: NDArray[np.integer], n: int) -> float | None:
    """Standard error of the sum of ``n`` values of which every k-th is known; None of a single one.

    From the differences of successive ones (Wolter, Introduction to Variance Estimation, 2007, section 8.2, estimator
    v2), so a trend along the tokens is not taken for noise; with the correction for a finite number.
    """
    known = len(values)
    if known == n:
        return 0.0
    if known < 2:
        return None
    differences = np.diff(values.astype(np.float64))
    variance = float((differences**2).sum()) / (2 * (known - 1))
    return n * float(np.sqrt((1 - known / n) * variance / known))


def monotone_error(values: NDArray[np.integer], places: Ints) -> float:
    """Standard error of the sum of all values, of which those at ``places`` are known, where they rise or fall between.

    Each step between two known values may be at any place between them with the same chance, so the variance of each
    is that of a uniform distribution.
    """
    steps = np.abs(np.diff(values.astype(np.float64))) * np.diff(places)
    return float(np.sqrt((steps**2).sum() / 12))


def sample_size(trace: Trace, asked: int | Literal["auto", "all"]) -> int | Literal["auto"] | None:
    """Tokens whose network is simulated, where ``asked`` is a number, ``all`` or ``auto``; None: all.

    ``auto`` stands for a number that the error decides (`larger_sample`), and for all tokens of a short trace.

    Raises
    ------
    SpikewattError
        When the number is below 1.
    """
    if isinstance(asked, int):
        if asked < 1:
            raise SpikewattError(f"--sample-tokens: found {asked}, expected a number of at least 1, or all")
        return asked if asked < trace.n_tokens else None
    return "auto" if asked == "auto" and trace.n_tokens > ALL_UP_TO else None


def larger_sample(sample: int, error: float | None, n_tokens: int) -> int | None:
    """The sample that keeps to `ERROR_MAX`, where one of ``sample`` tokens has a larger ``error``; None: all tokens."""
    found = ERROR_MAX * 2 if error is None else error
    larger = max(2 * sample, int(np.ceil(1.2 * sample * (found / ERROR_MAX) ** 2)))
    return larger if 2 * larger < n_tokens else None


def sampling_warning(sampling: Sampling | None) -> tuple[str, ...]:
    """What a sample leaves out; nothing where every token is simulated."""
    if sampling is None:
        return ()
    error = "unknown" if sampling.time_error is None else f"{100 * sampling.time_error:.2g} %"
    return (
        f"sampled: the network is simulated for 1 in {sampling.of / sampling.simulated:.1f} tokens of each stage, whose"
        " neighbours are assumed to wait as long; cores are simulated and events counted for every token. The standard"
        f" error of the time is {error}. --sample-tokens all simulates every token",
    )
