"""Raster, roofline and break-even, by hand on the toy run."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from factories import make_chip, make_run, make_trace, price
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.energy.breakeven import Bisection
from simulator.energy.ledger import build_ledger
from simulator.engine.engine import replay
from simulator.mapping.place import map_trace
from simulator.mapping.widths import Widths
from simulator.report.figures.breakeven_line import break_even_finding, break_even_frame, draw_break_even
from simulator.report.figures.raster import NEURONS, draw_raster, raster_finding, raster_frame
from simulator.report.figures.roofline import core_roof, draw_roofline, roofline_finding, roofline_frame
from simulator.report.run import DenseTwin

HALF_NS = price("0.5 ns")


@pytest.fixture(scope="module")
def run():
    return make_run()


def test_every_mark_of_the_raster_is_a_spike_of_the_trace(run):
    frame, trace = raster_frame(run), run.trace
    first = trace.n_tokens - frame.attrs["tokens"]
    for row in frame.to_dict("records"):
        count = int(trace.spike_counts(f"blocks.0.{row['kind']}")[first + row["token"], row["neuron"]])
        assert row["timestep"] < abs(count)  # a ternary train spikes in its first |count| timesteps
        assert row["sign"] == np.sign(count)


def test_the_raster_misses_no_spike_of_its_neurons(run):
    frame, trace = raster_frame(run), run.trace
    for kind in frame.attrs["kinds"]:
        counts = trace.spike_counts(f"blocks.0.{kind}")
        neurons = np.unique(np.linspace(0, counts.shape[1] - 1, NEURONS).astype(int))
        shown = counts[-frame.attrs["tokens"] :, neurons]
        assert (frame["kind"] == kind).sum() == np.abs(shown).sum()


def test_the_finding_of_the_raster(run):
    frame = raster_frame(run)
    assert f"of the {4 * NEURONS * 4 * 3} neuron-timesteps shown contain a spike" in raster_finding(frame)
    empty = frame.head(0)
    empty.attrs.update(frame.attrs)
    assert raster_finding(empty).startswith("None of the")
    draw_raster(empty)


def test_the_roof_of_a_core_by_hand():
    """4 lanes of 3 ns per accumulate are 4/3 per ns; a 64 bit word per 1 ns is 8 bytes per ns."""
    code = make_trace().encoding
    assert core_roof(make_chip(), code) == (pytest.approx(4 / 3e-9), pytest.approx(8e9))
    # three banks, each of which takes 1 + 2 ns for an accumulator
    banks = make_chip(core__dendrite__accumulators="sram", core__dendrite__accumulator_banks=3)
    assert core_roof(banks, code) == (pytest.approx(3 / 3e-9), pytest.approx(8e9))
    # the next word is read half a nanosecond later, though each takes one
    assert core_roof(make_chip(core__synapse__word_interval=HALF_NS), code)[1] == pytest.approx(16e9)


def test_a_graded_count_has_the_roof_of_the_multiplier():
    """4 lanes of 4 ns per multiply-accumulate, where an addition takes 3 ns."""
    assert core_roof(make_chip(), replace(make_trace().encoding, code="graded"))[0] == pytest.approx(4 / 4e-9)


@settings(max_examples=25, deadline=None)
@given(
    lanes=st.integers(1, 5),
    banks=st.integers(1, 5),
    accumulators=st.sampled_from(["registers", "sram"]),
    kind=st.sampled_from(["sequential", "pipelined"]),
    widths=st.tuples(*[st.integers(1, 3)] * 4),
)
def test_no_stage_is_above_its_roof(lanes, banks, accumulators, kind, widths):
    """Blocks of one kind may have different widths, and rows fewer columns than lanes."""
    chip = make_chip(
        core__synapse__lanes=lanes,
        core__synapse__word_interval=HALF_NS,
        core__dendrite__accumulators=accumulators,
        core__dendrite__accumulator_banks=banks if accumulators == "sram" else None,
        schedule={"kind": kind},
    )
    trace = make_trace()
    layers = [layer.layer_id for layer in trace.layers]
    chosen = Widths(layer_cores=dict(zip(layers, 4 * widths, strict=False)))
    mapped = map_trace(trace, chip, chosen)
    result = replay(mapped)
    run = replace(make_run(), mapped=mapped, result=result, ledger=build_ledger(result, chip, True))
    frame = roofline_frame(run)
    assert (frame["share"] <= 1 + 1e-9).all()
    assert (frame["share"] > 0).all()


def test_intensity_and_rate_by_hand(run):
    """Widths of 16, 8 and 8 outputs take 2, 1 and 1 words of 8 one-byte weights: one synop per byte."""
    frame = roofline_frame(run)
    assert list(frame["stage"]) == ["attn_in", "attn_out", "mlp_in", "mlp_hidden"]
    assert frame["synops_per_byte"].tolist() == pytest.approx([1.0] * 4)
    row, times = frame.iloc[1], run.result.stages.set_index("stage")["total_ps"]
    spikes = sum(int(np.abs(run.trace.spike_counts(f"blocks.{b}.attn_out")).sum()) for b in (0, 1))
    seconds = sum(int(times[f"blocks.{b}.attn_out"]) for b in (0, 1)) * 1e-12
    assert row["synops_per_s"] == pytest.approx(16 * spikes / seconds)
    assert row["roof_per_s"] == pytest.approx(4 / 3e-9)  # one core per block holds o
    assert "is closest to the limit of its cores" in roofline_finding(frame)


def test_a_chip_without_times_has_no_roof(run):
    chip = make_chip(
        core__synapse__synop__latency__value="0 ns",
        core__dendrite__accumulate__latency__value="0 ns",
        core__synapse__word_read__latency__value="0 ns",
    )
    frame = roofline_frame(make_run(chip=chip))
    assert frame["roof_per_s"].isna().all()
    assert roofline_finding(frame).startswith("No stage has a roof")
    draw_roofline(frame)


def test_a_roofline_within_one_decade_has_numbers_at_its_axis(run):
    frame = roofline_frame(run)
    frame["synops_per_s"], frame["roof_per_s"] = 1.3e8, 2.6e8
    frame.attrs["cores"] = (math.inf, math.inf)
    _, ax = draw_roofline(frame)
    low, high = ax.get_ylim()
    assert high < 10 * low
    assert len([tick for tick in ax.get_yticks() if low <= tick <= high]) >= 2


def test_the_line_of_the_chip_passes_through_this_run(run):
    frame = break_even_frame(run)
    here = frame[(frame["model"] == "chip") & frame["this_run"]]
    assert here["energy_pj"].tolist() == [pytest.approx(run.energy_per_token_pj)]
    assert here["spikes_per_activation"].tolist() == [pytest.approx(run.spikes_per_activation)]


def test_the_break_even_is_where_chip_and_twin_cost_the_same(run):
    frame = break_even_frame(run)
    chip = frame[frame["model"] == "chip"]
    at = np.interp(frame.attrs["break_even"], chip["spikes_per_activation"], chip["energy_pj"])
    assert at == pytest.approx(run.dense.energy_per_token_pj)
    assert "above that" in break_even_finding(frame)
    assert "an estimate: --breakeven" in break_even_finding(frame)


def test_the_line_is_set_beside_the_bisection(run):
    line = break_even_frame(run).attrs["break_even"]
    layers = pd.DataFrame({"kind": ["q"], "n_in": [16], "n_out": [16], "break_even_spikes": [0.3]})
    frame = break_even_frame(replace(run, bisection=Bisection(layers, line / 1.25)))
    assert f"it is at {line / 1.25:.3g}: the line is off by +25.0%." in break_even_finding(frame)
    draw_break_even(frame)
    for spikes, words in ((0.0, "without a spike"), (math.inf, "with the most spikes")):
        assert words in break_even_finding(break_even_frame(replace(run, bisection=Bisection(layers, spikes))))


def test_a_twin_below_the_fixed_part_is_never_reached(run):
    cheap = replace(run, dense=DenseTwin("cheap", 1.0, 1, run.n_tokens, 0.5, None, 45))
    frame = break_even_frame(cheap)
    assert np.isnan(frame.attrs["break_even"])
    assert break_even_finding(frame).startswith("Fewer spikes cannot beat the dense twin")
    draw_break_even(frame)


def test_no_twin(run):
    frame = break_even_frame(replace(run, dense=None))
    assert set(frame["model"]) == {"chip", "45 nm op count"}
    assert break_even_finding(frame).endswith("this run has no dense twin to compare with.")


def test_a_silent_trace_can_be_drawn():
    trace = make_trace()
    silent = replace(trace, load_counts=lambda stream: np.zeros_like(trace.spike_counts(stream)))
    run = make_run(trace=silent)
    for frame_of, draw, finding in (
        (raster_frame, draw_raster, raster_finding),
        (roofline_frame, draw_roofline, roofline_finding),
        (break_even_frame, draw_break_even, break_even_finding),
    ):
        frame = frame_of(run)
        draw(frame)
        assert finding(frame)
