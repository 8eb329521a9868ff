"""The forward pass of one token after another in scalars, where every operation is a call that counts itself."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simulator.model.attention_rule import DENSE, AttentionRule
from simulator.model.checkpoint import Checkpoint
from simulator.model.weights import QuantizedWeights, quantize_weights
from simulator.trace.encoding import Encoding


@dataclass(frozen=True)
class Query:
    """A query of one head: its values, or its counts with the step and the zero point of them."""

    values: Sequence[float]
    step: float = 1.0
    zero_point: int = 0


@dataclass(frozen=True)
class Row:
    """A cached key or value of one head: floats, or integers with their scale; for a key also their sum."""

    values: Sequence[float]
    scale: float = 1.0
    total: float = 0.0


class CountingForward:
    """The forward pass of one token after another in scalars, where every operation is a call that counts itself.

    It knows nothing of `ops`: it is checked to compute the same logits as the real forward pass, and then its tally is
    what such a computation really does.
    """

    def __init__(self, checkpoint: Checkpoint, encoding: Encoding, rule: AttentionRule = DENSE) -> None:
        self.config, self.encoding, self.rule = checkpoint.config, encoding, rule
        self.w = checkpoint.weights
        self.bits = checkpoint.stored_bits
        self.rows: dict[str, QuantizedWeights] = {
            i: quantize_weights(w) for i, w in self.w.items() if w.ndim == 2 and i.startswith("blocks.")
        }
        self.tables = ("embedding", "head")  # one table of integers, `head_bits` wide, a scale for each `group`
        self.head_bits, self.group = 8, self.config.hidden_size
        self.cache: dict[str, list[tuple[list[Row], list[Row]]]] = defaultdict(list)
        self.tally: dict[str, Counter[str]] = {}
        self.spikes: Counter[str] = Counter()

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
        return self.normed(x, self.read(self.w[op_id], self.bits[op_id]))

    def normed_heads(self, x: list[float], gains: list[float]) -> list[float]:
        hd = len(gains)
        return [value for start in range(0, len(x), hd) for value in self.normed(x[start : start + hd], gains)]

    def normed(self, x: list[float], gains: list[float]) -> list[float]:
        total = 0.0
        for value in x:
            total = self.mac(total, value, value)
        root = self.rsqrt(self.add(self.mul(total, 1 / len(x)), self.config.rms_norm_eps))
        return [self.mul(self.mul(value, root), gain) for value, gain in zip(x, gains, strict=True)]

    def encode(self, op_id: str, x: list[float]) -> tuple[list[int], float, int]:
        self.op(op_id)
        encoded = self.encode_row(x, self.encoding)
        self.buffer(encoded[0])
        return encoded

    def encode_row(self, x: list[float], encoding: Encoding, diffuse: bool = False) -> tuple[list[int], float, int]:
        levels, low = encoding.levels, 0.0
        if encoding.signed:
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
        zero_point = 0 if encoding.signed else self.round(self.mul(-low, per_step))
        counts, left = [], 0.5  # the half of rounding is there from the start
        for value in x:
            n: float
            if diffuse:
                left = self.add(left, self.mul(value, per_step))
                n = math.floor(left)
                left = self.add(left, -n)
            else:
                n = self.round(self.mul(value, per_step))
            if not encoding.signed:
                n = self.add(n, zero_point)
            counts.append(int(self.min(self.max(n, -levels if encoding.signed else 0), levels)))
        return counts, step, zero_point

    def buffer(self, counts: list[int]) -> None:
        """Counts wait in memory, and are read from it in each timestep."""
        count_bits = len(f"{self.encoding.levels:b}") + (1 if self.encoding.signed else 0)
        stored = self.write(counts, count_bits)
        for _ in range(self.encoding.n_timesteps):
            self.read(stored, count_bits)

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
        c, hd, kv_bits = self.config, self.config.head_dim, self.rule.kv_bits
        if c.qk_norm:
            self.op(f"{b}.qk_norm")
            gains = {kind: self.read(self.w[f"{b}.{kind}_norm"], self.bits[f"{b}.{kind}_norm"]) for kind in "qk"}
            q, k = self.normed_heads(q, gains["q"]), self.normed_heads(k, gains["k"])
        self.op(f"{b}.rotary")
        angles = [position * c.rope_theta ** (-2 * j / hd) for j in range(hd // 2)]
        cos = self.read([math.cos(a) for a in angles], 16)
        sin = self.read([math.sin(a) for a in angles], 16)
        q, k = self.rotate(q, cos, sin), self.rotate(k, cos, sin)
        queries = [Query(q[i : i + hd]) for i in range(0, len(q), hd)]
        if self.rule.queries:
            self.op(f"{b}.encode_attn_q")
            queries = [Query(*self.encode_row(query.values, self.encoding)) for query in queries]
            self.buffer([n for query in queries for n in query.values])
        keys = [Row(k[i : i + hd]) for i in range(0, len(k), hd)]
        values = [Row(v[i : i + hd]) for i in range(0, len(v), hd)]
        if self.rule.integer:
            self.op(f"{b}.quantize_kv")
            keys = [self.rounded(row, self.rule.keys, hd**-0.5) for row in keys]
            values = [self.rounded(row, self.rule.values) for row in values]
            if self.sums:
                keys = [replace(row, total=self.total(row.values)) for row in keys]
        self.op(f"{b}.kv_cache")
        self.cache[b].append((keys, values))
        for row in (*keys, *values):
            self.write(row.values, kv_bits)
        self.count_scales("write", keys, values)
        for past_keys, past_values in self.cache[b]:
            for row in (*([] if self.rule.queries else past_keys), *([] if self.rule.probabilities else past_values)):
                self.read(row.values, kv_bits)
            self.count_scales("read", past_keys, past_values)
        per_head = c.num_attention_heads // c.num_key_value_heads
        shares, mixed_rows = [], []
        for i, query in enumerate(queries):
            shares.append(self.score(b, query, [past[0][i // per_head] for past in self.cache[b]]))
            mixed_rows.append([past[1][i // per_head] for past in self.cache[b]])
        return self.mix(b, shares, mixed_rows)

    @property
    def sums(self) -> bool:
        return self.rule.queries and not self.encoding.signed

    def rounded(self, row: Row, encoded: bool, factor: float | None = None) -> Row:
        counts, step, zero_point = self.encode_row(
            row.values, self.encoding if encoded else Encoding("ternary", 2 ** (self.rule.kv_bits - 1) - 1)
        )
        if encoded and not self.encoding.signed:
            counts = [int(self.add(n, -zero_point)) for n in counts]
        return Row([float(n) for n in counts], step if factor is None else self.mul(step, factor))

    def total(self, values: list[float]) -> float:
        total = 0.0
        for value in values:
            total = self.add(total, value)
        return total

    def count_scales(self, action: str, keys: list[Row], values: list[Row]) -> None:
        if self.rule.integer:
            self._did(f"memory.{action}", (len(keys) + len(values) + (len(keys) if self.sums else 0)) * 32)

    def spikes_of(self, stream: str, counts: list[float]) -> list[tuple[int, int]]:
        """(neuron, weight) of every spike, timestep by timestep."""
        array, found = np.array(counts, dtype=np.int64), []
        for t in range(self.encoding.n_timesteps):
            signs = self.encoding.spikes_in_timestep(array, t)
            found += [(int(j), int(signs[j]) * self.encoding.timestep_weight(t)) for j in np.flatnonzero(signs)]
        self.spikes[stream] += len(found)
        return found

    def score(self, b: str, query: Query, keys: list[Row]) -> list[float]:
        hd = self.config.head_dim
        self.op(f"{b}.qk")
        scores = [0.0] * len(keys)
        if self.rule.queries:
            for j, sign in self.spikes_of(f"{b}.attn_q", query.values):
                column = self.read([key.values[j] for key in keys], self.rule.kv_bits)
                scores = [self.add(score, sign * value) for score, value in zip(scores, column, strict=True)]
            if self.sums:
                scores = [self.mac(s, -query.zero_point, key.total) for s, key in zip(scores, keys, strict=True)]
            scores = [self.mul(score, query.step) for score in scores]
        else:
            for i, key in enumerate(keys):
                for j in range(hd):
                    scores[i] = self.mac(scores[i], query.values[j], key.values[j])
        factors = [key.scale if self.rule.integer else hd**-0.5 for key in keys]
        scores = [self.mul(score, factor) for score, factor in zip(scores, factors, strict=True)]
        self.op(f"{b}.softmax")
        largest = -math.inf
        for score in scores:
            largest = self.max(largest, score)
        powers = [self.exp(self.add(score, -largest)) for score in scores]
        share = self.div(1, self.total(powers))
        return [self.mul(power, share) for power in powers]

    def mix(self, b: str, shares: list[list[float]], values: list[list[Row]]) -> list[float]:
        """Shares [h][c] of the rows [h][c]."""
        hd, encoded, mixed = self.config.head_dim, [], []
        self.op(f"{b}.encode_attn_p" if self.rule.probabilities else f"{b}.pv")
        if self.rule.integer:
            pairs = zip(shares, values, strict=True)
            shares = [[self.mul(p, row.scale) for p, row in zip(*pair, strict=True)] for pair in pairs]
        if self.rule.probabilities:
            encoded = [self.encode_row(p, self.encoding, diffuse=True) for p in shares]
            self.buffer([n for counts, _, _ in encoded for n in counts])
        self.op(f"{b}.pv")
        for head, rows in enumerate(values):
            sums = [0.0] * hd
            if self.rule.probabilities:
                counts, step, _ = encoded[head]
                for position, sign in self.spikes_of(f"{b}.attn_p", [float(n) for n in counts]):
                    row = self.read(rows[position].values, self.rule.kv_bits)
                    sums = [self.add(total, sign * value) for total, value in zip(sums, row, strict=True)]
                sums = [self.mul(total, step) for total in sums]
            else:
                for p, row in zip(shares[head], rows, strict=True):
                    sums = [self.mac(sums[j], p, row.values[j]) for j in range(hd)]
            mixed += sums
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
        self.tally, self.spikes = {}, Counter()
        self.op("embedding")
        if "embedding" in self.tables:
            x = [self.mul(value, part.scale) for part in self.table_row("embedding", token_id) for value in part.values]
        else:
            x = self.read(self.w["embedding"][token_id], self.bits["embedding"])
        x = self.write(x, 16)
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
        for output in range(len(self.w["head"])):
            sums, first = [], 0
            for part in self.table_row("head", output):
                total = 0.0
                for value, weight in zip(normed[first : first + len(part.values)], part.values, strict=True):
                    total = self.mac(total, value, weight)
                sums.append(self.mul(total, part.scale))
                first += len(part.values)
            logit = sums[0]
            for other in sums[1:]:
                logit = self.add(logit, other)
            logits.append(logit)
        return logits

    def table_row(self, name: str, row: int) -> list[Row]:
        """A row of a rounded table: integers and their scale, group by group."""
        found, most = [], (1 << (self.head_bits - 1)) - 1
        for first in range(0, self.config.hidden_size, self.group):
            part = self.w[name][row, first : first + self.group]
            (scale,) = self.read([float(np.abs(part).max()) / most], 32)
            found.append(Row(self.read(np.rint(part / scale).astype(int).tolist(), self.head_bits), scale))
        return found
