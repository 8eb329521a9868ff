"""Capture from a torch model: its linear products become spike-driven, and their inputs are a Trace.

Needs the extra ``torch``; the package itself never imports it. Where a layer multiplies, its input is encoded as spike
counts, which are kept. The integer sums of the rounded weights replace its output, so the rest of the model sees a
spike-driven model.

- A model with the module names of Hugging Face's LLaMA has the program of a capture from files. Its norms and embedding
  are rotated or smoothed for the time of the call where the preset says so (`torch_tree`).
- Of any other model only the linear layers and their encoders are known (`torch_network`).
- A network that spikes already is recorded as it spikes (`torch_stepped`).

Attention is computed by the model, so it does not spike. ``TORCH.md`` has examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.errors import ModelError
from simulator.model.attention_rule import DENSE
from simulator.model.llama_config import parse_config
from simulator.model.preset import Preset, as_preset
from simulator.model.program import preset_origin
from simulator.model.torch_chain import INPUTS
from simulator.model.torch_choices import Choices
from simulator.model.torch_network import capture_network
from simulator.model.torch_run import arguments, unwrapped
from simulator.model.torch_timesteps import TimeAxis
from simulator.model.torch_tokens import token_mask as padding_mask
from simulator.model.torch_tree import capture_tree, is_tree
from simulator.trace.encoding import Encoding
from simulator.trace.trace import Trace

if TYPE_CHECKING:
    import torch
    from torch import nn


def capture_torch(
    model: nn.Module,
    inputs: torch.Tensor | Sequence[torch.Tensor] | Mapping[str, torch.Tensor],
    preset: Encoding | Preset | str | None = None,
    config: Mapping[str, Any] | None = None,
    name: str = "torch",
    *,
    spikes: bool | None = None,
    time_axis: int | None = 0,
    timesteps: int | None = None,
    token_mask: torch.Tensor | None = None,
    allow_partial: bool = False,
) -> Trace:
    """Pass ``inputs`` through ``model`` with spike-driven linear layers and keep every spike count.

    Parameters
    ----------
    model
        A torch module; its weights are read, and weights and state are unchanged afterwards. Where ``config`` is given
        it must be a LLaMA tree: ``model.layers.0.self_attn.q_proj`` and so on. So is a model whose own config and names
        are those of a supported family. Any other module is captured as a chain of its linear products: ``nn.Linear``,
        ``nn.MultiheadAttention`` and every ``F.linear`` on a weight that it holds.
    inputs
        What the model is called with: a tensor, several, or keyword arguments. Inputs of linear layers are [samples,
        tokens, n] or [tokens, n], and each sample starts at position 0.
        Padding that an ``attention_mask`` (or ``key_padding_mask``) leaves out is in no count, position or calibration.
    preset
        Encoders, rotation and weights, by name or path too; of an encoding alone absmax and INT8. Smoothing and static
        thresholds are found on the token ids that ``inputs`` hold. None for a network that spikes in every layer.
    config
        Fields of a ``config.json``, for a plain module with the tree of LLaMA.
    name
        Of the trace.
    spikes
        Whether the module is a spiking network, whose spikes are recorded as they are: each row of the trace is then
        one timestep, and calls of a layer are timesteps. None to look: layers are fed spikes whose inputs are small
        integers, or of one size per channel. A warning says what was found. False encodes everything.
    time_axis
        Axis of the tensors of a spiking network that holds timesteps, as in [T, N, C]; None where there is none.
    timesteps
        Timesteps of a spiking network whose layers get [T * N, C] where ``inputs`` do not show T.
    token_mask
        Bool [samples, tokens], true for a token: which tokens are not padding, where no argument of the model says it.
    allow_partial
        Whether to go on, with a warning, where weights are in no captured layer (convolutions, LSTM, ``x @ w``).

    Raises
    ------
    ModelError
        There is no linear layer, or weights are in none; one is called twice or with other tokens than the first, an
        activation is not finite, a mask does not fit, the config is not supported, or the preset asks for what a torch
        model does not show: spiking attention, and without the tree of LLaMA a rotation, smoothing, static thresholds
        without a step or a spiking head.
    """
    model = unwrapped(model)
    chosen = None if preset is None else as_preset(preset)
    if chosen is not None and chosen.attention.rule() != DENSE:
        raise ModelError(f"preset {chosen.name}: spiking attention, expected dense: a torch model computes its own")
    mask = padding_mask(inputs, token_mask)
    fields = config if config is not None else _own_config(model)
    if fields is not None and not spikes:
        if chosen is None:
            raise ModelError("a LLaMA tree is fed real numbers, expected a preset that encodes them")
        choices = Choices(chosen, spikes, TimeAxis(time_axis), mask, allow_partial)
        return capture_tree(model, inputs, choices, parse_config(dict(fields), "config"), name, partial(_origin, model))
    if chosen is not None:
        _check_chain(chosen)
    choices = Choices(chosen, spikes, _time(inputs, time_axis, timesteps), mask, allow_partial)
    return capture_network(model, inputs, choices, name, partial(_origin, model, chosen))


def _time(inputs: Any, axis: int | None, timesteps: int | None) -> TimeAxis:
    """Where timesteps are: those that the user gives, or the first axes of the inputs [timesteps, samples, ...]."""
    if timesteps is not None:
        return TimeAxis(axis, timesteps)
    args, named = arguments(inputs)
    floats = (x for x in (*args, *named.values()) if getattr(x, "is_floating_point", lambda: False)())
    shape = next((tuple(x.shape) for x in floats), ())
    return TimeAxis(axis, *shape[:2]) if len(shape) > 2 else TimeAxis(axis)


def _own_config(model: nn.Module) -> Mapping[str, Any] | None:
    """The config of a Hugging Face model with the tree of LLaMA as a dictionary, or None of any other module."""
    to_dict = getattr(getattr(model, "config", None), "to_dict", None)
    return to_dict() if to_dict is not None and is_tree(model) else None


def _check_chain(preset: Preset) -> None:
    """Refuse what needs to know more of a model than its linear layers."""
    rule = preset.encoder_of(INPUTS).rule
    asked = {
        f"rotation {preset.rotation}": preset.rotation != "none",
        "smoothing": preset.smooth is not None,
        "weights rounded by gptq": preset.weights.rounding == "gptq",
        "a static threshold without a step": rule.threshold == "static" and not rule.step,
        "a spiking head": preset.head == "spiking",
        "a float prefix": preset.prefix is not None,
        "encoders by type of stream": any(not key.endswith("attn_p") for key in preset.streams),  # no layer reads it
    }
    found = [what for what, there in asked.items() if there]
    if found:
        raise ModelError(f"preset {preset.name}: {', '.join(found)}, expected a model with the tree of LLaMA")


def _origin(
    model: nn.Module, preset: Preset | None, n_clipped: Mapping[str, int], warnings: tuple[str, ...]
) -> dict[str, object]:
    import torch

    return {
        "model": type(model).__name__,
        **({} if preset is None else preset_origin(preset)),
        "clipped": {kind: n for kind, n in n_clipped.items() if n},
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        "warnings": list(warnings),
    }
