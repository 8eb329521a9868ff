"""Spike-driven layers behind a float prefix: the first token of every passage is not encoded (`prefix: bos`).

The token in front of a text, BOS, is the same in every passage, and nothing stands before it. So its keys, values and
residual are known beforehand. Many models give it massive activations (Sun et al., "Massive activations in large
language models", COLM 2024) and let all later tokens attend to it; its error under an encoder reaches them all. Here it
has passed the float model once, and a run reads what was kept (PrefixQuant, Chen et al. 2024, with BOS alone).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F32
from simulator.model.checkpoint import Checkpoint
from simulator.model.linear import FloatLinear, Linear, Record, SpikingLinear
from simulator.model.preset import Preset
from simulator.model.program import HEAD_STREAM
from simulator.model.rotation import online_rotations


@dataclass(frozen=True)
class Prefix:
    """A token in front of every passage, and what the float layers make of it.

    Attributes
    ----------
    token_id
        The token.
    outputs
        Stream id -> outputs [1, n_out] of each layer that the stream drives, in the coordinates of a prepared model.
    """

    token_id: int
    outputs: Mapping[str, tuple[F32, ...]]


@dataclass
class PrefixOutputs:
    """The float layers of a prepared model, which keep the outputs of a pass."""

    checkpoint: Checkpoint
    preset: Preset
    kept: dict[str, tuple[F32, ...]] = field(default_factory=dict)

    def __call__(self, stream_id: str, values: F32) -> tuple[F32, ...]:
        """Outputs of the layers that the stream drives, rotated first where the preset says so."""
        rotate = online_rotations(self.checkpoint.config, self.preset.rotation).get(stream_id.rsplit(".", 1)[-1])
        dense = FloatLinear(self.checkpoint, np.float64)  # spikes follow from it
        self.kept[stream_id] = dense(stream_id, values if rotate is None else rotate(values))
        return self.kept[stream_id]


class BehindPrefix:
    """Layers that the prefix of a passage does not pass, for its outputs are known."""

    def __init__(self, prefix: Prefix | None) -> None:
        """``prefix``: the token and its outputs; None: every token passes the layers."""
        self._prefix, self._is_prefix = prefix, np.zeros(0, bool)

    def begin(self, sequences: Sequence[NDArray[np.int64]], start: int) -> None:
        """Announce the token ids of a pass, sequence after sequence, behind ``start`` others."""
        self._is_prefix = np.zeros(sum(len(token_ids) for token_ids in sequences), bool)
        if self._prefix is None or start > 0:
            return
        first = 0
        for token_ids in sequences:
            self._is_prefix[first] = token_ids[0] == self._prefix.token_id
            first += len(token_ids)

    def _joined(self, stream_id: str, values: F32, layers: Linear) -> tuple[F32, ...]:
        """Outputs [tokens, n_out] of each layer: those known of a prefix, those of ``layers`` of the other tokens."""
        if self._prefix is None or not self._is_prefix.any():
            return layers(stream_id, values)
        known = self._prefix.outputs[stream_id]
        outputs = [np.empty((len(values), part.shape[1]), np.float32) for part in known]
        for joined, part in zip(outputs, known, strict=True):
            joined[self._is_prefix] = part
        if not self._is_prefix.all():
            others = layers(stream_id, values[~self._is_prefix])
            for joined, part in zip(outputs, others, strict=True):
                joined[~self._is_prefix] = part
        return tuple(outputs)


class PrefixedLinear(BehindPrefix, SpikingLinear):
    """`SpikingLinear` but for the prefix at the start of a passage: its outputs are known, and it has no counts.

    Parameters
    ----------
    checkpoint, preset, record, verify_tokens
        See `SpikingLinear`. ``record`` and the check of the sums meet the other tokens alone.
    prefix
        The token and its outputs.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        preset: Preset,
        record: Record | None = None,
        verify_tokens: int = 0,
        *,
        prefix: Prefix,
    ) -> None:
        SpikingLinear.__init__(self, checkpoint, preset, record, verify_tokens)
        BehindPrefix.__init__(self, prefix)

    def __call__(self, stream_id: str, values: F32) -> tuple[F32, ...]:
        """Outputs of the layers that the stream drives [tokens, n_out]; a spiking head meets every token."""
        layers = super().__call__
        return layers(stream_id, values) if stream_id == HEAD_STREAM else self._joined(stream_id, values, layers)

    def of_every_token(self, stream_id: str, counts: NDArray[np.int16]) -> NDArray[np.int16]:
        """Counts [tokens, n] of a stream in a pass, with zeros for each prefix; a spiking head counts them itself."""
        if stream_id == HEAD_STREAM or len(counts) != np.count_nonzero(~self._is_prefix):
            return counts
        every = np.zeros((len(self._is_prefix), counts.shape[1]), counts.dtype)
        every[~self._is_prefix] = counts
        return every
