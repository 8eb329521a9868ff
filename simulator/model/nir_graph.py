"""A NIR graph as layers between populations that spike.

NIR (J. E. Pedersen et al., Nature Communications 15, 8122, 2024) is the exchange format of spiking networks: nodes are
weights or neurons, edges say what feeds what. Here a *population* is the input or a node of neurons, and a layer is a
node of weights with the one population that feeds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.errors import ModelError
from simulator.model.nir_nodes import NirNode, read_nodes

if TYPE_CHECKING:
    import nir

NEURONS = ("LIF", "IF", "CubaLIF")
WEIGHTS = ("Linear", "Affine", "Conv1d", "Conv2d")
PASSING = ("Flatten", "Output")
KNOWN = (*NEURONS, *WEIGHTS, *PASSING, "Input")


@dataclass(frozen=True)
class NirLayer:
    """One node of weights.

    Attributes
    ----------
    name
        Of its node.
    kind
        linear, affine, conv1d or conv2d.
    n_in, n_out
        Fan-in and fan-out of the whole layer, all channels and positions.
    connections
        Synapses that there are: ``n_in * n_out`` but for a convolution.
    source
        The population that feeds it.
    """

    name: str
    kind: str
    n_in: int
    n_out: int
    connections: int
    source: str


@dataclass(frozen=True)
class NirNetwork:
    """Populations in the order in which spikes pass them, and the layers between them.

    Attributes
    ----------
    shapes
        Population -> its shape, the input first.
    layers
        In the order of the populations that feed them.
    feeding
        Population -> names of the layers whose sums it integrates; ``output`` holds those that no neuron follows.
    """

    shapes: Mapping[str, tuple[int, ...]]
    layers: tuple[NirLayer, ...]
    feeding: Mapping[str, tuple[str, ...]]


def read_network(graph: nir.NIRGraph | Path | str) -> NirNetwork:
    """The populations and layers of a NIR graph, or of its file.

    Raises
    ------
    ModelError
        The extra ``nir`` is not installed, the file is no NIR graph, or the graph holds what a trace cannot:
        recurrence, a node of another type, weights after weights, neurons without weights before them.
    """
    found = read_nodes(graph)
    nodes = found.nodes
    for name, node in nodes.items():
        if node.type not in KNOWN:
            raise ModelError(f"NIR node {name}: a {node.type}, expected one of {', '.join(KNOWN)}")
    before: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in found.edges:
        before[target].append(source)
    order = _order(before)
    populations = [name for name in order if nodes[name].type in (*NEURONS, "Input")]
    if sum(nodes[name].type == "Input" for name in populations) != 1:
        raise ModelError("NIR graph: several inputs or none, expected one Input node")
    layers = [_layer(name, nodes, before) for name in order if nodes[name].type in WEIGHTS]
    layers.sort(key=lambda layer: populations.index(layer.source))
    if not layers:
        raise ModelError(f"NIR graph: no weights, expected a node of {', '.join(WEIGHTS)}")
    feeding = {name: _feeding(name, nodes, before) for name in populations if nodes[name].type in NEURONS}
    taken = {layer for names in feeding.values() for layer in names}
    last = tuple(layer.name for layer in layers if layer.name not in taken)
    shapes = {name: nodes[name].outputs for name in populations}
    by_name = {layer.name: layer for layer in layers}
    for name, names in feeding.items():
        shapes[name] = shapes[name] or (by_name[names[0]].n_out,)  # one value for all neurons has no shape
    network = NirNetwork(shapes, tuple(layers), {**feeding, "output": last})
    _check_sizes(network)
    return network


def _check_sizes(network: NirNetwork) -> None:
    """Refuse a layer that does not fit the population before or after it."""
    for layer in network.layers:
        n = prod(network.shapes[layer.source])
        if layer.n_in != n:
            raise ModelError(f"NIR node {layer.name}: {layer.n_in} inputs, expected the {n} of {layer.source}")
    for population, names in network.feeding.items():
        for layer in (layer for layer in network.layers if layer.name in names and population in network.shapes):
            n = prod(network.shapes[population])
            if layer.n_out != n:
                raise ModelError(f"NIR node {layer.name}: {layer.n_out} outputs, expected the {n} of {population}")


def _order(before: Mapping[str, list[str]]) -> list[str]:
    """The nodes, each after all that feed it; a graph that feeds back is refused."""
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError as error:
        raise ModelError(
            f"NIR graph: recurrence through {' -> '.join(reversed(error.args[1]))}, expected a feed-forward graph"
        ) from None


def _sources(name: str, nodes: Mapping[str, NirNode], before: Mapping[str, list[str]]) -> list[str]:
    """What feeds a node, seen through Flatten nodes."""
    found: list[str] = []
    for source in before[name]:
        passing = nodes[source].type in PASSING
        found += _sources(source, nodes, before) if passing else [source]
    return found


def _layer(name: str, nodes: Mapping[str, NirNode], before: Mapping[str, list[str]]) -> NirLayer:
    """A node of weights with the population that feeds it."""
    node, sources = nodes[name], _sources(name, nodes, before)
    if len(sources) != 1:
        raise ModelError(f"NIR node {name}: fed by {', '.join(sources) or 'nothing'}, expected one population")
    if nodes[sources[0]].type in WEIGHTS:
        raise ModelError(f"NIR node {name}: fed by the weights {sources[0]}, expected neurons between them")
    kind = node.type
    if kind in ("Linear", "Affine"):
        if len(node.weight) != 2:
            raise ModelError(f"NIR node {name}: weights of shape {list(node.weight)}, expected two axes")
        n_out, n_in = node.weight
        return NirLayer(name, kind.lower(), n_in, n_out, n_in * n_out, sources[0])
    if not all((*node.inputs, *node.outputs)) or {len(node.inputs), len(node.outputs)} != {len(node.weight) - 1}:
        raise ModelError(f"NIR node {name}: its input_shape is not given, expected one")
    n_in, n_out = prod(node.inputs), prod(node.outputs)
    return NirLayer(name, kind.lower(), n_in, n_out, _connections(node), sources[0])


def _connections(node: NirNode) -> int:
    """Synapses of a convolution: those of positions in its padding are none."""
    channels_out, channels_in, *kernel = node.weight
    total = channels_out * channels_in  # the weights of a group hold the channels of this group only
    for axis, size in enumerate(kernel):
        stride, dilation = _along(node.stride, axis), _along(node.dilation, axis)
        n, positions = node.inputs[1 + axis], node.outputs[1 + axis]
        padding = _padding(node.padding, axis, dilation * (size - 1))
        at = [o * stride - padding + k * dilation for o in range(positions) for k in range(size)]
        total *= sum(0 <= place < n for place in at)
    return total


def _along(values: tuple[int, ...], axis: int) -> int:
    """An option of a convolution along one axis."""
    return values[axis] if len(values) > 1 else values[0]


def _padding(value: tuple[int, ...] | str, axis: int, span: int) -> int:
    """Padding in front of one axis; a convolution of stride 1 keeps the size with `same`."""
    if isinstance(value, str):
        return span // 2 if value == "same" else 0
    return _along(value, axis)


def _feeding(name: str, nodes: Mapping[str, NirNode], before: Mapping[str, list[str]]) -> tuple[str, ...]:
    """The layers whose sums a node of neurons integrates."""
    sources = _sources(name, nodes, before)
    bare = [source for source in sources if nodes[source].type not in WEIGHTS]
    if bare or not sources:
        raise ModelError(
            f"NIR node {name}: fed by {', '.join(bare) or 'nothing'}, expected weights in front of neurons"
        )
    return tuple(sources)
