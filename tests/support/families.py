"""Small random checkpoints of each family that the model reads, in the layouts that Hugging Face writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from safetensors.numpy import save_file
from tiny_model import TINY, tiny_tensors, write_tiny_model

# Widths of pairs such that the frequencies of a llama3 scaling fall in all of its three ranges.
BASE: dict[str, Any] = {"head_dim": 16, "max_position_embeddings": 48, "rope_theta": 500.0, "vocab_size": 40}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
MISTRAL = {"model_type": "mistral", "architectures": ["MistralForCausalLM"]}
QWEN2 = {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "use_sliding_window": False}
QWEN3 = {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "use_sliding_window": False}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 24, "beta_fast": 2.0, "beta_slow": 0.25}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama-2": BASE | {"tie_word_embeddings": False},
    "llama-2-linear": BASE | {"rope_scaling": {"type": "linear", "factor": 4.0}},
    "llama-2-dynamic": BASE | {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}},
    "llama-3": BASE | {"rope_scaling": LLAMA3},
    "llama-3-transformers-5": BASE | {"rope_theta": None, "rope_parameters": LLAMA3 | {"rope_theta": 500.0}},
    "mistral": BASE | MISTRAL | {"sliding_window": 7, "tie_word_embeddings": False},
    "mistral-full": BASE | MISTRAL | {"sliding_window": "null", "tie_word_embeddings": False},
    "llama-yarn": BASE | {"rope_scaling": YARN},
    "llama-yarn-mscale": BASE
    | {"rope_scaling": YARN | {"mscale": 0.7, "mscale_all_dim": 0.3, "truncate": False}, "rope_theta": 150.0},
    "llama-yarn-defaults": BASE | {"rope_scaling": {"type": "yarn", "factor": 2.0}},
    "llama-theta-in-scaling": BASE | {"rope_theta": None, "rope_scaling": {"rope_type": "default", "rope_theta": 90.0}},
    "llama-linear-theta-in-scaling": BASE
    | {"rope_theta": None, "rope_scaling": {"rope_type": "linear", "factor": 4.0, "rope_theta": 90.0}},
    "llama-no-theta": BASE | {"rope_theta": None},
    "llama-other-head": BASE | {"tie_word_embeddings": True},
    "qwen3": BASE | QWEN3 | {"sliding_window": 9, "max_window_layers": 1, "hidden_size": 64},
    "qwen3-untied-yarn": BASE | QWEN3 | {"tie_word_embeddings": False, "rope_scaling": YARN},
    "qwen2": BASE | QWEN2 | {"sliding_window": 9, "max_window_layers": 1, "head_dim": None, "hidden_size": 64},
}
DTYPES = {"llama-3": ml_dtypes.bfloat16, "mistral": np.float16, "mistral-full": np.float16}
SHARDED = ("mistral", "qwen2", "qwen3")
TOKENS = np.random.default_rng(7).integers(3, 40, 40)


def write_family(folder: Path, name: str) -> Path:
    """The checkpoint of a family: rounded to its number type, in two shards where it is one of `SHARDED`."""
    changes = dict(FAMILIES[name])
    tensors = tiny_tensors(TINY | {"head_dim": 16} | {k: v for k, v in changes.items() if v is not None})
    if name == "llama-other-head":  # which the config denies; transformers 5 takes the head that is there
        tensors["lm_head.weight"] = tiny_tensors(TINY | changes, seed=7)["model.embed_tokens.weight"]
    tensors = {key: tensor.astype(DTYPES.get(name, np.float32)) for key, tensor in tensors.items()}
    write_tiny_model(folder, tensors, **changes)
    if changes.get("sliding_window") == "null":  # write_tiny_model leaves out what is None
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"sliding_window": None}))
    if name in SHARDED:
        write_shards(folder, tensors)
    return folder


def write_shards(folder: Path, tensors: dict[str, np.ndarray]) -> None:
    """Replace the weights of a directory by two shards and their index."""
    (folder / "model.safetensors").unlink()
    names = list(tensors)
    parts = (names[: len(names) // 2], names[len(names) // 2 :])
    weight_map = {}
    for number, part in enumerate(parts, 1):
        shard = f"model-{number:05d}-of-00002.safetensors"
        save_file({key: tensors[key] for key in part}, folder / shard, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, shard)
    size = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
