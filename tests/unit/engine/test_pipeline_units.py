"""Units of a core, busy, stalled and idle, on paper.

Toy chip: soma update 8 ns, idle 5 ns, fire 3 ns; packet out 5 ns; lookup 2 ns, word 1 ns, synop 1 ns and accumulate
3 ns (4 lanes), reduce 1 ns, overhead 1 ns; vector lanes 2, mac 1 ns.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from factories import make_chip

from simulator.engine.engine import replay
from simulator.engine.pipeline_units import UNITS, UnitLoad
from simulator.engine.result import SimResult
from simulator.errors import ConservationError
from simulator.mapping.place import map_trace
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import Trace

NS = 1000
TIMES = ["busy_ps", "stall_ps", "idle_ps", "wait_ps"]


def trace_of(counts: list[int], n_out: int) -> Trace:
    """One token of one layer, as `counts` say; no ops, no head."""
    trace = synthetic_trace("silent", [len(counts), n_out], tokens=1, levels=1, ops=False, head=False)
    return replace(trace, load_counts=lambda _: np.array([counts], np.int8))


def run(trace: Trace, **changes: object) -> SimResult:
    chip = make_chip(chip__cores_per_tile=1, **changes)
    return replay(map_trace(trace, chip))


def units_of(result: SimResult, core: int) -> pd.DataFrame:
    return result.units[result.units["core"] == core].set_index("unit")[TIMES] // NS


def test_a_target_in_lockstep():
    """Two spikes into 64 outputs, each 49 ns: lookup 2, words 8 or synops 16, accumulates 48; 64 updates of 8 ns.

    The timestep ends with them, and the barrier of two tiles, 124.355 ns, follows: the target is idle till its first
    packet and in the barrier, and all of that is waiting.
    """
    result = run(trace_of([1, 1], 64))
    target = units_of(result, 1)
    assert target.loc["axon_in", ["busy_ps", "stall_ps"]].tolist() == [2 * 2, 2 * 47]
    assert target.loc["synapse", ["busy_ps", "stall_ps"]].tolist() == [2 * 16, 2 * 33]
    assert target.loc["dendrite", ["busy_ps", "stall_ps"]].tolist() == [2 * 48, 2 * 1]
    assert target.loc["soma", ["busy_ps", "stall_ps"]].tolist() == [64 * 8, 0]
    assert target.loc[["axon_out", "vector", "memory"], ["busy_ps", "stall_ps"]].to_numpy().sum() == 0
    units = result.units[result.units["core"] == 1]
    assert (units["idle_ps"] == units["wait_ps"]).all()  # the only stage is always under way
    stage = result.stages.iloc[0]
    assert (units["network_ps"] == stage["network_ps"]).all()
    assert (units["barrier_ps"] == stage["barrier_ps"]).all()
    assert (units[TIMES[:3]].sum(axis=1) == result.total_ps).all()


def test_a_home():
    """Of three neurons two fire: the soma walks 8 + 3 + 5 + 8 + 3 = 27 ns, the axons send two packets of 5 ns."""
    home = units_of(run(trace_of([1, 0, 1], 4)), 0)
    assert home["busy_ps"].to_dict() == dict.fromkeys(UNITS, 0) | {"soma": 27, "axon_out": 10}
    assert home["stall_ps"].sum() == 0


def test_partial_sums():
    """Four silent inputs on two cores: the second sends two sums of 5 ns, the first takes 2 + 1 ns for each.

    Its lookup takes 2 ns of these, its adder 1.
    """
    result = run(trace_of([0, 0, 0, 0], 2), core__limits={"axons_in": 2, "neurons": 64})
    first, second = (units_of(result, core) for core in (1, 2))
    assert second.loc["axon_out", "busy_ps"] == 10
    assert first.loc["axon_in", ["busy_ps", "stall_ps"]].tolist() == [4, 2]
    assert first.loc["dendrite", ["busy_ps", "stall_ps"]].tolist() == [2, 4]


def test_an_op_waits_for_its_memory():
    """64 bits of a word of 64 and 2 ns, and two macs on 2 lanes in 1 ns: the vector unit stalls for 1 ns."""
    trace = synthetic_trace("silent", [2, 2], tokens=1, levels=1)
    first, *others = trace.ops
    trace = replace(trace, ops=(replace(first, work_per_token={"vector.mac": (2, 0), "memory.read": (64, 0)}), *others))
    both = units_of(run(trace), 0)
    alone = units_of(run(replace(trace, ops=(replace(first, work_per_token={}), *others))), 0)
    assert (both - alone).loc["vector", ["busy_ps", "stall_ps"]].tolist() == [1, 1]
    assert (both - alone).loc["memory", ["busy_ps", "stall_ps"]].tolist() == [2, 0]


def test_cores_whose_stage_is_not_under_way_do_not_wait():
    """Two layers in a row on cores of their own: the last target takes no part in the first stage."""
    result = run(synthetic_trace("full", [3, 4, 5], tokens=1, levels=1, ops=False, head=False))
    of_stage = result.stages.set_index("stage")["total_ps"]
    last = result.units[result.units["core"] == result.cores["core"].iloc[-1]]
    assert (last["idle_ps"] - last["wait_ps"] == of_stage.iloc[0]).all()
    for part in ("network_ps", "barrier_ps"):  # the first target also sends its outputs in the second stage
        of_core = result.units.groupby("core", sort=False)[part].first().tolist()
        first, second = result.stages[part].tolist()
        assert of_core == [first, first + second, second, second]


def test_more_work_than_time_is_refused():
    trace, chip = trace_of([1, 1], 4), make_chip()
    placement = map_trace(trace, chip).placement
    load = UnitLoad.idle(placement)
    load.active_ps[:] = [[10], [1], [2]]
    load.lockstep(np.array([1]), {"axon_in": 4}, 6)
    assert load.frame(placement, 10).set_index(["core", "unit"]).loc[(1, "axon_in"), TIMES].tolist() == [4, 2, 4, 4]
    load.work("axon_in", np.array([1]), 2)
    with pytest.raises(
        ConservationError, match=r"axon_in of core 1: busy 6, stall 2, wait 2 of 10 ps, expected .* 1 .* 2 "
    ):
        load.frame(placement, 10)
