"""Hadamard transforms at run time on rescaled activations, their inverse folded into the weights (rotation `online`).

Each stream x becomes ``(s * x) H`` before it is encoded, and its layers hold ``W diag(1/s) H / order``. H spreads the
noise of the encoder evenly over all channels. Its effect on the outputs is therefore the product of two sums, ``sum_j
s_j**2 E[x_j**2]`` and ``sum_ij W_ij**2 / s_j**2``. By the inequality of Cauchy and Schwarz the product is smallest for
``s_j = (sum_i W_ij**2 / E[x_j**2])**(1/4)``. The scales cost nothing at run time: they go into the gain of the norm, or
into the rows of up. Rows of gate and up count by their effect on the output of down. Values of a head get a dense
transform, which is folded into v and o.

The transforms are those of QuaRot (Ashkboos et al., NeurIPS 2024) without its fold through the residual: with the gains
kept in the norms the scales of the channels are free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from simulator.arrays import F32, F64
from simulator.model.checkpoint import Checkpoint
from simulator.model.derived_weights import DerivedWeights
from simulator.model.hadamard import hadamard_of
from simulator.model.moments import Moments
from simulator.model.program import HEAD_STREAM, driven_layers

# Share of the mean that is added to each second moment: few tokens know rare channels badly.
MOMENT_DAMPING = 0.02
# The same for the products of weights, which are exact; it only keeps them invertible.
WEIGHT_DAMPING = 1e-3
READS = {"q": "attn_in", "k": "attn_in", "v": "attn_in", "gate": "mlp_in", "up": "mlp_in", "down": "mlp_hidden"}
MAKES = {"norm_attn": "attn_in", "norm_mlp": "mlp_in", "up": "mlp_hidden"}


@dataclass(frozen=True)
class Balance:
    """Scales and transforms of all streams.

    Attributes
    ----------
    scales
        Stream id -> float64 [n], what its channels are multiplied by; ``head_in`` where the head is spiking.
    heads
        Block id -> float64 [kv, hd, hd], what the values of each head are multiplied by from the right.
    """

    scales: Mapping[str, F64]
    heads: Mapping[str, F64]


def balance_of(checkpoint: Checkpoint, moments: Moments, spiking_head: bool) -> Balance:
    """Scales and transforms that make the error of the outputs smallest, from the moments and the weights."""
    config, weights = checkpoint.config, checkpoint.weights
    scales: dict[str, F64] = {}
    heads: dict[str, F64] = {}
    for i in range(config.num_hidden_layers):
        b = f"blocks.{i}"
        for kind in ("attn_in", "mlp_in", "mlp_hidden"):
            stream_id = f"{b}.{kind}"
            rows = [weights[layer] for layer in driven_layers(stream_id)]
            if kind == "mlp_in":
                rows = _by_effect(rows, moments.slopes[stream_id], _energy(weights[f"{b}.down"]))
            energy = sum((_energy(weight) for weight in rows), np.zeros(1))
            scales[stream_id] = channel_scales(energy, damped(moments.channels[stream_id], MOMENT_DAMPING))
        o = weights[f"{b}.o"].astype(np.float64)
        heads[b] = head_transforms(o, moments.heads[f"{b}.attn_out"])
    if spiking_head:
        inputs = damped(moments.channels[HEAD_STREAM], MOMENT_DAMPING)
        scales[HEAD_STREAM] = channel_scales(_energy(weights["head"]), inputs)
    return Balance(scales, heads)


def _by_effect(rows: list[F32], slopes: F64, down: F64) -> list[F32]:
    """Weights of gate and up, each row times the size of its effect on the output of down (to first order)."""
    effects = [np.sqrt(damped(slope * down, MOMENT_DAMPING)) for slope in slopes]
    return [(weight.T * effect).T.astype(np.float32) for weight, effect in zip(rows, effects, strict=True)]


def _energy(weight: F32) -> F64:
    """Sum of squares of each column of a matrix [n_out, n]."""
    return np.asarray(np.einsum("ij,ij->j", weight, weight, dtype=np.float64), np.float64)


def damped(moments: F64, share: float) -> F64:
    """Moments [n], or the diagonal of [..., n, n], moved towards their mean."""
    if moments.ndim == 1:
        return np.asarray((1 - share) * moments + share * moments.mean())
    n = moments.shape[-1]
    mean = np.trace(moments, axis1=-2, axis2=-1) / n
    return np.asarray((1 - share) * moments + share * mean[..., None, None] * np.eye(n))


def channel_scales(energy: F64, moments: F64) -> F64:
    """``(energy_j / moments_j)**(1/4)`` [n], of geometric mean 1; 1 where a channel or its weights are all zeros."""
    live = (energy > 0) & (moments > 0)
    scales = np.ones(len(energy))
    scales[live] = (energy[live] / moments[live]) ** 0.25
    if live.any():
        scales[live] /= np.exp(np.log(scales[live]).mean())
    return scales


def head_transforms(o: F64, products: F64) -> F64:
    """The transform of each key/value head, float64 [kv, hd, hd], from o [d, h*hd] and the products [kv, hd, hd].

    ``t = (S^-1 # F)^(1/2) H``: the geometric mean of the inverse products of the inputs and those of the weights, then
    a Hadamard matrix. The root is to a vector what the fourth root is to a channel, and scales the heads likewise.
    """
    kv, hd = products.shape[:2]
    columns = o.reshape(len(o), kv, -1, hd).transpose(1, 0, 2, 3).reshape(kv, -1, hd)
    sensitivity = columns.swapaxes(1, 2) @ columns
    mixing = hadamard_of(hd).matrix() / np.sqrt(hadamard_of(hd).order)
    found = []
    for inputs, outputs in zip(damped(products, MOMENT_DAMPING), damped(sensitivity, WEIGHT_DAMPING), strict=True):
        if not (np.trace(inputs) > 0 and np.trace(outputs) > 0):
            found.append(mixing)
            continue
        transform = root(geometric_mean(np.linalg.inv(inputs), outputs)) @ mixing
        found.append(transform)
    return np.array(found)


def root(matrix: F64) -> F64:
    """The symmetric square root of a symmetric positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T, np.float64)


