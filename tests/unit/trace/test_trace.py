"""Trace.check: a program that does not hold together is refused, one line, with what was expected."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from factories import make_trace

from simulator.errors import TraceError
from simulator.trace.check import check_trace
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Op, Stage, Stream


@pytest.fixture
def trace() -> Trace:
    """Streams layers.0.in (4), layers.1.in (3); layers.0 4 -> 3, layers.1 3 -> 2; stages of these and head."""
    return synthetic_trace("silent", [4, 3, 2], tokens=2)


def with_stage(trace: Trace, index: int, **changes: object) -> Trace:
    stages = list(trace.stages)
    stages[index] = replace(stages[index], **changes)
    return replace(trace, stages=tuple(stages))


def with_ops(trace: Trace, **changes: object) -> Trace:
    return replace(trace, ops=(replace(trace.ops[0], **changes), *trace.ops[1:]))


def local(trace: Trace, live: tuple[int, int] = (1, 1), n: int = 3) -> Trace:
    """``trace`` with a local stream in its first op; by default 1 + c of 3 activations are live."""
    with_stream = replace(trace, streams=(*trace.streams, Stream("local", n, live)))
    return with_ops(with_stream, stream="local", per_spike={"vector.add": (0, 4)})


def with_op(trace: Trace, **counts: tuple[int, int]) -> Trace:
    renamed = {action.replace("__", "."): ab for action, ab in counts.items()}
    return replace(trace, ops=(Op(trace.ops[0].op_id, "encode", renamed), *trace.ops[1:]))


FAULTS = {
    "no tokens": (lambda t: replace(t, positions=np.zeros(0, np.int64)), "no tokens, expected at least one"),
    "no streams": (lambda t: replace(t, streams=()), "no streams"),
    "positions of another type": (lambda t: replace(t, positions=np.zeros(2, np.int32)), "int32.*expected int64"),
    "positions of another shape": (lambda t: replace(t, positions=np.zeros((2, 1), np.int64)), "expected int64"),
    "position beyond 31 bits": (
        lambda t: replace(t, positions=np.array([0, 2**31 - 1])),
        "from 0 to 2147483647, expected 0 to 2147483646",
    ),
    "negative position": (lambda t: replace(t, positions=np.array([0, -1])), "from -1 to 0"),
    "stream id that climbs": (
        lambda t: replace(t, streams=(replace(t.streams[0], stream_id="../x"),)),
        "'../x': expected letters",
    ),
    "stage id that steers a terminal": (
        lambda t: with_stage(t, 2, stage_id="a\x1b[2Jb"),
        r"stage 'a\\x1b\[2Jb': expected 1 to 255 printable characters",
    ),
    "kind of two lines": (
        lambda t: replace(t, layers=(replace(t.layers[0], kind="a\nb"), t.layers[1])),
        r"layer 'a\\nb': expected 1 to 255 printable",
    ),
    "long op id": (lambda t: with_ops(t, op_id="x" * 256), r"op 'x{255}\.\.\.': expected 1 to 255 printable"),
    "empty layer id": (
        lambda t: replace(t, layers=(replace(t.layers[0], layer_id=""), t.layers[1])),
        "layer '': expected 1 to 255 printable",
    ),
    "empty layer": (
        lambda t: replace(t, layers=(replace(t.layers[0], n_out=0), t.layers[1])),
        "layer layers.0: n_out 0, expected 1 to",
    ),
    "weight width": (
        lambda t: replace(t, layers=(replace(t.layers[0], weight_bits=65), t.layers[1])),
        "weight_bits 65, expected 1 to 64",
    ),
    "phases of another shape": (
        lambda t: replace(t, phases=np.zeros(3, np.uint8)),
        r"uint8 \(3,\), expected uint8 \(2,\)",
    ),
    "unknown phase": (lambda t: replace(t, phases=np.array([0, 2], np.uint8)), "phase 2, expected 0"),
    "empty window": (lambda t: replace(t, window=0), "window 0, expected 1 to"),
    "operands too wide": (lambda t: with_ops(t, operand_bits=65), "operand_bits 65, expected 0 to 64"),
    "local stream in no op": (
        lambda t: with_ops(local(t), stream=None, per_spike={}),
        "local stream 'local' is in 0 ops, expected exactly one",
    ),
    "local stream in two ops": (
        lambda t: replace(local(t), ops=(local(t).ops[0], replace(t.ops[1], stream="local"), t.ops[2])),
        "local stream 'local' is in 2 ops",
    ),
    "local stream of a stage": (
        lambda t: with_stage(local(t), 2, stream="local", width=3),
        "stage head: stream 'local' is local, expected one that drives layers",
    ),
    "op driven by the stream of a stage": (lambda t: with_ops(t, stream="layers.0.in"), "'layers.0.in' is not local"),
    "op driven by no stream of the table": (lambda t: with_ops(local(t), stream="loca"), r"'loca' is missing.*'local'"),
    "work per spike of no stream": (lambda t: with_ops(t, per_spike={"vector.add": (1, 0)}), "without a stream"),
    "unknown action per spike": (
        lambda t: with_ops(local(t), per_spike={"vector.ad": (1, 0)}),
        "per spike: unknown action 'vector.ad'",
    ),
    "negative work per timestep": (lambda t: with_ops(t, per_timestep={"memory.read": (-1, 0)}), "negative"),
    "work per spike beyond 64 bits": (
        lambda t: with_ops(local(t), per_spike={"vector.add": (2**58, 0)}),  # x 3 neurons x 7 timesteps x 2 tokens
        "per spike: vector.add .* is too large, expected a sum of 64 bits",
    ),
    "more live than stored": (lambda t: local(t, (2, 1)), r"live \[2, 1\] makes 4 activations at a context of 2"),
    "live falls with the context": (lambda t: local(t, (3, -1)), "expected b >= 0"),
    "unknown action": (lambda t: with_op(t, vector__macc=(1, 0)), "'vector.macc'.*did you mean 'vector.mac'"),
    "negative slope": (lambda t: with_op(t, vector__mac=(9, -1)), "negative"),
    "beyond 64 bits by its slope": (
        lambda t: with_op(t, vector__mac=(0, 2**61)),  # context 2 of 2 tokens: 2^63
        "expected a sum of 64 bits",
    ),
    "negative at context 1": (lambda t: with_op(t, vector__mac=(-2, 1)), "negative"),
    "beyond 64 bits": (lambda t: with_op(t, vector__mac=(2**62, 0)), "expected a sum of 64 bits"),  # x 2 tokens = 2^63
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
    "unknown op": (lambda t: with_stage(t, 2, ops=("head.dequantize", "x")), "op 'x' is missing from the op table"),
    "unknown layer": (
        lambda t: with_stage(t, 1, layers=("layers.1", "layers.9")),
        r"layer 'layers.9' is missing from the layer table, expected one of it \(did you mean",
    ),
    "unknown stream": (
        lambda t: replace(t, stages=(*t.stages, Stage("x", 3, (), "y", (), ()))),
        "stream 'y' is missing from the stream table",
    ),
    "layers without a stream": (
        lambda t: with_stage(with_stage(t, 1, layers=()), 2, layers=("layers.1",)),
        "head: found layers without a stream, expected both or neither",
    ),
    "width of another stream": (lambda t: with_stage(t, 1, width=4), "width 4, expected 3"),
    "fan-in of another stream": (
        lambda t: replace(t, layers=(t.layers[0], replace(t.layers[1], n_in=4))),
        "layer layers.1 takes 4 inputs from 'layers.1.in', expected 3",
    ),
    "layer of another stream": (
        lambda t: replace(t, layers=(t.layers[0], replace(t.layers[1], stream="layers.0.in"))),
        "from 'layers.0.in', expected 3 from 'layers.1.in'",
    ),
    "source of a later stage": (
        lambda t: with_stage(t, 0, sources=("layers.1",)),
        "sources: 'layers.1' is not ready, expected one of an earlier stage",
    ),
    "source of its own": (lambda t: with_stage(t, 1, sources=("layers.1",)), "'layers.1' is not ready"),
    "source twice": (lambda t: with_stage(t, 1, sources=("layers.0", "layers.0")), "expected each id once"),
    "carries an unknown stage": (lambda t: with_stage(t, 1, carries=("x",)), "carries: 'x' is not ready"),
    "carries a later stage": (lambda t: with_stage(t, 0, carries=("head",)), "carries: 'head' is not ready"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_refuses_a_program_that_does_not_hold_together(trace, fault):
    check_trace(trace)
    broken, message = FAULTS[fault]
    with pytest.raises(TraceError, match=message) as raised:
        check_trace(broken(trace))
    assert str(raised.value).startswith("silent-4-3-2: ")
    assert "\n" not in str(raised.value)


def test_accepts_a_residual_stream_and_a_count_that_is_zero_at_the_first_token(trace):
    check_trace(with_stage(trace, 2, carries=("layers.0.in",)))
    check_trace(with_op(trace, vector__add=(-4, 4)))  # 4 sums of c terms: 4(c - 1) additions, 0 at c = 1
    with pytest.raises(TraceError, match=r"vector\.add"):
        check_trace(with_op(trace, vector__add=(-5, 4)))  # -1 at c = 1


MOST = 2**31 - 1


def test_values_at_the_limits_are_accepted(trace):
    """Sizes up to 2^31 - 1, weights and operands of 64 bits, sums below 2^63 over 2 tokens."""
    check_trace(replace(trace, phases=np.array([0, 1], np.uint8)))
    check_trace(replace(trace, layers=(replace(trace.layers[0], n_out=MOST, weight_bits=64), trace.layers[1])))
    check_trace(replace(trace, layers=(replace(trace.layers[0], n_out=1, weight_bits=1), trace.layers[1])))
    check_trace(replace(trace, window=1))
    check_trace(with_ops(trace, operand_bits=64))
    check_trace(with_ops(local(trace, (3, 0)), operand_bits=0))
    check_trace(local(trace, (-1, 1), 1))  # 0 live at a context of 1
    check_trace(local(trace, (0, 1), 2))  # as many as are stored
    check_trace(with_op(trace, vector__mac=(2**62 - 1, 0)))
    check_trace(with_op(trace, vector__mac=(0, 2**61 - 1)))  # at contexts up to 2
    check_trace(with_op(trace, vector__mac=(2**61, 2**60 - 1)))
    check_trace(with_ops(local(trace), per_spike={"vector.add": (2**62 // 21, 0)}))  # 3 neurons x 7 timesteps


BEYOND = {
    "layer": (
        lambda t: replace(t, layers=(replace(t.layers[0], n_out=MOST + 1), t.layers[1])),
        f"n_out {MOST + 1}, expected 1 to {MOST}$",
    ),
    "weight": (
        lambda t: replace(t, layers=(replace(t.layers[0], weight_bits=0), t.layers[1])),
        "weight_bits 0, expected 1 to 64$",
    ),
    "operand": (lambda t: with_ops(t, operand_bits=-1), "operand_bits -1, expected 0 to 64$"),
    "live at context 1": (lambda t: local(t, (-2, 1), 3), r"live \[-2, 1\] makes 0 activations"),
    "work": (lambda t: with_op(t, vector__mac=(2**61, 2**60)), "is too large"),
    "per timestep": (lambda t: with_ops(t, per_timestep={"memory.read": (2**62 // 7 + 1, 0)}), "per timestep: .*large"),
    "per spike": (
        lambda t: with_ops(local(t), per_spike={"vector.add": (2**62 // 21 + 1, 0)}),
        "per spike: .*is too large, expected a sum of 64 bits over 2 tokens",
    ),
}


@pytest.mark.parametrize("what", BEYOND)
def test_one_beyond_the_limits_is_refused(trace, what):
    broken, message = BEYOND[what]
    with pytest.raises(TraceError, match=message):
        check_trace(broken(trace))


def test_op_counts_grow_with_the_context():
    op = Op("softmax", "softmax", {"vector.exp": (0, 3), "vector.div": (2, 0)})
    work = op.work(np.array([1, 2, 10]), n_timesteps=7)
    assert {action: n.tolist() for action, n in work.items()} == {"vector.exp": [3, 6, 30], "vector.div": [2, 2, 2]}


def test_work_that_every_timestep_repeats():
    """A buffer of 40 bits, written once (5 bits of it twice) and read in each of 7 timesteps."""
    op = Op("encode", "encode", {"memory.write": (40, 0), "memory.read": (5, 0)}, {"memory.read": (40, 0)})
    work = op.work(np.array([1, 9]), n_timesteps=7)
    assert {action: n.tolist() for action, n in work.items()} == {"memory.write": [40, 40], "memory.read": [285, 285]}


def test_work_that_every_spike_triggers():
    """3, then 0 spikes at contexts of 2 and 5: each adds 4 values and reads 8 bits of each position."""
    op = Op("qk", "qk", {"vector.mul": (0, 1)}, {}, "q", {"vector.add": (4, 0), "memory.read": (0, 8)})
    contexts, spikes = np.array([2, 5]), np.array([3, 0])
    work = {action: n.tolist() for action, n in op.work(contexts, 7, spikes).items()}
    assert work == {"vector.mul": [2, 5], "vector.add": [12, 0], "memory.read": [48, 0]}
    with pytest.raises(ValueError, match="no spikes are given"):
        op.work(contexts, 7)


def test_an_integer_multiplies_where_a_spike_adds():
    op = Op("qk", "qk", {}, {}, "q", {"vector.add": (4, 1), "vector.mac": (2, 0), "memory.read": (0, 8)})
    assert op.dense().per_spike == {"vector.mac": (6, 1), "memory.read": (0, 8)}


def test_only_live_activations_of_a_local_stream_exist(trace):
    """Contexts 1 and 2, live 1 + c of 3 activations."""
    counts = np.array([[3, -1, 0], [0, 0, 2]], np.int8)
    attention = replace(local(trace), load_counts=lambda _: counts)
    check_trace(attention)
    assert attention.live("local").tolist() == [2, 3]
    assert attention.live("layers.0.in").tolist() == [4, 4]
    assert attention.spikes_per_token("local").tolist() == [4, 2]
    assert attention.live_counts("local").tolist() == [3, -1, 0, 0, 2]
    with pytest.raises(TraceError, match="token 0 counts 7 at activation 2, expected 0 beyond its 2 live ones"):
        replace(attention, load_counts=lambda _: np.array([[0, 0, 7], [0, 0, 0]], np.int8)).spike_counts("local")


def test_bounds_that_a_trace_may_reach(trace):
    """The last position of 31 bits; work that is 0 at context 1; all 3 stored activations live at context 2."""
    check_trace(replace(trace, positions=np.array([0, 2**31 - 2])))
    check_trace(with_op(trace, vector__mac=(-1, 1)))
    check_trace(with_op(trace, vector__mac=(2**62 - 3, 1)))  # 2^62 - 3 + 2 over 2 tokens: 2 below 2^63


def test_phase_of_all_tokens_or_mixed(trace):
    assert trace.phase == "prefill"
    assert replace(trace, phases=np.array([1, 1], np.uint8)).phase == "decode"
    assert replace(trace, phases=np.array([0, 1], np.uint8)).phase == "mixed"
    assert synthetic_trace("silent", [2, 2], tokens=1).phase == "prefill"


def test_some_tokens_of_a_trace():
    whole = synthetic_trace("poisson", [4, 3, 2], tokens=4, seed=1)
    part = pickle.loads(pickle.dumps(whole.take(np.array([False, True, False, True]))))
    check_trace(part)
    assert part.positions.tolist() == [1, 3]
    assert np.array_equal(part.spike_counts("layers.1.in"), whole.spike_counts("layers.1.in")[[1, 3]])


def test_a_window_bounds_the_context(trace):
    sliding = replace(trace, positions=np.array([0, 7]), window=3)
    assert sliding.contexts.tolist() == [1, 3]


def test_context_includes_the_token_itself(trace):
    assert trace.contexts.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.zeros((2, 3), np.int8), r"\(2, 3\), expected integers \(2, 4\)"),
        (np.zeros((2, 4), np.float32), "float32"),
        (np.full((2, 4), 8, np.int8), "from 8 to 8, expected -7 to 7"),
        (np.full((2, 4), -8, np.int8), "from -8 to -8, expected -7 to 7"),
    ],
)
def test_refuses_counts_that_are_not_of_the_encoding(trace, counts, message):
    with pytest.raises(TraceError, match=message):
        replace(trace, load_counts=lambda _: counts).spike_counts("layers.0.in")


def test_unsigned_code_refuses_negative_counts():
    trace = synthetic_trace("silent", [4, 2], tokens=2, code="binary")
    with pytest.raises(TraceError, match="expected 0 to 7"):
        replace(trace, load_counts=lambda _: np.full((2, 4), -1, np.int8)).spike_counts("layers.0.in")


def test_unknown_stream_is_told_with_the_nearest_one(trace):
    with pytest.raises(TraceError, match=r"no such stream 'layers.0.inn' \(did you mean 'layers.0.in'"):
        trace.spike_counts("layers.0.inn")


def test_counts_are_loaded_once(trace):
    calls: list[str] = []

    def load(stream_id: str) -> np.ndarray:
        calls.append(stream_id)
        return np.zeros((2, 4), np.int8)

    lazy = replace(trace, load_counts=load)
    assert lazy.spike_counts("layers.0.in") is lazy.spike_counts("layers.0.in")
    assert calls == ["layers.0.in"]


def test_prints_as_one_line(trace):
    assert str(trace) == ("silent-4-3-2: 2 tokens (prefill), ternary spikes of 7 levels, 2 streams, 2 layers, 3 stages")


def with_texts(positions: list[int], phases: list[int]) -> Trace:
    trace = make_trace(n_blocks=1, n_tokens=1).take(np.zeros(len(positions), np.int64))
    return replace(trace, positions=np.array(positions), phases=np.array(phases, np.uint8))


def test_serving_forms_the_logits_of_the_last_prompt_token_and_of_each_decoded_one():
    """A prompt of 3 with 2 decoded tokens, a prompt of 2 alone, a prompt of 1."""
    trace = with_texts([0, 1, 2, 3, 4, 0, 1, 0], [0, 0, 0, 1, 1, 0, 0, 0])
    assert trace.forms_logits.all()
    served = trace.served("last")
    assert served.forms_logits.tolist() == [False, False, True, True, True, False, True, True]
    assert served.head_stages == {"head"}
    assert [s.stage_id for s in served.stages if not served.works(s).all()] == ["head"]
    assert served.works_on("lm_head").sum() == 5
    assert served.served("all").forms_logits.all()
    assert trace.served("all") is trace


def test_a_spiking_head_is_the_stage_that_drives_it_and_the_one_that_collects_its_sums():
    trace = make_trace(n_blocks=1, n_tokens=2)
    layers = (*trace.layers[:-1], replace(trace.layers[-1], kind="head"))
    trace = replace(trace, layers=layers)
    driving = next(s.stage_id for s in trace.stages if layers[-1].layer_id in s.layers)
    assert trace.head_stages == {driving, "head"}
