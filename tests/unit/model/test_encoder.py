"""Float to spike count: by hand, then what must hold for every input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from simulator.errors import ModelError
from simulator.model.encoder import clip_warnings, encode, encoding_for
from simulator.trace.codes import CODES
from simulator.trace.encoding import Encoding


def f32(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def test_ternary_by_hand():
    # max|x| = 6, L = 3: threshold 2. 6/2 = 3; -3.5/2 = -1.75 -> -2; 0.9/2 = 0.45 -> 0; 1.1/2 = 0.55 -> 1.
    spikes = encode(f32([6.0, -3.5, 0.9, 1.1]), Encoding("ternary", 3))
    assert spikes.counts.tolist() == [[3, -2, 0, 1]]
    assert spikes.v_threshold.tolist() == [2.0]
    assert spikes.zero_point.tolist() == [0]


def test_clipped_activations_have_a_number_and_a_share():
    # 46 of 16,000 are 0.29 %, 45 of 1,000 are 4.5 %, 1 of 10,000 is 0.01 %; a kind that clips nothing has no entry.
    (said,) = clip_warnings({"attn_in": 45, "mlp_in": 1, "head": 0}, {"attn_in": 1000, "mlp_in": 10_000, "head": 5000})
    assert said == (
        "46 activations (0.3%) exceeded the largest spike count and were clipped to it:"
        " attn_in 45 (4.5%), mlp_in 1 (<0.1%)"
    )
    assert clip_warnings({"attn_in": 0}, {"attn_in": 1000}) == []


def test_halves_go_to_even():
    # max|x| = 4, L = 4: threshold 1, so the counts are rint(x) itself.
    spikes = encode(f32([4.0, 0.5, 1.5, 2.5, -0.5, -1.5]), Encoding("bitwise", 4))
    assert spikes.counts.tolist() == [[4, 0, 2, 2, 0, -2]]


def test_binary_by_hand():
    # From -2 to 4 in 6 steps of 1, 0.0 is count 2: -2 -> 0, 4 -> 6, 0 -> 2, 1.4 -> 1 + 2, -0.6 -> -1 + 2.
    spikes = encode(f32([-2.0, 4.0, 0.0, 1.4, -0.6]), Encoding("binary", 6))
    assert spikes.counts.tolist() == [[0, 6, 2, 3, 1]]
    assert spikes.zero_point.tolist() == [2]


def test_binary_range_always_holds_zero():
    # All positive: the range starts at 0, not at the minimum 8; 10 steps of 1.
    spikes = encode(f32([8.0, 10.0], [-8.0, -10.0]), Encoding("binary", 10))
    assert spikes.counts.tolist() == [[8, 10], [2, 0]]
    assert spikes.zero_point.tolist() == [0, 10]


def test_each_token_has_its_own_threshold():
    spikes = encode(f32([7.0, 1.0], [0.07, 0.01]), Encoding("ternary", 7))
    assert spikes.counts.tolist() == [[7, 1], [7, 1]]
    assert spikes.v_threshold == pytest.approx([1.0, 0.01])


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("value", [0.0, -0.0, 1e-45, 1e-40])
def test_silent_token(code, value):
    # A step that is zero or not a normal number would divide to infinity; such a token stays silent.
    spikes = encode(f32([value, value], [1.0, 0.0]), Encoding(code, 7))
    assert spikes.counts[0].tolist() == [0, 0]
    assert spikes.zero_point[0] == 0
    assert spikes.counts[1].tolist() == [7, 0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite_is_refused_with_its_place(bad):
    with pytest.raises(ModelError, match=r"blocks\.0\.attn_in: token 1 holds NaN or infinity"):
        encode(f32([1.0, 2.0], [0.0, bad]), Encoding("ternary", 3), "blocks.0.attn_in")


# A float32 division, product and sum round to 2**-24 relative each.
ROUNDING = 8 * 2.0**-24


@given(
    values=npst.arrays(np.float32, (3, 9), elements=st.floats(-(2.0**60), 2.0**60, width=32)),
    code=st.sampled_from(CODES),
    levels=st.integers(1, 300),
)
@example(np.array([[-1.15292123e18] + [1.15292144e18] * 8] * 3, np.float32), "binary", 1)
def test_value_is_met_to_half_a_step(values, code, levels):
    encoding = Encoding(code, levels)
    spikes = encode(values, encoding)
    low = -levels if encoding.signed else 0
    assert low <= spikes.counts.min()
    assert spikes.counts.max() <= levels
    decoded = (spikes.counts - spikes.zero_point[:, None]) * spikes.v_threshold[:, None].astype(np.float64)
    # Half a step; for binary codes the rounded zero point may clip an end of the range by another half.
    allowed = spikes.v_threshold[:, None] * (0.5 if encoding.signed else 1.0) * (1 + levels * ROUNDING)
    assert (np.abs(decoded - values) <= allowed).all()
    # A threshold of 1 above such small values is that of a silent row, whose own would be no normal number.
    silent = (spikes.v_threshold == 1) & (np.abs(values).max(axis=1) < 0.5)
    assert (spikes.counts == spikes.zero_point[:, None])[silent].all()
    assert (np.abs(values[silent]) <= levels * np.finfo(np.float32).tiny).all()


@given(
    values=npst.arrays(np.float32, (2, 5), elements=st.floats(-1000, 1000, width=32)),
    levels=st.integers(1, 127),
)
def test_signed_codes_are_odd_and_meet_the_largest(values, levels):
    encoding = Encoding("ternary", levels)
    counts = encode(values, encoding).counts
    assert np.array_equal(encode(-values, encoding).counts, -counts)
    loud = np.abs(values).max(axis=1) > 1e-30
    assert (np.abs(counts).max(axis=1)[loud] == levels).all()


@pytest.mark.parametrize(
    ("code", "timesteps", "levels"),
    [
        ("ternary", 15, 15),
        ("binary", 7, 7),
        ("bitwise", 4, 15),
        ("bitwise", 15, 32767),
        ("bitwise_twos", 5, 15),
        ("graded", 1, 127),
    ],
)
def test_encoding_for_timesteps(code, timesteps, levels):
    encoding = encoding_for(code, timesteps)
    assert (encoding.levels, encoding.n_timesteps) == (levels, timesteps)


@pytest.mark.parametrize(
    ("code", "timesteps", "message"),
    [
        (
            "tenary",
            3,
            "encoding 'tenary', expected binary, ternary, bitwise, bitwise_twos, graded .did you mean 'ternary'?",
        ),
        ("ternary", 0, "timesteps 0, expected 1 to 32767 for ternary"),
        ("bitwise", 16, "timesteps 16, expected 1 to 15 for bitwise"),
    ],
)
def test_encoding_for_refuses(code, timesteps, message):
    with pytest.raises(ModelError, match=message):
        encoding_for(code, timesteps)
