"""The forward pass of a LLaMA model, in the order of the mathematics.

Shapes: n tokens, d hidden, h heads, kv key/value heads, g = h / kv heads to a group, hd head width, f intermediate,
V vocabulary. Linear layers are called through a `Linear`, attention through an `Attention`; these decide whether their
operands are floats or spikes. Norms, activation, embedding and head are dense float32, computed on blocks of tokens
(`parallel`). Sequences that are passed together share everything but attention, so each weight is read once for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F32
from simulator.errors import ModelError
from simulator.model.allocator import keep_freed_memory
from simulator.model.attention import Attention
from simulator.model.checkpoint import Checkpoint
from simulator.model.count_kernels import turn_pairs
from simulator.model.dense_attention import dense_attention
from simulator.model.kv_cache import KVCache
from simulator.model.linear import Linear
from simulator.model.llama_config import LlamaConfig
from simulator.model.parallel import at_once, blocks, one_blas_thread
from simulator.model.prefixed import BehindPrefix
from simulator.model.program import HEAD_STREAM
from simulator.model.rope import inverse_frequencies


@np.errstate(over="ignore", invalid="ignore")  # refused by name where it is used, rather than warned of here
def forward(
    checkpoint: Checkpoint,
    token_ids: NDArray[np.int64],
    linear: Linear,
    attention: Attention = dense_attention,
    cache: KVCache | None = None,
    spiking_head: bool = False,
) -> F32:
    """Logits [n, V] of the tokens token_ids [n], which follow those in the cache (none: they start at position 0).

    With a ``spiking_head`` the head is a layer of ``linear``, else a dense product. An overflow is refused by the
    encoder of a spiking `Linear`, or shows as NaN or infinity in the logits.

    Raises
    ------
    ModelError
        When a token is outside the vocabulary, or the context of the model is too short.
    """
    normed = final_states(checkpoint, (token_ids,), linear, attention, cache)
    if spiking_head:
        return linear(HEAD_STREAM, normed)[0]
    return dense_head(checkpoint, normed)


@np.errstate(over="ignore", invalid="ignore")  # refused by name where it is used, rather than warned of here
def final_states(
    checkpoint: Checkpoint,
    sequences: Sequence[NDArray[np.int64]],
    linear: Linear,
    attention: Attention = dense_attention,
    cache: KVCache | None = None,
) -> F32:
    """What the head sees [n, d]: the normed residual of all tokens of the sequences, one sequence after another.

    A single sequence follows the tokens in ``cache`` and is added to it; several, or one without a cache, start at
    position 0 and leave nothing behind. Raises as `forward`.
    """
    keep_freed_memory()
    with one_blas_thread():
        return _final_states(checkpoint, sequences, linear, attention, cache)


def _final_states(
    checkpoint: Checkpoint,
    sequences: Sequence[NDArray[np.int64]],
    linear: Linear,
    attention: Attention,
    cache: KVCache | None,
) -> F32:
    config, weights, eps = checkpoint.config, checkpoint.weights, checkpoint.config.rms_norm_eps
    start = 0 if cache is None else cache.length
    for token_ids in sequences:
        check_tokens(config, token_ids, start)
    if isinstance(linear, BehindPrefix):
        linear.begin(sequences, start)
    lengths = [len(token_ids) for token_ids in sequences]
    spans = [slice(stop - n, stop) for n, stop in zip(lengths, accumulate(lengths), strict=True)]
    tables = [rotary_tables(config, n, start) for n in lengths]  # each [n, hd/2]
    cos, sin = (np.concatenate(parts) for parts in zip(*tables, strict=True))

    x = checkpoint.embed(np.concatenate(sequences))  # [n, d]: the residual
    for i in range(config.num_hidden_layers):
        b = f"blocks.{i}"

        # Attention: queries, keys and values of the normed residual, turned by their position.
        normed = rms_norm(x, weights[f"{b}.norm_attn"], eps)  # [n, d]
        q, k, v = linear(f"{b}.attn_in", normed)  # [n, h*hd], [n, kv*hd], [n, kv*hd]
        if config.qkv_bias:
            q, k, v = (y + weights[f"{b}.{kind}_bias"] for y, kind in zip((q, k, v), "qkv", strict=True))
        q, k, v = (split_heads(y, config) for y in (q, k, v))  # [h, n, hd], [kv, n, hd], [kv, n, hd]
        if config.qk_norm:
            q, k = rms_norm(q, weights[f"{b}.q_norm"], eps), rms_norm(k, weights[f"{b}.k_norm"], eps)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        mixed = [
            attention(b, q[:, span], k[:, span], v[:, span], cache or KVCache(), config.sliding_window)
            for span in spans
        ]
        (o,) = linear(f"{b}.attn_out", mixed[0] if len(mixed) == 1 else np.concatenate(mixed))  # [n, d]
        x += o

        # Gated MLP: down(SiLU(gate) * up).
        normed = rms_norm(x, weights[f"{b}.norm_mlp"], eps)  # [n, d]
        gate, up = linear(f"{b}.mlp_in", normed)  # [n, f], [n, f]
        (down,) = linear(f"{b}.mlp_hidden", gated(gate, up))  # [n, d]
        x += down

    if cache is not None:
        cache.length += lengths[0]
    return rms_norm(x, weights["norm_final"], eps)


def dense_head(checkpoint: Checkpoint, normed: F32) -> F32:
    """Logits [n, V] of the normed residual [n, d], the head read in parts of some rows."""
    logits, start = np.empty((len(normed), checkpoint.config.vocab_size), np.float32), 0
    with one_blas_thread():
        for part in checkpoint.head_parts():
            columns = slice(start, start + len(part))
            at_once(partial(_multiply, normed, part, logits[:, columns]), blocks(len(normed)))
            start += len(part)
    return logits


def _multiply(values: F32, weights: F32, products: F32, rows: slice) -> None:
    products[rows] = values[rows] @ weights.T


def check_tokens(config: LlamaConfig, token_ids: NDArray[np.int64], start: int) -> None:
    """Refuse tokens that the model does not know, and more of them, after ``start`` others, than its context holds."""
    if not len(token_ids):
        raise ModelError("no tokens, expected at least one")
    outside = token_ids[(token_ids < 0) | (token_ids >= config.vocab_size)]
    if len(outside):
        raise ModelError(f"token {outside[0]} is outside the vocabulary, expected 0 to {config.vocab_size - 1}")
    needed, limit = start + len(token_ids), config.max_position_embeddings
    if needed > limit:
        raise ModelError(f"{needed} tokens, expected at most the context of the model, {limit} ({needed - limit} over)")


def rms_norm(x: F32, gain: F32, eps: float) -> F32:
    """``x / sqrt(mean(x*x) + eps) * gain`` along the last axis (Zhang and Sennrich 2019)."""
    values, normed = x.reshape(-1, x.shape[-1]), np.empty(x.shape, np.float32)
    outputs = normed.reshape(values.shape)

    def norm(rows: slice) -> None:
        part = values[rows]
        mean_square = np.mean(part * part, axis=-1, keepdims=True)
        np.multiply(part, np.float32(1) / np.sqrt(mean_square + np.float32(eps)), out=outputs[rows])
        outputs[rows] *= gain

    at_once(norm, blocks(len(values)))
    return normed


def rotary_tables(config: LlamaConfig, n: int, start: int = 0) -> tuple[F32, F32]:
    """Cosines and sines [n, hd/2] of the angles ``position * frequency``, of n tokens after ``start`` others.

    Both are multiplied by the attention factor of a yarn scaling.
    """
    frequencies = inverse_frequencies(config.head_dim, config.rope_theta, config.rope_scaling)
    angles = np.outer(np.arange(start, start + n), frequencies)
    factor = config.rope_scaling.attention_factor
    return (factor * np.cos(angles)).astype(np.float32), (factor * np.sin(angles)).astype(np.float32)


def rotate(x: F32, cos: F32, sin: F32) -> F32:
    """Rotary position of x [heads, n, hd]; value j pairs with value j + hd/2 (Hugging Face's rotate-half order)."""
    turned = np.empty(x.shape, np.float32)

    def turn(rows: slice) -> None:
        turn_pairs(x[:, rows], cos[rows], sin[rows], turned[:, rows])

    at_once(turn, blocks(x.shape[1]))
    return turned


def split_heads(x: F32, config: LlamaConfig) -> F32:
    """[n, heads*hd] -> [heads, n, hd]."""
    return x.reshape(len(x), -1, config.head_dim).transpose(1, 0, 2)


def gated(gate: F32, up: F32) -> F32:
    """``SiLU(gate) * up`` [n, f]."""
    product = np.empty_like(gate)

    def multiply(rows: slice) -> None:
        np.multiply(silu(gate[rows]), up[rows], out=product[rows])

    at_once(multiply, blocks(len(gate)))
    return product


def silu(x: F32) -> F32:
    """``x / (1 + exp(-x))``."""
    divisor: F32 = -x
    with np.errstate(over="ignore"):  # exp(-x) is infinite for x < -89, which gives the limit, 0
        np.exp(divisor, out=divisor)
    divisor += np.float32(1)
    return np.divide(x, divisor, out=divisor)
