"""Statistics of streams, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_stream import with_local_stream
from profiles import examples

from simulator.trace.codes import CODES
from simulator.trace.encoding import Encoding
from simulator.trace.stats import stats_by_kind, trace_stats
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.totals import layer_work
from simulator.trace.trace import Trace


def two_streams(code: str = "ternary", levels: int = 7) -> Trace:
    """Streams of 3 and 2 neurons, 2 tokens; fan-outs 2 and 5."""
    counts = {
        "layers.0.in": np.array([[1, 0, -3], [0, 7, 0]], np.int8),
        "layers.1.in": np.array([[0, 0], [-4, 0]], np.int8),
    }
    trace = replace(synthetic_trace("silent", [3, 2, 5], tokens=2), load_counts=counts.__getitem__)
    return replace(trace, encoding=Encoding(code, levels))


def test_ternary_statistics_by_hand():
    # layers.0.in: |counts| 1 + 3 + 7 = 11 spikes of 3 x 2 = 6 activations; 3 zeros; T = 7; fan-out 2
    # layers.1.in: 4 spikes of 2 x 2 = 4 activations; 3 zeros; fan-out 5
    stats = trace_stats(two_streams()).set_index("stream")
    first, second = stats.loc["layers.0.in"], stats.loc["layers.1.in"]
    assert (first["n"], first["tokens"], first["spikes"], first["synops"]) == (3, 2, 11, 22)
    assert first["spikes_per_activation"] == pytest.approx(11 / 6)
    assert first["firing_rate"] == pytest.approx(11 / (6 * 7))
    assert (first["zero_share"], first["max_count"]) == (0.5, 7)
    assert (second["spikes"], second["synops"], second["zero_share"], second["max_count"]) == (4, 20, 0.75, 4)


def test_bitwise_statistics_count_bits():
    # bits set: 1 -> 1, 3 -> 2, 7 -> 3: 6 spikes of 6 activations over T = 3; 4 = 2^(T-1) -> 1, at the last timestep
    stats = trace_stats(two_streams("bitwise")).set_index("stream")
    assert stats["spikes"].tolist() == [6, 1]
    assert stats["firing_rate"].tolist() == pytest.approx([6 / (6 * 3), 1 / (4 * 3)])


def test_every_token_is_counted_not_only_the_first():
    # the second stream is silent in its first token
    stats = trace_stats(two_streams()).set_index("stream")
    assert stats.loc["layers.1.in", "spikes"] == 4


@pytest.mark.parametrize(
    ("stream_id", "kind"), [("blocks.0.attn_in", "attn_in"), ("blocks.11.mlp_hidden", "mlp_hidden"), ("input", "input")]
)
def test_kind_is_the_last_part_of_the_id(stream_id, kind):
    trace = synthetic_trace("silent", [3, 2], ops=False, head=False)
    renamed = replace(
        trace,
        streams=(replace(trace.streams[0], stream_id=stream_id),),
        layers=(replace(trace.layers[0], stream=stream_id),),
        load_counts=lambda _: np.zeros((4, 3), np.int8),
    )
    assert trace_stats(renamed)["kind"].tolist() == [kind]


def test_a_stream_that_drives_two_layers_adds_their_fan_outs():
    trace = two_streams()
    wide = replace(trace, layers=(*trace.layers, replace(trace.layers[0], layer_id="layers.0b", n_out=100)))
    assert trace_stats(wide).set_index("stream").loc["layers.0.in", "synops"] == 11 * (2 + 100)


def test_kinds_weigh_streams_by_their_activations():
    # both streams are of kind "in": 15 spikes of 10 activations, 6 zeros; not the mean of 11/6 and 1
    kinds = stats_by_kind(trace_stats(two_streams()))
    assert kinds["kind"].tolist() == ["in"]
    row = kinds.iloc[0]
    assert (row["streams"], row["activations"], row["spikes"], row["synops"], row["max_count"]) == (2, 10, 15, 42, 7)
    assert row["spikes_per_activation"] == pytest.approx(1.5)
    assert row["firing_rate"] == pytest.approx(15 / (10 * 7))
    assert row["zero_share"] == pytest.approx(0.6)


def test_kinds_keep_the_order_of_the_program():
    stats = trace_stats(two_streams())
    stats["kind"] = ["mlp_in", "attn_in"]
    assert stats_by_kind(stats)["kind"].tolist() == ["mlp_in", "attn_in"]


def test_a_local_stream_has_the_activations_that_are_live():
    """Live 1 + c at contexts 1 and 2: 5 activations of 2 x 3 stored, 6 spikes, 2 zeros; it drives no layer."""
    counts = np.array([[3, -1, 0], [0, 0, 2]], np.int16)
    local = with_local_stream(two_streams(), (1, 1), {"vector.add": (0, 4)}, counts)
    row = trace_stats(local).set_index("stream").loc["local"]
    assert (row["n"], row["activations"], row["spikes"], row["synops"]) == (3, 5, 6, 0)
    assert row["spikes_per_activation"] == pytest.approx(6 / 5)
    assert row["zero_share"] == pytest.approx(2 / 5)


@given(
    pattern=st.sampled_from(["silent", "full", "poisson"]),
    code=st.sampled_from(CODES),
    levels=st.sampled_from([1, 3, 5, 7, 200]),
    mean_count=st.floats(0, 500),
    seed=st.integers(0, 99),
)
@examples(40)
def test_rates_and_shares_are_shares(pattern, code, levels, mean_count, seed):
    trace = synthetic_trace(pattern, [6, 5, 4], code=code, levels=levels, mean_count=mean_count, seed=seed)
    stats = trace_stats(trace)
    for frame in (stats, stats_by_kind(stats)):
        for column in ("firing_rate", "zero_share"):
            assert frame[column].between(0, 1).all()
        assert (frame["max_count"] <= levels).all()
    assert stats["synops"].sum() == sum(work.synops for work in layer_work(trace).values())
    if pattern == "full" and code not in ("bitwise", "bitwise_twos"):
        assert (stats["firing_rate"] == 1).all()
    if pattern == "silent":
        assert (stats["firing_rate"] == 0).all()
        assert (stats["zero_share"] == 1).all()
