"""Rotations of the activations, folded into the weights: the float model stays the same, its outliers are spread.

RMSNorm without a gain commutes with an orthogonal Q, ``norm(x Q) = norm(x) Q``. So the residual can live in rotated
coordinates at no cost (Ashkboos et al., SliceGPT 2024 and QuaRot 2024). The gains go into the layers behind the norms.
The embedding and the layers that write to the residual are multiplied by Q, those that read it by Q too. The values of
a head are rotated through v and back through o.

The values between SiLU and down, and those across the heads in front of o, cannot be folded. A Hadamard transform
(additions only) rotates them at run time, and its inverse is folded into the weights behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from simulator.arrays import F32, F64
from simulator.model.checkpoint import Checkpoint
from simulator.model.derived_weights import DerivedWeights
from simulator.model.hadamard import Floats, Hadamard, hadamard_of
from simulator.model.llama_config import LlamaConfig

Rotation = Literal["none", "hadamard", "random", "online"]

# Layer -> the norm whose gain goes into it.
READERS = {"q": "norm_attn", "k": "norm_attn", "v": "norm_attn", "gate": "norm_mlp", "up": "norm_mlp"}
NORMS = ("norm_attn", "norm_mlp", "norm_final")


@dataclass(frozen=True)
class OnlineRotation:
    """A Hadamard transform of a stream at run time, along an axis of its values.

    Attributes
    ----------
    hadamard
        The transform.
    inner
        Values that stay side by side: 1, or the width of a head where only the heads are mixed.
    """

    hadamard: Hadamard
    inner: int = 1

    @property
    def adds(self) -> int:
        """Additions per token."""
        return self.hadamard.adds * self.inner

    def __call__(self, values: Floats) -> Floats:
        """Rotated values, same shape [tokens, n]."""
        return self.hadamard(values, self.inner)


def online_rotations(config: LlamaConfig, rotation: Rotation) -> dict[str, OnlineRotation]:
    """What is rotated at run time, by the last part of the stream's id; nothing without a rotation.

    ``hadamard`` and ``random`` rotate at run time what cannot be folded; ``online`` rotates every stream.
    """
    if rotation == "none":
        return {}
    if rotation == "online":
        width = OnlineRotation(hadamard_of(config.hidden_size))
        heads, hidden = (OnlineRotation(hadamard_of(n)) for n in (config.q_width, config.intermediate_size))
        return {"attn_in": width, "attn_out": heads, "mlp_in": width, "mlp_hidden": hidden, "head_in": width}
    return {
        "attn_out": OnlineRotation(hadamard_of(config.num_attention_heads), config.head_dim),
        "mlp_hidden": OnlineRotation(hadamard_of(config.intermediate_size)),
    }


def head_rotation(config: LlamaConfig) -> OnlineRotation:
    """The transform of each query and key of a token, counted as one row of all heads."""
    one = hadamard_of(config.head_dim)
    heads = config.num_attention_heads + config.num_key_value_heads
    return OnlineRotation(Hadamard(one.base, one.doublings, one.blocks * heads))


def fold_rotation(checkpoint: Checkpoint, rotation: Rotation, seed: int = 0) -> Checkpoint:
    """The model in rotated coordinates, for use with `online_rotations`; without a rotation the model as it is.

    ``hadamard``: Q is a Hadamard matrix with seeded signs of its rows. ``random``: Q is a seeded orthogonal
    matrix of the Haar measure (QR of a normal matrix). Rotations at run time are Hadamard transforms in both.
    """
    if rotation == "none":
        return checkpoint
    weights = RotatedWeights(checkpoint, rotation, seed)
    return replace(checkpoint, weights=weights, read_rows=weights.rows)


class ResidualRotation:
    """The orthogonal Q of the residual.

    Parameters
    ----------
    width
        Of the residual, d.
    rotation, seed
        See `fold_rotation`.
    """

    def __init__(self, width: int, rotation: Rotation, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._width, self._q, self._hadamard = width, None, hadamard_of(width)
        if rotation == "hadamard":
            self._signs = rng.choice([-1.0, 1.0], width)
        else:
            q, r = np.linalg.qr(rng.standard_normal((width, width)))
            self._q = np.asarray(q * np.sign(np.diag(r)), np.float64)

    def of_rows(self, rows: F64) -> F64:
        """``rows Q`` [..., d]; of a Hadamard matrix by its fast transform."""
        if self._q is not None:
            return np.asarray(rows @ self._q, np.float64)
        return np.asarray(self._hadamard(rows * self._signs) / np.sqrt(self._hadamard.order), np.float64)

    def matrix(self) -> F64:
        """Q, float64 [d, d]."""
        return self.of_rows(np.eye(self._width))


class RotatedWeights(DerivedWeights):
    """The weights of a checkpoint in rotated coordinates, each folded in float64 when it is asked for.

    Parameters
    ----------
    checkpoint
        The model as it is.
    rotation, seed
        See `ResidualRotation`.
    """

    def __init__(self, checkpoint: Checkpoint, rotation: Rotation, seed: int) -> None:
        super().__init__(checkpoint, rotation)
        config = checkpoint.config
        self._weights = checkpoint.weights
        self._residual = ResidualRotation(config.hidden_size, rotation, seed)
        self._head = hadamard_of(config.head_dim)
        self._heads = OnlineRotation(hadamard_of(config.num_attention_heads), config.head_dim)
        self._hidden = hadamard_of(config.intermediate_size)

    def _made(self, weight_id: str) -> F32:
        return np.ascontiguousarray(self._folded(weight_id), dtype=np.float32)

    def rows(self, weight_id: str, rows: slice) -> F32:
        """Some rows of the embedding or the head, without folding the others of a large model."""
        if self._checkpoint.kept:
            return self[weight_id][rows]
        part = self._checkpoint.rows(weight_id, rows).astype(np.float64)
        return (self._residual_columns(weight_id, part)).astype(np.float32)

    def _folded(self, weight_id: str) -> F64:
        block, _, short = weight_id.rpartition(".")
        weight = self._weights[weight_id].astype(np.float64)
        if short in NORMS:
            return np.ones_like(weight)
        if short in ("embedding", "head"):
            return self._residual_columns(short, weight)
        if short in ("q_bias", "k_bias", "q_norm", "k_norm"):  # queries and keys keep their coordinates
            return weight
        if short == "v_bias":
            return self._rotate_heads(weight[:, None])[:, 0]
        if short in READERS:
            weight = self._residual.of_rows(weight * self._weights[f"{block}.{READERS[short]}"])
            return self._rotate_heads(weight) if short == "v" else weight
        if short == "o":
            by_head = self._of_head(weight.reshape(len(weight), -1, self._head_width))
            return self._to_residual(self._heads(by_head.reshape(weight.shape)) / self._heads.hadamard.order)
        if short == "down":
            return self._to_residual(self._hidden(weight) / self._hidden.order)
        raise KeyError(f"{weight_id}: no rule how to rotate it")

    def _residual_columns(self, weight_id: str, rows: F64) -> F64:
        """Rows [rows, d] of the embedding, or of the head behind its norm, in rotated coordinates."""
        return self._residual.of_rows(rows * self._weights["norm_final"] if weight_id == "head" else rows)

    def _to_residual(self, weight: F64) -> F64:
        """``Q^T weight`` [d, ...]: what writes to the residual."""
        return self._residual.of_rows(weight.T).T

    @property
    def _head_width(self) -> int:
        return self._checkpoint.config.head_dim

    def _of_head(self, values: F64) -> F64:
        """Values [..., hd] of one head, rotated and normalized."""
        return np.asarray(self._head(values) / np.sqrt(self._head.order), np.float64)

    def _rotate_heads(self, rows: F64) -> F64:
        """The rows [kv*hd, n] of v, those of each head rotated."""
        return self._of_head(rows.T.reshape(rows.shape[1], -1, self._head_width)).reshape(rows.shape[1], -1).T
