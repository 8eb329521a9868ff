"""Quality against energy: presets over timesteps, step and code on a text, each replayed on one chip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from simulator.config.chip import ChipConfig
from simulator.errors import ModelError
from simulator.model.checkpoint import Checkpoint
from simulator.model.evaluate import Evaluation, evaluate
from simulator.model.preset import EncoderFields, Preset, load_preset
from simulator.model.program import build_program
from simulator.model.recorder import Recorder
from simulator.model.tokenizer import Passage
from simulator.outputs.output_file import PRESET, replaced_whole
from simulator.simulation.simulation import simulate
from simulator.sweep.pareto import pareto_mask
from simulator.trace.codes import Code
from simulator.trace.recode import as_encoding
from simulator.trace.trace import Trace

# Levels, and steps in the range as a share of them: fewer steps are wider, with fewer spikes.
LEVELS = (4, 7, 15)
STEP_SHARES = (1.0, 0.7)
CODES: tuple[Code, ...] = ("ternary", "bitwise", "graded")
BASELINE = "int8"
# Tokens at the start of the text whose energy is taken.
ENERGY_TOKENS = 32

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class FrontPoint:
    """A preset on a text and on a chip.

    Attributes
    ----------
    preset
        Its code and levels, as they are written to a file.
    perplexity, divergence
        Of the text; the divergence is that from the float model, nats per token.
    spikes_per_activation
        Under its code.
    energy_pj, time_ps
        Of one token, the mean over the first `ENERGY_TOKENS`.
    on_front
        No other point has both less divergence and less energy.
    """

    preset: Preset
    perplexity: float
    divergence: float
    spikes_per_activation: float
    energy_pj: float
    time_ps: float
    on_front: bool = False


@dataclass(frozen=True)
class QualityFront:
    """All points, and what they are compared with.

    Attributes
    ----------
    points
        By energy, the least first.
    baseline, float_perplexity
        Perplexity of the INT8 twin and of the float model on the same text.
    n_tokens
        Tokens predicted.
    """

    points: tuple[FrontPoint, ...]
    baseline: float
    float_perplexity: float
    n_tokens: int

    def best(self, target: float, additions: bool = False) -> FrontPoint:
        """The point of least energy that loses at most ``target`` (a share) of perplexity against the INT8 twin.

        ``additions``: only of codes whose receiver multiplies nothing.

        Raises
        ------
        ModelError
            When no point comes within the target.
        """
        for point in self.points:
            fits = not (additions and point.preset.encoding.multiplies)
            if fits and point.perplexity <= self.baseline * (1 + target):
                return point
        least = min(point.perplexity for point in self.points) / self.baseline - 1
        raise ModelError(
            f"the best of {len(self.points)} presets loses {100 * least:.1f} % of perplexity against INT8, expected at"
            f" most {100 * target:g} %; allow more with --target"
        )


def quality_front(
    checkpoint: Checkpoint,
    passages: tuple[Passage, ...],
    base: Preset,
    chip: ChipConfig,
    progress: Progress = lambda what, done, total: None,
) -> QualityFront:
    """Measure variants of ``base`` on a text and on a chip, under the mapping that suits the chip best.

    Counts are made once for each of `LEVELS` and `STEP_SHARES`, and replayed under each of `CODES`.

    Raises
    ------
    ModelError
        When the counts of ``base`` are unsigned, or the text is empty.
    """
    if not base.encoding.signed:
        raise ModelError(
            f"preset {base.name}: code {base.code}, expected a signed one: codes are compared on its counts"
        )
    variants = list(_variants(base))
    what, total = f"quality and energy of {len(variants) * len(CODES)} presets", len(variants) + 1
    baseline = evaluate(checkpoint, load_preset(BASELINE), passages, reference=checkpoint)
    progress(what, 1, total)
    points: list[FrontPoint] = []
    for number, variant in enumerate(variants, 2):
        points += _measured(checkpoint, passages, variant, chip)
        progress(what, number, total)
    front = pareto_mask(np.array([[point.divergence, point.energy_pj] for point in points]))
    marked = [replace(point, on_front=bool(on)) for point, on in zip(points, front, strict=True)]
    quality = baseline.quality
    return QualityFront(
        tuple(sorted(marked, key=lambda point: point.energy_pj)),
        baseline.perplexity,
        quality.float_perplexity,
        quality.n_tokens,
    )


def _variants(base: Preset) -> Iterator[Preset]:
    """Ternary presets of all levels and steps; those of a threshold without a range have one step only."""
    shares = STEP_SHARES if base.encoder.threshold in ("absmax", "quantile", "normal", "least_error") else (1.0,)
    for levels in LEVELS:
        for share in shares:
            steps = {} if share == 1 else {"steps": round(share * levels)}
            encoder = EncoderFields(**steps).over(base.encoder)
            yield base.model_copy(update={"code": "ternary", "levels": levels, "timesteps": None, "encoder": encoder})


def _measured(
    checkpoint: Checkpoint, passages: tuple[Passage, ...], variant: Preset, chip: ChipConfig
) -> Iterator[FrontPoint]:
    """A variant under every code."""
    recorder = Recorder(variant.encoding)
    found = evaluate(checkpoint, variant, passages, recorder.record, reference=checkpoint)
    trace = _first_tokens(checkpoint, passages, found, recorder)
    for code in CODES:
        sent = as_encoding(trace, code)
        run = simulate(chip, sent)
        ids = [stream.stream_id for stream in sent.streams]
        spikes, activations = (
            sum(n) for n in zip(*((_spikes(sent, i), sent.live_counts(i).size) for i in ids), strict=True)
        )
        yield FrontPoint(
            variant.model_copy(update={"code": code}),
            found.perplexity,
            found.quality.divergence_per_token,
            spikes / activations,
            run.energy_per_token_pj,
            run.latency_per_token_ps,
        )


def _spikes(trace: Trace, stream_id: str) -> int:
    return int(trace.spikes_per_token(stream_id).sum())


def _first_tokens(
    checkpoint: Checkpoint, passages: tuple[Passage, ...], found: Evaluation, recorder: Recorder
) -> Trace:
    """The trace of the first `ENERGY_TOKENS` tokens."""
    lengths = [len(passage.token_ids) for passage in passages]
    program = build_program(checkpoint.config, found.preset, checkpoint.stored_bits, longest=max(lengths))
    return recorder.trace(found.preset.name, program, lengths, {}).take(slice(0, ENERGY_TOKENS))


def front_table(front: QualityFront) -> list[str]:
    """One line for each point, the least energy first; * is on the front of divergence and energy."""
    lines = ["  uJ/token  us/token  perplexity  over INT8  KL to float  spikes per activation"]
    for point in front.points:
        loss = 100 * (point.perplexity / front.baseline - 1)
        lines.append(
            f"{'*' if point.on_front else ' '} {point.energy_pj / 1e6:8.4g}  {point.time_ps / 1e6:8.4g}"
            f"  {point.perplexity:10.3f}  {loss:+7.1f} %  {point.divergence:11.4f}  {point.spikes_per_activation:7.3f}"
            f"  {in_words(point.preset)}"
        )
    return lines


def in_words(preset: Preset) -> str:
    """Code, timesteps and step of a preset."""
    steps = f", {preset.encoder.steps} steps" if preset.encoder.steps is not None else ""
    return f"{preset.code}, {preset.encoding.levels} levels, T={preset.encoding.n_timesteps}{steps}"


def write_point(front: QualityFront, point: FrontPoint, path: Path, chip: str, model: str, text_sha256: str) -> None:
    """Write the preset of a point, whole or not at all, with all that was measured in a comment above it."""
    preset = point.preset.model_copy(
        update={"name": path.stem, "summary": f"{point.preset.name} as {in_words(point.preset)}, for {model} on {chip}"}
    )
    comment = [
        f"Calibrated on {model} for the energy of {chip}, text sha256 {text_sha256}: {front.n_tokens} tokens.",
        f"Perplexity: float {front.float_perplexity:.4f}, INT8 twin {front.baseline:.4f}. Energy: first"
        f" {ENERGY_TOKENS} tokens.",
        *front_table(front),
    ]
    fields: dict[str, Any] = preset.model_dump(exclude_none=True, exclude_defaults=True)
    text = "".join(f"# {line}".rstrip() + "\n" for line in comment)
    with replaced_whole(path, PRESET) as staged:
        staged.write_text(text + yaml.safe_dump(fields, sort_keys=False, allow_unicode=True), encoding="utf-8")
