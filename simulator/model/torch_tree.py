"""Capture of a torch module with the tree of LLaMA: the program of a capture from files, the module's own forward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.arrays import F32
from simulator.errors import ModelError
from simulator.model.checkpoint import Checkpoint, tensor_specs
from simulator.model.encoder import clip_warnings
from simulator.model.linear import VERIFY_TOKENS, SpikingLinear
from simulator.model.llama_config import LlamaConfig
from simulator.model.prepare import prepared
from simulator.model.preset import Preset
from simulator.model.program import DRIVEN, HEAD_STREAM, build_program, driven_layers
from simulator.model.recorder import Recorder
from simulator.model.tokenizer import Passage
from simulator.model.torch_choices import Choices
from simulator.model.torch_coverage import WeightUse
from simulator.model.torch_run import call_model, state_kept
from simulator.model.torch_spikes import InputValues
from simulator.model.torch_tokens import PADDING_MASKS, TOKEN_MASKS, Mask, Tokens, padding_note, to_numpy
from simulator.trace.trace import Trace

if TYPE_CHECKING:
    import torch
    from torch import nn

# Modules that every tree has.
TREE = ("model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight", "model.norm.weight")
# (preset, clipped values by type of stream, warnings) -> the origin of the trace.
TreeOrigin = Callable[[Preset, Mapping[str, int], tuple[str, ...]], dict[str, object]]


def is_tree(model: nn.Module) -> bool:
    """Whether a module has the names of Hugging Face's LLaMA."""
    names = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    return names.issuperset(TREE)


def capture_tree(
    model: nn.Module, inputs: Any, choices: Choices, config: LlamaConfig, name: str, origin: TreeOrigin
) -> Trace:
    """The trace of a LLaMA tree: the program of `build_program`, the layers of `SpikingLinear`.

    Raises
    ------
    ModelError
        As `torch_capture.capture_torch` says.
    """
    assert choices.preset is not None
    checkpoint = _tree_checkpoint(model, config)
    preset, notes = _without_prefix(choices.preset)
    ready, settled, more = prepared(checkpoint, preset, _passages(inputs, choices.mask))
    recorder, tokens = Recorder(settled.encoding), Tokens(choices.mask)
    linear = SpikingLinear(ready, settled, recorder.record, VERIFY_TOKENS)
    with ExitStack() as opened:
        opened.enter_context(state_kept(model))
        use = opened.enter_context(WeightUse(model))
        for hooked, hook in _hooks(model, config, settled, _Streams(linear, tokens, ready.weights, choices.spikes)):
            opened.callback(hooked.register_forward_hook(hook).remove)
        call_model(model, inputs, {} if ready is checkpoint else _folded(model, ready))
    use.captured |= _held(model, config)
    notes = (
        *padding_note(choices.mask),
        *notes,
        *more,
        *use.coverage(model, use.captured).warnings(choices.allow_partial),
    )
    program = build_program(config, settled, checkpoint.stored_bits)
    warnings = (*config.warnings, *notes, *clip_warnings(linear.n_clipped, linear.n_encoded))
    return recorder.trace(name, program, tokens.lengths, origin(settled, linear.n_clipped, warnings))


def _without_prefix(preset: Preset) -> tuple[Preset, tuple[str, ...]]:
    """The preset without a float prefix, and a warning where it has one."""
    if preset.prefix is None:
        return preset, ()
    return preset.model_copy(update={"prefix": None}), (
        f"every token is encoded: the prefix of preset {preset.name} has no effect, for the inputs of a module need not"
        " begin with BOS; `spikewatt capture` takes it",
    )


def _held(model: nn.Module, config: LlamaConfig) -> set[str]:
    """Names of the tree's own weights, under which torch lists them: a tied head by that of the embedding."""
    every = dict(model.named_parameters(remove_duplicate=False))
    own = {id(every[spec.name]) for spec in tensor_specs(config).values() if spec.name in every}
    own |= {id(every["lm_head.weight"])} if "lm_head.weight" in every else set()
    return {name for name, parameter in model.named_parameters() if id(parameter) in own}


