"""What must hold of any simulation, on random chains of layers and chips."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from factories import make_chip
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from simulator.config.chip import BarrierPoint, ChipConfig
from simulator.config.field_types import Frozen
from simulator.config.provenance import Delay
from simulator.energy.ledger import build_ledger
from simulator.engine.engine import replay
from simulator.engine.result import SimResult
from simulator.mapping.place import map_trace
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import Trace

LEVELS = 3
sizes = st.lists(st.integers(2, 14), min_size=2, max_size=3)
seeds = st.integers(0, 999)


@st.composite
def chips(draw) -> ChipConfig:
    """A chip of few small cores, so that layers are cut both ways and packets cross routers."""
    return make_chip(
        chip__tiles_x=draw(st.integers(1, 3)),
        chip__cores_per_tile=draw(st.integers(1, 2)),
        chip__max_chips=64,
        core__limits={"axons_in": draw(st.integers(3, 16)), "neurons": draw(st.integers(3, 16))},
        core__soma__every=draw(st.sampled_from(["timestep", "stage"])),
        core__sram={"capacity": "4 KiB", "word": "16 bit", "banks": draw(st.integers(1, 3))},
        core__synapse__weight_bits=draw(st.sampled_from(["4 bit", "8 bit"])),
        core__dendrite__accumulators=draw(st.sampled_from(["registers", "sram"])),
        core__dendrite__accumulator_banks=draw(st.one_of(st.none(), st.integers(1, 5))),
        noc__multicast=draw(st.booleans()),
        noc__buffer_flits=draw(st.integers(1, 4)),
    )


def run(trace: Trace, chip: ChipConfig) -> SimResult:
    return replay(map_trace(trace, chip), threads=1)


def counts_of(result: SimResult) -> Counter[tuple[str, str, str]]:
    return Counter({row[:3]: row.count for row in result.action_counts})


def with_dendrite(chip: ChipConfig, **changes: object) -> ChipConfig:
    dendrite = chip.core.dendrite.model_copy(update=changes)
    return chip.model_copy(update={"core": chip.core.model_copy(update={"dendrite": dendrite})})


def with_counts(trace: Trace, counts: dict[str, np.ndarray]) -> Trace:
    return replace(trace, load_counts=counts.__getitem__)


@examples(12)
@given(chips(), sizes, seeds)
def test_a_spike_more_lowers_no_count_but_that_of_idle_neurons(chip, widths, seed):
    trace = synthetic_trace("poisson", widths, levels=LEVELS, tokens=2, seed=seed)
    counts = {s.stream_id: trace.spike_counts(s.stream_id).copy() for s in trace.streams}
    generator = np.random.default_rng(seed)
    stream = counts[trace.streams[int(generator.integers(len(trace.streams)))].stream_id]
    token, neuron = (int(generator.integers(n)) for n in stream.shape)
    before = counts_of(run(trace, chip))
    count = int(stream[token, neuron])
    stream[token, neuron] = (-1 if count < 0 else 1) * min(abs(count) + 1, LEVELS)
    after = counts_of(run(with_counts(trace, counts), chip))
    assert [key for key, n in before.items() if after[key] < n and key[2] != "update_idle"] == []


@examples(12)
@given(chips(), sizes, seeds)
def test_accumulators_in_a_memory_are_never_cheaper_nor_faster_than_in_registers(chip, widths, seed):
    trace = synthetic_trace("poisson", widths, levels=LEVELS, tokens=2, seed=seed)
    registers, sram = (run(trace, with_dendrite(chip, accumulators=where)) for where in ("registers", "sram"))
    added = counts_of(sram) - counts_of(registers)
    assert {key[2] for key in added} <= {"accumulator_read", "accumulator_write"}
    assert counts_of(registers) == counts_of(sram) - added
    assert (sram.tokens["latency_ps"].to_numpy() >= registers.tokens["latency_ps"].to_numpy()).all()
    assert build_ledger(sram, chip).total_pj >= build_ledger(registers, chip).total_pj
    fewer = run(trace, with_dendrite(chip, accumulators="sram", accumulator_banks=1))
    assert counts_of(fewer) == counts_of(sram)
    assert fewer.total_ps >= sram.total_ps
    assert (fewer.cores["accumulator_conflicts"] >= sram.cores["accumulator_conflicts"]).all()


@examples(12)
@given(chips(), sizes, seeds)
def test_neurons_of_a_core_in_another_order_do_the_same_work(chip, widths, seed):
    """Neurons of one home core whose spikes go to the same cores change places."""
    trace = synthetic_trace("poisson", widths, levels=LEVELS, tokens=2, seed=seed)
    placement = map_trace(trace, chip).placement
    generator, counts = np.random.default_rng(seed), {}
    for stage in trace.stages:
        if stage.stream is None:
            continue
        column = np.arange(stage.width)
        blocks = [b for layer_id in stage.layers for b in placement.of(layer_id)]
        edges = {0, stage.width, *(b.col_start for b in placement.of(stage.stage_id))}
        edges |= {edge for b in blocks for edge in (b.row_start, b.row_stop)}
        for start, stop in zip(sorted(edges), sorted(edges)[1:], strict=False):
            column[start:stop] = generator.permutation(column[start:stop])
        counts[stage.stream] = trace.spike_counts(stage.stream)[:, column]
    assert counts_of(run(with_counts(trace, counts), chip)) == counts_of(run(trace, chip))


@examples(12)
@given(chips(), sizes, seeds)
def test_what_is_sent_is_received_and_never_sooner_than_without_contention(chip, widths, seed):
    trace = synthetic_trace("poisson", widths, levels=LEVELS, tokens=2, seed=seed)
    result = run(trace, chip)
    counts = counts_of(result)
    spikes = sum(n for (_, component, action), n in counts.items() if (component, action) == ("axon_in", "lookup"))
    assert result.cores["packets_in"].sum() == spikes
    assert result.cores["packets_out"].sum() == result.packets
    if not chip.noc.multicast:
        assert result.packets == spikes
    units = result.units
    assert set(units[["busy_ps", "stall_ps", "idle_ps"]].sum(axis=1)) == {result.total_ps}
    assert (units[["busy_ps", "stall_ps", "idle_ps", "wait_ps"]] >= 0).all(axis=None)
    assert (units["wait_ps"] <= units["idle_ps"]).all()
    bound = run(trace, chip.model_copy(update={"noc": chip.noc.model_copy(update={"model": "ideal"})}))
    assert (result.tokens["latency_ps"].to_numpy() >= bound.tokens["latency_ps"].to_numpy()).all()


def twice_as_slow(record: Any) -> Any:
    """A record of a chip with every time in it doubled."""
    if isinstance(record, tuple):
        return tuple(map(twice_as_slow, record))
    if not isinstance(record, Frozen):
        return record
    changes = {name: twice_as_slow(getattr(record, name)) for name in type(record).model_fields}
    if isinstance(record, (Delay, BarrierPoint)):
        changes["value"] = 2 * record.value
    return record.model_copy(update=changes)


@examples(10)
@given(chips(), sizes, seeds)
def test_twice_the_times_take_twice_as_long(chip, widths, seed):
    """To whole ps, of which a token has some hundred sums."""
    trace = synthetic_trace("poisson", widths, levels=LEVELS, tokens=2, seed=seed)
    once, twice = run(trace, chip), run(trace, twice_as_slow(chip))
    assert once.action_counts == twice.action_counts
    assert twice.total_ps == pytest.approx(2 * once.total_ps, rel=2e-5)


@examples(10)
@given(chips(), sizes, seeds)
def test_more_lanes_and_a_free_barrier_are_never_slower(chip, widths, seed):
    trace = synthetic_trace("poisson", widths, levels=LEVELS, tokens=2, seed=seed)
    latency = run(trace, chip).tokens["latency_ps"]
    synapse = chip.core.synapse.model_copy(update={"lanes": 2 * chip.core.synapse.lanes})
    wider = chip.model_copy(update={"core": chip.core.model_copy(update={"synapse": synapse})})
    assert (run(trace, wider).tokens["latency_ps"] <= latency).all()
    points = tuple(point.model_copy(update={"value": 0}) for point in chip.sync.barrier.latency)
    barrier = chip.sync.barrier.model_copy(update={"latency": points})
    free = chip.model_copy(update={"sync": chip.sync.model_copy(update={"barrier": barrier})})
    assert (run(trace, free).tokens["latency_ps"] <= latency).all()


@examples(10)
@given(chips(), sizes, seeds)
def test_threads_and_repeats_change_nothing(chip, widths, seed):
    trace = synthetic_trace("poisson", widths, levels=LEVELS, tokens=2, seed=seed)
    first = run(trace, chip)
    for again in (run(trace, chip), replay(map_trace(trace, chip), threads=2)):
        assert again.action_counts == first.action_counts
        assert again.tokens.equals(first.tokens)
        assert again.cores.equals(first.cores)
