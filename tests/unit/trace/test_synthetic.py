"""Synthetic traces are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.errors import TraceError
from simulator.trace.codes import CODES
from simulator.trace.synthetic import SingleSpike, synthetic_trace
from simulator.trace.trace_files import content_hash


def test_silent_has_no_spike():
    trace = synthetic_trace("silent", [4, 3, 2])
    assert not any(trace.spike_counts(stream.stream_id).any() for stream in trace.streams)


def test_single_has_one_count_where_it_was_asked_for():
    trace = synthetic_trace(
        "single", [4, 3, 2], tokens=2, single=SingleSpike(stream=1, token=1, neuron=2, spike_count=-5)
    )
    assert not trace.spike_counts("layers.0.in").any()
    assert trace.spike_counts("layers.1.in").tolist() == [[0, 0, 0], [0, 0, -5]]


@pytest.mark.parametrize("code", CODES)
def test_full_holds_the_level_everywhere(code):
    trace = synthetic_trace("full", [4, 3, 2], tokens=2, code=code, levels=3)
    assert trace.spike_counts("layers.0.in").tolist() == [[3] * 4] * 2


def test_poisson_has_the_mean_it_was_given_and_either_sign():
    # 40 000 draws of mean 2 (levels far away): the sample mean has a standard deviation of sqrt(2 / 40 000) = 0.007
    counts = synthetic_trace("poisson", [200, 2], tokens=200, levels=100, mean_count=2.0).spike_counts("layers.0.in")
    assert abs(np.abs(counts).mean() - 2) < 5 * 0.0071
    assert abs((counts[counts != 0] > 0).mean() - 0.5) < 0.02


def test_poisson_is_clipped_to_the_levels_and_unsigned_in_an_unsigned_code():
    counts = synthetic_trace("poisson", [50, 2], code="binary", levels=3, mean_count=5.0).spike_counts("layers.0.in")
    assert (counts.min(), counts.max()) == (0, 3)


def test_poisson_takes_a_mean_for_each_neuron():
    means = [np.array([0.0, 50.0]), np.array([0.0, 0.0, 50.0])]
    trace = synthetic_trace("poisson", [2, 3, 2], levels=100, tokens=6, mean_count=means)
    assert (np.abs(trace.spike_counts("layers.0.in")) > 0).all(axis=0).tolist() == [False, True]
    assert (np.abs(trace.spike_counts("layers.1.in")) > 0).any(axis=0).tolist() == [False, False, True]


def test_equal_seeds_give_equal_traces_in_any_order_of_reading():
    first, second = synthetic_trace("poisson", [9, 8, 7]), synthetic_trace("poisson", [9, 8, 7])
    second.spike_counts("layers.1.in")
    assert content_hash(first) == content_hash(second)
    assert content_hash(first) != content_hash(synthetic_trace("poisson", [9, 8, 7], seed=1))


def test_streams_of_equal_size_differ():
    trace = synthetic_trace("poisson", [30, 30, 2])
    assert (trace.spike_counts("layers.0.in") != trace.spike_counts("layers.1.in")).any()


def test_stages_chain_by_their_sources():
    trace = synthetic_trace("silent", [4, 3, 2])
    assert [(s.stage_id, s.width, s.layers, s.sources) for s in trace.stages] == [
        ("layers.0.in", 4, ("layers.0",), ()),
        ("layers.1.in", 3, ("layers.1",), ("layers.0",)),
        ("head", 2, (), ("layers.1",)),
    ]
    assert [(x.n_in, x.n_out, x.weight_bits) for x in trace.layers] == [(4, 3, 8), (3, 2, 8)]


def test_ops_and_head_can_be_left_out():
    trace = synthetic_trace("silent", [4, 3], ops=False, head=False)
    assert trace.ops == ()
    assert [stage.stage_id for stage in trace.stages] == ["layers.0.in"]


def test_ops_count_the_encoder_and_the_read_out():
    trace = synthetic_trace("silent", [4, 3])
    assert dict(trace.op_by_id["layers.0.encode"].work_per_token) == {"vector.mul": (4, 0), "vector.compare": (8, 0)}
    assert dict(trace.op_by_id["head.dequantize"].work_per_token) == {"vector.mul": (3, 0)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pattern": "poison"}, r"expected one of silent, single, full, poisson \(did you mean 'poisson'"),
        ({"sizes": [4]}, "expected at least two"),
        ({"sizes": [4, 0]}, "n_out 0, expected 1"),
        ({"tokens": 0}, "no tokens"),
        ({"tokens": -1}, "no tokens"),
        ({"code": "morse"}, "expected binary, ternary, bitwise, bitwise_twos or graded"),
        ({"levels": 0}, "0 levels, expected 1 to 32767"),
        ({"single": (1, 0, 0, 1)}, "in stream 1, expected 0 to 0"),
        ({"single": (0, 4, 0, 1)}, "of token 4, expected 0 to 3"),
        ({"single": (0, 0, 4, 1)}, "of neuron 4, expected 0 to 3"),
        ({"single": (0, 0, 0, 8)}, "of count 8, expected -7 to 7"),
        ({"single": (0, 0, 0, -1), "code": "binary"}, "of count -1, expected 0 to 7"),
        ({"pattern": "poisson", "mean_count": -1.0}, "expected numbers from 0"),
        ({"pattern": "poisson", "mean_count": float("nan")}, "expected numbers from 0"),
        ({"pattern": "poisson", "mean_count": []}, "of 0 streams, expected 1"),
        ({"pattern": "poisson", "mean_count": [np.zeros(3)]}, r"has shape \(3,\), expected \(4,\)"),
        ({"pattern": "poisson", "seed": -1}, "seed -1, expected 0 or more"),
    ],
)
def test_refuses_what_it_cannot_make(changes, message):
    with pytest.raises(TraceError, match=message):
        synthetic_trace(**{"pattern": "single", "sizes": [4, 3]} | changes)


def test_as_many_counts_as_the_limit_and_no_more():
    """2^20 inputs of 1,024 tokens; the outputs of the last layer are no counts. Nothing is drawn until it is read."""
    assert synthetic_trace("silent", [1 << 20, 1], tokens=1 << 10).n_tokens == 1024
    with pytest.raises(TraceError, match="1074790400 counts, expected at most 1073741824"):
        synthetic_trace("silent", [1 << 20, 1], tokens=(1 << 10) + 1)


@pytest.mark.parametrize("single", [(0, 0, 0, 1), (1, 3, 2, -7), (0, 3, 3, 7)])
def test_a_single_spike_at_the_limits(single):
    trace = synthetic_trace("single", [4, 3, 2], single=single)
    stream, token, neuron, count = single
    assert trace.spike_counts(f"layers.{stream}.in")[token, neuron] == count
    assert sum(np.count_nonzero(trace.spike_counts(s.stream_id)) for s in trace.streams) == 1


@pytest.mark.parametrize(
    ("single", "message"),
    [
        ((-1, 0, 0, 1), "in stream -1, expected 0 to 1"),
        ((2, 0, 0, 1), "in stream 2, expected 0 to 1"),
        ((1, 0, 3, 1), "of neuron 3, expected 0 to 2"),
        ((0, -1, 0, 1), "of token -1, expected 0 to 3"),
        ((0, 0, 0, -8), "of count -8, expected -7 to 7"),
    ],
)
def test_a_single_spike_one_beyond_them(single, message):
    with pytest.raises(TraceError, match=message):
        synthetic_trace("single", [4, 3, 2], single=single)


def test_a_mean_of_nothing_or_a_thousand_million_is_one():
    assert not synthetic_trace("poisson", [4, 3], mean_count=0.0).spike_counts("layers.0.in").any()
    assert (abs(synthetic_trace("poisson", [4, 3], mean_count=1e9).spike_counts("layers.0.in")) == 7).all()
    with pytest.raises(TraceError, match="expected numbers from 0 to 1e9"):
        synthetic_trace("poisson", [4, 3], mean_count=1.001e9)
