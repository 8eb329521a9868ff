"""Tokens whose network is simulated for their neighbours: groups and errors by hand, and runs against all tokens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import make_chip, make_trace
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from simulator.engine.engine import replay
from simulator.engine.token_sample import (
    ALL_UP_TO,
    ERROR_MAX,
    larger_sample,
    monotone_error,
    sample_size,
    stand_ins,
    standard_error,
    stood_for,
    stretches,
)
from simulator.errors import SpikewattError
from simulator.mapping.place import map_trace
from simulator.trace.synthetic import synthetic_trace


def test_the_middle_of_each_group_of_neighbours_stands_for_it():
    """11 in 4 groups: three of 3 and one of 2."""
    carried = stand_ins(11, 4)
    assert carried.tolist() == [0, 3, 0, 0, 3, 0, 0, 3, 0, 0, 2]
    assert stood_for(carried).tolist() == [1, 1, 1, 4, 4, 4, 7, 7, 7, 10, 10]
    assert stand_ins(3, None).tolist() == stand_ins(3, 9).tolist() == [1, 1, 1]


def test_special_ones_stand_for_themselves_and_cut_their_neighbours_apart():
    """Of 7 with a sample of 3, the fifth special: 4 before it in 2 groups, 2 after it in 1."""
    carried = stretches(np.array([0, 0, 0, 0, 1, 0, 0], bool), 3)
    assert carried.tolist() == [0, 2, 0, 2, 1, 0, 2]
    assert stood_for(carried).tolist() == [1, 1, 3, 3, 4, 6, 6]
    assert stretches(np.array([1, 1], bool), 1).tolist() == [1, 1]
    assert stretches(np.zeros(11, bool), 4).tolist() == stand_ins(11, 4).tolist()


def test_the_error_of_a_sample_by_hand():
    """Of 6 values 1, 3 and 2 are known: (2^2 + 1^2) / (2 x 2) = 1.25, 6 x sqrt(3/6 x 1.25 / 3) = 2.7386."""
    assert standard_error(np.array([1, 3, 2]), 6) == pytest.approx(2.7386, abs=1e-4)
    assert standard_error(np.array([1, 3, 2]), 3) == 0
    assert standard_error(np.array([7]), 3) is None
    assert standard_error(np.array([4, 4]), 10) == 0


def test_the_error_of_a_sample_of_what_only_rises_by_hand():
    """A step of 6 anywhere in 4 rounds, of 3 anywhere in 8: sqrt((24^2 + 24^2) / 12)."""
    assert monotone_error(np.array([1, 7, 7, 4]), np.array([2, 6, 10, 18])) == pytest.approx(np.sqrt(96))


def test_a_larger_sample_by_hand():
    """An error 3 times too large asks for 9 times as many tokens, and a fifth more; at least twice as many."""
    assert larger_sample(10, 3 * ERROR_MAX, 1000) == 108
    assert larger_sample(10, 1.01 * ERROR_MAX, 1000) == 20
    assert larger_sample(10, None, 1000) == 48
    assert larger_sample(10, 3 * ERROR_MAX, 216) is None


@examples(25)
@given(
    kind=st.sampled_from(["sequential", "auto", "pipelined"]),
    sync=st.sampled_from(["barrier", "handshake"]),
    multicast=st.booleans(),
    topology=st.sampled_from(["mesh", "torus"]),
    sample=st.integers(1, 6),
    seed=st.integers(0, 99),
)
def test_all_that_is_counted_and_the_cores_are_exact_in_a_sample(kind, sync, multicast, topology, sample, seed):
    """Counts, link flits, loads and the times of cores and ops are those of all tokens, on random counts."""
    trace = synthetic_trace("poisson", [9, 7, 5], levels=3, tokens=7, seed=seed)
    trace = replace(trace, phases=np.array([0, 0, 0, 0, 0, 1, 1], np.uint8))
    chip = make_chip(
        core__limits={"axons_in": 5, "neurons": 4},
        chip__max_chips=99,
        noc__multicast=multicast,
        noc__topology=topology,
        sync__kind=sync,
        schedule={"kind": kind},
    )
    mapped = map_trace(trace, chip)
    every, some = replay(mapped), replay(mapped, sample=sample)
    assert some.action_counts == every.action_counts
    assert some.phase_counts == every.phase_counts
    for column in ("busy_ps", "packets_in", "packets_out", "synops"):
        assert some.cores[column].tolist() == every.cores[column].tolist()
    assert some.units[["busy_ps", "stall_ps"]].to_csv() == every.units[["busy_ps", "stall_ps"]].to_csv()
    assert some.links["flits"].tolist() == every.links["flits"].tolist()
    totals = ("spikes", "synops", "packets", "packet_hops", "markers")
    assert [getattr(some, name) for name in totals] == [getattr(every, name) for name in totals]
    for column in ("compute_ps", "vector_ps", "barrier_ps"):
        assert some.stages[column].tolist() == every.stages[column].tolist()


@pytest.mark.parametrize("kind", ["sequential", "auto", "pipelined"])
@pytest.mark.parametrize("sample", [1, 3, 5])
def test_a_sample_of_tokens_that_are_all_alike_finds_what_all_of_them_do(kind, sample):
    """Every neuron fires in every token, and all full rounds are alike."""
    trace = synthetic_trace("full", [5, 4, 3], tokens=7, levels=2)
    mapped = map_trace(trace, make_chip(schedule={"kind": kind}))
    every, some = replay(mapped), replay(mapped, sample=sample)
    assert some.steady.time_per_token_ps == every.steady.time_per_token_ps
    if kind == "sequential":
        assert some.total_ps == every.total_ps
        assert some.links["wait_cycles"].tolist() == every.links["wait_cycles"].tolist()
    assert any(warning.startswith("sampled:") for warning in some.warnings)
    assert not any(warning.startswith("sampled:") for warning in every.warnings)
    assert every.sampling is None


@pytest.mark.parametrize("kind", ["sequential", "pipelined"])
@pytest.mark.parametrize("seed", range(4))
def test_a_sample_of_random_tokens_is_within_its_stated_error(kind, seed):
    """A slow network on which the prompt's end has four times the spikes of its start: no bias, no ring."""
    whole = synthetic_trace("poisson", [24, 24, 24], levels=4, tokens=120, seed=seed)
    counts = {s.stream_id: np.array(whole.spike_counts(s.stream_id)) for s in whole.streams}
    for of_stream in counts.values():
        of_stream[:60] = of_stream[:60] // 2
    trace = replace(whole, load_counts=counts.__getitem__)
    chip = make_chip(
        core__limits={"axons_in": 64, "neurons": 8},
        noc__cycle__value="20 ns",
        schedule={"kind": kind},
        chip__max_chips=9,
    )
    mapped = map_trace(trace, chip)
    every, some = replay(mapped), replay(mapped, sample=30)
    error = some.sampling.time_error * some.total_ps
    assert every.stages["network_ps"].sum() > 0.05 * every.total_ps
    assert 0 < error < 2 * ERROR_MAX * every.total_ps
    assert abs(some.total_ps - every.total_ps) < 3 * error
    assert abs(some.steady.time_per_token_ps - every.steady.time_per_token_ps) < 3 * some.steady.error_ps


