"""When tokens enter, move on and leave, by hand; and what a user of the chip waits for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from factories import make_chip

from simulator.config.chip import Schedule
from simulator.engine.engine import replay
from simulator.engine.schedule import entry_rounds, segments
from simulator.engine.service import service
from simulator.engine.token_order import chunks
from simulator.mapping.place import map_trace
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import Trace

PROMPT, DECODED = 0, 1


def text(positions: list[int], phases: list[int]) -> Trace:
    """Tokens of a chain with three stages: two layers and the head."""
    trace = synthetic_trace("full", [3, 3, 3], tokens=len(positions), levels=2)
    return replace(trace, positions=np.array(positions, np.int64), phases=np.array(phases, np.uint8))


def test_a_generated_token_enters_a_pipeline_when_the_one_before_it_has_left():
    """Prompt of 3 in rounds 0 to 2; the last is in the third stage in round 4, so token 3 enters in 5, token 4 in 8."""
    assert entry_rounds(text([0, 1, 2, 3, 4], [PROMPT] * 3 + [DECODED] * 2)).tolist() == [0, 1, 2, 5, 8]


def test_another_sequence_fills_the_rounds_between():
    """Sequence A: token 0 in round 0, decoded 1 in 3. Sequence B: 2 in round 1, decoded 3 in round 4."""
    assert entry_rounds(text([0, 1, 0, 1], [PROMPT, DECODED] * 2)).tolist() == [0, 3, 1, 4]


def test_chunks_stay_within_a_prompt():
    trace = text([0, 1, 2, 3, 0, 1], [PROMPT, PROMPT, PROMPT, DECODED, PROMPT, PROMPT])
    assert [chunk.tolist() for chunk in chunks(trace, Schedule(chunk=2))] == [[0, 1], [2], [3], [4, 5]]


def test_a_pipeline_has_more_throughput_and_no_better_latency():
    trace = text(list(range(6)), [PROMPT] * 6)
    alone = replay(map_trace(trace, make_chip()))
    pipelined = replay(map_trace(trace, make_chip(schedule={"kind": "pipelined"})))
    assert pipelined.total_ps < alone.total_ps
    assert (pipelined.tokens["latency_ps"].to_numpy() >= alone.tokens["latency_ps"].to_numpy()).all()
    work = [[row for row in result.action_counts if row.owner != "chip"] for result in (alone, pipelined)]
    assert sorted(work[0]) == sorted(work[1])


def test_a_chunk_takes_as_long_as_its_tokens_and_its_last_token_leaves_at_the_same_time():
    trace = text(list(range(4)), [PROMPT] * 4)
    alone, chunk = (replay(map_trace(trace, make_chip(schedule={"kind": "sequential", "chunk": n}))) for n in (1, 4))
    assert chunk.total_ps == alone.total_ps
    assert chunk.tokens["end_ps"].iloc[-1] == alone.tokens["end_ps"].iloc[-1]
    assert chunk.tokens["end_ps"].iloc[0] > alone.tokens["end_ps"].iloc[0]


def test_phases_add_up_to_the_whole():
    trace = text([0, 1, 2, 3], [PROMPT, PROMPT, DECODED, DECODED])
    result = replay(map_trace(trace, make_chip()))
    assert sum(result.phase_ps.values()) == result.total_ps
    parts = [sum(row.count for row in result.phase_counts[phase]) for phase in ("prefill", "decode")]
    assert parts[0] == parts[1] == sum(row.count for row in result.action_counts) // 2  # every token does the same


def test_service_times_by_hand():
    """Two sequences: prompt of 2 ends at 30 (started at 0), decoded ends at 45 and 65; prompt of 1 from 65 to 75."""
    tokens = pd.DataFrame(
        {
            "phase": ["prefill", "prefill", "decode", "decode", "prefill"],
            "position": [0, 1, 2, 3, 0],
            "start_ps": [0, 10, 30, 45, 65],
            "end_ps": [20, 30, 45, 65, 75],
        }
    )
    seen = service(tokens)
    assert seen.first_token_ps == pytest.approx((30 + 10) / 2)
    assert seen.output_token_ps == pytest.approx((15 + 20) / 2)


def test_prompts_are_pipelined_and_generated_tokens_are_not():
    """Segments of 3 and 2 tokens and of 1: each takes what it takes alone, one after another."""
    trace = text([0, 1, 2, 3, 4, 0], [PROMPT] * 3 + [DECODED] * 2 + [PROMPT])
    assert [
        (s.tokens.tolist(), s.order == "rounds") for s in segments(trace, make_chip(schedule={"kind": "auto"}))
    ] == [
        ([0, 1, 2], True),
        ([3, 4], False),
        ([5], True),
    ]
    auto = replay(map_trace(trace, make_chip(schedule={"kind": "auto"})))
    pipelined = make_chip(schedule={"kind": "pipelined"})
    alone = [
        replay(map_trace(trace.take(slice(0, 3)), pipelined)),
        replay(map_trace(trace.take(slice(3, 5)), make_chip())),
        replay(map_trace(trace.take(slice(5, 6)), pipelined)),
    ]
    assert auto.total_ps == sum(result.total_ps for result in alone)
    assert auto.phase_ps == {"prefill": alone[0].total_ps + alone[2].total_ps, "decode": alone[1].total_ps}
    ends = [alone[0].tokens["end_ps"], alone[0].total_ps + alone[1].tokens["end_ps"]]
    assert auto.tokens["end_ps"].tolist()[:5] == [*ends[0], *ends[1]]
    assert auto.stages["stage"].tolist() == ["pipeline", *(stage.stage_id for stage in trace.stages)]
    assert auto.stages["total_ps"].sum() == auto.total_ps


def test_the_steady_time_of_a_pipeline_is_that_of_its_full_rounds():
    """Six tokens that are all alike, three stages: rounds 2 to 5 are full, and take the same."""
    result = replay(map_trace(text(list(range(6)), [PROMPT] * 6), make_chip(schedule={"kind": "pipelined"})))
    ends = result.tokens["end_ps"].to_numpy()
    assert result.steady.filled
    assert result.steady.rounds_per_token == pytest.approx(8 / 6)
    assert np.diff(ends)[:3].tolist() == [result.steady.time_per_token_ps] * 3
    assert result.steady.time_per_token_ps < result.total_ps / 6


def test_the_steady_time_without_a_pipeline_is_the_mean():
    result = replay(map_trace(text(list(range(4)), [PROMPT] * 4), make_chip()))
    assert result.steady.time_per_token_ps == result.total_ps / 4
    assert not result.steady.pipelined
