"""The statistical model of a stream keeps what it says: histogram, neuron means, token means."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from simulator.errors import TraceError
from simulator.trace.encoding import Encoding
from simulator.trace.statistical_counts import StatisticalCounts, fit_stream, spread
from simulator.trace.trace_program import Stream

TOKENS, NEURONS, LEVELS = 60, 80, 15


@pytest.fixture(scope="module")
def captured() -> np.ndarray:
    """Counts whose mean differs by neuron and by token, 10 % of the neurons silent, positive in 3 of 4 spikes."""
    rng = np.random.default_rng(0)
    neuron, token = rng.gamma(1, 2, NEURONS), rng.uniform(0.3, 2, TOKENS)
    neuron[::10] = 0
    size = np.minimum(rng.poisson(token[:, None] * neuron), LEVELS)
    return (size * np.where(rng.random(size.shape) < 0.75, 1, -1)).astype(np.int8)


def draws(captured: np.ndarray, n: int = NEURONS, tokens: int = TOKENS, seed: int = 0) -> StatisticalCounts:
    statistics = fit_stream(captured)
    streams = (Stream("blocks.0.attn_in", n), Stream("blocks.1.attn_in", n))
    chosen = spread(statistics.token, tokens)
    return StatisticalCounts(Encoding("ternary", LEVELS), streams, {"attn_in": (statistics,)}, chosen, seed)


def test_histogram_and_means_are_those_of_the_capture(captured: np.ndarray) -> None:
    drawn = np.stack([draws(captured, seed=seed)("blocks.0.attn_in") for seed in range(20)]).astype(np.int64)
    size = np.abs(captured.astype(np.int64))
    assert np.abs(drawn).mean() == pytest.approx(size.mean(), rel=2e-3)
    np.testing.assert_allclose(np.abs(drawn).mean(axis=(0, 1)), size.mean(axis=0), atol=0.15)
    np.testing.assert_allclose(np.abs(drawn).mean(axis=(0, 2)), size.mean(axis=1), atol=0.1)
    histogram = np.bincount(size.ravel(), minlength=LEVELS + 1) / size.size
    expected = np.bincount(np.abs(drawn).ravel(), minlength=LEVELS + 1) / drawn.size
    np.testing.assert_allclose(expected, histogram, atol=3e-3)
    assert (drawn > 0).sum() / (drawn != 0).sum() == pytest.approx(0.75, abs=0.01)
    assert np.abs(drawn[:, :, ::10]).mean() < 1e-3


def test_a_wider_stream_has_the_same_mean_and_spread(captured: np.ndarray) -> None:
    drawn = np.abs(draws(captured, n=10 * NEURONS + 7)("blocks.0.attn_in").astype(np.int64))
    size = np.abs(captured.astype(np.int64))
    assert drawn.mean() == pytest.approx(size.mean(), rel=0.02)
    assert drawn.mean(axis=0).std() == pytest.approx(size.mean(axis=0).std(), rel=0.1)
    assert drawn.mean(axis=1).std() == pytest.approx(size.mean(axis=1).std(), rel=0.1)


def test_streams_have_seeds_of_their_own_in_any_order_and_process(captured: np.ndarray) -> None:
    one, other = draws(captured), pickle.loads(pickle.dumps(draws(captured)))
    first, second = one("blocks.0.attn_in"), one("blocks.1.attn_in")
    np.testing.assert_array_equal(other("blocks.1.attn_in"), second)
    np.testing.assert_array_equal(other("blocks.0.attn_in"), first)
    assert (first != second).any()
    assert (first != draws(captured, seed=1)("blocks.0.attn_in")).any()


@pytest.mark.parametrize("counts", [np.zeros((3, 4), np.int8), np.full((3, 4), LEVELS, np.int8)])
def test_a_stream_of_one_count_is_drawn_as_it_is(counts: np.ndarray) -> None:
    np.testing.assert_array_equal(draws(counts, n=4, tokens=3)("blocks.0.attn_in"), counts)


def test_the_depth_of_a_stream_chooses_its_model() -> None:
    streams = tuple(Stream(f"blocks.{i}.down", 2) for i in range(6))
    models = tuple(fit_stream(np.full((1, 2), level, np.int8)) for level in (1, 2, 3))
    counts = StatisticalCounts(Encoding("ternary", 3), streams, {"down": models}, np.zeros(1, np.int64), 0)
    assert [int(counts(s.stream_id)[0, 0]) for s in streams] == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(("n", "chosen"), [(1, [3]), (2, [0, 2]), (4, [0, 1, 2, 3]), (9, [0, 1, 2, 3, 0, 1, 2, 3, 3])])
def test_spread_takes_whole_copies_then_evenly_spaced_ranks(n: int, chosen: list[int]) -> None:
    assert spread(np.array([1.0, 0.0, 9.0, 5.0]), n).tolist() == chosen


def test_what_was_not_captured_is_refused(captured: np.ndarray) -> None:
    counts = draws(captured)
    with pytest.raises(TraceError, match=r"stream head: found no statistics of 'head', expected one of attn_in"):
        StatisticalCounts(counts.encoding, (Stream("head", 4),), counts.statistics, counts.tokens, 0).check()
    with pytest.raises(TraceError, match="seed -1, expected 0 or more"):
        draws(captured, seed=-1).check()
