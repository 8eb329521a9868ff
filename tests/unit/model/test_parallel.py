"""Blocks of rows: all rows once, the same bytes on one thread and on several, faults and settings passed on."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.model import linear, parallel
from simulator.model.checkpoint import read_checkpoint
from simulator.model.dense_attention import dense_attention, float_attention
from simulator.model.encoder import encoding_for
from simulator.model.kv_cache import KVCache
from simulator.model.linear import FloatLinear, SpikingLinear
from simulator.model.transformer import forward


@pytest.fixture(params=[1, 3])
def threads(request, monkeypatch):
    monkeypatch.setattr(parallel, "n_threads", lambda: request.param)
    return request.param


@pytest.mark.parametrize("cut", [parallel.blocks, parallel.shares])
@pytest.mark.parametrize("n", [0, 1, 127, 128, 129, 1000, 5000])
def test_every_row_is_in_one_block(cut, n, threads):
    assert [row for rows in cut(n) for row in range(rows.start, rows.stop)] == list(range(n))


def test_a_fault_in_a_block_is_raised(threads):
    def work(item):
        if item == 3:
            raise ValueError("of item 3")

    with pytest.raises(ValueError, match="of item 3"):
        parallel.at_once(work, range(8))


def test_settings_of_numpy_hold_in_every_block(threads):
    seen = []
    with np.errstate(over="ignore"):
        parallel.at_once(lambda _: seen.append(np.geterr()["over"]), range(4))
    assert seen == ["ignore"] * 4


def test_a_pass_gives_the_same_bytes_on_any_number_of_threads(write_model, monkeypatch):
    """DESIGN rule 6, for the float pass in float32 and for the spiking one; 700 tokens are several blocks."""
    folder = write_model(hidden_size=96, head_dim=24, intermediate_size=192, max_position_embeddings=700)
    checkpoint, ids = read_checkpoint(folder), np.random.default_rng(0).integers(0, 40, 700)
    found = []
    for n in (1, 3):
        monkeypatch.setattr(parallel, "n_threads", lambda n=n: n)
        exact = forward(checkpoint, ids, FloatLinear(checkpoint), float_attention)
        spiking = forward(checkpoint, ids, SpikingLinear(checkpoint, encoding_for("ternary", 7)))
        found.append((exact.tobytes(), spiking.tobytes()))
    assert found[0] == found[1]


@pytest.mark.parametrize("window", [None, 70, 3])
def test_attention_in_parts_is_attention(window, monkeypatch):
    """Running maxima and sums over some keys at a time, against float64 on all keys."""
    monkeypatch.setattr("simulator.model.dense_attention.KEYS_AT_ONCE", 32)
    monkeypatch.setattr("simulator.model.dense_attention.QUERIES_AT_ONCE", 16)
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((heads, 150, 8)).astype(np.float32) * 3 for heads in (4, 2, 2))
    near = float_attention("b", q, k, v, KVCache(), window)
    assert np.allclose(near, dense_attention("b", q, k, v, KVCache(), window), atol=1e-5)
    cache = KVCache()
    parts = [
        float_attention("b", q[:, rows], k[:, rows], v[:, rows], cache, window) for rows in (slice(99), slice(99, 150))
    ]
    assert np.allclose(np.concatenate(parts), near, atol=1e-5)


def test_the_check_of_a_wide_layer_moves_on(write_model, monkeypatch):
    """Of a layer of more outputs than are checked at once, the next pass checks others, until a wrong one is met."""
    checkpoint = read_checkpoint(write_model())
    layers = SpikingLinear(checkpoint, encoding_for("ternary", 7), verify_tokens=1)
    monkeypatch.setattr(linear, "VERIFY_SUMS", 5)
    right = linear.exact_sums

    def wrong(counts, matrix):
        sums = right(counts, matrix)
        sums[:, -1] += 1
        return sums

    monkeypatch.setattr(linear, "exact_sums", wrong)
    values = np.ones((1, 16), np.float32)
    for _ in range(2):  # 12 outputs, 5 at a time: the wrong one is the last
        layers("blocks.0.attn_out", values)
    assert layers.n_verified == 10
    with pytest.raises(linear.ConservationError, match=r"blocks\.0\.o: 1 sums"):
        layers("blocks.0.attn_out", values)
