"""A request for the front of quality and energy of a preset on a chip; `run_front` carries it out."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.config.chip_files import load_chip
from simulator.model.model_location import locate_model
from simulator.model.tokenizer import text_warnings
from simulator.outputs.output_file import PRESET, check_writable_file
from simulator.report.progress import ProgressLine
from simulator.simulation.answer import Answer
from simulator.simulation.calibration_request import SEARCH_TOKENS, CalibrationRequest, read_inputs
from simulator.sweep.quality_front import FrontPoint, front_table, in_words, quality_front, write_point

TARGET = 5.0


@dataclass(frozen=True)
class FrontRequest:
    """What is measured.

    Attributes
    ----------
    calibration
        Model, text, base preset, file to write; a target of None is `TARGET`.
    chip
        Name or path of a chip file.
    """

    calibration: CalibrationRequest
    chip: str


def run_front(request: FrontRequest, progress: ProgressLine) -> Answer:
    """Measure the front and write the preset of least energy within the target; returns the table and the choice.

    Raises
    ------
    SpikewattError
        When a file cannot be read or written, or no preset comes within the target.
    """
    asked = request.calibration
    base, chip = asked.preset.chosen(), load_chip(request.chip)
    check_writable_file(asked.out, PRESET, (asked.text, *asked.preset.files()))
    checkpoint, passages, sha256 = read_inputs(asked, SEARCH_TOKENS)
    front = quality_front(checkpoint, passages, base, chip, progress)
    target = (TARGET if asked.target is None else asked.target) / 100
    best = front.best(target)
    write_point(front, best, asked.out, chip.name, locate_model(asked.model).name, sha256)
    chosen = [f"{asked.out}: {_said(best)}"]
    if best.preset.encoding.multiplies:
        chosen.append(f"least energy by additions alone: {_said(front.best(target, additions=True))}")
    return Answer((*front_table(front), *chosen), warnings=(*checkpoint.config.warnings, *text_warnings(passages)))


def _said(point: FrontPoint) -> str:
    return f"{in_words(point.preset)}: {point.energy_pj / 1e6:.4g} uJ per token, perplexity {point.perplexity:.3f}"
