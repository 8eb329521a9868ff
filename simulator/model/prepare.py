"""A checkpoint made ready for a preset: rotated, smoothed, with the static steps of its streams found on a text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F32
from simulator.errors import ModelError
from simulator.model.balance import balanced
from simulator.model.checkpoint import Checkpoint
from simulator.model.compensation import compensated, rounding_tokens
from simulator.model.linear import FloatLinear
from simulator.model.llama_config import LlamaConfig
from simulator.model.moments import moments_of
from simulator.model.prefix import float_prefix, n_prefix, settled_prefix
from simulator.model.preset import Preset
from simulator.model.program import DRIVEN, driven_layers, stream_width
from simulator.model.rotation import fold_rotation, online_rotations
from simulator.model.rounded_head import with_rounded_head
from simulator.model.threshold import order_statistic
from simulator.model.tokenizer import Passage
from simulator.model.transformer import forward

CALIBRATION_TOKENS = 512
# Times the median size of a stream: what Sun et al. (COLM 2024) call a massive activation.
MASSIVE = 1000

# Weight -> the stream whose channels its outputs are; layer -> the stream that drives it.
MADE_BY = {"norm_attn": "attn_in", "norm_mlp": "mlp_in", "v": "attn_out", "v_bias": "attn_out", "up": "mlp_hidden"}
DRIVEN_BY = {kind: short for short, kinds in DRIVEN.items() for kind in kinds}


def prepared(
    checkpoint: Checkpoint, preset: Preset, passages: tuple[Passage, ...] = ()
) -> tuple[Checkpoint, Preset, tuple[str, ...]]:
    """The checkpoint and the preset as `SpikingLinear` and `forward` take them, and warnings.

    Parameters
    ----------
    checkpoint
        The model as it was read.
    preset
        What to do to it.
    passages
        Text on which smoothing and static thresholds are found, up to `CALIBRATION_TOKENS`; others need none.

    Returns
    -------
    tuple
        The folded checkpoint; the preset with a step for every stream that has a static threshold, and without a float
        prefix where the model has no BOS; a warning of the latter, one when the text was used, and one when a quantile
        is the largest value because the rows are short.

    Raises
    ------
    ModelError
        When a text is needed and none is given.
    """
    preset, prefixed = settled_prefix(checkpoint.config, preset, passages)
    if preset.rotation == "online":
        moments, notes = moments_of(checkpoint, preset.moments, passages)
        ready = balanced(checkpoint, moments, preset.head == "spiking")
    else:
        ready, notes = fold_rotation(checkpoint, preset.rotation, preset.seed), ()
    ready, preset, more = _calibrated(ready, preset, passages)
    ready, notes = with_rounded_head(ready, preset), (*notes, *more)
    if preset.weights.rounding == "gptq":
        token_ids, more = rounding_tokens(checkpoint, preset, passages)
        prefix = None if preset.prefix is None else float_prefix(ready, preset)
        ready, notes = compensated(ready, preset, token_ids, prefix), (*notes, *more)
    return ready, preset, (*prefixed, *notes, *short_rows(ready.config, preset))


def _calibrated(
    ready: Checkpoint, preset: Preset, passages: tuple[Passage, ...]
) -> tuple[Checkpoint, Preset, tuple[str, ...]]:
    """The checkpoint smoothed and the preset with its static steps, where it asks for either; and a warning."""
    if preset.smooth is None and not _static_streams(ready, preset):
        return ready, preset, ()
    sample = _first_tokens(passages)
    notes: tuple[str, ...] = ()
    if not sample:
        raise ModelError(f"preset {preset.name}: smoothing and static thresholds are found on a text, expected one")
    if preset.smooth is not None:
        ready = smoothed(ready, _observed(ready, preset, sample), preset.smooth)
    static = _static_streams(ready, preset)
    if static:
        seen = _observed(ready, preset, sample)
        notes = massive_activations({stream_id: seen[stream_id] for stream_id in static})
        steps = {stream_id: static_step(seen[stream_id], preset, stream_id) for stream_id in static}
        preset = preset.with_steps(steps)
    n = sum(len(token_ids) for token_ids in sample)
    return ready, preset, (f"preset {preset.name} was calibrated on the first {n} tokens of the text itself", *notes)


def massive_activations(seen: Mapping[str, F32]) -> tuple[str, ...]:
    """A warning where a stream [tokens, n] with a static threshold holds a value of over `MASSIVE` times its median."""
    shares = {i: float(np.abs(x).max() / max(np.median(np.abs(x)), np.finfo(np.float32).tiny)) for i, x in seen.items()}
    found = {stream_id: share for stream_id, share in shares.items() if share > MASSIVE}
    if not found:
        return ()
    worst = max(found, key=lambda stream_id: found[stream_id])
    return (
        f"static thresholds meet massive activations in {len(found)} streams (in {worst} {found[worst]:,.0f} times the"
        " median size), which are clipped to the largest count; `prefix: bos` keeps those of the first token out of the"
        " encoder, and `threshold: absmax` has a step for each token",
    )


def short_rows(config: LlamaConfig, preset: Preset) -> tuple[str, ...]:
    """A warning where a quantile below 1 clips nothing, because it is the largest value of rows so short."""
    attention, hd = preset.attention, config.head_dim
    widths = {short: stream_width(config, f"blocks.0.{short}") for short in DRIVEN}
    widths |= {"attn_q": hd} if attention.queries else {}
    widths |= {f"attn_{name[0]}": hd for name in ("keys", "values") if getattr(attention, name)}
    rules = {kind: preset.encoder_of(kind).rule for kind in widths}
    idle = [k for k, rule in rules.items() if rule.threshold == "quantile" and rule.gamma < 1]
    idle = [k for k in idle if not rules[k].selects(widths[k])]
    if not idle:
        return ()
    words = ", ".join(f"{kind} ({widths[kind]} values, quantile {rules[kind].gamma:g})" for kind in idle)
    return (f"the quantile is the largest value, as absmax, and clips nothing in rows this short: {words}",)


def _static_streams(checkpoint: Checkpoint, preset: Preset) -> list[str]:
    """Streams with a static threshold whose step is not in the preset."""
    rules = {stream_id: preset.encoder_of(stream_id).rule for stream_id in _streams(checkpoint)}
    return [stream_id for stream_id, rule in rules.items() if rule.threshold == "static" and not rule.step]


def static_step(values: F32, preset: Preset, stream_id: str) -> float:
    """Step of a stream for all tokens: its quantile gamma of all |x| over the levels."""
    encoder = preset.encoder_of(stream_id)
    largest = order_statistic(np.abs(values).reshape(1, -1), encoder.rule.gamma)[0]
    return max(float(largest) / encoder.rule.steps_of(encoder.encoding.levels), float(np.finfo(np.float32).tiny))


def _streams(checkpoint: Checkpoint) -> list[str]:
    return [f"blocks.{i}.{short}" for i in range(checkpoint.config.num_hidden_layers) for short in DRIVEN]


def _first_tokens(passages: tuple[Passage, ...]) -> list[NDArray[np.int64]]:
    """Token ids of the first passages, `CALIBRATION_TOKENS` in all."""
    sample: list[NDArray[np.int64]] = []
    left = CALIBRATION_TOKENS
    for passage in passages:
        if left > 0:
            sample.append(passage.token_ids[:left])
            left -= len(sample[-1])
    return sample


def _observed(checkpoint: Checkpoint, preset: Preset, sample: list[NDArray[np.int64]]) -> dict[str, F32]:
    """Activations of every stream [tokens, n] in a float pass of the sample, rotated as the preset rotates them.

    Those of a float prefix are left out.
    """
    dense = FloatLinear(checkpoint, np.float64)  # steps, and so spikes, follow from it
    online = online_rotations(checkpoint.config, preset.rotation)
    seen: dict[str, list[F32]] = {}
    first = 0

    def linear(stream_id: str, values: F32) -> tuple[F32, ...]:
        kind = stream_id.rsplit(".", 1)[-1]
        values = online[kind](values) if kind in online else values
        seen.setdefault(stream_id, []).append(values[first:])
        return dense(stream_id, values)

    for token_ids in sample:
        first = n_prefix(checkpoint.config, preset, token_ids)
        forward(checkpoint, token_ids, linear)
    return {stream_id: np.concatenate(parts) for stream_id, parts in seen.items()}


def smoothed(checkpoint: Checkpoint, seen: Mapping[str, F32], alpha: float) -> Checkpoint:
    """Move range from the activations into the weights (Xiao et al., SmoothQuant, ICML 2023, equation 4).

    Channel j of a stream is divided by ``s_j = max|x_j|**alpha / max|w_j|**(1 - alpha)`` where it is made (the gain
    of the norm, the rows of v or of up) and its weights are multiplied by it; the float model stays what it is. Streams
    that are rotated at run time have their channels mixed already and are left alone.
    """
    config = checkpoint.config
    rotated = getattr(checkpoint.weights, "rotation", "none") != "none"
    kinds = ("attn_in", "mlp_in") if rotated else tuple(DRIVEN)
    scales = {}
    for stream_id in _streams(checkpoint):
        kind = stream_id.rsplit(".", 1)[-1]
        if kind in kinds:
            largest = np.abs(seen[stream_id]).max(axis=0).astype(np.float64)
            weights = np.max([np.abs(checkpoint.weights[i]).max(axis=0) for i in driven_layers(stream_id)], axis=0)
            if kind == "attn_out":  # the heads of a group share their values
                largest, weights = (
                    _per_group(x, config.num_key_value_heads, config.head_dim) for x in (largest, weights)
                )
            scale = largest**alpha / np.maximum(weights, np.finfo(np.float32).tiny) ** (1 - alpha)
            scales[stream_id] = np.where((largest > 0) & (weights > 0), scale, 1.0)
    weights = SmoothedWeights(checkpoint, scales)
    return replace(checkpoint, weights=weights)


def _per_group(values: NDArray[np.float64], kv: int, width: int) -> NDArray[np.float64]:
    """Maxima [kv * width] over the query heads that read the same values."""
    return np.asarray(values.reshape(kv, -1, width).max(axis=1).reshape(-1), np.float64)


class SmoothedWeights(Mapping[str, F32]):
    """The weights of a checkpoint with scales moved from streams into the layers that they drive.

    Parameters
    ----------
    checkpoint
        The model before.
    scales
        Stream id -> float64 [n]; of ``attn_out`` [kv * hd], one for each value that is made.
    """

    def __init__(self, checkpoint: Checkpoint, scales: Mapping[str, NDArray[np.float64]]) -> None:
        self._checkpoint, self._scales = checkpoint, scales
        self.rotation = getattr(checkpoint.weights, "rotation", "none")

    def __len__(self) -> int:
        return len(self._checkpoint.weights)

    def __iter__(self) -> Iterator[str]:
        return iter(self._checkpoint.weights)

    def __getitem__(self, weight_id: str) -> F32:
        """The scaled weight, float32, of the shape that the checkpoint has."""
        block, _, short = weight_id.rpartition(".")
        weight = self._checkpoint.weights[weight_id]
        divisor = self._scales.get(f"{block}.{MADE_BY.get(short)}")
        factor = self._scales.get(f"{block}.{DRIVEN_BY.get(short)}")
        if divisor is None and factor is None:
            return weight
        wide = weight.astype(np.float64)
        if divisor is not None:
            wide = (wide.T / divisor).T
        if factor is not None:
            wide = wide * self._of_inputs(factor, wide.shape[1])
        return wide.astype(np.float32)

    def _of_inputs(self, factor: NDArray[np.float64], n_in: int) -> NDArray[np.float64]:
        """The factor of every input; values that several heads read are repeated for each."""
        if len(factor) == n_in:
            return factor
        width = self._checkpoint.config.head_dim
        by_head = factor.reshape(-1, 1, width)
        return np.broadcast_to(by_head, (len(by_head), n_in // len(factor), width)).reshape(n_in)
