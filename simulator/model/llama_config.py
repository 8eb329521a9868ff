"""The shape of a model of the LLaMA family, read strictly from a Hugging Face ``config.json``."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.errors import ModelError, did_you_mean
from simulator.model.rope import UNSCALED, RopeScaling, parse_rope
from simulator.text_files import decode_text

CONFIG_FILE = "config.json"

SIZES = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "max_position_embeddings",
)
# Families of one forward pass: model_type -> architecture. What differs: Mistral may have a sliding window, Qwen2 has
# biases on q, k and v.
FAMILIES = {"llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM", "qwen2": "Qwen2ForCausalLM"}
# Fields that change the mathematics, with the only values for which `transformer.forward` is that mathematics.
FIXED: dict[str, tuple[object, ...]] = {
    "model_type": tuple(FAMILIES),
    "architectures": (*([name] for name in FAMILIES.values()), None),
    "hidden_act": ("silu",),
    "attention_bias": (False,),
    "mlp_bias": (False,),
    "pretraining_tp": (1,),
    "partial_rotary_factor": (1.0, 1),
    "use_sliding_window": (False,),
    "quantization_config": (None,),
}
# Fields without which the model is not known; the others of FIXED have these values when absent (as in transformers).
REQUIRED = (*SIZES, "rms_norm_eps", "bos_token_id", "model_type", "hidden_act")
READ = (
    "num_key_value_heads",
    "head_dim",
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "tie_word_embeddings",
    "sliding_window",
    "max_window_layers",
    "layer_types",
)
# Fields that say nothing about the forward pass of a trained model.
NEUTRAL = frozenset(
    {
        "_name_or_path",
        "attention_dropout",
        "chunk_size_feed_forward",
        "dtype",
        "eos_token_id",
        "hidden_dropout",
        "id2label",
        "initializer_range",
        "label2id",
        "output_attentions",
        "output_hidden_states",
        "pad_token_id",
        "return_dict",
        "torch_dtype",
        "transformers_version",
        "unk_token_id",
        "use_cache",
    }
)
# What transformers takes when the field is absent; each use is a warning.
DEFAULT_ROPE_THETA = 10000.0
DEFAULT_SLIDING_WINDOW = 4096  # of Mistral


@dataclass(frozen=True)
class LlamaConfig:
    """Sizes and constants of a LLaMA forward pass; names as in Hugging Face's ``config.json``.

    Attributes
    ----------
    vocab_size, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads, num_key_value_heads, head_dim
        Sizes V, d, f, number of blocks, h, kv, hd.
    max_position_embeddings
        Longest context.
    rms_norm_eps, rope_theta
        Constants of RMSNorm and of the rotary position.
    tie_word_embeddings
        Whether the LM head is the embedding matrix.
    bos_token_id
        Token in front of every passage.
    dtype
        Number type of the stored weights, as far as the config says it.
    rope_scaling
        How the rotary frequencies are changed.
    sliding_window
        Positions that a token attends to, itself included; None for all.
    qkv_bias
        Whether q, k and v add a bias.
    warnings
        Defaults that stood in for absent fields.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    max_position_embeddings: int
    rms_norm_eps: float
    rope_theta: float
    tie_word_embeddings: bool
    bos_token_id: int
    dtype: str | None = None
    rope_scaling: RopeScaling = UNSCALED
    sliding_window: int | None = None
    qkv_bias: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def q_width(self) -> int:
        """Width h*hd of the queries and of the attention output."""
        return self.num_attention_heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """Width kv*hd of the keys, and of the values."""
        return self.num_key_value_heads * self.head_dim


def read_config(model: Path) -> LlamaConfig:
    """Read the ``config.json`` of a model directory, or such a file itself.

    Raises
    ------
    ModelError
        When the file is missing or not JSON, or with one line for each field that is absent, wrong or not supported.
    """
    path = model / CONFIG_FILE if model.suffix != ".json" else model
    return parse_config(_load_json(path), str(path))


