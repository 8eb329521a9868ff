"""INT8 weights, by hand and by their bound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from simulator.errors import ModelError
from simulator.model.weights import quantize_weights, rounded_float


def test_by_hand():
    # Output 0: max 12.7, scale 0.1: 12.7 -> 127, -0.34 -> -3.4 -> -3. Output 1: all zero, scale 1.
    # Output 2: max 254, scale 2: -254 -> -127, 1 -> 0.5 -> 0 (halves to even).
    q = quantize_weights(np.array([[12.7, -0.34], [0, 0], [-254, 1]], np.float32))
    assert q.rows.tolist() == [[127, 0, -127], [-3, 0, 0]]
    assert np.allclose(q.scale, [0.1, 1, 2])
    assert q.column_sums.tolist() == [124, 0, -127]
    assert q.largest_sum == 130


@given(npst.arrays(np.float32, (4, 6), elements=st.floats(-100, 100, width=32)))
def test_each_weight_is_met_to_half_a_step(weights):
    q = quantize_weights(weights)
    error = np.abs(q.rows.T * q.scale[:, None].astype(np.float64) - weights)
    assert (error <= 0.5001 * q.scale[:, None]).all()
    assert np.abs(q.rows.astype(int)).max() <= 127


def test_floats_of_16_bits_are_rounded_to_the_nearest_and_refused_beyond_the_largest():
    # bfloat16 has 1 and then 1 + 2**-7; float16 holds 1 + 2**-9. 65519 goes down to 65504, 65520 to infinity.
    weights = np.float32([[1 + 2**-9, 1e-8, 65519]])
    assert rounded_float(weights, "bfloat16", "q").tolist() == [[1, pytest.approx(1e-8, rel=2**-8), 65536]]
    assert rounded_float(weights, "float16", "q").tolist() == [[1 + 2**-9, 0, 65504]]
    with pytest.raises(ModelError, match=r"blocks\.0\.q: 1 weights up to 65520 do not fit float16; take bfloat16"):
        rounded_float(np.float32([[1, 65520]]), "float16", "blocks.0.q")
