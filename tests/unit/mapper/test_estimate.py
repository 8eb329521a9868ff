"""The closed form of a mapped trace against the engine, and against hand-computed stages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import make_chip, make_trace

from simulator.config.chip_files import load_chip
from simulator.config.dense_twin import twin_from
from simulator.energy.ledger import build_ledger
from simulator.engine.engine import replay
from simulator.mapper.estimate import estimate, trace_total
from simulator.mapper.optimize import evenly, optimize
from simulator.mapper.stage_cost import CostModel
from simulator.mapper.stage_work import spikes_per_step, stage_works
from simulator.mapping.place import map_trace
from simulator.mapping.storage import stores
from simulator.report.steady_figures import steady_pj
from simulator.shipped import find_trace
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import DECODE
from simulator.trace.trace_files import load_trace


@pytest.mark.parametrize(
    "chip_name", ["loihi-like", "loihi2-like", "sdllm-asic-45nm", "dense-int8-45nm", "truenorth-like", "odin-like"]
)
def test_the_closed_form_is_within_a_tenth_of_the_engine_on_the_shipped_trace(chip_name: str):
    chip = load_chip(chip_name, ["schedule.kind=sequential"])
    trace = load_trace(find_trace("shakespeare-ternary-T15")).take(slice(40, 44))
    mapped = map_trace(trace, chip)
    trace = mapped.trace
    found = estimate(mapped, stage_works(trace, chip, stores(mapped.stored, trace)), CostModel(chip), pipelined=False)
    result = replay(mapped)
    assert found.interval_ps == pytest.approx(result.total_ps / trace.n_tokens, rel=0.1)
    assert found.energy_pj == pytest.approx(build_ledger(result, chip).total_pj / trace.n_tokens, rel=0.1)


@pytest.mark.parametrize("chip_name", ["loihi-like", "sdllm-asic-45nm"])
@pytest.mark.parametrize("bitmap", ["false", "true"])
def test_the_closed_form_knows_how_spikes_fill_packets(chip_name: str, bitmap: str):
    form = ["noc.packet.header=20 bit", "noc.packet.spikes=3", f"noc.packet.bitmap={bitmap}"]
    chip = load_chip(chip_name, ["schedule.kind=sequential", *form])
    mapped = map_trace(load_trace(find_trace("shakespeare-ternary-T15")).take(slice(40, 43)), chip)
    trace = mapped.trace
    found = estimate(mapped, stage_works(trace, chip, stores(mapped.stored, trace)), CostModel(chip), pipelined=False)
    result = replay(mapped)
    assert found.interval_ps == pytest.approx(result.total_ps / trace.n_tokens, rel=0.02)
    dynamic_pj = sum(pj for name, pj in build_ledger(result, chip).by_component().items() if name != "static")
    assert found.dynamic_pj * trace.n_tokens == pytest.approx(dynamic_pj, rel=0.02)


@pytest.mark.parametrize("chip_name", ["loihi-like", "loihi2-like", "sdllm-asic-45nm", "seneca-like"])
def test_the_closed_form_of_a_full_pipeline_is_within_a_tenth_of_the_engine(chip_name: str):
    """The mapping that the mapper finds and that of the chip file, on the whole shipped trace."""
    chip = load_chip(chip_name)
    found = optimize(chip, load_trace(find_trace("shakespeare-ternary-T15")), "energy", check=False)
    for placed in (found.own, found.best):
        result = replay(placed.mapped)
        assert placed.closed.interval_ps == pytest.approx(result.steady.time_per_token_ps, rel=0.1)
        energy = steady_pj(result, build_ledger(result, chip, allow_uncosted=True), chip)
        assert placed.closed.energy_pj == pytest.approx(energy, rel=0.1)


@pytest.mark.parametrize("name", ["loihi-like", "loihi2-like", "sdllm-asic-45nm"])
@pytest.mark.parametrize("dense", [False, True], ids=["captured", "dense twin"])
def test_the_closed_form_of_generated_tokens_is_within_a_tenth_of_the_engine(name: str, dense: bool):
    """Many narrow home cores and shared links: the busiest core counts, not the mean (it was off by 17 %)."""
    trace = load_trace(find_trace("shakespeare-ternary-T15")).take(slice(20, 22))
    trace = replace(trace, phases=np.full(trace.n_tokens, DECODE, trace.phases.dtype))
    chip = load_chip(name)
    chip = twin_from(chip) if dense else chip
    found = optimize(chip, trace, "edp", check=False).best
    result = replay(found.mapped)
    assert found.closed.interval_ps == pytest.approx(result.total_ps / 2, rel=0.1)
    assert found.closed.energy_pj == pytest.approx(build_ledger(result, chip).total_pj / 2, rel=0.1)


def test_chips_that_pass_values_on_wait_for_each_other_and_the_round_knows():
    """Chips of four tiles: values of a full round wait for links between chips, as the engine finds within a tenth."""
    chip = load_chip("loihi-like", ["chip.tiles_x=4", "chip.tiles_y=2", "chip.static_fixed=true"])
    found = optimize(chip, load_trace(find_trace("shakespeare-ternary-T15")), "energy", check=False).best
    assert found.closed.n_chips > 1
    result = replay(found.mapped)
    assert found.closed.interval_ps == pytest.approx(result.steady.time_per_token_ps, rel=0.1)


def test_the_part_of_a_stream_that_fires_most_sets_the_time():
    """Counts 2, 2, 0, 0, 1, 0 of levels 2: in timestep 0 halves send 2 and 1, thirds 2, 0 and 1; in timestep 1 only
    neurons 0 and 1 send.
    """
    trace, chip = synthetic_trace("silent", [6, 4], levels=2, tokens=1), make_chip()
    work = stage_works(replace(trace, load_counts=lambda _: np.array([[2, 2, 0, 0, 1, 0]], np.int8)), chip, {})[0]
    assert work.crowding(1).tolist() == [1, 1]
    assert work.crowding(2).tolist() == [2 / 1.5, 2]
    assert work.crowding(3).tolist() == [2, 3]


@pytest.mark.parametrize("objective", ["energy", "latency"])
def test_generated_tokens_share_cores_and_the_engine_finds_that_better(objective):
    """Stages that take turns leave their cores to the others: less time and energy on fewer chips than the same widths
    on cores of their own, which wait for links between chips, and than the mapping of the chip file.
    """
    trace = load_trace(find_trace("shakespeare-ternary-T15")).take(slice(20, 36))
    trace = replace(trace, phases=np.full(trace.n_tokens, DECODE, trace.phases.dtype))
    chip = load_chip("loihi-like")
    found = optimize(chip, trace, objective, max_chips=1, check=False)
    assert found.best.widths is not None
    assert found.mapping.share_cores
    shared, own = replay(found.best.mapped), replay(found.own.mapped)
    alone = map_trace(trace, chip, replace(found.best.widths, share_cores=False))
    assert shared.n_chips == 1 < alone.placement.n_chips
    for other in (own, replay(alone)):
        assert shared.total_ps < other.total_ps
        assert build_ledger(shared, chip).total_pj < build_ledger(other, chip).total_pj


def test_a_head_that_works_once_is_charged_to_all_tokens_of_the_prompt_and_no_round_waits_for_it():
    """Its time over all tokens, and the leakage of all chips in it."""
    chip = make_chip(schedule={"kind": "pipelined", "logits": "last"})
    mapped = map_trace(make_trace(n_tokens=8), chip)
    works, model = stage_works(mapped.trace, chip, stores(mapped.stored, mapped.trace)), CostModel(chip)
    whole = estimate(mapped, works, model, pipelined=True)
    head = [i for i, work in enumerate(works) if work.share < 0.5]
    assert [works[i].share for i in head] == [1 / 8] * len(head)
    assert whole.seldom_ps == pytest.approx(sum(whole.stage_ps[i] for i in head) / 8)
    assert whole.prompt_pj - whole.energy_pj == pytest.approx(whole.seldom_ps * 2e-3 * mapped.placement.n_chips)


def test_spikes_of_a_timestep_are_those_that_the_code_sends_in_it():
    trace, chip = make_trace(), make_chip()
    stage = next(stage for stage in trace.stages if stage.stream is not None)
    counts = trace.spike_counts(stage.stream)
    for t, sent in enumerate(spikes_per_step(stage, trace, chip).T):
        assert sent.tolist() == np.count_nonzero(trace.encoding.spikes_in_timestep(counts, t), axis=1).tolist()


def test_the_closed_form_of_a_whole_trace_takes_evenly_sampled_tokens():
    """A quarter of the tokens says what all say within 3 %, filling and draining of the pipeline included."""
    trace, chip = load_trace(find_trace("shakespeare-ternary-T15")), load_chip("loihi-like")
    mapped = map_trace(trace, chip)
    trace, stored = mapped.trace, stores(mapped.stored, mapped.trace)
    every = stage_works(trace, chip, stored)
    some = stage_works(trace.take(evenly(trace.n_tokens, trace.n_tokens // 4)), chip, stored, trace)
    of_all = trace_total(mapped, every, CostModel(chip), pipelined=True)
    assert trace_total(mapped, some, CostModel(chip), pipelined=True) == pytest.approx(of_all, rel=0.03)
