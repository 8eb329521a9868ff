"""The weights of a model, read tensor by tensor from its safetensors or GGUF files, without torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F32
from simulator.errors import MOST_PROBLEMS, ModelError, did_you_mean
from simulator.model.llama_config import LlamaConfig, read_config
from simulator.model.model_location import locate_model
from simulator.model.model_options import AS_STATED, ModelOptions
from simulator.model.stored_tensor import TensorFiles
from simulator.model.weight_files import weight_files

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
# Ends of the names of tensors that old checkpoints carry though they follow from rope_theta.
DERIVED = ("rotary_emb.inv_freq", "rotary_emb.cos_cached", "rotary_emb.sin_cached")
FLOATS = {"F32", "F16", "BF16"}
HELPED = 10  # missing, and as many unknown tensors, for which a near name is looked for
# A model whose weights take no more in float32 stays in memory once read; of a larger one a tensor is read when used.
KEPT_BYTES = 512 * 2**20
# Rows of the head that are held at once take about this much in float32; a rotation makes several copies in float64.
PART_BYTES = 8 * 2**20


@dataclass(frozen=True)
class TensorSpec:
    """A tensor as the files must hold it."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Checkpoint:
    """A model: its shape and its weights, in float32.

    Attributes
    ----------
    config
        Shape.
    weights
        Our id -> float32 array; matrices as [n_out, n_in]. Ids: ``embedding`` [V, d], ``norm_final`` [d], ``head``
        [V, d], and for block i ``blocks.i.`` + q, k, v, o, gate, up, down, norm_attn [d], norm_mlp [d], and where the
        model has them q_bias, k_bias, v_bias, q_norm and k_norm [hd]. Of a large model each access reads the tensor
        from its file.
    stored_bits
        Our id -> bits per weight (32 or 16) that a memory reads: those in the file, or 16 for the block formats of
        GGUF, which are dequantized first.
    read_rows
        (id, rows) -> those rows of a matrix, where they can be read without the whole.
    location
        Folder or file that the model was read from; the tokenizer is there.
    keep
        Whether weights may stay in memory after their use, see `unkept`.
    """

    config: LlamaConfig
    weights: Mapping[str, F32]
    stored_bits: Mapping[str, int]
    read_rows: Callable[[str, slice], F32] | None = None
    location: Path | None = None
    keep: bool = True

    @property
    def kept(self) -> bool:
        """Whether the model is to stay in memory, and small enough for that."""
        return self.keep and _float32_bytes(tensor_specs(self.config)) <= KEPT_BYTES

    @property
    def kept_rounded(self) -> bool:
        """Whether its weights, rounded to a byte each, are to stay in memory, and small enough for that."""
        return self.keep and _float32_bytes(tensor_specs(self.config)) // 4 <= KEPT_BYTES

    def unkept(self) -> Checkpoint:
        """The same model, of which each weight is read when it is used and kept no longer than that."""
        if not isinstance(self.weights, StoredWeights):
            return self
        weights = self.weights.unkept()
        return replace(self, weights=weights, read_rows=weights.rows, keep=False)

    def rows(self, weight_id: str, rows: slice) -> F32:
        """Some rows of a matrix."""
        return self.weights[weight_id][rows] if self.read_rows is None else self.read_rows(weight_id, rows)

    def embed(self, token_ids: NDArray[np.int64]) -> F32:
        """Rows of the embedding, float32 [tokens, d].

        Raises
        ------
        ModelError
            A token is outside the vocabulary.
        """
        vocab = self.config.vocab_size
        outside = token_ids[(token_ids < 0) | (token_ids >= vocab)]
        if outside.size:
            raise ModelError(f"token {outside[0]} is outside the vocabulary, expected 0 to {vocab - 1}")
        if self.kept:
            return self.weights["embedding"][token_ids]
        distinct, place = np.unique(token_ids, return_inverse=True)
        table = np.concatenate([self.rows("embedding", slice(i, i + 1)) for i in distinct.tolist()])
        return np.asarray(table[place])

    def head_parts(self) -> Iterator[F32]:
        """The head [V, d] in parts of some rows, in order."""
        for part in row_parts(self.config.vocab_size, self.config.hidden_size):
            yield self.rows("head", part)


