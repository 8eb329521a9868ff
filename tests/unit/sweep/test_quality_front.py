"""The front of quality and energy: what stands in it, what is chosen, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator.config.chip_files import load_chip
from simulator.errors import ModelError
from simulator.model.attention_rule import SPIKING
from simulator.model.checkpoint import read_checkpoint
from simulator.model.encoder import encoding_for
from simulator.model.evaluate import evaluate
from simulator.model.preset import as_preset, load_preset
from simulator.model.tokenizer import Tokenizer, tokenize
from simulator.report.progress import ProgressLine
from simulator.shipped import shipped_folder
from simulator.simulation.calibration_request import CalibrationRequest
from simulator.simulation.preset_choice import PresetChoice
from simulator.sweep import quality_front as fronts
from simulator.sweep.front_request import FrontRequest, run_front
from simulator.sweep.quality_front import FrontPoint, QualityFront, quality_front

MODEL = shipped_folder("traces") / "model"
N = 40


@pytest.fixture(scope="module")
def checkpoint():
    return read_checkpoint(MODEL)


@pytest.fixture(scope="module")
def passages(checkpoint):
    text = (MODEL / "heldout_sample.txt").read_text(encoding="utf-8")
    return tokenize(Tokenizer(MODEL, checkpoint.config), text, checkpoint.config.max_position_embeddings, N)


def point(code: str, perplexity: float, energy_pj: float) -> FrontPoint:
    preset = as_preset(encoding_for(code, 1 if code == "graded" else 3))
    return FrontPoint(preset, perplexity, 0.0, 1.0, energy_pj, 1.0)


def test_the_least_energy_within_the_target_is_chosen():
    points = (
        point("graded", 12, 1.0),
        point("graded", 10.4, 2.0),
        point("bitwise", 10.5, 3.0),
        point("ternary", 10, 4.0),
    )
    front = QualityFront(points, baseline=10.0, float_perplexity=10.0, n_tokens=9)
    assert front.best(0.05) is points[1]
    assert front.best(0.05, additions=True) is points[2]
    assert front.best(0.2) is points[0]
    with pytest.raises(ModelError, match=r"the best of 1 presets loses 20.0 % of perplexity against INT8, .* 5 %"):
        replace(front, points=points[:1]).best(0.05)


def test_points_are_what_evaluation_and_simulation_say(checkpoint, passages, monkeypatch):
    monkeypatch.setattr(fronts, "LEVELS", (3, 7))
    monkeypatch.setattr(fronts, "STEP_SHARES", (1.0,))
    done: list[tuple[int, int]] = []
    base = load_preset("sdllm").with_attention(SPIKING)  # streams of attention count too
    front = quality_front(
        checkpoint, passages, base, load_chip("sdllm-asic-45nm"), lambda _, n, total: done.append((n, total))
    )
    assert done == [(1, 3), (2, 3), (3, 3)]
    assert len(front.points) == 6
    assert [p.energy_pj for p in front.points] == sorted(p.energy_pj for p in front.points)
    by_code = {(p.preset.code, p.preset.encoding.levels): p for p in front.points}
    found = evaluate(checkpoint, base.with_timesteps(7), passages, reference=checkpoint)
    for code in ("ternary", "bitwise", "graded"):
        assert by_code[code, 7].perplexity == found.perplexity
        assert by_code[code, 7].divergence == found.quality.divergence_per_token
        assert by_code[code, 3].divergence > by_code[code, 7].divergence
    spikes = [by_code[code, 7].spikes_per_activation for code in ("ternary", "bitwise", "graded")]
    assert spikes == sorted(spikes, reverse=True)
    assert by_code["ternary", 7].energy_pj > by_code["bitwise", 7].energy_pj > by_code["bitwise", 3].energy_pj
    for p in front.points:
        beaten = any(q.energy_pj < p.energy_pj and q.divergence < p.divergence for q in front.points)
        assert not (p.on_front and beaten)
    assert any(p.on_front for p in front.points)


def test_the_preset_is_written_with_its_table_and_reads_back(checkpoint, passages, monkeypatch, tmp_path):
    monkeypatch.setattr(fronts, "LEVELS", (15,))
    monkeypatch.setattr(fronts, "STEP_SHARES", (0.7,))
    monkeypatch.setattr(fronts, "CODES", ("graded", "bitwise"))
    out = tmp_path / "mine.yaml"
    asked = CalibrationRequest(out, MODEL, MODEL / "heldout_sample.txt", 50.0, PresetChoice("sdllm"), N)
    lines = run_front(FrontRequest(asked, "sdllm-asic-45nm"), ProgressLine(quiet=True)).parts
    assert lines[3].startswith(f"{out}: graded, 15 levels, T=1, 10 steps: ")
    assert lines[4].startswith("least energy by additions alone: bitwise, 15 levels, T=4, 10 steps: ")
    text = out.read_text(encoding="utf-8")
    assert all(f"# {line}" in text for line in lines[:3])
    mine = load_preset(str(out))
    assert (mine.code, mine.encoding.levels, mine.encoder.steps) == ("graded", 15, 10)
    perplexity = evaluate(checkpoint, mine, passages).perplexity
    assert f"perplexity {perplexity:.3f}" in lines[3]


def test_unsigned_counts_are_refused(checkpoint, passages):
    with pytest.raises(ModelError, match="code binary, expected a signed one"):
        quality_front(checkpoint, passages, load_preset("unidirectional"), load_chip("sdllm-asic-45nm"))


def test_a_mean_threshold_has_one_step():
    assert [p.encoder.steps for p in fronts._variants(load_preset("sdllm-paper"))] == [None] * len(fronts.LEVELS)
    steps = [p.encoder.steps for p in fronts._variants(load_preset("sdllm"))]
    assert steps == [None, 3, None, 5, None, 10]
    assert np.all([p.encoding.signed for p in fronts._variants(load_preset("sdllm-bitwise"))])
