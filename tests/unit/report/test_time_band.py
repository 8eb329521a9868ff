"""The band of the time: it holds the value, and is what another simulation finds."""

from __future__ import annotations

import pytest

import simulator
from simulator.config.time_bounds import at_time_bound
from simulator.report.time_band import time_band

TRACE = simulator.synthetic_trace("poisson", (96, 64, 32), tokens=3, mean_count=2.0)


@pytest.mark.parametrize("chip", ["loihi-like", "loihi2-like", "sdllm-asic-45nm"])
def test_the_band_of_the_time_holds_the_time_and_is_what_a_simulation_of_its_ends_finds(chip):
    loaded = simulator.load_chip(chip)
    run = simulator.simulate(loaded, TRACE)
    low, high = time_band(run)
    assert low <= run.latency_per_token_ps <= high
    for end, found in (("low", low), ("high", high)):
        moved = simulator.simulate(at_time_bound(loaded, end), TRACE)
        assert found == pytest.approx(moved.latency_per_token_ps, rel=0.1)
