"""Interpolated modified Kneser-Ney n-gram model: the baseline that the sample model has to beat.

Discounts follow Chen and Goodman, "An empirical study of smoothing techniques for language modeling" (1999),
equation 26, so nothing has to be tuned on a separate slice of text.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Level:
    """Counts of the n-grams of one order, as sorted keys in base `vocab`."""

    keys: Ints
    discounted: Floats  # count less its discount, divided by the total of the context
    contexts: Ints
    backoff: Floats  # probability mass that a context leaves to the next lower order


@dataclass(frozen=True)
class NgramModel:
    """Levels of order 1, 2, ... of one interpolated model."""

    vocab: int
    bos: int
    levels: list[Level]


def ngram_keys(documents: list[Ints], order: int, vocab: int, bos: int) -> Ints:
    """Return one key for each token: the token and its `order - 1` predecessors, `<s>` before the start."""
    return np.concatenate([_document_keys(document, order, vocab, bos) for document in documents])


def _document_keys(document: Ints, order: int, vocab: int, bos: int) -> Ints:
    padded = np.concatenate([np.full(order - 1, bos, dtype=np.int64), document.astype(np.int64)])
    keys = np.zeros(len(document), dtype=np.int64)
    for offset in range(order):
        keys = keys * vocab + padded[offset : offset + len(document)]
    return keys


def fit(documents: list[Ints], order: int, vocab: int, bos: int) -> NgramModel:
    """Return the model of the given order; lower orders count distinct left neighbours, not tokens."""
    keys, counts = np.unique(ngram_keys(documents, order, vocab, bos), return_counts=True)
    levels = [_level(keys, counts, vocab)]
    for lower in range(order - 1, 0, -1):
        keys, counts = np.unique(keys % vocab**lower, return_counts=True)
        levels.append(_level(keys, counts, vocab))
    return NgramModel(vocab, bos, levels[::-1])


def _level(keys: Ints, counts: Ints, vocab: int) -> Level:
    discounts = _discounts(counts)[np.minimum(counts, 3)]
    contexts, inverse = np.unique(keys // vocab, return_inverse=True)
    totals = np.bincount(inverse, weights=counts)
    backoff = np.bincount(inverse, weights=discounts) / totals
    return Level(keys, (counts - discounts) / totals[inverse], contexts, backoff)


def _discounts(counts: Ints) -> Floats:
    """Return the discount of counts 0, 1, 2 and 3 or more."""
    n1, n2, n3, n4 = np.bincount(np.minimum(counts, 5), minlength=6)[1:5]
    if min(n1, n2, n3) == 0:  # a dense level, such as all tokens of a small vocabulary
        return np.array([0.0, 0.5, 0.5, 0.5])
    y = n1 / (n1 + 2 * n2)
    formula = np.array([0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
    return np.clip(formula, 0.0, [0.0, 1.0, 2.0, 3.0])


def _lookup(keys: Ints, values: Floats, keys_needed: Ints, missing: float) -> Floats:
    at = np.minimum(np.searchsorted(keys, keys_needed), len(keys) - 1)
    return np.where(keys[at] == keys_needed, values[at], missing)


def mean_loss(model: NgramModel, documents: list[Ints]) -> float:
    """Return the mean negative log probability of the tokens, in nats per token."""
    probability: Floats | float = 1.0 / model.vocab
    for order, level in enumerate(model.levels, start=1):
        keys_needed = ngram_keys(documents, order, model.vocab, model.bos)
        seen = _lookup(level.keys, level.discounted, keys_needed, 0.0)
        rest = _lookup(level.contexts, level.backoff, keys_needed // model.vocab, 1.0)
        probability = seen + rest * probability
    return float(-np.log(probability).mean())
