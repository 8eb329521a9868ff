"""Exact totals, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from local_stream import with_local_stream

from simulator.trace.synthetic import synthetic_trace
from simulator.trace.totals import layer_work, op_macs, stream_spikes
from simulator.trace.trace_program import Op


def test_one_count_of_three_is_three_spikes_and_three_rows_of_synapses():
    # stream 1 of 3 neurons, fan-out 2: 3 spikes x 2 = 6 synops
    trace = synthetic_trace("single", [4, 3, 2], single=(1, 2, 0, -3))
    assert stream_spikes(trace, "layers.0.in") == 0
    assert stream_spikes(trace, "layers.1.in") == 3
    work = layer_work(trace)
    assert {layer: (of.spikes, of.synops) for layer, of in work.items()} == {"layers.0": (0, 0), "layers.1": (3, 6)}


def test_full_trace_counts_every_token_neuron_and_timestep():
    # 5 tokens x T = 7: stream 0: 5*7*4 = 140 spikes x 3 synapses = 420; stream 1: 5*7*3 = 105 x 2 = 210
    trace = synthetic_trace("full", [4, 3, 2], tokens=5)
    work = layer_work(trace)
    assert {layer: (of.spikes, of.synops) for layer, of in work.items()} == {
        "layers.0": (140, 420),
        "layers.1": (105, 210),
    }


def test_dense_macs_do_not_depend_on_spikes():
    # 5 tokens: 5*4*3 = 60 and 5*3*2 = 30
    for pattern in ("silent", "full"):
        trace = synthetic_trace(pattern, [4, 3, 2], tokens=5)
        assert [of.macs for of in layer_work(trace).values()] == [60, 30]


def test_totals_are_python_integers_without_a_bound():
    # 1000 tokens x 2^31-1 outputs x 10 inputs x 7 spikes is beyond 32 bits
    trace = synthetic_trace("full", [10, 2**31 - 1], tokens=1000, head=False)
    (work,) = layer_work(trace).values()
    assert work.synops == 1000 * 10 * 7 * (2**31 - 1)
    assert {type(number) for number in work} == {int}


def test_products_of_attention_by_hand():
    """Contexts 1, 2; 1 + c live, each adds 3c values: taken densely 2 x 3 and 3 x 6; dense PV 8 + 8."""
    counts = np.array([[3, -1, 0], [0, 0, 2]], np.int16)
    trace = with_local_stream(synthetic_trace("silent", [3, 2], tokens=2), (1, 1), {"vector.add": (0, 3)}, counts)
    products = Op("dense", "pv", {"vector.mac": (8, 0)})
    last = trace.stages[-1]
    stages = (*trace.stages[:-1], replace(last, ops=(*last.ops, "dense")))
    trace = replace(trace, ops=(*trace.ops, products), stages=stages)
    assert op_macs(trace, trace.op_by_id["scores"], trace.contexts) == 2 * 3 + 3 * 6
    assert op_macs(trace, products, trace.contexts) == 16


def test_work_per_spike_that_is_no_sum_is_no_multiply_accumulate():
    """2 MACs at each of 2 tokens; reads that spikes trigger are none, with live activations or with all of them."""
    trace = with_local_stream(synthetic_trace("silent", [3, 2], tokens=2), (1, 1), {"memory.read": (5, 5)})
    op = replace(trace.op_by_id["scores"], work_per_token={"vector.mac": (2, 0)})
    assert op_macs(trace, op, trace.contexts) == 2 * 2


def test_products_of_a_stream_without_live_ones_are_over_all_its_activations():
    """3 inputs, each 2 additions per spike at 2 tokens: 12 MACs."""
    trace = with_local_stream(synthetic_trace("silent", [3, 2], tokens=2), (1, 1), {"vector.add": (2, 0)})
    op = replace(trace.op_by_id["scores"], stream="layers.0.in")
    assert op_macs(trace, op, trace.contexts) == 2 * 3 * 2
