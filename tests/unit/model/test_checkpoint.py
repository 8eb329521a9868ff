"""model.safetensors is read as it is, or refused with a line for each tensor at fault."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter

import ml_dtypes
import numpy as np
import pytest
from families import write_shards
from safetensors.numpy import load_file, save_file

from simulator.errors import ModelError
from simulator.model import checkpoint as checkpoint_module
from simulator.model import linear as linear_module
from simulator.model.checkpoint import read_checkpoint, tensor_specs
from simulator.model.encoder import encoding_for
from simulator.model.linear import FloatLinear, SpikingLinear
from simulator.model.transformer import forward
from simulator.model.weight_files import weight_files


@pytest.mark.parametrize(
    ("dtype", "bits"), [(np.float32, 32), (np.float16, 16), (ml_dtypes.bfloat16, 16)], ids=["fp32", "fp16", "bf16"]
)
def test_reads_each_number_type(write_model, tiny_tensors_of, dtype, bits):
    stored = {name: tensor.astype(dtype) for name, tensor in tiny_tensors_of().items()}
    checkpoint = read_checkpoint(write_model(stored))
    q = checkpoint.weights["blocks.1.q"]
    assert q.dtype == np.float32
    assert np.array_equal(q, stored["model.layers.1.self_attn.q_proj.weight"].astype(np.float32))
    assert set(checkpoint.stored_bits.values()) == {bits}
    assert len(checkpoint.weights) == 1 + 2 * 9 + 1 + 1


def test_tied_head_is_the_embedding(write_model):
    checkpoint = read_checkpoint(write_model())
    assert checkpoint.weights["head"] is checkpoint.weights["embedding"]


def test_untied_head_is_its_own(write_model, tiny_tensors_of):
    tensors = tiny_tensors_of(tie_word_embeddings=False)
    checkpoint = read_checkpoint(write_model(tensors, tie_word_embeddings=False))
    assert np.array_equal(checkpoint.weights["head"], tensors["lm_head.weight"])


def test_spare_tensors_of_old_files_pass(write_model, tiny_tensors_of):
    spare = {
        "lm_head.weight": tiny_tensors_of()["model.embed_tokens.weight"],
        "model.layers.0.self_attn.rotary_emb.inv_freq": np.zeros(2, np.float32),
    }
    checkpoint = read_checkpoint(write_model(tiny_tensors_of() | spare))
    assert checkpoint.weights["head"] is checkpoint.weights["embedding"]
    assert checkpoint.config.warnings == ()


NORM, Q = "model.norm.weight", "model.layers.0.self_attn.q_proj.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({NORM: None}, "tensor model.norm.weight: missing, expected shape [12]"),
        (
            {NORM: None, "model.norms.weight": np.ones(12, np.float32)},
            "tensor model.norm.weight: missing, expected shape [12] (did you mean 'model.norms.weight'?)",
        ),
        (
            {"model.layers.0.self_attn.q_proj.bias": np.ones(16, np.float32)},
            "tensor model.layers.0.self_attn.q_proj.bias: no place for it",
        ),
        ({Q: np.ones((12, 16), np.float32)}, f"tensor {Q}: shape [12, 16], expected [16, 12]"),
        ({Q: np.ones((16, 12), np.int8)}, f"tensor {Q}: type I8, expected F32, F16, BF16"),
        (
            {Q: np.full((16, 12), np.nan, np.float32)},
            f"tensor {Q}: 192 of 192 weights are NaN or infinite, expected finite ones",
        ),
    ],
)
def test_names_the_tensor_at_fault(write_model, tiny_tensors_of, change, message):
    tensors = {name: tensor for name, tensor in (tiny_tensors_of() | change).items() if tensor is not None}
    with pytest.raises(ModelError) as error:
        read_checkpoint(write_model(tensors))
    assert message in str(error.value)
    assert "model.safetensors: " in str(error.value)


def test_reports_all_tensors_at_once(write_model, tiny_tensors_of):
    tensors = {name: tensor for name, tensor in tiny_tensors_of().items() if "layers.1" not in name}
    with pytest.raises(ModelError) as error:
        read_checkpoint(write_model(tensors))
    assert len(str(error.value).splitlines()) == 9


@pytest.mark.parametrize("kept", [0, 4, 200, -1])
def test_truncated_file(write_model, kept):
    path = write_model() / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelError, match=r"model\.safetensors: damaged or cut short"):
        read_checkpoint(path.parent)


def test_missing_file(write_model):
    path = write_model() / "model.safetensors"
    path.unlink()
    with pytest.raises(ModelError, match=r"no such file, nor .*index\.json; the folder holds no weights"):
        read_checkpoint(path.parent)


@pytest.fixture
def sharded(write_model, tiny_tensors_of):
    folder = write_model()
    write_shards(folder, tiny_tensors_of())
    return folder


def test_shards_are_one_model(sharded, tiny_tensors_of):
    checkpoint = read_checkpoint(sharded)
    for weight_id, spec in tensor_specs(checkpoint.config).items():
        assert np.array_equal(checkpoint.weights[weight_id], tiny_tensors_of()[spec.name])


def test_missing_shard(sharded):
    (sharded / "model-00002-of-00002.safetensors").unlink()
    message = r"index\.json: shard model-00002-of-00002\.safetensors: no such file, expected 10 tensors in it"
    with pytest.raises(ModelError, match=message):
        read_checkpoint(sharded)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda m: m | {NORM: "../model.safetensors"},
            "'../model.safetensors', expected the name of a file in this folder",
        ),
        (lambda m: m | {NORM: "model-00001-of-00002.safetensors"}, "norm.weight: missing, the index has it here"),
        (lambda m: {}, "weight_map: {}, expected tensors and their shards"),
    ],
)
def test_an_index_that_is_not_that_of_its_shards(sharded, change, message):
    path = sharded / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    path.write_text(json.dumps(index | {"weight_map": change(index["weight_map"])}))
    with pytest.raises(ModelError) as error:
        read_checkpoint(sharded)
    assert message in str(error.value)


@pytest.mark.parametrize("shard", ["", ".", "..", "a/b", "x" * 300, "é" * 200, "a\0b", 7, None, ["a"]])
def test_a_shard_that_is_no_file_name(sharded, shard):
    path = sharded / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    path.write_text(json.dumps(index | {"weight_map": index["weight_map"] | {NORM: shard}}))
    with pytest.raises(ModelError, match=r"weight_map\.model\.norm\.weight: .*, expected the name of a file"):
        read_checkpoint(sharded)


def test_a_deep_index_is_one_clear_line(sharded):
    (sharded / "model.safetensors.index.json").write_text('{"weight_map":' + "[" * 100_000)
    with pytest.raises(ModelError, match="nested too deep"):
        read_checkpoint(sharded)


def with_extra(folder, name, tensor):
    """The second shard with one tensor more, which the index does not list."""
    path = folder / "model-00002-of-00002.safetensors"
    save_file(load_file(path) | {name: tensor}, path, {"format": "pt"})


@pytest.mark.parametrize("suffix", ["inv_freq", "cos_cached", "sin_cached"])
def test_a_spare_tensor_that_the_index_leaves_out_passes(sharded, suffix):
    with_extra(sharded, f"model.layers.0.self_attn.rotary_emb.{suffix}", np.ones(4, np.float32))
    assert read_checkpoint(sharded).config.warnings == ()


def test_a_head_that_the_index_leaves_out_is_the_head(sharded, tiny_tensors_of):
    """As in a single file: one of the same values is spare, another one is used."""
    same = tiny_tensors_of()["model.embed_tokens.weight"]
    with_extra(sharded, "lm_head.weight", same)
    assert read_checkpoint(sharded).config.tie_word_embeddings
    with_extra(sharded, "lm_head.weight", same + 1)
    assert np.array_equal(read_checkpoint(sharded).weights["head"], same + 1)


def test_an_unknown_tensor_that_the_index_leaves_out_is_refused(sharded):
    with_extra(sharded, "model.layers.0.self_attn.q_proj.lora_A", np.ones(4, np.float32))
    with pytest.raises(ModelError, match=r"tensor .*lora_A: no place for it in this architecture"):
        read_checkpoint(sharded)


def test_a_tensor_in_two_shards_is_refused(sharded, tiny_tensors_of):
    with_extra(sharded, "model.embed_tokens.weight", tiny_tensors_of()["model.embed_tokens.weight"])
    with pytest.raises(ModelError, match=r"embed_tokens\.weight: the index has it in model-00001"):
        read_checkpoint(sharded)


def test_a_tied_head_of_other_values_is_used_and_said(write_model, tiny_tensors_of):
    """transformers 5 does not tie then; golden logits in tests/golden (llama-other-head)."""
    other = tiny_tensors_of()["model.embed_tokens.weight"][::-1].copy()
    checkpoint = read_checkpoint(write_model(tiny_tensors_of() | {"lm_head.weight": other}))
    assert np.array_equal(checkpoint.weights["head"], other)
    assert not checkpoint.config.tie_word_embeddings
    (warning,) = checkpoint.config.warnings
    assert warning.startswith(
        "model.safetensors: tie_word_embeddings is true, but lm_head.weight has values of its own"
    )


def test_a_tied_model_that_holds_the_head_only(write_model, tiny_tensors_of):
    """transformers ties the other way round then."""
    tensors = tiny_tensors_of()
    embedding = tensors.pop("model.embed_tokens.weight")
    checkpoint = read_checkpoint(write_model(tensors | {"lm_head.weight": embedding}))
    assert np.array_equal(checkpoint.weights["embedding"], embedding)
    assert checkpoint.weights["head"] is checkpoint.weights["embedding"]


def test_an_index_that_is_no_index(sharded):
    (sharded / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(ModelError, match=r"index\.json: found a JSON list, expected an object"):
        read_checkpoint(sharded)


def test_the_hash_of_one_file_is_that_of_the_file(write_model):
    folder = write_model()
    assert weight_files(folder).sha256() == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


@pytest.fixture
def large(monkeypatch):
    """Every model counts as too large to stay in memory, and its head comes in parts of 3 rows."""
    monkeypatch.setattr(checkpoint_module, "KEPT_BYTES", 0)
    monkeypatch.setattr(checkpoint_module, "PART_BYTES", 3 * 4 * 12)


def test_a_large_model_is_read_tensor_by_tensor_to_the_same_logits(write_model, request):
    folder, ids = write_model(), np.array([1, 5, 9, 5])
    small = read_checkpoint(folder)
    assert small.kept
    right = forward(small, ids, FloatLinear(small))
    request.getfixturevalue("large")
    large = read_checkpoint(folder)
    assert not large.kept
    assert len(list(large.head_parts())) == 14
    assert large.weights["blocks.0.q"] is not large.weights["blocks.0.q"]
    np.testing.assert_allclose(forward(large, ids, FloatLinear(large)), right, rtol=1e-6)


def test_not_a_number_in_a_large_model_is_told_when_it_is_read(write_model, tiny_tensors_of, large):
    checkpoint = read_checkpoint(write_model(tiny_tensors_of() | {Q: np.full((16, 12), np.inf, np.float32)}))
    with pytest.raises(
        ModelError, match=r"q_proj\.weight: 192 of 192 weights are NaN or infinite, expected finite ones"
    ):
        checkpoint.weights["blocks.0.q"]


@pytest.mark.parametrize("token", [-1, 40])
def test_a_token_outside_the_vocabulary(write_model, token):
    checkpoint = read_checkpoint(write_model())
    with pytest.raises(ModelError, match=f"token {token} is outside the vocabulary, expected 0 to 39"):
        checkpoint.embed(np.array([1, token]))


def test_a_model_between_small_and_large_rounds_its_weights_once(write_model, monkeypatch):
    """Too large to stay in float32, small enough in bytes: the same logits, each weight folded and rounded once."""
    folder, ids = write_model(), np.array([1, 5, 9, 5])
    encoding = encoding_for("ternary", 7)
    small = read_checkpoint(folder)
    expected = forward(small, ids, SpikingLinear(small, encoding))
    size = 4 * sum(math.prod(small.weights[i].shape) for i in small.weights)
    monkeypatch.setattr(checkpoint_module, "KEPT_BYTES", size // 4)
    middle = read_checkpoint(folder)
    assert not middle.kept
    assert middle.kept_rounded
    read = Counter()
    rounded = linear_module.rounded_groups
    monkeypatch.setattr(linear_module, "rounded_groups", lambda *a: read.update(n=1) or rounded(*a))
    linear = SpikingLinear(middle, encoding)
    for _ in range(2):
        np.testing.assert_allclose(forward(middle, ids, linear), expected, rtol=1e-6)
    assert read["n"] == 7 * middle.config.num_hidden_layers


def test_a_header_and_an_index_of_more_tensors_than_any_model_has(write_model):
    folder = write_model()
    path, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    with path.open("wb") as file:
        file.write((9 << 20).to_bytes(8, "little"))
        file.truncate(10 << 20)
    with pytest.raises(ModelError, match=r"found a header of 9437184 bytes, expected at most 8388608$"):
        read_checkpoint(folder)
    path.unlink()
    index.write_text(json.dumps({"weight_map": {str(i): "a" for i in range(100_001)}}))
    with pytest.raises(ModelError, match=r"weight_map: found 100001 tensors, expected at most 100000$"):
        read_checkpoint(folder)
