"""One linear layer, four ways: Python integers, weight rows by counts, spike by spike, and the float matrix product."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from simulator.errors import ConservationError, ModelError
from simulator.model import linear
from simulator.model.checkpoint import Checkpoint, tensor_specs
from simulator.model.count_kernels import accumulate_spikes
from simulator.model.encoder import encode
from simulator.model.linear import EXACT_FLOAT32, SpikingLinear, dequantize, exact_sums
from simulator.model.llama_config import LlamaConfig
from simulator.model.preset import WeightFields, as_preset
from simulator.model.weights import quantize_weights
from simulator.trace.encoding import Encoding

ENCODINGS = [
    Encoding("ternary", 1),
    Encoding("ternary", 15),
    Encoding("binary", 15),
    Encoding("bitwise", 15),
    Encoding("bitwise", 5),
    Encoding("bitwise", 127),
    Encoding("bitwise_twos", 15),
    Encoding("bitwise_twos", 5),
    Encoding("bitwise_twos", 127),
    Encoding("graded", 127),
]

COUNTS = Encoding("graded", 32767)  # each count at once, by which its row is multiplied


def plain_sums(counts: np.ndarray, rows: np.ndarray) -> list[list[int]]:
    """The definition, in Python integers: each output sums count times weight over the inputs."""
    return [[sum(int(c) * int(w) for c, w in zip(token, column, strict=True)) for column in rows.T] for token in counts]


def random_case(seed: int, encoding: Encoding, n_in: int, n_out: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    low = -encoding.levels if encoding.signed else 0
    counts = rng.integers(low, encoding.levels + 1, (3, n_in)).astype(np.int16)
    return counts, rng.integers(-127, 128, (n_in, n_out)).astype(np.int8)


@examples(60)
@given(
    seed=st.integers(0, 2**32 - 1),
    encoding=st.sampled_from(ENCODINGS),
    n_in=st.integers(1, 40),
    n_out=st.integers(1, 12),
)
def test_four_ways_agree(seed, encoding, n_in, n_out):
    counts, rows = random_case(seed, encoding, n_in, n_out)
    expected = plain_sums(counts, rows)
    assert accumulate_spikes(counts, rows, COUNTS).tolist() == expected
    assert accumulate_spikes(counts, rows, encoding).tolist() == expected
    assert exact_sums(counts, rows.astype(np.float32)).tolist() == expected
    assert exact_sums(counts, rows.astype(np.float64)).tolist() == expected


def test_float32_product_is_exact_up_to_its_bound_and_float64_beyond():
    # All weights 127 and all counts 15: the sum is the bound itself. 8806 inputs stay below 2**24, 8808 do not.
    for n_in, exact in ((8806, True), (8808, False)):
        rows = np.full((n_in, 1), 127, np.int8)
        rows[0] = 126  # an odd total, which float32 cannot hold beyond 2**24
        counts = np.full((1, n_in), 15, np.int16)
        total = 15 * (127 * n_in - 1)
        assert (15 * quantize_weights(rows.T.astype(np.float32)).largest_sum < EXACT_FLOAT32) == exact
        assert accumulate_spikes(counts, rows, COUNTS).tolist() == [[total]]
        assert exact_sums(counts, rows.astype(np.float64)).tolist() == [[total]]
        if exact:
            assert exact_sums(counts, rows.astype(np.float32)).tolist() == [[total]]


@examples(40)
@given(seed=st.integers(0, 2**32 - 1), encoding=st.sampled_from(ENCODINGS))
def test_layer_equals_float_product_of_decoded_values(seed, encoding):
    """The integer path with its zero point is the float layer on (count - zero_point) * threshold and q * scale."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((4, 24)).astype(np.float32) + np.float32(rng.standard_normal())
    weights = quantize_weights(rng.standard_normal((10, 24)).astype(np.float32))
    spikes = encode(values, encoding)
    outputs = dequantize(accumulate_spikes(spikes.counts, weights.rows, COUNTS), spikes, weights)
    decoded = (spikes.counts - spikes.zero_point[:, None]) * spikes.v_threshold[:, None].astype(np.float64)
    expected = decoded @ (weights.rows * weights.scale.astype(np.float64))
    assert np.allclose(outputs, expected, rtol=1e-5, atol=1e-5)


