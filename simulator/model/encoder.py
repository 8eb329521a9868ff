"""Float activations to integer spike counts, one threshold per token.

Two choices make an encoder: how the step of the counts is found for a token (`threshold`), and how a value becomes a
count (`quantize`: round, dead zone, shift, clip).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.errors import ModelError, did_you_mean
from simulator.model.count_kernels import count_steps, diffuse_steps
from simulator.model.threshold import ABSMAX, EncoderRule, signed_step, unsigned_step
from simulator.trace.codes import CODES, SPECS
from simulator.trace.encoding import Encoding

# Levels of a graded count where nothing else is said: what an INT8 activation holds.


@dataclass(frozen=True)
class SpikeCounts:
    """Activations of some tokens as spike counts: value = (count - zero_point) * v_threshold.

    Attributes
    ----------
    counts
        int16 [tokens, n].
    v_threshold
        float32 [tokens]: value of one spike, the threshold of the encoding neurons.
    zero_point
        int32 [tokens]: the count that means 0.0; all 0 for signed counts.
    n_clipped
        Values beyond the largest (or below the smallest) count, which took that count instead.
    """

    counts: NDArray[np.int16]
    v_threshold: NDArray[np.float32]
    zero_point: NDArray[np.int32]
    n_clipped: int = 0

    def rows(self, rows: slice) -> SpikeCounts:
        """Those of some tokens; what was clipped stays with the whole."""
        return SpikeCounts(self.counts[rows], self.v_threshold[rows], self.zero_point[rows])


def join_tokens(parts: Sequence[SpikeCounts]) -> SpikeCounts:
    """Counts of some tokens after those of others."""
    if len(parts) == 1:
        return parts[0]
    return SpikeCounts(
        np.concatenate([part.counts for part in parts]),
        np.concatenate([part.v_threshold for part in parts]),
        np.concatenate([part.zero_point for part in parts]),
        sum(part.n_clipped for part in parts),
    )


def clip_warnings(n_clipped: Mapping[str, int], n_encoded: Mapping[str, int]) -> list[str]:
    """Number and share of the clipped activations, in all and by type of stream; nothing where none was clipped.

    ``n_encoded`` holds the activations that were encoded, by type of stream.
    """
    found = {kind: n for kind, n in n_clipped.items() if n}
    if not found:
        return []
    by_kind = ", ".join(f"{kind} {_with_share(n, n_encoded[kind])}" for kind, n in found.items())
    n, share = _with_share(sum(found.values()), sum(n_encoded.values())).split()
    return [f"{n} activations {share} exceeded the largest spike count and were clipped to it: {by_kind}"]


def _with_share(n: int, n_in_all: int) -> str:
    """A number and its share of a whole: ``46 (0.3%)``."""
    share = 100 * n / n_in_all
    return f"{n:,} ({'<0.1' if share < 0.05 else f'{share:.1f}'}%)"


def encoding_for(code: str, timesteps: int) -> Encoding:
    """The encoding that unrolls over exactly ``timesteps``.

    T levels; 2**T - 1 for ``bitwise``, 2**(T-1) - 1 for ``bitwise_twos``. ``graded`` has one timestep whatever its
    levels; here they are 127, as of an INT8 activation.

    Raises
    ------
    ModelError
        When the code is not known or T is out of range.
    """
    known = next((c for c in CODES if c == code), None)
    if known is None:
        raise ModelError(f"encoding {code!r}, expected {', '.join(CODES)}{did_you_mean(code, CODES)}")
    spec = SPECS[known]
    least, most = spec.allowed
    if not least <= timesteps <= most:
        expected = f"{least} to {most}" if most > least else f"{least}"
        raise ModelError(f"timesteps {timesteps}, expected {expected} for {code}")
    return Encoding(known, spec.levels(timesteps))


@dataclass(frozen=True)
class Encoder:
    """What stands in front of a linear layer: values [tokens, n] -> `SpikeCounts`."""

    encoding: Encoding
    rule: EncoderRule = ABSMAX

    def __call__(self, values: NDArray[np.float32], place: str = "activations", first: int = 0) -> SpikeCounts:
        """Encode each token (row) with a threshold of its own; ``first`` is the number of the first of them.

        Raises
        ------
        ModelError
            When a value is NaN or infinite; ``place`` says where.
        """
        if not np.isfinite(values).all():
            token = first + int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
            raise ModelError(f"{place}: token {token} holds NaN or infinity, expected finite activations")
        if self.encoding.signed:
            step = signed_step(values, self.encoding.levels, self.rule)
            low = np.zeros_like(step)
        else:
            step, low = unsigned_step(values, self.encoding.levels, self.rule)
        return quantize(values, step, low, self)


def encode(values: NDArray[np.float32], encoding: Encoding, place: str = "activations") -> SpikeCounts:
    """Counts by the rule `absmax` (minimum and maximum for unsigned counts): nothing is clipped."""
    return Encoder(encoding)(values, place)


def quantize(
    values: NDArray[np.float32], step: NDArray[np.float32], low: NDArray[np.float32], encoder: Encoder
) -> SpikeCounts:
    """Counts ``clip(round(x / step) + zero_point)`` with ``zero_point = rint(-low / step)``.

    Under error diffusion what a value loses by its rounding is added to the next one.

    The division is done once per token: its reciprocal multiplies the row, as hardware would do it. A silent token (all
    zeros, or so small that its step is no normal number) has step 1, and so counts 0.
    """
    encoding, rule = encoder.encoding, encoder.rule
    step = np.where(step >= np.finfo(np.float32).tiny, step, np.float32(1))
    per_step = np.float32(1) / step
    zero_point = np.rint(-low * per_step).astype(np.int32)
    most = encoding.levels if rule.clip is None else min(rule.clip, encoding.levels)
    counts = np.empty(values.shape, np.int16)
    rows, scale, shift = (
        np.ascontiguousarray(values, np.float32),
        per_step.astype(np.float32),
        zero_point.astype(np.float32),
    )
    smallest, zone = np.float32(-most if encoding.signed else 0), np.float32(rule.dead_zone)
    if rule.diffuses:
        n_clipped = diffuse_steps(rows, scale, shift, zone, smallest, np.float32(most), counts)
    else:
        nearest = rule.rounding == "nearest"
        n_clipped = count_steps(rows, scale, shift, zone, nearest, smallest, np.float32(most), counts)
    return SpikeCounts(counts, step, zero_point, int(n_clipped))
