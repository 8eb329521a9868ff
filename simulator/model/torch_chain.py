"""Linear layers of a module whose program is not known, as a chain of stages in the order of their calls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.errors import ModelError
from simulator.model.encoder import Encoder, SpikeCounts, encode
from simulator.model.linear import Record, dequantize, exact_sums
from simulator.model.ops import dequantize as dequantize_op
from simulator.model.ops import encode as encode_op
from simulator.model.program import Program
from simulator.model.weights import WEIGHT_BITS, quantize_weights
from simulator.trace.encoding import Encoding
from simulator.trace.trace import Layer, Op, Stage, Stream

F32 = NDArray[np.float32]


class ChainLinear:
    """Spike-driven layers; those called one after another with one and the same input share a stream."""

    def __init__(self, encoding: Encoding, record: Record) -> None:
        self._encoding, self._record = encoding, record
        self._input: int | None = None
        self._spikes: SpikeCounts | None = None
        self.called: dict[str, Layer] = {}

    def __call__(self, layer_id: str, input_id: int, values: F32, weights: F32, bias: F32 | None) -> F32:
        """Outputs [tokens, n_out] of a layer of weights [n_out, n_in] for values [tokens, n_in]."""
        if layer_id in self.called:
            raise ModelError(f"{layer_id}: its module is called twice, wanted one pass without a cache")
        if self._spikes is None or input_id != self._input or self._spikes.counts.shape != values.shape:
            stream_id = f"{layer_id}.in"
            self._input, self._spikes = input_id, encode(values, self._encoding, stream_id)
            self._record(stream_id, self._spikes.counts)
        else:
            stream_id = next(reversed(self.called.values())).stream
        quantized = quantize_weights(weights)
        sums = exact_sums(self._spikes.counts, quantized.rows.astype(np.float64))
        n_out, n_in = weights.shape
        self.called[layer_id] = Layer(layer_id, "linear", n_in, n_out, WEIGHT_BITS, stream_id)
        outputs = dequantize(sums, self._spikes, quantized)
        return outputs if bias is None else outputs + bias

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
                encode_op(f"{stream_id}.encode", layers[0].n_in, Encoder(self._encoding)),
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
        n = sum(layer.n_out for layer in layers)
        return [dequantize_op(f"{layers[0].stream}.dequant", n, self._encoding)]
