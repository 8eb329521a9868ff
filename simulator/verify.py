"""The functional check: the spikes that the chip delivers must add up to the sums of the forward pass.

The engine moves packets and knows no weight; here each packet that reaches a core adds a real weight of the model, for
sampled neurons of every layer. The forward pass makes the same sums as a product of counts and integer weights. They
are equal when every spike reaches every core that holds weights for it, once, in its timestep.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from simulator.config.chip import ChipConfig
from simulator.engine.delivered import delivered_sums, deliveries
from simulator.errors import ConservationError, ModelError
from simulator.mapping.mapped import Mapped
from simulator.model.checkpoint import Checkpoint, read_checkpoint
from simulator.model.model_options import ModelOptions
from simulator.model.program import weight_of
from simulator.model.weight_files import weight_files
from simulator.model.weights import WEIGHT_BITS, quantize_weights
from simulator.trace.trace import Trace

PLAIN = f"int{WEIGHT_BITS}, symmetric per output channel"  # weights that follow from the checkpoint alone


@dataclass(frozen=True)
class Verified:
    """What was compared, and found equal: sums, layers, and the packets that make them up."""

    n_sums: int
    n_layers: int
    n_deliveries: int


def verify(
    mapped: Mapped,
    model: Path | str,
    *,
    tokens: int = 2,
    neurons: int = 8,
    seed: int = 0,
) -> Verified:
    """Compare the sums of ``neurons`` sampled neurons of every layer, for ``tokens`` sampled tokens.

    Raises
    ------
    ModelError
        The model is not the one of the trace, or its integer weights do not follow from the checkpoint alone.
    ConservationError
        A sum differs: a fault of this program.
    """
    trace, ignored = mapped.trace, mapped.trace.origin.get("ignored_config_keys")
    options = ModelOptions(ignored_keys=tuple(ignored) if isinstance(ignored, list) else ())
    checkpoint = read_checkpoint(model, options)
    _check_origin(trace, mapped.chip, model)
    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.choice(trace.n_tokens, min(tokens, trace.n_tokens), replace=False))
    sampled, n_sums, n_layers, n_deliveries = trace.take(chosen), 0, 0, 0
    for stage in sampled.stages:
        if stage.stream is None:
            continue
        plan, events = deliveries(stage, replace(mapped, trace=sampled))
        n_deliveries += int(events["spikes"].sum())
        for layer_id in stage.layers:
            n_out = sampled.layer_by_id[layer_id].n_out
            some = np.sort(generator.choice(n_out, min(neurons, n_out), replace=False)).astype(np.int64)
            weights = _weights(checkpoint, layer_id)[:, some]
            found = delivered_sums(layer_id, events, plan, stage, sampled, weights, some)
            expected = sampled.spike_counts(stage.stream).astype(np.int64) @ weights.astype(np.int64)
            if not np.array_equal(found, expected):
                token, neuron = np.argwhere(found != expected)[0]
                raise ConservationError(
                    f"{layer_id}: neuron {some[neuron]}, token {chosen[token]}: the delivered spikes add up to"
                    f" {found[token, neuron]}, the forward pass to {expected[token, neuron]}"
                )
            n_sums, n_layers = n_sums + found.size, n_layers + 1
    return Verified(n_sums, n_layers, n_deliveries)


def _weights(checkpoint: Checkpoint, layer_id: str) -> np.ndarray[tuple[int, ...], np.dtype[np.int8]]:
    """int8 [n_in, n_out] as the forward pass takes them."""
    return quantize_weights(checkpoint.weights[weight_of(layer_id)]).rows


def _check_origin(trace: Trace, chip: ChipConfig, model: Path | str) -> None:
    """Refuse what cannot be compared."""
    if chip.replay == "dense":
        raise ModelError(f"{chip.name}: a dense replay sends integers, expected spikes to verify")
    found = weight_files(model).sha256()
    if trace.origin.get("model_sha256") != found:
        raise ModelError(
            f"{model}: weights of sha256 {found[:12]}, the trace was captured from"
            f" {str(trace.origin.get('model_sha256'))[:12]}; expected the same model"
        )
    preset = trace.origin.get("preset", {})
    prepared = isinstance(preset, dict) and (preset.get("rotation", "none") != "none" or preset.get("smooth"))
    if (
        prepared
        or not str(trace.origin.get("weights", "")).startswith(PLAIN)
        or "group" in str(trace.origin.get("weights"))
    ):
        raise ModelError(
            f"{trace.where}: its weights were rotated, smoothed, grouped or not INT{WEIGHT_BITS}, so they do not follow"
            " from the checkpoint alone; expected a trace captured with plain INT8 weights"
        )
