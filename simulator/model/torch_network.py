"""Capture of any torch module: its linear products become spike-driven, or are recorded as the network spikes.

A first call of the module finds its layers, the weights that no layer holds, and whether what the layers are fed are
spikes already (`torch_spikes`). A second call records: of a spiking network the spikes that it has, timestep by
timestep; of any other the counts of the encoder, whose integer sums take the place of each layer's outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from simulator.errors import ModelError
from simulator.model.encoder import clip_warnings
from simulator.model.torch_calls import LinearCall, LinearCalls
from simulator.model.torch_chain import INPUTS
from simulator.model.torch_choices import Choices, Origin
from simulator.model.torch_coverage import WeightUse
from simulator.model.torch_linear import ChainLinear
from simulator.model.torch_run import call_model, state_kept
from simulator.model.torch_spikes import InputValues, best_reading, read_network
from simulator.model.torch_stepped import SteppedNetwork
from simulator.model.torch_streams import StreamKeys
from simulator.model.torch_tokens import padding_note, to_numpy
from simulator.trace.trace import Trace

if TYPE_CHECKING:
    import torch
    from torch import nn

UNKNOWN_PROGRAM = (
    "the program of this model is not known: linear layers and their encoders only, values pass from each stream's"
    " layers to the next"
)


def capture_network(model: nn.Module, inputs: Any, choices: Choices, name: str, origin: Origin) -> Trace:
    """The trace of any module: one stage for each vector that feeds linear layers.

    Raises
    ------
    ModelError
        As `torch_capture.capture_torch` says.
    """
    seen, notes = _first_call(model, inputs, choices)
    encoding = None if choices.preset is None else choices.preset.encoding
    reading = read_network(seen, encoding, choices.spikes)
    real = [layer_id for layer_id in seen if layer_id not in reading.as_they_are]
    if choices.preset is None and (len(real) == len(seen) or not reading.spiking):
        raise ModelError(
            f"{real[0]}: fed real numbers, expected spikes where no preset is given; a preset encodes them"
        )
    network = SteppedNetwork(choices, reading) if reading.spiking else ChainLinear(choices, reading)
    with ExitStack() as opened:
        opened.enter_context(state_kept(model))
        opened.enter_context(LinearCalls(model, network.outputs))
        call_model(model, inputs)
    captured = network.captured()
    clipped = {INPUTS: captured.n_clipped}
    clip_notes = clip_warnings(clipped, {INPUTS: captured.n_encoded})
    warnings = (UNKNOWN_PROGRAM, *padding_note(choices.mask), *notes, *captured.notes, *clip_notes)
    return captured.trace(name, origin(clipped, warnings))


def _first_call(model: nn.Module, inputs: Any, choices: Choices) -> tuple[Mapping[str, InputValues], list[str]]:
    """What each layer is fed, in the order of calls, and what of the module no layer holds, in words."""
    seen: dict[str, InputValues] = {}
    fed: dict[str, InputValues] = {}
    keys = StreamKeys()

    def look(call: LinearCall) -> torch.Tensor:
        for found, tensor in ((seen, call.values), (fed, call.fed)):
            values = to_numpy(tensor)
            found.setdefault(call.layer_id, InputValues(found is fed)).add(values, keys.of(tensor, values))
        return call.output

    with ExitStack() as opened:
        opened.enter_context(state_kept(model))
        use = opened.enter_context(WeightUse(model))
        opened.enter_context(LinearCalls(model, look, use.capturing))
        call_model(model, inputs)
    notes = use.coverage(model).warnings(choices.allow_partial)
    if not seen:
        raise ModelError(f"{type(model).__name__} calls no linear layer, expected at least one")
    empty = next((layer_id for layer_id, values in seen.items() if not values.n_rows), None)
    if empty is not None:
        raise ModelError(f"{empty}: called without a token, expected at least one")
    return {layer_id: best_reading(values, fed[layer_id]) for layer_id, values in seen.items()}, notes
