"""One call of a torch module that leaves it as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.errors import ModelError, SpikewattError

if TYPE_CHECKING:
    import torch
    from torch import nn

# Attributes of a module that hold its weights, submodules and hooks; the others may hold state.
NO_STATE = ("_parameters", "_modules", "_non_persistent_buffers_set")


def call_model(model: nn.Module, inputs: Any, replaced: Mapping[str, torch.Tensor] | None = None) -> None:
    """Call the model once without gradients and in evaluation mode, with some of its weights replaced.

    Fused attention is switched off for the call, because it multiplies weights where nothing can see it.

    Raises
    ------
    ModelError
        The model raises an error of its own, which is the cause of this one.
    """
    import torch

    args, named = arguments(inputs)
    modes = [(module, module.training) for module in model.modules()]
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    model.eval()
    try:
        with torch.no_grad():
            torch.func.functional_call(model, dict(replaced or {}), args, named) if replaced else model(*args, **named)
    except SpikewattError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0]
        raise ModelError(f"{type(model).__name__} fails on these inputs: {type(error).__name__}: {reason}") from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for module, training in modes:
            module.training = training


def arguments(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and named arguments of the call: of a mapping, of a sequence of tensors, or of one tensor."""
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    return (tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)), {}


def unwrapped(model: nn.Module) -> nn.Module:
    """The module inside ``DataParallel``, ``DistributedDataParallel`` and ``torch.compile``.

    Raises
    ------
    ModelError
        The weights have no values (device meta), or the model keeps them where torch operations do not read them.
    """
    import torch

    parallel = (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)
    while isinstance(model, parallel) or hasattr(model, "_orig_mod"):
        model = model.module if isinstance(model, parallel) else model._orig_mod
    for name, module in model.named_modules():
        if type(module).__module__.startswith(("torch.ao.nn.quantized", "torch.nn.quantized")):
            raise ModelError(
                f"{name or type(module).__name__}: a quantised torch module, whose packed weights cannot be"
                " read; capture the model before torch quantises it"
            )
    for name, parameter in model.named_parameters():
        if parameter.is_meta:
            raise ModelError(f"{name}: on device meta, which holds no values; load the weights first")
    return model


@contextmanager
def state_kept(model: nn.Module) -> Iterator[None]:
    """Give modules (membranes, caches) and the random numbers of torch and numpy the state back that they had."""
    import torch

    kept = [
        (module, {k: _saved(v) for k, v in vars(module).items() if k not in NO_STATE}) for module in model.modules()
    ]
    seed, numpy_seed = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002  what the module may draw from
    try:
        yield
    finally:
        torch.set_rng_state(seed)
        np.random.set_state(numpy_seed)  # noqa: NPY002
        for module, state in kept:
            for name in [name for name in vars(module) if name not in state and name not in NO_STATE]:
                del vars(module)[name]
            vars(module).update({name: restore() for name, restore in state.items()})


def _saved(value: Any) -> Callable[[], Any]:
    """What gives a value back as it is now: tensors and containers with the content that they have now."""
    import torch

    if isinstance(value, torch.Tensor) and not isinstance(value, torch.nn.Parameter):
        return partial(_restored, value, value.detach().clone())
    if type(value) is list:
        entries = [_saved(entry) for entry in value]
        return lambda: _refilled(value, [restore() for restore in entries])
    if type(value) is dict:
        table = {key: _saved(entry) for key, entry in value.items()}
        return lambda: _refilled(value, {key: restore() for key, restore in table.items()})
    return lambda: value


def _restored(tensor: torch.Tensor, content: torch.Tensor) -> torch.Tensor:
    import torch

    if tensor.shape == content.shape and not torch.equal(tensor, content):
        with torch.no_grad():
            tensor.copy_(content)
    return tensor


def _refilled(container: Any, content: Any) -> Any:
    container.clear()
    (container.update if isinstance(container, dict) else container.extend)(content)
    return container
