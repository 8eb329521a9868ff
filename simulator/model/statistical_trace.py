"""Statistical traces: the program of a model of any shape, with counts drawn like those of a captured trace."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simulator.errors import ModelError, TraceError, did_you_mean
from simulator.model.checkpoint import tensor_specs
from simulator.model.llama_config import LlamaConfig, read_config
from simulator.model.model_location import CONFIG_FILE, locate_model
from simulator.model.model_options import AS_STATED, ModelOptions
from simulator.model.preset import Preset, as_preset
from simulator.model.program import build_program
from simulator.shipped import PACKAGE
from simulator.trace.statistical_counts import MOST_COUNTS, StatisticalCounts, fit_trace, spread, token_activity
from simulator.trace.trace import PHASES, Phase, Trace

SHAPES = PACKAGE / "model" / "shapes"
BITS = {"float32": 32, "float16": 16, "bfloat16": 16}
DEFAULT_BITS = 16


def list_shapes() -> tuple[str, ...]:
    """Names of the shipped shapes."""
    return tuple(path.stem for path in sorted(SHAPES.glob("*.json")))


def read_shape(shape: str, options: ModelOptions = AS_STATED) -> LlamaConfig:
    """The config of a shipped shape by its name, of a model (`locate_model`), or of a ``config.json``.

    Raises
    ------
    ModelError
        It is neither, or the config is not supported.
    """
    path = Path(shape)
    if path.exists() or path.suffix == ".json" or len(path.parts) > 1:
        return read_config(path, options)
    names = list_shapes()
    if shape not in names:
        known = f"one of {', '.join(names)}, or a model or its config.json"
        raise ModelError(f"shape {shape!r}, expected {known}{did_you_mean(shape, names)}")
    return read_config(SHAPES / f"{shape}.json")


def statistical_trace(
    shape: str,
    like: Trace,
    tokens: int,
    *,
    phase: Phase | None = None,
    context: int | None = None,
    seed: int = 0,
    name: str = "",
    options: ModelOptions = AS_STATED,
) -> Trace:
    """A trace of a model of this shape whose spikes are statistically those of a captured one.

    The program is built as a capture builds it, under the preset of the captured trace. Counts are drawn stream by
    stream when they are read, from the statistics of the captured streams of the same type at the same relative depth
    (`trace.statistical`); the neurons of a wider stream are copies of the captured ones, those of a narrower one are
    evenly spaced in their activity. So it assumes that the counts of a layer type do not change with the
    width of the model.

    Parameters
    ----------
    shape
        Name of a shipped shape (`list_shapes`), or the path of a ``config.json``.
    like
        The captured trace; its encoding is kept.
    tokens
        Tokens; as many as captured have the activity of the captured ones, in their order; fewer are chosen evenly from
        the least to the most active, more are repeated.
    phase
        What the tokens are taken for; by default what the captured ones are.
    context
        Tokens in front of the first; the others follow it. By default each token has the position of the captured one
        whose activity it has.
    seed
        Equal seeds give equal counts.
    name
        By default the shape and the name of the captured trace.
    options
        Keys of a ``config.json`` to ignore.

    Raises
    ------
    ModelError
        The shape is not known or not supported, or its context is too short.
    TraceError
        A number is out of range, or a stream of the shape has no captured one of its type.
    """
    if tokens < 1:
        raise TraceError(f"tokens {tokens}, expected 1 or more")
    config, bits, warnings = _dense_bits(read_shape(shape, options))
    if (n_counts := tokens * config.hidden_size) > MOST_COUNTS:
        raise TraceError(f"tokens {tokens}: found {n_counts} counts of a stream, expected at most {MOST_COUNTS}")
    chosen = spread(token_activity(like), tokens)
    positions = like.positions[chosen] if context is None else context + np.arange(tokens, dtype=np.int64)
    _check_positions(int(positions.min()), int(positions.max()), config)
    phases = like.phases[chosen] if phase is None else np.full(tokens, PHASES.index(phase), np.uint8)
    if phase not in (None, like.phase):
        warnings.append(f"{phase} counts are drawn like captured {like.phase} counts")
    warnings.append(f"counts are drawn from the statistics of {like.name}, not captured from a model of this shape")
    preset = _preset_of(like)
    contexts = positions + 1 if config.sliding_window is None else np.minimum(positions + 1, config.sliding_window)
    longest = int(contexts.max())
    program = build_program(config, preset, bits, longest)
    if preset.attention.probabilities and longest > like.contexts.max():
        warnings.append(
            f"probabilities at contexts up to {longest} are drawn like captured ones up to {like.contexts.max()}"
        )
    counts = StatisticalCounts(like.encoding, program.streams, fit_trace(like), chosen, seed, contexts)
    counts.check()
    origin: dict[str, object] = {"kind": "statistical", "shape": _shape_name(shape), "like": like.name, "seed": seed}
    name = name or f"{_shape_name(shape)}-like-{like.name}"
    origin |= {"like_content_hash": like.content_hash, "warnings": warnings}
    return program.trace(name, like.encoding, positions, phases, origin, counts)


def _preset_of(like: Trace) -> Preset:
    """The preset that a trace was captured under, where it says so; of others only the encoding is known."""
    stated = like.origin.get("preset")
    if not isinstance(stated, dict):
        return as_preset(like.encoding)
    preset = Preset.model_validate(stated)
    return preset.model_copy(update={"code": like.encoding.code, "levels": like.encoding.levels, "timesteps": None})


def _shape_name(shape: str) -> str:
    """``llama-2-7b``, the name of a model, or of the file (or its folder) of a config."""
    if shape in list_shapes():
        return shape
    path = Path(shape).resolve()
    if path.suffix != ".json":
        return locate_model(shape).name
    return path.parent.name if path.name == CONFIG_FILE else path.stem


def _dense_bits(config: LlamaConfig) -> tuple[LlamaConfig, dict[str, int], list[str]]:
    """The config, bits per stored weight of its tensors by id, and the warnings so far."""
    warnings = list(config.warnings)
    if config.dtype not in BITS:
        warnings.append(f"{CONFIG_FILE}: dtype {config.dtype!r}, assumed {DEFAULT_BITS} bits per dense weight")
    bits = BITS.get(config.dtype or "", DEFAULT_BITS)
    return config, dict.fromkeys([*tensor_specs(config), "head"], bits), warnings


def _check_positions(first: int, last: int, config: LlamaConfig) -> None:
    if first < 0:
        raise TraceError(f"context {first}, expected 0 or more")
    limit = config.max_position_embeddings
    if last >= limit:
        raise ModelError(f"context of {last + 1} tokens, expected at most {limit} ({last + 1 - limit} over)")
