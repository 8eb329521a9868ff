"""The program of a module of which only the linear layers are known: stages in the order of their first calls."""

from __future__ import annotations

from collections.abc import Container, Iterable

from simulator.model.encoder import Encoder
from simulator.model.ops import dequantize as dequantize_op
from simulator.model.ops import encode as encode_op
from simulator.model.program import Program
from simulator.model.weights import weight_groups
from simulator.trace.encoding import Encoding
from simulator.trace.trace import Layer, Op, Stage, Stream

# Last part of the id of a stream, and as a type of streams all there is.
INPUTS = "in"
LAST = "outputs"


def chain_program(
    layers: Iterable[Layer],
    encoder: Encoder,
    group: int | None = None,
    as_they_are: Container[str] = (),
) -> Program:
    """One stage per stream: it takes what the stage before drives, encodes it, and drives its own layers.

    The spikes of the streams ``as_they_are`` are those of the module's own neurons: they integrate the sums that arrive
    (a scale is a factor of their threshold), so their stages neither dequantize nor encode. ``group`` inputs share a
    scale of the weights; None for all.
    """
    driven: dict[str, list[Layer]] = {}
    for layer in layers:
        driven.setdefault(layer.stream, []).append(layer)
    stages: list[Stage] = []
    ops: list[Op] = []
    before: list[Layer] = []
    for stream_id, targets in driven.items():
        n = targets[0].n_in
        done: list[Op] = []
        if stream_id not in as_they_are:
            done = [*_dequantize(before, encoder.encoding, group), encode_op(f"{stream_id}.encode", n, encoder)]
        ids = tuple(layer.layer_id for layer in targets)
        stages.append(Stage(stream_id, n, tuple(op.op_id for op in done), stream_id, ids, _ids(before)))
        ops += done
        before = targets
    last = _dequantize(before, encoder.encoding, group)
    stages.append(Stage(LAST, sum(i.n_out for i in before), tuple(op.op_id for op in last), None, (), _ids(before)))
    streams = tuple(Stream(stream_id, targets[0].n_in) for stream_id, targets in driven.items())
    every_layer = tuple(layer for targets in driven.values() for layer in targets)
    return Program(streams, every_layer, (*ops, *last), tuple(stages))


def _ids(layers: Iterable[Layer]) -> tuple[str, ...]:
    return tuple(layer.layer_id for layer in layers)


def _dequantize(layers: list[Layer], encoding: Encoding, group: int | None) -> list[Op]:
    if not layers:
        return []
    n, groups = sum(layer.n_out for layer in layers), weight_groups(layers[0].n_in, group)
    return [dequantize_op(f"{layers[0].stream}.dequant", n, encoding, groups=len(groups))]
