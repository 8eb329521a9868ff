"""Scores to shares: by hand, and as NumPy forms them."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.model import attention_kernels as kernels
from simulator.model.dense_attention import causal, softmax


@np.errstate(invalid="ignore")  # NaN as a whole number, without compilation
def test_exponentials_are_those_of_numpy():
    rng = np.random.default_rng(9)
    x = (rng.standard_normal((4, 300)) * 25).astype(np.float32)
    base = x.max(axis=1)
    base[3] += 85  # powers near and below the smallest normal float32
    expected = np.exp((x - base[:, None]).astype(np.float64))
    kernels.exponentials(x, base)
    assert np.allclose(x, expected, rtol=6e-6, atol=2.0**-126)  # half a unit in the last place of an exponent of 127
    edges = np.float32([[0, -1, -np.inf, np.nan]])
    kernels.exponentials(edges, np.zeros(1, np.float32))
    assert np.allclose(edges, [[1, np.exp(-1), 0, np.nan]], rtol=2e-7, atol=0, equal_nan=True)


def test_maxima_are_raised_to_the_largest_of_each_row():
    x = np.float32([[-3, -0.5, -np.inf], [2, 1e-40, -7], [-np.inf, -np.inf, -np.inf], [1, 2, 3]])
    largest = np.float32([-np.inf, 1, -np.inf, 9])
    kernels.raise_maxima(x.view(np.int32), largest.view(np.int32))
    assert largest.tolist() == [-0.5, 2, -np.inf, 9]


def test_scores_and_shares_by_hand():
    """Two queries of three positions, two heads, window 2: the products are 2 log(k), the scale is 1/2."""
    products = 2 * np.log([[2.0, 6, 9], [9, 3, 1], [4, 4, 9], [9, 1, 4]])
    scores, shares = np.empty((4, 3), np.float32), np.empty((4, 3))
    kernels.seen_scores(products, 2, 2, np.float32(0.5), scores)
    hidden = -np.inf
    expected = np.log([[1 / 3, 1, 1], [1, 1, 1 / 3], [1, 1, 1], [1, 1 / 4, 1]])
    expected[[0, 1, 2, 3], [2, 0, 2, 0]] = hidden
    assert np.allclose(scores, expected, atol=1e-6)
    kernels.to_shares(np.exp(scores), shares)
    assert np.allclose(shares, [[1 / 4, 3 / 4, 0], [0, 3 / 4, 1 / 4], [1 / 2, 1 / 2, 0], [0, 1 / 5, 4 / 5]], atol=1e-7)


@pytest.mark.parametrize(("n", "window"), [(5, 11), (11, 4), (1, 11), (11, 11)])
def test_shares_are_those_of_a_softmax(n, window):
    products = np.random.default_rng(3).standard_normal((3 * n, 11)) * 20
    scores, shares = np.empty(products.shape, np.float32), np.empty(products.shape)
    kernels.seen_scores(products, n, window, np.float32(0.125), scores)
    kernels.to_shares(np.exp(scores), shares)
    expected = softmax(causal((products.astype(np.float32) * np.float32(0.125))[None], n, window))[0]
    assert np.array_equal(shares, expected)


@np.errstate(invalid="ignore")
def test_what_is_not_a_number_stays_so():
    scores, shares = np.empty((2, 2), np.float32), np.empty((2, 2))
    kernels.seen_scores(np.array([[1, 0], [2, np.nan]]), 2, 2, np.float32(1), scores)
    kernels.to_shares(np.exp(scores), shares)
    assert shares[0].tolist() == [1, 0]
    assert np.isnan(shares[1]).all()
