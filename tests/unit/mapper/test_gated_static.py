"""Power gating in the closed form of the mapper: by hand, and against the engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import make_trace

from simulator.config import load_chip
from simulator.energy.gating import static_energy_pj
from simulator.energy.prices import static_power_w
from simulator.engine.engine import replay
from simulator.mapper.estimate import trace_total
from simulator.mapper.gated_static import Awake, static_pj
from simulator.mapper.optimize import optimize
from simulator.mapper.stage_cost import CostModel
from simulator.mapper.stage_work import stage_works
from simulator.mapping.place import map_trace
from simulator.mapping.storage import stores

CHIP = "sdllm-asic-45nm"


def test_time_under_way_of_cores_and_chips():
    """Stages of 3 and 2 cores for 40 and 30 ps of 60, on chips 0 and 1, and on chip 1, which has no more than 60."""
    awake = Awake.of(np.array([40.0, 30.0]), [3, 2], [{0, 1}, {1}], 60.0)
    assert awake == Awake(3 * 40 + 2 * 30, 40 + 60)


def test_an_idle_core_draws_its_retention():
    """One figure of 2 W for the chip: gating by chip leaves a quarter of the idle half."""
    changes = ["chip.gating=chip", "chip.retention=0.25"]
    model = CostModel(load_chip("loihi-like", changes))
    whole = static_pj(CostModel(load_chip("loihi-like")), 100.0, Awake(0.0, 0.0))
    assert static_pj(model, 100.0, Awake(0.0, 50.0)) == pytest.approx(whole * (0.5 + 0.25 * 0.5))
    assert static_pj(model, 100.0, Awake(0.0, 1e9)) == pytest.approx(whole)


@pytest.mark.parametrize("gating", ["core", "chip"])
@pytest.mark.parametrize("kind", ["sequential", "pipelined"])
@pytest.mark.parametrize("sync", ["barrier", "handshake"])
def test_closed_form_and_engine_save_the_same_share_of_static_energy(gating, kind, sync):
    """Of the whole trace, filling and draining of a pipeline included; the times of both may differ."""
    changes = ["chip.retention=0.1", f"schedule.kind={kind}", f"sync.kind={sync}"]
    chip = load_chip(CHIP, [*changes, f"chip.gating={gating}"])
    mapped = map_trace(make_trace(n_blocks=2, n_tokens=12), chip)
    works, result = stage_works(mapped.trace, chip, stores(mapped.stored, mapped.trace)), replay(mapped)
    models = [
        CostModel(load_chip(CHIP, [*changes, f"chip.gating={name}"]), mapped.uses_dram) for name in (gating, "none")
    ]
    [(total_ps, gated_pj), (_, whole_pj)] = (
        trace_total(replace(mapped, chip=model.chip), works, model, kind == "pipelined") for model in models
    )
    static_pj_per_ps = static_power_w(chip, mapped.uses_dram) * mapped.placement.n_chips
    of_engine = static_energy_pj(result, chip, gating) / static_energy_pj(result, chip, "none")
    assert 1 - (whole_pj - gated_pj) / (total_ps * static_pj_per_ps) == pytest.approx(of_engine, abs=0.05)


def test_gating_lets_the_mapper_take_more_cores_or_as_many():
    """An idle core costs less, so that a wide mapping does not lose by it."""
    trace = make_trace(n_blocks=1, n_tokens=4)
    found = {
        gating: optimize(
            load_chip(CHIP, [f"chip.gating={gating}", "chip.retention=0", "schedule.kind=sequential"]),
            trace,
            check=False,
        ).best.closed.energy_pj
        for gating in ("none", "core")
    }
    assert found["core"] < found["none"]
