"""Linear products of a torch module, seen while it runs: every ``F.linear`` on a weight that the module holds.

``nn.Linear``, ``nn.MultiheadAttention`` and modules of one's own all end in this one function. Its two operands are
what was really multiplied, so a masked, normalised or parametrised weight is seen as it is used. ``x @ w`` and fused
kernels never get here: `torch_coverage` names the weights that they use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from simulator.errors import ModelError

if TYPE_CHECKING:
    import torch
    from torch import nn

# What the ids of streams may contain, since they name files (`trace/check.py`).
NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_.-]")
RESERVED = ("chip", "outputs")


@dataclass(frozen=True)
class LinearCall:
    """One product of a layer.

    Attributes
    ----------
    layer_id, kind
        Name of the module (or parameter) that holds the weight; q, k or v of a packed projection, else ``linear``.
    values, weight, bias
        Operands: [..., n_in], [n_out, n_in] and [n_out] or None. Samples come before tokens in the leading axes.
    output
        What torch computes, [..., n_out].
    fed
        What the module that holds the weight was called with, where it changed it to ``values``; else ``values``.
    """

    layer_id: str
    kind: str
    values: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor | None
    output: torch.Tensor
    fed: torch.Tensor


# A call -> what takes the place of its output.
Seen = Callable[[LinearCall], "torch.Tensor"]
# The weight of a captured product -> what is open while it is formed (`torch_coverage.WeightUse.capturing`).
Capturing = Callable[["torch.Tensor"], AbstractContextManager[object]]


@dataclass(frozen=True)
class Held:
    """A tensor of the module: the elements of its storage from ``start`` to ``stop``."""

    name: str
    start: int
    stop: int


class HeldTensors:
    """Parameters and buffers of a module, found by the memory of any view of them."""

    def __init__(self, model: nn.Module) -> None:
        self._by_storage: dict[int, list[Held]] = {}
        import torch

        tables = {name for name, m in model.named_modules() if isinstance(m, torch.nn.Embedding)}
        named = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
        # A tied weight has the name of the layer that it is, before that of the table that it is too.
        for name, tensor in sorted(named, key=lambda item: item[0].rpartition(".")[0] in tables):
            if key := storage_key(tensor):
                first = tensor.storage_offset()
                self._by_storage.setdefault(key, []).append(Held(name, first, first + tensor.numel()))

    def is_part(self, name: str, tensor: torch.Tensor) -> bool:
        """Whether a view of a held tensor has fewer elements than all of it."""
        of_storage = self._by_storage.get(storage_key(tensor), ())
        return any(held.name == name and tensor.numel() < held.stop - held.start for held in of_storage)

    def name_of(self, tensor: torch.Tensor) -> tuple[str, int] | None:
        """Name of the tensor that this one is a view of, and the element of it where the view begins."""
        for held in self._by_storage.get(storage_key(tensor), ()):
            if held.start <= tensor.storage_offset() < held.stop:
                return held.name, tensor.storage_offset() - held.start
        return None


def storage_key(tensor: torch.Tensor) -> int:
    """Address of the memory of a tensor while it lives; 0 where it has none."""
    try:
        return int(tensor.untyped_storage().data_ptr())
    except (RuntimeError, NotImplementedError):  # sparse, quantised and opaque tensors
        return 0


class LinearCalls:
    """While open, hands every linear product of ``model`` to ``seen`` and returns what that returns.

    Attributes
    ----------
    weights
        Layer id -> name of the parameter (or buffer) that is its weight; of a computed weight the prefix of its
        module, which ends in a dot.
    """

    def __init__(self, model: nn.Module, seen: Seen, use: Capturing = nullcontext) -> None:
        self._model, self._seen, self._use, self._held = model, seen, use, HeldTensors(model)
        self._modules = dict(model.named_modules())
        self._running: list[tuple[str, Any]] = []  # modules under way, each with its first argument
        self._query_shape: dict[str, tuple[int, ...]] = {}  # of each attention: [tokens, samples]
        self._tokens_first = any(getattr(m, "batch_first", True) is False for m in self._modules.values())
        self._undo = ExitStack()
        self.weights: dict[str, str] = {}

    def __enter__(self) -> Self:
        import torch

        for name, module in self._modules.items():
            if not isinstance(module, torch.jit.ScriptModule):
                entered = module.register_forward_pre_hook(lambda _, args, name=name: self._enter(name, args))
                left = module.register_forward_hook(lambda *_: self._left(), always_call=True)
                self._undo.callback(entered.remove)
                self._undo.callback(left.remove)
        functional: Any = torch.nn.functional
        self._undo.callback(setattr, functional, "linear", functional.linear)
        real = functional.linear
        functional.linear = lambda input, weight, bias=None: self._linear(real, input, weight, bias)
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def _enter(self, name: str, args: tuple[Any, ...]) -> None:
        self._running.append((name, args[0] if args else None))

    def _left(self) -> None:
        self._running.pop()

    def _linear(self, real: Any, values: Any, weight: Any, bias: Any) -> Any:
        found = self._layer_of(weight)
        if found is None:
            return real(values, weight, bias)
        with self._use(weight):
            output = real(values, weight, bias)
        name, start = found
        attention, _, part = name.rpartition(".")
        module = self._modules.get(attention)
        if _is_attention(module):
            return self._of_attention(attention, module, part, start, values, weight, bias, output)
        if attention.endswith("out_proj") and _is_attention(self._modules.get(attention.rpartition(".")[0])):
            return self._out_of_attention(attention, values, weight, bias, output)
        short = name.removesuffix("weight") if part == "weight" else name
        rows = f".{start // weight.shape[-1]}" if start or self._held.is_part(name, weight) else ""
        layer_id = self._claim(short.rstrip(".") + rows, name + rows)
        swapped = self._tokens_first and values.dim() > 2
        fed = self._fed(attention if part == "weight" else None, values)
        return self._shown(layer_id, "linear", values, weight, bias, output, swapped, fed)

    def _fed(self, holder: str | None, values: torch.Tensor) -> torch.Tensor:
        """The input of the module that holds a weight, while it runs, where that has the shape of the operand."""
        name, first = self._running[-1] if self._running else (None, None)
        same = name == holder and getattr(first, "shape", None) == values.shape
        return first if same and first is not None else values

    def _layer_of(self, weight: torch.Tensor) -> tuple[str, int] | None:
        """Name of the weight and where its view begins, or the prefix of the module that computes it."""
        import torch

        inner = self._running[-1][0] if self._running else ""
        module = self._modules[inner]
        prefix = f"{inner}." if inner else ""
        if isinstance(module, torch.nn.Linear) and self._is_own(module, weight):
            own = module._parameters.get("weight", module._buffers.get("weight"))
            return f"{prefix}weight" if own is not None and storage_key(own) == storage_key(weight) else prefix, 0
        found = self._held.name_of(weight)
        if found is None and self._is_own(module, weight):
            return prefix, 0
        return found

    def _is_own(self, module: nn.Module, weight: torch.Tensor) -> bool:
        """Whether a weight has the shape of that of the module."""
        return bool(getattr(getattr(module, "weight", None), "shape", None) == weight.shape)

    def _claim(self, layer_id: str, weight_name: str) -> str:
        """An id that a trace can hold; the weight is the layer's from now on."""
        layer_id = NOT_IN_IDS.sub("_", layer_id) or type(self._model).__name__.lower()
        while layer_id in RESERVED or self.weights.get(layer_id, weight_name) != weight_name:
            layer_id += "_"
        self.weights[layer_id] = weight_name
        return layer_id

    def _shown(
        self,
        layer_id: str,
        kind: str,
        values: Any,
        weight: Any,
        bias: Any,
        output: Any,
        swapped: bool,
        fed: Any = None,
    ) -> torch.Tensor:
        """Hand a call on; ``swapped``: its first axes are [tokens, samples]."""
        if weight.is_complex() or values.is_complex():
            raise ModelError(f"{layer_id}: {weight.dtype} weights, expected real numbers")
        fed = values if fed is None else fed
        if swapped:
            values, output, fed = (tensor.transpose(0, 1) for tensor in (values, output, fed))
        shown = self._seen(LinearCall(layer_id, kind, values, weight, bias, output, fed))
        return shown.transpose(0, 1) if swapped else shown

    def _of_attention(
        self, name: str, module: Any, part: str, start: int, values: Any, weight: Any, bias: Any, output: Any
    ) -> torch.Tensor:
        """Products of ``nn.MultiheadAttention``: rows of its packed weight are q, k and v, one after another."""
        import torch

        if module.bias_k is not None:
            raise ModelError(
                f"{name}.bias_k: keys and values with a learned bias are not captured; build the module"
                " with add_bias_kv=False"
            )
        d, done = module.embed_dim, []
        kinds = ["q", "k", "v"][start // (d * d) :] if part == "in_proj_weight" else [part[0]]
        if "q" in kinds:
            self._query_shape[name] = tuple(values.shape[:-1])
        for kind, rows in zip(kinds, _pieces(len(weight), d), strict=False):
            layer_id = self._claim(f"{name}.{kind}".lstrip("."), f"{name}.{part}".lstrip("."))
            bias_rows = None if bias is None else bias[rows]
            done.append(self._shown(layer_id, kind, values, weight[rows], bias_rows, output[..., rows], True))
        return torch.cat(done, dim=-1)

    def _out_of_attention(self, name: str, values: Any, weight: Any, bias: Any, output: Any) -> torch.Tensor:
        """The output projection, which ``nn.MultiheadAttention`` does on [tokens * samples, n]."""
        shape = self._query_shape[name.rpartition(".")[0]]
        layer_id = self._claim(name, f"{name}.weight")
        apart = (values.reshape(*shape, -1), weight, bias, output.reshape(*shape, -1))
        return self._shown(layer_id, "o", *apart, True).reshape(output.shape)


def _is_attention(module: object) -> bool:
    import torch

    return isinstance(module, torch.nn.MultiheadAttention)


def _pieces(n: int, size: int) -> Iterator[slice]:
    yield from (slice(first, first + size) for first in range(0, n, size))
