"""The program of a module of which only the linear layers are known: stages in the order of their first calls."""

from __future__ import annotations

from collections.abc import Container, Iterable

from simulator.model.encoder import Encoder
from simulator.model.op_work import dense_layer_op, dequantize_op, encode_op
from simulator.model.program import Program
from simulator.model.weights import weight_groups
from simulator.trace.encoding import Encoding
from simulator.trace.trace_program import Layer, Op, Stage, Stream

# Last part of the id of a stream, and as a type of streams all there is.
INPUTS = "in"
LAST = "outputs"


def chain_program(
    layers: Iterable[Layer],
    encoder: Encoder,
    group: int | None = None,
    as_they_are: Container[str] = (),
    dense: Container[str] = (),
) -> Program:
    """One stage per stream: it takes what the stage before drives, encodes it, and drives its own layers.

    Parameters
    ----------
    layers
        In the order of their first calls.
    encoder
        In front of every stream but those that spike already.
    group
        Inputs that share a scale of the weights; None for all.
    as_they_are
        Streams whose spikes are those of the module's own neurons: they integrate the sums that arrive (a scale is a
        factor of their threshold), so their stages neither dequantize nor encode.
    dense
        Layers on real numbers, which are ops of the stage that follows them.
    """
    driven: dict[str, list[Layer]] = {}
    first: dict[str, list[Op]] = {}  # of each stage: the dense layers before it
    waiting: list[Op] = []
    for layer in layers:
        if layer.layer_id in dense:
            waiting.append(dense_layer_op(layer.layer_id, layer.n_in, layer.n_out, layer.weight_bits))
            continue
        if layer.stream not in driven:
            first[layer.stream], waiting = waiting, []
        driven.setdefault(layer.stream, []).append(layer)
    stages: list[Stage] = []
    ops: list[Op] = []
    before: list[Layer] = []
    for stream_id, targets in driven.items():
        n, done = targets[0].n_in, first[stream_id]
        if stream_id not in as_they_are:
            encode = encode_op(f"{stream_id}.encode", n, encoder)
            done = [*_dequantize(before, encoder.encoding, group), *done, encode]
        stages.append(Stage(stream_id, n, _op_ids(done), stream_id, _ids(targets), _ids(before)))
        ops += done
        before = targets
    last = [*_dequantize(before, encoder.encoding, group), *waiting]
    stages.append(Stage(LAST, sum(layer.n_out for layer in before), _op_ids(last), None, (), _ids(before)))
    streams = tuple(Stream(stream_id, targets[0].n_in) for stream_id, targets in driven.items())
    every_layer = tuple(layer for targets in driven.values() for layer in targets)
    return Program(streams, every_layer, (*ops, *last), tuple(stages))


def _op_ids(ops: Iterable[Op]) -> tuple[str, ...]:
    return tuple(op.op_id for op in ops)


def _ids(layers: Iterable[Layer]) -> tuple[str, ...]:
    return tuple(layer.layer_id for layer in layers)


def _dequantize(layers: list[Layer], encoding: Encoding, group: int | None) -> list[Op]:
    if not layers:
        return []
    n, groups = sum(layer.n_out for layer in layers), weight_groups(layers[0].n_in, group)
    return [dequantize_op(f"{layers[0].stream}.dequant", n, encoding, groups=len(groups))]
