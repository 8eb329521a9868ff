"""The weights of a GGUF file under their Hugging Face names, dequantized a tensor, or some rows of it, at a time."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F32
from simulator.errors import ModelError
from simulator.model.gguf_file import GgufFile, GgufTensor
from simulator.model.stored_tensor import StoredTensor, hash_of

# Block formats that are read: all that the library decodes and published models of these families use.
FORMATS = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K")
# Names as llama.cpp's converter gives them.
GLOBAL_NAMES = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
BLOCK_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
BLOCK_TENSOR = re.compile(r"blk\.(\d+)\.(\w+)\.(weight|bias)")
# Divisors of the rotary frequencies, which the config takes (`gguf_config`).
ROPE_FACTORS = "rope_freqs.weight"
# Architectures whose q and k rows the converter puts in the order of interleaved pairs.
PERMUTED = ("llama", "mistral")
# Values that are dequantized at once: the library needs several copies of them.
PART_VALUES = 1 << 21


class GgufWeights:
    """The tensors of a GGUF file, read like those of safetensors files (`weight_files.WeightFiles`).

    Parameters
    ----------
    file
        The header.
    """

    def __init__(self, file: GgufFile) -> None:
        self._file, self._heads = file, _permuted_heads(file)
        self._source = {_hugging_face_name(name): name for name in file.tensors if name != ROPE_FACTORS}
        self.listing: Path = file.path
        self.path_of: Mapping[str, Path] = dict.fromkeys(self._source, file.path)
        formats = _format_names()
        self.tensors: Mapping[str, StoredTensor] = {
            name: StoredTensor(_format(formats, file.tensors[source].type_number), file.tensors[source].shape)
            for name, source in self._source.items()
        }

        _check_sizes(file)

    def read(self, name: str, rows: slice | None = None) -> F32:
        """A tensor, or some rows of it, in float32.

        Raises
        ------
        ModelError
            The file is cut short, or a row is not a whole number of blocks.
        """
        tensor, heads = self._file.tensors[self._source[name]], self._heads_of(name)
        if heads is None:
            return read_rows(self._file.path, tensor, rows)
        whole = unpermuted(read_rows(self._file.path, tensor, None), heads)
        return whole if rows is None else whole[rows]

    @property
    def bits(self) -> Mapping[str, int]:
        """Formats that are read -> bits per weight: a memory holds what was dequantized as 16-bit floats."""
        return {name: 32 if name == "F32" else 16 for name in FORMATS}

    def sha256(self) -> str:
        """Hash of the file."""
        return hash_of([self._file.path])

    def _heads_of(self, name: str) -> int | None:
        return next((n for suffix, n in self._heads.items() if name.endswith(suffix)), None)


def _permuted_heads(file: GgufFile) -> dict[str, int]:
    """Hugging Face suffix -> number of heads, of the layers whose rows are put back in the order of Hugging Face."""
    architecture = file.metadata.get("general.architecture")
    if architecture not in PERMUTED:
        return {}
    queries = file.metadata.get(f"{architecture}.attention.head_count")
    keys = file.metadata.get(f"{architecture}.attention.head_count_kv", queries)
    heads = {"q_proj": queries, "k_proj": keys}
    return {f"self_attn.{kind}.{part}": n for kind, n in heads.items() for part in ("weight", "bias") if n}


def _check_sizes(file: GgufFile) -> None:
    """Refuse a file that ends before one of its tensors does."""
    size, formats = file.path.stat().st_size, _format_names()
    for name, tensor in file.tensors.items():
        if tensor.type_number in formats and tensor.offset + _n_bytes(file.path, tensor) > size:
            raise ModelError(
                f"{file.path}: cut short: tensor {name} ends beyond the {size} bytes of the file; download it again"
            )


def _n_bytes(path: Path, tensor: GgufTensor) -> int:
    return math.prod(tensor.shape[:-1]) * _row_bytes(path, tensor)


def _row_bytes(path: Path, tensor: GgufTensor) -> int:
    """Bytes of one row, a whole number of blocks."""
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    kind = GGMLQuantizationType(tensor.type_number)
    block, block_bytes = GGML_QUANT_SIZES[kind]
    if tensor.shape[-1] % block:
        raise ModelError(
            f"{path}: a row of {tensor.shape[-1]} weights is cut, expected a whole number of {kind.name} blocks of"
            f" {block}"
        )
    return int(tensor.shape[-1] // block * block_bytes)


def _hugging_face_name(name: str) -> str:
    """The name in Hugging Face's layout; one that the layout does not have stays as it is, and is refused later."""
    found = BLOCK_TENSOR.fullmatch(name)
    if found and found[2] in BLOCK_NAMES:
        return f"model.layers.{found[1]}.{BLOCK_NAMES[found[2]]}.{found[3]}"
    return GLOBAL_NAMES.get(name, name)


def _format_names() -> dict[int, str]:
    """Number of a block format -> its name; the library is loaded only for a GGUF file."""
    from gguf.constants import GGMLQuantizationType

    return {int(kind): str(kind.name) for kind in GGMLQuantizationType}


def _format(names: dict[int, str], number: int) -> str:
    return names.get(number, f"number {number}")


def read_rows(path: Path, tensor: GgufTensor, rows: slice | None) -> F32:
    """Rows of a tensor, all of it by default, in float32; a part at a time is dequantized."""
    width, n_rows, row_bytes = tensor.shape[-1], math.prod(tensor.shape[:-1]), _row_bytes(path, tensor)
    start, stop, _ = slice(None).indices(n_rows) if rows is None else rows.indices(n_rows)
    found, step = np.empty((stop - start, width), np.float32), max(1, PART_VALUES // width)
    for first in range(start, stop, step):
        n = min(step, stop - first)
        stored = _read_bytes(path, tensor.offset + first * row_bytes, n * row_bytes)
        found[first - start : first - start + n] = _dequantized(stored.reshape(n, row_bytes), tensor.type_number)
    return found if len(tensor.shape) > 1 else found[0]


def _read_bytes(path: Path, offset: int, n: int) -> NDArray[np.uint8]:
    try:
        stored = np.fromfile(path, np.uint8, n, offset=offset)
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from None
    if stored.size < n:
        raise ModelError(f"{path}: cut short: expected {n} bytes at {offset}; download it again")
    return stored


def _dequantized(stored: NDArray[np.uint8], type_number: int) -> F32:
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize

    with np.errstate(all="ignore"):  # NaN and infinity are reported with the name of the tensor
        return np.asarray(dequantize(stored, GGMLQuantizationType(type_number)), np.float32)


def unpermuted(weights: F32, heads: int) -> F32:
    """Rows of q or k [heads*hd, d] in Hugging Face's order: value j pairs with j + hd/2, not with its neighbour."""
    by_pair = weights.reshape(heads, -1, 2, *weights.shape[1:])
    return np.ascontiguousarray(by_pair.swapaxes(1, 2)).reshape(weights.shape)
