"""Attention of one block, in one of two forms: float products, or additions of cached integer rows triggered by spikes.

Shapes: n new tokens, c cached positions (the new ones included), h heads, kv key/value heads, g = h / kv query heads to
each of them, hd head width. Query head i reads key/value head i // g. Products of floats are formed in float64 and
rounded. Attention on floats alone is in `dense_attention`.
"""

from __future__ import annotations

from collections import Counter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F32, I32
from simulator.errors import ConservationError, ModelError
from simulator.model.attention_rule import AttentionRule
from simulator.model.count_kernels import accumulate_spikes
from simulator.model.dense_attention import causal, dense_attention, softmax
from simulator.model.encoder import Encoder, SpikeCounts
from simulator.model.hadamard import hadamard_of
from simulator.model.kv_cache import CachedRows, KVCache
from simulator.model.linear import Record, SpikingLinear, exact_in_float32
from simulator.model.preset import Preset, as_preset
from simulator.trace.encoding import Encoding

QUERIES_AT_ONCE = 256


class Attention(Protocol):
    """Attention of block ``blocks.0`` and so on, for n new tokens."""

    def __call__(self, block: str, q: F32, k: F32, v: F32, cache: KVCache, window: int | None = None) -> F32:
        """Mixed values [n, h*hd] for q [h, n, hd], after adding k and v [kv, n, hd] to the cache.

        A token sees itself and those before it, ``window`` in all at most.
        """
        ...


def attention_for(rule: AttentionRule, preset: Encoding | Preset, record: Record | None = None) -> Attention:
    """Attention by a rule, nothing verified."""
    return SpikingAttention(rule, preset, record) if rule.integer else dense_attention


def clipped_values(linear: SpikingLinear, attention: Attention) -> dict[str, int]:
    """Values that were clipped in front of linear layers and of attention, by type of stream, where there are any."""
    found = linear.n_clipped + (attention.n_clipped if isinstance(attention, SpikingAttention) else Counter())
    return {kind: n for kind, n in found.items() if n}


def encoded_values(linear: SpikingLinear, attention: Attention) -> Counter[str]:
    """Values that were encoded in front of linear layers and of attention, by type of stream."""
    return linear.n_encoded + (attention.n_encoded if isinstance(attention, SpikingAttention) else Counter())


