"""Flits between cores, as placements see them: by hand, and equal to what the engine moves."""

from __future__ import annotations

import pytest
from factories import make_chip, make_trace

from simulator.engine.engine import replay
from simulator.mapping.place import map_trace
from simulator.mapping.traffic import traffic
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import Trace


def test_an_encoder_on_three_cores_gathers_and_spreads_one_number():
    """9 values on 3 neurons: a home of cores 0, 1, 2. Silent, so only the encoder's exchange leaves them; 2 tokens."""
    chip = make_chip(core__limits={"axons_in": 64, "neurons": 3})
    trace = synthetic_trace("silent", [9, 1], tokens=2)
    found = traffic(trace, map_trace(trace, chip).placement.blocks, chip)
    pairs = zip(found.from_core.tolist(), found.to_core.tolist(), found.flits.tolist(), strict=True)
    flits = {(a, b): n for a, b, n in pairs if n and max(a, b) < 3}
    assert flits == {(1, 0): 2, (2, 0): 2, (0, 1): 2, (0, 2): 2}


@pytest.mark.parametrize(
    "trace", [make_trace(n_blocks=2), synthetic_trace("poisson", [13, 9, 6], tokens=2, seed=4)], ids=["blocks", "chain"]
)
@pytest.mark.parametrize("flit", ["32 bit", "8 bit"])
def test_the_engine_moves_every_flit_that_a_placement_sees(trace: Trace, flit: str):
    """Homes and layers on several cores: spikes, outputs, residuals, exchanges and partial sums, flits x links."""
    chip = make_chip(core__limits={"axons_in": 5, "neurons": 5}, chip__max_chips=60, noc__flit_bits=flit)
    mapped = map_trace(trace, chip)
    placement, found = mapped.placement, traffic(trace, mapped.placement.blocks, chip)
    at, to = placement.core_router[found.from_core], placement.core_router[found.to_core]
    assert int((found.flits * placement.grid.hops(at, to)).sum()) == replay(mapped).links["flits"].sum()
