"""Perplexity of a model on a text: the quality that an encoding costs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.errors import ModelError
from simulator.model.attention import Attention, attention_for, clipped_values, dense_attention
from simulator.model.checkpoint import Checkpoint, read_checkpoint
from simulator.model.encoder import clip_warnings
from simulator.model.linear import FloatLinear, Linear, SpikingLinear
from simulator.model.prepare import prepared
from simulator.model.preset import Preset, as_preset
from simulator.model.tokenizer import Passage, Tokenizer, text_warnings, tokenize
from simulator.model.transformer import forward
from simulator.trace.encoding import Encoding


@dataclass(frozen=True)
class Perplexity:
    """How well a text was predicted.

    Attributes
    ----------
    nats
        Negative log-likelihood of all predicted tokens together.
    n_tokens
        Predicted tokens: all but the BOS of each passage.
    n_bytes
        UTF-8 bytes of text that they stand for.
    n_beyond
        Tokens that were left out because the context of the model ended before their passage did.
    warnings
        What the preset did that a reader should know: values clipped, a text that it was calibrated on.
    """

    nats: float
    n_tokens: int
    n_bytes: int
    n_beyond: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def nats_per_token(self) -> float:
        """Token-weighted mean over the passages."""
        return self.nats / self.n_tokens

    @property
    def perplexity(self) -> float:
        """The exponential of the mean per token; raises ModelError where that is beyond the largest float."""
        try:
            return math.exp(self.nats_per_token)
        except OverflowError:
            nats = f"{self.nats_per_token:.3g} nats per token"
            raise ModelError(f"the perplexity exceeds the largest float ({nats}): the weights are too large") from None

    @property
    def bits_per_byte(self) -> float:
        """Comparable between tokenizers."""
        return self.nats / math.log(2) / self.n_bytes


def perplexity(
    model_dir: Path,
    text: str,
    preset: Encoding | Preset | str | None = None,
    max_tokens: int | None = None,
) -> Perplexity:
    """Perplexity of the model in ``model_dir`` on ``text``.

    Passages stand between lines ``<|endoftext|>``; each is passed on its own as BOS and its tokens, cut to the model's
    context.

    Parameters
    ----------
    model_dir
        Hugging Face directory of a LLaMA model.
    text
        The passages.
    preset
        Spike-driven linear layers under this preset, also by name or path (an encoding alone: absmax, INT8 weights);
        None: the float model.
    max_tokens
        Tokens to pass in all, BOS included; None for the whole text.

    Raises
    ------
    ModelError
        When the model cannot be read, or the text is empty.
    """
    checkpoint = read_checkpoint(model_dir)
    tokenizer = Tokenizer(model_dir, checkpoint.config)
    passages = tokenize(tokenizer, text, checkpoint.config.max_position_embeddings, max_tokens)
    said = (*checkpoint.config.warnings, *text_warnings(passages))
    if preset is None:
        return replace(score_passages(checkpoint, passages, FloatLinear(checkpoint)), warnings=said)
    ready, settled, notes = prepared(checkpoint, as_preset(preset), passages)
    linear, attention = SpikingLinear(ready, settled), attention_for(settled.attention.rule(), settled)
    found = score_passages(ready, passages, linear, attention, settled.head == "spiking")
    return replace(found, warnings=(*said, *notes, *clip_warnings(clipped_values(linear, attention))))


def score_passages(
    checkpoint: Checkpoint,
    passages: tuple[Passage, ...],
    linear: Linear,
    attention: Attention = dense_attention,
    spiking_head: bool = False,
) -> Perplexity:
    """Perplexity of the passages, each passed through the model once.

    Raises
    ------
    ModelError
        When an activation or a logit overflows.
    """
    scores = [
        score_logits(forward(checkpoint, passage.token_ids, linear, attention, None, spiking_head), passage, number)
        for number, passage in enumerate(passages, 1)
    ]
    n_tokens, n_bytes = sum(s.n_tokens for s in scores), sum(s.n_bytes for s in scores)
    limit = checkpoint.config.max_position_embeddings
    n_beyond = sum(passage.n_cut for passage in passages if len(passage.token_ids) == limit)
    return Perplexity(sum((s.nats for s in scores), 0.0), n_tokens, n_bytes, n_beyond)


def score_logits(logits: NDArray[np.float32], passage: Passage, number: int) -> Perplexity:
    """Perplexity of one passage, the ``number``-th, from its logits [n, V].

    Raises
    ------
    ModelError
        When a logit overflows.
    """
    if not np.isfinite(logits).all():
        raise ModelError(f"passage {number}: the logits hold NaN or infinity, expected finite ones")
    return Perplexity(negative_log_likelihood(logits, passage.token_ids), len(passage.token_ids) - 1, passage.n_bytes)


def negative_log_likelihood(logits: NDArray[np.float32], token_ids: NDArray[np.int64]) -> float:
    """Nats of tokens 1..n-1 [n] under the logits [n, V] of the tokens before them, in float64."""
    wide = logits[:-1].astype(np.float64)
    largest = wide.max(axis=1)
    log_sums = largest + np.log(np.exp(wide - largest[:, None]).sum(axis=1))
    chosen = wide[np.arange(len(wide)), token_ids[1:]]
    return float((log_sums - chosen).sum())
