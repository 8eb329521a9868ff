"""Closed-form work of everything in the forward pass that is not driven by spikes, op by op.

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

from dataclasses import replace

from simulator.model.encoder import Encoder
from simulator.model.encoder_ops import count_bits, encoder_work
from simulator.model.llama_config import LlamaConfig
from simulator.model.rotation import OnlineRotation
from simulator.trace.encoding import Encoding
from simulator.trace.trace_program import ClosedForm, Op

STATE_BITS = 16  # residual, KV cache and rotary table as they lie in memory
CHANNEL_BITS = 32  # one scale (float32), or one column sum (int32), per output channel of a spiking layer


def op_of(op_id: str, kind: str, operand_bits: int, /, **counts: int | ClosedForm) -> Op:
    """An Op from ``vector_mac=7`` (per token) or ``memory_read=(0, 64)`` (per token, per context position)."""
    table = {
        action.replace("_", ".", 1): count if isinstance(count, tuple) else (count, 0)
        for action, count in counts.items()
        if count not in (0, (0, 0))
    }
    return Op(op_id, kind, table, operand_bits=operand_bits)


def embedding_op(config: LlamaConfig, stored_bits: int, scales: int = 0) -> Op:
    """Row of the embedding table: reads d weights, writes d residual values.

    A row of integers has ``scales`` scales: as many read, and d mul.
    """
    d = config.hidden_size
    read = d * stored_bits + scales * CHANNEL_BITS
    counts = {"vector_mul": d} if scales else {}
    return op_of("embedding", "embedding", stored_bits, **counts, memory_read=read, memory_write=d * STATE_BITS)


def norm_op(op_id: str, n: int, stored_bits: int, gain: bool = True) -> Op:
    """RMSNorm ``x * rsqrt(sum(x*x) * (1/n) + eps) * gain``: n mac; 1 mul, 1 add, 1 div; 2n mul; n gains read.

    Without a gain, which a rotation folds into the layers behind the norm: n mul and n gains less.
    """
    counts = {"vector_mac": n, "vector_mul": 1 + n + n * gain, "vector_add": 1, "vector_div": 1}
    return op_of(op_id, "norm", STATE_BITS, **counts, memory_read=n * stored_bits * gain)


def encode_op(op_id: str, n: int, encoder: Encoder) -> Op:
    """Float to spike counts (`encoder_ops`), then the buffer the spikes are sent from.

    The buffer: n counts of w bits, written once and read in each timestep; w is the bits of L, plus a sign for signed
    counts.
    """
    op = op_of(op_id, "encode", STATE_BITS, **encoder_work((n, 0), 1, encoder))
    return _buffered(op, (n, 0), encoder.encoding)


def encode_heads_op(op_id: str, n: ClosedForm, heads: int, encoder: Encoder, weighted: bool = False) -> Op:
    """The same for a local stream of ``n`` values, with a threshold for each head: no core waits for another's.

    ``weighted``: each value is multiplied first, by the scale of the cached row that it will add.
    """
    counts = encoder_work(n, heads, encoder)
    if weighted:
        counts["vector_mul"] = plus(counts["vector_mul"], n)
    return _buffered(op_of(op_id, "encode_heads", STATE_BITS, **counts), n, encoder.encoding)


def _buffered(op: Op, n: ClosedForm, encoding: Encoding) -> Op:
    """An encoder with the buffer of its n counts: written once, read in each timestep."""
    w = count_bits(encoding)
    bits = (n[0] * w, n[1] * w)
    return replace(op, work_per_token={**op.work_per_token, "memory.write": bits}, per_timestep={"memory.read": bits})


def plus(n: ClosedForm, m: ClosedForm) -> ClosedForm:
    """The sum of two closed forms."""
    return n[0] + m[0], n[1] + m[1]


def hadamard_op(op_id: str, rotation: OnlineRotation) -> Op:
    """Online rotation of a stream: n log2 n add by butterflies, b - 1 add per value more for a base of order b.

    It is not normalized: the factor goes into the weights behind it.
    """
    return op_of(op_id, "hadamard", STATE_BITS, vector_add=rotation.adds)


def dequantize_op(op_id: str, n: int, encoding: Encoding, bias_bits: int = 0, groups: int = 1) -> Op:
    """Integer sums to floats ``S * scale_token * scale_channel``: 2n mul, n scales read.

    Binary: ``S - zero_point * column_sum`` first: n mac and n column sums more. With a bias, of ``bias_bits`` each: n
    add and n biases more. With scales for ``groups`` groups of inputs, each output has as many sums: all of it (but the
    bias) that many times, and ``groups - 1`` add to join them.
    """
    unsigned = 0 if encoding.signed else 1
    sums = n * groups
    return op_of(
        op_id,
        "dequantize",
        CHANNEL_BITS,
        vector_mul=2 * sums,
        vector_mac=unsigned * sums,
        vector_add=sums - n + (n if bias_bits else 0),
        memory_read=(1 + unsigned) * sums * CHANNEL_BITS + n * bias_bits,
    )


def silu_op(op_id: str, config: LlamaConfig) -> Op:
    """``gate / (1 + exp(-gate)) * up`` of f values: exp, add, div, mul each."""
    f = config.intermediate_size
    return op_of(op_id, "silu", STATE_BITS, vector_exp=f, vector_add=f, vector_div=f, vector_mul=f)


def residual_op(op_id: str, config: LlamaConfig, last: bool) -> Op:
    """Residual connection: d add; the old values read back and, but for the last one, the new ones written to wait."""
    d = config.hidden_size
    written = 0 if last else d * STATE_BITS
    return op_of(op_id, "residual", STATE_BITS, vector_add=d, memory_read=d * STATE_BITS, memory_write=written)


def head_op(config: LlamaConfig, stored_bits: int, scales: int = 0) -> Op:
    """Dense LM head: V*d mac and as many weights read. Its id is not ``head``, which is the id of its stage.

    Integers have ``scales`` scales for each output, which multiply as many sums: V*scales mul and scales read, and
    V*(scales - 1) add to join the sums.
    """
    n, vocab = config.vocab_size * config.hidden_size, config.vocab_size
    joined = {"vector_mul": vocab * scales, "vector_add": vocab * (scales - 1)} if scales else {}
    read = n * stored_bits + vocab * scales * CHANNEL_BITS
    return op_of("lm_head", "head", stored_bits, vector_mac=n, **joined, memory_read=read)


def dense_layer_op(op_id: str, n_in: int, n_out: int, stored_bits: int) -> Op:
    """A linear layer on real numbers that no spikes drive: n_in * n_out mac and as many weights read."""
    n = n_in * n_out
    return op_of(op_id, "dense", stored_bits, vector_mac=n, memory_read=n * stored_bits)
