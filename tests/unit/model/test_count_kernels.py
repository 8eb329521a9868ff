"""The compiled kernels: one worked example, and equal to their own Python source."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.model import count_kernels as kernels
from simulator.model.count_kernels import accumulate_spikes
from simulator.model.threshold import largest_size
from simulator.trace.encoding import Encoding

ROWS = np.array([[1, -2], [3, 4], [-5, 6]], dtype=np.int8)


def test_sums_by_hand():
    # 2*(1, -2) - 1*(3, 4) + 0 = (-1, -8)
    assert accumulate_spikes(np.array([[2, -1, 0]]), ROWS, Encoding("graded", 7)).tolist() == [[-1, -8]]


@pytest.mark.parametrize(("code", "levels"), [("ternary", 3), ("bitwise", 3), ("bitwise", 7)])
def test_spike_by_spike_by_hand(code, levels):
    # ternary: (1, -2) in two steps, -(3, 4) in one; bitwise: (1, -2) shifted by 1, -(3, 4) by 0.
    assert accumulate_spikes(np.array([[2, -1, 0]]), ROWS, Encoding(code, levels)).tolist() == [[-1, -8]]


def test_compiled_equals_python_in_one_specialization():
    rng = np.random.default_rng(3)
    counts = rng.integers(-7, 8, (3, 5)).astype(np.int16)
    rows = rng.integers(-127, 128, (5, 4)).astype(np.int8)
    trains, shifts = np.sign(np.stack([counts, counts - 3])).astype(np.int8), np.array([2, 0])
    for kernel, arguments in (
        (kernels.add_count_rows, (counts, rows)),
        (kernels.add_spike_rows, (trains, rows, shifts)),
    ):
        compiled, plain = np.zeros((3, 4), np.int32), np.zeros((3, 4), np.int32)
        kernel(*arguments, compiled)
        getattr(kernel, "py_func", kernel)(*arguments, plain)
        assert np.array_equal(compiled, plain)
    # Other integer types and layouts are brought to the one type the kernels are compiled for.
    accumulate_spikes(counts.astype(np.int64)[::-1], np.asfortranarray(rows), Encoding("graded", 7))
    accumulate_spikes(counts.astype(np.int8), np.asfortranarray(rows), Encoding("ternary", 7))
    for kernel in (kernels.add_count_rows, kernels.add_spike_rows):
        assert len(getattr(kernel, "signatures", [()])) == 1


@pytest.mark.parametrize("nearest", [True, False])
@pytest.mark.parametrize("dead_zone", [0.0, 0.8])
def test_counts_are_those_of_the_formula(nearest, dead_zone):
    rng = np.random.default_rng(5)
    values = (rng.standard_normal((6, 50)) * 4).astype(np.float32)
    values[0] = [0.5, 1.5, 2.5, -0.5, -1.5] * 10  # halves, which go to the even count
    per_step, zero_point = np.float32([1, 0.3, 2, 1, 1, 0.5]), np.float32([0, 0, 0, 3, -2, 0])
    counts = np.empty(values.shape, np.int16)
    bounds = (np.float32(-7), np.float32(7))
    n_clipped = kernels.count_steps(values, per_step, zero_point, np.float32(dead_zone), nearest, *bounds, counts)
    steps = values * per_step[:, None]
    whole = np.rint(steps) if nearest else np.trunc(steps)
    whole = np.where(np.abs(steps) < dead_zone, 0, whole) + zero_point[:, None]
    assert np.array_equal(counts, np.clip(whole, *bounds))
    assert n_clipped == np.count_nonzero(np.abs(whole) > 7) > 0


def test_largest_sizes_are_those_of_numpy_with_infinity_and_nan_on_top():
    values = np.random.default_rng(7).standard_normal((6, 50)).astype(np.float32)
    values[1], values[2, 3], values[3, 4:6], values[4] = -0.0, -np.inf, (np.inf, np.nan), np.float32(-1e-45)
    assert np.array_equal(largest_size(values), np.abs(values).max(axis=1), equal_nan=True)
    assert np.array_equal(largest_size(values[:, ::-2]), np.abs(values[:, ::-2]).max(axis=1), equal_nan=True)


def test_scaled_sums_round_once_per_factor():
    sums = np.random.default_rng(8).integers(-9999, 9999, (4, 7)).astype(np.float32)
    per_token, per_output = np.float32([0.1, 0.2, 0.3, 0.7]), np.linspace(0.01, 0.9, 7, dtype=np.float32)
    right = (sums * per_token[:, None]) * per_output
    kernels.scale_sums(sums, per_token, per_output)
    assert np.array_equal(sums, right)
