"""Texts that generate together, by hand: their order, their tiles, their caches, and what they take."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import make_chip, make_trace

from simulator.config.chip import Schedule
from simulator.energy.ledger import build_ledger
from simulator.engine.engine import replay
from simulator.engine.row_fetches import tiles
from simulator.engine.schedule import entry_rounds, segments
from simulator.engine.token_order import chunks, runs
from simulator.errors import TraceError
from simulator.mapping.kv_cache_size import positions_held
from simulator.mapping.place import map_trace
from simulator.simulation.simulation import simulate
from simulator.trace.batches import batched
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import Trace

PROMPT, DECODED = 0, 1


def two_texts() -> Trace:
    """A prompt of 2 and 2 generated tokens; a prompt of 1 and 3 generated; three stages."""
    trace = synthetic_trace("full", [3, 3, 3], tokens=8, levels=2)
    phases = [PROMPT, PROMPT, DECODED, DECODED, PROMPT, DECODED, DECODED, DECODED]
    return replace(trace, positions=np.array([0, 1, 2, 3, 0, 1, 2, 3]), phases=np.array(phases, np.uint8))


def lists(arrays) -> list[list[int]]:
    return [array.tolist() for array in arrays]


def test_a_step_of_a_batch_is_a_chunk_and_prompts_come_first():
    trace = two_texts()
    assert lists(chunks(trace, Schedule(kind="sequential", batch=2))) == [[0], [1], [4], [2, 5], [3, 6], [7]]
    assert lists(chunks(trace, Schedule(chunk=2, batch=2))) == [[0, 1], [4], [2, 5], [3, 6], [7]]
    assert lists(chunks(trace, Schedule(chunk=2))) == [[0, 1], [2], [3], [4], [5], [6], [7]]


def test_a_text_with_a_second_prompt_takes_a_second_turn():
    """Text A: prompt, generated, prompt, generated; text B begins with what it generates."""
    trace = replace(
        synthetic_trace("full", [3, 3], tokens=6),
        positions=np.array([0, 1, 2, 3, 7, 8]),
        phases=np.array([PROMPT, DECODED, PROMPT, DECODED, DECODED, DECODED], np.uint8),
    )
    assert lists(runs(trace, 2)) == [[0], [1, 4, 5], [2], [3]]
    assert lists(runs(trace, 1)) == [[0], [1], [2], [3], [4, 5]]


def test_texts_of_a_batch_fill_the_gaps_of_a_pipeline():
    """Each text enters every third round, when its token before has left three stages; the second is a round behind."""
    trace = two_texts()
    found = segments(trace, make_chip(schedule={"kind": "auto", "batch": 2}))
    assert [(s.tokens.tolist(), s.order) for s in found] == [([0, 1, 4], "rounds"), ([2, 3, 5, 6, 7], "rounds")]
    assert entry_rounds(trace, found[1].tokens).tolist() == [0, 3, 1, 4, 7]


def test_a_text_does_not_go_on_in_another_that_begins_where_it_ends():
    """Generated tokens at 2, 3 of one text and at 4 of the next: both enter at once, the third does not wait."""
    trace = replace(
        synthetic_trace("full", [3, 3, 3], tokens=5),
        positions=np.array([2, 3, 3, 4, 5]),
        phases=np.array([DECODED, DECODED, PROMPT, DECODED, DECODED], np.uint8),
    )
    assert entry_rounds(trace, np.array([0, 1, 3, 4])).tolist() == [0, 3, 1, 4]


def test_tiles_of_a_batch_hold_one_token_of_each_text():
    chip = make_chip(
        core__synapse__tile=2,
        core__dendrite__accumulators_per_core=128,
        schedule={"kind": "sequential", "batch": 2},
    )
    assert tiles(two_texts(), chip).tolist() == [0, 1, 3, 4, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("schedule", "held"),
    [
        ({"kind": "sequential"}, 10),
        ({"kind": "auto"}, 10),
        ({"kind": "sequential", "batch": 2}, 4 + 10),
        ({"kind": "auto", "batch": 2}, 4 + 10),
        ({"kind": "auto", "batch": 3}, 4 + 10 + 2),
        ({"kind": "auto", "batch": 4}, 4 + 10 + 2 + 4),  # a copy of the first
        ({"kind": "pipelined"}, 4 + 10 + 2),
    ],
)
def test_caches_of_a_batch_are_held_together(schedule, held):
    """Three texts with contexts of 4, 10 and 2 at most; each generates."""
    trace = replace(
        synthetic_trace("full", [3, 3], tokens=6),
        positions=np.array([2, 3, 8, 9, 0, 1]),
        phases=np.array([PROMPT, DECODED] * 3, np.uint8),
    )
    assert positions_held(trace, make_chip(schedule=schedule)) == held


def generated(n_tokens: int) -> Trace:
    """One text of the toy model, all of it generated."""
    trace = make_trace(n_blocks=1, n_tokens=n_tokens)
    return replace(trace, phases=np.ones(n_tokens, np.uint8))


def test_a_batch_is_filled_with_copies_that_replay_other_tokens():
    """4 tokens, 3 texts: copies begin at tokens 0, 1 and 2; positions are those of the text."""
    trace = generated(4)
    made = batched(trace, 3)
    stream = trace.streams[0].stream_id
    order = [0, 1, 2, 3, 1, 2, 3, 0, 2, 3, 0, 1]
    assert made.positions.tolist() == [0, 1, 2, 3] * 3
    assert np.array_equal(made.spike_counts(stream), trace.spike_counts(stream)[order])
    assert batched(made, 3) is made
    assert batched(trace, 1) is trace


def test_a_batch_of_prompts_alone_is_refused():
    with pytest.raises(TraceError, match=r"toy-trace: a batch of 2: found prompts alone, expected generated tokens"):
        batched(make_trace(n_tokens=2), 2)


@pytest.mark.parametrize("kind", ["auto", "sequential"])
def test_a_token_of_a_batch_does_the_same_work_and_a_pipeline_does_it_sooner(kind):
    """One text replayed whole by each copy: every action but barriers and leakage twice as often for two texts."""
    trace, results = generated(4), []
    for batch in (1, 2):
        mapped = map_trace(batched(trace, batch), make_chip(schedule={"kind": kind, "batch": batch}))
        results.append(replay(mapped))
    one, two = results
    apart = [{row[:3]: row.count for row in result.action_counts if row.owner != "chip"} for result in results]
    assert {key: 2 * n for key, n in apart[0].items()} == apart[1]
    if kind == "auto":
        assert one.total_ps < two.total_ps < 2 * one.total_ps
    else:
        assert two.total_ps == 2 * one.total_ps


def test_a_run_says_what_its_batch_is_made_from():
    chip = make_chip(schedule={"batch": 2})
    run = simulate(chip, generated(3), mapping="chip")
    assert run.trace.n_tokens == 6
    assert any("1 more are copies that replay its tokens" in line for line in run.warnings)
    assert run.result.phase_ps["prefill"] == 0
    assert build_ledger(run.result, chip).total_pj == pytest.approx(run.ledger.total_pj)
