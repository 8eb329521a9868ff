"""Linear layers of a module whose program is not known, as a chain of stages in the order of their calls."""

from __future__ import annotations

import numpy as np

from simulator.arrays import F32
from simulator.errors import ModelError
from simulator.model.encoder import SpikeCounts
from simulator.model.linear import Record, float_outputs, side_by_side
from simulator.model.ops import dequantize as dequantize_op
from simulator.model.ops import encode as encode_op
from simulator.model.preset import Preset
from simulator.model.program import Program
from simulator.model.weights import FLOAT_BITS, weight_groups
from simulator.trace.trace import Layer, Op, Stage, Stream

# Last part of the id of a stream, and as a type of streams all there is.
INPUTS = "in"


class ChainLinear:
    """Spike-driven layers; those called one after another with one and the same input share a stream."""

    def __init__(self, preset: Preset, record: Record) -> None:
        self._preset, self._record, self._encoder = preset, record, preset.encoder_of(INPUTS)
        self.n_clipped = 0
        self._input: int | None = None
        self._spikes: SpikeCounts | None = None
        self.called: dict[str, Layer] = {}

    def __call__(self, layer_id: str, input_id: int, values: F32, weights: F32, bias: F32 | None) -> F32:
        """Outputs [tokens, n_out] of a layer of weights [n_out, n_in] for values [tokens, n_in]."""
        if layer_id in self.called:
            raise ModelError(f"{layer_id}: its module is called twice, expected one pass without a cache")
        if self._spikes is None or input_id != self._input or self._spikes.counts.shape != values.shape:
            stream_id = f"{layer_id}.{INPUTS}"
            self._input, self._spikes = input_id, self._encoder(values, stream_id)
            self.n_clipped += self._spikes.n_clipped
            self._record(stream_id, self._spikes.counts)
        else:
            stream_id = next(reversed(self.called.values())).stream
        n_out, n_in = weights.shape
        self.called[layer_id] = Layer(layer_id, "linear", n_in, n_out, self._preset.weights.bits, stream_id)
        outputs = self._outputs(layer_id, self._spikes, weights)
        return outputs if bias is None else outputs + bias

    def _outputs(self, layer_id: str, spikes: SpikeCounts, weights: F32) -> F32:
        if self._preset.weights.bits == FLOAT_BITS:
            return float_outputs(layer_id, weights, spikes, self._preset)
        return side_by_side((layer_id,), [weights], self._preset)(spikes, spikes.counts.astype(np.float32))[0]

    def program(self) -> Program:
        """One stage per stream: it dequantizes what the stage before drives, encodes, and drives its own layers."""
        driven: dict[str, list[Layer]] = {}
        for layer in self.called.values():
            driven.setdefault(layer.stream, []).append(layer)
        stages: list[Stage] = []
        ops: list[Op] = []
        before: list[Layer] = []
        for stream_id, layers in driven.items():
            done = [
                *self._dequantize(before),
                encode_op(f"{stream_id}.encode", layers[0].n_in, self._encoder),
            ]
            ids = tuple(layer.layer_id for layer in layers)
            sources = tuple(layer.layer_id for layer in before)
            stages.append(Stage(stream_id, layers[0].n_in, tuple(op.op_id for op in done), stream_id, ids, sources))
            ops += done
            before = layers
        last = self._dequantize(before)
        width = sum(layer.n_out for layer in before)
        sources = tuple(layer.layer_id for layer in before)
        stages.append(Stage("outputs", width, tuple(op.op_id for op in last), None, (), sources))
        streams = tuple(Stream(stream_id, layers[0].n_in) for stream_id, layers in driven.items())
        return Program(streams, tuple(self.called.values()), (*ops, *last), tuple(stages))

    def _dequantize(self, layers: list[Layer]) -> list[Op]:
        if not layers:
            return []
        n, groups = sum(layer.n_out for layer in layers), weight_groups(layers[0].n_in, self._preset.weights.group)
        return [dequantize_op(f"{layers[0].stream}.dequant", n, self._preset.encoding, groups=len(groups))]
