"""The shape of a model of the LLaMA family, read strictly from a ``config.json`` or the metadata of a GGUF file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simulator.errors import ModelError
from simulator.model.config_fields import SIZES, absent, ignored, unsupported
from simulator.model.gguf_config import gguf_fields
from simulator.model.gguf_file import read_gguf
from simulator.model.json_file import read_json_object
from simulator.model.model_location import CONFIG_FILE, locate_model
from simulator.model.model_options import AS_STATED, ModelOptions
from simulator.model.numbers import is_integer, is_positive, shown
from simulator.model.rope import UNSCALED, RopeScaling, parse_rope

# What transformers takes when the field is absent; each use is a warning.
DEFAULT_ROPE_THETA = 10000.0
DEFAULT_SLIDING_WINDOW = 4096  # of Mistral
DEFAULT_HEAD_DIM = {"qwen3": 128}  # of the others hidden_size / num_attention_heads
DEFAULT_BOS = {"llama": 1, "mistral": 1}  # Qwen puts no token in front of a text
# Number types by the names that are in use.
DTYPES = {
    "float32": "float32",
    "float": "float32",
    "fp32": "float32",
    "float16": "float16",
    "half": "float16",
    "fp16": "float16",
    "bfloat16": "bfloat16",
    "bf16": "bfloat16",
}


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
        Token in front of every passage; None for no token.
    dtype
        Number type of the stored weights, as far as the config says it: ``float32``, ``float16`` or ``bfloat16``.
    rope_scaling
        How the rotary frequencies are changed.
    sliding_window
        Positions that a token attends to, itself included; None for all.
    qkv_bias
        Whether q, k and v add a bias.
    qk_norm
        Whether each head of q and k passes an RMSNorm before the rotary position.
    warnings
        Defaults that stood in for absent fields, and what was ignored.
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
    bos_token_id: int | None
    dtype: str | None = None
    rope_scaling: RopeScaling = UNSCALED
    sliding_window: int | None = None
    qkv_bias: bool = False
    qk_norm: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def q_width(self) -> int:
        """Width h*hd of the queries and of the attention output."""
        return self.num_attention_heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """Width kv*hd of the keys, and of the values."""
        return self.num_key_value_heads * self.head_dim


def read_config(model: Path | str, options: ModelOptions = AS_STATED) -> LlamaConfig:
    """Read the config of a model: a folder, a GGUF file, a hub id, or a ``config.json`` itself.

    Raises
    ------
    ModelError
        When there is no such model or its file is damaged, or with one line for each field that is absent, wrong or not
        supported.
    """
    path = Path(model)
    if path.suffix != ".json" or path.is_dir():
        location = locate_model(model)
        if location.is_gguf:
            return parse_config(gguf_fields(read_gguf(location.path)), str(location.path), options, location.path.name)
        path = location.path / CONFIG_FILE
    return parse_config(read_json_object(path), str(path), options)


def parse_config(
    fields: dict[str, Any], where: str, options: ModelOptions = AS_STATED, file: str = CONFIG_FILE
) -> LlamaConfig:
    """The config that the fields of a ``config.json`` state.

    Parameters
    ----------
    fields
        Its content.
    where
        Begins each line of the ModelError.
    options
        What the user says about it.
    file
        Begins each warning.
    """
    problems = unsupported(fields, options.ignored_keys) + absent(fields)
    if not problems:
        reading = _Reading(fields, options)
        config = reading.config()
        problems = reading.problems or _inconsistent(config)
    if problems:
        raise ModelError(f"{where}: {problem}" for problem in problems)
    return replace(config, warnings=tuple(f"{file}: {warning}" for warning in config.warnings))


class _Reading:
    """Fields that become a config. Problems are gathered; a wrong number is replaced by 1 meanwhile."""

    def __init__(self, fields: dict[str, Any], options: ModelOptions) -> None:
        self._fields, self._options = fields, options
        self._family: str = fields["model_type"]
        self.problems: list[str] = []
        self._warnings = ignored(fields, options.ignored_keys)

    def config(self) -> LlamaConfig:
        """The config, not checked for sizes that do not go together."""
        sizes = {name: self._size(name, largest) for name, largest in SIZES.items()}
        vocab = sizes["vocab_size"] if not self.problems else SIZES["vocab_size"]
        heads, context = sizes["num_attention_heads"], sizes["max_position_embeddings"]
        return LlamaConfig(
            **sizes,
            num_key_value_heads=self._kv_heads(heads),
            head_dim=self._head_dim(sizes["hidden_size"], heads),
            rms_norm_eps=self._number("rms_norm_eps", self._fields["rms_norm_eps"]),
            tie_word_embeddings=self._tied(),
            rope_theta=self._rope_theta(),
            bos_token_id=self._bos(vocab),
            dtype=self._dtype(),
            rope_scaling=self._rope_scaling(context),
            sliding_window=self._sliding_window(sizes["num_hidden_layers"]),
            qkv_bias=self._family == "qwen2",
            qk_norm=self._family == "qwen3",
            warnings=tuple(self._warnings),
        )

    def _assumed(self, name: str, value: object, note: str = "") -> None:
        self._warnings.append(f"no {name}, assumed {value}{note}")

    def _size(self, name: str, largest: int) -> int:
        return self._integer(name, self._fields[name], largest)

    def _integer(self, name: str, value: object, largest: int = SIZES["vocab_size"]) -> int:
        if not is_integer(value) or value < 1:
            self.problems.append(f"{name}: {shown(value)}, expected a positive integer")
        elif value > largest:
            self.problems.append(f"{name}: an integer beyond {largest}, which no model has")
        else:
            return value
        return 1

    def _number(self, name: str, value: object) -> float:
        if is_positive(value):
            return value
        self.problems.append(f"{name}: {shown(value)}, expected a positive number")
        return 1

    def _kv_heads(self, heads: int) -> int:
        name, stated = "num_key_value_heads", self._fields.get("num_key_value_heads")
        if stated is not None:
            return self._integer(name, stated)
        if name not in self._fields and self._family != "llama":
            self.problems.append(f"{name}: missing, model_type {self._family!r} needs it")
        self._assumed(name, f"num_attention_heads = {heads}")
        return heads

    def _head_dim(self, hidden: int, heads: int) -> int:
        stated, default = self._fields.get("head_dim"), DEFAULT_HEAD_DIM.get(self._family)
        if stated is not None:
            return self._integer("head_dim", stated)
        if default is not None:
            self._assumed("head_dim", default)
            return default
        if hidden % heads:
            self.problems.append(f"head_dim: missing, and hidden_size {hidden} is not a multiple of {heads} heads")
        return max(1, hidden // heads)

    def _tied(self) -> bool:
        stated = self._fields.get("tie_word_embeddings")
        if stated is None:
            self._assumed("tie_word_embeddings", "false")
        elif not isinstance(stated, bool):
            self.problems.append(f"tie_word_embeddings: {shown(stated)}, expected true or false")
        return bool(stated)

    def _bos(self, vocab: int) -> int | None:
        """The token in front of a text: of the user, of the file, or what transformers assumes."""
        name, chosen, stated = "bos_token_id", self._options.bos, self._fields.get("bos_token_id")
        if chosen == "none":
            return None
        if chosen is None and stated is None:
            default = None if name in self._fields else DEFAULT_BOS.get(self._family)
            note = "none: no token before a text" if default is None else str(default)
            self._assumed(name, note, " (--bos ID or none)")
            return default
        token, place = (stated, name) if chosen is None else (chosen, "--bos")
        if not is_integer(token) or not 0 <= token < vocab:
            help_line = "; --bos none or --bos ID replaces it" if chosen is None else ""
            self.problems.append(f"{place}: {shown(token)}, expected an integer from 0 to {vocab - 1}{help_line}")
            return None
        return token

    def _dtype(self) -> str | None:
        """The number type under its plain name: ``torch.float16`` and ``half`` are ``float16``."""
        stated = self._fields.get("dtype")
        stated = self._fields.get("torch_dtype") if stated is None else stated
        word = stated.removeprefix("torch.").lower() if isinstance(stated, str) else ""
        return DTYPES.get(word)

    def _sliding_window(self, n_layers: int) -> int | None:
        """Positions that a token attends to: Mistral's ``sliding_window``; Qwen states one that it does not use."""
        window, layers = self._fields.get("sliding_window"), self._fields.get("layer_types")
        mistral = self._family == "mistral"
        if mistral and "sliding_window" not in self._fields:
            window = DEFAULT_SLIDING_WINDOW
            self._assumed("sliding_window", window)
        kind = "sliding_attention" if mistral and window is not None else "full_attention"
        if layers is not None and (not isinstance(layers, list) or layers != [kind] * n_layers):
            self.problems.append(f"layer_types: {shown(layers)} is not supported, expected {n_layers} times {kind!r}")
        if mistral:
            return None if window is None else self._integer("sliding_window", window, SIZES["max_position_embeddings"])
        if self._family == "llama" and window:
            self.problems.append(
                f"sliding_window: {shown(window)} is not supported for model_type 'llama', expected none"
            )
        return None

    def _rope_scaling(self, context: int) -> RopeScaling:
        """``rope_scaling``, or ``rope_parameters`` of transformers 5; both only when they say the same."""
        found = []
        for field in ("rope_parameters", "rope_scaling"):
            if self._fields.get(field) is not None:
                original = self._fields.get("original_max_position_embeddings")
                scaling, problems, warnings = parse_rope(field, self._fields[field], context, original)
                self.problems += problems
                self._warnings += warnings
                found.append(scaling)
        if len(found) == 2 and found[0] != found[1]:
            stated = self._fields["rope_scaling"]
            self.problems.append(
                f"rope_scaling: {shown(stated)}, but rope_parameters says otherwise; remove one of them"
            )
        return found[0] if found else UNSCALED

    def _rope_theta(self) -> float:
        """Base of the rotary angles: the key ``rope_theta``, at the top or inside an object on the rotary position."""
        places = {"rope_theta": self._fields.get("rope_theta")}
        for field in ("rope_parameters", "rope_scaling"):
            nested = self._fields.get(field)
            places[f"{field}.rope_theta"] = nested.get("rope_theta") if isinstance(nested, dict) else None
        stated = {place: theta for place, theta in places.items() if theta is not None}
        if not stated:
            self._assumed("rope_theta", DEFAULT_ROPE_THETA)
            return DEFAULT_ROPE_THETA
        (place, theta), *others = stated.items()
        self.problems += [
            f"{place}: {shown(theta)}, but {other} says {shown(value)}; remove one of them"
            for other, value in others
            if value != theta
        ]
        if is_positive(theta) and theta <= 1:
            self.problems.append(f"{place}: {theta!r}, expected more than 1")
        return self._number(place, theta)


def _inconsistent(config: LlamaConfig) -> list[str]:
    """Sizes that do not go together."""
    problems = []
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    if heads % kv_heads:
        problems.append(f"num_attention_heads: {heads}, expected a multiple of num_key_value_heads = {kv_heads}")
    if config.q_width > (widest := SIZES["intermediate_size"]):
        problems.append(
            f"head_dim: {heads} heads of {config.head_dim} have a width beyond {widest}, which no model has"
        )
    divisors = config.rope_scaling.divisors
    if divisors and (len(divisors) != config.head_dim // 2 or not all(map(is_positive, divisors))):
        problems.append(f"rope_freqs.weight: {shown(divisors)}, expected {config.head_dim // 2} positive numbers")
    if config.head_dim % 2:
        problems.append(f"head_dim: {config.head_dim}, expected an even number (rotary position turns pairs)")
    return problems