class SpikingAttention:
    """Attention whose operands are spike counts where the rule says so, on a cache of integers.

    Parameters
    ----------
    rule
        What is encoded, and the width of the cache.
    preset
        Encoder of every local stream, or just its code and levels.
    record
        Called with the counts of each local stream: ``blocks.0.attn_q`` [n, h*hd] and ``blocks.0.attn_p`` [n, c*h],
        position after position, in each of them one per head; under a window position p takes the place p % window.
        The tokens of a long call come in parts, each as wide as its last token needs.
    verify_tokens
        For so many tokens of each part of `QUERIES_AT_ONCE` the sums are formed again spike by spike and compared.

    Raises
    ------
    ModelError
        When the cache cannot hold the counts.
    """

    def __init__(
        self, rule: AttentionRule, preset: Encoding | Preset, record: Record | None = None, verify_tokens: int = 0
    ) -> None:
        self._preset = as_preset(preset)
        self._encoding = self._preset.encoding
        rule.check(self._encoding)
        self._rule, self._record, self._verify_tokens = rule, record, verify_tokens
        self.n_clipped: Counter[str] = Counter()
        self.n_encoded: Counter[str] = Counter()
        self.n_verified = 0

    def __call__(self, block: str, q: F32, k: F32, v: F32, cache: KVCache, window: int | None = None) -> F32:
        """Remember the keys and values of the new tokens, score their queries against all keys, mix the values."""
        n, factor = q.shape[1], q.shape[2] ** -0.5
        for name, values in (("attn_q", q), ("attn_k", k), ("attn_v", v)):
            _check_finite(values, f"{block}.{name}")
        if self._rule.rotates(self._preset.rotation):  # both, so the scores stay what they are
            hadamard = hadamard_of(q.shape[2])
            q, k, factor = hadamard(q), hadamard(k), factor / hadamard.order
        new = self._rows(f"{block}.attn_k", k, self._rule.keys)
        scaled = CachedRows(new.rows, new.scale * np.float32(factor))  # the factor of the scores, folded in
        keys = cache.append(f"{block}.keys", scaled)
        cached_values = cache.append(f"{block}.values", self._rows(f"{block}.attn_v", v, self._rule.values))
        before = keys.length - n
        parts = [(q[:, rows], before + rows.stop) for rows in in_parts(n)]
        return np.concatenate([self._mixed(block, p, keys.first(c), cached_values.first(c), window) for p, c in parts])

    def _mixed(self, block: str, q: F32, keys: CachedRows, values: CachedRows, window: int | None) -> F32:
        """Mixed values [n, h*hd] of some queries, of which the last sees all these keys and values."""
        n = q.shape[1]
        shares = softmax(causal(self._scores(block, q, keys), n, window))  # [kv, g*n, c]
        return merge(self._mix(block, shares, values, n, window), q)

    def _encode(self, stream_id: str, values: F32) -> SpikeCounts:
        """Counts of rows [tokens and heads, n] by the encoder of a stream."""
        spikes = self._preset.encoder_of(stream_id)(values, stream_id)
        kind = stream_id.rsplit(".", 1)[-1]
        self.n_clipped[kind] += spikes.n_clipped
        self.n_encoded[kind] += spikes.counts.size
        return spikes

    def _encode_seen(self, stream_id: str, weighted: F32, window: int | None) -> SpikeCounts:
        """Counts of rows [h, n, c], of which each token sees a part: the rest is not in its threshold."""
        h, n, c = weighted.shape
        if self._preset.encoder_of(stream_id).rule.threshold in ("absmax", "static"):  # zeros change neither
            return self._encode(stream_id, weighted.reshape(h * n, c))
        counts, step = np.zeros(weighted.shape, np.int16), np.zeros((h, n), np.float32)
        for token in range(n):
            stop = c - n + token + 1
            seen = slice(max(0, stop - (window or c)), stop)
            spikes = self._encode(stream_id, weighted[:, token, seen])
            counts[:, token, seen], step[:, token] = spikes.counts, spikes.v_threshold
        return SpikeCounts(counts.reshape(h * n, c), step.reshape(h * n), np.zeros(h * n, np.int32))

    def _rows(self, stream_id: str, x: F32, encoded: bool) -> CachedRows:
        """Keys or values [kv, n, hd] as integers with one scale per token and head, zero points taken off."""
        rows = x.reshape(-1, x.shape[-1])
        rounded = Encoder(Encoding("ternary", self._rule.largest))
        spikes = self._encode(stream_id, rows) if encoded else rounded(rows, stream_id)
        centred = (spikes.counts - spikes.zero_point[:, None]).astype(np.int8)
        return CachedRows(centred.reshape(x.shape), spikes.v_threshold.reshape(x.shape[:2]))

    def _scores(self, block: str, q: F32, keys: CachedRows) -> F32:
        """Scores [kv, g*n, c]: each spike of query element j adds the c cached integers of key element j."""
        queries, columns = group(q, len(keys.rows)), keys.rows.swapaxes(1, 2)  # [kv, g*n, hd], [kv, hd, c]
        if not self._rule.queries:
            return product(queries, columns) * keys.scale[:, None, :]
        stream_id, (h, n, hd) = f"{block}.attn_q", q.shape
        spikes = self._encode(stream_id, queries.reshape(-1, hd))
        counts = spikes.counts.reshape(queries.shape)
        self._keep(stream_id, counts.reshape(h, n, hd).transpose(1, 0, 2).reshape(n, -1))
        sums = self._sums(stream_id, counts, columns, n)
        zero_point = spikes.zero_point.reshape(*queries.shape[:2], 1)
        centred: I32 = sums - zero_point * columns.astype(np.int32).sum(axis=1, keepdims=True)
        scores: F32 = centred.astype(np.float32) * _per_row(spikes, queries) * keys.scale[:, None, :]
        return scores

    def _mix(self, block: str, shares: F32, values: CachedRows, n: int, window: int | None) -> F32:
        """Mixed values [kv, g*n, hd]: each spike of the probability of a position adds its cached row of hd integers.

        The scale of a row is the position's own, so it goes into the probability before that is encoded.
        """
        weighted = shares * values.scale[:, None, :]
        if not self._rule.probabilities:
            return product(weighted, values.rows)
        stream_id, c = f"{block}.attn_p", shares.shape[-1]
        spikes = self._encode_seen(stream_id, weighted.reshape(-1, n, c), window)
        counts = spikes.counts.reshape(shares.shape)
        self._keep(stream_id, fold(counts.reshape(-1, n, c), window).transpose(1, 2, 0).reshape(n, -1))
        sums = self._sums(stream_id, counts, values.rows, n)
        return sums.astype(np.float32) * _per_row(spikes, shares)

    def _keep(self, stream_id: str, counts: NDArray[np.int16]) -> None:
        if self._record is not None:
            self._record(stream_id, counts)

    def _sums(self, stream_id: str, counts: NDArray[np.int16], rows: NDArray[np.int8] | F32, n: int) -> I32:
        """Integer sums counts @ rows, [kv, g*n, m] from [kv, g*n, k] and [kv, k, m], exact, some checked by spikes."""
        narrow = exact_in_float32(stream_id, self._rule.largest * rows.shape[1], self._encoding)
        dtype = np.float32 if narrow else np.float64
        sums = np.asarray(np.matmul(counts.astype(dtype), rows.astype(dtype)), dtype=np.int32)
        for token in range(min(self._verify_tokens, n)):
            for head in range(len(rows)):
                self._verify(stream_id, counts[head, token::n], rows[head], sums[head, token::n])
        return sums

    def _verify(self, stream_id: str, counts: NDArray[np.int16], rows: NDArray[np.int8] | F32, sums: I32) -> None:
        """The sums of one token for the g queries of a head, formed spike by spike."""
        by_spike = accumulate_spikes(counts, rows.astype(np.int8), self._encoding)
        if not np.array_equal(by_spike, sums):
            n = int(np.count_nonzero(by_spike != sums))
            raise ConservationError(f"{stream_id}: {n} sums of cached rows differ from the sums added spike by spike")
        self.n_verified += sums.size


