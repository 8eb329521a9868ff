"""INT8 weights, by hand and by their bound."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from simulator.model.weights import quantize_weights


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
