"""A time beyond 64 bits of picoseconds is refused where it arises, in a simulation and in a sweep alike."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.engine.picoseconds import MOST_PS, check_ps, times_ps
from simulator.errors import CapacityError


def test_a_product_that_fits_is_exact_and_a_larger_one_is_refused() -> None:
    assert times_ps(np.array([3, 2**20]), 10**12).tolist() == [3 * 10**12, 2**20 * 10**12]
    with pytest.raises(CapacityError, match=r"found about 1e\+07 s, expected at most 9.22e\+06 s"):
        times_ps(np.array([0, 10**7]), 10**12)  # wraps to a time that looks right


def test_a_sum_that_wraps_is_refused() -> None:
    check_ps(np.array([[MOST_PS // 2], [MOST_PS // 4]]))
    with pytest.raises(CapacityError, match="expected at most"):
        check_ps(np.array([MOST_PS // 2 + 1] * 3))
    with pytest.raises(CapacityError, match="a time beyond 64 bits"):
        check_ps(np.array([5, -3]))
