import numpy as np
import pytest
from factories import make_trace

from simulator.energy.cmos45 import PRESETS, SCOPE, cmos45, cmos45_all, scaled_ac, scaled_mac
from simulator.trace.encoding import Encoding
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Layer, Stage, Stream


def two_layer_trace(code="ternary"):
    """Tokens (2, -1, 0) and (0, 3, 1) into layers of fan-out 4 and 5."""
    counts = np.array([[2, -1, 0], [0, 3, 1]], dtype=np.int8)
    return Trace(
        name="two",
        encoding=Encoding(code, 3),
        streams=(Stream("in", 3),),
        layers=(Layer("a", "q", 3, 4, 8, "in"), Layer("b", "k", 3, 5, 8, "in")),
        ops=(),
        stages=(Stage("in", 3, (), "in", ("a", "b"), ()),),
        positions=np.arange(2, dtype=np.int64),
        phases=np.zeros(2, np.uint8),
        origin={},
        load_counts=lambda _: counts,
    )


def test_hand_computed_ternary():
    """|2| + |-1| + |3| + |1| = 7 spikes; synops 7 x 4 + 7 x 5 = 63; MACs 2 tokens x 3 x (4 + 5) = 54."""
    ops = cmos45(two_layer_trace(), "fp32")
    assert (ops.synops, ops.macs) == (63, 54)
    assert ops.ac_pj == pytest.approx(56.7, rel=1e-15)  # 63 x 0.9
    assert ops.dense_mac_pj == pytest.approx(248.4, rel=1e-15)  # 54 x 4.6
    assert list(ops.by_layer["layer"]) == ["a", "b"]
    assert list(ops.by_layer["spikes"]) == [7, 7]
    assert list(ops.by_layer["synops"]) == [28, 35]
    assert list(ops.by_layer["macs"]) == [24, 30]


def test_hand_computed_bitwise():
    """Bits set in 2, 1, 3, 1: 1 + 1 + 2 + 1 = 5 spikes; synops 5 x 9 = 45."""
    ops = cmos45(two_layer_trace("bitwise"), "int8")
    assert ops.synops == 45
    assert ops.ac_pj == pytest.approx(1.35, rel=1e-15)  # 45 x 0.03
    assert ops.dense_mac_pj == pytest.approx(12.42, rel=1e-15)  # 54 x 0.23


def test_presets_are_horowitz():
    """ISSCC 2014, 45 nm: FP32 add 0.9 mult 3.7; FP16 add 0.4 mult 1.1; INT8 add 0.03 mult 0.2."""
    table = {"fp32": (0.9, 3.7), "fp16": (0.4, 1.1), "int8": (0.03, 0.2)}
    for precision, (add, mult) in table.items():
        assert PRESETS[precision].ac_pj == add
        assert PRESETS[precision].mac_pj == pytest.approx(add + mult, rel=1e-15)


def test_all_precisions_share_the_counts():
    trace = make_trace()
    every = cmos45_all(trace)
    assert list(every) == ["fp32", "fp16", "int8"]
    for precision, ops in every.items():
        alone = cmos45(trace, precision)
        assert (ops.precision, ops.ac_pj, ops.dense_mac_pj) == (precision, alone.ac_pj, alone.dense_mac_pj)
        assert ops.by_layer.equals(alone.by_layer)
        assert ops.by_layer["ac_pj"].sum() == pytest.approx(ops.ac_pj, rel=1e-12)
        assert (ops.synops, ops.scope) == (every["fp32"].synops, SCOPE)
        assert "Horowitz" in ops.source


def test_scaling_by_width():
    assert (scaled_mac(32), scaled_ac(32)) == (4.6, 0.9)
    assert scaled_mac(4) == pytest.approx(0.575, rel=1e-15)
    assert scaled_ac(4) == pytest.approx(0.1125, rel=1e-15)


def test_a_graded_spike_is_billed_as_a_multiply_accumulate():
    graded = cmos45(two_layer_trace("graded"), "int8")
    spikes = cmos45(two_layer_trace("ternary"), "int8")
    # one multiply (0.2 pJ) and one add (0.03 pJ) per weight, Horowitz 2014
    assert graded.ac_pj == pytest.approx(graded.synops * 0.23)
    assert graded.synops < spikes.synops
