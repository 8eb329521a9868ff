"""Closed-form op counts against a forward pass in counting arithmetic, and against numbers worked out by hand."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from counting_forward import CountingForward
from counting_preset import CountingPreset

from simulator.model.attention import attention_for
from simulator.model.attention_ops import attention_ops
from simulator.model.attention_rule import DENSE, SPIKING, AttentionRule, rule_for
from simulator.model.checkpoint import read_checkpoint
from simulator.model.linear import SpikingLinear
from simulator.model.llama_config import LlamaConfig
from simulator.model.op_work import STATE_BITS
from simulator.model.ops import stage_ops
from simulator.model.prepare import prepared
from simulator.model.preset import EncoderFields, WeightFields, as_preset
from simulator.model.program import build_program
from simulator.model.tokenizer import Passage
from simulator.model.transformer import forward
from simulator.model.weights import quantize_weights
from simulator.trace.encoding import Encoding

ENCODINGS = [Encoding("ternary", 3), Encoding("binary", 6), Encoding("bitwise", 7)]

# d = 4, f = 3, V = 5, h = 2, kv = 1, hd = 2
SMALL = LlamaConfig(5, 4, 3, 2, 2, 1, 2, 16, 1e-5, 1e4, True, 1)


def count(op_id: str, encoding: Encoding, contexts: int, bits: int = 16) -> dict[str, int]:
    """Counts of one op of the small model for a token with this context."""
    table = stage_ops(SMALL, encoding, defaultdict(lambda: bits))
    (op,) = (op for stage in table.values() for op in stage if op.op_id == op_id)
    return {action: int(n[0]) for action, n in op.work(np.array([contexts]), encoding.n_timesteps).items()}


def test_counts_by_hand():
    """The formulas with their numbers in, for a token that attends to 10 positions; weights of 16 bit."""
    ternary, binary = Encoding("ternary", 3), Encoding("binary", 6)
    hand = {
        # Integers of 8 bits, one 32-bit scale.
        "embedding": {"vector.mul": 4, "memory.read": 4 * 8 + 32, "memory.write": 4 * 16},
        # 4 squares summed; * 1/4; + eps; rsqrt; 4 times the root, 4 times the gain.
        "blocks.0.norm_attn": {
            "vector.mac": 4, "vector.mul": 1 + 4 + 4, "vector.add": 1, "vector.div": 1, "memory.read": 4 * 16,
        },
        # max of 4; silent?; clip below and above; step and 1/step; 4 times 1/step; round 4. Counts of 2 + 1 bit, T = 3.
        "blocks.0.encode_attn_in": {
            "vector.compare": 4 + 1 + 8, "vector.div": 2, "vector.mul": 4, "vector.add": 4,
            "memory.write": 4 * 3, "memory.read": 4 * 3 * 3,
        },
        # q 4, k 2, v 2: two products and one 32-bit scale each.
        "blocks.0.dequant_qkv": {"vector.mul": 2 * 8, "memory.read": 8 * 32},
        # q 4 and k 2 values; one cosine and one sine.
        "blocks.0.rotary": {"vector.mul": 6, "vector.mac": 6, "memory.read": 2 * 16},
        # A key and a value of 2 numbers written; those of 10 positions read.
        "blocks.0.kv_cache": {"memory.write": 4 * 16, "memory.read": 10 * 4 * 16},
        # 2 heads x 10 positions: 2 mac and 1 mul each.
        "blocks.0.qk": {"vector.mac": 2 * 10 * 2, "vector.mul": 2 * 10},
        "blocks.0.softmax": {
            "vector.compare": 20, "vector.add": 20 + 20, "vector.exp": 20, "vector.mul": 20, "vector.div": 2,
        },
        "blocks.0.pv": {"vector.mac": 2 * 10 * 2},
        "blocks.0.residual_attn": {"vector.add": 4, "memory.read": 4 * 16, "memory.write": 4 * 16},
        "blocks.0.dequant_gate_up": {"vector.mul": 2 * 6, "memory.read": 6 * 32},
        "blocks.0.silu": {"vector.exp": 3, "vector.add": 3, "vector.div": 3, "vector.mul": 3},
        # After the last block nothing waits for another residual.
        "blocks.1.residual_mlp": {"vector.add": 4, "memory.read": 4 * 16},
        "lm_head": {"vector.mac": 5 * 4, "vector.mul": 5, "memory.read": 5 * 4 * 8 + 5 * 32},
    }  # fmt: skip
    assert {op_id: count(op_id, ternary, 10) for op_id in hand} == hand
    # min and max of 4, silent?, clip; range, round zero point, round 4, shift 4; counts of 3 bit, T = 6.
    assert count("blocks.0.encode_attn_in", binary, 10) == {
        "vector.compare": 8 + 1 + 8, "vector.div": 2, "vector.mul": 4 + 1, "vector.add": 1 + 1 + 4 + 4,
        "memory.write": 4 * 3, "memory.read": 4 * 3 * 6,
    }  # fmt: skip
    # The zero point times the column sum comes off each of 4 sums first.
    assert count("blocks.0.dequant_o", binary, 10) == {
        "vector.mac": 4, "vector.mul": 2 * 4, "memory.read": 4 * 32 + 4 * 32,
    }  # fmt: skip


RULES = {
    "dense": DENSE,
    "spiking": SPIKING,
    "all four": AttentionRule(queries=True, keys=True, values=True, probabilities=True, kv_bits=8),
    "queries": AttentionRule(queries=True, kv_bits=4),
    "keys and probabilities": AttentionRule(keys=True, probabilities=True, kv_bits=8),
    "integer cache": AttentionRule(kv_bits=8),
    "only keys": rule_for("k", None),
    "only values": rule_for("v", None),
    "only probabilities": rule_for("p", 4),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_closed_form_equals_counting_forward(write_model, encoding, rule):
    """Every op, every action, every token: what the counting forward did is what the Op says for that context."""
    checkpoint = read_checkpoint(write_model(hidden_size=8, intermediate_size=10))
    ids = [1, 7, 30, 7, 12]
    counting = CountingForward(checkpoint, encoding, rule)
    preset = as_preset(encoding).with_attention(rule)
    table = {op.op_id: op for op in build_program(checkpoint.config, preset, checkpoint.stored_bits).ops}
    logits = []
    for position, token_id in enumerate(ids):
        logits.append(counting.token(token_id, position))
        context, spikes = np.array([position + 1]), counting.spikes
        work = {
            op_id: op.work(context, encoding.n_timesteps, np.array([spikes[op.stream or ""]]))
            for op_id, op in table.items()
        }
        said = {op_id: {action: int(n[0]) for action, n in done.items() if n[0]} for op_id, done in work.items()}
        assert said == {op_id: {a: n for a, n in tally.items() if n} for op_id, tally in counting.tally.items()}
    ready = prepared(checkpoint, preset)[0]
    real = forward(ready, np.array(ids), SpikingLinear(ready, encoding), attention_for(rule, encoding))
    assert np.abs(np.array(logits) - real).max() < 1e-3


def test_closed_form_of_qwen3_equals_counting_forward(write_model):
    """Queries and keys normalized head by head: one op more for each block."""
    family = {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]}
    checkpoint = read_checkpoint(write_model(hidden_size=8, intermediate_size=10, **family))
    encoding, ids = ENCODINGS[0], [1, 7, 30]
    counting, program = (
        CountingForward(checkpoint, encoding),
        build_program(checkpoint.config, encoding, checkpoint.stored_bits),
    )
    assert [op.op_id for op in program.ops if "qk_norm" in op.op_id] == ["blocks.0.qk_norm", "blocks.1.qk_norm"]
    logits = []
    for position, token_id in enumerate(ids):
        logits.append(counting.token(token_id, position))
        work = {op.op_id: op.work(np.array([position + 1]), encoding.n_timesteps) for op in program.ops}
        said = {op_id: {action: int(n[0]) for action, n in done.items() if n[0]} for op_id, done in work.items()}
        assert said == {op_id: {a: n for a, n in tally.items() if n} for op_id, tally in counting.tally.items()}
    ready = prepared(checkpoint, as_preset(encoding))[0]
    real = forward(ready, np.array(ids), SpikingLinear(ready, encoding))
    assert np.abs(np.array(logits) - real).max() < 1e-3


PRESETS: dict[str, dict[str, object]] = {
    "rotation and quantile": {
        "rotation": "hadamard",
        "encoder": EncoderFields(threshold="quantile", gamma=0.7, dead_zone=0.6, clip=5),
    },
    "mean and floor": {"rotation": "random", "encoder": EncoderFields(threshold="mean", k=2.0, rounding="floor")},
    "online and normal": {"rotation": "online", "encoder": EncoderFields(threshold="normal")},
    "least error": {"encoder": EncoderFields(threshold="least_error")},
    "least error, dead zone and clip": {
        "rotation": "online",
        "encoder": EncoderFields(threshold="least_error", dead_zone=0.6, clip=5, rounding="floor"),
    },
    "error diffusion": {"encoder": EncoderFields(rounding="error_diffusion", dead_zone=0.3, clip=5)},
    "least error, diffused": {"encoder": EncoderFields(threshold="least_error", rounding="error_diffusion")},
    "static": {"encoder": EncoderFields(threshold="static", step=0.25, steps=3)},
    "groups": {"weights": WeightFields(bits=4, group=5), "encoder": EncoderFields(steps=5)},
}


@pytest.mark.parametrize("fields", PRESETS.values(), ids=PRESETS)
def test_closed_form_of_a_preset_equals_counting_forward(write_model, fields):
    """The same under presets; d = 8 is a doubled rotation, f = 12 a base of order 12, the 4 heads are mixed online."""
    preset = as_preset(Encoding("ternary", 7)).model_copy(update=fields)
    ids = [1, 7, 30, 7]
    folder = write_model(hidden_size=8, intermediate_size=12)
    checkpoint, preset, _ = prepared(read_checkpoint(folder), preset, (Passage(np.array(ids), 1, 0),))
    counting = CountingPreset(checkpoint, preset)
    table = {op.op_id: op for op in build_program(checkpoint.config, preset, checkpoint.stored_bits).ops}
    logits = []
    for position, token_id in enumerate(ids):
        logits.append(counting.token(token_id, position))
        work = {op_id: op.work(np.array([position + 1]), preset.encoding.n_timesteps) for op_id, op in table.items()}
        said = {op_id: {action: int(n[0]) for action, n in done.items() if n[0]} for op_id, done in work.items()}
        assert said == {op_id: {a: n for a, n in tally.items() if n} for op_id, tally in counting.tally.items()}
    real = forward(checkpoint, np.array(ids), SpikingLinear(checkpoint, preset))
    assert np.abs(np.array(logits) - real).max() < 1e-3


def test_queries_and_keys_are_mixed_where_online_encodes_them():
    """SMALL has 2 query heads and as many key heads as it says, of 2 values: one butterfly, 2 additions, for each."""
    online = as_preset(ENCODINGS[0]).model_copy(update={"rotation": "online"})
    work = {op.op_id: op.work_per_token for op in attention_ops("b", SMALL, online, SPIKING)}
    heads = SMALL.num_attention_heads + SMALL.num_key_value_heads
    assert work["b.hadamard_qk"] == {"vector.add": (2 * heads, 0)}
    for preset, rule in ((online, DENSE), (as_preset(ENCODINGS[0]), SPIKING)):
        assert not [op for op in attention_ops("b", SMALL, preset, rule) if op.kind == "hadamard"]


@pytest.mark.parametrize("full", [False, True])
def test_products_of_attention_causal_and_full(full):
    """A text of 9 tokens: every token sees those before it and itself, or (an encoder) all nine."""
    contexts = np.full(9, 9) if full else np.arange(1, 10)
    products = sum(1 for token in range(9) for other in range(9) if full or other <= token)
    assert products == (81 if full else 45)
    table = {op.op_id: op for op in attention_ops("b", SMALL, as_preset(ENCODINGS[0]), DENSE)}
    for op_id in ("b.qk", "b.pv"):  # 2 heads of 2 multiply-accumulates per product
        assert table[op_id].work(contexts, 3)["vector.mac"].sum() == products * 2 * 2
    table = {op.op_id: op for op in attention_ops("b", SMALL, as_preset(ENCODINGS[0]), SPIKING)}
    # Three spikes of the queries of every token add a key element of every position it sees; three of the
    # probabilities add a row of 2 value elements.
    spikes = np.full(9, 3)
    assert table["b.qk"].work(contexts, 3, spikes)["vector.add"].sum() == products * 3
    assert table["b.qk"].work(contexts, 3, spikes)["memory.read"].sum() == products * 3 * 8
    assert table["b.pv"].work(contexts, 3, spikes)["vector.add"].sum() == 9 * 3 * 2
    assert table["b.pv"].work(contexts, 3, spikes)["memory.read"].sum() == 9 * 3 * 2 * 8
    # Taken densely, every query element and every probability is such a row, by multiply-accumulates: as many as above.
    live = {"b.qk": np.full(9, 4), "b.pv": 2 * contexts}
    for op_id, events in live.items():
        assert table[op_id].dense().work(contexts, 1, events)["vector.mac"].sum() == products * 2 * 2


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_ops_come_in_the_order_they_are_done(write_model, rule):
    checkpoint = read_checkpoint(write_model())
    counting = CountingForward(checkpoint, ENCODINGS[0], rule)
    counting.token(1, 0)
    preset = as_preset(ENCODINGS[0]).with_attention(rule)
    program = build_program(checkpoint.config, preset, checkpoint.stored_bits)
    assert [op.op_id for op in program.ops] == list(counting.tally)
    assert [i for stage in program.stages for i in stage.ops] == list(counting.tally)


@pytest.mark.parametrize("encoding", ENCODINGS[:2], ids=str)
def test_a_spiking_head_by_hand(encoding):
    """Four normed values encoded like any others; five sums dequantized."""
    preset = as_preset(encoding).model_copy(update={"head": "spiking"})
    table = stage_ops(SMALL, preset, defaultdict(lambda: 16))
    assert [op.op_id for op in table["head_in"]][-2:] == ["norm_final", "encode_head_in"]
    (dequantized,) = table["head"]
    sums = {"vector.mul": (2 * 5, 0), "memory.read": (5 * 32, 0)}
    columns = {"vector.mul": (2 * 5, 0), "vector.mac": (5, 0), "memory.read": (2 * 5 * 32, 0)}
    assert dequantized.work_per_token == (sums if encoding.signed else columns)
    assert replace(table["head_in"][-1], op_id="x") == replace(table["blocks.0.attn_in"][-1], op_id="x")


@pytest.mark.parametrize(
    ("fields", "embedding", "head"),
    [
        ({"bits": 8}, 4 * 8 + 32, 5 * (4 * 8 + 32)),
        ({"bits": 4, "group": 2}, 4 * 4 + 2 * 32, 5 * (4 * 4 + 2 * 32)),
        ({"bits": 4, "head_bits": 8}, 4 * 8 + 32, 5 * (4 * 8 + 32)),
        ({"bits": 8, "head_bits": 16}, 4 * 32, 5 * 4 * 32),  # as in the files, here of 32 bits
        ({"bits": 16}, 4 * 16, 5 * 4 * 16),
    ],
)
def test_a_head_and_an_embedding_tied_to_it_are_read_at_the_precision_of_the_weights(fields, embedding, head):
    preset = as_preset(ENCODINGS[0]).model_copy(update={"weights": WeightFields(**fields)})
    for tied, rotation in ((True, "none"), (False, "none"), (True, "hadamard")):
        config = replace(SMALL, tie_word_embeddings=tied)
        ops = stage_ops(config, preset.model_copy(update={"rotation": rotation}), defaultdict(lambda: 32))
        first, last = ops["blocks.0.attn_in"][0], ops["head"][-1]
        one_table = tied and rotation == "none"
        assert first.work_per_token["memory.read"] == (embedding if one_table else 4 * 32, 0)
        assert last.work_per_token["memory.read"] == (head, 0)
    assert STATE_BITS == 16


def test_a_rounded_table_is_that_of_the_layers(write_model):
    """Row by row as `quantize_weights` rounds a layer; parts of the rows are the same; other weights stay."""
    checkpoint = read_checkpoint(write_model())
    ready = prepared(checkpoint, as_preset(ENCODINGS[0]))[0]
    layer = quantize_weights(checkpoint.weights["head"])
    expected = layer.rows.T * layer.scale[:, None]
    assert np.array_equal(ready.weights["head"], expected)
    assert np.array_equal(np.concatenate(list(ready.head_parts())), expected)
    assert np.array_equal(ready.embed(np.array([3, 1])), expected[[3, 1]])
    unkept = prepared(checkpoint.unkept(), as_preset(ENCODINGS[0]))[0]
    assert np.array_equal(np.concatenate(list(unkept.head_parts())), expected)
    assert np.array_equal(unkept.embed(np.array([3, 1])), expected[[3, 1]])
    assert ready.weights["blocks.0.q"] is checkpoint.weights["blocks.0.q"]
