"""Break-even by bisection on the simulated chips: by hand where prices leave one term, else what must hold."""

import math

import numpy as np
import pandas as pd
import pytest
from factories import chip_fields, make_trace

from simulator.actions import ACTIONS
from simulator.config.chip import ChipConfig
from simulator.energy.breakeven import (
    LayerShape,
    _counts,
    bisect_trace,
    break_even,
    break_even_lines,
    break_even_table,
    scaled_trace,
)
from simulator.trace.encoding import Encoding

TERNARY = Encoding("ternary", 7)


def chip(replay="captured", **prices):
    """The toy with every price 0 but these, component__action=pJ."""
    fields = chip_fields()
    fields["replay"] = replay
    for name, action in ACTIONS.items():
        *above, last = action.path
        record = fields
        for key in above:
            record = record.get(key) or {}
        if last in record:
            unit = "W" if name == "static.power" else "pJ"
            value = f"{prices.get(name.replace('.', '__'), 0)} {unit}"
            record[last] = {"value": value, "source": "toy", "grade": "assumed"}
    return ChipConfig.model_validate(fields)


def test_with_accumulates_alone_priced_it_is_the_ratio_of_the_prices():
    """8 x 4 synapses: 32 x s x 1 pJ against 32 x 3 pJ: three spikes per activation."""
    found = break_even(
        LayerShape(8, 4, 8), TERNARY, chip(dendrite__accumulate=1), chip("dense", dendrite__accumulate=3)
    )
    assert found.dense_pj == pytest.approx(96)
    assert (found.silent_pj, found.full_pj) == (0.0, pytest.approx(7 * 32))
    assert found.spikes == pytest.approx(3, abs=7 / 2**12 + 1 / 128)  # one spike of 16 tokens x 8 activations


def test_never_and_always():
    dear, cheap = chip("dense", dendrite__accumulate=100), chip("dense", dendrite__accumulate=0.001)
    spiking = chip(dendrite__accumulate=1, soma__update_idle=1)
    assert break_even(LayerShape(8, 4, 8), TERNARY, spiking, cheap).spikes == 0.0
    assert break_even(LayerShape(8, 4, 8), TERNARY, spiking, dear).spikes == math.inf


def test_a_twin_that_takes_as_much_as_silence_is_at_no_rate_dearer():
    """Nothing has a price on either chip: no spikes at all are the break-even."""
    found = break_even(LayerShape(8, 4, 8), TERNARY, chip(), chip("dense"))
    assert (found.spikes, found.silent_pj, found.dense_pj) == (0.0, 0.0, 0.0)


def test_a_twin_that_takes_as_much_as_every_spike_is_at_no_rate_cheaper():
    """7 spikes of 1 pJ against one product of 7 pJ."""
    found = break_even(
        LayerShape(8, 4, 8), TERNARY, chip(dendrite__accumulate=1), chip("dense", dendrite__accumulate=7)
    )
    assert (found.spikes, found.full_pj, found.dense_pj) == (math.inf, 7 * 32, 7 * 32)


@pytest.mark.parametrize("code", ["ternary", "binary", "bitwise"])
@pytest.mark.parametrize("spikes", [0.0, 0.4, 1.0, 2.25])
def test_the_counts_send_as_many_spikes_as_asked(code, spikes):
    encoding = Encoding(code, 7)
    counts = _counts((40, 50), encoding, spikes)
    assert encoding.spikes_per_count(counts).mean() == pytest.approx(spikes, abs=0.03)
    more = _counts((40, 50), encoding, spikes + 0.5)
    assert (encoding.spikes_per_count(more) >= encoding.spikes_per_count(counts)).all()


def test_the_table_has_one_row_per_kind_and_says_which_side():
    trace = make_trace()
    table = break_even_table(trace, chip(dendrite__accumulate=1), chip("dense", dendrite__accumulate=0.5), tokens=2)
    assert list(table["kind"]) == ["q", "k", "v", "o", "gate", "up", "down"]
    assert (table["break_even_spikes"] < 1).all()
    by_hand = np.where(table["spikes_per_activation"] < table["break_even_spikes"], "spiking", "dense")
    assert list(table["cheaper"]) == list(by_hand)
    spikes = sum(int(trace.spikes_per_token(f"blocks.{b}.attn_in").sum()) for b in (0, 1)) / (2 * 4 * 16)
    assert table["spikes_per_activation"].iloc[0] == spikes


def test_a_crossing_is_set_beside_the_published_ones():
    table = pd.DataFrame({"break_even_spikes": [0.5, 0.7], "break_even_rate": [0.04, 0.05]})
    lines = break_even_lines(table)
    expected = "Davidson and Furber 2021: 1.72 spikes per synapse; simulated 0.5 to 0.7: the simulated chip"
    assert lines[0] == f"{expected} asks for fewer spikes"
    assert lines[1].endswith("they agree")
    assert lines[2] == "Yan et al. 2024, crossover: 3.41 to 10.8 % spike rate; simulated 4 to 5 %: they agree"
    assert break_even_lines(table + 10)[3].endswith("allows more spikes")


def test_a_scaled_trace_has_the_spikes_of_each_stream_times_the_factor():
    trace = make_trace()
    for factor in (0.5, 1.0):
        scaled = scaled_trace(trace, factor)
        for stream in trace.streams:
            expected = factor * trace.spikes_per_token(stream.stream_id).sum()
            spread = trace.n_tokens * stream.n
            assert scaled.spikes_per_token(stream.stream_id).sum() == pytest.approx(expected, abs=0.1 * spread)
    full = scaled_trace(trace, 1e6)
    assert (full.spike_counts("blocks.0.attn_in") == trace.encoding.levels).all()


def test_a_whole_trace_breaks_even_where_its_spikes_cost_what_the_twin_takes():
    """Only accumulates have a price, so that its energy is its synaptic operations x 1 pJ."""
    trace, spiking = make_trace(), chip(dendrite__accumulate=1)
    dense = chip("dense", dendrite__accumulate=0.5)

    def operations(of):
        return sum(int(of.spikes_per_token(layer.stream).sum()) * layer.n_out for layer in of.layers)

    target = operations(trace) / 2
    found = bisect_trace(trace, spiking, dense, target).spikes
    rate = sum(int(trace.spikes_per_token(s.stream_id).sum()) for s in trace.streams)
    activations = sum(int(trace.live(s.stream_id).sum()) for s in trace.streams)
    assert found == pytest.approx(rate / activations / 2, rel=0.1)
    assert bisect_trace(trace, chip(soma__update_idle=1), dense, 0.5).spikes == 0.0
    assert bisect_trace(trace, spiking, dense, 1e12).spikes == math.inf
