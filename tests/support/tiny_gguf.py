"""Small GGUF files, written by the library `gguf` as llama.cpp's converter lays them out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np

NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
GLOBAL = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
CHARACTERS = "abcdefghijklmnopqrstuvwxyz .,\né"


def gguf_name(name: str) -> str:
    """Name in a GGUF file of a Hugging Face tensor."""
    if name in GLOBAL:
        return GLOBAL[name]
    _, _, block, rest = name.split(".", 3)
    module, kind = rest.rsplit(".", 1)
    return f"blk.{block}.{NAMES[module]}.{kind}"


def permuted(weights: np.ndarray, heads: int) -> np.ndarray:
    """Rows of q or k as convert_hf_to_gguf.py orders them (LlamaModel.permute)."""
    halves = weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:])
    return halves.swapaxes(1, 2).reshape(weights.shape)


def write_gguf(
    path: Path,
    config: dict[str, Any],
    tensors: dict[str, np.ndarray],
    formats: dict[str, gguf.GGMLQuantizationType] | None = None,
    metadata: dict[str, Any] | None = None,
    extra: dict[str, np.ndarray] | None = None,
    raw: dict[str, tuple[np.ndarray, gguf.GGMLQuantizationType]] | None = None,
) -> Path:
    """Write a model: matrices in the format of their module's last word (``q_proj``), others in float32."""
    architecture = config["model_type"]
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_bos_token_id(config["bos_token_id"])
    write_tokenizer(writer, config["vocab_size"])
    for key, value in (metadata or {}).items():
        add = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
        add[type(value)](key, value)
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    for name, tensor in tensors.items():
        word = name.split(".")[-2]
        stored = permuted(tensor, heads[word]) if architecture == "llama" and word in heads else tensor
        kind = (formats or {}).get(word, gguf.GGMLQuantizationType.F32)
        writer.add_tensor(gguf_name(name), gguf.quantize(np.ascontiguousarray(stored), kind), raw_dtype=kind)
    for name, tensor in (extra or {}).items():
        writer.add_tensor(name, tensor)
    for name, (blocks, kind) in (raw or {}).items():
        writer.add_tensor(name, blocks, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_tokenizer(writer: gguf.GGUFWriter, n: int) -> None:
    """SentencePiece tokens: three special ones, the characters, and what fills the vocabulary."""
    tokens = ["<unk>", "<s>", "</s>", *CHARACTERS.replace(" ", "▁")]
    types = [2, 3, 3] + [1] * len(CHARACTERS)
    tokens += [f"[PAD{i}]" for i in range(len(tokens), n)]
    types += [5] * (n - len(types))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(i) for i in range(n)])
    writer.add_token_types(types)
    writer.add_unk_token_id(0)
    writer.add_add_space_prefix(False)
