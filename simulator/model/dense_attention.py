"""Attention on floats: in float64 in front of spikes, in float32 where only numbers follow.

Shapes as in `attention`: n new tokens, c cached positions (the new ones included), h heads, kv key/value heads,
g = h / kv query heads to each of them, hd head width. A group of heads and some queries are mixed at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F32, F64
from simulator.model.attention_kernels import exponentials, raise_maxima, seen_scores, to_shares
from simulator.model.kv_cache import CachedRows, KVCache
from simulator.model.parallel import at_once

# q [g*n, hd], keys and values [c, hd], n, window -> mixed values [g*n, hd] of the last n of c positions.
Mix = Callable[[F32, Any, Any, int, "int | None"], F32]
# Queries of dense attention, of each head, that are scored at once; in float32 against so many keys at once, so that
# their scores stay in the cache of a core.
QUERIES_AT_ONCE, KEYS_AT_ONCE = 128, 512


def float_attention(block: str, q: F32, k: F32, v: F32, cache: KVCache, window: int | None = None) -> F32:
    """Attention in floats, its cache too (`Attention`); products in float32, for numbers, not for spikes."""
    return _dense(_mix_fast, np.float32, block, q, k, v, cache, window)


def dense_attention(block: str, q: F32, k: F32, v: F32, cache: KVCache, window: int | None = None) -> F32:
    """Attention in floats, its cache too (`Attention`).

    Products are formed in float64, so that the spikes that follow are the same on every kind of processor.
    """
    return _dense(_mix_exact, np.float64, block, q, k, v, cache, window)


def _dense(
    mix: Mix,
    dtype: type[np.floating],
    block: str,
    q: F32,
    k: F32,
    v: F32,
    cache: KVCache,
    window: int | None,
) -> F32:
    """Dense attention: some queries of a group of heads at a time, against the keys up to the last of them."""
    keys = cache.append(f"{block}.keys", CachedRows.floats(k)).rows.astype(dtype, copy=False)
    values = cache.append(f"{block}.values", CachedRows.floats(v)).rows.astype(dtype, copy=False)
    (h, n, hd), (kv, c, _) = q.shape, keys.shape
    g, mixed = h // kv, np.empty((n, h, hd), np.float32)

    def part(task: tuple[int, int]) -> None:
        head, start = task
        heads, queries = slice(head * g, (head + 1) * g), slice(start, min(start + QUERIES_AT_ONCE, n))
        seen = slice(0 if window is None else max(0, c - n + start - window + 1), c - n + queries.stop)
        rows = np.ascontiguousarray(q[heads, queries]).reshape(-1, hd)  # [g*b, hd]
        found = mix(rows, keys[head, seen], values[head, seen], queries.stop - start, window)
        mixed[queries, heads] = found.reshape(g, -1, hd).transpose(1, 0, 2)

    at_once(part, [(head, start) for head in range(kv) for start in range(0, n, QUERIES_AT_ONCE)])
    return mixed.reshape(n, h * hd)


def _mix_exact(q: F32, keys: F64, values: F64, n: int, window: int | None) -> F32:
    """Mixed values [g*n, hd] of the last n of c positions: q [g*n, hd], keys and values [c, hd]."""
    room = q.astype(np.float64) @ keys.T  # of the products, and then of the shares
    powers = np.empty(room.shape, np.float32)
    seen_scores(room, n, window or len(keys), np.float32(q.shape[-1] ** -0.5), powers)
    np.exp(powers, out=powers)
    to_shares(powers, room)
    return np.asarray(room @ values, np.float32)


def _mix_fast(q: F32, keys: F32, values: F32, n: int, window: int | None) -> F32:
    """The same in float32, some keys at a time, with running maxima and sums (Milakov and Gimelshein 2018)."""
    q = q * np.float32(q.shape[-1] ** -0.5)
    largest, total = np.full(len(q), -np.inf, np.float32), np.zeros(len(q), np.float32)
    mixed, c = np.zeros(q.shape, np.float32), len(keys)
    room = np.empty(len(q) * KEYS_AT_ONCE, np.float32)
    for start in range(0, c, KEYS_AT_ONCE):
        part = slice(start, min(start + KEYS_AT_ONCE, c))
        scores = room[: len(q) * (part.stop - start)].reshape(len(q), -1)
        np.matmul(q, keys[part].T, out=scores)
        _hide(scores.reshape(-1, n, scores.shape[1]), n, c, part, window)
        before, largest = largest, largest.copy()
        raise_maxima(scores.view(np.int32), largest.view(np.int32))
        base = np.where(largest == -np.inf, np.float32(0), largest)  # a window: none of these keys is seen yet
        exponentials(scores, base)
        kept = np.exp(before - base)
        total = total * kept + scores @ _ones(scores.shape[1])
        mixed *= kept[:, None]
        mixed += scores @ values[part]
    mixed /= total[:, None]
    return mixed


@lru_cache(maxsize=2)
def _ones(n: int) -> F32:
    """A sum over the last axis as a product, which BLAS forms faster than NumPy adds."""
    return np.ones(n, np.float32)


def _hide(scores: F32, n: int, c: int, part: slice, window: int | None) -> None:
    """Set to -infinity, in place, the scores [g, n, keys] of a part of c keys that the last n queries do not see."""
    first = max(c - n, part.start) if window is None else part.start
    if first < part.stop:
        before = c - n if window is None else 0  # all see the keys before the first of the n
        unseen = _unseen(n, c - before, window or c)[:, first - before : part.stop - before]
        np.copyto(scores[..., first - part.start :], -np.inf, where=unseen)


def causal(scores: F32, n: int, window: int | None = None) -> F32:
    """Scores [kv, g*n, c] of the last n of c positions, in place, with those of positions out of sight at -infinity."""
    c = scores.shape[-1]
    first = c - n if window is None else 0  # all see what comes before the first of them
    by_query = scores.reshape(len(scores), -1, n, c)[..., first:]
    np.copyto(by_query, -np.inf, where=_unseen(n, c - first, window or c))
    return scores


@lru_cache(maxsize=8)  # the blocks of a model ask for the same
def _unseen(n: int, c: int, window: int) -> NDArray[np.bool_]:
    """Whether each of the last n of c positions does not see each position, [n, c]."""
    distance = np.arange(c - n, c)[:, None] - np.arange(c)  # of the key behind the query
    unseen: NDArray[np.bool_] = (distance < 0) | (distance >= window)
    return unseen


def softmax(scores: F32) -> F32:
    """``exp(s - max(s)) / sum`` along the last axis."""
    powers: F32 = scores - scores.max(axis=-1, keepdims=True)
    np.exp(powers, out=powers)
    total = powers.sum(axis=-1, keepdims=True, dtype=np.float64).astype(np.float32)
    powers *= np.float32(1) / total
    return powers
