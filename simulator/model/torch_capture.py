"""Capture from a torch model: its ``nn.Linear`` modules become spike-driven, and what they are fed is a Trace.

Needs the extra ``torch``; the package itself never imports it. A forward hook on each linear module encodes its input
as spike counts, keeps them, and puts the integer sums of INT8 weights in place of its output, so what follows sees a
spike-driven model. A model with the module names of Hugging Face's LLaMA has the program of a capture from files; of
any other only the linear layers and their encoders are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simulator.errors import ModelError
from simulator.model.checkpoint import Checkpoint, tensor_specs
from simulator.model.linear import SpikingLinear
from simulator.model.llama_config import LlamaConfig, parse_config
from simulator.model.program import DRIVEN, build_program, driven_layers
from simulator.model.recorder import Recorder
from simulator.model.torch_chain import ChainLinear
from simulator.trace.encoding import Encoding
from simulator.trace.trace import Trace

if TYPE_CHECKING:
    import torch
    from torch import nn

F32 = NDArray[np.float32]


def capture_torch(
    model: nn.Module,
    inputs: torch.Tensor | Mapping[str, torch.Tensor],
    encoding: Encoding,
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
    encoding
        Code and levels of every stream.
    config
        Fields of a ``config.json``, for a plain module with the tree of LLaMA.
    name
        Of the trace.

    Raises
    ------
    ModelError
        There is no linear layer, one is called twice or with other tokens than the first, an activation is not finite,
        or the config is not supported.
    """
    fields = config if config is not None else _own_config(model)
    if fields is not None:
        return _capture_tree(model, inputs, encoding, parse_config(dict(fields), "config"), name)
    return _capture_chain(model, inputs, encoding, name)


def _own_config(model: nn.Module) -> Mapping[str, Any] | None:
    """The config of a Hugging Face model as a dictionary, or None of a plain module."""
    to_dict = getattr(getattr(model, "config", None), "to_dict", None)
    return None if to_dict is None else to_dict()


def _capture_tree(model: nn.Module, inputs: Any, encoding: Encoding, config: LlamaConfig, name: str) -> Trace:
    """Of a LLaMA tree: the program of `build_program`, the layers of `SpikingLinear`."""
    checkpoint = _tree_checkpoint(model, config)
    recorder = Recorder(encoding)
    linear = SpikingLinear(checkpoint, encoding, recorder.record)
    modules = dict(model.named_modules())
    lengths: list[int] = []
    with ExitStack() as hooks:
        for i in range(config.num_hidden_layers):
            for short in DRIVEN:
                stream_id = f"blocks.{i}.{short}"
                hook = _StreamHook(linear, stream_id, lengths, checkpoint.weights)
                for layer_id in driven_layers(stream_id):
                    module_name = tensor_specs(config)[layer_id].name.removesuffix(".weight")
                    handle = modules[module_name].register_forward_hook(hook.of(layer_id))
                    hooks.callback(handle.remove)
        _call(model, inputs)
    program = build_program(config, encoding, checkpoint.stored_bits)
    return recorder.trace(name, program, lengths, _origin(model, config.warnings))


def _tree_checkpoint(model: nn.Module, config: LlamaConfig) -> Checkpoint:
    """The weights of a LLaMA tree under our ids, float32."""
    state = model.state_dict()
    specs = tensor_specs(config)
    if config.tie_word_embeddings:
        specs["head"] = specs["embedding"]
    missing = [name for name in dict.fromkeys(spec.name for spec in specs.values()) if name not in state]
    if missing:
        raise ModelError(f"the module tree has no {missing[0]} ({len(missing)} weights missing), wanted that of LLaMA")
    weights = {weight_id: to_numpy(state[spec.name]) for weight_id, spec in specs.items()}
    bits = {weight_id: 8 * state[spec.name].element_size() for weight_id, spec in specs.items()}
    for weight_id, spec in specs.items():
        if weights[weight_id].shape != spec.shape:
            found = list(weights[weight_id].shape)
            raise ModelError(f"tensor {spec.name}: shape {found}, wanted {list(spec.shape)}")
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
                raise ModelError(f"{layer_id}: its module is called twice, wanted one pass without a cache")
            elif not np.array_equal(values, self._values):
                raise ModelError(f"{layer_id}: is not fed what the other layers of {self._stream_id} are")
            found = self._outputs.pop(layer_id)
            bias = self._weights.get(f"{layer_id}_bias")
            return like_output(found if bias is None else found + bias, output)

        return hook


def _capture_chain(model: nn.Module, inputs: Any, encoding: Encoding, name: str) -> Trace:
    """Of any module: its linear layers in the order in which they are called."""
    import torch

    modules = {name: m for name, m in model.named_modules() if isinstance(m, torch.nn.Linear)}
    if not modules:
        raise ModelError(f"{type(model).__name__} holds no nn.Linear, wanted at least one")
    recorder, lengths = Recorder(encoding), list[int]()
    chain = ChainLinear(encoding, recorder.record)
    with ExitStack() as hooks:
        for layer_id, module in modules.items():
            weights = to_numpy(module.weight)
            bias = None if module.bias is None else to_numpy(module.bias)

            def hook(
                module: nn.Module, args: Any, output: torch.Tensor, i: str = layer_id, w: F32 = weights, b: Any = bias
            ) -> torch.Tensor:
                return like_output(chain(i, id(args[0]), token_rows(args[0], lengths, i), w, b), output)

            hooks.callback(module.register_forward_hook(hook).remove)
        _call(model, inputs)
    warnings = (
        "the program of this model is not known: linear layers and their encoders only, values pass from each stream's"
        " layers to the next",
        *([] if len(chain.called) == len(modules) else [f"{len(modules) - len(chain.called)} layers were not called"]),
    )
    return recorder.trace(name, chain.program(), lengths, _origin(model, warnings))


def _call(model: nn.Module, inputs: Any) -> None:
    import torch

    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            model(**inputs) if isinstance(inputs, Mapping) else model(inputs)
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
        raise ModelError(f"{layer_id}: {sum(found)} tokens, wanted {sum(lengths)} as the first linear layer has")
    return to_numpy(values).reshape(-1, values.shape[-1])


def like_output(rows: F32, output: torch.Tensor) -> torch.Tensor:
    """Rows of tokens as the module would return them."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(rows)).reshape(output.shape).to(output)


def _origin(model: nn.Module, warnings: tuple[str, ...]) -> dict[str, object]:
    import torch

    return {
        "model": type(model).__name__,
        "weights": "int8, symmetric per output channel, rounded to nearest",
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        "warnings": list(warnings),
    }
