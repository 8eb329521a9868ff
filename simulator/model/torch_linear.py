"""Layers of a torch module made spike-driven: the integer sums of their counts take the place of their outputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from simulator.arrays import F32
from simulator.errors import ModelError
from simulator.model.encoder import SpikeCounts
from simulator.model.linear import float_outputs, side_by_side
from simulator.model.torch_calls import LinearCall
from simulator.model.torch_captured import Captured
from simulator.model.torch_chain import INPUTS, chain_program
from simulator.model.torch_choices import Choices
from simulator.model.torch_spikes import NetworkReading, counts_of
from simulator.model.torch_streams import StreamKeys, stream_of
from simulator.model.torch_tokens import Tokens, to_numpy
from simulator.model.weights import FLOAT_BITS
from simulator.trace.trace_program import Layer

if TYPE_CHECKING:
    import torch


class ChainLinear:
    """Spike-driven layers of a module that computes with real numbers; each of them is called once."""

    def __init__(self, choices: Choices, reading: NetworkReading) -> None:
        assert choices.preset is not None
        self._preset, self._reading = choices.preset, reading
        self._encoder = choices.preset.encoder_of(INPUTS)
        self._tokens, self._keys = Tokens(choices.mask), StreamKeys()
        self._streams: dict[tuple[bytes, ...], str] = {}
        self._spikes: dict[str, SpikeCounts] = {}
        self._layers: dict[str, Layer] = {}

    def outputs(self, call: LinearCall) -> torch.Tensor:
        """What the layer gives for the spike counts of its inputs."""
        if call.layer_id in self._layers:
            raise ModelError(
                f"{call.layer_id}: its module is called twice, expected one pass without a cache; of a spiking network"
                " (spikes=True) calls are timesteps"
            )
        values = self._tokens.of(call.values, call.layer_id)
        stream_id = stream_of(call.layer_id, (self._keys.of(call.values, values),), self._streams)
        if stream_id not in self._spikes:
            self._spikes[stream_id] = self._encoded(call.layer_id, stream_id, values)
        n_out, n_in = call.weight.shape
        bits = self._preset.weights.bits
        self._layers[call.layer_id] = Layer(call.layer_id, call.kind, n_in, n_out, bits, stream_id)
        found = self._sums(call.layer_id, self._spikes[stream_id], to_numpy(call.weight))
        return self._tokens.put(found if call.bias is None else found + to_numpy(call.bias), call.output, call.layer_id)

    def _encoded(self, layer_id: str, stream_id: str, values: F32) -> SpikeCounts:
        if layer_id not in self._reading.as_they_are:
            return self._encoder(values, stream_id)
        counts = counts_of(values, self._reading.as_they_are[layer_id])
        return SpikeCounts(counts, np.ones(len(values), np.float32), np.zeros(len(values), np.int32))

    def _sums(self, layer_id: str, spikes: SpikeCounts, weights: F32) -> F32:
        if self._preset.weights.bits == FLOAT_BITS:
            return float_outputs(layer_id, weights, spikes, self._preset)
        return side_by_side((layer_id,), [weights], self._preset)(spikes)[0]

    def captured(self) -> Captured:
        """All that the calls gave: one stage per stream."""
        fed = self._reading.as_they_are
        as_they_are = {self._layers[layer_id].stream for layer_id in fed}
        program = chain_program(self._layers.values(), self._encoder, self._preset.weights.group, as_they_are)
        counts = {stream_id: spikes.counts for stream_id, spikes in self._spikes.items()}
        n_clipped = sum(spikes.n_clipped for spikes in self._spikes.values())
        n_encoded = sum(spikes.counts.size for i, spikes in self._spikes.items() if i not in as_they_are)
        return Captured(
            program, self._preset.encoding, counts, self._tokens.lengths, n_clipped, n_encoded, tuple(self._notes())
        )

    def _notes(self) -> Iterator[str]:
        """How integers were read, in words."""
        if fed := ", ".join(self._reading.as_they_are):
            yield f"{fed}: is fed integers, which are used as spike counts; spikes=False encodes them instead"
        if numbers := ", ".join(self._reading.numbers):
            levels = self._preset.encoding.levels
            yield f"{numbers}: is fed integers that are not counts of {levels} levels; they are encoded as real numbers"
