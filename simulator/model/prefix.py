"""The float prefix of a preset: what it needs of a model, and the spike-driven layers behind it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simulator.errors import ModelError
from simulator.model.checkpoint import Checkpoint
from simulator.model.compensation import CompensatedWeights
from simulator.model.linear import Record, SpikingLinear
from simulator.model.llama_config import LlamaConfig
from simulator.model.prefixed import Prefix, PrefixedLinear, PrefixOutputs
from simulator.model.preset import Preset
from simulator.model.tokenizer import Passage
from simulator.model.transformer import final_states


def spiking_linear(
    checkpoint: Checkpoint, preset: Preset, record: Record | None = None, verify_tokens: int = 0
) -> SpikingLinear:
    """The layers of a prepared model, behind a float prefix where the preset has one; see `SpikingLinear`."""
    if preset.prefix is None:
        return SpikingLinear(checkpoint, preset, record, verify_tokens)
    return PrefixedLinear(checkpoint, preset, record, verify_tokens, prefix=float_prefix(checkpoint, preset))


def float_prefix(checkpoint: Checkpoint, preset: Preset) -> Prefix:
    """BOS after a float pass of the prepared model, its weights not rounded. Raises ModelError without a BOS."""
    token_id = prefix_token(checkpoint.config, preset)
    weights = checkpoint.weights
    exact = replace(checkpoint, weights=weights.exact if isinstance(weights, CompensatedWeights) else weights)
    outputs = PrefixOutputs(exact, preset)
    final_states(exact, (np.array([token_id], np.int64),), outputs)
    return Prefix(token_id, outputs.kept)


def prefix_token(config: LlamaConfig, preset: Preset) -> int:
    """The id of BOS. Raises ModelError when the model has none."""
    if config.bos_token_id is None:
        raise ModelError(
            f"preset {preset.name}: prefix {preset.prefix}, but the model puts no token in front of a text; state one"
            " with --bos, or leave out the prefix"
        )
    return config.bos_token_id


def n_prefix(config: LlamaConfig, preset: Preset, token_ids: NDArray[np.int64]) -> int:
    """How many of the first tokens of a passage are the prefix, where others follow: 0 or 1."""
    return int(preset.prefix is not None and len(token_ids) > 1 and token_ids[0] == prefix_token(config, preset))


def prefix_warnings(config: LlamaConfig, preset: Preset, passages: tuple[Passage, ...]) -> tuple[str, ...]:
    """A warning where passages do not begin with the prefix. Raises ModelError when the model has no BOS."""
    if preset.prefix is None:
        return ()
    token_id = prefix_token(config, preset)
    others = sum(len(p.token_ids) > 0 and p.token_ids[0] != token_id for p in passages)
    if not others:
        return ()
    return (
        f"{others} of {len(passages)} passages do not begin with BOS (token {token_id}): the prefix of preset"
        f" {preset.name} has no effect there; pass the text with BOS in front",
    )
