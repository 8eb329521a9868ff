"""Capture from a torch model: its ``nn.Linear`` modules become spike-driven, and what they are fed is a Trace.

Needs the extra ``torch``; the package itself never imports it. A forward hook on each linear module encodes its input
as spike counts, keeps them, and puts the integer sums of the rounded weights in place of its output, so what follows
sees a spike-driven model. A model with the module names of Hugging Face's LLaMA has the program of a capture from
files, and its norms and embedding are rotated or smoothed for the time of the call where the preset says so; of any
other only the linear layers and their encoders are known. Attention is computed by the model, so it does not spike.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.arrays import F32
from simulator.errors import ModelError
from simulator.model.attention_rule import DENSE
from simulator.model.checkpoint import Checkpoint, tensor_specs
from simulator.model.encoder import clip_warnings
from simulator.model.linear import VERIFY_TOKENS, SpikingLinear
from simulator.model.llama_config import LlamaConfig, parse_config
from simulator.model.prepare import prepared
from simulator.model.preset import Preset, as_preset
from simulator.model.program import DRIVEN, HEAD_STREAM, build_program, driven_layers, preset_origin
from simulator.model.recorder import Recorder
from simulator.model.tokenizer import Passage
from simulator.model.torch_chain import INPUTS, ChainLinear
from simulator.trace.encoding import Encoding
from simulator.trace.trace import Trace

if TYPE_CHECKING:
    import torch
    from torch import nn


def capture_torch(
    model: nn.Module,
    inputs: torch.Tensor | Mapping[str, torch.Tensor],
    preset: Encoding | Preset | str,
    config: Mapping[str, Any] | None = None,
    name: str = "torch",
) -> Trace:
    """Pass ``inputs`` through ``model`` with spike-driven linear layers and keep every spike count.

    Parameters
    ----------
    model
        A torch module; its weights are read, and unchanged afterwards. Where ``config`` is given or ``model.config``
        is that of a supported family, it must be a LLaMA tree: ``model.layers.0.self_attn.q_proj`` and so on.
    inputs
        What the model is called with: a tensor, or keyword arguments. The first axis is the batch where the inputs of
        the linear layers have three axes, and each sequence of it starts at position 0; with two axes, tokens.
    preset
        Encoders, rotation and weights, by name or path too; of an encoding alone absmax and INT8. Smoothing and static
        thresholds are found on the token ids that ``inputs`` hold.
    config
        Fields of a ``config.json``, for a plain module with the tree of LLaMA.
    name
        Of the trace.

    Raises
    ------
    ModelError
        There is no linear layer, one is called twice or with other tokens than the first, an activation is not finite,
        the config is not supported, or the preset asks for what a torch model does not show: spiking attention, and
        without the tree of LLaMA a rotation, smoothing, static thresholds without a step or a spiking head.
    """
    chosen = as_preset(preset)
    if chosen.attention.rule() != DENSE:
        raise ModelError(f"preset {chosen.name}: spiking attention, expected dense: a torch model computes its own")
    fields = config if config is not None else _own_config(model)
    if fields is not None:
        return _capture_tree(model, inputs, chosen, parse_config(dict(fields), "config"), name)
    return _capture_chain(model, inputs, chosen, name)


def _own_config(model: nn.Module) -> Mapping[str, Any] | None:
    """The config of a Hugging Face model as a dictionary, or None of a plain module."""
    to_dict = getattr(getattr(model, "config", None), "to_dict", None)
    return None if to_dict is None else to_dict()


def _capture_tree(model: nn.Module, inputs: Any, preset: Preset, config: LlamaConfig, name: str) -> Trace:
    """Of a LLaMA tree: the program of `build_program`, the layers of `SpikingLinear`."""
    checkpoint = _tree_checkpoint(model, config)
    ready, settled, notes = prepared(checkpoint, preset, _passages(inputs))
    recorder = Recorder(settled.encoding)
    linear = SpikingLinear(ready, settled, recorder.record, VERIFY_TOKENS)
    modules = dict(model.named_modules())
    lengths: list[int] = []
    with ExitStack() as hooks:
        for i in range(config.num_hidden_layers):
            for short in DRIVEN:
                stream_id = f"blocks.{i}.{short}"
                hook = _StreamHook(linear, stream_id, lengths, ready.weights)
                for layer_id in driven_layers(stream_id):
                    module_name = tensor_specs(config)[layer_id].name.removesuffix(".weight")
                    hooks.callback(modules[module_name].register_forward_hook(hook.of(layer_id)).remove)
        if settled.head == "spiking":
            norm = modules[tensor_specs(config)["norm_final"].name.removesuffix(".weight")]
            hooks.callback(norm.register_forward_hook(_head_hook(linear, lengths)).remove)
        _call(model, inputs, {} if ready is checkpoint else _folded(model, ready))
    program = build_program(config, settled, checkpoint.stored_bits)
    warnings = (*config.warnings, *notes, *clip_warnings(linear.n_clipped))
    return recorder.trace(name, program, lengths, _origin(model, settled, linear.n_clipped, warnings))


def _passages(inputs: Any) -> tuple[Passage, ...]:
    """The sequences of the first tensor [batch, n] of token ids among the inputs; none where there is no such."""
    for tensor in inputs.values() if isinstance(inputs, Mapping) else (inputs,):
        if tensor.dim() == 2 and not tensor.is_floating_point():
            return tuple(Passage(ids, 0, 0) for ids in tensor.cpu().numpy().astype(np.int64))
    return ()


def _folded(model: nn.Module, ready: Checkpoint) -> dict[str, torch.Tensor]:
    """Embedding and norms of a prepared checkpoint by their names in the tree, in the model's own type."""
    import torch

    state, specs = model.state_dict(), tensor_specs(ready.config)
    kept = ("embedding", "norm_final", "norm_attn", "norm_mlp")
    names = {i: spec.name for i, spec in specs.items() if i.rsplit(".", 1)[-1] in kept}
    return {name: torch.from_numpy(ready.weights[i]).to(state[name]) for i, name in names.items()}


