"""Rules that find the step of a token's counts: the value of one spike, from the token's activations.

A rule maps values [tokens, n] and the levels L to (step [tokens], low [tokens]): ``low`` is the value that count 0
stands for. Signed codes have low 0; the unsigned one reaches down to its smallest value. What each rule computes at run
time is counted in `simulator.model.op_work.encode_op`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from simulator.arrays import F32
from simulator.errors import ModelError
from simulator.model.count_kernels import add_sizes, largest_sizes, least_error_steps

Rule = Literal["absmax", "quantile", "mean", "normal", "least_error", "static"]
Rounding = Literal["nearest", "floor", "error_diffusion"]


@dataclass(frozen=True)
class EncoderRule:
    """How the values of a stream become counts; each attribute is one reading of gamma-SQP (``ENCODING.md``).

    Attributes
    ----------
    threshold
        ``absmax``: L steps reach the largest |x| of the token. ``quantile``: they reach its quantile ``gamma``.
        ``mean``: a step is ``mean|x| / k``. ``normal``: a step is ``mean|x|`` times a constant of L (`normal_step`).
        ``least_error``: the best of six steps for the token (`searched_step`). ``static``: a step is ``step``, found
        beforehand.
    gamma
        Share of the token's activations that do not exceed L steps, in (0, 1].
    k
        Steps in the mean of |x|.
    step
        Value of one spike of the rule ``static``.
    steps
        Steps in the range of absmax, quantile or a static step, where fewer than L. None for L.
    clip
        Largest absolute count, where lower than L: the clip of the membrane potential. None for L.
    dead_zone
        Values of less than so many steps make no spike; 0 leaves it to the rounding.
    rounding
        ``nearest`` (halves to even), ``floor`` of the size, as a neuron fires that starts from rest, or
        ``error_diffusion``: what rounding to nearest leaves of a value is added to the next value of the row. So the
        sum of any first values of a row is kept to half a step (Floyd and Steinberg 1976, in one dimension).
    """

    threshold: Rule = "absmax"
    gamma: float = 1.0
    k: float = 3.0
    step: float = 0.0
    steps: int | None = None
    clip: int | None = None
    dead_zone: float = 0.0
    rounding: Rounding = "nearest"

    def __str__(self) -> str:
        """In words, for the origin of a trace."""
        named = {
            "absmax": "absmax",
            "quantile": f"quantile {self.gamma:g} of |x|",
            "mean": f"mean|x| / {self.k:g}",
            "normal": "mean|x| of a normal distribution",
            "least_error": "the step of least squared error of six",
            "static": f"static step {self.step:g}",
        }
        reach = f" in {self.steps} steps" if self.steps is not None else ""
        how = "rounded by error diffusion" if self.diffuses else f"rounded to {self.rounding}"
        words = [f"{named[self.threshold]}{reach} per token", how]
        words += [f"counts clipped at {self.clip}"] if self.clip is not None else []
        words += [f"silent below {self.dead_zone:g} steps"] if self.dead_zone else []
        return ", ".join(words)

    @property
    def diffuses(self) -> bool:
        """Whether a value takes over what rounding left of the one before it."""
        return self.rounding == "error_diffusion"

    def steps_of(self, levels: int) -> int:
        """Steps in the range."""
        return levels if self.steps is None else min(self.steps, levels)

    def selects(self, n: int) -> bool:
        """Whether the quantile of n values is below the largest of them: not where n < 1 / (1 - gamma)."""
        return self.threshold == "quantile" and rank(self.gamma, n) < n - 1


ABSMAX = EncoderRule()
# The standard deviation of a normal distribution over its mean |x|.
MEAN_TO_DEVIATION = math.sqrt(math.pi / 2)
# Near the step of least error the error is flat: so much wider a step costs less than 0.5 % of error and saves 3 % of
# the spikes.
WIDENING = 1.03
# Steps of the rule `least_error`, over the step of least error for a normal distribution.
MULTIPLES = (0.8, 0.9, 1.0, 1.1, 1.25)
# Share of error that a step may cost for each share of width: the error of a normal row is flat near its best step.
WORTH = 0.3


def normal_step(levels: int) -> float:
    """Step for counts -L to L of a normal distribution, in standard deviations: that of least error, widened by 3 %.

    The step of least squared error of a uniform quantizer with 2 L + 1 outputs (Max, IRE Trans. Inf. Theory, 1960).
    """
    return WIDENING * least_error_step(levels)


@lru_cache(maxsize=64)
def least_error_step(levels: int) -> float:
    """The step of least squared error, found by golden section to 1e-6 of a standard deviation."""
    k = np.arange(1, levels + 1)

    def error(step: float) -> float:  # a count is the number of bounds (k - 1/2) * step that |x| exceeds
        bounds = (k - 0.5) * step
        density = np.exp(-(bounds**2) / 2) / math.sqrt(2 * math.pi)
        beyond = np.array([math.erfc(bound / math.sqrt(2)) / 2 for bound in bounds])
        return float(1 - 4 * step * density.sum() + 2 * step**2 * ((2 * k - 1) * beyond).sum())

    low, high, ratio = 0.25 / levels, 8.0 / (levels + 1), (math.sqrt(5) - 1) / 2
    while high - low > 1e-6:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if error(left) < error(right) else (left, high)
    return (low + high) / 2


def signed_step(values: F32, levels: int, rule: EncoderRule) -> F32:
    """Step of each token [tokens] for counts -L to L."""
    if rule.threshold == "static":
        if not rule.step > 0:
            raise ModelError("static threshold without a step, expected one in the preset, or one found on a text")
        return np.full(len(values), rule.step, np.float32)
    if rule.threshold == "normal":
        factor = MEAN_TO_DEVIATION * normal_step(rule.steps_of(levels))
        return mean_size(values) * np.float32(factor)
    if rule.threshold == "least_error":
        return searched_step(values, levels, rule)
    if rule.threshold == "mean":
        return mean_size(values) / np.float32(rule.k)
    reach = order_statistic(np.abs(values), rule.gamma) if rule.selects(values.shape[1]) else largest_size(values)
    return reach / np.float32(rule.steps_of(levels))


def searched_step(values: F32, levels: int, rule: EncoderRule) -> F32:
    """Of six steps for each token [tokens] the one whose counts -L to L have the least squared error.

    The steps are `MULTIPLES` of the least-error step for a normal distribution, and the step of absmax, which suits a
    row of few different sizes. A wider step saves spikes, so a share of 1 % more of width may cost `WORTH` % of error.
    """
    most = levels if rule.clip is None else min(rule.clip, levels)
    spread = mean_size(values) * np.float32(MEAN_TO_DEVIATION * least_error_step(rule.steps_of(levels)))
    reach = largest_size(values) / np.float32(rule.steps_of(levels))
    candidates = np.empty((len(values), len(MULTIPLES) + 1), np.float32)
    np.multiply(spread[:, None], np.array(MULTIPLES, np.float32), out=candidates[:, :-1])
    candidates[:, -1] = reach
    candidates[candidates < np.finfo(np.float32).tiny] = 1
    nearest, zone, found = rule.rounding != "floor", np.float32(rule.dead_zone), np.empty(len(values), np.float32)
    rows = np.ascontiguousarray(values, np.float32)
    least_error_steps(rows, candidates, spread, zone, nearest, np.float32(most), WORTH, found)
    return found


def mean_size(values: F32) -> F32:
    """The mean |x| of each row [tokens]; values [tokens, n]."""
    totals = np.empty(len(values), np.float32)
    add_sizes(np.ascontiguousarray(values, np.float32), totals)
    return totals / np.float32(values.shape[1])


def largest_size(values: F32) -> F32:
    """The largest |x| of each row [tokens], NaN where the row holds NaN; values [tokens, n]."""
    largest = np.empty(len(values), np.float32)
    largest_sizes(np.ascontiguousarray(values, np.float32).view(np.int32), largest.view(np.int32))
    return largest


def unsigned_step(values: F32, levels: int, rule: EncoderRule) -> tuple[F32, F32]:
    """(step, low) [tokens] for counts 0 to L: from the quantile 1 - gamma to the quantile gamma, 0.0 inside."""
    gamma = rule.gamma if rule.threshold == "quantile" else 1.0
    high = np.maximum(order_statistic(values, gamma), np.float32(0))
    low = np.minimum(-order_statistic(-values, gamma), np.float32(0))
    step: F32 = ((high - low) / np.float32(rule.steps_of(levels))).astype(np.float32)
    return step, low.astype(np.float32)


def order_statistic(values: F32, gamma: float) -> F32:
    """The smallest value [tokens] that at least the share ``gamma`` of each row [tokens, n] does not exceed."""
    place = rank(gamma, values.shape[1])
    if place == values.shape[1] - 1:
        largest: F32 = values.max(axis=1)
        return largest
    chosen: F32 = np.partition(values, place, axis=1)[:, place]
    return chosen


def rank(gamma: float, n: int) -> int:
    """Place, from 0, of the quantile in n sorted values: ``ceil(gamma n) - 1``."""
    return max(math.ceil(gamma * n) - 1, 0)
