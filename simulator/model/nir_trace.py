"""A NIR graph with the spikes that a simulator recorded, as a Trace.

Each row of the trace is one timestep of one sample, as for a spiking network of torch (`torch_stepped`): a chip passes
it through all layers before the next begins, and the neurons integrate the sums that arrive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simulator.errors import ModelError
from simulator.model.counts_encoding import Counts, counts_encoding
from simulator.model.nir_graph import NirLayer, NirNetwork, read_network
from simulator.model.op_work import dense_layer_op
from simulator.model.program import Program
from simulator.model.recorder import Recorder
from simulator.model.torch_chain import LAST
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Layer, Op, Stage, Stream

if TYPE_CHECKING:
    import nir

LARGEST = int(np.iinfo(np.int16).max)


def trace_from_nir(
    graph: nir.NIRGraph | Path | str, spikes: Mapping[str, Any], name: str = "nir", *, weight_bits: int = 8
) -> Trace:
    """The Trace of a feed-forward NIR graph and of spikes that were recorded from it.

    Parameters
    ----------
    graph
        A ``nir.NIRGraph``, or a file that ``nir.write`` wrote.
    spikes
        Name of a population -> what it sent, ``[timesteps, *shape]`` or ``[timesteps, samples, *shape]``, flattened
        or not: of the Input node and of each node of neurons that feeds weights. Integers; where the
        input holds other numbers, the layers it feeds are counted as dense products.
    name
        Of the trace.
    weight_bits
        Bits of a stored weight on the chip.

    Raises
    ------
    ModelError
        The graph is refused (`nir_graph.read_network`), or spikes are missing, have another shape, or are no integers.
    """
    network = read_network(graph)
    rows, n_samples = _rows(network, spikes)
    real = [population for population, values in rows.items() if (values != np.rint(values)).any()]
    counts = {population: _counts(population, values, network) for population, values in rows.items()}
    streams = [population for population in counts if population not in real]
    if not streams:
        raise ModelError("NIR graph: no layer is fed spikes, expected integers from at least one population")
    encoding = counts_encoding(None, {population: counts[population] for population in streams}, mixed=False)
    recorder = Recorder(encoding)
    for population in streams:
        recorder.record(population, counts[population])
    warnings = [*_notes(network, real)]
    steps = len(counts[streams[0]]) // n_samples
    origin = {
        "model": "NIR",
        "spiking": {"samples": n_samples, "tokens": 1, "timesteps": steps},
        "warnings": warnings,
    }
    return recorder.trace(name, _program(network, streams, weight_bits), [steps] * n_samples, origin)


def _rows(network: NirNetwork, spikes: Mapping[str, Any]) -> tuple[dict[str, NDArray[Any]], int]:
    """Population that feeds layers -> its values [samples * timesteps, n], and the number of samples."""
    leading: tuple[int, int] | None = None
    rows = {}
    for population in dict.fromkeys(layer.source for layer in network.layers):
        if population not in spikes:
            given = ", ".join(spikes) or "none"
            raise ModelError(f"NIR node {population}: no spikes recorded, expected them ({given} given)")
        values, shape = np.asarray(spikes[population]), network.shapes[population]
        steps, samples = _leading(population, values, shape)
        if leading is not None and leading != (steps, samples):
            raise ModelError(
                f"NIR node {population}: {steps} timesteps of {samples} samples, expected {leading[0]} of {leading[1]}"
                " as before"
            )
        leading = steps, samples
        by_sample = values.reshape(steps, samples, prod(shape)).swapaxes(0, 1)
        rows[population] = by_sample.reshape(steps * samples, prod(shape)).astype(np.float64)
        if not np.isfinite(rows[population]).all():
            raise ModelError(f"NIR node {population}: values that are not finite, expected spikes")
    assert leading is not None  # a network has layers
    return rows, leading[1]


def _leading(population: str, values: NDArray[Any], shape: tuple[int, ...]) -> tuple[int, int]:
    """Timesteps and samples of what was recorded."""
    for trailing in (shape, (prod(shape),)):
        lead = values.shape[: values.ndim - len(trailing)]
        if values.shape[len(lead) :] == trailing and len(lead) in (1, 2) and prod(lead):
            return lead[0], lead[1] if len(lead) == 2 else 1
    raise ModelError(
        f"NIR node {population}: recorded {list(values.shape)}, expected [timesteps, {', '.join(map(str, shape))}] or"
        " [timesteps, samples, ...]"
    )


def _counts(population: str, values: NDArray[Any], network: NirNetwork) -> Counts:
    """Spikes as counts; only the input may hold other numbers, which no stream keeps."""
    first = next(iter(network.shapes))
    whole = np.rint(values)
    if population != first and (whole != values).any():
        raise ModelError(f"NIR node {population}: values such as {values[whole != values][0]:g}, expected spikes")
    if np.abs(whole).max(initial=0) > LARGEST:
        raise ModelError(f"NIR node {population}: a count of {np.abs(whole).max():g}, expected at most {LARGEST}")
    counts: Counts = whole.astype(np.int16)
    return counts


def _program(network: NirNetwork, streams: list[str], weight_bits: int) -> Program:
    """One stage per population that feeds layers, and one that collects the sums of the last neurons."""
    spiking = [layer for layer in network.layers if layer.source in streams]
    layers = {
        layer.name: Layer(layer.name, layer.kind, layer.n_in, layer.n_out, weight_bits, layer.source)
        for layer in spiking
    }
    dense = {
        layer.name: dense_layer_op(layer.name, layer.n_in, layer.n_out, weight_bits)
        for layer in network.layers
        if layer.name not in layers
    }
    stages: list[Stage] = []
    ops: list[Op] = []

    def add(stage_id: str, width: int, stream: str | None, fed_by: tuple[str, ...]) -> None:
        done = [dense[i] for i in fed_by if i in dense]
        driven = tuple(i for i, layer in layers.items() if layer.stream == stream)
        arriving = tuple(i for i in fed_by if i in layers)
        stages.append(Stage(stage_id, width, tuple(op.op_id for op in done), stream, driven, arriving))
        ops.extend(done)

    for population in streams:
        add(population, prod(network.shapes[population]), population, network.feeding.get(population, ()))
    last = tuple(i for population, fed_by in network.feeding.items() if population not in streams for i in fed_by)
    add(LAST, sum(layer.n_out for layer in network.layers if layer.name in last), None, last)
    shapes = (Stream(population, prod(network.shapes[population])) for population in streams)
    return Program(tuple(shapes), tuple(layers.values()), tuple(ops), tuple(stages))


def _notes(network: NirNetwork, real: list[str]) -> Iterator[str]:
    """What was assumed, in words."""
    yield "each row of the trace is one timestep of the network, so values per token are values per timestep"
    for layer in network.layers:
        if layer.connections < layer.n_in * layer.n_out:
            yield _unrolled(layer)
    for population in real:
        fed = ", ".join(layer.name for layer in network.layers if layer.source == population)
        yield f"{population} holds real numbers: {fed} counted as dense products (vector.mac) in each timestep"


def _unrolled(layer: NirLayer) -> str:
    """What it costs to hold a convolution as a matrix."""
    ratio = layer.n_in * layer.n_out / layer.connections
    return (
        f"{layer.name}: the convolution is stored as a matrix, {ratio:.1f} times its {layer.connections:,} synapses;"
        " its memory and synaptic energy are upper bounds"
    )