def geometric_mean(a: F64, b: F64) -> F64:
    """``a # b = a^(1/2) (a^(-1/2) b a^(-1/2))^(1/2) a^(1/2)`` of symmetric positive matrices (Bhatia 2007, 4.1)."""
    half = root(a)
    inverse = np.linalg.inv(half)
    mean = half @ root(inverse @ b @ inverse) @ half
    return np.asarray((mean + mean.T) / 2, np.float64)


def balanced(checkpoint: Checkpoint, moments: Moments, spiking_head: bool) -> Checkpoint:
    """The checkpoint with scales and transforms folded in, for use with `rotation.online_rotations`."""
    weights = BalancedWeights(checkpoint, balance_of(checkpoint, moments, spiking_head))
    return replace(checkpoint, weights=weights, read_rows=weights.rows)


class BalancedWeights(DerivedWeights):
    """The weights of a checkpoint with a `Balance` folded in, in float64."""

    def __init__(self, checkpoint: Checkpoint, balance: Balance) -> None:
        super().__init__(checkpoint, "online")
        self._balance = balance

    def _made(self, weight_id: str) -> F32:
        stored = self._checkpoint.weights[weight_id]
        folded = stored if self._untouched(weight_id) else self._folded(weight_id, stored.astype(np.float64))
        return np.ascontiguousarray(folded, np.float32)

    def rows(self, weight_id: str, rows: slice) -> F32:
        """Some rows of the embedding or the head."""
        part = self._checkpoint.rows(weight_id, rows)
        if self._untouched(weight_id):
            return part
        return np.ascontiguousarray(self._folded(weight_id, part.astype(np.float64)), np.float32)

    def _untouched(self, weight_id: str) -> bool:
        """Whether the weight stays as it is."""
        short = weight_id.rsplit(".", 1)[-1]
        if short in ("head", "norm_final"):
            return HEAD_STREAM not in self._balance.scales
        return short not in {*READS, *MAKES, "o", "v_bias"}

    def _folded(self, weight_id: str, weight: F64) -> F64:
        block, _, short = weight_id.rpartition(".")
        scales = self._balance.scales
        if short in ("head", "norm_final"):
            return weight * scales[HEAD_STREAM] if short == "norm_final" else _mixed(weight / scales[HEAD_STREAM])
        if short in READS:
            weight = _mixed(weight / scales[f"{block}.{READS[short]}"])
        if short in MAKES:
            weight = (weight.T * scales[f"{block}.{MAKES[short]}"]).T
        heads = self._balance.heads[block]  # [kv, hd, hd]
        if short in ("v", "v_bias"):
            values = weight.reshape(len(heads), heads.shape[1], -1)
            return np.asarray(heads.swapaxes(1, 2) @ values, np.float64).reshape(weight.shape)
        if short == "o":
            by_head = weight.reshape(len(weight), len(heads), -1, heads.shape[1])
            return _mixed(np.einsum("okgi,kji->okgj", by_head, np.linalg.inv(heads)).reshape(weight.shape))
        return weight


def _mixed(weight: F64) -> F64:
    """Weights [n_out, n] for inputs that a Hadamard transform has mixed."""
    hadamard = hadamard_of(weight.shape[1])
    return np.asarray(hadamard(weight) / hadamard.order, np.float64)
