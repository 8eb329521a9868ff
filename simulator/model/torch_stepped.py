"""A network that spikes already, recorded as it spikes: each of its timesteps is a row of the trace.

A count of a trace says how many spikes, not when: in which of its own timesteps a network fired can only be kept by
giving each a row. So a row is one timestep of one token (or sample), all rows of a sample follow one another, and a
chip passes them through all layers one by one, as the network does: what a layer sums in a timestep travels to the
neurons that integrate it, and they fire before the next begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F32
from simulator.errors import ModelError
from simulator.model.encoder import Encoder
from simulator.model.preset import Preset
from simulator.model.torch_calls import LinearCall
from simulator.model.torch_captured import Captured
from simulator.model.torch_chain import INPUTS, chain_program
from simulator.model.torch_choices import Choices
from simulator.model.torch_spikes import NetworkReading, counts_of
from simulator.model.torch_streams import StreamKeys, stream_of
from simulator.model.torch_timesteps import Grid, in_rows, in_time, kept_rows, on_one_grid
from simulator.model.torch_tokens import to_numpy
from simulator.trace.encoding import Encoding
from simulator.trace.trace import Layer

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
        values = to_numpy(call.values).copy()  # the network may go on to change the tensor in place
        self._calls.setdefault(call.layer_id, []).append(values)
        self._keys_of.setdefault(call.layer_id, []).append(self._keys.of(call.values, values))
        self._sizes[call.layer_id] = call.kind, call.weight.shape[1], call.weight.shape[0]
        return call.output

    def captured(self) -> Captured:
        """All that the calls gave: one stage per stream, one row per timestep.

        Raises
        ------
        ModelError
            Layers are stepped differently, or the counts of the preset do not hold the spikes.
        """
        axis = self._choices.time_axis
        grid, steps = on_one_grid({i: in_time(calls, axis, i) for i, calls in self._calls.items()})
        kept, lengths = kept_rows(self._choices.mask, grid)
        rows = self._rows(steps, grid)
        known: dict[tuple[bytes, ...], str] = {}
        stream_of_layer = {i: stream_of(i, tuple(keys), known) for i, keys in self._keys_of.items()}
        fed = {stream_id: layer_id for layer_id, stream_id in reversed(stream_of_layer.items())}
        spikes = {
            i: counts_of(rows[layer_id][0][kept], self._reading.as_they_are[layer_id])
            for i, layer_id in fed.items()
            if layer_id in self._reading.as_they_are
        }
        encoded = {i: self._encoder(rows[layer_id][0][kept], i) for i, layer_id in fed.items() if i not in spikes}
        encoding = counts_encoding(self._choices.preset, spikes, mixed=bool(encoded))
        bits, group = self._choices.weights.bits, self._choices.weights.group
        layers = [
            Layer(i, kind, n_in, n_out, bits, stream_of_layer[i]) for i, (kind, n_in, n_out) in self._sizes.items()
        ]
        counts = {i: spikes[i] if i in spikes else encoded[i].counts for i in dict.fromkeys(stream_of_layer.values())}
        once = [i for i, (_, called) in rows.items() if not called.all()]
        return Captured(
            chain_program(layers, Encoder(encoding) if not encoded else self._encoder, group, spikes),
            encoding,
            counts,
            lengths,
            sum(found.n_clipped for found in encoded.values()),
            tuple(self._notes(grid, encoding, list(encoded), once)),
            {"spiking": {"samples": grid.samples, "tokens": grid.tokens, "timesteps": grid.timesteps}},
        )

    @property
    def _encoder(self) -> Encoder:
        assert self._choices.preset is not None
        return self._choices.preset.encoder_of(INPUTS)

    def _rows(self, steps: Mapping[str, F32], grid: Grid) -> dict[str, tuple[F32, NDArray[np.bool_]]]:
        """By layer the rows of the trace, and which of them it was called for."""
        found: dict[str, tuple[F32, NDArray[np.bool_]]] = {}
        for layer_id, values in steps.items():
            stepped_before = any(called.all() for _, called in found.values())
            found[layer_id] = in_rows(values, grid, first=not stepped_before)
        return found

    def _notes(self, grid: Grid, encoding: Encoding, encoded: list[str], once: list[str]) -> Iterator[str]:
        """How the network was read, in words."""
        fed = ", ".join(i for i, reading in self._reading.as_they_are.items() if reading != "silent")
        yield (
            f"read as a spiking network: {fed} fed spikes, which are recorded as they are; each row of the trace is one"
            f" timestep ({grid}), so what is given per token is per timestep; spikes=False encodes them instead"
        )
        calls = {layer_id: found[0].shape for layer_id, found in self._calls.items() if len(found) == 1}
        in_axis = next(((i, list(s)) for i, s in calls.items() if len(s) > 2), None)
        if in_axis is not None and self._choices.time_axis is not None:
            yield (
                f"axis {self._choices.time_axis} of inputs such as {in_axis[1]} of {in_axis[0]} was taken as time; say"
                " time_axis=None where it holds samples"
            )
        stepped = ", ".join(i for i, reading in self._reading.as_they_are.items() if reading == "steps")
        if stepped:
            yield f"{stepped}: each channel has a spike of its own size, which is a factor of its weights"
        if encoded:
            yield (
                f"{', '.join(encoded)}: real numbers, encoded in {encoding.n_timesteps} timesteps of the chip for each"
                " of the network's; the spikes of other streams leave in the first of them, and the idle updates and"
                " barriers of the rest are counted"
            )
        if once:
            yield f"{', '.join(once)}: called once for all timesteps, and silent in the other rows"


def counts_encoding(preset: Preset | None, spikes: Mapping[str, Counts], mixed: bool) -> Encoding:
    """The code of a trace that holds these spikes.

    Where all streams spike already, it unrolls over no more timesteps than the largest count needs: one where a spike
    is a spike. ``mixed``: other streams are encoded, with the encoding of the preset, which must hold the spikes too.

    Raises
    ------
    ModelError
        The preset's counts do not hold a spike.
    """
    lowest = min(min(int(counts.min()), 0) for counts in spikes.values()) if spikes else 0
    largest = max(max(int(counts.max()), -lowest, 1) for counts in spikes.values()) if spikes else 1
    if preset is None:
        return Encoding("ternary" if lowest < 0 else "binary", largest)
    encoding = preset.encoding if mixed else Encoding(preset.code, largest)
    if largest > encoding.levels or (lowest < 0 and not encoding.signed):
        held = f"{-encoding.levels if encoding.signed else 0} to {encoding.levels}"
        raise ModelError(
            f"preset {preset.name}: counts {held}, and the network sends {lowest} to {largest}; take a"
            f" {'signed code' if lowest < 0 and not encoding.signed else 'preset of more levels'}"
        )
    return encoding
