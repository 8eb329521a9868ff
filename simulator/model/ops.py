"""Closed-form work of everything in the forward pass that is not driven by spikes.

Conventions, the same for every op:

* a token with a context of c positions (itself included) does ``a + b*c`` elementary operations or bits;
* a subtraction is an ``add``, a square root or its reciprocal is a ``div``, ``x*y + z`` is one ``mac``;
* rounding to an integer is an ``add`` (of the half that truncation needs); a sign change, an absolute value and a
  change of number format only move bits and count nothing;
* a value that must wait for a later stage is written to memory and read back: KV cache, residual, spike counts. What a
  stage computes from the sums that arrive at it stays in its registers.

The formulas follow `transformer.py`, `attention.py` and `encoder.py` line by line; a test runs one block with counting
arithmetic. The width of an op's operands is that in which a chip would hold them, not the float32 of this model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from simulator.model.attention_rule import AttentionRule
from simulator.model.encoder import Encoder
from simulator.model.encoder_ops import count_bits, encoder_work
from simulator.model.llama_config import LlamaConfig
from simulator.model.preset import Preset, as_preset
from simulator.model.rotation import OnlineRotation, online_rotations
from simulator.model.weights import weight_groups
from simulator.trace.encoding import Encoding
from simulator.trace.trace_program import ClosedForm, Op

STATE_BITS = 16  # residual, KV cache and rotary table as they lie in memory
CHANNEL_BITS = 32  # one scale (float32), or one column sum (int32), per output channel of a spiking layer


def _op(op_id: str, kind: str, operand_bits: int, /, **counts: int | ClosedForm) -> Op:
    """An Op from ``vector_mac=7`` (per token) or ``memory_read=(0, 64)`` (per token, per context position)."""
    table = {
        action.replace("_", ".", 1): count if isinstance(count, tuple) else (count, 0)
        for action, count in counts.items()
        if count not in (0, (0, 0))
    }
    return Op(op_id, kind, table, operand_bits=operand_bits)


def embedding(config: LlamaConfig, stored_bits: int) -> Op:
    """Row of the embedding table: reads d weights, writes d residual values."""
    d = config.hidden_size
    return _op("embedding", "embedding", stored_bits, memory_read=d * stored_bits, memory_write=d * STATE_BITS)


def norm(op_id: str, n: int, stored_bits: int, gain: bool = True) -> Op:
    """RMSNorm ``x * rsqrt(sum(x*x) * (1/n) + eps) * gain``: n mac; 1 mul, 1 add, 1 div; 2n mul; n gains read.

    Without a gain, which a rotation folds into the layers behind the norm: n mul and n gains less.
    """
    counts = {"vector_mac": n, "vector_mul": 1 + n + n * gain, "vector_add": 1, "vector_div": 1}
    return _op(op_id, "norm", STATE_BITS, **counts, memory_read=n * stored_bits * gain)


def encode(op_id: str, n: int, encoder: Encoder) -> Op:
    """Float to spike counts (`encoder_ops`), then the buffer the spikes are sent from.

    The buffer: n counts of w bits, written once and read in each timestep; w is the bits of L, plus a sign for signed
    counts.
    """
    op = _op(op_id, "encode", STATE_BITS, **encoder_work((n, 0), 1, encoder))
    return _buffered(op, (n, 0), encoder.encoding)


def encode_heads(op_id: str, n: ClosedForm, heads: int, encoder: Encoder, weighted: bool = False) -> Op:
    """The same for a local stream of ``n`` values, with a threshold for each head: no core waits for another's.

    ``weighted``: each value is multiplied first, by the scale of the cached row that it will add.
    """
    counts = encoder_work(n, heads, encoder)
    if weighted:
        counts["vector_mul"] = _sum(counts["vector_mul"], n)
    return _buffered(_op(op_id, "encode_heads", STATE_BITS, **counts), n, encoder.encoding)


def _buffered(op: Op, n: ClosedForm, encoding: Encoding) -> Op:
    """An encoder with the buffer of its n counts: written once, read in each timestep."""
    w = count_bits(encoding)
    bits = (n[0] * w, n[1] * w)
    return replace(op, work_per_token={**op.work_per_token, "memory.write": bits}, per_timestep={"memory.read": bits})


def _sum(n: ClosedForm, m: ClosedForm) -> ClosedForm:
    return n[0] + m[0], n[1] + m[1]


def hadamard(op_id: str, rotation: OnlineRotation) -> Op:
    """Online rotation of a stream: n log2 n add by butterflies, b - 1 add per value more for a base of order b.

    It is not normalized: the factor goes into the weights behind it.
    """
    return _op(op_id, "hadamard", STATE_BITS, vector_add=rotation.adds)


def dequantize(op_id: str, n: int, encoding: Encoding, bias_bits: int = 0, groups: int = 1) -> Op:
    """Integer sums to floats ``S * scale_token * scale_channel``: 2n mul, n scales read.

    Binary: ``S - zero_point * column_sum`` first: n mac and n column sums more. With a bias, of ``bias_bits`` each: n
    add and n biases more. With scales for ``groups`` groups of inputs, each output has as many sums: all of it (but the
    bias) that many times, and ``groups - 1`` add to join them.
    """
    unsigned = 0 if encoding.signed else 1
    sums = n * groups
    return _op(
        op_id,
        "dequantize",
        CHANNEL_BITS,
        vector_mul=2 * sums,
        vector_mac=unsigned * sums,
        vector_add=sums - n + (n if bias_bits else 0),
        memory_read=(1 + unsigned) * sums * CHANNEL_BITS + n * bias_bits,
    )


def qk_norm(op_id: str, config: LlamaConfig, stored_bits: int) -> Op:
    """RMSNorm of each of h + kv heads of hd values (`norm`), without a round between cores; 2*hd gains are read."""
    heads = config.num_attention_heads + config.num_key_value_heads
    n = heads * config.head_dim
    counts = {"vector_mac": n, "vector_mul": heads + 2 * n, "vector_add": heads, "vector_div": heads}
    return _op(op_id, "norm_heads", STATE_BITS, **counts, memory_read=2 * config.head_dim * stored_bits)


def rotary(op_id: str, config: LlamaConfig) -> Op:
    """Rotary position ``x*cos + rotate_half(x)*sin`` of (h + kv)*hd values: a mul and a mac each.

    The table holds a cosine and a sine for each of hd/2 angles of this position: hd values read.
    """
    n = config.q_width + config.kv_width
    return _op(op_id, "rotary", STATE_BITS, vector_mul=n, vector_mac=n, memory_read=config.head_dim * STATE_BITS)


def quantize_kv(op_id: str, config: LlamaConfig, preset: Preset, rule: AttentionRule) -> Op:
    """Key and value of this token to integers of the cache, with a scale for each of kv heads (`encode`'s formula).

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
            counts[action] = _sum(counts.get(action, (0, 0)), n)
    summed = width if rule.queries and not encoding.signed else 0
    counts["vector_add"] = _sum(counts["vector_add"], (centred + summed, 0))
    return _op(op_id, "requantize", STATE_BITS, **counts)


def kv_cache(op_id: str, config: LlamaConfig, encoding: Encoding, rule: AttentionRule) -> Op:
    """Key and value of this token written, those of all c positions read: 2*kv*hd values each.

    Rows that spikes trigger are not read here but once per spike, like weights (`qk`, `pv`). Integer rows have a 32-bit
    scale per position and head, read once per token, and so has the sum of a key where the queries have a zero point.
    """
    row, per_head = config.kv_width * rule.kv_bits, config.num_key_value_heads * CHANNEL_BITS
    scales = 2 * per_head if rule.integer else 0
    scales += per_head if rule.queries and not encoding.signed else 0
    read = row * (2 - rule.queries - rule.probabilities)
    return _op(op_id, "kv_cache", rule.kv_bits, memory_write=2 * row + scales, memory_read=(0, read + scales))


def qk(op_id: str, config: LlamaConfig, encoding: Encoding, rule: AttentionRule) -> Op:
    """Scores ``q . k / sqrt(hd)`` for each head and position.

    Dense: hd mac, and 1 mul (by 1/sqrt(hd), or by the scale of an integer key). Spiking: each spike of one query
    element reads and adds the elements of the c cached keys; then 2 mul (threshold, scale), and before them 1 mac where
    the queries have a zero point.
    """
    h = config.num_attention_heads
    if not rule.queries:
        return _op(op_id, "qk", rule.kv_bits, vector_mac=(0, config.q_width), vector_mul=(0, h))
    op = _op(op_id, "qk", rule.kv_bits, vector_mul=(0, 2 * h), vector_mac=(0, 0 if encoding.signed else h))
    added = {"vector.add": (0, 1), "memory.read": (0, rule.kv_bits)}
    return replace(op, stream=op_id.replace(".qk", ".attn_q"), per_spike=added)


def softmax(op_id: str, config: LlamaConfig) -> Op:
    """``exp(s - max(s)) / sum``: for each head and position 1 compare, 2 add, 1 exp, 1 mul; for each head 1 div."""
    h = config.num_attention_heads
    return _op(
        op_id,
        "softmax",
        STATE_BITS,
        vector_compare=(0, h),
        vector_add=(0, 2 * h),
        vector_exp=(0, h),
        vector_mul=(0, h),
        vector_div=h,
    )


def pv(op_id: str, config: LlamaConfig, rule: AttentionRule) -> Op:
    """Mix of the values by the probabilities.

    Dense: for each head and position hd mac, and 1 mul before them by the scale of an integer row. Spiking: each spike
    of the probability of one position reads and adds its cached row of hd elements; then h*hd mul by the threshold.
    """
    h, hd = config.num_attention_heads, config.head_dim
    if not rule.probabilities:
        scaled = h if rule.integer else 0
        return _op(op_id, "pv", rule.kv_bits, vector_mac=(0, config.q_width), vector_mul=(0, scaled))
    op = _op(op_id, "pv", rule.kv_bits, vector_mul=config.q_width)
    added = {"vector.add": (hd, 0), "memory.read": (hd * rule.kv_bits, 0)}
    return replace(op, stream=op_id.replace(".pv", ".attn_p"), per_spike=added)


def attention_ops(b: str, config: LlamaConfig, preset: Preset, rule: AttentionRule) -> tuple[Op, ...]:
    """Ops of the attention of block ``b``, from the queries, keys and values to the mixed values."""
    h, encoding = config.num_attention_heads, preset.encoding
    ops = [rotary(f"{b}.rotary", config)]
    if rule.queries:
        ops.append(encode_heads(f"{b}.encode_attn_q", (config.q_width, 0), h, preset.encoder_of(f"{b}.attn_q")))
    if rule.integer:
        ops.append(quantize_kv(f"{b}.quantize_kv", config, preset, rule))
    ops.append(kv_cache(f"{b}.kv_cache", config, encoding, rule))
    ops += [qk(f"{b}.qk", config, encoding, rule), softmax(f"{b}.softmax", config)]
    if rule.probabilities:
        ops.append(encode_heads(f"{b}.encode_attn_p", (0, h), h, preset.encoder_of(f"{b}.attn_p"), weighted=True))
    return (*ops, pv(f"{b}.pv", config, rule))


def silu(op_id: str, config: LlamaConfig) -> Op:
    """``gate / (1 + exp(-gate)) * up`` of f values: exp, add, div, mul each."""
    f = config.intermediate_size
    return _op(op_id, "silu", STATE_BITS, vector_exp=f, vector_add=f, vector_div=f, vector_mul=f)


def residual(op_id: str, config: LlamaConfig, last: bool) -> Op:
    """Residual connection: d add; the old values read back and, but for the last one, the new ones written to wait."""
    d = config.hidden_size
    written = 0 if last else d * STATE_BITS
    return _op(op_id, "residual", STATE_BITS, vector_add=d, memory_read=d * STATE_BITS, memory_write=written)


def head(config: LlamaConfig, stored_bits: int) -> Op:
    """Dense LM head: V*d mac and as many weights read. Its id is not ``head``, which is the id of its stage."""
    n = config.vocab_size * config.hidden_size
    return _op("lm_head", "head", stored_bits, vector_mac=n, memory_read=n * stored_bits)


def dense_layer(op_id: str, n_in: int, n_out: int, stored_bits: int) -> Op:
    """A linear layer on real numbers that no spikes drive: n_in * n_out mac and as many weights read."""
    n = n_in * n_out
    return _op(op_id, "dense", stored_bits, vector_mac=n, memory_read=n * stored_bits)


def stage_ops(
    config: LlamaConfig, choice: Encoding | Preset, stored_bits: Mapping[str, int]
) -> dict[str, tuple[Op, ...]]:
    """Stage id -> its ops, both in the order of execution.

    ``stored_bits`` holds, by weight id, the bits per stored weight of the embedding, the head and the norm gains.
    """
    preset = as_preset(choice)
    d = config.hidden_size
    ops: dict[str, tuple[Op, ...]] = {}
    arriving: tuple[Op, ...] = (embedding(config, stored_bits["embedding"]),)
    for i in range(config.num_hidden_layers):
        ops |= _block_ops(f"blocks.{i}", arriving, config, preset, stored_bits)
        last = i == config.num_hidden_layers - 1
        groups = len(weight_groups(config.intermediate_size, preset.weights.group))
        arriving = (
            dequantize(f"blocks.{i}.dequant_down", d, preset.encoding, groups=groups),
            residual(f"blocks.{i}.residual_mlp", config, last),
        )
    final = norm("norm_final", d, stored_bits["norm_final"], preset.rotation in ("none", "online"))
    if preset.head == "dense":
        return ops | {"head": (*arriving, final, head(config, stored_bits["head"]))}
    online = online_rotations(config, preset.rotation)
    rotated = (hadamard("hadamard_head_in", online["head_in"]),) if "head_in" in online else ()
    ops["head_in"] = (*arriving, final, *rotated, encode("encode_head_in", d, preset.encoder_of("head_in")))
    groups = len(weight_groups(d, preset.weights.group))
    return ops | {"head": (dequantize("dequant_head", config.vocab_size, preset.encoding, groups=groups),)}


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
        rotated = (hadamard(f"{b}.hadamard_{kind}", online[kind]),) if kind in online else ()
        return (*rotated, encode(f"{b}.encode_{kind}", n, preset.encoder_of(f"{b}.{kind}")))

    def dequantized(name: str, n: int, n_in: int, bias_bits: int = 0) -> Op:
        groups = len(weight_groups(n_in, preset.weights.group))
        return dequantize(f"{b}.dequant_{name}", n, preset.encoding, bias_bits, groups)

    return {
        f"{b}.attn_in": (
            *arriving,
            norm(f"{b}.norm_attn", d, stored_bits[f"{b}.norm_attn"], gain),
            *encoded("attn_in", d),
        ),
        f"{b}.attn_out": (
            dequantized("qkv", q + 2 * config.kv_width, d, stored_bits.get(f"{b}.q_bias", 0)),
            *([qk_norm(f"{b}.qk_norm", config, stored_bits[f"{b}.q_norm"])] if config.qk_norm else ()),
            *attention_ops(b, config, preset, preset.attention.rule()),
            *encoded("attn_out", q),
        ),
        f"{b}.mlp_in": (
            dequantized("o", d, q),
            residual(f"{b}.residual_attn", config, last=False),
            norm(f"{b}.norm_mlp", d, stored_bits[f"{b}.norm_mlp"], gain),
            *encoded("mlp_in", d),
        ),
        f"{b}.mlp_hidden": (
            dequantized("gate_up", 2 * f, d),
            silu(f"{b}.silu", config),
            *encoded("mlp_hidden", f),
        ),
    }
