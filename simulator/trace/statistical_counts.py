"""Counts drawn like those of a captured trace: a statistical model of its streams, for streams of any width.

Of a captured stream three things are kept: the histogram of its absolute counts, the mean of each neuron, and the mean
of each token. Of all distributions of independent counts with these means it has the largest entropy,

    P(abs(count) = v) ~ base[v] * exp((neuron[j] + token[t]) * v)        for neuron j in token t

(the exponential family whose statistics are these three), fitted until its expected histogram and means are those of
the capture. What it does not keep: that certain neurons fire together beyond what their token explains. Of a local
stream whose width grows with the context (probabilities of attention) only the histogram of its live counts is kept:
its places are positions, which mean something else in each text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F64
from simulator.errors import TraceError
from simulator.trace.encoding import Encoding
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Stream

ITERATIONS, ENOUGH = 60, 1e-4
# Tilts beyond this mean "never" or "always": exp(-12) is 6e-6.
LARGEST_TILT = 12.0
# Decimals of the fitted numbers, so that the last bits of exp and log do not reach the draws.
DECIMALS = 6
# Tilts of a table while fitting and while drawing, fewer where there are many counts; comparisons of a step of drawing.
FIT_TILTS, DRAW_TILTS, TABLE_ENTRIES = 1 << 11, 1 << 13, 1 << 21
MOST_COUNTS = 1 << 28  # of a stream, which is drawn as a whole: half a gigabyte
DRAW_ENTRIES = 1 << 22


@dataclass(frozen=True, eq=False)
class StreamStatistics:
    """The statistical model of one captured stream (module docstring).

    Attributes
    ----------
    values
        int64 [k]: absolute counts that occur, rising.
    base
        float64 [k]: logarithm of ``base[v]``.
    neuron, token
        float64 [n] and [tokens]: tilts of the neurons and of the tokens.
    positive
        float64 [n]: share of positive counts among those of a neuron that are not 0.
    """

    values: NDArray[np.int64]
    base: F64
    neuron: F64
    token: F64
    positive: F64


def fit_stream(counts: NDArray[np.integer]) -> StreamStatistics:
    """The statistics of captured counts [tokens, n]."""
    size = np.abs(counts.astype(np.int64))
    values, occurrences = np.unique(size, return_counts=True)
    base, neuron, token = np.log(occurrences / size.size), np.zeros(size.shape[1]), np.zeros(size.shape[0])
    for _ in range(ITERATIONS if len(values) > 1 else 0):
        before = neuron
        table = _Tilted(values, base, -2 * LARGEST_TILT, 2 * LARGEST_TILT, FIT_TILTS)
        neuron = _closer(neuron, size.sum(axis=0), *table.moments(token[:, None] + neuron, axis=0))
        token = _closer(token, size.sum(axis=1), *table.moments(token[:, None] + neuron, axis=1))
        token -= token.mean()
        base = base + np.log(occurrences) - np.log(np.maximum(table.expected(token[:, None] + neuron), 1e-300))
        base -= base.max()
        if np.abs(neuron - before).max() < ENOUGH:
            break
    fires = np.maximum(np.count_nonzero(counts, axis=0), 1)
    positive = np.count_nonzero(counts > 0, axis=0) / fires
    return StreamStatistics(values, base.round(DECIMALS), neuron.round(DECIMALS), token.round(DECIMALS), positive)


def fit_histogram(counts: NDArray[np.integer], n_tokens: int) -> StreamStatistics:
    """The histogram of counts, alike for all neurons and for tokens of this number."""
    values, occurrences = np.unique(np.abs(counts.astype(np.int64)), return_counts=True)
    fires = max(int(np.count_nonzero(counts)), 1)
    positive = np.array([int(np.count_nonzero(counts > 0)) / fires])
    base = np.log(occurrences / counts.size).round(DECIMALS)
    return StreamStatistics(values, base, np.zeros(1), np.zeros(n_tokens), positive)


def _closer(tilt: F64, target: NDArray[np.int64], mean: F64, variance: F64) -> F64:
    """One Newton step of tilts towards the sums of counts that are expected, no longer than 1."""
    step = np.clip((target - mean) / np.maximum(variance, 1e-9), -1, 1)
    return np.clip(tilt + step, -LARGEST_TILT, LARGEST_TILT)


class _Tilted:
    """The distribution of counts ``base * exp(tilt * v)`` on a grid of tilts."""

    def __init__(self, values: NDArray[np.int64], base: F64, low: float, high: float, n: int) -> None:
        self.tilts = np.linspace(low, max(high, low + 1e-6), max(64, min(n, TABLE_ENTRIES // len(values))))
        logs = base + self.tilts[:, None] * values
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        self.shares = shares / shares.sum(axis=1, keepdims=True)  # [tilts, k]
        self._mean = self.shares @ values
        self._variance = self.shares @ values**2 - self._mean**2

    def moments(self, tilt: F64, axis: int) -> tuple[F64, F64]:
        """Sums over an axis of the means, and of the variances, of counts with these tilts."""
        mean, variance = np.interp(tilt, self.tilts, self._mean), np.interp(tilt, self.tilts, self._variance)
        return mean.sum(axis=axis), variance.sum(axis=axis)

    def expected(self, tilt: F64) -> F64:
        """Expected histogram [k] of counts with these tilts."""
        expected: F64 = np.bincount(self.nearest(tilt).ravel(), minlength=len(self.tilts)) @ self.shares
        return expected

    def nearest(self, tilt: F64) -> NDArray[np.int64]:
        """Row of the grid for each tilt."""
        rows = np.rint((tilt - self.tilts[0]) / (self.tilts[1] - self.tilts[0])).astype(np.int64)
        clipped: NDArray[np.int64] = np.clip(rows, 0, len(self.tilts) - 1)
        return clipped


def spread(activity: F64, n: int) -> NDArray[np.int64]:
    """``n`` indices into ``activity`` that stand for all of it, in its order.

    Whole copies one after another, then those of evenly spaced rank: 1 of many is the one of median activity.
    """
    copies, rest = divmod(n, len(activity))
    ranks = ((np.arange(rest) + 0.5) * len(activity) / max(rest, 1)).astype(np.int64)
    chosen = np.sort(np.argsort(activity, kind="stable")[ranks])
    return np.concatenate([np.tile(np.arange(len(activity)), copies), chosen])


def stream_kind(stream_id: str) -> str:
    """Type of a stream, the last part of its id: ``attn_in`` of ``blocks.0.attn_in``."""
    return stream_id.rsplit(".", 1)[-1]


def token_activity(trace: Trace) -> F64:
    """Sum of the absolute counts of all streams, float64 [tokens]."""
    sizes = [np.abs(trace.spike_counts(s.stream_id).astype(np.int64)).sum(axis=1) for s in trace.streams]
    activity: F64 = np.sum(sizes, axis=0, dtype=np.float64)
    return activity


def grows(stream: Stream) -> bool:
    """Whether a stream has more live activations at a longer context."""
    return stream.live is not None and stream.live[1] > 0


def fit_trace(like: Trace) -> dict[str, tuple[StreamStatistics, ...]]:
    """Statistics of every stream of a trace: type -> its streams, in program order."""
    fitted: dict[str, list[StreamStatistics]] = {}
    for stream in like.streams:
        if grows(stream):
            statistics = fit_histogram(like.live_counts(stream.stream_id), like.n_tokens)
        else:
            statistics = fit_stream(like.spike_counts(stream.stream_id))
        fitted.setdefault(stream_kind(stream.stream_id), []).append(statistics)
    return {kind: tuple(streams) for kind, streams in fitted.items()}


@dataclass(frozen=True, eq=False)
class StatisticalCounts:
    """Draws the counts of a stream when they are asked for; a class, so that a trace can be sent to another process.

    The i-th of N streams of a type is drawn like the captured one at the same relative depth.

    Attributes
    ----------
    encoding
        Code and levels of the captured trace.
    streams
        The streams to draw, in program order.
    statistics
        Of the captured streams, by type (`fit_trace`).
    tokens
        int64 [tokens]: the captured token whose activity each token has.
    seed
        Each stream has its own PCG64 sequence, whatever is read first.
    contexts
        int64 [tokens]: context of each token, for the streams that grow with it.
    """

    encoding: Encoding
    streams: tuple[Stream, ...]
    statistics: Mapping[str, tuple[StreamStatistics, ...]]
    tokens: NDArray[np.int64]
    seed: int
    contexts: NDArray[np.int64] | None = None

    def check(self) -> None:
        """Raise TraceError for a stream of a type that was not captured, or too large to draw, or a wrong seed."""
        if self.seed < 0:
            raise TraceError(f"seed {self.seed}, expected 0 or more")
        for stream in self.streams:
            if (kind := stream_kind(stream.stream_id)) not in self.statistics:
                known = ", ".join(self.statistics)
                raise TraceError(f"stream {stream.stream_id}: found no statistics of {kind!r}, expected one of {known}")
            if (counts := stream.n * len(self.tokens)) > MOST_COUNTS:
                expected = f"expected at most {MOST_COUNTS}; take fewer tokens"
                raise TraceError(f"stream {stream.stream_id}: found {counts} counts of all tokens, {expected}")

    def __call__(self, stream_id: str) -> NDArray[np.integer]:
        """Counts [tokens, n] of a stream, the same at every call."""
        ids = [stream.stream_id for stream in self.streams]
        alike = [i for i in ids if stream_kind(i) == stream_kind(stream_id)]
        captured = self.statistics[stream_kind(stream_id)]
        like = captured[(2 * alike.index(stream_id) + 1) * len(captured) // (2 * len(alike))]
        index = ids.index(stream_id)
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, index])))
        counts = _draw(like, self.streams[index].n, self.tokens, self.encoding, generator)
        live = self.streams[index].live
        if live is not None and self.contexts is not None:
            counts[np.arange(counts.shape[1]) >= (live[0] + live[1] * self.contexts)[:, None]] = 0
        return counts


def _draw(
    like: StreamStatistics, n: int, tokens: NDArray[np.int64], encoding: Encoding, generator: np.random.Generator
) -> NDArray[np.integer]:
    """Counts [tokens, n], token by token in the order of the generator."""
    neurons = spread(like.neuron, n)
    tilt, positive, token_tilt = like.neuron[neurons], like.positive[neurons], like.token[tokens]
    table = _Tilted(like.values, like.base, tilt.min() + token_tilt.min(), tilt.max() + token_tilt.max(), DRAW_TILTS)
    edges = table.shares.cumsum(axis=1)[:, :-1]  # the last one is 1: no draw is beyond it
    counts = np.zeros((len(tokens), n), dtype=np.int8 if encoding.levels <= np.iinfo(np.int8).max else np.int16)
    at_once = DRAW_ENTRIES // len(like.values)  # at least 128: a code has at most 32,768 counts
    for t, of_token in enumerate(token_tilt):
        # One draw in each n-th of [0, 1): the token's tilt already holds by how much its sum is off its mean.
        uniform = (generator.permutation(n) + generator.random(n)) / n
        rows = table.nearest(of_token + tilt)
        for start in range(0, n, at_once):
            part = slice(start, start + at_once)
            counts[t, part] = like.values[(uniform[part, None] >= edges[rows[part]]).sum(axis=1)]
        if encoding.signed:
            counts[t] *= np.where(generator.random(n) < positive, 1, -1).astype(counts.dtype)
    return counts
