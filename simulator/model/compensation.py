"""Integer weights whose rounding errors are compensated by the weights behind them (rounding `gptq`).

GPTQ (Frantar et al., ICLR 2023, algorithm 1) rounds the inputs of a layer one after another. It adds the error of each
to those that are not rounded yet, so that the outputs on a text change least. The text passes the model layer by layer,
as counts through layers that are already rounded, so that each layer sees the inputs that it will have. At most the
matrices of one stream are in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F32, F64
from simulator.errors import ModelError
from simulator.model.checkpoint import Checkpoint
from simulator.model.derived_weights import DerivedWeights
from simulator.model.moments import calibration_tokens
from simulator.model.prefixed import BehindPrefix, Prefix
from simulator.model.preset import Preset
from simulator.model.program import HEAD_STREAM, driven_layers, weight_of
from simulator.model.rotation import online_rotations
from simulator.model.tokenizer import Passage, Tokenizer
from simulator.model.transformer import final_states
from simulator.model.weights import scale_of, weight_groups
from simulator.text_files import read_text

# Least share of the products of inputs that is their mean instead; GPTQ has it at 262,144 tokens, where noise is small.
DAMPING = 0.01
# Tokens of a text of one's own: more take longer, and know the correlations better. Passages bound the attention.
TEXT_TOKENS, PASSAGE_TOKENS = 4096, 512
# Shares of the full range that the scale of a group is chosen from, by the squared error of its weights.
SHARES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7)
# Inputs that are rounded before their errors reach the others at once.
BLOCK = 64


@dataclass(frozen=True)
class RoundedLayer:
    """A layer after rounding.

    Attributes
    ----------
    codes
        int8 [n_out, n_in].
    scales
        float32 [n_out, groups]: the weight of an input is its code times the scale of its group.
    """

    codes: NDArray[np.int8]
    scales: F32

    def weights(self, group: int | None) -> F32:
        """float32 [n_out, n_in]; rounding them again at the same scales gives the same codes."""
        width = group or self.codes.shape[1]
        spread = np.repeat(self.scales, width, axis=1)[:, : self.codes.shape[1]]
        return np.asarray(self.codes * spread, np.float32)


class CompensatedWeights(DerivedWeights):
    """The weights of a checkpoint, those of its rounded layers in place of the stored ones.

    Parameters
    ----------
    checkpoint
        The model before, rotated and balanced as its preset says.
    layers
        Weight id -> what its rounding gave.
    group
        Inputs that share a scale; None for all of an output.
    """

    def __init__(self, checkpoint: Checkpoint, layers: Mapping[str, RoundedLayer], group: int | None) -> None:
        super().__init__(checkpoint)
        self._layers, self._group = layers, group

    def _made(self, weight_id: str) -> F32:
        if weight_id in self._layers:
            return self._layers[weight_id].weights(self._group)
        return self._checkpoint.weights[weight_id]

    @property
    def exact(self) -> Mapping[str, F32]:
        """The weights before they were rounded."""
        return self._checkpoint.weights

    def scales(self, weight_id: str) -> F32 | None:
        """Scales [n_out, groups] that give the codes; None for a weight that is rounded to nearest."""
        return self._layers[weight_id].scales if weight_id in self._layers else None


def compensated(
    checkpoint: Checkpoint, preset: Preset, passages: Sequence[NDArray[np.int64]], prefix: Prefix | None
) -> Checkpoint:
    """The checkpoint with the weights of all driven layers rounded on a text (token ids of each passage).

    ``checkpoint`` is rotated and balanced for ``preset``, whose static steps are known. A spiking head is rounded to
    nearest, and a float ``prefix`` has no part in the rounding. Raises ModelError when a token is outside the
    vocabulary or an activation is not finite.
    """
    rounding = _Rounding(checkpoint, preset, prefix)
    final_states(checkpoint, passages, rounding)
    weights = CompensatedWeights(checkpoint, rounding.layers, preset.weights.group)
    return replace(checkpoint, weights=weights)


def rounding_tokens(
    checkpoint: Checkpoint, preset: Preset, passages: tuple[Passage, ...]
) -> tuple[list[NDArray[np.int64]], tuple[str, ...]]:
    """Passages of token ids that the weights are rounded on, and warnings.

    The first `TEXT_TOKENS` tokens of the preset's text in passages of `PASSAGE_TOKENS`; without one see
    `calibration_tokens`.

    Raises
    ------
    ModelError
        When the text cannot be read or tokenized, or there is none.
    """
    path = preset.weights.text
    if path is None:
        return calibration_tokens(checkpoint, passages, "compensated weights")
    if checkpoint.location is None:
        raise ModelError(f"{path}: a text for the weights needs a tokenizer, found a model without one")
    passage = Tokenizer(checkpoint.location, checkpoint.config).passage(read_text(Path(path)), TEXT_TOKENS)
    width = min(PASSAGE_TOKENS, checkpoint.config.max_position_embeddings)
    ids = passage.token_ids
    return [ids[start : start + width] for start in range(0, len(ids), width)], ()


class _Rounding(BehindPrefix):
    """Linear layers that are rounded when their inputs are first seen, and give the outputs of what was rounded."""

    def __init__(self, checkpoint: Checkpoint, preset: Preset, prefix: Prefix | None) -> None:
        super().__init__(prefix)
        self._checkpoint, self._preset = checkpoint, preset
        self._online = online_rotations(checkpoint.config, preset.rotation)
        self.layers: dict[str, RoundedLayer] = {}

    def __call__(self, stream_id: str, values: F32) -> tuple[F32, ...]:
        """Outputs of the layers that the stream drives."""
        assert stream_id != HEAD_STREAM
        return self._joined(stream_id, values, self._rounded)

    def _rounded(self, stream_id: str, values: F32) -> tuple[F32, ...]:
        rotate = self._online.get(stream_id.rsplit(".", 1)[-1])
        spikes = self._preset.encoder_of(stream_id)(values if rotate is None else rotate(values), stream_id)
        centred = (spikes.counts - spikes.zero_point[:, None]).astype(np.float32)
        inputs = centred * spikes.v_threshold[:, None]
        products = input_products(inputs)
        factor = error_factor(products, max(DAMPING, shrinkage(products, len(inputs))))
        return tuple(self._outputs(weight_of(layer_id), inputs, factor) for layer_id in driven_layers(stream_id))

    def _outputs(self, weight_id: str, inputs: F32, factor: F32) -> F32:
        fields = self._preset.weights
        layer = rounded(self._checkpoint.weights[weight_id], factor, fields.bits, fields.group)
        self.layers[weight_id] = layer
        return np.asarray(inputs @ layer.weights(fields.group).T, np.float32)


def input_products(inputs: F32) -> F64:
    """Mean of ``x x^T / mean(x**2)`` [n, n] over the tokens [tokens, n]: each token counts alike, however large it is.

    The first token of a passage is hundreds of times larger than the others in many models, and would hide them.
    """
    wide = inputs.astype(np.float64)
    sizes = np.sqrt(np.mean(wide**2, axis=1, keepdims=True))
    alike = wide / np.where(sizes > 0, sizes, 1)
    return np.asarray(alike.T @ alike / len(alike), np.float64)


def shrinkage(products: F64, n_tokens: int) -> float:
    """Share of the products [n, n] to give up for their mean, in [0, 1]: few tokens know the correlations badly.

    The oracle approximating shrinkage of Chen et al., IEEE Transactions on Signal Processing 58, 2010, equation 23.
    """
    n, trace, squares = len(products), float(np.trace(products)), float((products**2).sum())
    apart = (n_tokens + 1 - 2 / n) * (squares - trace**2 / n)
    found = (1 - 2 / n) * squares + trace**2
    return 1.0 if found >= apart else found / apart


def error_factor(products: F64, damping: float) -> F32:
    """The upper triangular U of ``damped^-1 = U^T U``: row j spreads the error of input j to later ones.

    ``damped`` is ``products`` with a share ``damping`` of it replaced by its mean on the diagonal.
    """
    mean = np.trace(products) / len(products) or 1.0
    damped = (1 - damping) * products + damping * mean * np.eye(len(products))
    upper = np.linalg.cholesky(damped[::-1, ::-1])[::-1, ::-1]  # damped = upper upper^T
    return np.triu(np.linalg.inv(upper)).astype(np.float32)


def rounded(weights: F32, factor: F32, bits: int, group: int | None) -> RoundedLayer:
    """Weights [n_out, n] as integers of so many bits, input after input; ``factor`` [n, n] as of `error_factor`."""
    most, n = (1 << (bits - 1)) - 1, weights.shape[1]
    columns = np.array(weights.T, np.float32, order="C")  # [n, n_out]; a copy, which is changed
    codes = np.empty(columns.shape, np.int8)
    scales = []
    for part in weight_groups(n, group):
        scale = best_scale(columns[part], most)
        scales.append(scale)
        for start in range(part.start, part.stop, BLOCK):
            block = slice(start, min(start + BLOCK, part.stop))
            errors = _round_block(columns, codes, scale, factor, block, most)
            columns[block.stop :] -= factor[block, block.stop :].T @ errors
    return RoundedLayer(np.ascontiguousarray(codes.T), np.stack(scales, axis=1))


def _round_block(columns: F32, codes: NDArray[np.int8], scale: F32, factor: F32, block: slice, most: int) -> F32:
    """Round the inputs of a block in place; returns their errors [block, n_out], which are not yet spread beyond it."""
    errors = np.empty((block.stop - block.start, columns.shape[1]), np.float32)
    for k, j in enumerate(range(block.start, block.stop)):
        code = np.clip(np.rint(columns[j] / scale), -most, most)
        codes[j] = code
        errors[k] = (columns[j] - code * scale) / factor[j, j]
        columns[j + 1 : block.stop] -= factor[j, j + 1 : block.stop, None] * errors[k]
    return errors


def best_scale(columns: F32, most: int) -> F32:
    """Scale [n_out] of weights [n, n_out]: of `SHARES` of the full range the one with the least squared error."""
    full = scale_of(np.abs(columns).max(axis=0), most)
    best, least = full, np.full(len(full), np.inf, np.float32)
    for share in SHARES:
        scale = scale_of(full * np.float32(most * share), most)
        errors = columns - np.clip(np.rint(columns / scale), -most, most) * scale
        error = np.einsum("ij,ij->j", errors, errors)
        best, least = np.where(error < least, scale, best), np.minimum(error, least)
    return best