def in_parts(n: int) -> list[slice]:
    """Queries 0 to n, some at a time: their scores with a long context would not fit into memory at once."""
    return [slice(start, min(start + QUERIES_AT_ONCE, n)) for start in range(0, n, QUERIES_AT_ONCE)]


def group(q: F32, kv: int) -> F32:
    """Queries [h, n, hd] by the head they read: [kv, g*n, hd]."""
    return q.reshape(kv, -1, q.shape[-1])


def merge(mixed: F32, q: F32) -> F32:
    """Values [kv, g*n, hd], mixed for queries q [h, n, hd], as rows of tokens: [n, h*hd]."""
    h, n, hd = q.shape
    return mixed.reshape(h, n, hd).transpose(1, 0, 2).reshape(n, h * hd)


def fold(counts: NDArray[np.int16], window: int | None) -> NDArray[np.int16]:
    """Counts [h, n, c] by place in a window of w: [h, n, w]; of the positions at one place a token sees one at most."""
    h, n, c = counts.shape
    if window is None or c <= window:
        return counts
    padded = np.pad(counts, ((0, 0), (0, 0), (0, -c % window)))
    folded: NDArray[np.int16] = padded.reshape(h, n, -1, window).sum(axis=2, dtype=np.int16)
    return folded


def product(a: F32, b: NDArray[np.int8] | F32 | NDArray[np.float64]) -> F32:
    """Matrix products, formed in float64."""
    return np.asarray(np.matmul(a.astype(np.float64), b.astype(np.float64, copy=False)), dtype=np.float32)


def _per_row(spikes: SpikeCounts, like: F32) -> F32:
    """Thresholds of the encoded rows as [kv, g*n, 1]."""
    return spikes.v_threshold.reshape(*like.shape[:2], 1)


def _check_finite(x: F32, place: str) -> None:
    """Refuse NaN and infinity in [heads, n, hd] by the token that holds them."""
    wrong = ~np.isfinite(x).all(axis=(0, 2))
    if wrong.any():
        token = int(np.flatnonzero(wrong)[0])
        raise ModelError(f"{place}: token {token} holds NaN or infinity, expected finite activations")