def parse_config(fields: dict[str, Any], where: str) -> LlamaConfig:
    """The config that the fields of a ``config.json`` state; the lines of its ModelError begin with ``where``."""
    problems = _unsupported(fields) + _absent(fields)
    if problems:
        raise ModelError("\n".join(f"{where}: {problem}" for problem in problems))
    config, problems = _build(fields)
    problems += _inconsistent(config)
    if problems:
        raise ModelError("\n".join(f"{where}: {problem}" for problem in problems))
    return config


def _load_json(path: Path) -> dict[str, Any]:
    """The JSON object in ``path``; a repeated key is refused, for the last one would win silently."""
    try:
        fields = json.loads(decode_text(path.read_bytes()), object_pairs_hook=_unique_keys)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file, expected a Hugging Face model directory") from None
    except json.JSONDecodeError as error:
        raise ModelError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: {error}") from None
    if not isinstance(fields, dict):
        raise ModelError(f"{path}: found a JSON {type(fields).__name__}, expected an object")
    return fields


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    repeated = sorted({key for key in keys if keys.count(key) > 1})
    if repeated:
        raise ValueError(f"key {repeated[0]!r} appears twice, expected each key once")
    return dict(pairs)


def _unsupported(fields: dict[str, Any]) -> list[str]:
    """Fields whose value, or whose very presence, means another forward pass than ours."""
    problems = [
        f"{name}: {fields[name]!r} is not supported, expected {' or '.join(map(repr, allowed))}"
        for name, allowed in FIXED.items()
        if name in fields and not _is_one_of(fields[name], allowed)
    ]
    architecture, family = fields.get("architectures"), str(fields.get("model_type"))
    if not problems and architecture and architecture != [FAMILIES.get(family)]:
        problems.append(f"architectures: {architecture!r} is not that of model_type {family!r}")
    known = {*FIXED, *REQUIRED, *READ, *NEUTRAL}
    return problems + [
        f"{name}: {value!r} is not a known field{did_you_mean(name, known)}"
        for name, value in fields.items()
        if name not in known and value is not None and value is not False
    ]


def _is_one_of(value: object, allowed: tuple[object, ...]) -> bool:
    """Membership that tells ``1`` from ``True`` and ``0`` from ``False``."""
    return any(value == a and isinstance(value, bool) == isinstance(a, bool) for a in allowed)


def _absent(fields: dict[str, Any]) -> list[str]:
    others = set(fields) - set(REQUIRED)
    return [f"{name}: absent, expected it{did_you_mean(name, others)}" for name in REQUIRED if name not in fields]


def _build(fields: dict[str, Any]) -> tuple[LlamaConfig, list[str]]:
    """The config, with the fields that have the wrong type or sign reported (and stood in for by 1)."""
    problems: list[str] = []
    warnings: list[str] = []

    def positive(name: str, value: object, integer: bool) -> float:
        kinds = (int,) if integer else (int, float)
        if isinstance(value, kinds) and not isinstance(value, bool) and value > 0 and math.isfinite(value):
            return value
        problems.append(f"{name}: {value!r}, expected a positive {'integer' if integer else 'number'}")
        return 1

    sizes = {name: int(positive(name, fields[name], integer=True)) for name in SIZES}
    heads, family = sizes["num_attention_heads"], fields["model_type"]
    kv_heads, head_dim = fields.get("num_key_value_heads"), fields.get("head_dim")
    if kv_heads is None and family != "llama":
        problems.append(f"num_key_value_heads: absent, expected it for model_type {family!r}")
    elif kv_heads is None:
        warnings.append(f"{CONFIG_FILE}: no num_key_value_heads, took num_attention_heads = {heads}")
    if head_dim is None and sizes["hidden_size"] % heads:
        problems.append(f"head_dim: absent, and hidden_size {sizes['hidden_size']} is not a multiple of {heads} heads")
    tied = fields.get("tie_word_embeddings")
    if tied is None:
        warnings.append(f"{CONFIG_FILE}: no tie_word_embeddings, took false")
    elif not isinstance(tied, bool):
        problems.append(f"tie_word_embeddings: {tied!r}, expected true or false")
    bos = fields["bos_token_id"]
    if not isinstance(bos, int) or isinstance(bos, bool) or not 0 <= bos < sizes["vocab_size"]:
        problems.append(f"bos_token_id: {bos!r}, expected an integer from 0 to {sizes['vocab_size'] - 1}")
    window = _sliding_window(fields, problems, warnings)
    config = LlamaConfig(
        **sizes,
        num_key_value_heads=heads if kv_heads is None else int(positive("num_key_value_heads", kv_heads, True)),
        head_dim=sizes["hidden_size"] // heads if head_dim is None else int(positive("head_dim", head_dim, True)),
        rms_norm_eps=positive("rms_norm_eps", fields["rms_norm_eps"], integer=False),
        rope_theta=positive("rope_theta", _rope_theta(fields, problems, warnings), integer=False),
        tie_word_embeddings=bool(tied),
        bos_token_id=bos,
        dtype=fields.get("dtype", fields.get("torch_dtype")),
        rope_scaling=_rope_scaling(fields, problems),
        sliding_window=None if window is None else int(positive("sliding_window", window, True)),
        qkv_bias=family == "qwen2",
        warnings=tuple(warnings),
    )
    return config, problems


