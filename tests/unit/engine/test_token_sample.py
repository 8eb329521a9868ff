"""Tokens that stand for their neighbours: groups by hand, and runs in which all tokens are alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import make_chip

from simulator.engine.engine import replay
from simulator.engine.token_sample import ALL_UP_TO, SAMPLE_MIN, default_sample, groups, sample_size
from simulator.errors import SpikewattError
from simulator.mapping.place import map_trace
from simulator.trace.synthetic import synthetic_trace

PROMPT, DECODED = 0, 1


def test_groups_are_neighbours_whose_sizes_differ_by_one_at_most():
    found = [(items.tolist(), size) for items, size in groups(np.arange(11), 4)]
    assert found == [([0, 1, 2, 3, 4, 5, 6, 7, 8], 3), ([9, 10], 2)]
    assert [(items.tolist(), size) for items, size in groups(np.arange(3), 3)] == [([0, 1, 2], 1)]


def counted(result, kind):
    """All counts; in a pipeline without barriers, since a round that fills it has no collect and no barrier for it."""
    return [row for row in sorted(result.action_counts) if kind == "sequential" or row.owner != "chip"]


@pytest.mark.parametrize("kind", ["sequential", "auto", "pipelined"])
@pytest.mark.parametrize("sample", [1, 3, 5])
def test_a_sample_of_tokens_that_are_all_alike_finds_what_all_of_them_do(kind, sample):
    """Every neuron fires in every token. A ring of rounds has full ones only, so its time may be longer."""
    trace = synthetic_trace("full", [5, 4, 3], tokens=7, levels=2)
    mapped = map_trace(trace, make_chip(schedule={"kind": kind}))
    every, some = replay(mapped), replay(mapped, sample=sample)
    assert counted(some, kind) == counted(every, kind)
    for column in ("busy_ps", "packets_in", "packets_out", "synops"):
        assert some.cores[column].tolist() == every.cores[column].tolist()
    assert some.links["flits"].tolist() == every.links["flits"].tolist()
    assert (some.spikes, some.synops, some.packets) == (every.spikes, every.synops, every.packets)
    assert some.steady.time_per_token_ps == every.steady.time_per_token_ps
    assert some.total_ps == every.total_ps if kind == "sequential" else some.total_ps >= every.total_ps
    assert any(warning.startswith("sampled:") for warning in some.warnings)
    assert not any(warning.startswith("sampled:") for warning in every.warnings)


def test_spikes_and_ops_are_counted_for_every_token_and_packets_for_the_sample():
    """Token 2 of 0 to 2 has no spikes, token 1 stands for all: home neurons fire as often as the trace says."""
    whole = synthetic_trace("full", [5, 4], tokens=3, levels=2)
    counts = {s.stream_id: np.array(whole.spike_counts(s.stream_id)) for s in whole.streams}
    for of_stream in counts.values():
        of_stream[2] = 0
    trace = replace(whole, load_counts=counts.__getitem__, positions=np.arange(3), phases=np.zeros(3, np.uint8))
    some = replay(map_trace(trace, make_chip()), sample=1)
    by_action = {row[:3]: row.count for row in some.action_counts}
    first = trace.stages[0]
    assert by_action[first.stage_id, "soma", "fire"] == 2 * 5 * 2
    assert by_action[first.layers[0], "synapse", "synop"] == 3 * 5 * 2 * 4


def test_a_ring_of_more_stages_than_tokens_does_the_work_of_all():
    trace = synthetic_trace("poisson", [4, 4, 4, 4, 4], tokens=2, seed=4)
    mapped = map_trace(trace, make_chip(schedule={"kind": "pipelined"}))
    every, ring = replay(mapped), replay(mapped, sample=2)
    assert counted(ring, "pipelined") == counted(every, "pipelined")
    assert not every.steady.filled
    assert ring.steady.filled
    assert any("never fill a pipeline" in warning for warning in every.warnings)


@pytest.mark.parametrize("tokens", [3, 7])
def test_a_slow_head_that_works_on_the_last_token_alone_does_so_once(tokens):
    """No full round has the head in it, which works when all else has drained, and the ring of alike tokens agrees."""
    whole = synthetic_trace("full", [5, 4, 3], tokens=tokens, levels=2)
    *others, last = whole.ops
    head = replace(last, kind="head", work_per_token={"vector.mac": (1_000_000, 0)})
    trace = replace(whole, ops=(*others, head)).served("last")
    mapped = map_trace(trace, make_chip(schedule={"kind": "auto"}))
    every, some = replay(mapped), replay(mapped, sample=2)
    assert trace.works(trace.stages[-1]).tolist() == [False] * (tokens - 1) + [True]
    assert counted(some, "auto") == counted(every, "auto")
    assert some.steady.time_per_token_ps == every.steady.time_per_token_ps
    assert some.total_ps < every.total_ps * 1.5  # the head takes nearly all of it, and would take it twice


def test_the_number_of_threads_changes_nothing_in_a_sample():
    trace = synthetic_trace("poisson", [9, 7, 5], tokens=40, seed=1)
    mapped = map_trace(trace, make_chip(schedule={"kind": "auto"}))
    one, two = (replay(mapped, threads=n, sample=20) for n in (1, 2))
    assert one.action_counts == two.action_counts
    for table in ("stages", "tokens", "cores", "units", "links"):
        assert getattr(one, table).to_csv() == getattr(two, table).to_csv()


def test_the_default_takes_all_tokens_of_a_short_trace_and_few_of_a_steady_one():
    assert default_sample(synthetic_trace("poisson", [9, 7], tokens=ALL_UP_TO)) is None
    assert default_sample(synthetic_trace("full", [9, 7], tokens=ALL_UP_TO + 1)) == SAMPLE_MIN


def test_the_default_takes_more_where_tokens_differ():
    """Half the tokens have one spike per neuron, half two: spread 1/3, 1,111 tokens of an endless text, 92 of 100."""
    whole = synthetic_trace("full", [9, 7], tokens=100, levels=2)
    counts = {s.stream_id: np.array(whole.spike_counts(s.stream_id)) for s in whole.streams}
    for of_stream in counts.values():
        of_stream[::2] = 1
    assert default_sample(replace(whole, load_counts=counts.__getitem__)) == 92


def test_what_is_asked_for():
    trace = synthetic_trace("poisson", [3, 3], tokens=9)
    assert [sample_size(trace, asked) for asked in (4, 9, "all", "auto")] == [4, None, None, None]
    with pytest.raises(SpikewattError, match="found 0, expected a number of at least 1"):
        sample_size(trace, 0)
