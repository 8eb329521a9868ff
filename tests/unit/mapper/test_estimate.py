"""The closed form of a mapped trace against the engine, and against hand-computed stages."""

from __future__ import annotations

import pytest

from simulator.config.chip_files import load_chip
from simulator.energy.ledger import build_ledger
from simulator.engine.engine import replay
from simulator.mapper.estimate import estimate
from simulator.mapper.stage_cost import CostModel
from simulator.mapper.stage_work import stage_works
from simulator.mapping.place import map_trace
from simulator.shipped import find_trace
from simulator.trace.trace_files import load_trace


@pytest.mark.parametrize(
    "chip_name", ["loihi-like", "loihi2-like", "sdllm-asic-45nm", "dense-int8-45nm", "truenorth-like", "odin-like"]
)
def test_the_closed_form_is_within_a_tenth_of_the_engine_on_the_shipped_trace(chip_name: str):
    chip = load_chip(chip_name, ["schedule.kind=sequential"])
    trace = load_trace(find_trace("shakespeare-ternary-T15")).take(slice(40, 44))
    mapped = map_trace(trace, chip)
    trace = mapped.trace
    found = estimate(mapped, stage_works(trace, chip, mapped.stored), CostModel(chip), pipelined=False)
    result = replay(mapped)
    assert found.interval_ps == pytest.approx(result.total_ps / trace.n_tokens, rel=0.1)
    assert found.energy_pj == pytest.approx(build_ledger(result, chip).total_pj / trace.n_tokens, rel=0.1)
