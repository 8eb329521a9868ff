"""Synthetic traces: spike patterns known beforehand, through a chain of layers given by its sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from simulator.errors import TraceError, did_you_mean
from simulator.outputs.names import LONGEST
from simulator.trace.check import check_trace
from simulator.trace.codes import Code
from simulator.trace.encoding import Encoding
from simulator.trace.trace import PHASES, Phase, Trace
from simulator.trace.trace_program import Layer, Op, Stage, Stream

Pattern = Literal["silent", "single", "full", "poisson"]
Rates = float | Sequence[NDArray[np.float64]]


class SingleSpike(NamedTuple):
    """Where the one nonzero count of the pattern ``single`` is; stream, token and neuron are indices from 0."""

    stream: int = 0
    token: int = 0
    neuron: int = 0
    spike_count: int = 1


FIRST_NEURON = SingleSpike()

MOST_COUNTS = 1 << 30  # of all layers and tokens; two bytes each


def parse_sizes(text: str) -> list[int]:
    """``"64,32,16"`` as widths of a chain of layers, such as 64,32,16; raises TraceError for anything else."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise TraceError(f"sizes '{text}', expected whole numbers with commas such as 64,32,16") from None


def synthetic_trace(
    pattern: Pattern,
    sizes: Sequence[int] = (64, 32, 16),
    *,
    code: Code = "ternary",
    levels: int = 7,
    tokens: int = 4,
    mean_count: Rates = 1.0,
    single: SingleSpike | tuple[int, int, int, int] = FIRST_NEURON,
    weight_bits: int = 8,
    ops: bool = True,
    head: bool = True,
    phase: Phase = "prefill",
    seed: int = 0,
    name: str = "",
) -> Trace:
    """A chain of layers: stream ``layers.k.in`` of ``sizes[k]`` neurons drives layer ``layers.k`` of ``sizes[k + 1]``.

    Parameters
    ----------
    pattern
        ``silent``: no spike. ``single``: one count, `single`. ``full``: every count is ``levels`` (every neuron fires
        in every timestep; under ``bitwise`` only where ``levels`` is 2**T - 1). ``poisson``: absolute counts drawn from
        a Poisson distribution of mean `mean_count`, clipped to the levels, with either sign as likely in a signed code.
    sizes
        Width of each stage; the last one is the output.
    code, levels
        The encoding.
    tokens
        Tokens, at positions 0, 1, ...
    mean_count
        Mean absolute count before clipping: one number, or for each stream an array [n] of its neurons' means.
    single
        The one count of the pattern ``single``: (stream, token, neuron, spike count).
    weight_bits
        Width of the weights of all layers.
    ops
        Whether each stage also has the work of its encoder on the vector unit, and the head that of its read-out.
    head
        Whether a last stage without a stream collects the outputs of the last layer.
    phase
        What the tokens are taken for.
    seed
        Of ``poisson``; each stream has its own PCG64 sequence, whatever is read first.
    name
        Default: the pattern and the sizes.

    Raises
    ------
    TraceError
        A parameter is unknown or out of range.
    """
    if pattern not in get_args(Pattern):
        known = get_args(Pattern)
        raise TraceError(f"pattern {pattern!r}, expected one of {', '.join(known)}{did_you_mean(pattern, known)}")
    if len(sizes) < 2:
        raise TraceError(f"sizes {list(sizes)}, expected at least two: inputs and outputs of one layer")
    if (counts := tokens * sum(sizes[:-1])) > MOST_COUNTS:
        raise TraceError(f"tokens {tokens} of sizes {list(sizes)}: {counts} counts, expected at most {MOST_COUNTS}")
    try:
        encoding = Encoding(code, levels)
    except ValueError as error:
        raise TraceError(str(error)) from error
    streams = tuple(Stream(f"layers.{k}.in", n) for k, n in enumerate(sizes[:-1]))
    generator = _Counts(pattern, encoding, streams, tokens, mean_count, SingleSpike(*single), seed)
    trace = Trace(
        name=name or f"{pattern}-{'-'.join(map(str, sizes))}"[:LONGEST],
        encoding=encoding,
        streams=streams,
        layers=tuple(
            Layer(f"layers.{k}", "linear", n_in, n_out, weight_bits, f"layers.{k}.in")
            for k, (n_in, n_out) in enumerate(pairwise(sizes))
        ),
        ops=_ops(sizes, head) if ops else (),
        stages=_stages(sizes, ops, head),
        positions=np.arange(tokens, dtype=np.int64),
        phases=np.full(max(tokens, 0), PHASES.index(phase), np.uint8),
        origin={"kind": "synthetic", "pattern": pattern, "sizes": list(sizes), "seed": seed},
        load_counts=generator,
    )
    check_trace(trace)
    generator.check()
    return trace


