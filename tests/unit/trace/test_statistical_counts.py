"""The statistical model of a stream keeps what it says: histogram, neuron means, token means."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from simulator.errors import TraceError
from simulator.trace import statistical_counts
from simulator.trace.encoding import Encoding
from simulator.trace.statistical_counts import (
    StatisticalCounts,
    fit_histogram,
    fit_stream,
    grows,
    spread,
    stream_kind,
)
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


def test_how_many_draws_are_compared_at_once_changes_no_count(
    captured: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = draws(captured)("blocks.0.attn_in")
    monkeypatch.setattr(statistical_counts, "DRAW_ENTRIES", 16 * 7)  # 7 neurons at a time
    np.testing.assert_array_equal(draws(captured)("blocks.0.attn_in"), whole)


def test_the_sums_of_a_fit_are_those_of_the_capture_by_its_formula(captured: np.ndarray) -> None:
    """P(v) ~ base[v] exp((neuron + token) v), summed here without a table: means and histogram of the module's text.

    The last step of a tilt is below 1e-4, and a mean moves by a step times its variance, at most (15 / 2)^2.
    """
    found = fit_stream(captured)
    size = np.abs(captured.astype(np.int64))
    logs = found.base + (found.token[:, None] + found.neuron)[..., None] * found.values
    shares = np.exp(logs - logs.max(axis=2, keepdims=True))
    shares /= shares.sum(axis=2, keepdims=True)
    mean = shares @ found.values
    np.testing.assert_allclose(mean.mean(axis=0), size.mean(axis=0), atol=1e-4 * (LEVELS / 2) ** 2)
    np.testing.assert_allclose(mean.mean(axis=1), size.mean(axis=1), atol=1e-4 * (LEVELS / 2) ** 2)
    np.testing.assert_allclose(shares.sum(axis=(0, 1)), [(size == v).sum() for v in found.values], rtol=0.02, atol=0.5)
    assert found.base.max() == 0
    assert abs(found.token.mean()) < 1e-6
    assert max(np.abs(found.neuron).max(), np.abs(found.token).max()) <= 12


def test_a_histogram_by_hand() -> None:
    """Counts 0, 0, 1, -2: shares 1/2, 1/4, 1/4; one of two spikes is positive."""
    found = fit_histogram(np.array([0, 0, 1, -2], np.int8), 3)
    assert found.values.tolist() == [0, 1, 2]
    np.testing.assert_allclose(found.base, np.log([0.5, 0.25, 0.25]), atol=1e-6)
    assert (found.positive.tolist(), found.neuron.tolist(), found.token.tolist()) == ([0.5], [0.0], [0.0] * 3)
    silent = fit_histogram(np.zeros(4, np.int8), 1)
    assert (silent.values.tolist(), silent.positive.tolist()) == ([0], [0.0])


def test_the_sign_of_a_neuron_is_its_own() -> None:
    """The first always positive, the second never, the third silent."""
    found = fit_stream(np.array([[1, -1, 0], [2, -2, 0]], np.int8))
    assert found.positive.tolist() == [1.0, 0.0, 0.0]
    drawn = StatisticalCounts(Encoding("ternary", 2), (Stream("x", 3),), {"x": (found,)}, np.array([0, 1, 0, 1]), 0)(
        "x"
    )
    assert (drawn[:, 0] >= 0).all()
    assert (drawn[:, 1] <= 0).all()
    unsigned = StatisticalCounts(Encoding("binary", 2), (Stream("x", 3),), {"x": (found,)}, np.array([0, 1]), 0)("x")
    assert (unsigned >= 0).all()


@pytest.mark.parametrize(("levels", "dtype"), [(127, np.int8), (128, np.int16)])
def test_drawn_counts_have_the_type_of_their_levels(levels: int, dtype: type) -> None:
    found = fit_stream(np.full((1, 2), levels, np.int16))
    drawn = StatisticalCounts(Encoding("binary", levels), (Stream("x", 2),), {"x": (found,)}, np.zeros(1, np.int64), 0)
    assert drawn("x").dtype == dtype
    assert (drawn("x") == levels).all()


def test_only_live_activations_of_a_drawn_stream_count() -> None:
    """Live 1 + c of 4 at contexts 1 and 3: 2 and 4."""
    found = fit_histogram(np.ones(4, np.int8), 1)
    stream, tokens = Stream("x.p", 4, (1, 1)), np.zeros(2, np.int64)
    drawn = StatisticalCounts(Encoding("binary", 1), (stream,), {"p": (found,)}, tokens, 0, np.array([1, 3]))("x.p")
    assert drawn.tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    assert (grows(stream), grows(Stream("x", 4, (1, 0))), grows(Stream("x", 4))) == (True, False, False)
    assert (stream_kind("blocks.0.attn_in"), stream_kind("head")) == ("attn_in", "head")


def test_a_seed_of_0_is_one(captured: np.ndarray) -> None:
    draws(captured, seed=0).check()
