"""Rotations and scales folded into the weights leave the float model what it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from families import FAMILIES, TOKENS, write_family

from simulator.errors import ModelError
from simulator.model.checkpoint import Checkpoint, read_checkpoint
from simulator.model.linear import FloatLinear, SpikingLinear
from simulator.model.ops import stage_ops
from simulator.model.perplexity import score_passages
from simulator.model.prepare import prepared
from simulator.model.preset import EncoderFields, WeightFields, as_preset, load_preset
from simulator.model.rotation import ResidualRotation, fold_rotation, online_rotations
from simulator.model.tokenizer import Passage
from simulator.model.transformer import forward
from simulator.trace.encoding import Encoding

# Logits are compared with those of the float model, so its head stays as it is.
PLAIN = as_preset(Encoding("ternary", 15)).model_copy(update={"weights": WeightFields(head_bits=16)})


def rotated_logits(checkpoint: Checkpoint, rotation: str, ids: np.ndarray) -> np.ndarray:
    """The float model in the coordinates of a prepared checkpoint, its online rotations done."""
    dense, online = FloatLinear(checkpoint), online_rotations(checkpoint.config, rotation)

    def linear(stream_id, values):
        kind = stream_id.rsplit(".", 1)[-1]
        return dense(stream_id, online[kind](values) if kind in online else values)

    return forward(checkpoint, ids, linear)


def passage(ids: np.ndarray) -> tuple[Passage, ...]:
    return (Passage(ids, 1, 0),)


def assert_unchanged(folder: Path, ids: np.ndarray, tolerance: float) -> None:
    checkpoint = read_checkpoint(folder)
    expected = forward(checkpoint, ids, FloatLinear(checkpoint))
    assert np.abs(expected).max() > 1
    for preset in (
        PLAIN.model_copy(update={"rotation": "hadamard", "seed": 3}),
        PLAIN.model_copy(update={"rotation": "random", "seed": 4}),
        PLAIN.model_copy(update={"smooth": 0.5}),
        PLAIN.model_copy(update={"rotation": "hadamard", "smooth": 0.6}),
        PLAIN.model_copy(update={"rotation": "online"}),
    ):
        ready, _, _ = prepared(checkpoint, preset, passage(ids))
        assert np.abs(rotated_logits(ready, preset.rotation, ids) - expected).max() < tolerance


def test_logits_of_a_random_model_with_grouped_heads_are_unchanged(write_model):
    # 12 and 20 wide (Paley), 4 heads on 2 key/value heads
    assert_unchanged(write_model(), np.arange(1, 20), 1e-4)


@pytest.mark.parametrize("name", list(FAMILIES))
def test_logits_of_every_family_are_unchanged(tmp_path, name):
    assert_unchanged(write_family(tmp_path / name, name), TOKENS, 3e-4)


def test_logits_with_biases_and_an_untied_head_are_unchanged(write_model, tiny_tensors_of):
    changes = {"tie_word_embeddings": False, "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}
    tensors = tiny_tensors_of(tie_word_embeddings=False)
    rng = np.random.default_rng(5)
    for i in range(2):
        for name, width in (("q", 16), ("k", 8), ("v", 8)):
            tensors[f"model.layers.{i}.self_attn.{name}_proj.bias"] = rng.standard_normal(width).astype(np.float32)
    assert_unchanged(write_model(tensors, **changes), np.arange(1, 20), 1e-4)


def test_logits_of_the_shipped_model_are_unchanged(shipped_model):
    assert_unchanged(shipped_model, np.arange(1, 60), 1e-4)


def test_logits_of_stories_are_unchanged(stories):
    # its intermediate width 172 is no power of two and no Paley order
    assert_unchanged(stories / "stories260K", np.arange(1, 60), 1e-4)


def test_a_rotation_is_orthogonal_and_follows_from_its_seed():
    for rotation in ("hadamard", "random"):
        q = ResidualRotation(20, rotation, 1).matrix()
        assert np.allclose(q @ q.T, np.eye(20), atol=1e-12)
        assert np.array_equal(q, ResidualRotation(20, rotation, 1).matrix())
        assert not np.array_equal(q, ResidualRotation(20, rotation, 2).matrix())


def test_rows_of_a_large_model_are_folded_without_the_others(write_model, monkeypatch):
    checkpoint = read_checkpoint(write_model())
    whole = fold_rotation(checkpoint, "hadamard", 1)
    monkeypatch.setattr(Checkpoint, "kept", property(lambda self: False))
    parts = fold_rotation(checkpoint, "hadamard", 1)
    for weight_id in ("embedding", "head"):
        assert np.array_equal(parts.rows(weight_id, slice(3, 7)), whole.weights[weight_id][3:7])


def test_weights_that_are_not_prepared_are_refused(write_model):
    checkpoint = read_checkpoint(write_model())
    with pytest.raises(ValueError, match="rotation online, but weights of none"):
        SpikingLinear(checkpoint, load_preset("sdllm"))
    with pytest.raises(ValueError, match="rotation none, but weights of random"):
        SpikingLinear(fold_rotation(checkpoint, "random"), PLAIN)


def test_smoothing_evens_out_the_channels(write_model, tiny_tensors_of):
    """A channel with a large gain: its share of the range goes into the weights."""
    tensors = tiny_tensors_of()
    tensors["model.layers.0.input_layernorm.weight"][5] *= 40
    checkpoint = read_checkpoint(write_model(tensors))
    ids = np.arange(1, 20)
    ready, _, notes = prepared(checkpoint, PLAIN.model_copy(update={"smooth": 1.0}), passage(ids))
    assert notes == ("preset ternary was calibrated on the first 19 tokens of the text itself",)
    # alpha = 1: every channel of the calibration reaches exactly 1
    seen = []
    forward(ready, ids, lambda i, x: (seen.append(x) if i == "blocks.0.attn_in" else None) or FloatLinear(ready)(i, x))
    assert np.abs(seen[0]).max(axis=0) == pytest.approx(np.ones(12), rel=1e-5)


def test_static_steps_are_found_on_the_text_and_kept_in_the_preset(write_model):
    checkpoint = read_checkpoint(write_model())
    fields = EncoderFields(threshold="static", gamma=0.9)
    preset = PLAIN.model_copy(update={"encoder": fields})
    with pytest.raises(ModelError, match="found on a text, expected one"):
        prepared(checkpoint, preset)
    ids = np.arange(1, 20)
    ready, settled, _ = prepared(checkpoint, preset, passage(ids))
    steps = {i: settled.encoder_of(i).rule.step for i in ("blocks.0.attn_in", "blocks.1.attn_in")}
    assert len(set(steps.values())) == 2
    # used as they are, no text is needed any more
    assert prepared(checkpoint, settled)[1] == settled
    linear = SpikingLinear(ready, settled)
    score_passages(ready, passage(ids), linear)
    # a tenth of the activations lies beyond 15 steps; some of them round down to it
    assert linear.n_encoded["attn_in"] == 19 * 12 * 2
    share = linear.n_clipped["attn_in"] / linear.n_encoded["attn_in"]
    assert 0.02 < share <= 0.1


def test_ops_of_a_rotated_group_wise_model(write_model):
    checkpoint = read_checkpoint(write_model())
    weights = PLAIN.weights.model_copy(update={"bits": 4, "group": 6})
    preset = PLAIN.model_copy(update={"rotation": "hadamard", "weights": weights})
    before = {
        op.op_id: op for ops in stage_ops(checkpoint.config, PLAIN, checkpoint.stored_bits).values() for op in ops
    }
    after = {
        op.op_id: op for ops in stage_ops(checkpoint.config, preset, checkpoint.stored_bits).values() for op in ops
    }
    # 4 heads of 4 are mixed across heads: 2 rounds of 16 adds; 20 wide is Paley: 19 adds for each
    assert set(after) - set(before) == {f"blocks.{i}.hadamard_{s}" for i in (0, 1) for s in ("attn_out", "mlp_hidden")}
    assert after["blocks.0.hadamard_attn_out"].work_per_token == {"vector.add": (32, 0)}
    assert after["blocks.0.hadamard_mlp_hidden"].work_per_token == {"vector.add": (380, 0)}
    # without its gain a norm of 12 has 12 mul less and reads nothing
    assert after["blocks.0.norm_attn"].work_per_token["vector.mul"] == (13, 0)
    assert "memory.read" not in after["blocks.0.norm_attn"].work_per_token
    # down: 20 inputs are 4 groups of at most 6: 4 sums of 12 outputs, joined by 3 adds each
    assert after["blocks.0.dequant_down"].work_per_token == {
        "vector.mul": (2 * 48, 0), "vector.add": (36, 0), "memory.read": (48 * 32, 0),
    }  # fmt: skip
    # a smoothed model keeps its gains
    smooth = stage_ops(checkpoint.config, preset.model_copy(update={"smooth": 0.5}), checkpoint.stored_bits)
    assert next(op for op in smooth["blocks.0.attn_in"] if op.kind == "norm") == before["blocks.0.norm_attn"]


def test_group_wise_and_bfloat16_weights_come_nearer_to_the_float_model(write_model):
    checkpoint = read_checkpoint(write_model())
    values = np.random.default_rng(1).standard_normal((5, 20)).astype(np.float32)
    exact = FloatLinear(checkpoint)("blocks.0.mlp_hidden", values)[0]
    wide = as_preset(Encoding("graded", 32767))

    def error(**fields) -> float:
        preset = wide.model_copy(update={"weights": wide.weights.model_copy(update=fields)})
        linear = SpikingLinear(checkpoint, preset, verify_tokens=2)
        found = np.abs(linear("blocks.0.mlp_hidden", values)[0] - exact).max()
        assert linear.n_verified == (0 if fields["bits"] == 16 else 2 * 12 * (4 if "group" in fields else 1))
        return float(found)

    errors = [error(bits=4), error(bits=4, group=6), error(bits=8), error(bits=16)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] < 1
    assert errors[-1] < 0.01


def test_replaced_checkpoints_keep_their_config(write_model):
    checkpoint = read_checkpoint(write_model())
    assert replace(fold_rotation(checkpoint, "none")) == checkpoint
