"""A request for one calibration: the command line fills it, `run_calibration` carries it out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from simulator.model.calibrate import calibrate, write_preset
from simulator.model.calibrate_scales import calibrate_scales, write_calibrated
from simulator.model.checkpoint import Checkpoint, read_checkpoint
from simulator.model.model_location import locate_model
from simulator.model.model_options import AS_STATED, ModelOptions
from simulator.model.tokenizer import Passage, Tokenizer, text_warnings, tokenize
from simulator.outputs.output_file import MOMENTS, PRESET, check_writable_file
from simulator.report.progress import ProgressLine
from simulator.simulation.answer import Answer
from simulator.simulation.preset_choice import PresetChoice
from simulator.text_files import read_text

# Tokens of a calibration: the moments need many, a search passes its tokens over and over.
SCALE_TOKENS, SEARCH_TOKENS = 8192, 1000


@dataclass(frozen=True)
class CalibrationRequest:
    """What a preset is calibrated on, and how.

    Attributes
    ----------
    out
        Preset file to write.
    model, text
        The model, and the file of the text to measure on.
    target
        Search for the settings that lose at most this share of perplexity against INT8, in percent; None: measure the
        channel scales.
    preset
        Where the calibration starts.
    max_tokens
        Tokens of the text in all; None: 8192, of a search 1000.
    options
        Token in front of the text and keys of ``config.json`` to ignore.
    """

    out: Path
    model: Path
    text: Path
    target: float | None = None
    preset: PresetChoice = field(default_factory=PresetChoice)
    max_tokens: int | None = None
    options: ModelOptions = AS_STATED


def run_calibration(request: CalibrationRequest, progress: ProgressLine) -> Answer:
    """Check the request, calibrate, write the preset; returns the result in words, ``progress`` shows how far it is.

    Raises
    ------
    SpikewattError
        When a file cannot be read or written, or no setting comes within the target.
    """
    inputs = request.text, *request.preset.files()
    check_writable_file(request.out, PRESET, inputs)
    if request.target is None:
        check_writable_file(request.out.with_suffix(".npz"), MOMENTS, inputs)
    max_tokens = SCALE_TOKENS if request.target is None else SEARCH_TOKENS
    checkpoint, passages, sha256 = read_inputs(request, max_tokens)
    if request.target is None:
        found = _measured(request, checkpoint, passages, sha256, progress)
    else:
        found = _searched(request, request.target / 100, checkpoint, passages, sha256, progress)
    return Answer((found,), warnings=(*checkpoint.config.warnings, *text_warnings(passages)))


def read_inputs(request: CalibrationRequest, max_tokens: int) -> tuple[Checkpoint, tuple[Passage, ...], str]:
    """Model, text as passages, and the hash of the text; so many tokens of it where the request does not say."""
    content, checkpoint = read_text(request.text), read_checkpoint(request.model, request.options)
    tokenizer = Tokenizer(request.model, checkpoint.config)
    context = checkpoint.config.max_position_embeddings
    passages = tokenize(tokenizer, content, context, request.max_tokens or max_tokens)
    return checkpoint, passages, hashlib.sha256(content.encode()).hexdigest()


def _measured(
    request: CalibrationRequest,
    checkpoint: Checkpoint,
    passages: tuple[Passage, ...],
    sha256: str,
    progress: ProgressLine,
) -> str:
    """Measure the channel scales and write them with the preset; returns what they do, in words."""
    base = request.preset.chosen()
    scales = calibrate_scales(checkpoint, passages, base, progress)
    moments = write_calibrated(scales, request.out, base, locate_model(request.model).name, sha256)
    return (
        f"{request.out}, {moments}: perplexity {scales.after.perplexity:.3f} on {scales.after.quality.n_tokens}"
        f" held-out tokens, {base.name} {scales.before.perplexity:.3f}, float {scales.float_perplexity:.3f};"
        f" {scales.after.tally.spikes_per_activation:.3f} spikes per activation"
    )


def _searched(
    request: CalibrationRequest,
    target: float,
    checkpoint: Checkpoint,
    passages: tuple[Passage, ...],
    sha256: str,
    progress: ProgressLine,
) -> str:
    """Search for the settings and write the preset; returns what was found, in words."""
    base = request.preset.chosen()
    found = calibrate(checkpoint, passages, base, target, progress.say)
    write_preset(found, request.out, locate_model(request.model).name, sha256)
    return (
        f"{request.out}: perplexity {found.found.perplexity:.3f}, {100 * found.loss:+.2f} % against INT8;"
        f" {found.found.tally.spikes_per_activation:.3f} spikes per activation, {base.name} has"
        f" {found.base.tally.spikes_per_activation:.3f} at {found.base.perplexity:.3f}; {found.n_tried} settings tried"
    )