def _head_hook(linear: SpikingLinear, lengths: list[int]) -> Any:
    """A forward hook of the last norm: its outputs are the stream of the head, whose logits nothing here reads."""

    def hook(module: nn.Module, args: Any, output: torch.Tensor) -> None:
        linear(HEAD_STREAM, token_rows(output, lengths, HEAD_STREAM))

    return hook


def _tree_checkpoint(model: nn.Module, config: LlamaConfig) -> Checkpoint:
    """The weights of a LLaMA tree under our ids, float32."""
    state = model.state_dict()
    specs = tensor_specs(config)
    if config.tie_word_embeddings:
        specs["head"] = specs["embedding"]
    missing = [name for name in dict.fromkeys(spec.name for spec in specs.values()) if name not in state]
    if missing:
        raise ModelError(
            f"the module tree has no {missing[0]} ({len(missing)} weights missing), expected that of LLaMA"
        )
    weights = {weight_id: to_numpy(state[spec.name]) for weight_id, spec in specs.items()}
    bits = {weight_id: 8 * state[spec.name].element_size() for weight_id, spec in specs.items()}
    for weight_id, spec in specs.items():
        if weights[weight_id].shape != spec.shape:
            found = list(weights[weight_id].shape)
            raise ModelError(f"tensor {spec.name}: shape {found}, expected {list(spec.shape)}")
    return Checkpoint(config, weights, bits)


