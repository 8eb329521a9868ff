"""Capture: a text through a spike-driven model, once, into a Trace."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simulator.errors import ModelError
from simulator.model.attention import SpikingAttention, clipped_values, encoded_values
from simulator.model.checkpoint import Checkpoint, read_checkpoint
from simulator.model.count_kernels import accumulate_spikes
from simulator.model.dense_attention import dense_attention, float_attention
from simulator.model.encoder import clip_warnings
from simulator.model.generation import Decode, generate
from simulator.model.kv_cache import KVCache
from simulator.model.linear import VERIFY_TOKENS, FloatLinear
from simulator.model.model_location import locate_model
from simulator.model.model_options import AS_STATED, ModelOptions
from simulator.model.perplexity import score_passages
from simulator.model.prediction import Perplexity
from simulator.model.prefix import spiking_linear
from simulator.model.prepare import prepared
from simulator.model.preset import Preset, as_preset
from simulator.model.program import DRIVEN, HEAD_STREAM, build_program, preset_origin
from simulator.model.protocol import PASSAGES
from simulator.model.recorder import Recorder
from simulator.model.rounded_head import ONE_TABLE
from simulator.model.tokenizer import Passage, Tokenizer, split_passages, text_warnings, tokenize
from simulator.model.transformer import forward
from simulator.model.weight_files import weight_files
from simulator.outputs.names import as_name
from simulator.trace.encoding import Encoding
from simulator.trace.stats import stats_by_kind, trace_stats
from simulator.trace.trace import TIED, Trace

if TYPE_CHECKING:
    import pandas as pd

VERSIONED = ("numpy", "numba", "safetensors", "tokenizers", "ml_dtypes")
# Digits of a perplexity that the last bits of the linear algebra library cannot reach.
PERPLEXITY_DECIMALS = 4
# Passages that are passed together have one token verified for each of them, up to so many.
VERIFIED_PASSAGES = 4
# Local streams by the op that their spikes trigger.
LOCAL = {"attn_q": "qk", "attn_p": "pv"}


@dataclass(frozen=True, eq=False)  # a table has no truth value
class CaptureReport:
    """What a capture did and what it cost in quality.

    Attributes
    ----------
    n_tokens, n_passages
        Tokens passed (BOS and generated ones included) and passages they come from.
    seconds
        Wall time of the spiking forward pass, without loading and compiling.
    float_perplexity, spiking_perplexity
        The same tokens through the float model and through the spiking one.
    activity
        Spikes by layer type, see `layer_activity`.
    n_clipped
        Type of stream -> activations that exceeded the largest count and were clipped to it.
    n_sums_verified
        Outputs whose integer sum was formed again spike by spike, and was equal.
    generated
        Text of the generated tokens.
    warnings
        Defaults taken and text cut.
    """

    n_tokens: int
    n_passages: int
    seconds: float
    float_perplexity: Perplexity
    spiking_perplexity: Perplexity
    activity: pd.DataFrame
    n_clipped: Mapping[str, int]
    n_sums_verified: int
    generated: str
    warnings: tuple[str, ...]

    @property
    def tokens_per_s(self) -> float:
        """Speed of the spiking forward pass."""
        return self.n_tokens / self.seconds


def capture(
    model: Path | str,
    text: str,
    preset: Encoding | Preset | str,
    max_tokens: int | None = None,
    name: str | None = None,
    *,
    decode: Decode | None = None,
    options: ModelOptions = AS_STATED,
) -> tuple[Trace, CaptureReport]:
    """Pass ``text`` through the model with spike-driven linear layers and keep every spike count.

    Parameters
    ----------
    model
        Hugging Face folder, GGUF file, or hub id in the local cache.
    text
        Passages between lines ``<|endoftext|>``; each is a sequence of its own, cut to the model's context.
    preset
        Encoders, rotation, weights, attention and head, also by name or path; of an encoding alone
        (`encoder.encoding_for`) absmax and INT8.
    max_tokens
        Tokens of the text in all, BOS included; None for the whole text.
    name
        Of the trace; by default model, code and timesteps.
    decode
        What to generate after the text, which is then one passage, the prompt; None for nothing.
    options
        Token in front of the text and keys of ``config.json`` to ignore.

    Raises
    ------
    ModelError
        When the model cannot be read, the text is empty, the context too short, or an activation is not finite.
    """
    checkpoint = read_checkpoint(model, options)
    config = checkpoint.config
    tokenizer = Tokenizer(model, config)
    passages = tokenize(tokenizer, text, config.max_position_embeddings, max_tokens)
    if decode is not None:
        _check_passages(text)
        prompt = passages[0]
        decode.check(len(prompt.token_ids) + (prompt.n_cut if max_tokens is None else 0), config)
    if decode is None:  # each generated token needs every weight again: those stay, 8 bits each
        checkpoint = checkpoint.unkept()
    chosen = as_preset(preset)
    encoding = chosen.encoding
    ready, settled, notes = prepared(checkpoint, chosen, passages)
    run = _Capture(ready, settled, len(passages))

    start = time.perf_counter()
    spiking_perplexity, generated = run.passed(passages, decode)
    seconds = time.perf_counter() - start
    float_perplexity = score_passages(checkpoint, passages, FloatLinear(checkpoint), float_attention)

    clipped = clip_warnings(run.n_clipped, run.n_encoded)
    warnings = (*config.warnings, *text_warnings(passages), *notes, *clipped)
    warnings = (*warnings, *_left_out(passages, text))
    unknown = tokenizer.without_text(generated)
    if unknown:
        warnings = (*warnings, f"{len(unknown)} generated tokens, such as {unknown[0]}, have no text in the tokenizer")
    model_name = locate_model(model).name
    quality = {"float": float_perplexity, "spiking": spiking_perplexity}
    origin = {"model": model_name} | _origin(weight_files(model).sha256(), text, settled, quality)
    origin |= {"clipped": dict(run.n_clipped), "protocol": PASSAGES.stated(tokenizer, config)}
    if checkpoint.config.tie_word_embeddings and settled.rotation in ONE_TABLE:
        origin |= {TIED: True}
    if options.ignored_keys:
        origin |= {"ignored_config_keys": list(options.ignored_keys)}
    if decode is not None:
        origin |= {"decode": asdict(decode), "generated_ids": generated.tolist()}
    lengths = [len(p.token_ids) for p in passages]
    lengths[-1] += len(generated)
    program = build_program(config, settled, checkpoint.stored_bits, max(lengths))
    name = name or as_name(f"{model_name}-{chosen.name}-T{encoding.n_timesteps}")
    trace = run.recorder.trace(name, program, lengths, origin | {"warnings": list(warnings)}, len(generated))
    report = CaptureReport(
        n_tokens=sum(lengths),
        n_passages=len(passages),
        seconds=seconds,
        float_perplexity=float_perplexity,
        spiking_perplexity=spiking_perplexity,
        activity=layer_activity(trace),
        n_clipped=run.n_clipped,
        n_sums_verified=run.n_verified,
        generated=tokenizer.text(generated),
        warnings=warnings,
    )
    return trace, report


class _Capture:
    """A spike-driven model under recording."""

    def __init__(self, checkpoint: Checkpoint, preset: Preset, n_passages: int) -> None:
        self._checkpoint, self._spiking_head = checkpoint, preset.head == "spiking"
        self.recorder = Recorder(preset.encoding)
        self._linear = spiking_linear(
            checkpoint, preset, self._record, VERIFY_TOKENS * min(n_passages, VERIFIED_PASSAGES)
        )
        rule = preset.attention.rule()
        spiking = SpikingAttention(rule, preset, self.recorder.record, VERIFY_TOKENS) if rule.integer else None
        self._spiking, self._attention = spiking, spiking or dense_attention
        accumulate_spikes(np.ones((1, 1), np.int16), np.ones((1, 1), np.int8), Encoding("ternary", 1))  # compiles

    def _record(self, stream_id: str, counts: NDArray[np.int16]) -> None:
        """Keep the counts of a linear stream; a prefix stays in the trace as a token without spikes."""
        self.recorder.record(stream_id, self._linear.of_every_token(stream_id, counts))

    @property
    def n_verified(self) -> int:
        """Sums formed again spike by spike."""
        return self._linear.n_verified + (self._spiking.n_verified if self._spiking is not None else 0)

    @property
    def n_clipped(self) -> dict[str, int]:
        """Clipped values by type of stream, where there are any."""
        return clipped_values(self._linear, self._attention)

    @property
    def n_encoded(self) -> Mapping[str, int]:
        """Encoded values by type of stream."""
        return encoded_values(self._linear, self._attention)

    def passed(self, passages: tuple[Passage, ...], decode: Decode | None) -> tuple[Perplexity, NDArray[np.int64]]:
        """Perplexity of the passages, passed once, and the ids generated after them."""
        if decode is None:
            quality = score_passages(self._checkpoint, passages, self._linear, self._attention, self._spiking_head)
            return quality, np.zeros(0, np.int64)
        cache = KVCache()

        def passed(token_ids: NDArray[np.int64]) -> NDArray[np.float32]:
            return forward(self._checkpoint, token_ids, self._linear, self._attention, cache, self._spiking_head)

        return generate(passages[0], decode, passed)


def _check_passages(text: str) -> None:
    """A prompt is one passage."""
    n_passages = len(split_passages(text))
    if n_passages > 1:
        raise ModelError(f"a prompt of {n_passages} passages, expected one: what is generated follows a single text")


def _origin(model_sha256: str, text: str, preset: Preset, quality: Mapping[str, Perplexity]) -> dict[str, object]:
    """What the counts follow from, in JSON types and without a path of this machine."""
    return {
        "model_sha256": model_sha256,
        "text_sha256": hashlib.sha256(text.encode()).hexdigest(),
        **preset_origin(preset),
        "perplexity": {mode: round(p.perplexity, PERPLEXITY_DECIMALS) for mode, p in quality.items()},
        "bits_per_byte": {mode: round(p.bits_per_byte, PERPLEXITY_DECIMALS) for mode, p in quality.items()},
        "versions": {package: version(package) for package in VERSIONED},
    }


def _left_out(passages: tuple[Passage, ...], text: str) -> list[str]:
    """What of the text was not passed, in words."""
    warnings = []
    cut = [passage for passage in passages if passage.n_cut]
    if cut:
        unread = sum(passage.n_unread_bytes for passage in cut)
        more = f" and {unread} bytes of text after them" if unread else ""
        n_cut = sum(passage.n_cut for passage in cut)
        of = "the text is" if len(passages) == 1 else f"{len(cut)} of {len(passages)} passages are"
        warnings.append(f"{of} longer than --tokens or the context: {n_cut:,} tokens{more} are not used")
    unused = len(split_passages(text)) - len(passages)
    if unused:
        warnings.append(f"{unused} passages are not used: the limit of tokens was reached")
    return warnings


def layer_activity(trace: Trace) -> pd.DataFrame:
    """Spike statistics by the type of the layers that a stream drives: the columns of `stats_by_kind`.

    One row for each of ``q/k/v``, ``o``, ``gate/up``, ``down``, of the local streams ``qk`` and ``pv``, of a
    spiking ``head``, then ``all``.
    """
    import pandas as pd

    stats = trace_stats(trace)
    names = {short: "/".join(kinds) for short, kinds in DRIVEN.items()} | LOCAL | {HEAD_STREAM: "head"}
    by_type = stats_by_kind(stats.assign(kind=stats["kind"].map(names)))
    return pd.concat([by_type, stats_by_kind(stats.assign(kind="all"))], ignore_index=True)