class StoredWeights(Mapping[str, F32]):
    """Weights by our id, each read from its file when it is asked for; those of a small model are then kept.

    Raises ModelError at the reading of a tensor that holds NaN or infinity.
    """

    def __init__(self, files: TensorFiles, specs: Mapping[str, TensorSpec], keep: bool) -> None:
        self._files = files
        self._specs = specs
        self._keep = keep
        self._kept: dict[str, F32] = {}  # by the name in the file

    def __getitem__(self, weight_id: str) -> F32:
        spec = self._specs[weight_id]
        if spec.name in self._kept:
            return self._kept[spec.name]
        weights = self._checked(spec, self._files.read(spec.name))
        if self._keep:
            self._kept[spec.name] = weights
        return weights

    def unkept(self) -> StoredWeights:
        """The same weights, none of which is kept."""
        return StoredWeights(self._files, self._specs, keep=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def rows(self, weight_id: str, rows: slice) -> F32:
        """Some rows of a matrix, without reading the others."""
        if self._keep:
            return self[weight_id][rows]
        spec = self._specs[weight_id]
        return self._checked(spec, self._files.read(spec.name, rows))

    def _checked(self, spec: TensorSpec, weights: F32) -> F32:
        n = int(np.count_nonzero(~np.isfinite(weights)))
        if n:
            place = f"{self._files.path_of[spec.name]}: tensor {spec.name}"
            raise ModelError(f"{place}: {n} of {weights.size} weights are NaN or infinite, expected finite ones")
        return weights


def row_parts(n_rows: int, width: int) -> Iterator[slice]:
    """Ranges of the rows of a matrix, in order, each of about `PART_BYTES` in float32."""
    step = max(1, PART_BYTES // (4 * width))
    return (slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step))


def tensor_specs(config: LlamaConfig) -> dict[str, TensorSpec]:
    """Our id of every weight -> its Hugging Face name and shape, for a model of this config."""
    d, f, vocab = config.hidden_size, config.intermediate_size, config.vocab_size
    q, kv = config.q_width, config.kv_width
    in_block = {
        "norm_attn": TensorSpec("input_layernorm.weight", (d,)),
        "q": TensorSpec("self_attn.q_proj.weight", (q, d)),
        "k": TensorSpec("self_attn.k_proj.weight", (kv, d)),
        "v": TensorSpec("self_attn.v_proj.weight", (kv, d)),
        "o": TensorSpec("self_attn.o_proj.weight", (d, q)),
        "norm_mlp": TensorSpec("post_attention_layernorm.weight", (d,)),
        "gate": TensorSpec("mlp.gate_proj.weight", (f, d)),
        "up": TensorSpec("mlp.up_proj.weight", (f, d)),
        "down": TensorSpec("mlp.down_proj.weight", (d, f)),
    }
    if config.qkv_bias:
        in_block |= {
            f"{kind}_bias": TensorSpec(f"self_attn.{kind}_proj.bias", (width,))
            for kind, width in (("q", q), ("k", kv), ("v", kv))
        }
    if config.qk_norm:
        in_block |= {f"{kind}_norm": TensorSpec(f"self_attn.{kind}_norm.weight", (config.head_dim,)) for kind in "qk"}
    specs = {"embedding": TensorSpec(EMBEDDING, (vocab, d))}
    for i in range(config.num_hidden_layers):
        for short, spec in in_block.items():
            specs[f"blocks.{i}.{short}"] = TensorSpec(f"model.layers.{i}.{spec.name}", spec.shape)
    specs["norm_final"] = TensorSpec("model.norm.weight", (d,))
    if not config.tie_word_embeddings:
        specs["head"] = TensorSpec(HEAD, (vocab, d))
    return specs


def read_checkpoint(model: Path | str, options: ModelOptions = AS_STATED) -> Checkpoint:
    """Open a model: a Hugging Face folder, a GGUF file, or a hub id in the local cache.

    A small model is read whole. Of a large one only the headers are read; its tensors follow when they are used, and
    are not kept.

    Raises
    ------
    ModelError
        When a file is missing, damaged or not supported, or with one line for each tensor that is missing, has
        another shape or type than the config says, holds NaN or infinity, or has no place in the forward pass. NaN or
        infinity of a large model is found when the tensor is read.
    """
    folder_or_file = locate_model(model).path  # a config.json alone is no model
    config, files = read_config(folder_or_file, options), weight_files(folder_or_file)
    config = _untied(config, files)
    specs = tensor_specs(config)
    if config.tie_word_embeddings and EMBEDDING not in files.path_of and HEAD in files.path_of:
        specs["embedding"] = TensorSpec(HEAD, specs["embedding"].shape)  # tied with or without the key
    problems = _misplaced(specs, files, config)
    problems += [problem for spec in specs.values() if spec.name in files.path_of for problem in _misfit(files, spec)]
    keep = _float32_bytes(specs) <= KEPT_BYTES
    if config.tie_word_embeddings:
        specs["head"] = specs["embedding"]
    weights = StoredWeights(files, specs, keep)
    if keep and not problems:
        problems = _unreadable(weights)
    if problems:
        raise ModelError(problems)
    config = replace(config, warnings=(*config.warnings, *_dequantized(specs, files)))
    bits = {weight_id: files.bits[files.tensors[spec.name].dtype] for weight_id, spec in specs.items()}
    return Checkpoint(config, weights, bits, weights.rows, folder_or_file)


def _dequantized(specs: Mapping[str, TensorSpec], files: TensorFiles) -> list[str]:
    """A warning for weights in block formats."""
    formats = sorted({files.tensors[spec.name].dtype for spec in specs.values()} - FLOATS)
    if not formats:
        return []
    note = f"weights in {', '.join(formats)} are dequantized; where they stay dense they are read as 16-bit floats"
    return [f"{files.listing.name}: {note}"]


def _untied(config: LlamaConfig, files: TensorFiles) -> LlamaConfig:
    """The config, not tied when the file has a head of other values than the embedding (as in transformers 5)."""
    stored = [files.tensors.get(name) for name in (EMBEDDING, HEAD)]
    if not config.tie_word_embeddings or None in stored or not _differ(files, config):
        return config
    note = f"{files.listing.name}: tie_word_embeddings is true, but {HEAD} has values of its own, which are used"
    return replace(config, tie_word_embeddings=False, warnings=(*config.warnings, note))


def _differ(files: TensorFiles, config: LlamaConfig) -> bool:
    """Whether embedding and head, which both are in the files, have different values."""
    embedding, head = files.tensors[EMBEDDING], files.tensors[HEAD]
    if embedding.shape != head.shape or not {embedding.dtype, head.dtype} <= set(files.bits):
        return embedding.shape != head.shape
    parts = row_parts(embedding.shape[0], config.hidden_size)
    return any(not np.array_equal(files.read(EMBEDDING, part), files.read(HEAD, part)) for part in parts)


def _float32_bytes(specs: Mapping[str, TensorSpec]) -> int:
    return 4 * sum(math.prod(spec.shape) for spec in specs.values())


def _unreadable(weights: StoredWeights) -> list[str]:
    """Read every tensor of a small model, and gather what is wrong with it."""
    problems = []
    for weight_id in weights:
        try:
            weights[weight_id]
        except ModelError as error:
            problems.append(str(error))
    return problems


def _misplaced(specs: Mapping[str, TensorSpec], files: TensorFiles, config: LlamaConfig) -> list[str]:
    """Tensors that are missing, and tensors that the forward pass would ignore."""
    names = set(files.path_of)
    expected = {spec.name: spec for spec in specs.values()}
    # Files of tied models may hold the head as well, of the same values.
    spare = {n for n in names if n.endswith(DERIVED) or (config.tie_word_embeddings and n == HEAD)}
    unknown = names - set(expected) - spare
    missing, beyond = [name for name in expected if name not in names], sorted(unknown)
    gone = [
        f"{files.listing}: tensor {name}: missing, expected shape {list(expected[name].shape)}"
        f"{did_you_mean(name, beyond) if i < HELPED else ''}"
        for i, name in enumerate(missing[: MOST_PROBLEMS + 1])
    ]
    return gone + [
        f"{files.path_of[name]}: tensor {name}: no place for it in this architecture"
        f"{did_you_mean(name, missing) if i < HELPED else ''}"
        for i, name in enumerate(beyond[: MOST_PROBLEMS + 1])
    ]


def _misfit(files: TensorFiles, spec: TensorSpec) -> list[str]:
    """Whether the stored tensor has another shape or number type than expected."""
    stored, place = files.tensors[spec.name], f"{files.path_of[spec.name]}: tensor {spec.name}"
    problems = []
    if stored.shape != spec.shape:
        problems.append(f"{place}: shape {list(stored.shape)}, expected {list(spec.shape)}")
    if stored.dtype not in files.bits:
        problems.append(f"{place}: type {stored.dtype}, expected {', '.join(files.bits)}")
    return problems
