"""Perplexity of a model on a text: the quality that an encoding costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F32
from simulator.model.attention import Attention, attention_for, clipped_values, encoded_values
from simulator.model.checkpoint import Checkpoint, read_checkpoint
from simulator.model.dense_attention import dense_attention, float_attention
from simulator.model.encoder import clip_warnings
from simulator.model.linear import FloatLinear, Linear
from simulator.model.llama_config import LlamaConfig
from simulator.model.model_options import AS_STATED, ModelOptions
from simulator.model.prediction import Comparison, Perplexity
from simulator.model.prefix import spiking_linear
from simulator.model.prepare import prepared
from simulator.model.preset import Preset, as_preset
from simulator.model.protocol import PASSAGES, Protocol, protocol_warnings, windows
from simulator.model.scoring import TextScores, TokenScores, score_dense, score_spiking
from simulator.model.tokenizer import Passage, Tokenizer, text_warnings
from simulator.model.transformer import dense_head, final_states
from simulator.trace.encoding import Encoding

# Widest activations [tokens, f] of passages that are passed together, in float32.
BATCH_BYTES = 64 * 2**20


def perplexity(
    model: Path | str,
    text: str,
    preset: Encoding | Preset | str | None = None,
    max_tokens: int | None = None,
    *,
    options: ModelOptions = AS_STATED,
    protocol: Protocol = PASSAGES,
    compare: bool = False,
) -> Perplexity:
    """Perplexity of a model on ``text``.

    By default passages stand between lines ``<|endoftext|>``; each is passed on its own as BOS and its tokens, cut to
    the model's context. Other protocols: `simulator.model.protocol`.

    Parameters
    ----------
    model
        Hugging Face folder, GGUF file, or hub id in the local cache.
    text
        The passages.
    preset
        Spike-driven linear layers under this preset, also by name or path (an encoding alone: absmax, INT8 weights);
        None: the float model.
    max_tokens
        Tokens to pass in all, BOS included; None for the whole text.
    options
        Token in front of the text and keys of ``config.json`` to ignore.
    protocol
        Which tokens are passed together, and which are predicted.
    compare
        Pass the text through the float model as well: its perplexity, the divergence from it, agreement with it.

    Raises
    ------
    ModelError
        When the model cannot be read, or the text is empty.
    """
    checkpoint = read_checkpoint(model, options)
    tokenizer = Tokenizer(model, checkpoint.config)
    passages = windows(protocol, tokenizer, text, checkpoint.config, max_tokens)
    said = (*checkpoint.config.warnings, *text_warnings(passages), *protocol_warnings(protocol, text))
    stated = protocol.stated(tokenizer, checkpoint.config)
    if preset is None:
        found = score_passages(checkpoint, passages, FloatLinear(checkpoint), float_attention)
        return replace(found, warnings=said, protocol=stated)
    ready, settled, notes = prepared(checkpoint, as_preset(preset), passages)
    linear, attention = spiking_linear(ready, settled), attention_for(settled.attention.rule(), settled)
    reference = checkpoint if compare else None
    found = score_passages(ready, passages, linear, attention, settled.head == "spiking", reference)
    clipped = clip_warnings(clipped_values(linear, attention), encoded_values(linear, attention))
    said = (*said, *notes, *clipped)
    return replace(found, warnings=said, protocol=stated)


def score_passages(
    checkpoint: Checkpoint,
    passages: tuple[Passage, ...],
    linear: Linear,
    attention: Attention = dense_attention,
    spiking_head: bool = False,
    reference: Checkpoint | None = None,
) -> Perplexity:
    """Perplexity of the passages, each passed through the model once, short ones together.

    Parameters
    ----------
    checkpoint, linear, attention, spiking_head
        The model, see `transformer.forward`.
    passages
        The text.
    reference
        A float model to compare with.

    Raises
    ------
    ModelError
        When an activation or a logit overflows.
    """
    scores, first = [], 1
    for batch in batches(checkpoint.config, passages):
        ids = [passage.token_ids for passage in batch]
        models, states = [checkpoint], [final_states(checkpoint, ids, linear, attention)]
        if reference is not None:
            models.append(reference)
            states.append(final_states(reference, ids, FloatLinear(reference), float_attention))
        positions, targets, passage_of = scored_positions(batch)
        found = TextScores(targets, reference is not None)
        if spiking_head:
            _score_spiking(models, states, positions, linear, found)
        else:
            score_dense(models, [x[positions] for x in states], found.add)
        for model in filter(None, (found.model, found.reference)):
            model.check_finite(first + passage_of)
        scores.append(found)
        first += len(batch)
    limit = checkpoint.config.max_position_embeddings
    return Perplexity(
        nats=sum((found.model.nats for found in scores), 0.0),
        n_tokens=sum(len(found.model.targets) for found in scores),
        n_bytes=sum(passage.n_bytes for passage in passages),
        n_right=sum(found.model.n_right for found in scores),
        n_beyond=sum(passage.n_cut for passage in passages if len(passage.token_ids) == limit),
        comparison=None if reference is None else _comparison(scores),
    )


def _score_spiking(
    models: list[Checkpoint], states: list[F32], positions: NDArray[np.int64], linear: Linear, found: TextScores
) -> None:
    """Hand the logits of a spiking head to the scores; the head sees all tokens, also those that predict nothing."""
    for rows, logits in score_spiking(linear, states[0], models[0].config.vocab_size):
        low, high = np.searchsorted(positions, [rows.start, rows.stop]).tolist()
        inside = positions[low:high]
        others = [dense_head(model, x[inside]) for model, x in zip(models[1:], states[1:], strict=True)]
        found.add(slice(low, high), [logits[inside - rows.start], *others], 0)


def _comparison(scores: list[TextScores]) -> Comparison:
    references = [found.reference for found in scores if found.reference is not None]
    return Comparison(
        nats=sum((reference.nats for reference in references), 0.0),
        divergence_nats=sum(found.divergence_nats for found in scores),
        n_agreeing=sum(found.n_agreeing for found in scores),
        n_right=sum(reference.n_right for reference in references),
    )


def batches(config: LlamaConfig, passages: Iterable[Passage]) -> Iterator[tuple[Passage, ...]]:
    """Passages that are passed together: as many as keep the widest activations within `BATCH_BYTES`, at least one."""
    most = BATCH_BYTES // (4 * max(config.intermediate_size, config.hidden_size))
    batch: list[Passage] = []
    for passage in passages:
        if batch and sum(len(p.token_ids) for p in (*batch, passage)) > most:
            yield tuple(batch)
            batch = []
        batch.append(passage)
    if batch:
        yield tuple(batch)


def scored_positions(
    batch: tuple[Passage, ...],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Positions whose next token is scored, in passages one after another; that token; the passage, from 0."""
    starts = accumulate([0, *(len(passage.token_ids) for passage in batch[:-1])])
    places = [
        np.arange(start + passage.n_given - 1, start + len(passage.token_ids) - 1)
        for start, passage in zip(starts, batch, strict=True)
    ]
    targets = [passage.token_ids[passage.n_given :] for passage in batch]
    numbers = np.repeat(np.arange(len(batch)), [len(part) for part in places])
    return np.concatenate(places), np.concatenate(targets), numbers


def score_logits(logits: NDArray[np.float32], passage: Passage, number: int) -> Perplexity:
    """Perplexity of one passage, the ``number``-th, from its logits [n, V].

    Raises
    ------
    ModelError
        When a logit overflows.
    """
    scores = TokenScores(passage.token_ids[1:])
    with np.errstate(over="ignore", invalid="ignore"):
        scores.add(slice(0, len(scores.targets)), logits[:-1], 0)
    scores.check_finite(np.full(len(scores.targets), number))
    return Perplexity(scores.nats, len(scores.targets), passage.n_bytes, scores.n_right)


def negative_log_likelihood(logits: NDArray[np.float32], token_ids: NDArray[np.int64]) -> float:
    """Nats of tokens 1..n-1 [n] under the logits [n, V] of the tokens before them."""
    scores = TokenScores(token_ids[1:])
    scores.add(slice(0, len(scores.targets)), logits[:-1], 0)
    return scores.nats
