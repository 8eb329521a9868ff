"""Closed-form work of everything in the forward pass that is not driven by spikes.

Conventions, the same for every op:

* a token with a context of c positions (itself included) does ``a + b*c`` elementary operations or bits;
* a subtraction is an ``add``, a square root or its reciprocal is a ``div``, ``x*y + z`` is one ``mac``;
* rounding to an integer is an ``add`` (of the half that truncation needs); a sign change, an absolute value and a
  change of number format only move bits and count nothing;
* a value that must wait for a later stage is written to memory and read back: KV cache, residual, spike counts. What a
  stage computes from the sums that arrive at it stays in its registers.

The formulas follow `transformer.py` and `encoder.py` line by line; a test runs one block with counting arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulator.model.llama_config import LlamaConfig
from simulator.trace.encoding import Encoding
from simulator.trace.trace import ClosedForm, Op

STATE_BITS = 16  # residual, KV cache and rotary table as they lie in memory
CHANNEL_BITS = 32  # one scale (float32), or one column sum (int32), per output channel of a spiking layer


def _op(
    op_id: str, kind: str, *, per_timestep: Mapping[str, ClosedForm] | None = None, **counts: int | ClosedForm
) -> Op:
    """An Op from ``vector_mac=7`` (per token) or ``memory_read=(0, 64)`` (per token, per context position)."""
    table = {
        action.replace("_", ".", 1): count if isinstance(count, tuple) else (count, 0)
        for action, count in counts.items()
        if count
    }
    return Op(op_id, kind, table, per_timestep or {})


def embedding(config: LlamaConfig, stored_bits: int) -> Op:
    """Row of the embedding table: reads d weights, writes d residual values."""
    d = config.hidden_size
    return _op("embedding", "embedding", memory_read=d * stored_bits, memory_write=d * STATE_BITS)


def norm(op_id: str, n: int, stored_bits: int) -> Op:
    """RMSNorm ``x * rsqrt(sum(x*x) * (1/n) + eps) * gain``: n mac; 1 mul, 1 add, 1 div; 2n mul; n gains read."""
    return _op(
        op_id, "norm", vector_mac=n, vector_mul=1 + 2 * n, vector_add=1, vector_div=1, memory_read=n * stored_bits
    )


def encode(op_id: str, n: int, encoding: Encoding) -> Op:
    """Float to spike counts (`encoder.encode`), then the buffer the spikes are sent from.

    Signed: maximum of |x| n compare; step 1 div, 1 compare (silent token), reciprocal 1 div; scale n mul; round n add;
    clip 2n compare. Binary: minimum and maximum 2n compare; range 1 add more; zero point 1 mul, 1 add (round) and, to
    shift by it, n add more. The buffer: n counts of w bits, written once and read in each timestep; w is the bits
    of L, plus a sign for signed counts.
    """
    count_bits = encoding.levels.bit_length() + (1 if encoding.signed else 0)
    unsigned = 0 if encoding.signed else 1
    return _op(
        op_id,
        "encode",
        vector_compare=3 * n + 1 + unsigned * n,
        vector_div=2,
        vector_mul=n + unsigned,
        vector_add=n + unsigned * (n + 2),
        memory_write=n * count_bits,
        per_timestep={"memory.read": (n * count_bits, 0)},
    )


def dequantize(op_id: str, n: int, encoding: Encoding, bias_bits: int = 0) -> Op:
    """Integer sums to floats ``S * scale_token * scale_channel``: 2n mul, n scales read.

    Binary: ``S - zero_point * column_sum`` first: n mac and n column sums more. With a bias, of ``bias_bits`` each: n
    add and n biases more.
    """
    unsigned = 0 if encoding.signed else 1
    return _op(
        op_id,
        "dequantize",
        vector_mul=2 * n,
        vector_mac=unsigned * n,
        vector_add=n if bias_bits else 0,
        memory_read=(1 + unsigned) * n * CHANNEL_BITS + n * bias_bits,
    )


def rotary(op_id: str, config: LlamaConfig) -> Op:
    """Rotary position ``x*cos + rotate_half(x)*sin`` of (h + kv)*hd values: a mul and a mac each.

    The table holds a cosine and a sine for each of hd/2 angles of this position: hd values read.
    """
    n = config.q_width + config.kv_width
    return _op(op_id, "rotary", vector_mul=n, vector_mac=n, memory_read=config.head_dim * STATE_BITS)


def kv_cache(op_id: str, config: LlamaConfig) -> Op:
    """Key and value of this token written, those of all c positions read: 2*kv*hd values each."""
    n_bits = 2 * config.kv_width * STATE_BITS
    return _op(op_id, "kv_cache", memory_write=n_bits, memory_read=(0, n_bits))


def qk(op_id: str, config: LlamaConfig) -> Op:
    """Dense scores ``q . k / sqrt(hd)``: for each head and position hd mac and 1 mul (by the constant 1/sqrt(hd))."""
    return _op(op_id, "qk", vector_mac=(0, config.q_width), vector_mul=(0, config.num_attention_heads))


def softmax(op_id: str, config: LlamaConfig) -> Op:
    """``exp(s - max(s)) / sum``: for each head and position 1 compare, 2 add, 1 exp, 1 mul; for each head 1 div."""
    h = config.num_attention_heads
    return _op(
        op_id,
        "softmax",
        vector_compare=(0, h),
        vector_add=(0, 2 * h),
        vector_exp=(0, h),
        vector_mul=(0, h),
        vector_div=h,
    )


def pv(op_id: str, config: LlamaConfig) -> Op:
    """Dense mix of the values by the probabilities: for each head and position hd mac."""
    return _op(op_id, "pv", vector_mac=(0, config.q_width))


def silu(op_id: str, config: LlamaConfig) -> Op:
    """``gate / (1 + exp(-gate)) * up`` of f values: exp, add, div, mul each."""
    f = config.intermediate_size
    return _op(op_id, "silu", vector_exp=f, vector_add=f, vector_div=f, vector_mul=f)


def residual(op_id: str, config: LlamaConfig, last: bool) -> Op:
    """Residual connection: d add; the old values read back and, but for the last one, the new ones written to wait."""
    d = config.hidden_size
    return _op(op_id, "residual", vector_add=d, memory_read=d * STATE_BITS, memory_write=0 if last else d * STATE_BITS)


def head(config: LlamaConfig, stored_bits: int) -> Op:
    """Dense LM head: V*d mac and as many weights read. Its id is not ``head``, which is the id of its stage."""
    n = config.vocab_size * config.hidden_size
    return _op("lm_head", "head", vector_mac=n, memory_read=n * stored_bits)


def stage_ops(config: LlamaConfig, encoding: Encoding, stored_bits: Mapping[str, int]) -> dict[str, tuple[Op, ...]]:
    """Stage id -> its ops, both in the order of execution.

    ``stored_bits`` holds, by weight id, the bits per stored weight of the embedding, the head and the norm gains.
    """
    d = config.hidden_size
    ops: dict[str, tuple[Op, ...]] = {}
    arriving: tuple[Op, ...] = (embedding(config, stored_bits["embedding"]),)
    for i in range(config.num_hidden_layers):
        ops |= _block_ops(f"blocks.{i}", arriving, config, encoding, stored_bits)
        last = i == config.num_hidden_layers - 1
        arriving = (
            dequantize(f"blocks.{i}.dequant_down", d, encoding),
            residual(f"blocks.{i}.residual_mlp", config, last),
        )
    ops["head"] = (*arriving, norm("norm_final", d, stored_bits["norm_final"]), head(config, stored_bits["head"]))
    return ops


def _block_ops(
    b: str, arriving: tuple[Op, ...], config: LlamaConfig, encoding: Encoding, stored_bits: Mapping[str, int]
) -> dict[str, tuple[Op, ...]]:
    """Ops of the four stages of block ``b``; ``arriving`` make the residual that enters it."""
    d, f, q = config.hidden_size, config.intermediate_size, config.q_width
    return {
        f"{b}.attn_in": (
            *arriving,
            norm(f"{b}.norm_attn", d, stored_bits[f"{b}.norm_attn"]),
            encode(f"{b}.encode_attn_in", d, encoding),
        ),
        f"{b}.attn_out": (
            dequantize(f"{b}.dequant_qkv", q + 2 * config.kv_width, encoding, stored_bits.get(f"{b}.q_bias", 0)),
            rotary(f"{b}.rotary", config),
            kv_cache(f"{b}.kv_cache", config),
            qk(f"{b}.qk", config),
            softmax(f"{b}.softmax", config),
            pv(f"{b}.pv", config),
            encode(f"{b}.encode_attn_out", q, encoding),
        ),
        f"{b}.mlp_in": (
            dequantize(f"{b}.dequant_o", d, encoding),
            residual(f"{b}.residual_attn", config, last=False),
            norm(f"{b}.norm_mlp", d, stored_bits[f"{b}.norm_mlp"]),
            encode(f"{b}.encode_mlp_in", d, encoding),
        ),
        f"{b}.mlp_hidden": (
            dequantize(f"{b}.dequant_gate_up", 2 * f, encoding),
            silu(f"{b}.silu", config),
            encode(f"{b}.encode_mlp_hidden", f, encoding),
        ),
    }
