"""What a preset costs: the perplexity of a text under it, and the spikes that it takes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulator.model.attention import attention_for
from simulator.model.checkpoint import Checkpoint
from simulator.model.dense_attention import float_attention
from simulator.model.linear import FloatLinear, Record
from simulator.model.perplexity import score_passages
from simulator.model.prediction import Perplexity
from simulator.model.prefix import spiking_linear
from simulator.model.prepare import prepared
from simulator.model.preset import Preset
from simulator.model.tokenizer import Passage
from simulator.trace.encoding import Encoding


@dataclass
class SpikeTally:
    """Spikes of the linear streams, by the last part of a stream's id.

    Attributes
    ----------
    activations, spikes, silent
        Activations passed, spikes sent, activations that sent none.
    """

    encoding: Encoding
    activations: Counter[str] = field(default_factory=Counter)
    spikes: Counter[str] = field(default_factory=Counter)
    silent: Counter[str] = field(default_factory=Counter)

    def record(self, stream_id: str, counts: NDArray[np.int16]) -> None:
        """Add the counts [tokens, n] of a stream."""
        kind = stream_id.rsplit(".", 1)[-1]
        self.activations[kind] += counts.size
        self.spikes[kind] += int(self.encoding.spikes_per_count(counts).sum())
        self.silent[kind] += counts.size - int(np.count_nonzero(counts))

    @property
    def spikes_per_activation(self) -> float:
        """Over all streams."""
        return self.spikes.total() / self.activations.total()

    @property
    def firing_rate(self) -> float:
        """Spikes per activation and timestep, in [0, 1]."""
        return self.spikes_per_activation / self.encoding.n_timesteps

    @property
    def zero_share(self) -> float:
        """Share of activations whose count is 0."""
        return self.silent.total() / self.activations.total()


@dataclass(frozen=True)
class Evaluation:
    """A preset on a text.

    Attributes
    ----------
    preset
        As it was used: with its static steps.
    quality
        Perplexity.
    tally
        Spikes.
    n_clipped
        Activations that exceeded the largest count and were clipped, by type of stream.
    """

    preset: Preset
    quality: Perplexity
    tally: SpikeTally
    n_clipped: Counter[str]

    @property
    def perplexity(self) -> float:
        """The exponential of the mean per token."""
        return self.quality.perplexity


def evaluate(
    checkpoint: Checkpoint,
    preset: Preset,
    passages: tuple[Passage, ...],
    record: Record | None = None,
    reference: Checkpoint | None = None,
) -> Evaluation:
    """Pass the passages through the model under a preset, its attention and head included.

    ``record`` gets the counts of every stream as well, those of a float prefix as zeros. A float model to compare with
    is the ``reference``.
    """
    ready, settled, _ = prepared(checkpoint, preset, passages)
    tally = SpikeTally(settled.encoding)

    def both(stream_id: str, counts: NDArray[np.int16]) -> None:
        tally.record(stream_id, counts)
        if record is not None:
            record(stream_id, linear.of_every_token(stream_id, counts))

    linear = spiking_linear(ready, settled, both)
    attention = attention_for(settled.attention.rule(), settled, record)
    quality = score_passages(ready, passages, linear, attention, settled.head == "spiking", reference)
    return Evaluation(settled, quality, tally, linear.n_clipped)


def float_quality(checkpoint: Checkpoint, passages: tuple[Passage, ...]) -> Perplexity:
    """Perplexity of the float model."""
    return score_passages(checkpoint, passages, FloatLinear(checkpoint), float_attention)