def tiny_checkpoint(weight: float = 1.0) -> Checkpoint:
    config = LlamaConfig(8, 6, 10, 1, 2, 1, 4, 16, 1e-5, 1e4, True, 1)
    rng = np.random.default_rng(1)
    weights = {
        weight_id: (weight * rng.standard_normal(spec.shape)).astype(np.float32)
        for weight_id, spec in tensor_specs(config).items()
    }
    return Checkpoint(config, weights, dict.fromkeys(weights, 32))


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_spiking_linear_verifies_itself(encoding):
    recorded = {}
    layers = SpikingLinear(tiny_checkpoint(), encoding, recorded.__setitem__, verify_tokens=3)
    values = np.random.default_rng(2).standard_normal((3, 6)).astype(np.float32)
    q, k, v = layers("blocks.0.attn_in", values)
    assert (q.shape, k.shape, v.shape) == ((3, 8), (3, 4), (3, 4))
    assert layers.n_verified == 3 * (8 + 4 + 4)
    assert np.array_equal(recorded["blocks.0.attn_in"], encode(values, encoding).counts)


def test_a_wrong_sum_is_a_fault_of_the_program(monkeypatch):
    layers = SpikingLinear(tiny_checkpoint(), Encoding("ternary", 7), verify_tokens=1)
    monkeypatch.setattr(linear, "exact_sums", lambda counts, matrix: exact_sums(counts, matrix) + np.int32(1))
    with pytest.raises(ConservationError, match=r"blocks\.0\.o: 6 sums"):
        layers("blocks.0.attn_out", np.ones((1, 8), np.float32))


@pytest.mark.parametrize("group", [None, 4])
def test_layers_side_by_side_are_each_layer_alone(group, monkeypatch):
    preset = as_preset(Encoding("ternary", 15)).model_copy(update={"weights": WeightFields(group=group)})
    values = np.random.default_rng(3).standard_normal((3, 6)).astype(np.float32)
    together = SpikingLinear(tiny_checkpoint(), preset, verify_tokens=3)
    monkeypatch.setattr(Checkpoint, "kept", False)  # as of a large model: one layer after another
    alone = SpikingLinear(tiny_checkpoint(), preset, verify_tokens=3)
    for stream_id in ("blocks.0.attn_in", "blocks.0.mlp_in"):
        for ours, theirs in zip(together(stream_id, values), alone(stream_id, values), strict=True):
            assert np.array_equal(ours, theirs)
    assert together.n_verified == alone.n_verified > 0


@pytest.mark.parametrize("n_in", [8806, 8808])
def test_spiking_linear_chooses_a_type_that_holds_the_sum(n_in):
    # As above: all counts 15, weights 126 and then 127. In float32 the odd sum of 8808 inputs would be rounded.
    checkpoint = tiny_checkpoint()
    q = np.full((8, n_in), 127, np.float32)
    q[1:, 0] = 126  # output 0 keeps the 127 throughout
    layers = SpikingLinear(
        Checkpoint(
            checkpoint.config,
            {**checkpoint.weights, **dict.fromkeys(("blocks.0.q", "blocks.0.k", "blocks.0.v"), q)},
            {},
        ),
        Encoding("ternary", 15),
        verify_tokens=1,
    )
    outputs = layers("blocks.0.attn_in", np.ones((1, n_in), np.float32))[0]
    assert layers.n_verified == 3 * 8
    assert outputs[0, 1] == pytest.approx(127 * n_in - 1, rel=1e-6)


def test_sum_beyond_int32_is_refused():
    # 32767 levels and 17000 weights of 127: 32767 * 17000 * 127 = 70743953000 > 2**31 - 1.
    checkpoint = tiny_checkpoint()
    wide = {**checkpoint.weights, "blocks.0.q": np.ones((8, 17000), np.float32)}
    with pytest.raises(
        ModelError, match=r"blocks\.0\.q: sums may reach 70743953000, an int32 accumulator holds 2147483647"
    ):
        SpikingLinear(Checkpoint(checkpoint.config, wide, checkpoint.stored_bits), Encoding("ternary", 32767))
