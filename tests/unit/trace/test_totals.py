"""Exact totals, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from local_stream import with_local_stream

from simulator.trace.synthetic import synthetic_trace
from simulator.trace.totals import (
    layer_macs,
    layer_synops,
    op_macs,
    op_synops,
    stream_spikes,
    total_macs,
    total_spikes,
    total_synops,
)
from simulator.trace.trace import Op


def test_one_count_of_three_is_three_spikes_and_three_rows_of_synapses():
    # stream 1 of 3 neurons, fan-out 2: 3 spikes x 2 = 6 synops
    trace = synthetic_trace("single", [4, 3, 2], single=(1, 2, 0, -3))
    assert stream_spikes(trace, "layers.0.in") == 0
    assert stream_spikes(trace, "layers.1.in") == total_spikes(trace) == 3
    assert layer_synops(trace) == {"layers.0": 0, "layers.1": 6}
    assert total_synops(trace) == 6


def test_full_trace_counts_every_token_neuron_and_timestep():
    # 5 tokens x T = 7: stream 0: 5*7*4 = 140 spikes x 3 synapses = 420; stream 1: 5*7*3 = 105 x 2 = 210
    trace = synthetic_trace("full", [4, 3, 2], tokens=5)
    assert total_spikes(trace) == 245
    assert layer_synops(trace) == {"layers.0": 420, "layers.1": 210}


def test_dense_macs_do_not_depend_on_spikes():
    # 5 tokens: 5*4*3 = 60 and 5*3*2 = 30
    for pattern in ("silent", "full"):
        trace = synthetic_trace(pattern, [4, 3, 2], tokens=5)
        assert layer_macs(trace) == {"layers.0": 60, "layers.1": 30}
        assert total_macs(trace) == 90


def test_totals_are_python_integers_without_a_bound():
    # 1000 tokens x 2^31-1 outputs x 10 inputs x 7 spikes is beyond 32 bits
    trace = synthetic_trace("full", [10, 2**31 - 1], tokens=1000, head=False)
    assert total_synops(trace) == 1000 * 10 * 7 * (2**31 - 1)
    assert type(total_synops(trace)) is int


def test_additions_and_products_of_attention_by_hand():
    """Contexts 1, 2; 1 + c live, spikes 4 and 2: each adds 3c values. Taken densely 2 x 3 and 3 x 6; dense PV 8 + 8."""
    counts = np.array([[3, -1, 0], [0, 0, 2]], np.int16)
    trace = with_local_stream(synthetic_trace("silent", [3, 2], tokens=2), (1, 1), {"vector.add": (0, 3)}, counts)
    products = Op("dense", "pv", {"vector.mac": (8, 0)})
    last = trace.stages[-1]
    stages = (*trace.stages[:-1], replace(last, ops=(*last.ops, "dense")))
    trace = replace(trace, ops=(*trace.ops, products), stages=stages)
    assert op_synops(trace) == {"scores": 4 * 3 + 2 * 6}
    assert op_macs(trace) == {"scores": 2 * 3 + 3 * 6, "dense": 16}
