"""A dense LM head, and an embedding that is tied to it, in the precision of the weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulator.arrays import F32
from simulator.model.checkpoint import Checkpoint
from simulator.model.derived_weights import DerivedWeights
from simulator.model.llama_config import LlamaConfig
from simulator.model.preset import Preset, WeightFields
from simulator.model.weights import FLOAT_BITS, rounded_float, weight_groups, whole_weights

# Rotations under which a tied head stays the table of the embedding: no gain of a norm is folded into it.
ONE_TABLE = ("none", "online")


def head_bits(config: LlamaConfig, preset: Preset) -> dict[str, int]:
    """Bits per weight of the tables that a preset rounds: ``head``, and ``embedding`` where both are one table.

    None where the head is a layer, or stays as it is in the files (16 bits with integer weights).
    """
    bits = preset.weights.bits_of_head
    if preset.head == "spiking" or (bits == FLOAT_BITS and preset.weights.bits != FLOAT_BITS):
        return {}
    one = config.tie_word_embeddings and preset.rotation in ONE_TABLE
    return dict.fromkeys(("head", "embedding") if one else ("head",), bits)


def with_rounded_head(checkpoint: Checkpoint, preset: Preset) -> Checkpoint:
    """``checkpoint`` with the tables of `head_bits` rounded."""
    tables = head_bits(checkpoint.config, preset)
    if not tables:
        return checkpoint
    weights = RoundedHead(checkpoint, frozenset(tables), preset.weights)
    return replace(checkpoint, weights=weights, read_rows=weights.rows)


class RoundedHead(DerivedWeights):
    """The weights of a checkpoint, some ``tables`` [V, d] of which are rounded as ``fields`` say.

    Integers have a scale for each row of a table, or for each group of its inputs, as the other weights have.
    """

    def __init__(self, checkpoint: Checkpoint, tables: frozenset[str], fields: WeightFields) -> None:
        super().__init__(checkpoint)
        self._tables, self._fields = tables, fields

    def _made(self, weight_id: str) -> F32:
        stored = self._checkpoint.weights[weight_id]
        if weight_id not in self._tables:
            return stored
        rounded = self._rounded(stored)
        if self._checkpoint.kept:
            self._kept |= dict.fromkeys(self._tables, rounded)  # more than one are one table
        return rounded

    def rows(self, weight_id: str, rows: slice) -> F32:
        """Some rows of the embedding or the head."""
        if self._checkpoint.kept:
            return self[weight_id][rows]
        part = self._checkpoint.rows(weight_id, rows)
        return self._rounded(part) if weight_id in self._tables else part

    def _rounded(self, rows: F32) -> F32:
        bits = self._fields.bits_of_head
        if bits == FLOAT_BITS:
            return rounded_float(rows, self._fields.float_format, "lm_head")
        found = np.empty_like(rows)
        for inputs in weight_groups(rows.shape[1], self._fields.group):
            codes, scale = whole_weights(rows[:, inputs], bits)
            found[:, inputs] = codes * scale[:, None]
        return found
