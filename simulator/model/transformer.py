"""The forward pass of a LLaMA model, in the order of the mathematics.

Shapes: n tokens, d hidden, h heads, kv key/value heads, g = h / kv heads to a group, hd head width, f intermediate,
V vocabulary. Linear layers are called through a `Linear`, attention through an `Attention`; these decide whether their
operands are floats or spikes. Norms, activation, embedding and head are dense float. Nothing here rests on the order in
which BLAS adds in float32, which changes with its thread count: the head is a float64 product.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F32
from simulator.errors import ModelError
from simulator.model.allocator import keep_freed_memory
from simulator.model.attention import Attention, dense_attention
from simulator.model.checkpoint import Checkpoint
from simulator.model.count_kernels import turn_pairs
from simulator.model.kv_cache import KVCache
from simulator.model.linear import Linear
from simulator.model.llama_config import LlamaConfig
from simulator.model.rope import inverse_frequencies

# Tokens whose logits are held at once in float64.
TOKENS_AT_ONCE = 64


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
    config, weights = checkpoint.config, checkpoint.weights
    if checkpoint.kept:
        keep_freed_memory()
    cache = KVCache() if cache is None else cache
    check_tokens(config, token_ids, cache.length)
    eps = config.rms_norm_eps
    cos, sin = rotary_tables(config, len(token_ids), cache.length)  # [n, hd/2]

    x = checkpoint.embed(token_ids)  # [n, d]: the residual
    for i in range(config.num_hidden_layers):
        b = f"blocks.{i}"

        # Attention: queries, keys and values of the normed residual, turned by their position.
        normed = rms_norm(x, weights[f"{b}.norm_attn"], eps)  # [n, d]
        q, k, v = linear(f"{b}.attn_in", normed)  # [n, h*hd], [n, kv*hd], [n, kv*hd]
        if config.qkv_bias:
            q, k, v = (y + weights[f"{b}.{kind}_bias"] for y, kind in zip((q, k, v), "qkv", strict=True))
        q, k = split_heads(q, config), split_heads(k, config)  # [h, n, hd], [kv, n, hd]
        if config.qk_norm:
            q, k = rms_norm(q, weights[f"{b}.q_norm"], eps), rms_norm(k, weights[f"{b}.k_norm"], eps)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        mixed = attention(b, q, k, split_heads(v, config), cache, config.sliding_window)  # [n, h*hd]
        (o,) = linear(f"{b}.attn_out", mixed)  # [n, d]
        x = x + o

        # Gated MLP: down(SiLU(gate) * up).
        normed = rms_norm(x, weights[f"{b}.norm_mlp"], eps)  # [n, d]
        gate, up = linear(f"{b}.mlp_in", normed)  # [n, f], [n, f]
        (down,) = linear(f"{b}.mlp_hidden", silu(gate) * up)  # [n, d]
        x = x + down

    cache.length += len(token_ids)

    # Head: one logit per word of the vocabulary.
    normed = rms_norm(x, weights["norm_final"], eps)
    if spiking_head:
        (logits,) = linear("head_in", normed)
        return logits
    return dense_head(checkpoint, normed)


def dense_head(checkpoint: Checkpoint, normed: F32) -> F32:
    """Logits [n, V] of the normed residual [n, d], formed in float64, some rows of the head by some tokens at once."""
    wide, start = normed.astype(np.float64), 0
    logits = np.empty((len(normed), checkpoint.config.vocab_size), np.float32)
    for part in checkpoint.head_parts():
        columns, stop = part.astype(np.float64).T, start + len(part)
        for token in range(0, len(wide), TOKENS_AT_ONCE):
            logits[token : token + TOKENS_AT_ONCE, start:stop] = wide[token : token + TOKENS_AT_ONCE] @ columns
        start = stop
    return logits


def check_tokens(config: LlamaConfig, token_ids: NDArray[np.int64], start: int) -> None:
    """Refuse tokens that the model does not know, and more of them, after ``start`` others, than its context holds."""
    if not len(token_ids):
        raise ModelError("no tokens, expected at least one")
    outside = token_ids[(token_ids < 0) | (token_ids >= config.vocab_size)]
    if len(outside):
        raise ModelError(f"token {outside[0]} is outside the vocabulary, expected 0 to {config.vocab_size - 1}")
    needed, limit = start + len(token_ids), config.max_position_embeddings
    if needed > limit:
        raise ModelError(f"{needed} tokens, the context of the model holds {limit} ({needed - limit} over)")


def rms_norm(x: F32, gain: F32, eps: float) -> F32:
    """``x / sqrt(mean(x*x) + eps) * gain`` along the last axis (Zhang and Sennrich 2019)."""
    mean_square = np.mean(x * x, axis=-1, keepdims=True)
    normed: F32 = x * (np.float32(1) / np.sqrt(mean_square + np.float32(eps)))
    normed *= gain
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
    turn_pairs(np.ascontiguousarray(x, np.float32), cos, sin, turned)
    return turned


def split_heads(x: F32, config: LlamaConfig) -> F32:
    """[n, heads*hd] -> [heads, n, hd]."""
    return x.reshape(len(x), -1, config.head_dim).transpose(1, 0, 2)


def silu(x: F32) -> F32:
    """``x / (1 + exp(-x))``."""
    divisor: F32 = -x
    with np.errstate(over="ignore"):  # exp(-x) is infinite for x < -89, which gives the limit, 0
        np.exp(divisor, out=divisor)
    divisor += np.float32(1)
    return np.divide(x, divisor, out=divisor)
