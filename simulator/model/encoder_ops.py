"""Closed-form work of an encoder: the threshold of each token, and what makes a count of each value.

Conventions as in `simulator.model.ops`. The work of a threshold at run time, for a row of n values:

* absmax: n compare (an absolute value moves bits only), and 1 div for the step ``max / L``. Unsigned: 2n compare,
  and 1 add for the range.
* quantile: the order statistic by radix selection on the 15 magnitude bits of a 16-bit value, exact for these. A round
  compares all n values with a candidate and counts those below: 15n compare and 15n add, then the 1 div. Unsigned: for
  both ends, and 1 add for the range. If the quantile is the largest of n values, it is the absmax and costs that.
* mean, normal: n add (of |x|) and 1 mul by the constant 1/(k n), or that of L.
* least_error: n add, n compare and 1 div for the mean and the largest |x|; 2 mul and 2 div for the base step and two
  reciprocals, 2 mul for each of 5 multiples. For each of the 6 steps: the counts as below, per value 1 add (difference)
  and 1 mac (its square), then 3 mul and 1 add. 5 compare choose one.
* static: the reciprocal of the step is read, 32 bits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from simulator.model.encoder import Encoder
from simulator.model.threshold import MULTIPLES, EncoderRule
from simulator.trace.encoding import Encoding
from simulator.trace.trace_program import ClosedForm

STEP_BITS = 32
SELECTION_ROUNDS = 15


def count_bits(encoding: Encoding) -> int:
    """Width of one spike count: the bits of L, plus a sign for signed counts."""
    return encoding.levels.bit_length() + (1 if encoding.signed else 0)


@dataclass
class Work:
    """Actions under way: ``vector_add`` and the like -> (a, b), a + b*c of them."""

    counts: dict[str, ClosedForm]

    def add(self, action: str, n: ClosedForm, times: int = 1) -> None:
        """Do ``times`` times n more of an action."""
        a, b = self.counts.get(action, (0, 0))
        self.counts[action] = (a + n[0] * times, b + n[1] * times)


def encoder_work(n: ClosedForm, rows: int, encoder: Encoder) -> dict[str, ClosedForm]:
    """Operations of an encoder of n values in ``rows`` rows with a threshold each; a closed form of the context.

    After the threshold: 1 compare (silent token) and 1 div (reciprocal) per row, but of static steps; per value 1 mul,
    1 add where it is rounded to nearest, 2 add under error diffusion (what is left of the values before is added, the
    count taken off), 1 compare for a dead zone, 2 compare for the clip. Unsigned: 1 mul and 1 add
    (rounded zero point) per row, and 1 add (shift) per value.
    """
    work, rule = Work({}), encoder.rule
    _threshold(work, n, rows, encoder)
    if rule.threshold != "static":
        work.add("vector_compare", (rows, 0))
        work.add("vector_div", (rows, 0))
    _counts(work, n, rule)
    if not encoder.encoding.signed:
        work.add("vector_mul", (rows, 0))
        work.add("vector_add", (rows, 0))
        work.add("vector_add", n)
    return work.counts


def _counts(work: Work, n: ClosedForm, rule: EncoderRule, times: int = 1) -> None:
    """Signed counts of n values at a known step, ``times`` times."""
    work.add("vector_mul", n, times)
    adds = {"nearest": 1, "error_diffusion": 2, "floor": 0}  # the half; what is left of a value, added and kept
    work.add("vector_add", n, times * adds[rule.rounding])
    work.add("vector_compare", n, times * (3 if rule.dead_zone else 2))


def _search(work: Work, n: ClosedForm, rows: int, rule: EncoderRule) -> None:
    """The best of some multiples of a base step, and of the step of absmax."""
    multiples = len(MULTIPLES)
    steps = multiples + 1
    work.add("vector_add", n)
    work.add("vector_compare", n)
    work.add("vector_div", (rows, 0), 3)
    work.add("vector_mul", (rows, 0), 2 + 2 * multiples)
    _counts(work, n, replace(rule, rounding="floor" if rule.rounding == "floor" else "nearest"), steps)
    work.add("vector_add", n, steps)
    work.add("vector_mac", n, steps)
    work.add("vector_mul", (rows, 0), 3 * steps)
    work.add("vector_add", (rows, 0), steps)
    work.add("vector_compare", (rows, 0), multiples)


def _threshold(work: Work, n: ClosedForm, rows: int, encoder: Encoder) -> None:
    """The step of each row."""
    rule, ends = encoder.rule, 1 if encoder.encoding.signed else 2
    if rule.threshold == "static":
        work.add("memory_read", (rows * STEP_BITS, 0))
    elif rule.threshold == "least_error":
        _search(work, n, rows, rule)
    elif rule.threshold in ("mean", "normal"):
        work.add("vector_add", n)
        work.add("vector_mul", (rows, 0))
    else:
        selects = _selects(n, rows, rule)
        rounds = SELECTION_ROUNDS if selects else 1
        work.add("vector_compare", n, ends * rounds)
        work.add("vector_add", n, ends * rounds if selects else 0)
        work.add("vector_div", (rows, 0))
        work.add("vector_add", (rows, 0), ends - 1)


def _selects(n: ClosedForm, rows: int, rule: EncoderRule) -> bool:
    """Whether the quantile of a row may be below its largest value, at some context."""
    if n[1]:
        return rule.threshold == "quantile" and rule.gamma < 1
    return rule.selects(n[0] // rows)