def _ops(sizes: Sequence[int], head: bool) -> tuple[Op, ...]:
    """Vector work per token: an encoder scales each value by 1/threshold and clips it from both sides."""
    encoders = [
        Op(f"layers.{k}.encode", "encode", {"vector.mul": (n, 0), "vector.compare": (2 * n, 0)})
        for k, n in enumerate(sizes[:-1])
    ]
    readout = [Op("head.dequantize", "dequantize", {"vector.mul": (sizes[-1], 0)})] if head else []
    return (*encoders, *readout)


def _stages(sizes: Sequence[int], ops: bool, head: bool) -> tuple[Stage, ...]:
    stages = [
        Stage(
            stage_id=f"layers.{k}.in",
            width=n,
            ops=(f"layers.{k}.encode",) if ops else (),
            stream=f"layers.{k}.in",
            layers=(f"layers.{k}",),
            sources=(f"layers.{k - 1}",) if k else (),
        )
        for k, n in enumerate(sizes[:-1])
    ]
    if head:
        readout = ("head.dequantize",) if ops else ()
        stages.append(Stage("head", sizes[-1], readout, None, (), (f"layers.{len(sizes) - 2}",)))
    return tuple(stages)


@dataclass(frozen=True)
class _Counts:
    """Draws the counts of a stream when they are asked for; a class, so that a trace can be sent to another process."""

    pattern: Pattern
    encoding: Encoding
    streams: tuple[Stream, ...]
    tokens: int
    mean_count: Rates
    single: SingleSpike
    seed: int

    def check(self) -> None:
        """Raise TraceError when the single spike is outside the trace, or a mean or the seed is not one."""
        if self.seed < 0:
            raise TraceError(f"seed {self.seed}, expected 0 or more")
        if self.pattern == "single":
            self._check_single()
        if self.pattern == "poisson":
            self._check_means()

    def _check_single(self) -> None:
        stream, token, neuron, spike_count = self.single
        if not 0 <= stream < len(self.streams):
            raise TraceError(f"single spike in stream {stream}, expected 0 to {len(self.streams) - 1}")
        for what, index, size in (("token", token, self.tokens), ("neuron", neuron, self.streams[stream].n)):
            if not 0 <= index < size:
                raise TraceError(f"single spike of {what} {index}, expected 0 to {size - 1}")
        low = -self.encoding.levels if self.encoding.signed else 0
        if not low <= spike_count <= self.encoding.levels:
            raise TraceError(f"single spike of count {spike_count}, expected {low} to {self.encoding.levels}")

    def _check_means(self) -> None:
        if not isinstance(self.mean_count, (int, float)) and len(self.mean_count) != len(self.streams):
            raise TraceError(f"mean_count of {len(self.mean_count)} streams, expected {len(self.streams)}")
        for index, stream in enumerate(self.streams):
            means = self._means(index)
            if means.shape not in ((), (stream.n,)):
                raise TraceError(f"mean_count of {stream.stream_id} has shape {means.shape}, expected ({stream.n},)")
            if not (np.isfinite(means).all() and (means >= 0).all() and (means <= 1e9).all()):
                raise TraceError(f"mean_count of {stream.stream_id}: expected numbers from 0 to 1e9")

    def _means(self, index: int) -> NDArray[np.float64]:
        per_stream = self.mean_count
        return np.asarray(per_stream if isinstance(per_stream, (int, float)) else per_stream[index], dtype=np.float64)

    def __call__(self, stream_id: str) -> NDArray[np.int16]:
        index = [stream.stream_id for stream in self.streams].index(stream_id)
        counts = np.zeros((self.tokens, self.streams[index].n), dtype=np.int16)
        if self.pattern == "full":
            counts[:] = self.encoding.levels
        elif self.pattern == "single" and self.single.stream == index:
            counts[self.single.token, self.single.neuron] = self.single.spike_count
        elif self.pattern == "poisson":
            counts[:] = self._poisson(index, counts.shape)
        return counts

    def _poisson(self, index: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, index])))
        size = np.minimum(generator.poisson(self._means(index), shape), self.encoding.levels)
        return size * generator.choice(np.array([-1, 1]), shape) if self.encoding.signed else size
