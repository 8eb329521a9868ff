"""The compiled kernels: one worked example, and equal to their own Python source."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.model import kernels
from simulator.model.kernels import accumulate_rows, accumulate_spikes
from simulator.trace.encoding import Encoding

ROWS = np.array([[1, -2], [3, 4], [-5, 6]], dtype=np.int8)


def test_sums_by_hand():
    # 2*(1, -2) - 1*(3, 4) + 0 = (-1, -8)
    assert accumulate_rows(np.array([[2, -1, 0]]), ROWS).tolist() == [[-1, -8]]


@pytest.mark.parametrize(("code", "levels"), [("ternary", 3), ("bitwise", 3), ("bitwise", 7)])
def test_spike_by_spike_by_hand(code, levels):
    # ternary: (1, -2) in two steps, -(3, 4) in one; bitwise: (1, -2) shifted by 1, -(3, 4) by 0.
    assert accumulate_spikes(np.array([[2, -1, 0]]), ROWS, Encoding(code, levels)).tolist() == [[-1, -8]]


def test_compiled_equals_python_in_one_specialization():
    rng = np.random.default_rng(3)
    counts = rng.integers(-7, 8, (3, 5)).astype(np.int16)
    rows = rng.integers(-127, 128, (5, 4)).astype(np.int8)
    spikes = np.sign(counts).astype(np.int8)
    for kernel, arguments in ((kernels.add_count_rows, (counts, rows)), (kernels.add_spike_rows, (spikes, rows, 2))):
        compiled, plain = np.zeros((3, 4), np.int32), np.zeros((3, 4), np.int32)
        kernel(*arguments, compiled)
        getattr(kernel, "py_func", kernel)(*arguments, plain)
        assert np.array_equal(compiled, plain)
    # Other integer types and layouts are brought to the one type the kernels are compiled for.
    accumulate_rows(counts.astype(np.int64)[::-1], np.asfortranarray(rows))
    accumulate_spikes(counts.astype(np.int8), np.asfortranarray(rows), Encoding("ternary", 7))
    for kernel in (kernels.add_count_rows, kernels.add_spike_rows):
        assert len(getattr(kernel, "signatures", [()])) == 1