def _hooks(model: nn.Module, config: LlamaConfig, preset: Preset, streams: _Streams) -> list[tuple[nn.Module, Any]]:
    """Modules of the tree, each with its forward hook."""
    specs, found = tensor_specs(config), []
    for i in range(config.num_hidden_layers):
        for short in DRIVEN:
            for layer_id in driven_layers(f"blocks.{i}.{short}"):
                module = model.get_submodule(specs[layer_id].name.removesuffix(".weight"))
                found.append((module, streams.hook(f"blocks.{i}.{short}", layer_id)))
    if preset.head == "spiking":
        norm = model.get_submodule(specs["norm_final"].name.removesuffix(".weight"))
        found.append((norm, streams.head_hook()))
    return found


def _passages(inputs: Any, mask: Mask | None) -> tuple[Passage, ...]:
    """The sequences of the token ids [batch, n] among the inputs without padding; none where there are no ids."""
    named = dict(inputs) if isinstance(inputs, Mapping) else dict(enumerate(_listed(inputs)))
    others = (*TOKEN_MASKS, *PADDING_MASKS, "position_ids", "token_type_ids", "labels")
    for tensor in [named["input_ids"]] if "input_ids" in named else [t for k, t in named.items() if k not in others]:
        if hasattr(tensor, "dim") and tensor.dim() == 2 and not tensor.is_floating_point():
            ids = tensor.cpu().numpy().astype(np.int64)
            kept = mask if mask is not None and mask.shape == ids.shape else np.ones(ids.shape, np.bool_)
            return tuple(Passage(row[own], 0, 0) for row, own in zip(ids, kept, strict=True) if own.any())
    return ()


def _listed(inputs: Any) -> list[Any]:
    return list(inputs) if isinstance(inputs, tuple | list) else [inputs]


def _folded(model: nn.Module, ready: Checkpoint) -> dict[str, torch.Tensor]:
    """Embedding and norms of a prepared checkpoint by their names in the tree, in the model's own type."""
    import torch

    state, specs = model.state_dict(), tensor_specs(ready.config)
    kept = ("embedding", "norm_final", "norm_attn", "norm_mlp")
    names = {i: spec.name for i, spec in specs.items() if i.rsplit(".", 1)[-1] in kept}
    return {name: torch.from_numpy(ready.weights[i]).to(state[name]) for i, name in names.items()}


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


class _Streams:
    """Encodes the input of the first module of each stream; its other modules take their outputs of the same counts."""

    def __init__(self, linear: SpikingLinear, tokens: Tokens, weights: Mapping[str, F32], spikes: bool | None) -> None:
        self._linear, self._tokens, self._weights, self._spikes = linear, tokens, weights, spikes
        self._values: dict[str, F32] = {}
        self._outputs: dict[str, dict[str, F32]] = {}

    def hook(self, stream_id: str, layer_id: str) -> Any:
        """The forward hook of the module of a layer."""

        def hook(module: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
            values = self._tokens.of(args[0], layer_id)
            if stream_id not in self._values:
                self._check_real(layer_id, values)
                outputs = zip(driven_layers(stream_id), self._linear(stream_id, values), strict=True)
                self._values[stream_id], self._outputs[stream_id] = values, dict(outputs)
            elif layer_id not in self._outputs[stream_id]:
                raise ModelError(f"{layer_id}: its module is called twice, expected one pass without a cache")
            elif not np.array_equal(values, self._values[stream_id]):
                raise ModelError(
                    f"{layer_id}: found other inputs than those of the layers of {stream_id}, expected the same"
                )
            found = self._outputs[stream_id].pop(layer_id)
            bias = self._weights.get(f"{layer_id}_bias")
            return self._tokens.put(found if bias is None else found + bias, output, layer_id)

        return hook

    def _check_real(self, layer_id: str, values: F32) -> None:
        """Spikes are not encoded once more unless that is asked for."""
        seen = InputValues()
        seen.add(values, b"")
        if self._spikes is None and seen.reading == "counts":
            raise ModelError(
                f"{layer_id}: fed integers up to {seen.largest:g}; spikes=True records the spikes of a spiking network"
                " as they are, spikes=False encodes them"
            )

    def head_hook(self) -> Any:
        """The forward hook of the last norm: its outputs are the stream of the head, whose logits are not read."""

        def hook(module: nn.Module, args: Any, output: torch.Tensor) -> None:
            self._linear(HEAD_STREAM, self._tokens.of(output, HEAD_STREAM))

        return hook
