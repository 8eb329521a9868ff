"""The engine against an estimate from first principles that shares no code with it, on mappings of the mapper.

Every component of energy and time that the estimate knows agrees within 6 %. It leaves out how long spikes wait for
each other on links of the mesh (`network_ps`). A trace of a real LLM is compared where there is one.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from first_principles import Estimate

from simulator.config import load_chip
from simulator.energy.ledger import build_ledger
from simulator.engine.engine import replay
from simulator.simulation.choice import choose
from simulator.trace.trace_files import load_trace

REAL = Path(os.environ.get("SPIKEWATT_REAL_TRACE", Path(__file__).parents[2] / "reports" / "real-model.npz"))
TIMES = ("compute", "transfer", "vector", "barrier")
CLOSE = 0.06
SMALL = 0.002  # of the energy or time of all: what is less may be off by more


def check(trace, mapping: str, overrides: list[str], sample=None) -> None:
    """Engine and estimate of a pipelined prompt, component by component."""
    chip = load_chip("loihi-like", overrides)
    mapped = choose(chip, trace, mapping).mapped
    estimate, result = Estimate(mapped), replay(mapped, sample=sample)
    energy = build_ledger(result, chip).by_component()
    static = float(energy.pop("static"))
    for name, pj in energy.items():
        assert estimate.energy[name] == pytest.approx(pj, rel=CLOSE, abs=SMALL * energy.sum()), name
    parts = result.stages.drop(columns="stage").sum()
    for name in TIMES:
        found = parts[f"{name}_ps"] / 1e3
        assert estimate.time[name] == pytest.approx(found, rel=CLOSE, abs=SMALL * parts["total_ps"] / 1e3), name
    known = 1 - parts["network_ps"] / parts["total_ps"]
    assert estimate.static_pj(sum(estimate.time.values())) == pytest.approx(known * static, rel=CLOSE)


@pytest.mark.parametrize("mapping", ["auto", "chip"])
@pytest.mark.parametrize("overrides", [[], ["chip.tiles_x=2", "chip.tiles_y=2", "chip.static_fixed=true"]])
def test_the_engine_agrees_with_first_principles_on_the_shipped_trace(mapping, overrides):
    """On one chip, and on several with links between them."""
    check(load_trace("shakespeare-ternary-T15"), mapping, overrides)


@pytest.mark.skipif(not REAL.exists(), reason="no trace of a real LLM: make real-model writes one")
def test_the_engine_agrees_with_first_principles_on_a_real_llm():
    check(load_trace(REAL).take(slice(0, 256)), "auto", [], sample=16)
