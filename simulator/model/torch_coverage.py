"""Which weights of a torch module no captured layer holds, by name.

Every operation below Python is watched for the memory of the module's parameters. A matrix (or a tensor of more axes)
that meets activations in anything but an addition or a look-up is a weight: of a convolution, of an LSTM, of ``x @ w``.
What is computed from parameters alone (a mask, a cast, a concatenation) passes the names of its inputs on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from simulator.errors import ModelError
from simulator.model.torch_calls import storage_key

if TYPE_CHECKING:
    import torch
    from torch import nn

# What a parameter and an activation may do without a product: positions added, rows looked up, tokens joined.
NO_PRODUCT = (
    "add",
    "sub",
    "rsub",
    "eq",
    "ne",
    "gt",
    "ge",
    "lt",
    "le",
    "where",
    "copy",
    "cat",
    "stack",
    "gather",
    "scatter",
    "masked_scatter",
    "index",
    "index_put",
    "index_select",
    "embedding",
    "embedding_bag",
    "embedding_bag_forward_only",
    "native_layer_norm",
    "native_group_norm",
    "rms_norm",
    "batch_norm",
    "native_batch_norm",
    "native_batch_norm_legit",
    "native_batch_norm_legit_no_training",
    "cudnn_batch_norm",
)
# Element by element: a matrix is a weight, a vector is a gain, and so is a table that is no parameter.
SCALING = ("mul", "div", "addcmul", "addcdiv", "lerp", "prelu", "prelu_kernel", "pow")
# Products whose operands are all weights or activations, so that a vector is a weight too.
PRODUCTS = ("mm", "mv", "dot", "vdot", "bmm", "ger")
NAMED = 6  # names in one line; the rest is counted


@dataclass(frozen=True)
class Coverage:
    """Weights of a module that no captured layer holds.

    Attributes
    ----------
    missing
        Name of each weight that was multiplied outside the captured layers -> its elements.
    idle
        The same for weights that the call did not use at all.
    n_weights
        Elements of all weights: the captured ones, the missing and the idle.
    """

    missing: Mapping[str, int]
    idle: Mapping[str, int]
    n_weights: int

    def warnings(self, allow_partial: bool) -> list[str]:
        """What is not in the trace, in words.

        Raises
        ------
        ModelError
            A weight is missing and ``allow_partial`` is false.
        """
        lines = []
        if self.missing:
            share, names = _share(self.missing, self.n_weights), _names(self.missing)
            line = f"{share} of the weights are in no captured layer: {names}"
            if not allow_partial:
                raise ModelError(f"{line}; allow_partial=True captures the linear layers alone")
            lines.append(f"{line}; their work is in no number of this trace")
        if self.idle:
            share = _share(self.idle, self.n_weights)
            lines.append(
                f"{len(self.idle)} weights ({share}) were never called and are not in the trace: {_names(self.idle)}"
            )
        return lines


def _share(weights: Mapping[str, int], n: int) -> str:
    return f"{100 * sum(weights.values()) / n:.3g} %"


def _names(weights: Mapping[str, int]) -> str:
    more = f" and {len(weights) - NAMED} more" if len(weights) > NAMED else ""
    return ", ".join(list(weights)[:NAMED]) + more


class WeightUse:
    """While open, notes what is done with each tensor of ``model``.

    Attributes
    ----------
    captured
        Names of the tensors that make the weights of captured layers.
    used
        Names of all that any operation read.
    """

    def __init__(self, model: nn.Module) -> None:
        self._tensors = dict([*model.named_parameters(), *model.named_buffers()])
        self._names: dict[int, tuple[set[str], Any]] = {}  # memory -> tensors it derives from, and its life
        for name, tensor in self._tensors.items():
            if key := storage_key(tensor):
                self._names.setdefault(key, (set(), None))[0].add(name)
        self._weights: set[str] = set()
        self._capturing = False
        self._mode = ExitStack()
        self.captured: set[str] = set()
        self.used: set[str] = set()

    def __enter__(self) -> Self:
        self._mode.enter_context(_watching(self))
        return self

    def __exit__(self, *_: object) -> None:
        self._mode.close()

    @contextmanager
    def capturing(self, weight: torch.Tensor) -> Iterator[None]:
        """The product of a captured layer, with this weight: nothing in it is missing."""
        self.captured |= self._of(weight)
        self._capturing = True
        try:
            yield
        finally:
            self._capturing = False

    def saw(self, operation: str, inputs: list[Any], outputs: list[Any]) -> None:
        """One operation, ``aten::mm`` and the like, with the tensors it takes and gives."""
        found = [self._of(tensor) for tensor in inputs]
        names: set[str] = set().union(*found)
        self.used |= names
        if not names or self._capturing:
            return
        if all(found):
            for tensor in outputs:
                self._derive(tensor, names)
            return
        done = operation.removeprefix("aten::").strip("_")
        if done not in NO_PRODUCT:
            self._weights |= {name for name in names if _is_weight(self._tensors[name], done)}

    def _of(self, tensor: Any) -> set[str]:
        names, life = self._names.get(storage_key(tensor), (set(), None))
        return set() if life is not None and life.expired() else names

    def _derive(self, tensor: Any, names: set[str]) -> None:
        from torch.multiprocessing.reductions import StorageWeakRef

        if (key := storage_key(tensor)) and not self._of(tensor):
            self._names[key] = names, StorageWeakRef(tensor.untyped_storage())

    def coverage(self, model: nn.Module, held: Collection[str] = ()) -> Coverage:
        """Weights that are in no captured layer: vectors are none, nor are tables that are looked up or added.

        The names ``held`` are in layers wherever they are multiplied.
        """
        import torch

        tables = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding | torch.nn.EmbeddingBag)}
        idle = {
            name
            for name, tensor in model.named_parameters()
            if tensor.dim() > 1 and name not in self.used and id(tensor) not in tables
        }
        floats = {name for name in self._weights.difference(held) if self._tensors[name].is_floating_point()}
        size = {name: self._tensors[name].numel() for name in self._tensors}
        n_weights = sum(size[name] for name in self.captured | floats | idle)
        ordered = [name for name in self._tensors if name in floats], [name for name in self._tensors if name in idle]
        missing, never = ({name: size[name] for name in names} for names in ordered)
        return Coverage(missing, never, n_weights)


def _is_weight(tensor: torch.Tensor, operation: str) -> bool:
    """Whether a tensor of the module is a weight, by what an activation does with it."""
    import torch

    if operation in SCALING:
        return isinstance(tensor, torch.nn.Parameter) and tensor.dim() > 1 and tensor.numel() > max(tensor.shape)
    return operation in PRODUCTS or tensor.dim() > 1


def _watching(use: WeightUse) -> Any:
    """A torch dispatch mode that shows every operation to ``use``."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    def tensors(tree: Any) -> list[Any]:
        return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]

    class Watching(TorchDispatchMode):  # type: ignore[misc]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            use.saw(func._schema.name, tensors((args, kwargs)), tensors(out))
            return out

    return Watching()