def _sliding_window(fields: dict[str, Any], problems: list[str], warnings: list[str]) -> object:
    """Positions that a token attends to: Mistral's ``sliding_window``; Qwen2 states one that it does not use."""
    family, window = fields["model_type"], fields.get("sliding_window")
    layers = fields.get("layer_types") or []
    kind = "sliding_attention" if family == "mistral" and window is not None else "full_attention"
    if any(layer != kind for layer in layers):
        problems.append(f"layer_types: {layers!r} is not supported, expected {kind!r} everywhere")
    if family == "mistral":
        if "sliding_window" in fields:
            return window
        warnings.append(f"{CONFIG_FILE}: no sliding_window, took {DEFAULT_SLIDING_WINDOW}")
        return DEFAULT_SLIDING_WINDOW
    if family == "llama" and window:
        problems.append(f"sliding_window: {window!r} is not supported for model_type 'llama', expected none")
    return None


def _rope_scaling(fields: dict[str, Any], problems: list[str]) -> RopeScaling:
    """``rope_scaling``, or ``rope_parameters`` of transformers 5; both only when they say the same."""
    found = []
    for field in ("rope_parameters", "rope_scaling"):
        if fields.get(field) is not None:
            scaling, wrong = parse_rope(field, fields[field])
            problems += wrong
            found.append(scaling)
    if len(found) == 2 and found[0] != found[1]:
        problems.append(f"rope_scaling: {fields['rope_scaling']!r}, but rope_parameters says otherwise")
    return found[0] if found else UNSCALED


def _rope_theta(fields: dict[str, Any], problems: list[str], warnings: list[str]) -> object:
    """Base of the rotary angles: ``rope_theta``, or the same key inside ``rope_parameters`` (transformers 5)."""
    nested = fields.get("rope_parameters")
    if isinstance(nested, dict) and "rope_theta" in nested:
        if fields.get("rope_theta", nested["rope_theta"]) != nested["rope_theta"]:
            problems.append(f"rope_theta: {fields['rope_theta']!r}, but rope_parameters says {nested['rope_theta']!r}")
        return nested["rope_theta"]
    if fields.get("rope_theta") is None:
        warnings.append(f"{CONFIG_FILE}: no rope_theta, took {DEFAULT_ROPE_THETA}")
        return DEFAULT_ROPE_THETA
    return fields["rope_theta"]


def _inconsistent(config: LlamaConfig) -> list[str]:
    """Sizes that do not go together."""
    problems = []
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    if heads % kv_heads:
        problems.append(f"num_attention_heads: {heads}, expected a multiple of num_key_value_heads = {kv_heads}")
    if config.head_dim % 2:
        problems.append(f"head_dim: {config.head_dim}, expected an even number (rotary position turns pairs)")
    return problems
