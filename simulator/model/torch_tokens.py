"""Which rows of the inputs of a layer are tokens: sample after sample, from position 0, padding left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F32
from simulator.errors import ModelError

if TYPE_CHECKING:
    import torch

Mask = NDArray[np.bool_]
# Arguments that say which tokens are padding: true (or 1) for a token, and true (or -inf) for padding.
TOKEN_MASKS = ("attention_mask", "token_mask", "input_mask")
PADDING_MASKS = ("key_padding_mask", "src_key_padding_mask", "padding_mask", "pad_mask")
# Arguments of a second sequence, to which the mask of the first says nothing.
DECODER = ("decoder_", "tgt")


def to_numpy(tensor: torch.Tensor) -> F32:
    """A tensor in float32 on the host."""
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy())


def token_mask(inputs: Any, given: Any = None) -> Mask | None:
    """Bool [samples, tokens]: which tokens of the inputs are not padding, or None where nothing says so.

    Parameters
    ----------
    inputs
        What the model is called with; named arguments such as ``attention_mask`` and ``key_padding_mask`` are read.
    given
        A mask of one's own, true for a token; it comes first.

    Raises
    ------
    ModelError
        A mask has not two axes, masks disagree or leave no token, or there is a second sequence.
    """
    if given is not None:
        return _checked("token_mask", np.asarray(given.cpu() if hasattr(given, "cpu") else given) != 0)
    named = inputs if isinstance(inputs, Mapping) else {}
    found: dict[str, Mask] = {}
    for name in (*TOKEN_MASKS, *PADDING_MASKS):
        mask = named.get(name)
        if mask is not None and getattr(mask, "dim", lambda: 0)() in (1, 2):
            found[name] = _checked(name, ~_is_padding(mask) if name in PADDING_MASKS else _is_token(mask))
        elif mask is not None:
            raise ModelError(
                f"{name}: shape {list(mask.shape)}, expected [samples, tokens]; token_mask says which tokens"
                " are not padding"
            )
    if not found:
        return None
    first, *others = found
    decoder = next((name for name in named if name.startswith(DECODER)), None)
    if decoder is not None and not found[first].all():
        raise ModelError(
            f"{first} is of the encoder, and {decoder} are tokens of their own; token_mask says which rows of"
            " the linear layers are not padding"
        )
    for name in others:
        if not np.array_equal(found[name], found[first]):
            raise ModelError(f"{first} and {name} leave out different tokens; token_mask says which are padding")
    return found[first]


def padding_note(mask: Mask | None) -> tuple[str, ...]:
    """How many tokens are padding, in words."""
    n = 0 if mask is None else int((~mask).sum())
    return (f"{n} of {mask.size} tokens are padding and left out",) if mask is not None and n else ()


def _is_token(mask: torch.Tensor) -> Mask:
    """Of a mask of ones and zeros, or of an additive one: 0 and minus infinity (or the lowest number)."""
    values = mask.detach().float().cpu().numpy()
    return np.asarray(values == 0 if values.min() < 0 else values != 0)


def _is_padding(mask: torch.Tensor) -> Mask:
    values = mask.detach().float().cpu().numpy()
    return np.asarray(values != 0)


def _checked(name: str, mask: Mask) -> Mask:
    mask = mask[None] if mask.ndim == 1 else mask
    if mask.ndim != 2 or not mask.any():
        what = "leaves no token" if mask.ndim == 2 else f"shape {list(mask.shape)}, expected [samples, tokens]"
        raise ModelError(f"{name}: {what}")
    return np.asarray(mask, np.bool_)


class Tokens:
    """The tokens of one call: the first layer (or the mask) says how many, and all others must agree."""

    def __init__(self, mask: Mask | None = None) -> None:
        self._mask = mask
        self._shape: tuple[int, int] | None = None if mask is None else (mask.shape[0], mask.shape[1])

    @property
    def lengths(self) -> list[int]:
        """Tokens of each sample that has any."""
        if self._shape is None:
            return []
        if self._mask is None:
            return [self._shape[1]] * self._shape[0]
        return [int(n) for n in self._mask.sum(axis=1) if n]

    def rows(self, lead: tuple[int, ...], layer_id: str) -> NDArray[np.int64]:
        """Rows of an input [*lead, n], flat, that are tokens, in the order of the trace.

        Raises
        ------
        ModelError
            The layer has another number of tokens than the first one, or than the mask.
        """
        n, tokens = int(np.prod(lead)), lead[-1] if lead else 1
        if self._shape is None:
            self._shape = n // max(tokens, 1), tokens
        samples, tokens = self._shape
        if n != samples * tokens:
            origin = "the first linear layer has" if self._mask is None else "the mask says"
            raise ModelError(f"{layer_id}: {n} tokens, expected {samples * tokens} as {origin}")
        grid = np.arange(n).reshape(self._shape)
        if len(lead) == 2 and lead == self._shape[::-1] != self._shape:  # [tokens, samples]
            grid = np.arange(n).reshape(lead).T
        return grid.reshape(-1) if self._mask is None else grid[self._mask]

    def of(self, values: torch.Tensor, layer_id: str) -> F32:
        """The tokens of the inputs [*, n] of a layer, float32 [tokens, n]."""
        rows = self.rows(tuple(values.shape[:-1]), layer_id)
        return np.ascontiguousarray(to_numpy(values).reshape(-1, values.shape[-1])[rows])

    def put(self, found: F32, output: torch.Tensor, layer_id: str) -> torch.Tensor:
        """Outputs of a layer with these rows [tokens, n_out] in place of its own; padding keeps what torch computed."""
        import torch

        rows = torch.from_numpy(self.rows(tuple(output.shape[:-1]), layer_id))
        flat = output.reshape(-1, output.shape[-1]).clone()
        flat[rows.to(flat.device)] = torch.from_numpy(np.ascontiguousarray(found)).to(flat)
        return flat.reshape(output.shape)
