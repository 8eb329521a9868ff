"""Closed-form work of attention, from the queries, keys and values to the mixed values.

`simulator.model.op_work` states how operations are counted.
"""

from __future__ import annotations

from dataclasses import replace

from simulator.model.attention_rule import AttentionRule
from simulator.model.encoder import Encoder
from simulator.model.encoder_ops import encoder_work
from simulator.model.llama_config import LlamaConfig
from simulator.model.op_work import CHANNEL_BITS, STATE_BITS, encode_heads_op, hadamard_op, op_of, plus
from simulator.model.preset import Preset
from simulator.model.rotation import head_rotation
from simulator.trace.encoding import Encoding
from simulator.trace.trace_program import ClosedForm, Op


def qk_norm_op(op_id: str, config: LlamaConfig, stored_bits: int) -> Op:
    """RMSNorm of each of h + kv heads of hd values (`norm_op`), without a round between cores; 2*hd gains are read."""
    heads = config.num_attention_heads + config.num_key_value_heads
    n = heads * config.head_dim
    counts = {"vector_mac": n, "vector_mul": heads + 2 * n, "vector_add": heads, "vector_div": heads}
    return op_of(op_id, "norm_heads", STATE_BITS, **counts, memory_read=2 * config.head_dim * stored_bits)


def rotary_op(op_id: str, config: LlamaConfig) -> Op:
    """Rotary position ``x*cos + rotate_half(x)*sin`` of (h + kv)*hd values: a mul and a mac each.

    The table holds a cosine and a sine for each of hd/2 angles of this position: hd values read.
    """
    n = config.q_width + config.kv_width
    return op_of(op_id, "rotary", STATE_BITS, vector_mul=n, vector_mac=n, memory_read=config.head_dim * STATE_BITS)


def quantize_kv_op(op_id: str, config: LlamaConfig, preset: Preset, rule: AttentionRule) -> Op:
    """Key and value of this token to integers of the cache, with a scale for each of kv heads (`encode_op`'s formula).

    Each scale of a key takes in the factor 1/sqrt(hd): kv mul. Counts with a zero point are centred: kv*hd add for keys
    and for values. Where the queries have one, the sum of each key is kept: kv*hd add.
    """
    width, heads = config.kv_width, config.num_key_value_heads
    encoding, rounded = preset.encoding, Encoder(Encoding("ternary", rule.largest))
    counts: dict[str, ClosedForm] = {"vector_mul": (heads, 0)}
    centred = 0
    for kind, encoded in (("attn_k", rule.keys), ("attn_v", rule.values)):
        encoder = preset.encoder_of(kind) if encoded else rounded
        centred += 0 if encoder.encoding.signed else width
        for action, n in encoder_work((width, 0), heads, encoder).items():
            counts[action] = plus(counts.get(action, (0, 0)), n)
    summed = width if rule.queries and not encoding.signed else 0
    counts["vector_add"] = plus(counts["vector_add"], (centred + summed, 0))
    return op_of(op_id, "requantize", STATE_BITS, **counts)


def kv_cache_op(op_id: str, config: LlamaConfig, encoding: Encoding, rule: AttentionRule) -> Op:
    """Key and value of this token written, those of all c positions read: 2*kv*hd values each.

    Rows that spikes trigger are not read here but once per spike, like weights (`qk_op`, `pv_op`). Integer rows have a
    32-bit scale per position and head, read once per token. So has the sum of a key where queries have a zero point.
    """
    row, per_head = config.kv_width * rule.kv_bits, config.num_key_value_heads * CHANNEL_BITS
    scales = 2 * per_head if rule.integer else 0
    scales += per_head if rule.queries and not encoding.signed else 0
    read = row * (2 - rule.queries - rule.probabilities)
    return op_of(op_id, "kv_cache", rule.kv_bits, memory_write=2 * row + scales, memory_read=(0, read + scales))


def qk_op(op_id: str, config: LlamaConfig, encoding: Encoding, rule: AttentionRule) -> Op:
    """Scores ``q . k / sqrt(hd)`` for each head and position.

    Dense: hd mac, and 1 mul (by 1/sqrt(hd), or by the scale of an integer key). Spiking: each spike of one query
    element reads and adds the elements of the c cached keys; then 2 mul (threshold, scale), and before them 1 mac where
    the queries have a zero point.
    """
    h = config.num_attention_heads
    if not rule.queries:
        return op_of(op_id, "qk", rule.kv_bits, vector_mac=(0, config.q_width), vector_mul=(0, h))
    op = op_of(op_id, "qk", rule.kv_bits, vector_mul=(0, 2 * h), vector_mac=(0, 0 if encoding.signed else h))
    added = {"vector.add": (0, 1), "memory.read": (0, rule.kv_bits)}
    return replace(op, stream=op_id.replace(".qk", ".attn_q"), per_spike=added)


def softmax_op(op_id: str, config: LlamaConfig) -> Op:
    """``exp(s - max(s)) / sum``: for each head and position 1 compare, 2 add, 1 exp, 1 mul; for each head 1 div."""
    h = config.num_attention_heads
    return op_of(
        op_id,
        "softmax",
        STATE_BITS,
        vector_compare=(0, h),
        vector_add=(0, 2 * h),
        vector_exp=(0, h),
        vector_mul=(0, h),
        vector_div=h,
    )


def pv_op(op_id: str, config: LlamaConfig, rule: AttentionRule) -> Op:
    """Mix of the values by the probabilities.

    Dense: for each head and position hd mac, and 1 mul before them by the scale of an integer row. Spiking: each spike
    of the probability of one position reads and adds its cached row of hd elements; then h*hd mul by the threshold.
    """
    h, hd = config.num_attention_heads, config.head_dim
    if not rule.probabilities:
        scaled = h if rule.integer else 0
        return op_of(op_id, "pv", rule.kv_bits, vector_mac=(0, config.q_width), vector_mul=(0, scaled))
    op = op_of(op_id, "pv", rule.kv_bits, vector_mul=config.q_width)
    added = {"vector.add": (hd, 0), "memory.read": (hd * rule.kv_bits, 0)}
    return replace(op, stream=op_id.replace(".pv", ".attn_p"), per_spike=added)


def attention_ops(b: str, config: LlamaConfig, preset: Preset, rule: AttentionRule) -> tuple[Op, ...]:
    """Ops of the attention of block ``b``, from the queries, keys and values to the mixed values."""
    h, encoding = config.num_attention_heads, preset.encoding
    ops = [rotary_op(f"{b}.rotary", config)]
    if rule.rotates(preset.rotation):
        ops.append(hadamard_op(f"{b}.hadamard_qk", head_rotation(config)))
    if rule.queries:
        ops.append(encode_heads_op(f"{b}.encode_attn_q", (config.q_width, 0), h, preset.encoder_of(f"{b}.attn_q")))
    if rule.integer:
        ops.append(quantize_kv_op(f"{b}.quantize_kv", config, preset, rule))
    ops.append(kv_cache_op(f"{b}.kv_cache", config, encoding, rule))
    ops += [qk_op(f"{b}.qk", config, encoding, rule), softmax_op(f"{b}.softmax", config)]
    if rule.probabilities:
        ops.append(encode_heads_op(f"{b}.encode_attn_p", (0, h), h, preset.encoder_of(f"{b}.attn_p"), weighted=True))
    return (*ops, pv_op(f"{b}.pv", config, rule))
