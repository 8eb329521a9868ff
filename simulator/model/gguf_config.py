"""The metadata of a GGUF file as the fields of a Hugging Face ``config.json`` (names: llama.cpp, ``gguf.md``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from simulator.errors import ModelError
from simulator.model.gguf_file import PART, GgufFile
from simulator.model.gguf_weights import ROPE_FACTORS, read_rows
from simulator.model.numbers import shown
from simulator.model.rope import RopeScaling

EMBEDDING = "token_embd.weight"
# Architecture -> model_type. llama.cpp converts Mistral to llama as well, without its window; what is left is LLaMA.
FAMILIES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}
REQUIRED = {
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "block_count": "num_hidden_layers",
    "attention.head_count": "num_attention_heads",
    "context_length": "max_position_embeddings",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
}
OPTIONAL = {"attention.head_count_kv": "num_key_value_heads", "rope.freq_base": "rope_theta"}
# Metadata that is read elsewhere, or says the same as something that is.
READ = ("vocab_size", "attention.key_length", "attention.value_length", "rope.dimension_count")
# Metadata with which the forward pass is ours only at these values.
FIXED: dict[str, tuple[object, ...]] = {
    "attention.causal": (True,),
    "expert_count": (0,),
    "expert_used_count": (0,),
    "use_parallel_residual": (False,),
    "tensor_data_layout": ("Meta AI original pth",),
}
ROPE_KEYS = {
    "rope.scaling.factor": "factor",
    "rope.scaling.original_context_length": "original_max_position_embeddings",
    "rope.scaling.yarn_beta_fast": "beta_fast",
    "rope.scaling.yarn_beta_slow": "beta_slow",
}
ROPE_READ = ("rope.scaling.type", "rope.scaling.finetuned", "rope.scale_linear", *ROPE_KEYS)


def gguf_fields(file: GgufFile) -> dict[str, Any]:
    """The fields of a ``config.json`` that the metadata states; metadata of another meaning keeps its own name.

    Raises
    ------
    ModelError
        The architecture is not supported, the file is one of several parts, or a value is missing or means another
        forward pass, one line each.
    """
    architecture = _architecture(file)
    stated = {
        key.removeprefix(f"{architecture}."): _plain(value)
        for key, value in file.metadata.items()
        if key.startswith(f"{architecture}.")
    }
    problems = _problems(file, architecture, stated)
    if problems:
        raise ModelError(f"{file.path}: {problem}" for problem in problems)
    fields = {name: stated[key] for key, name in REQUIRED.items()}
    fields |= {name: stated[key] for key, name in OPTIONAL.items() if key in stated}
    fields["rope_scaling"] = _rope_scaling(file, stated)
    known = {*REQUIRED, *OPTIONAL, *READ, *FIXED, *ROPE_READ}  # the others are refused as unknown keys are
    fields |= {f"{architecture}.{key}": value for key, value in stated.items() if key not in known}
    return fields | {
        "model_type": FAMILIES[architecture],
        "hidden_act": "silu",
        "vocab_size": file.tensors[EMBEDDING].shape[0],
        "tie_word_embeddings": "output.weight" not in file.tensors,
        "bos_token_id": _plain(file.metadata.get("tokenizer.ggml.bos_token_id")),
        "head_dim": _head_dim(file, stated),
        "num_key_value_heads": stated.get("attention.head_count_kv", stated["attention.head_count"]),
    }


def _architecture(file: GgufFile) -> str:
    """The architecture, one that is supported, of a file that is a whole model."""
    n_parts = _plain(file.metadata.get("split.count", 1))
    if n_parts not in (0, 1):  # before the architecture, which only the first part has
        raise ModelError(f"{file.path}: {_parts(file.path, n_parts)}")
    architecture = file.metadata.get("general.architecture")
    if not isinstance(architecture, str) or architecture not in FAMILIES:
        names = ", ".join(FAMILIES)
        raise ModelError(
            f"{file.path}: general.architecture: {shown(architecture)} is not supported, expected one of {names}"
        )
    return architecture


def _parts(path: Path, n_parts: object) -> str:
    """The files of a model in several parts, and the command that joins them."""
    part = PART.fullmatch(path.name)
    if part is None or int(part["count"]) != n_parts:
        return f"one of {shown(n_parts)} parts; join them with: llama-gguf-split --merge FIRST_PART WHOLE_FILE"
    name, count = part["name"], int(part["count"])
    first, last = (f"{name}-{number:05d}-of-{count:05d}.gguf" for number in (1, count))
    return f"one of the {count} parts {first} to {last}; join them with: llama-gguf-split --merge {first} {name}.gguf"


def _problems(file: GgufFile, architecture: str, stated: dict[str, Any]) -> list[str]:
    """Metadata that is missing, or that means another forward pass than ours."""
    missing = [f"{architecture}.{key}: missing" for key in REQUIRED if key not in stated]
    missing += [] if EMBEDDING in file.tensors else [f"tensor {EMBEDDING} is missing"]
    return missing + [
        f"{architecture}.{key}: {shown(stated[key])} is not supported, expected {allowed[0]!r}"
        for key, allowed in FIXED.items()
        if key in stated and stated[key] not in allowed
    ]


def _plain(value: Any) -> Any:
    """A float of 32 bits as the shortest decimal that it stands for: 1e-05, not 9.999999747378752e-06."""
    if isinstance(value, float):
        with np.errstate(over="ignore"):
            narrow = np.float32(value)
        return float(str(narrow)) if narrow == value else value
    return value.tolist() if isinstance(value, np.ndarray) else value


def _head_dim(file: GgufFile, stated: dict[str, Any]) -> object:
    """Width of a head: stated for keys and values and for the rotary position, all alike."""
    widths = {key: stated[key] for key in READ[1:] if key in stated}
    if len(set(map(str, widths.values()))) > 1:
        raise ModelError(f"{file.path}: found heads of widths {widths}, expected one width")
    return next(iter(widths.values()), None)


def _rope_scaling(file: GgufFile, stated: dict[str, Any]) -> RopeScaling | dict[str, Any] | None:
    """The scaling of the rotary frequencies, as ``rope_scaling`` states it.

    LLaMA 3.1 and later carry the divisor of each frequency as a tensor instead of the parameters of the scaling.
    """
    kind = stated.get("rope.scaling.type", "none")
    factors = file.tensors.get(ROPE_FACTORS)
    if factors is not None:
        if kind != "none":
            raise ModelError(f"{file.path}: found {ROPE_FACTORS} and rope.scaling.type {kind!r}, expected one of them")
        return RopeScaling("divisors", divisors=tuple(map(float, read_rows(file.path, factors, None).reshape(-1))))
    if kind == "none" and "rope.scale_linear" in stated:
        return {"rope_type": "linear", "factor": stated["rope.scale_linear"]}
    if kind == "none":
        return None
    return {"rope_type": kind} | {name: stated[key] for key, name in ROPE_KEYS.items() if key in stated}
