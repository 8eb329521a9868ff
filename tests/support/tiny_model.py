"""A tiny random LLaMA model in Hugging Face layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models

TINY: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 40,
    "hidden_size": 12,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 4,
    "max_position_embeddings": 24,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "tie_word_embeddings": True,
    "bos_token_id": 1,
}
CHARACTERS = "abcdefghijklmnopqrstuvwxyz .,\né"


def tiny_tensors(config: dict[str, Any], seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights under their Hugging Face names, large enough that the logits are far from uniform."""
    rng = np.random.default_rng(seed)
    d, f, vocab = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    q, kv = (config[k] * config["head_dim"] for k in ("num_attention_heads", "num_key_value_heads"))

    def matrix(n_out: int, n_in: int) -> np.ndarray:
        return (rng.standard_normal((n_out, n_in)) / np.sqrt(n_in)).astype(np.float32)

    def gain() -> np.ndarray:
        return rng.uniform(0.5, 1.5, d).astype(np.float32)

    tensors = {"model.embed_tokens.weight": matrix(vocab, d) * 3}
    for i in range(config["num_hidden_layers"]):
        layer = f"model.layers.{i}."
        tensors |= {
            layer + "input_layernorm.weight": gain(),
            layer + "self_attn.q_proj.weight": matrix(q, d) * 2,
            layer + "self_attn.k_proj.weight": matrix(kv, d) * 2,
            layer + "self_attn.v_proj.weight": matrix(kv, d),
            layer + "self_attn.o_proj.weight": matrix(d, q),
            layer + "post_attention_layernorm.weight": gain(),
            layer + "mlp.gate_proj.weight": matrix(f, d),
            layer + "mlp.up_proj.weight": matrix(f, d),
            layer + "mlp.down_proj.weight": matrix(d, f),
        }
        if config["model_type"] == "qwen3":
            for kind in "qk":
                gains = rng.uniform(0.5, 1.5, config["head_dim"]).astype(np.float32)
                tensors[layer + f"self_attn.{kind}_norm.weight"] = gains
        if config["model_type"] == "qwen2":
            for kind, width in (("q", q), ("k", kv), ("v", kv)):
                tensors[layer + f"self_attn.{kind}_proj.bias"] = rng.standard_normal(width).astype(np.float32)
    tensors["model.norm.weight"] = gain()
    if not config["tie_word_embeddings"]:
        tensors["lm_head.weight"] = matrix(vocab, d)
    return tensors


def write_tokenizer(folder: Path) -> None:
    """One token per character, after the three special ones; it has truncation on, which must not act."""
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2} | {c: i + 3 for i, c in enumerate(CHARACTERS)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[], unk_token="<unk>"))
    tokenizer.enable_truncation(3)
    tokenizer.save(str(folder / "tokenizer.json"))


def write_tiny_model(folder: Path, tensors: dict[str, np.ndarray] | None = None, **changes: Any) -> Path:
    """Write a model directory: changes to config.json (None removes a field), weights as they are or as given."""
    config = TINY | changes
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in config.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept), encoding="utf-8")
    save_file(tiny_tensors(config) if tensors is None else tensors, folder / "model.safetensors", {"format": "pt"})
    write_tokenizer(folder)
    return folder
