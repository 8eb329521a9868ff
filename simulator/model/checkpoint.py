"""The weights of a LLaMA model, read from a Hugging Face directory without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401  registers bfloat16 with numpy, which safetensors needs by name
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from simulator.errors import ModelError, did_you_mean
from simulator.model.llama_config import LlamaConfig, read_config

WEIGHTS_FILE = "model.safetensors"
STORED_BITS = {"F32": 32, "F16": 16, "BF16": 16}
# Suffix of a tensor that old checkpoints carry though it follows from rope_theta.
DERIVED_SUFFIX = "rotary_emb.inv_freq"


@dataclass(frozen=True)
class Checkpoint:
    """A model: its shape and its weights, in float32.

    Attributes
    ----------
    config
        Shape.
    weights
        Our id -> float32 array; matrices as [n_out, n_in]. Ids: ``embedding`` [V, d], ``norm_final`` [d], ``head``
        [V, d], and for block i ``blocks.i.`` + q, k, v, o, gate, up, down, norm_attn [d], norm_mlp [d].
    stored_bits
        Our id -> bits per weight in the file (32 or 16): what a memory that holds the tensor as it is would read.
    """

    config: LlamaConfig
    weights: Mapping[str, NDArray[np.float32]]
    stored_bits: Mapping[str, int]


@dataclass(frozen=True)
class TensorSpec:
    """A tensor as the file must hold it."""

    name: str
    shape: tuple[int, ...]


def tensor_specs(config: LlamaConfig) -> dict[str, TensorSpec]:
    """Our id of every weight -> its Hugging Face name and shape, for a model of this config."""
    d, f, vocab = config.hidden_size, config.intermediate_size, config.vocab_size
    q, kv = config.q_width, config.kv_width
    in_block = {
        "norm_attn": TensorSpec("input_layernorm", (d,)),
        "q": TensorSpec("self_attn.q_proj", (q, d)),
        "k": TensorSpec("self_attn.k_proj", (kv, d)),
        "v": TensorSpec("self_attn.v_proj", (kv, d)),
        "o": TensorSpec("self_attn.o_proj", (d, q)),
        "norm_mlp": TensorSpec("post_attention_layernorm", (d,)),
        "gate": TensorSpec("mlp.gate_proj", (f, d)),
        "up": TensorSpec("mlp.up_proj", (f, d)),
        "down": TensorSpec("mlp.down_proj", (d, f)),
    }
    specs = {"embedding": TensorSpec("model.embed_tokens.weight", (vocab, d))}
    for i in range(config.num_hidden_layers):
        for short, spec in in_block.items():
            specs[f"blocks.{i}.{short}"] = TensorSpec(f"model.layers.{i}.{spec.name}.weight", spec.shape)
    specs["norm_final"] = TensorSpec("model.norm.weight", (d,))
    if not config.tie_word_embeddings:
        specs["head"] = TensorSpec("lm_head.weight", (vocab, d))
    return specs


def read_checkpoint(model_dir: Path) -> Checkpoint:
    """Read ``config.json`` and ``model.safetensors`` of a directory.

    Raises
    ------
    ModelError
        When a file is missing, damaged or not supported, or with one line for each tensor that is missing, has
        another shape or type than the config says, holds NaN or infinity, or has no place in the forward pass.
    """
    config = read_config(model_dir)
    path = model_dir / WEIGHTS_FILE
    specs = tensor_specs(config)
    with _open(path) as file:
        names = set(file.keys())
        problems = _misplaced(specs, names, config)
        weights: dict[str, NDArray[np.float32]] = {}
        bits: dict[str, int] = {}
        for weight_id, spec in specs.items():
            if spec.name in names:
                problem = _misfit(file.get_slice(spec.name), spec)
                problems += problem
                if not problem:
                    bits[weight_id] = STORED_BITS[file.get_slice(spec.name).get_dtype()]
                    weights[weight_id] = _float32(file.get_tensor(spec.name))
                    problems += _not_finite(weights[weight_id], spec)
    if problems:
        raise ModelError("\n".join(f"{path}: {problem}" for problem in problems))
    if config.tie_word_embeddings:
        weights["head"], bits["head"] = weights["embedding"], bits["embedding"]
    return Checkpoint(config, weights, bits)


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    """The opened safetensors file, its faults told as ModelError."""
    if not path.is_file():
        index = path.with_name(path.name + ".index.json")
        why = (
            "the model is split into shards, wanted one file" if index.exists() else "no such file, wanted the weights"
        )
        raise ModelError(f"{path}: {why}")
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: damaged or cut short: {error}") from None


def _misplaced(specs: Mapping[str, TensorSpec], names: set[str], config: LlamaConfig) -> list[str]:
    """Tensors that are missing, and tensors that the forward pass would ignore."""
    wanted = {spec.name: spec for spec in specs.values()}
    # Files of tied models may hold the head as well; transformers ties it to the embedding then, and so do we.
    spare = {n for n in names if n.endswith(DERIVED_SUFFIX) or (config.tie_word_embeddings and n == "lm_head.weight")}
    unknown = names - set(wanted) - spare
    missing = [
        f"tensor {name}: missing, wanted shape {list(spec.shape)}{did_you_mean(name, unknown)}"
        for name, spec in wanted.items()
        if name not in names
    ]
    return missing + [
        f"tensor {name}: no place for it in this architecture{did_you_mean(name, set(wanted) - names)}"
        for name in sorted(unknown)
    ]


def _misfit(stored: Any, spec: TensorSpec) -> list[str]:
    """Whether the stored tensor has another shape or number type than wanted."""
    shape, dtype = tuple(stored.get_shape()), stored.get_dtype()
    problems = []
    if shape != spec.shape:
        problems.append(f"tensor {spec.name}: shape {list(shape)}, wanted {list(spec.shape)}")
    if dtype not in STORED_BITS:
        problems.append(f"tensor {spec.name}: type {dtype}, wanted {', '.join(STORED_BITS)}")
    return problems


def _float32(tensor: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(tensor, dtype=np.float32)


def _not_finite(weights: NDArray[np.float32], spec: TensorSpec) -> list[str]:
    n = int(np.count_nonzero(~np.isfinite(weights)))
    return [f"tensor {spec.name}: {n} of {weights.size} weights are NaN or infinite"] if n else []
