"""A pipeline without barriers, by hand: stages of 2, 5 and 1 ps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import make_chip

from simulator.engine.asynchronous import flow
from simulator.engine.engine import replay
from simulator.engine.schedule import Segment
from simulator.mapping.place import map_trace
from simulator.trace.synthetic import synthetic_trace

PROMPT, DECODED = 0, 1


def chain(phases):
    trace = synthetic_trace("full", [3, 3, 3], tokens=len(phases), levels=2)
    return replace(trace, phases=np.array(phases, np.uint8))


def flow_of(phases, taken):
    trace, segment = chain(phases), Segment(np.arange(len(phases)), "asynchronous")
    times = np.repeat(np.array(taken)[:, None], len(phases), axis=1)
    return flow(trace, segment, np.ones(times.shape, np.bool_), times)


def test_a_stage_waits_for_its_inputs_and_for_its_output():
    """The first stage could start token 2 at 4, but its output is taken when the second starts token 1, at 7."""
    found = flow_of([PROMPT] * 3, [2, 5, 1])
    assert found.start.T.tolist() == [[0, 2, 7], [2, 7, 12], [7, 12, 17]]
    assert found.end.max() == 18
    assert found.path == ((0, 0), (1, 0), (1, 1), (1, 2), (2, 2))
    assert found.steady(np.ones((3, 3), np.bool_), 0.0).time_per_token_ps == 5


def test_a_generated_token_waits_until_the_one_before_it_has_left():
    found = flow_of([PROMPT, PROMPT, DECODED], [2, 5, 1])
    assert found.start.T.tolist() == [[0, 2, 7], [2, 7, 12], [13, 15, 20]]
    assert found.path[-3:] == ((0, 2), (1, 2), (2, 2))


def test_two_sequences_fill_each_others_gaps():
    """Token 1 of the first sequence is generated: the prompt of the second, tokens 2 and 3, goes first."""
    trace = replace(chain([PROMPT, DECODED, PROMPT, PROMPT]), positions=np.array([0, 1, 0, 1]))
    taken = np.repeat(np.array([[2], [2], [2]]), 4, axis=1)
    found = flow(trace, Segment(np.arange(4), "asynchronous"), np.ones((3, 4), np.bool_), taken)
    assert found.start[0].tolist() == [0, 6, 2, 4]


@pytest.mark.parametrize("phases", [[PROMPT] * 6, [PROMPT] * 4 + [DECODED] * 2])
def test_stages_do_the_same_work_as_in_rounds_and_need_no_barrier(phases):
    trace = chain(phases)
    rounds, shakes = (
        replay(map_trace(trace, make_chip(schedule={"kind": "pipelined"}, sync__kind=kind)))
        for kind in ("barrier", "handshake")
    )
    assert shakes.total_ps == shakes.stages["total_ps"].sum() == shakes.tokens["end_ps"].max()
    assert shakes.stages["stage"].tolist() == ["pipeline"]
    assert shakes.steady.pipelined
    assert shakes.steady.time_per_token_ps < rounds.steady.time_per_token_ps
    work = [
        {row for row in result.action_counts if row.component in ("synapse", "vector")} for result in (rounds, shakes)
    ]
    assert work[0] == work[1]
