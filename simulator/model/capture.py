"""Capture: a text through a spike-driven model, once, into a Trace."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simulator.model.checkpoint import read_checkpoint
from simulator.model.encoder import RANGES
from simulator.model.kernels import accumulate_spikes
from simulator.model.linear import FloatLinear, SpikingLinear
from simulator.model.perplexity import Perplexity, score_passages
from simulator.model.program import DRIVEN, build_program
from simulator.model.recorder import Recorder
from simulator.model.tokenizer import Passage, Tokenizer, split_passages, tokenize
from simulator.model.weight_files import weight_files
from simulator.trace.encoding import Encoding
from simulator.trace.stats import stats_by_kind, trace_stats
from simulator.trace.trace import Trace

if TYPE_CHECKING:
    import pandas as pd

VERSIONED = ("numpy", "numba", "safetensors", "tokenizers", "ml_dtypes")
# Digits of a perplexity that the last bits of the linear algebra library cannot reach.
PERPLEXITY_DECIMALS = 4
VERIFY_TOKENS = 1


@dataclass(frozen=True, eq=False)  # a table has no truth value
class CaptureReport:
    """What a capture did and what it cost in quality.

    Attributes
    ----------
    n_tokens, n_passages
        Tokens passed (BOS included) and passages they come from.
    seconds
        Wall time of the spiking forward pass, without loading and compiling.
    float_perplexity, spiking_perplexity
        The same tokens through the float model and through the spiking one.
    activity
        Spikes by layer type, see `layer_activity`.
    n_sums_verified
        Outputs whose integer sum was formed again spike by spike, and was equal.
    warnings
        Defaults taken and text cut.
    """

    n_tokens: int
    n_passages: int
    seconds: float
    float_perplexity: Perplexity
    spiking_perplexity: Perplexity
    activity: pd.DataFrame
    n_sums_verified: int
    warnings: tuple[str, ...]

    @property
    def tokens_per_s(self) -> float:
        """Speed of the spiking forward pass."""
        return self.n_tokens / self.seconds


def capture(
    model_dir: Path, text: str, encoding: Encoding, max_tokens: int | None = None, name: str | None = None
) -> tuple[Trace, CaptureReport]:
    """Pass ``text`` through the model with spike-driven linear layers and keep every spike count.

    Parameters
    ----------
    model_dir
        Hugging Face directory of a LLaMA model.
    text
        Passages between lines ``<|endoftext|>``; each is a sequence of its own, cut to the model's context.
    encoding
        Code and levels, see `encoder.encoding_for`.
    max_tokens
        Tokens in all, BOS included; None for the whole text.
    name
        Of the trace; by default model, code and timesteps.

    Raises
    ------
    ModelError
        When the model cannot be read, the text is empty, or an activation is not finite.
    """
    checkpoint = read_checkpoint(model_dir)
    config = checkpoint.config
    tokenizer = Tokenizer(model_dir, config)
    passages = tokenize(tokenizer, text, config.max_position_embeddings, max_tokens)
    recorder = Recorder(encoding)
    spiking = SpikingLinear(checkpoint, encoding, recorder.record, VERIFY_TOKENS)
    accumulate_spikes(np.ones((1, 1), np.int16), np.ones((1, 1), np.int8), Encoding("ternary", 1))  # compiles

    start = time.perf_counter()
    spiking_perplexity = score_passages(checkpoint, passages, spiking)
    seconds = time.perf_counter() - start
    float_perplexity = score_passages(checkpoint, passages, FloatLinear(checkpoint))

    warnings = (*config.warnings, *_left_out(passages, text))
    model = model_dir.resolve().name
    quality = {"float": float_perplexity, "spiking": spiking_perplexity}
    origin = (
        {"model": model}
        | _origin(weight_files(model_dir).sha256(), text, encoding, quality)
        | {"warnings": list(warnings)}
    )
    name = name or f"{model}-{encoding.code}-T{encoding.n_timesteps}"
    program = build_program(config, encoding, checkpoint.stored_bits)
    lengths = [len(p.token_ids) for p in passages]
    trace = recorder.trace(name, program, lengths, origin)
    report = CaptureReport(
        n_tokens=sum(lengths),
        n_passages=len(passages),
        seconds=seconds,
        float_perplexity=float_perplexity,
        spiking_perplexity=spiking_perplexity,
        activity=layer_activity(trace),
        n_sums_verified=spiking.n_verified,
        warnings=warnings,
    )
    return trace, report


def _origin(model_sha256: str, text: str, encoding: Encoding, quality: Mapping[str, Perplexity]) -> dict[str, object]:
    """What the counts follow from, in JSON types and without a path of this machine."""
    return {
        "model_sha256": model_sha256,
        "text_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "encoder": f"{RANGES[encoding.code].__name__} per token, rounded to nearest, halves to even",
        "weights": "int8, symmetric per output channel, rounded to nearest",
        "perplexity": {mode: round(p.perplexity, PERPLEXITY_DECIMALS) for mode, p in quality.items()},
        "bits_per_byte": {mode: round(p.bits_per_byte, PERPLEXITY_DECIMALS) for mode, p in quality.items()},
        "versions": {package: version(package) for package in VERSIONED},
    }


def _left_out(passages: tuple[Passage, ...], text: str) -> list[str]:
    """What of the text was not passed, in words."""
    warnings = []
    cut = [passage.n_cut for passage in passages if passage.n_cut]
    if cut:
        warnings.append(f"{len(cut)} of {len(passages)} passages were cut, {sum(cut)} tokens left out")
    unused = len(split_passages(text)) - len(passages)
    if unused:
        warnings.append(f"{unused} passages were not used: max_tokens was reached")
    return warnings


def layer_activity(trace: Trace) -> pd.DataFrame:
    """Spike statistics by the type of the layers that a stream drives: the columns of `stats_by_kind`.

    One row for each of ``q/k/v``, ``o``, ``gate/up``, ``down``, then ``all``.
    """
    import pandas as pd

    stats = trace_stats(trace)
    names = {short: "/".join(kinds) for short, kinds in DRIVEN.items()}
    by_type = stats_by_kind(stats.assign(kind=stats["kind"].map(names)))
    return pd.concat([by_type, stats_by_kind(stats.assign(kind="all"))], ignore_index=True)
