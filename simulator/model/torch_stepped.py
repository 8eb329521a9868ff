"""A network that spikes already, recorded as it spikes: each of its timesteps is a row of the trace.

A count of a trace says how many spikes there are, not when. Only a row of its own keeps in which timestep a network
fired. So a row is one timestep of one token (or sample), and all rows of a sample follow one another. A chip passes
them through all layers one by one, as the network does: the sums of a layer in a timestep travel to the neurons that
integrate them, and these fire before the next begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F32
from simulator.errors import ModelError
from simulator.model.counts_encoding import counts_encoding
from simulator.model.encoder import Encoder
from simulator.model.torch_calls import LinearCall
from simulator.model.torch_captured import Captured
from simulator.model.torch_chain import INPUTS, chain_program
from simulator.model.torch_choices import Choices
from simulator.model.torch_spikes import NetworkReading, counts_of
from simulator.model.torch_streams import StreamKeys, stream_of
from simulator.model.torch_timesteps import Rows, rows_of
from simulator.model.torch_tokens import to_numpy
from simulator.trace.encoding import Encoding
from simulator.trace.trace_program import Layer

if TYPE_CHECKING:
    import torch

Counts = NDArray[np.int16]


class SteppedNetwork:
    """The layers of a spiking network and what they are fed; their outputs stay those of the network."""

    def __init__(self, choices: Choices, reading: NetworkReading) -> None:
        self._choices, self._reading = choices, reading
        self._keys = StreamKeys()
        self._calls: dict[str, list[F32]] = {}
        self._keys_of: dict[str, list[bytes]] = {}
        self._sizes: dict[str, tuple[str, int, int]] = {}

    def outputs(self, call: LinearCall) -> torch.Tensor:
        """Keep what the layer is fed, and let the network go on as it does."""
        tensor = call.fed if call.layer_id in self._reading.of_module else call.values
        values = to_numpy(tensor).copy()  # the network may go on to change the tensor in place
        self._calls.setdefault(call.layer_id, []).append(values)
        self._keys_of.setdefault(call.layer_id, []).append(self._keys.of(tensor, values))
        self._sizes[call.layer_id] = call.kind, call.weight.shape[1], call.weight.shape[0]
        return call.output

    def captured(self) -> Captured:
        """All that the calls gave: one stage per stream, one row per timestep.

        Raises
        ------
        ModelError
            Layers are stepped differently, or the counts of the preset do not hold the spikes.
        """
        rows = rows_of(self._calls, self._choices.time, self._choices.mask)
        dense = self._dense(rows)
        layers = self._layers()
        leading = {layer.stream: layer.layer_id for layer in reversed(layers) if layer.layer_id not in dense}
        leading = {layer.stream: leading[layer.stream] for layer in layers if layer.stream in leading}
        fed, encoded = self._reading.as_they_are, {}
        spikes = {i: counts_of(rows.values[of], fed[of]) for i, of in leading.items() if of in fed}
        if preset := self._choices.preset:
            encoder = preset.encoder_of(INPUTS)
            encoded = {i: encoder(rows.values[of], i) for i, of in leading.items() if of not in fed}
        encoding = counts_encoding(preset, spikes, mixed=bool(encoded))
        program = chain_program(
            layers, encoder if encoded else Encoder(encoding), self._choices.weights.group, spikes, dense
        )
        return Captured(
            program,
            encoding,
            {i: spikes[i] if i in spikes else encoded[i].counts for i in leading},
            rows.lengths,
            sum(found.n_clipped for found in encoded.values()),
            sum(found.counts.size for found in encoded.values()),
            (*self._notes(rows), *_count_notes(spikes, encoding), *_real_notes(list(encoded), dense, encoding)),
            {"spiking": asdict(rows.grid)},
        )

    def _layers(self) -> list[Layer]:
        """The layers in the order of their first calls."""
        known: dict[tuple[bytes, ...], str] = {}
        streams = {i: stream_of(i, tuple(keys), known) for i, keys in self._keys_of.items()}
        bits = self._choices.weights.bits
        return [Layer(i, kind, n_in, n_out, bits, streams[i]) for i, (kind, n_in, n_out) in self._sizes.items()]

    def _dense(self, rows: Rows) -> list[str]:
        """Layers that no spikes drive: those on real numbers where there is no encoder."""
        if self._choices.preset is not None:
            return []
        dense = [layer_id for layer_id in self._calls if layer_id not in self._reading.as_they_are]
        for layer_id in dense:
            if layer_id in rows.once:
                raise ModelError(
                    f"{layer_id}: fed real numbers once for all timesteps, expected spikes where no preset is given; a"
                    " preset encodes them"
                )
        return dense

    def _notes(self, rows: Rows) -> Iterator[str]:
        """How the network was read, in words."""
        fed = ", ".join(i for i, reading in self._reading.as_they_are.items() if reading != "silent")
        yield (
            f"read as a spiking network: {fed} fed spikes, which are recorded as they are; each row of the trace is one"
            f" timestep ({rows.grid}), so what is given per token is per timestep; spikes=False encodes them instead"
        )
        calls = {layer_id: found[0].shape for layer_id, found in self._calls.items() if len(found) == 1}
        in_axis = next(((i, list(s)) for i, s in calls.items() if len(s) > 2), None)
        if in_axis is not None and self._choices.time.axis is not None:
            yield (
                f"axis {self._choices.time.axis} of inputs such as {in_axis[1]} of {in_axis[0]} was taken as time; say"
                " time_axis=None where it holds samples"
            )
        stepped = ", ".join(i for i, reading in self._reading.as_they_are.items() if reading == "steps")
        if stepped:
            yield f"{stepped}: each channel has a spike of its own size, which is a factor of its weights"
        if rows.once:
            yield f"{', '.join(rows.once)}: called once for all timesteps, and silent in the other rows"


def _count_notes(spikes: Mapping[str, Counts], encoding: Encoding) -> Iterator[str]:
    """That counts beyond one take timesteps of the chip, in words."""
    largest = {stream_id: int(np.abs(counts.astype(np.int64)).max(initial=0)) for stream_id, counts in spikes.items()}
    most = max(largest, key=largest.__getitem__, default="")
    if most and largest[most] > 1:
        yield (
            f"{most}: counts up to {largest[most]}, so one timestep of the network is {encoding.n_timesteps} of the"
            " chip,"
            " also for streams with fewer spikes"
        )


def _real_notes(encoded: list[str], dense: list[str], encoding: Encoding) -> Iterator[str]:
    """What became of layers that are fed real numbers, in words."""
    if dense:
        yield (
            f"{', '.join(dense)}: fed real numbers, counted as dense products (vector.mac) in each timestep; a preset"
            " encodes them instead"
        )
    if encoded:
        yield f"{', '.join(encoded)}: real numbers, encoded in each timestep"