def test_a_sample_of_a_dense_pipeline_is_within_its_stated_error():
    """Twenty layers fill and drain for 38 of 58 rounds, and their packets share links."""
    trace = synthetic_trace("poisson", [24] * 21, levels=4, tokens=39)
    chip = make_chip(
        replay="dense",
        core__limits={"axons_in": 64, "neurons": 8},
        noc__cycle__value="20 ns",
        schedule={"kind": "pipelined"},
        chip__max_chips=99,
    )
    mapped = map_trace(trace, chip)
    every, some = replay(mapped), replay(mapped, sample=8)
    error = some.sampling.time_error * some.total_ps
    assert 0 < error < 0.05 * every.total_ps
    assert abs(some.total_ps - every.total_ps) < 3 * error
    assert some.steady.time_per_token_ps == every.steady.time_per_token_ps
    assert some.steady.error_ps == 0
    assert some.action_counts == every.action_counts


def test_the_default_goes_on_until_its_error_is_small():
    """Every other token is silent, so a few tokens say little of a slow network: more are taken, or all."""
    whole = synthetic_trace("full", [24, 24], levels=4, tokens=200)
    counts = {s.stream_id: np.array(whole.spike_counts(s.stream_id)) for s in whole.streams}
    busy = np.random.default_rng(5).random(200) < 0.5
    for of_stream in counts.values():
        of_stream[busy] = 0
    trace = replace(whole, load_counts=counts.__getitem__)
    chip = make_chip(core__limits={"axons_in": 64, "neurons": 4}, noc__cycle__value="50 ns", chip__max_chips=9)
    mapped = map_trace(trace, chip)
    assert replay(mapped, sample=16).sampling.time_error > ERROR_MAX
    found = replay(mapped, sample="auto")
    assert found.sampling is None or found.sampling.time_error <= ERROR_MAX
    assert found.total_ps == pytest.approx(replay(mapped).total_ps, rel=3 * ERROR_MAX)


