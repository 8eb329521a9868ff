"""The search for encoder settings (gamma, steps, clip, dead zone) with the fewest spikes within a loss of quality.

A greedy walk. From the base preset, every move that changes one setting of one type of streams by one rung of a ladder
is tried on the text. While the perplexity is beyond the bound, the move that lowers it most is taken; within it, of the
moves that stay within and save spikes, the one that saves most per loss of quality. It ends when no move helps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from simulator.errors import ModelError
from simulator.model.checkpoint import Checkpoint
from simulator.model.evaluate import Evaluation, evaluate
from simulator.model.preset import EncoderFields, Preset, load_preset
from simulator.model.program import DRIVEN
from simulator.model.tokenizer import Passage
from simulator.outputs.output_file import PRESET, replaced_whole

GAMMAS = (1.0, 0.998, 0.995, 0.99, 0.98, 0.96)
STEP_SHARES = (1.0, 0.85, 0.7, 0.6, 0.5, 0.4, 0.3)
CLIP_SHARES = (1.0, 0.8, 0.6, 0.4)
DEAD_ZONES = (0.0, 0.55, 0.65, 0.75, 0.85, 1.0)
BASELINE = "int8"
# A move must save more than this share of the spikes, or of the perplexity when that is what is lowered.
WORTH = 1e-3

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Rungs:
    """Where a type of streams stands on the ladders, by index."""

    gamma: int = 0
    steps: int = 0
    clip: int = 0
    dead_zone: int = 0

    def fields(self, levels: int) -> EncoderFields:
        """The settings of these rungs under so many levels."""
        steps, clip = (max(1, round(levels * s[i])) for s, i in ((STEP_SHARES, self.steps), (CLIP_SHARES, self.clip)))
        return EncoderFields(
            threshold="quantile",
            gamma=GAMMAS[self.gamma],
            steps=steps,
            clip=clip if clip < levels else None,
            dead_zone=DEAD_ZONES[self.dead_zone],
        )

    def neighbours(self) -> Iterator[Rungs]:
        """One rung up or down on one ladder."""
        ladders = {"gamma": GAMMAS, "steps": STEP_SHARES, "clip": CLIP_SHARES, "dead_zone": DEAD_ZONES}
        for name, ladder in ladders.items():
            for rung in (getattr(self, name) - 1, getattr(self, name) + 1):
                if 0 <= rung < len(ladder):
                    yield Rungs(**(vars(self) | {name: rung}))


@dataclass(frozen=True)
class Calibration:
    """What was found.

    Attributes
    ----------
    found
        The preset on the text.
    base
        What the search started from, on the same text.
    baseline
        Perplexity of the INT8 twin.
    target
        Allowed loss against it, as a share.
    n_tried
        Presets that were tried.
    """

    found: Evaluation
    base: Evaluation
    baseline: float
    target: float
    n_tried: int

    @property
    def loss(self) -> float:
        """Share by which the perplexity is above that of the INT8 twin."""
        return self.found.perplexity / self.baseline - 1


def calibrate(
    checkpoint: Checkpoint,
    passages: tuple[Passage, ...],
    base: Preset,
    target: float,
    progress: Progress = lambda line: None,
) -> Calibration:
    """Find the settings of ``base`` that lose at most ``target`` (a share) against the INT8 twin at the fewest spikes.

    Parameters
    ----------
    checkpoint, passages
        The model, and a small text to try on.
    base
        Code, timesteps, rotation and weights; its encoder is where the search starts.
    target
        Allowed loss of perplexity, such as 0.05.
    progress
        Called with a line after each move.

    Raises
    ------
    ModelError
        When the code is unsigned, or no setting found comes within the target.
    """
    if not base.encoding.signed:
        raise ModelError(f"preset {base.name}: code {base.code}, expected a signed one: unsigned counts have no clip")
    search = _Search(
        checkpoint, passages, base, evaluate(checkpoint, load_preset(BASELINE), passages).perplexity, target
    )
    while (line := search.step()) is not None:
        progress(line)
    return search.result()


class _Search:
    """The walk so far."""

    def __init__(
        self, checkpoint: Checkpoint, passages: tuple[Passage, ...], base: Preset, baseline: float, target: float
    ) -> None:
        self._checkpoint, self._passages, self._preset = checkpoint, passages, base
        self._baseline, self._target = baseline, target
        self._rungs = dict.fromkeys(DRIVEN, Rungs())
        self._tried: dict[tuple[Rungs, ...], Evaluation] = {}
        self._base = self._at = self._try(self._rungs)

    def _try(self, rungs: dict[str, Rungs]) -> Evaluation:
        key = tuple(rungs.values())
        if key not in self._tried:
            levels = self._preset.encoding.levels
            streams = {kind: own.fields(levels) for kind, own in rungs.items()}
            preset = self._preset.model_copy(update={"streams": self._preset.streams | streams})
            self._tried[key] = evaluate(self._checkpoint, preset, self._passages)
        return self._tried[key]

    def _within(self, found: Evaluation) -> bool:
        return found.perplexity <= self._baseline * (1 + self._target)

    def _gain(self, found: Evaluation) -> float:
        """How good a move is; 0 when it changes nothing."""
        if not self._within(self._at):
            gain = 1 - found.perplexity / self._at.perplexity
            return gain if gain > WORTH else 0.0
        saved = 1 - found.tally.spikes_per_activation / self._at.tally.spikes_per_activation
        if saved <= WORTH or not self._within(found):
            return 0.0
        lost = math.log(found.perplexity / self._at.perplexity)
        return saved / max(lost, 1e-4)

    def step(self) -> str | None:
        """Take the best move; returns what it was, or None when there is none."""
        moves = [(kind, rungs) for kind, own in self._rungs.items() for rungs in own.neighbours()]
        tried = [(self._gain(self._try(self._rungs | {kind: rungs})), kind, rungs) for kind, rungs in moves]
        gain, kind, rungs = max(tried, key=lambda move: move[0])
        if gain <= 0:
            return None
        self._rungs = self._rungs | {kind: rungs}
        self._at = self._try(self._rungs)
        return (
            f"{kind}: {rungs.fields(self._preset.encoding.levels).model_dump(exclude_none=True)}: perplexity"
            f" {self._at.perplexity:.3f}, {self._at.tally.spikes_per_activation:.3f} spikes per activation"
        )

    def result(self) -> Calibration:
        """Where the walk ended; refused beyond the target."""
        if not self._within(self._at):
            lost = 100 * (self._at.perplexity / self._baseline - 1)
            raise ModelError(
                f"preset {self._preset.name}: the best of {len(self._tried)} settings loses {lost:.1f} % of perplexity"
                f" against INT8, expected at most {100 * self._target:g} %; take more timesteps, or a rotation"
            )
        return Calibration(self._at, self._base, self._baseline, self._target, len(self._tried))


def write_preset(calibration: Calibration, path: Path, model: str, text_sha256: str) -> None:
    """Write the preset found, whole or not at all, with what was measured in a comment above it."""
    found, base = calibration.found, calibration.base
    preset = found.preset.model_copy(
        update={"name": path.stem, "summary": f"calibrated from {found.preset.name} for {model}"}
    )
    comment = (
        f"# Calibrated on {model}, text sha256 {text_sha256}: {found.quality.n_tokens} tokens, {calibration.n_tried}"
        f" settings tried.\n"
        f"# Perplexity {found.perplexity:.4f}, {100 * calibration.loss:+.2f} % against the INT8 twin"
        f" ({calibration.baseline:.4f}); allowed {100 * calibration.target:g} %.\n"
        f"# Spikes per activation {found.tally.spikes_per_activation:.4f}; before"
        f" {base.tally.spikes_per_activation:.4f} at perplexity {base.perplexity:.4f}.\n"
    )
    fields: dict[str, Any] = preset.model_dump(exclude_none=True, exclude_defaults=True)
    text = comment + yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)
    with replaced_whole(path, PRESET) as staged:
        staged.write_text(text, encoding="utf-8")
