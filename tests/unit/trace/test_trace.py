"""Trace.check: a program that does not hold together is refused, one line, with what was wanted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator.errors import TraceError
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import Op, Stage, Trace


@pytest.fixture
def trace() -> Trace:
    """Streams layers.0.in (4), layers.1.in (3); layers.0 4 -> 3, layers.1 3 -> 2; stages of these and head."""
    return synthetic_trace("silent", [4, 3, 2], tokens=2)


def with_stage(trace: Trace, index: int, **changes: object) -> Trace:
    stages = list(trace.stages)
    stages[index] = replace(stages[index], **changes)
    return replace(trace, stages=tuple(stages))


def with_op(trace: Trace, **counts: tuple[int, int]) -> Trace:
    renamed = {action.replace("__", "."): ab for action, ab in counts.items()}
    return replace(trace, ops=(Op(trace.ops[0].op_id, "encode", renamed), *trace.ops[1:]))


FAULTS = {
    "no tokens": (lambda t: replace(t, positions=np.zeros(0, np.int64)), "no tokens, wanted at least one"),
    "no streams": (lambda t: replace(t, streams=()), "no streams"),
    "positions of another type": (lambda t: replace(t, positions=np.zeros(2, np.int32)), "int32.*wanted int64"),
    "positions of another shape": (lambda t: replace(t, positions=np.zeros((2, 1), np.int64)), "wanted int64"),
    "negative position": (lambda t: replace(t, positions=np.array([0, -1])), "from -1 to 0"),
    "stream id that climbs": (
        lambda t: replace(t, streams=(replace(t.streams[0], stream_id="../x"),)),
        "'../x': wanted letters",
    ),
    "empty layer": (
        lambda t: replace(t, layers=(replace(t.layers[0], n_out=0), t.layers[1])),
        "layer layers.0: n_out 0, wanted 1 to",
    ),
    "weight width": (
        lambda t: replace(t, layers=(replace(t.layers[0], weight_bits=65), t.layers[1])),
        "weight_bits 65, wanted 1 to 64",
    ),
    "unknown action": (lambda t: with_op(t, vector__macc=(1, 0)), "'vector.macc'.*did you mean 'vector.mac'"),
    "negative slope": (lambda t: with_op(t, vector__mac=(9, -1)), "negative"),
    "negative at context 1": (lambda t: with_op(t, vector__mac=(-2, 1)), "negative"),
    "beyond 64 bits": (lambda t: with_op(t, vector__mac=(2**62, 0)), "beyond 64 bits"),  # x 2 tokens = 2^63
    "layer twice": (lambda t: replace(t, layers=(*t.layers, t.layers[0])), "'layers.0' is that of a layer already"),
    "stream twice": (lambda t: replace(t, streams=(*t.streams, t.streams[0])), "is that of a stream already"),
    "op named as a stage": (
        lambda t: with_stage(replace(t, ops=(Op("head", "head", {}), *t.ops[1:])), 0, ops=("head",)),
        "op id 'head' is that of a stage already",
    ),
    "stage named chip": (lambda t: with_stage(t, 2, stage_id="chip"), "stage id 'chip' is that of a chip already"),
    "layer in no stage": (lambda t: with_stage(t, 1, layers=()), "layer 'layers.1' is in 0 stages"),
    "op in two stages": (lambda t: with_stage(t, 1, ops=("layers.0.encode",)), "is in 2 stages"),
    "stream in no stage": (lambda t: replace(t, stages=t.stages[:1]), "stream 'layers.1.in' is in 0 stages"),
    "unknown op": (lambda t: with_stage(t, 2, ops=("head.dequantize", "x")), "op 'x' is not in the op table"),
    "unknown layer": (
        lambda t: with_stage(t, 1, layers=("layers.1", "layers.9")),
        r"layer 'layers.9' is not in the layer table \(did you mean",
    ),
    "unknown stream": (
        lambda t: replace(t, stages=(*t.stages, Stage("x", 3, (), "y", (), ()))),
        "stream 'y' is not in the stream table",
    ),
    "layers without a stream": (
        lambda t: with_stage(with_stage(t, 1, layers=()), 2, layers=("layers.1",)),
        "head: drives layers without a stream",
    ),
    "width of another stream": (lambda t: with_stage(t, 1, width=4), "width 4, wanted 3"),
    "fan-in of another stream": (
        lambda t: replace(t, layers=(t.layers[0], replace(t.layers[1], n_in=4))),
        "layer layers.1 takes 4 inputs from 'layers.1.in', wanted 3",
    ),
    "layer of another stream": (
        lambda t: replace(t, layers=(t.layers[0], replace(t.layers[1], stream="layers.0.in"))),
        "from 'layers.0.in', wanted 3 from 'layers.1.in'",
    ),
    "source of a later stage": (
        lambda t: with_stage(t, 0, sources=("layers.1",)),
        "sources: 'layers.1' is not ready, wanted one of an earlier stage",
    ),
    "source of its own": (lambda t: with_stage(t, 1, sources=("layers.1",)), "'layers.1' is not ready"),
    "source twice": (lambda t: with_stage(t, 1, sources=("layers.0", "layers.0")), "wanted each id once"),
    "carries an unknown stage": (lambda t: with_stage(t, 1, carries=("x",)), "carries: 'x' is not ready"),
    "carries a later stage": (lambda t: with_stage(t, 0, carries=("head",)), "carries: 'head' is not ready"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_refuses_a_program_that_does_not_hold_together(trace, fault):
    trace.check()
    broken, message = FAULTS[fault]
    with pytest.raises(TraceError, match=message) as raised:
        broken(trace).check()
    assert str(raised.value).startswith("silent 4-3-2: ")
    assert "\n" not in str(raised.value)


def test_accepts_a_residual_stream_and_a_count_that_is_zero_at_the_first_token(trace):
    with_stage(trace, 2, carries=("layers.0.in",)).check()
    with_op(trace, vector__add=(-4, 4)).check()  # 4 sums of c terms: 4(c - 1) additions, 0 at c = 1


def test_op_counts_grow_with_the_context():
    op = Op("softmax", "softmax", {"vector.exp": (0, 3), "vector.div": (2, 0)})
    work = op.work(np.array([1, 2, 10]), n_timesteps=7)
    assert {action: n.tolist() for action, n in work.items()} == {"vector.exp": [3, 6, 30], "vector.div": [2, 2, 2]}


def test_work_that_every_timestep_repeats():
    """A buffer of 40 bits, written once (5 bits of it twice) and read in each of 7 timesteps."""
    op = Op("encode", "encode", {"memory.write": (40, 0), "memory.read": (5, 0)}, {"memory.read": 40})
    work = op.work(np.array([1, 9]), n_timesteps=7)
    assert {action: n.tolist() for action, n in work.items()} == {"memory.write": [40, 40], "memory.read": [285, 285]}


def test_context_includes_the_token_itself(trace):
    assert trace.contexts.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.zeros((2, 3), np.int8), r"\(2, 3\), wanted integers \(2, 4\)"),
        (np.zeros((2, 4), np.float32), "float32"),
        (np.full((2, 4), 8, np.int8), "from 8 to 8, wanted -7 to 7"),
        (np.full((2, 4), -8, np.int8), "from -8 to -8, wanted -7 to 7"),
    ],
)
def test_refuses_counts_that_are_not_of_the_encoding(trace, counts, message):
    with pytest.raises(TraceError, match=message):
        replace(trace, load_counts=lambda _: counts).counts("layers.0.in")


def test_unsigned_code_refuses_negative_counts():
    trace = synthetic_trace("silent", [4, 2], tokens=2, code="binary")
    with pytest.raises(TraceError, match="wanted 0 to 7"):
        replace(trace, load_counts=lambda _: np.full((2, 4), -1, np.int8)).counts("layers.0.in")


def test_unknown_stream_is_told_with_the_nearest_one(trace):
    with pytest.raises(TraceError, match=r"no stream 'layers.0.inn' \(did you mean 'layers.0.in'"):
        trace.counts("layers.0.inn")


def test_counts_are_loaded_once(trace):
    calls: list[str] = []

    def load(stream_id: str) -> np.ndarray:
        calls.append(stream_id)
        return np.zeros((2, 4), np.int8)

    lazy = replace(trace, load_counts=load)
    assert lazy.counts("layers.0.in") is lazy.counts("layers.0.in")
    assert calls == ["layers.0.in"]


def test_prints_as_one_line(trace):
    assert str(trace) == ("silent 4-3-2: 2 tokens (prefill), ternary spikes of 7 levels, 2 streams, 2 layers, 3 stages")
