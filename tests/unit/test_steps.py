"""Steps of kernels are compiled without reference counts of arrays: an option of numba that its manual does not list.

If one of these tests fails after an update of numba: `simulator.compiled` falls back to plain compilation where the
option is gone, with the same results at about a quarter of the speed of the network kernel.
"""

import os

import numba
import numpy as np
import pytest
from numba.core.errors import NumbaError

from simulator import compiled

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="nothing is compiled")


def allocates(n):
    return np.zeros(n, np.int64).sum()


def allocates_too(n):  # a name of its own: numba caches machine code by name, whatever the options
    return np.zeros(n, np.int64).sum()


def test_numba_still_has_the_option():
    assert compiled._uncounted() == {"_nrt": False}


def test_a_step_that_allocates_is_refused():
    step = compiled.step(allocates)

    def outer(n):
        return step(n)

    with pytest.raises(NumbaError, match="Only accept returning of array passed into the function"):
        numba.njit(outer)(3)


@pytest.mark.parametrize("decorate", [compiled.step, compiled.subroutine])
def test_the_option_reaches_the_compiler(decorate):
    assert decorate(allocates).targetoptions["_nrt"] is False


def test_without_the_option_steps_still_compile(monkeypatch):
    monkeypatch.setattr(compiled, "_uncounted", dict)
    step = compiled.step(allocates_too)

    def outer(n):
        return step(n)

    assert numba.njit(outer)(3) == 0
