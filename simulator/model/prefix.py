"""The float prefix of a preset: what it needs of a model, and the spike-driven layers behind it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

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
    """BOS after a float pass of the prepared model, its weights not rounded."""
    token_id = checkpoint.config.bos_token_id
    assert token_id is not None, "`settled_prefix` leaves out the prefix of a model without BOS"
    weights = checkpoint.weights
    exact = replace(checkpoint, weights=weights.exact if isinstance(weights, CompensatedWeights) else weights)
    outputs = PrefixOutputs(exact, preset)
    final_states(exact, (np.array([token_id], np.int64),), outputs)
    return Prefix(token_id, outputs.kept)


def n_prefix(config: LlamaConfig, preset: Preset, token_ids: NDArray[np.int64]) -> int:
    """How many of the first tokens of a passage are the prefix, where others follow: 0 or 1."""
    return int(preset.prefix is not None and len(token_ids) > 1 and token_ids[0] == config.bos_token_id)


def settled_prefix(
    config: LlamaConfig, preset: Preset, passages: tuple[Passage, ...]
) -> tuple[Preset, tuple[str, ...]]:
    """The preset, without its prefix where the model has no BOS; and a warning where the prefix has no effect."""
    if preset.prefix is None:
        return preset, ()
    token_id = config.bos_token_id
    if token_id is None:
        return preset.model_copy(update={"prefix": None}), (
            f"the model puts no token in front of a text, so every token is encoded: the prefix of preset {preset.name}"
            " has no effect (--bos states a token)",
        )
    others = sum(len(p.token_ids) > 0 and p.token_ids[0] != token_id for p in passages)
    if not others:
        return preset, ()
    return preset, (
        f"{others} of {len(passages)} passages do not begin with BOS (token {token_id}) and are encoded whole: the"
        f" prefix of preset {preset.name} has no effect there, nor in later windows of a passage",
    )
