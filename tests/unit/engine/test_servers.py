"""Cores that do the same at the same time: one stands for all, and nothing that is counted or timed changes."""

from __future__ import annotations

import numpy as np
import pytest
from factories import make_chip
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from simulator.engine.network.network import Network
from simulator.engine.plan import plan_stages
from simulator.engine.servers import deduplicate_cores, slowest_cores
from simulator.engine.spike_steps import run_alone, run_networked
from simulator.mapping.place import map_trace
from simulator.trace.synthetic import synthetic_trace


def test_twins_by_hand():
    """Six targets on five cores in two segments; cores 0, 1 and 3 serve both targets' rows alike.

    Core 1 is core 0 again. Core 3 has the same work, but stands elsewhere. Core 2 takes only segment 1. Core 4 has two
    targets, the first of which is like that of core 0: with the second it is another core.
    """
    server = np.array([0, 1, 2, 3, 4, 4])
    place = np.array([7, 7, 7, 8, 7, 7])
    times = np.array([[5, 0], [5, 0], [5, 0], [5, 0], [5, 0], [9, 0]])
    ptr, members = np.array([0, 5, 10]), np.array([0, 1, 3, 4, 5, 0, 1, 2, 3, 4])
    found = deduplicate_cores(server, place, times, ptr, members)
    assert found.representatives.tolist() == [0, 2, 3, 4, 5]
    assert found.representative_of.tolist() == [0, 0, 1, 2, 3, 4]
    assert found.segment_ptr.tolist() == [0, 4, 8]
    assert found.segment_target.tolist() == [0, 2, 3, 4, 0, 1, 2, 3]
    assert found.server.tolist() == [0, 1, 2, 3, 3]


def test_other_times_are_no_twins():
    server, place, ptr = np.arange(3), np.zeros(3, np.int64), np.array([0, 3])
    found = deduplicate_cores(server, place, np.array([[5], [6], [5]]), ptr, np.arange(3))
    assert found.representatives.tolist() == [0, 1]
    assert found.representative_of.tolist() == [0, 1, 0]


def test_the_slowest_cores_by_hand():
    """Five cores in one segment, of 5, 7, 6, 6 and 3 ps a spike; core 5 takes another segment.

    One by one, a spike reaches core 1 before core 3, so either may be last; core 0 is never behind core 1, and core 2
    never behind core 3. With multicast all come at once, and only core 1 can be last.
    """
    server, ptr, members = np.arange(6), np.array([0, 5, 6]), np.arange(6)
    times = np.array([[5], [7], [6], [6], [3], [1]])
    one_by_one = slowest_cores(server, times, ptr, members, one_by_one=True)
    assert one_by_one.representatives.tolist() == [1, 3, 4, 5]
    assert one_by_one.place.tolist() == [1, 3, 4, 0]
    at_once = slowest_cores(server, times, ptr, members, one_by_one=False)
    assert at_once.representatives.tolist() == [1, 5]


@examples(25)
@given(
    widths=st.lists(st.integers(3, 24), min_size=2, max_size=3),
    neurons=st.integers(3, 6),
    axons=st.integers(4, 30),
    cores_per_tile=st.integers(1, 4),
    every=st.sampled_from(["timestep", "stage"]),
    multicast=st.booleans(),
    seed=st.integers(0, 99),
)
def test_standing_for_others_changes_nothing(widths, neurons, axons, cores_per_tile, every, multicast, seed):
    trace = synthetic_trace("poisson", widths, levels=3, tokens=2, seed=seed)
    limits = {"axons_in": axons, "neurons": neurons}
    chip = make_chip(
        noc__multicast=multicast,
        chip__cores_per_tile=cores_per_tile,
        chip__max_chips=99,
        core__limits=limits,
        core__soma__every=every,
    )
    mapped = map_trace(trace, chip)
    for stage in trace.stages[:1]:
        runs = []
        for deduplicate in (False, True):
            plan, network = plan_stages([stage], mapped, deduplicate=deduplicate), Network(mapped.placement, chip)
            counts = trace.spike_counts(stage.stream)
            alone = run_alone(counts, plan, trace.encoding, chip)
            run = run_networked(counts, plan, trace.encoding, chip, network)
            fields = (alone.step_ps, alone.home_busy_ps, alone.home_soma_ps, alone.active_steps, run.total_ps, run.sent)
            runs.append([x.tolist() for x in (*fields, network.flits, network.wait)])
        assert runs[0] == runs[1]


def test_a_record_needs_every_core():
    trace = synthetic_trace("poisson", [6, 12], levels=3, tokens=1)
    limits = {"axons_in": 64, "neurons": 6}
    chip = make_chip(noc__multicast=True, chip__cores_per_tile=4, core__limits=limits, chip__max_chips=9)
    mapped = map_trace(trace, chip)
    plan = plan_stages(trace.stages[:1], mapped)
    assert len(plan.without_network.representatives) < len(plan.targets)
    counts = trace.spike_counts(trace.stages[0].stream)
    with pytest.raises(ValueError, match="deduplicate=False"):
        run_networked(counts, plan, trace.encoding, chip, Network(mapped.placement, chip), n_events=9)
