"""The forward pass against goldens of other implementations and a plain float64 one written here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simulator.model.attention import dense_attention, softmax
from simulator.model.checkpoint import Checkpoint, read_checkpoint
from simulator.model.kv_cache import KVCache
from simulator.model.linear import FloatLinear, SpikingLinear
from simulator.model.transformer import forward, rms_norm, rotary_tables, rotate, silu
from simulator.trace.encoding import Encoding


def greedy(checkpoint: Checkpoint, first: int, n: int) -> list[int]:
    """``first`` and n more ids, each the most likely after all before it."""
    ids = [first]
    layers = FloatLinear(checkpoint)
    for _ in range(n):
        ids.append(int(forward(checkpoint, np.array(ids), layers)[-1].argmax()))
    return ids


def check_golden(folder: Path) -> None:
    """Logits to 1e-3 and greedy ids, as ``golden.npz`` has them."""
    golden = np.load(folder / "golden.npz")
    checkpoint = read_checkpoint(folder)
    logits = forward(checkpoint, golden["input_ids"], FloatLinear(checkpoint))
    assert logits.shape == golden["logits"].shape
    assert np.abs(logits - golden["logits"]).max() < 1e-3
    expected = golden["greedy_from_bos_ids"].tolist()
    assert greedy(checkpoint, expected[0], len(expected) - 1) == expected


def test_stories260k_golden_of_transformers(stories):
    check_golden(stories / "stories260K")


def test_shipped_model_golden(shipped_model):
    assert (shipped_model / "model.safetensors").is_file(), "the model ships with the repository: traces/model"
    assert (shipped_model / "golden.npz").is_file(), "the golden logits ship with the model: traces/model/golden.npz"
    check_golden(shipped_model)


def float64_logits(weights: dict[str, np.ndarray], ids: list[int], eps: float = 1e-5) -> np.ndarray:
    """LLaMA written once more: token by token and head by head in float64, rotary as complex numbers.

    h = 4 heads, kv = 2, hd = 4, d = 12, two blocks.
    """
    w = {name: tensor.astype(np.float64) for name, tensor in weights.items()}
    h, kv, hd = 4, 2, 4

    def norm(vector: np.ndarray, gain: np.ndarray) -> np.ndarray:
        return vector * gain / np.sqrt((vector**2).sum() / len(vector) + eps)

    def turn(vector: np.ndarray, position: int) -> np.ndarray:
        pairs = vector[: hd // 2] + 1j * vector[hd // 2 :]
        pairs = pairs * np.exp(1j * position * 10000.0 ** (-2 * np.arange(hd // 2) / hd))
        return np.concatenate([pairs.real, pairs.imag])

    keys: dict[tuple[int, int], list[np.ndarray]] = {}
    values: dict[tuple[int, int], list[np.ndarray]] = {}
    logits = []
    for position, token in enumerate(ids):
        x = w["model.embed_tokens.weight"][token]
        for i in range(2):
            p = f"model.layers.{i}."
            y = norm(x, w[p + "input_layernorm.weight"])
            q, k, v = (w[p + f"self_attn.{name}_proj.weight"] @ y for name in "qkv")
            for g in range(kv):
                keys.setdefault((i, g), []).append(turn(k[g * hd : (g + 1) * hd], position))
                values.setdefault((i, g), []).append(v[g * hd : (g + 1) * hd])
            mixed = []
            for head in range(h):
                query, g = turn(q[head * hd : (head + 1) * hd], position), head * kv // h
                scores = np.array([query @ key for key in keys[i, g]]) / np.sqrt(hd)
                shares = np.exp(scores) / np.exp(scores).sum()
                mixed.append(sum(s * value for s, value in zip(shares, values[i, g], strict=True)))
            x = x + w[p + "self_attn.o_proj.weight"] @ np.concatenate(mixed)
            y = norm(x, w[p + "post_attention_layernorm.weight"])
            gate, up = w[p + "mlp.gate_proj.weight"] @ y, w[p + "mlp.up_proj.weight"] @ y
            x = x + w[p + "mlp.down_proj.weight"] @ (gate / (1 + np.exp(-gate)) * up)
        head_weights = w.get("lm_head.weight", w["model.embed_tokens.weight"])
        logits.append(head_weights @ norm(x, w["model.norm.weight"]))
    return np.array(logits)


@pytest.mark.parametrize("tied", [True, False])
def test_float_forward_equals_plain_float64(write_model, tiny_tensors_of, tied):
    ids = [1, 5, 9, 30, 5, 5, 17, 2, 8, 39]
    checkpoint = read_checkpoint(write_model(tie_word_embeddings=tied))
    expected = float64_logits(tiny_tensors_of(tie_word_embeddings=tied), ids)
    logits = forward(checkpoint, np.array(ids), FloatLinear(checkpoint))
    assert expected.std() > 0.5  # the logits are worth comparing
    assert np.abs(logits - expected).max() < 1e-4


def test_spiking_forward_nears_float_with_levels(write_model):
    checkpoint = read_checkpoint(write_model())
    ids = np.arange(1, 21)
    exact = forward(checkpoint, ids, FloatLinear(checkpoint))
    errors = [
        float(np.abs(forward(checkpoint, ids, SpikingLinear(checkpoint, Encoding("ternary", L))) - exact).mean())
        for L in (3, 15, 127)
    ]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.05 * float(exact.std())


def test_codes_with_the_same_counts_give_the_same_logits(write_model):
    checkpoint = read_checkpoint(write_model())
    ids = np.arange(1, 21)
    ternary, bitwise = (
        forward(checkpoint, ids, SpikingLinear(checkpoint, Encoding(code, 15))) for code in ("ternary", "bitwise")
    )
    assert np.array_equal(ternary, bitwise)


@pytest.mark.parametrize("encoding", [None, Encoding("ternary", 7), Encoding("binary", 7)], ids=str)
def test_later_tokens_change_nothing_before_them(write_model, encoding):
    checkpoint = read_checkpoint(write_model())
    layers = FloatLinear(checkpoint) if encoding is None else SpikingLinear(checkpoint, encoding)
    ids = np.array([1, 4, 7, 30, 12, 9, 22])
    changed = ids.copy()
    changed[4:] = [3, 3, 3]
    before, after = forward(checkpoint, ids, layers), forward(checkpoint, changed, layers)
    assert np.allclose(before[:4], after[:4], atol=1e-5)
    assert np.allclose(forward(checkpoint, ids[:4], layers), before[:4], atol=1e-5)
    assert np.abs(before[4:] - after[4:]).max() > 0.1


def test_rms_norm_by_hand():
    # mean(9, 16) = 12.5; 3 / sqrt(12.5) = 0.848528, 4 / sqrt(12.5) * 2 = 2.262742
    assert rms_norm(np.float32([3, 4]), np.float32([1, 2]), 0.0).tolist() == pytest.approx([0.848528, 2.262742])


def test_rotary_by_hand(write_model):
    # Position 1, hd 4: angles 1 and 1/100. (1, 0, 0, 0) turns to (cos 1, 0, sin 1, 0).
    cos, sin = rotary_tables(read_checkpoint(write_model()).config, 2)
    turned = rotate(np.float32([[[1, 0, 0, 0], [1, 0, 0, 0]]]), cos, sin)
    assert turned[0, 0].tolist() == [1, 0, 0, 0]
    assert turned[0, 1].tolist() == pytest.approx([0.540302, 0, 0.841471, 0], abs=1e-6)


def test_attention_by_hand():
    # One head, hd 1. Token 1: scores (0, ln 3) -> shares (1/4, 3/4) of the values 4 and 8 -> 7. Token 0 sees itself.
    q, k, v = np.float32([[[1], [1]]]), np.float32([[[0], [np.log(3)]]]), np.float32([[[4], [8]]])
    assert dense_attention("b", q, k, v, KVCache()).ravel().tolist() == pytest.approx([4, 7])


def test_far_out_values_stay_finite():
    assert silu(np.float32([-200, 200, 0])).tolist() == [0, 200, 0]
    assert softmax(np.float32([[1e30, -1e30, -np.inf]])).tolist() == [[1, 0, 0]]


ACTIVATIONS_HASH = """
import hashlib, sys
from pathlib import Path
import numpy as np
from simulator.model.checkpoint import read_checkpoint
from simulator.model.linear import SpikingLinear
from simulator.model.transformer import forward
from simulator.trace.encoding import Encoding
checkpoint = read_checkpoint(Path(sys.argv[1]))
linear = SpikingLinear(checkpoint, Encoding("ternary", 15))
digest = hashlib.sha256()

def hashing(stream_id, values):
    digest.update(values.tobytes())
    return linear(stream_id, values)

forward(checkpoint, np.random.default_rng(0).integers(0, 40, 300), hashing)
print(digest.hexdigest())
"""


def test_activations_do_not_depend_on_blas_threads(write_model):
    """DESIGN rule 6. With attention as a float32 BLAS product these hashes differ (on two cores or more)."""
    sizes = {"hidden_size": 96, "head_dim": 24, "intermediate_size": 192, "max_position_embeddings": 300}
    folder = write_model(**sizes)
    hashes = {
        subprocess.run(
            [sys.executable, "-c", ACTIVATIONS_HASH, str(folder)],
            env=os.environ | {"OPENBLAS_NUM_THREADS": threads, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(hashes) == 1
