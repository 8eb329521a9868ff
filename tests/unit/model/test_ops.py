"""Closed-form op counts against a forward pass in counting arithmetic, and against numbers worked out by hand."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import pytest

from simulator.model import ops
from simulator.model.checkpoint import Checkpoint, read_checkpoint
from simulator.model.linear import SpikingLinear
from simulator.model.llama_config import LlamaConfig
from simulator.model.ops import stage_ops
from simulator.model.program import build_program
from simulator.model.transformer import forward
from simulator.model.weights import QuantizedWeights, quantize_weights
from simulator.trace.encoding import Encoding

ENCODINGS = [Encoding("ternary", 3), Encoding("binary", 6), Encoding("bitwise", 7)]

# d = 4, f = 3, V = 5, h = 2, kv = 1, hd = 2
SMALL = LlamaConfig(5, 4, 3, 2, 2, 1, 2, 16, 1e-5, 1e4, True, 1)


def count(op_id: str, encoding: Encoding, contexts: int, bits: int = 16) -> dict[str, int]:
    """Counts of one op of the small model for a token with this context."""
    table = stage_ops(SMALL, encoding, defaultdict(lambda: bits))
    (op,) = (op for stage in table.values() for op in stage if op.op_id == op_id)
    return {action: int(n[0]) for action, n in op.work(np.array([contexts]), encoding.n_timesteps).items()}


def test_counts_by_hand():
    """The formulas with their numbers in, for a token that attends to 10 positions; weights of 16 bit."""
    ternary, binary = Encoding("ternary", 3), Encoding("binary", 6)
    hand = {
        "embedding": {"memory.read": 4 * 16, "memory.write": 4 * 16},
        # 4 squares summed; * 1/4; + eps; rsqrt; 4 times the root, 4 times the gain.
        "blocks.0.norm_attn": {
            "vector.mac": 4, "vector.mul": 1 + 4 + 4, "vector.add": 1, "vector.div": 1, "memory.read": 4 * 16,
        },
        # max of 4; silent?; clip below and above; step and 1/step; 4 times 1/step; round 4. Counts of 2 + 1 bit, T = 3.
        "blocks.0.encode_attn_in": {
            "vector.compare": 4 + 1 + 8, "vector.div": 2, "vector.mul": 4, "vector.add": 4,
            "memory.write": 4 * 3, "memory.read": 4 * 3 * 3,
        },
        # q 4, k 2, v 2: two products and one 32-bit scale each.
        "blocks.0.dequant_qkv": {"vector.mul": 2 * 8, "memory.read": 8 * 32},
        # q 4 and k 2 values; one cosine and one sine.
        "blocks.0.rotary": {"vector.mul": 6, "vector.mac": 6, "memory.read": 2 * 16},
        # A key and a value of 2 numbers written; those of 10 positions read.
        "blocks.0.kv_cache": {"memory.write": 4 * 16, "memory.read": 10 * 4 * 16},
        # 2 heads x 10 positions: 2 mac and 1 mul each.
        "blocks.0.qk": {"vector.mac": 2 * 10 * 2, "vector.mul": 2 * 10},
        "blocks.0.softmax": {
            "vector.compare": 20, "vector.add": 20 + 20, "vector.exp": 20, "vector.mul": 20, "vector.div": 2,
        },
        "blocks.0.pv": {"vector.mac": 2 * 10 * 2},
        "blocks.0.residual_attn": {"vector.add": 4, "memory.read": 4 * 16, "memory.write": 4 * 16},
        "blocks.0.dequant_gate_up": {"vector.mul": 2 * 6, "memory.read": 6 * 32},
        "blocks.0.silu": {"vector.exp": 3, "vector.add": 3, "vector.div": 3, "vector.mul": 3},
        # After the last block nothing waits for another residual.
        "blocks.1.residual_mlp": {"vector.add": 4, "memory.read": 4 * 16},
        "lm_head": {"vector.mac": 5 * 4, "memory.read": 5 * 4 * 16},
    }  # fmt: skip
    assert {op_id: count(op_id, ternary, 10) for op_id in hand} == hand
    # min and max of 4, silent?, clip; range, round zero point, round 4, shift 4; counts of 3 bit, T = 6.
    assert count("blocks.0.encode_attn_in", binary, 10) == {
        "vector.compare": 8 + 1 + 8, "vector.div": 2, "vector.mul": 4 + 1, "vector.add": 1 + 1 + 4 + 4,
        "memory.write": 4 * 3, "memory.read": 4 * 3 * 6,
    }  # fmt: skip
    # The zero point times the column sum comes off each of 4 sums first.
    assert count("blocks.0.dequant_o", binary, 10) == {
        "vector.mac": 4, "vector.mul": 2 * 4, "memory.read": 4 * 32 + 4 * 32,
    }  # fmt: skip


class CountingForward:
    """The forward pass of one token after another in scalars, where every operation is a call that counts itself.

    It knows nothing of `ops`: it is checked to compute the same logits as the real forward pass, and then its tally is
    what such a computation really does.
    """

    def __init__(self, checkpoint: Checkpoint, encoding: Encoding) -> None:
        self.config, self.encoding = checkpoint.config, encoding
        self.w = checkpoint.weights
        self.bits = checkpoint.stored_bits
        self.rows: dict[str, QuantizedWeights] = {
            i: quantize_weights(w) for i, w in self.w.items() if w.ndim == 2 and i.startswith("blocks.")
        }
        self.cache: dict[str, list[tuple[list[float], list[float]]]] = defaultdict(list)
        self.tally: dict[str, Counter[str]] = {}

    def op(self, op_id: str) -> None:
        self.here = self.tally.setdefault(op_id, Counter())

    def _did(self, action: str, n: int = 1) -> None:
        self.here[action] += n

    def add(self, a: float, b: float) -> float:
        self._did("vector.add")
        return a + b

    def mul(self, a: float, b: float) -> float:
        self._did("vector.mul")
        return a * b

    def mac(self, total: float, a: float, b: float) -> float:
        self._did("vector.mac")
        return total + a * b

    def div(self, a: float, b: float) -> float:
        self._did("vector.div")
        return a / b

    def rsqrt(self, a: float) -> float:
        self._did("vector.div")
        return a**-0.5

    def exp(self, a: float) -> float:
        self._did("vector.exp")
        return math.exp(a)

    def max(self, a: float, b: float) -> float:
        self._did("vector.compare")
        return max(a, b)

    def min(self, a: float, b: float) -> float:
        self._did("vector.compare")
        return min(a, b)

    def round(self, a: float) -> int:
        self._did("vector.add")
        return round(a)

    def read(self, values: Sequence[float], bits: int) -> list[float]:
        self._did("memory.read", len(values) * bits)
        return [float(v) for v in values]

    def write(self, values: Sequence[float], bits: int) -> list[float]:
        self._did("memory.write", len(values) * bits)
        return list(values)

    def norm(self, op_id: str, x: list[float]) -> list[float]:
        self.op(op_id)
        total = 0.0
        for value in x:
            total = self.mac(total, value, value)
        root = self.rsqrt(self.add(self.mul(total, 1 / len(x)), self.config.rms_norm_eps))
        gains = self.read(self.w[op_id], self.bits[op_id])
        return [self.mul(self.mul(value, root), gain) for value, gain in zip(x, gains, strict=True)]

    def encode(self, op_id: str, x: list[float]) -> tuple[list[int], float, int]:
        self.op(op_id)
        levels, low = self.encoding.levels, 0.0
        if self.encoding.signed:
            largest = 0.0
            for value in x:
                largest = self.max(largest, abs(value))
            step = self.div(largest, levels)
        else:
            high = 0.0
            for value in x:
                low, high = self.min(low, value), self.max(high, value)
            step = self.div(self.add(high, -low), levels)
        step = self.max(step, 1e-38)  # stands for the test of a silent token
        per_step = self.div(1, step)
        zero_point = 0 if self.encoding.signed else self.round(self.mul(-low, per_step))
        counts = []
        for value in x:
            n: float = self.round(self.mul(value, per_step))
            if not self.encoding.signed:
                n = self.add(n, zero_point)
            counts.append(int(self.min(self.max(n, -levels if self.encoding.signed else 0), levels)))
        count_bits = len(f"{levels:b}") + (1 if self.encoding.signed else 0)
        stored = self.write(counts, count_bits)
        for _ in range(self.encoding.n_timesteps):
            self.read(stored, count_bits)
        return counts, step, zero_point

    def linear(self, op_id: str, layer_ids: list[str], encoded: tuple[list[int], float, int]) -> list[list[float]]:
        """Spikes move the sums (not an op of the vector unit); dequantizing them is one."""
        self.op(op_id)
        counts, step, zero_point = encoded
        outputs = []
        for layer_id in layer_ids:
            weights = self.rows[layer_id]
            sums = (np.array(counts) @ weights.rows.astype(np.int64)).tolist()
            if not self.encoding.signed:
                columns = self.read(weights.column_sums.tolist(), 32)
                sums = [self.mac(s, -zero_point, column) for s, column in zip(sums, columns, strict=True)]
            scales = self.read(weights.scale.tolist(), 32)
            outputs.append([self.mul(self.mul(s, step), scale) for s, scale in zip(sums, scales, strict=True)])
        return outputs

    def rotate(self, x: list[float], cos: list[float], sin: list[float]) -> list[float]:
        hd, half = self.config.head_dim, self.config.head_dim // 2
        out = []
        for start in range(0, len(x), hd):
            head = x[start : start + hd]
            turned = [-v for v in head[half:]] + head[:half]
            out += [self.mac(self.mul(turned[j], sin[j % half]), head[j], cos[j % half]) for j in range(hd)]
        return out

    def attend(self, b: str, q: list[float], k: list[float], v: list[float], position: int) -> list[float]:
        c = self.config
        self.op(f"{b}.rotary")
        angles = [position * c.rope_theta ** (-2 * j / c.head_dim) for j in range(c.head_dim // 2)]
        cos = self.read([math.cos(a) for a in angles], 16)
        sin = self.read([math.sin(a) for a in angles], 16)
        q, k = self.rotate(q, cos, sin), self.rotate(k, cos, sin)
        self.op(f"{b}.kv_cache")
        self.cache[b].append((self.write(k, 16), self.write(v, 16)))
        cached = [(self.read(keys, 16), self.read(values, 16)) for keys, values in self.cache[b]]
        mixed = []
        for head in range(c.num_attention_heads):
            first = head * c.num_key_value_heads // c.num_attention_heads * c.head_dim
            mixed += self.attend_head(b, q[head * c.head_dim : (head + 1) * c.head_dim], cached, first)
        return mixed

    def attend_head(
        self, b: str, q: list[float], cached: list[tuple[list[float], list[float]]], first: int
    ) -> list[float]:
        hd = self.config.head_dim
        self.op(f"{b}.qk")
        scores = []
        for keys, _ in cached:
            score = 0.0
            for j in range(hd):
                score = self.mac(score, q[j], keys[first + j])
            scores.append(self.mul(score, hd**-0.5))
        self.op(f"{b}.softmax")
        largest = -math.inf
        for score in scores:
            largest = self.max(largest, score)
        powers = [self.exp(self.add(score, -largest)) for score in scores]
        total = 0.0
        for power in powers:
            total = self.add(total, power)
        share = self.div(1, total)
        shares = [self.mul(power, share) for power in powers]
        self.op(f"{b}.pv")
        mixed = [0.0] * hd
        for p, (_, values) in zip(shares, cached, strict=True):
            mixed = [self.mac(mixed[j], p, values[first + j]) for j in range(hd)]
        return mixed

    def residual(self, op_id: str, waiting: list[float], x: list[float], last: bool) -> list[float]:
        self.op(op_id)
        total = [self.add(a, b) for a, b in zip(self.read(waiting, 16), x, strict=True)]
        return total if last else self.write(total, 16)

    def silu(self, op_id: str, gate: list[float], up: list[float]) -> list[float]:
        self.op(op_id)
        return [self.mul(self.div(g, self.add(1, self.exp(-g))), u) for g, u in zip(gate, up, strict=True)]

    def token(self, token_id: int, position: int) -> list[float]:
        """Logits of one token."""
        self.tally = {}
        self.op("embedding")
        x = self.write(self.read(self.w["embedding"][token_id], self.bits["embedding"]), 16)
        for i in range(self.config.num_hidden_layers):
            b, last = f"blocks.{i}", i == self.config.num_hidden_layers - 1
            spikes = self.encode(f"{b}.encode_attn_in", self.norm(f"{b}.norm_attn", x))
            q, k, v = self.linear(f"{b}.dequant_qkv", [f"{b}.q", f"{b}.k", f"{b}.v"], spikes)
            spikes = self.encode(f"{b}.encode_attn_out", self.attend(b, q, k, v, position))
            (o,) = self.linear(f"{b}.dequant_o", [f"{b}.o"], spikes)
            x = self.residual(f"{b}.residual_attn", x, o, last=False)
            spikes = self.encode(f"{b}.encode_mlp_in", self.norm(f"{b}.norm_mlp", x))
            gate, up = self.linear(f"{b}.dequant_gate_up", [f"{b}.gate", f"{b}.up"], spikes)
            spikes = self.encode(f"{b}.encode_mlp_hidden", self.silu(f"{b}.silu", gate, up))
            (down,) = self.linear(f"{b}.dequant_down", [f"{b}.down"], spikes)
            x = self.residual(f"{b}.residual_mlp", x, down, last)
        normed = self.norm("norm_final", x)
        self.op("lm_head")
        logits = []
        for weights in self.w["head"]:
            logit = 0.0
            for value, weight in zip(normed, self.read(weights, self.bits["head"]), strict=True):
                logit = self.mac(logit, value, weight)
            logits.append(logit)
        return logits


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_closed_form_equals_counting_forward(write_model, encoding):
    """Every op, every action, every token: what the counting forward did is what the Op says for that context."""
    checkpoint = read_checkpoint(write_model(hidden_size=8, intermediate_size=10))
    ids = [1, 7, 30, 7, 12]
    counting = CountingForward(checkpoint, encoding)
    table = {op.op_id: op for op in build_program(checkpoint.config, encoding, checkpoint.stored_bits).ops}
    logits = []
    for position, token_id in enumerate(ids):
        logits.append(counting.token(token_id, position))
        context = np.array([position + 1])
        work = {op_id: op.work(context, encoding.n_timesteps) for op_id, op in table.items()}
        said = {op_id: {action: int(n[0]) for action, n in done.items()} for op_id, done in work.items()}
        assert said == {op_id: dict(tally) for op_id, tally in counting.tally.items()}
    real = forward(checkpoint, np.array(ids), SpikingLinear(checkpoint, encoding))
    assert np.abs(np.array(logits) - real).max() < 1e-3


def test_ops_come_in_the_order_they_are_done(write_model):
    checkpoint = read_checkpoint(write_model())
    counting = CountingForward(checkpoint, ENCODINGS[0])
    counting.token(1, 0)
    program = build_program(checkpoint.config, ENCODINGS[0], checkpoint.stored_bits)
    assert [op.op_id for op in program.ops] == list(counting.tally)
    assert [i for stage in program.stages for i in stage.ops] == list(counting.tally)


def test_weights_are_read_at_their_stored_width():
    assert (
        count("lm_head", ENCODINGS[0], 1, bits=32)["memory.read"]
        == 2 * count("lm_head", ENCODINGS[0], 1)["memory.read"]
    )
    assert ops.STATE_BITS == 16
