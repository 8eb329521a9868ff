"""The counting forward pass under a preset: thresholds, online rotations, norms without gain, a sum per group."""

from __future__ import annotations

import math

import numpy as np
from counting_forward import CountingForward

from simulator.model.checkpoint import Checkpoint
from simulator.model.hadamard import Hadamard, base_matrix
from simulator.model.preset import Preset
from simulator.model.rotation import online_rotations
from simulator.model.threshold import MEAN_TO_DEVIATION, MULTIPLES, WORTH, EncoderRule, least_error_step, normal_step
from simulator.model.weights import quantize_weights


class CountingPreset(CountingForward):
    """`CountingForward` on a prepared checkpoint, for signed codes and dense attention."""

    def __init__(self, checkpoint: Checkpoint, preset: Preset) -> None:
        super().__init__(checkpoint, preset.encoding)
        self.preset = preset
        self.head_bits, self.group = preset.weights.bits_of_head, preset.weights.group or self.group
        if preset.rotation not in ("none", "online"):  # the gain of the last norm is folded into the head
            self.tables = ("head",)
        self.online = online_rotations(checkpoint.config, preset.rotation)

    def less(self, a: float, b: float) -> bool:
        self._did("vector.compare")
        return a < b

    def norm(self, op_id: str, x: list[float]) -> list[float]:
        if self.preset.rotation in ("none", "online"):
            return super().norm(op_id, x)
        self.op(op_id)
        total = 0.0
        for value in x:
            total = self.mac(total, value, value)
        root = self.rsqrt(self.add(self.mul(total, 1 / len(x)), self.config.rms_norm_eps))
        return [self.mul(value, root) for value in x]

    def encode(self, op_id: str, x: list[float]) -> tuple[list[int], float, int]:
        block, kind = op_id.split(".encode_")
        if kind in self.online:
            rotation = self.online[kind]
            self.op(f"{block}.hadamard_{kind}")
            parts = [self.hadamard(rotation.hadamard, x[j :: rotation.inner]) for j in range(rotation.inner)]
            x = [value for together in zip(*parts, strict=True) for value in together]
        self.op(op_id)
        encoded = self.encode_by(x, self.preset.encoder_of(f"{block}.{kind}").rule)
        self.buffer(encoded[0])
        return encoded

    def hadamard(self, transform: Hadamard, x: list[float]) -> list[float]:
        """Butterflies over the doublings, then the rows of the base, block by block."""
        out: list[float] = []
        for start in range(0, len(x), transform.order):
            part = x[start : start + transform.order]
            half = transform.order // 2
            while half >= transform.base:
                for low in range(0, transform.order, 2 * half):
                    for i in range(low, low + half):
                        part[i], part[i + half] = self.add(part[i], part[i + half]), self.add(part[i], -part[i + half])
                half //= 2
            for first in range(0, transform.order, transform.base):
                inputs = part[first : first + transform.base]
                for column in base_matrix(transform.base).T:
                    total, *others = [float(sign) * value for sign, value in zip(column, inputs, strict=True)]
                    for other in others:
                        total = self.add(total, other)
                    out.append(total)
        return out

    def encode_by(self, x: list[float], rule: EncoderRule) -> tuple[list[int], float, int]:
        levels = self.encoding.levels
        if rule.threshold == "static":
            self.read([rule.step], 32)  # the reciprocal, known beforehand
            step, per_step = rule.step, 1 / rule.step
        else:
            step = self.max(self.step(x, rule, levels), 1e-38)
            per_step = self.div(1, step)
        most = levels if rule.clip is None else min(rule.clip, levels)
        if rule.rounding == "error_diffusion":
            return self.diffused([self.mul(value, per_step) for value in x], rule, most), step, 0
        return [self.count(self.mul(value, per_step), rule, most) for value in x], step, 0

    def diffused(self, row: list[float], rule: EncoderRule, most: int) -> list[int]:
        """The half of rounding is there from the start; what is left of a value goes to the next."""
        counts, left = [], 0.5
        for steps in row:
            small = bool(rule.dead_zone) and self.less(abs(steps), rule.dead_zone)
            left = self.add(left, 0.0 if small else steps)
            n = math.floor(left)
            left = self.add(left, -n)
            counts.append(int(self.min(self.max(n, -most), most)))
        return counts

    def count(self, steps: float, rule: EncoderRule, most: int) -> int:
        n = self.round(steps) if rule.rounding != "floor" else math.trunc(steps)
        if rule.dead_zone and self.less(abs(steps), rule.dead_zone):
            n = 0
        return int(self.min(self.max(n, -most), most))

    def searched(self, x: list[float], rule: EncoderRule, levels: int) -> float:
        """The step of least squared error, of multiples of a base and the step of absmax."""
        total, largest = 0.0, 0.0
        for value in x:
            total = self.add(total, abs(value))
            largest = self.max(largest, abs(value))
        base = self.mul(total, MEAN_TO_DEVIATION * least_error_step(rule.steps_of(levels)) / len(x))
        share, reciprocal = self.mul(WORTH, base), self.div(1, base)
        tried = [(self.mul(base, m), self.mul(reciprocal, 1 / m)) for m in MULTIPLES]
        reach = self.div(largest, rule.steps_of(levels))
        tried.append((reach, self.div(1, reach)))
        most = levels if rule.clip is None else min(rule.clip, levels)
        best, least = 0.0, math.inf
        for place, (step, per_step) in enumerate(tried):
            error = 0.0
            for value in x:
                steps = self.mul(value, per_step)
                apart = self.add(steps, -self.count(steps, rule, most))
                error = self.mac(error, apart, apart)
            cost = self.mul(self.mul(error, step), self.add(self.mul(1 - WORTH, step), share))
            if not place or self.less(cost, least):
                best, least = step, cost
        return best

    def step(self, x: list[float], rule: EncoderRule, levels: int) -> float:
        if rule.threshold == "least_error":
            return self.searched(x, rule, levels)
        if rule.threshold == "mean":
            total = 0.0
            for value in x:
                total = self.add(total, abs(value))
            return self.mul(total, 1 / (rule.k * len(x)))
        if rule.threshold == "normal":
            total = 0.0
            for value in x:
                total = self.add(total, abs(value))
            return self.mul(total, MEAN_TO_DEVIATION * normal_step(rule.steps_of(levels)) / len(x))
        rank = math.ceil(rule.gamma * len(x)) - 1 if rule.threshold == "quantile" else len(x) - 1
        if rank < len(x) - 1:
            return self.div(self.selected(x, rank), rule.steps_of(levels))
        largest = 0.0
        for value in x:
            largest = self.max(largest, abs(value))
        return self.div(largest, rule.steps_of(levels))

    def selected(self, x: list[float], rank: int) -> float:
        """The rank-th smallest size, bit by bit from the top of 15 bits: as many as are below a candidate decide."""
        bits = np.abs(np.array(x)).astype(np.float16).view(np.uint16).tolist()
        found = 0
        for bit in range(14, -1, -1):
            below = 0.0
            for value in bits:
                below = self.add(below, self.less(value, found | 1 << bit))
            found |= (below <= rank) << bit
        return max(abs(value) for value, b in zip(x, bits, strict=True) if b == found)

    def linear(self, op_id: str, layer_ids: list[str], encoded: tuple[list[int], float, int]) -> list[list[float]]:
        self.op(op_id)
        counts, step, _ = encoded
        outputs = []
        for layer_id in layer_ids:
            weights, group = self.w[layer_id], self.preset.weights.group or len(counts)
            parts = []
            for start in range(0, len(counts), group):
                part = quantize_weights(weights[:, start : start + group], self.preset.weights.bits)
                sums = (np.array(counts[start : start + group]) @ part.rows.astype(np.int64)).tolist()
                scales = self.read(part.scale.tolist(), 32)
                parts.append([self.mul(self.mul(s, step), scale) for s, scale in zip(sums, scales, strict=True)])
            total, *others = parts
            for other in others:
                total = [self.add(a, b) for a, b in zip(total, other, strict=True)]
            outputs.append(total)
        return outputs