class _StreamHook:
    """Encodes the input of the first module of a stream; the other modules take their outputs of the same counts."""

    def __init__(self, linear: SpikingLinear, stream_id: str, lengths: list[int], weights: Mapping[str, F32]) -> None:
        self._linear, self._stream_id, self._lengths, self._weights = linear, stream_id, lengths, weights
        self._values: F32 | None = None
        self._outputs: dict[str, F32] = {}

    def of(self, layer_id: str) -> Any:
        """The forward hook of the module of a layer."""

        def hook(module: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
            values = token_rows(args[0], self._lengths, layer_id)
            if self._values is None:
                self._values = values
                ids = driven_layers(self._stream_id)
                self._outputs = dict(zip(ids, self._linear(self._stream_id, values), strict=True))
            elif layer_id not in self._outputs:
                raise ModelError(f"{layer_id}: its module is called twice, expected one pass without a cache")
            elif not np.array_equal(values, self._values):
                raise ModelError(f"{layer_id}: is not fed what the other layers of {self._stream_id} are")
            found = self._outputs.pop(layer_id)
            bias = self._weights.get(f"{layer_id}_bias")
            return like_output(found if bias is None else found + bias, output)

        return hook


def _capture_chain(model: nn.Module, inputs: Any, preset: Preset, name: str) -> Trace:
    """Of any module: its linear layers in the order in which they are called."""
    import torch

    modules = {name: m for name, m in model.named_modules() if isinstance(m, torch.nn.Linear)}
    if not modules:
        raise ModelError(f"{type(model).__name__} holds no nn.Linear, expected at least one")
    _check_chain(preset)
    recorder, lengths = Recorder(preset.encoding), list[int]()
    chain = ChainLinear(preset, recorder.record)
    with ExitStack() as hooks:
        for layer_id, module in modules.items():
            weights = to_numpy(module.weight)
            bias = None if module.bias is None else to_numpy(module.bias)

            def hook(
                module: nn.Module, args: Any, output: torch.Tensor, i: str = layer_id, w: F32 = weights, b: Any = bias
            ) -> torch.Tensor:
                return like_output(chain(i, id(args[0]), token_rows(args[0], lengths, i), w, b), output)

            hooks.callback(module.register_forward_hook(hook).remove)
        _call(model, inputs, {})
    clipped = {INPUTS: chain.n_clipped}
    warnings = (
        "the program of this model is not known: linear layers and their encoders only, values pass from each stream's"
        " layers to the next",
        *([] if len(chain.called) == len(modules) else [f"{len(modules) - len(chain.called)} layers were not called"]),
        *clip_warnings(clipped),
    )
    return recorder.trace(name, chain.program(), lengths, _origin(model, preset, clipped, warnings))


def _check_chain(preset: Preset) -> None:
    """Refuse what needs to know more of a model than its linear layers."""
    rule = preset.encoder_of(INPUTS).rule
    asked = {
        f"rotation {preset.rotation}": preset.rotation != "none",
        "smoothing": preset.smooth is not None,
        "a static threshold without a step": rule.threshold == "static" and not rule.step,
        "a spiking head": preset.head == "spiking",
        "encoders by type of stream": bool(preset.streams),
    }
    found = [what for what, there in asked.items() if there]
    if found:
        raise ModelError(f"preset {preset.name}: {', '.join(found)}, expected a model with the tree of LLaMA")


def _call(model: nn.Module, inputs: Any, replaced: Mapping[str, torch.Tensor]) -> None:
    """Call the model once without gradients, with some of its weights replaced."""
    import torch

    was_training = model.training
    model.eval()
    args, named = ((), dict(inputs)) if isinstance(inputs, Mapping) else ((inputs,), {})
    try:
        with torch.no_grad():
            torch.func.functional_call(model, dict(replaced), args, named)
    finally:
        model.train(was_training)


def to_numpy(tensor: torch.Tensor) -> F32:
    """A tensor in float32 on the host."""
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy())


def token_rows(values: torch.Tensor, lengths: list[int], layer_id: str) -> F32:
    """Inputs of a layer as rows of tokens; the first call says the tokens of each sequence, later ones must agree."""
    found = [values.shape[-2]] * int(np.prod(values.shape[:-2])) if values.dim() > 1 else [1]
    if not lengths:
        lengths += found
    if found != lengths:
        raise ModelError(f"{layer_id}: {sum(found)} tokens, expected {sum(lengths)} as the first linear layer has")
    return to_numpy(values).reshape(-1, values.shape[-1])


def like_output(rows: F32, output: torch.Tensor) -> torch.Tensor:
    """Rows of tokens as the module would return them."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(rows)).reshape(output.shape).to(output)


def _origin(
    model: nn.Module, preset: Preset, n_clipped: Mapping[str, int], warnings: tuple[str, ...]
) -> dict[str, object]:
    import torch

    return {
        "model": type(model).__name__,
        **preset_origin(preset),
        "clipped": {kind: n for kind, n in n_clipped.items() if n},
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        "warnings": list(warnings),
    }