def test_a_model_in_a_pipeline_is_sampled_in_rounds_of_its_own_tokens():
    """No round of a sample mixes the end of a prompt with its start: full rounds are those of all tokens."""
    mapped = map_trace(make_trace(n_tokens=20), make_chip(schedule={"kind": "auto"}))
    every, some = replay(mapped), replay(mapped, sample=10)
    assert some.tokens["start_ps"].is_monotonic_increasing
    assert some.total_ps == pytest.approx(every.total_ps, rel=0.02)


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
    assert some.action_counts == every.action_counts
    assert some.steady.time_per_token_ps == every.steady.time_per_token_ps
    assert some.total_ps < every.total_ps * 1.5  # the head takes nearly all of it, and would take it twice


@pytest.mark.parametrize("sample", [1, 2, 5])
def test_values_that_only_a_head_collects_are_waited_for_in_a_sample(sample):
    """400 values reach the last stage with the last token alone: its round took no time where another stood for it."""
    whole = synthetic_trace("full", [5, 4, 400], tokens=7, levels=2)
    *others, last = whole.ops
    head = replace(last, kind="head", work_per_token={"vector.mac": (1, 0)})
    trace = replace(whole, ops=(*others, head)).served("last")
    mapped = map_trace(trace, make_chip(schedule={"kind": "auto"}, chip__max_chips=200))
    every, some = replay(mapped), replay(mapped, sample=sample)
    assert some.total_ps == pytest.approx(every.total_ps, rel=0.02)


def test_the_number_of_threads_changes_nothing_in_a_sample():
    trace = synthetic_trace("poisson", [9, 7, 5], tokens=40, seed=1)
    mapped = map_trace(trace, make_chip(schedule={"kind": "auto"}))
    one, two = (replay(mapped, threads=n, sample=20) for n in (1, 2))
    assert one.action_counts == two.action_counts
    for table in ("stages", "tokens", "cores", "units", "links"):
        assert getattr(one, table).to_csv() == getattr(two, table).to_csv()


def test_what_is_asked_for():
    trace = synthetic_trace("poisson", [3, 3], tokens=9)
    assert [sample_size(trace, asked) for asked in (4, 9, "all", "auto")] == [4, None, None, None]
    longer = synthetic_trace("poisson", [3, 3], tokens=ALL_UP_TO + 1)
    assert [sample_size(longer, asked) for asked in ("all", "auto")] == [None, "auto"]
    with pytest.raises(SpikewattError, match="found 0, expected a number of at least 1"):
        sample_size(trace, 0)


def test_a_sample_of_the_cores_moves_no_count_and_the_time_little():
    """12 of 96 tokens of a pipeline: the counts of all, and a time within 5 %; units are left out."""
    trace = synthetic_trace("poisson", [24, 24, 24], tokens=96, mean_count=1.5, seed=3)
    mapped = map_trace(trace, make_chip(schedule={"kind": "pipelined"}))
    whole, rough = replay(mapped), replay(mapped, cores_sample=12)
    spiked = {row for row in whole.action_counts if row.component != "soma"}
    assert spiked
    assert spiked <= set(rough.action_counts)
    assert (rough.spikes, rough.synops, rough.packets) == (whole.spikes, whole.synops, whole.packets)
    assert rough.total_ps == pytest.approx(whole.total_ps, rel=0.05)
    assert rough.total_ps != whole.total_ps
    assert rough.units.empty
