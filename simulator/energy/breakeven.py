"""The spike rate at which a layer, or a whole trace, costs as much as on the dense twin: by bisection on the chips.

A layer is simulated alone, encoder, network, static power and barriers included, once on the dense chip and at several
rates on the other one; a trace with the spikes of all its streams multiplied by one factor. At a higher rate no
activation sends fewer spikes, so the energy rises with the rate and there is one crossing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.config.chip import ChipConfig
from simulator.energy.ledger import build_ledger
from simulator.energy.thresholds import THRESHOLDS
from simulator.engine.engine import replay
from simulator.errors import SpikewattError
from simulator.mapping.place import map_trace
from simulator.mapping.widths import Widths
from simulator.trace.encoding import Encoding
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.totals import layer_work, stream_spikes
from simulator.trace.trace import Trace

STEPS = 12  # bisections; the answer is then within 1/4000 of the range
TRACE_STEPS = 9  # of a whole trace, from a range of at most 2 to 1: within 1/500
SEED = 0
MOST_COUNTS = 1 << 26  # activations of a layer, half a gigabyte of random numbers


class BreakEven(NamedTuple):
    """Energies in pJ per token of a layer on both chips, and where they meet.

    ``spikes`` are per activation: 0 when the twin is cheaper even than silence, infinite when it is at no rate.
    """

    spikes: float
    silent_pj: float
    full_pj: float
    dense_pj: float


class LayerShape(NamedTuple):
    """Shape of a linear layer: inputs, outputs, bits of a weight."""

    n_in: int
    n_out: int
    bits: int


def break_even(
    shape: LayerShape, encoding: Encoding, chip: ChipConfig, dense_chip: ChipConfig, tokens: int = 16
) -> BreakEven:
    """Where a layer of this shape costs the same on ``chip``, driven by spikes, and on ``dense_chip``."""
    energy = partial(_energy, shape, encoding, tokens)
    dense, silent = energy(dense_chip, None), energy(chip, 0.0)
    full = energy(chip, math.inf)
    if silent >= dense or full <= dense:
        return BreakEven(0.0 if silent >= dense else math.inf, silent, full, dense)
    spikes = _bisect(lambda spikes: energy(chip, spikes) >= dense, 0.0, most_spikes(encoding), STEPS)
    return BreakEven(spikes, silent, full, dense)


def _bisect(above: Callable[[float], bool], low: float, high: float, steps: int) -> float:
    """Where ``above`` turns true between ``low`` and ``high``, to 1 / 2**steps of the range."""
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (low, middle) if above(middle) else (middle, high)
    return (low + high) / 2


class Bisection(NamedTuple):
    """Break-even of a trace found by simulation.

    ``layers`` is `break_even_table`; ``spikes`` per activation of the whole trace, with everything that is no layer:
    0 where the twin is cheaper even than silence, infinite where it is at no rate.
    """

    layers: pd.DataFrame
    spikes: float


def bisect_trace(
    trace: Trace, chip: ChipConfig, dense_chip: ChipConfig, dense_pj: float, widths: Widths | None = None
) -> Bisection:
    """Break-even of each kind of layer and of the whole trace, whose twin takes ``dense_pj`` in all.

    The trace is as wide as ``widths`` says, at every rate.
    """
    return Bisection(break_even_table(trace, chip, dense_chip), _whole_trace(trace, chip, dense_pj, widths))


def _whole_trace(trace: Trace, chip: ChipConfig, dense_pj: float, widths: Widths | None) -> float:
    """Spikes per activation at which the whole trace takes ``dense_pj``."""

    def dearer(scaled: Trace) -> bool:
        return build_ledger(replay(map_trace(scaled, chip, widths)), chip).total_pj >= dense_pj

    if dearer(scaled_trace(trace, 0.0)):
        return 0.0
    low, high = 0.0, 1.0
    reached = scaled_trace(trace, high)
    while not dearer(reached):
        more = scaled_trace(trace, 2 * high)
        if _rate(more) == _rate(reached):
            return math.inf
        low, high, reached = high, 2 * high, more
    return _rate(scaled_trace(trace, _bisect(lambda f: dearer(scaled_trace(trace, f)), low, high, TRACE_STEPS)))


def scaled_trace(trace: Trace, factor: float) -> Trace:
    """``trace`` with ``factor`` times the spikes of each of its streams, up to the most that an activation can send.

    They are spread over the live activations of a stream, because no captured count says how it would grow.
    """

    def load(stream: str) -> NDArray[np.int16]:
        live = trace.live(stream)
        spikes = factor * float(stream_spikes(trace, stream)) / max(1, int(live.sum()))
        counts = _counts((trace.n_tokens, trace.stream_by_id[stream].n), trace.encoding, spikes)
        counts[np.arange(counts.shape[1]) >= live[:, None]] = 0
        return counts

    return replace(trace, load_counts=load)


def _rate(trace: Trace) -> float:
    """Spikes per live activation over all streams."""
    streams = [stream.stream_id for stream in trace.streams]
    activations = sum(int(trace.live(stream).sum()) for stream in streams)
    return sum(stream_spikes(trace, stream) for stream in streams) / activations


def most_spikes(encoding: Encoding) -> float:
    """Most spikes that one activation can send."""
    counts = np.arange(encoding.levels + 1)
    return float(encoding.spikes_per_count(counts).max())


def break_even_table(trace: Trace, chip: ChipConfig, dense_chip: ChipConfig, tokens: int = 16) -> pd.DataFrame:
    """One row per shape and kind of linear layer of a trace.

    Columns: ``kind, n_in, n_out, spikes_per_activation`` (of the trace), ``break_even_spikes`` (per activation),
    ``break_even_rate`` (over timesteps), ``cheaper`` (spiking | dense), ``silent_pj, full_pj, dense_pj`` (per token).
    """
    found: dict[LayerShape, BreakEven] = {}
    rows = []
    for kind, shape, spikes in _kinds(trace):
        if shape not in found:
            found[shape] = break_even(shape, trace.encoding, chip, dense_chip, tokens)
        at = found[shape]
        rate = at.spikes / trace.encoding.n_timesteps
        side = "spiking" if spikes < at.spikes else "dense"
        rows.append(
            (kind, shape.n_in, shape.n_out, spikes, at.spikes, rate, side, at.silent_pj, at.full_pj, at.dense_pj)
        )
    columns = ["kind", "n_in", "n_out", "spikes_per_activation", "break_even_spikes", "break_even_rate", "cheaper"]
    return pd.DataFrame(rows, columns=[*columns, "silent_pj", "full_pj", "dense_pj"])


def break_even_lines(table: pd.DataFrame) -> list[str]:
    """What the simulation finds, compared with each published threshold, and whether it is within its bounds."""
    lines = []
    for threshold in THRESHOLDS:
        column = {"spikes_per_synapse": "break_even_spikes", "spike_rate": "break_even_rate"}.get(threshold.measure)
        if column is None:
            continue
        low, high = float(table[column].min()), float(table[column].max())
        if high < threshold.low:
            word = "the simulated chip asks for fewer spikes"
        elif low > threshold.high:
            word = "the simulated chip allows more spikes"
        else:
            word = "they agree"
        lines.append(f"{threshold.title}: {threshold.bounds}; simulated {threshold.words(low, high)}: {word}")
    return lines


def _kinds(trace: Trace) -> list[tuple[str, LayerShape, float]]:
    """Kind, shape and mean spikes per activation of the layers; those alike but for spikes are one."""
    groups: dict[tuple[str, LayerShape], list[int]] = {}
    work = layer_work(trace)
    for layer in trace.layers:
        shape = LayerShape(layer.n_in, layer.n_out, layer.weight_bits)
        groups.setdefault((layer.kind, shape), []).append(work[layer.layer_id].spikes)
    return [(kind, shape, sum(n) / (len(n) * trace.n_tokens * shape.n_in)) for (kind, shape), n in groups.items()]


def _energy(shape: LayerShape, encoding: Encoding, tokens: int, chip: ChipConfig, spikes: float | None) -> float:
    """Energy per token in pJ of a layer whose activations send so many spikes; None where it does not matter."""
    trace = _layer_trace(shape, encoding, tokens, 0.0 if spikes is None else spikes)
    return build_ledger(replay(map_trace(trace, chip)), chip).total_pj / tokens


def _layer_trace(shape: LayerShape, encoding: Encoding, tokens: int, spikes: float) -> Trace:
    """A layer alone, its activations with ``spikes`` spikes each on average."""
    if tokens * shape.n_in > MOST_COUNTS:
        raise SpikewattError(
            f"a layer of {shape.n_in} inputs: found {tokens} tokens, expected at most {MOST_COUNTS // shape.n_in}"
        )
    trace = synthetic_trace(
        "silent",
        (shape.n_in, shape.n_out),
        code=encoding.code,
        levels=encoding.levels,
        tokens=tokens,
        weight_bits=shape.bits,
        ops=False,
        head=False,
    )
    counts = _counts((tokens, shape.n_in), encoding, spikes)
    return replace(trace, load_counts=lambda stream: counts)


def _counts(shape: tuple[int, int], encoding: Encoding, spikes: float) -> NDArray[np.int16]:
    """Counts whose spikes number ``spikes`` per activation: the total is met exactly, spread by fixed random numbers.

    Each activation sends the whole part, and those with the smallest numbers one spike more, by the smallest count that
    has so many.
    """
    table = encoding.spikes_per_count(np.arange(encoding.levels + 1))
    most = int(table.max())
    number = np.random.Generator(np.random.PCG64(SEED)).random(shape)
    target = np.full(shape, most) if spikes >= most else np.floor(spikes) + (number < spikes - math.floor(spikes))
    smallest = np.array([int(np.argmax(table >= k)) for k in range(most + 1)])
    return smallest[target.astype(np.int64)].astype(np.int16)
