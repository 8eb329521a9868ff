"""The ops of every stage of the forward pass, in the order of execution; `op_work` and `attention_ops` count them."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.model.attention_ops import attention_ops, qk_norm_op
from simulator.model.llama_config import LlamaConfig
from simulator.model.op_work import (
    dequantize_op,
    embedding_op,
    encode_op,
    hadamard_op,
    head_op,
    norm_op,
    residual_op,
    silu_op,
)
from simulator.model.preset import Preset, as_preset
from simulator.model.rotation import online_rotations
from simulator.model.rounded_head import head_bits
from simulator.model.weights import FLOAT_BITS, weight_groups
from simulator.trace.encoding import Encoding
from simulator.trace.trace_program import Op


def stage_ops(
    config: LlamaConfig, choice: Encoding | Preset, stored_bits: Mapping[str, int]
) -> dict[str, tuple[Op, ...]]:
    """Stage id -> its ops, both in the order of execution.

    ``stored_bits`` holds, by weight id, the bits per weight in the files of the embedding, the head and the norm gains.
    """
    preset = as_preset(choice)
    d = config.hidden_size
    ops: dict[str, tuple[Op, ...]] = {}
    rounded = head_bits(config, preset)
    scales = {i: len(weight_groups(d, preset.weights.group)) for i, bits in rounded.items() if bits != FLOAT_BITS}
    embedding, head = ((rounded.get(i, stored_bits[i]), scales.get(i, 0)) for i in ("embedding", "head"))
    arriving: tuple[Op, ...] = (embedding_op(config, *embedding),)
    for i in range(config.num_hidden_layers):
        ops |= _block_ops(f"blocks.{i}", arriving, config, preset, stored_bits)
        last = i == config.num_hidden_layers - 1
        groups = len(weight_groups(config.intermediate_size, preset.weights.group))
        arriving = (
            dequantize_op(f"blocks.{i}.dequant_down", d, preset.encoding, groups=groups),
            residual_op(f"blocks.{i}.residual_mlp", config, last),
        )
    final = norm_op("norm_final", d, stored_bits["norm_final"], preset.rotation in ("none", "online"))
    if preset.head == "dense":
        return ops | {"head": (*arriving, final, head_op(config, *head))}
    online = online_rotations(config, preset.rotation)
    rotated = (hadamard_op("hadamard_head_in", online["head_in"]),) if "head_in" in online else ()
    ops["head_in"] = (*arriving, final, *rotated, encode_op("encode_head_in", d, preset.encoder_of("head_in")))
    groups = len(weight_groups(d, preset.weights.group))
    return ops | {"head": (dequantize_op("dequant_head", config.vocab_size, preset.encoding, groups=groups),)}


def _block_ops(
    b: str,
    arriving: tuple[Op, ...],
    config: LlamaConfig,
    preset: Preset,
    stored_bits: Mapping[str, int],
) -> dict[str, tuple[Op, ...]]:
    """Ops of the four stages of block ``b``; ``arriving`` make the residual that enters it."""
    d, f, q = config.hidden_size, config.intermediate_size, config.q_width
    online = online_rotations(config, preset.rotation)
    gain = preset.rotation in ("none", "online") or preset.smooth is not None

    def encoded(kind: str, n: int) -> tuple[Op, ...]:
        rotated = (hadamard_op(f"{b}.hadamard_{kind}", online[kind]),) if kind in online else ()
        return (*rotated, encode_op(f"{b}.encode_{kind}", n, preset.encoder_of(f"{b}.{kind}")))

    def dequantized(name: str, n: int, n_in: int, bias_bits: int = 0) -> Op:
        groups = len(weight_groups(n_in, preset.weights.group))
        return dequantize_op(f"{b}.dequant_{name}", n, preset.encoding, bias_bits, groups)

    return {
        f"{b}.attn_in": (
            *arriving,
            norm_op(f"{b}.norm_attn", d, stored_bits[f"{b}.norm_attn"], gain),
            *encoded("attn_in", d),
        ),
        f"{b}.attn_out": (
            dequantized("qkv", q + 2 * config.kv_width, d, stored_bits.get(f"{b}.q_bias", 0)),
            *([qk_norm_op(f"{b}.qk_norm", config, stored_bits[f"{b}.q_norm"])] if config.qk_norm else ()),
            *attention_ops(b, config, preset, preset.attention.rule()),
            *encoded("attn_out", q),
        ),
        f"{b}.mlp_in": (
            dequantized("o", d, q),
            residual_op(f"{b}.residual_attn", config, last=False),
            norm_op(f"{b}.norm_mlp", d, stored_bits[f"{b}.norm_mlp"], gain),
            *encoded("mlp_in", d),
        ),
        f"{b}.mlp_hidden": (
            dequantized("gate_up", 2 * f, d),
            silu_op(f"{b}.silu", config),
            *encoded("mlp_hidden", f),
        ),
    }
