"""Calibration of the rotation `online`: second moments of a text of one's own, judged on a part that it did not see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from simulator.errors import ModelError
from simulator.model.checkpoint import Checkpoint
from simulator.model.evaluate import Evaluation, evaluate, float_quality
from simulator.model.moments import Moments, second_moments, write_moments
from simulator.model.preset import Preset
from simulator.model.tokenizer import Passage
from simulator.outputs.output_file import PRESET, replaced_whole

# One token in so many, from the end of the text, is kept for the judgement; a window of the pass has so many tokens.
HELD_OUT_SHARE = 8
WINDOW = 512
FEWEST_TOKENS = 16

# What is done, how much of it, and of how much.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ScaleCalibration:
    """What was measured.

    Attributes
    ----------
    moments, n_tokens
        Second moments, and the tokens that they come from.
    float_perplexity
        Of the float model on the held-out tokens.
    before, after
        The preset on the held-out tokens, with the shipped text's moments (or its own) and with the new ones.
    """

    moments: Moments
    n_tokens: int
    float_perplexity: float
    before: Evaluation
    after: Evaluation


def calibrate_scales(
    checkpoint: Checkpoint, passages: tuple[Passage, ...], base: Preset, progress: Progress
) -> ScaleCalibration:
    """Measure the moments of a text, and the quality of ``base`` with them on its last tokens, which gave none.

    Raises
    ------
    ModelError
        When the preset has another rotation, or the text has fewer than `FEWEST_TOKENS` tokens.
    """
    if base.rotation != "online":
        raise ModelError(
            f"preset {base.name}: rotation {base.rotation} has no channel scales, expected rotation online"
        )
    used, held_out = hold_out(passages)
    windows = [ids[start : start + WINDOW] for ids in used for start in range(0, len(ids), WINDOW)]
    n = sum(len(ids) for ids in windows)
    moments = second_moments(checkpoint, windows, lambda i: progress(f"second moments of {n} tokens", i, len(windows)))
    passes = f"perplexity of {sum(len(p.token_ids) for p in held_out)} held-out tokens: float, before, after"
    exact = float_quality(checkpoint, held_out)
    progress(passes, 1, 3)
    before = evaluate(checkpoint, base, held_out)
    progress(passes, 2, 3)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "moments.npz"
        write_moments(moments, path)
        after = evaluate(checkpoint, base.model_copy(update={"moments": str(path)}), held_out)
    progress(passes, 3, 3)
    return ScaleCalibration(moments, n, exact.perplexity, before, after)


def hold_out(passages: tuple[Passage, ...]) -> tuple[list[NDArray[np.int64]], tuple[Passage, ...]]:
    """Token ids to measure, and the end of the text as passages of their own (behind the first token of their passage).

    Raises
    ------
    ModelError
        When the text has fewer than `FEWEST_TOKENS`.
    """
    total = sum(len(p.token_ids) for p in passages)
    if total < FEWEST_TOKENS:
        raise ModelError(f"a text of {total} tokens, expected at least {FEWEST_TOKENS} to calibrate on")
    left = max(total // HELD_OUT_SHARE, 4)
    used, held_out = [p.token_ids for p in passages], []
    while left > 1 and used:
        last = used.pop()
        n = min(left, len(last))
        if n < len(last):
            used.append(last[: len(last) - n])
        ids = last[-n:] if n == len(last) else np.concatenate([last[:1], last[-n:]])
        held_out.append(replace(passages[0], token_ids=ids, n_cut=0, n_given=1))
        left -= n
    return used, tuple(p for p in held_out if len(p.token_ids) > 1)


def write_calibrated(found: ScaleCalibration, path: Path, base: Preset, model: str, text_sha256: str) -> Path:
    """Write the moments next to the preset, then the preset, each whole or not at all; returns the first path."""
    moments_path = path.with_suffix(".npz")
    write_moments(found.moments, moments_path)
    preset = base.model_copy(
        update={"name": path.stem, "summary": f"{base.name} with the scales of {model}", "moments": moments_path.name}
    )
    comment = (
        f"# Calibrated on {model}, text sha256 {text_sha256}: second moments of {found.n_tokens} tokens in windows of"
        f" {WINDOW}.\n"
        f"# On {found.after.quality.n_tokens} held-out tokens: perplexity {found.after.perplexity:.4f} at"
        f" {found.after.tally.spikes_per_activation:.4f} spikes per activation;\n"
        f"# {base.name} {found.before.perplexity:.4f} at {found.before.tally.spikes_per_activation:.4f}, float"
        f" {found.float_perplexity:.4f}.\n"
    )
    fields: dict[str, Any] = preset.model_dump(exclude_none=True, exclude_defaults=True)
    with replaced_whole(path, PRESET) as partial:
        partial.write_text(comment + yaml.safe_dump(fields, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return moments_path
