"""model.safetensors is read as it is, or refused with a line for each tensor at fault."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from simulator.errors import ModelError
from simulator.model.checkpoint import read_checkpoint


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
        "lm_head.weight": np.zeros((40, 12), np.float32),
        "model.layers.0.self_attn.rotary_emb.inv_freq": np.zeros(2, np.float32),
    }
    checkpoint = read_checkpoint(write_model(tiny_tensors_of() | spare))
    assert checkpoint.weights["head"].any()


NORM, Q = "model.norm.weight", "model.layers.0.self_attn.q_proj.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({NORM: None}, "tensor model.norm.weight: missing, wanted shape [12]"),
        (
            {NORM: None, "model.norms.weight": np.ones(12, np.float32)},
            "tensor model.norm.weight: missing, wanted shape [12] (did you mean 'model.norms.weight'?)",
        ),
        (
            {"model.layers.0.self_attn.q_proj.bias": np.ones(16, np.float32)},
            "tensor model.layers.0.self_attn.q_proj.bias: no place for it",
        ),
        ({Q: np.ones((12, 16), np.float32)}, f"tensor {Q}: shape [12, 16], wanted [16, 12]"),
        ({Q: np.ones((16, 12), np.int8)}, f"tensor {Q}: type I8, wanted F32, F16, BF16"),
        ({Q: np.full((16, 12), np.nan, np.float32)}, f"tensor {Q}: 192 of 192 weights are NaN or infinite"),
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


def test_missing_and_sharded_file(write_model):
    path = write_model() / "model.safetensors"
    path.unlink()
    with pytest.raises(ModelError, match="no such file, wanted the weights"):
        read_checkpoint(path.parent)
    path.with_name("model.safetensors.index.json").write_text("{}")
    with pytest.raises(ModelError, match="split into shards, wanted one file"):
        read_checkpoint(path.parent)
