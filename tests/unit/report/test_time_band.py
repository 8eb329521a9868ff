"""The band of the time: it holds the value, and is what another simulation finds."""

from __future__ import annotations

import pytest

import simulator
from simulator.config.time_bounds import at_time_bound
from simulator.report.time_band import time_band
from simulator.shipped import find_trace


@pytest.mark.parametrize(("schedule", "tolerance"), [("sequential", 0.1), ("pipelined", 0.15)])
@pytest.mark.parametrize("chip", ["loihi-like", "loihi2-like", "sdllm-asic-45nm"])
def test_the_band_of_the_time_holds_the_time_and_is_what_a_simulation_of_its_ends_finds(chip, schedule, tolerance):
    """Four tokens of the shipped trace, which never fill a pipeline, while the closed form has a full one.

    On layers of a few dozen neurons the closed form is off by up to 25 %. The mapping is that of the chip file: other
    times would have the mapper choose another one.
    """
    trace = simulator.load_trace(find_trace("shakespeare-ternary-T15")).take(slice(40, 44))
    loaded = simulator.load_chip(chip, [f"schedule.kind={schedule}"])
    run = simulator.simulate(loaded, trace, mapping="chip")
    low, high = time_band(run)
    assert low <= run.time_per_token_ps <= high
    for end, found in (("low", low), ("high", high)):
        moved = simulator.simulate(at_time_bound(loaded, end), trace, mapping="chip")
        assert found == pytest.approx(moved.time_per_token_ps, rel=tolerance)
