"""Routers that the packets of one call pass at most, against those that they pass."""

from __future__ import annotations

import numpy as np
import pytest
from factories import make_chip, make_trace

from simulator.engine.network.network import Network
from simulator.engine.reach import routers_passed
from simulator.engine.setting import Setting
from simulator.engine.spike_steps import run_networked
from simulator.mapping.place import map_trace


def spread_out(**changes):
    """Blocks of four neurons, a core on each of many small chips."""
    limits = {"axons_in": 64, "neurons": 4}
    chip = make_chip(chip__cores_per_tile=1, core__limits=limits, chip__max_chips=40, **changes)
    return map_trace(make_trace(n_blocks=4), chip)


@pytest.mark.parametrize("multicast", [False, True])
def test_no_stage_passes_more_routers_than_is_said(multicast):
    mapped = spread_out(noc__multicast=multicast)
    setting, trace, most = Setting.of(mapped), mapped.trace, 0
    for stage in trace.stages:
        network = Network(mapped.placement, mapped.chip)
        calls = [step.carried.outputs for step in setting.plans.values([stage], network.carry_values)]
        if stage.stream is not None:
            counts, plan = trace.spike_counts(stage.stream), setting.plans.of_stage(stage)
            run_networked(counts, plan, trace.encoding, mapped.chip, network)
            calls.append(np.flatnonzero(network.flits))
        most = max(most, *(len(np.unique(outputs // 5)) for outputs in calls))
    placement = mapped.placement
    assert most <= routers_passed(mapped) < placement.mesh_x * placement.mesh_y / 4


def test_the_stages_of_a_round_and_the_rings_of_a_torus_pass_the_whole_mesh():
    for mapped in (spread_out(schedule={"kind": "pipelined"}), spread_out(noc__topology="torus")):
        assert routers_passed(mapped) == mapped.placement.mesh_x * mapped.placement.mesh_y
