"""Calibration of channel scales: what is held out, what is written, and that it can be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simulator.errors import ModelError
from simulator.model.calibrate_scales import calibrate_scales, hold_out, write_calibrated
from simulator.model.checkpoint import read_checkpoint
from simulator.model.evaluate import evaluate
from simulator.model.moments import second_moments
from simulator.model.preset import load_preset
from simulator.model.tokenizer import Passage, Tokenizer, tokenize


def test_the_end_of_the_text_is_held_out():
    first, second = np.arange(1, 31), np.arange(101, 111)
    used, held_out = hold_out((Passage(first, 1, 0), Passage(second, 1, 0)))
    # 5 of 40 tokens, behind the first token of their passage
    assert [ids.tolist() for ids in used] == [first.tolist(), second[:5].tolist()]
    assert [p.token_ids.tolist() for p in held_out] == [[101, *range(106, 111)]]
    with pytest.raises(ModelError, match="a text of 10 tokens, expected at least 16"):
        hold_out((Passage(second, 1, 0),))


def test_what_is_written_is_what_was_measured(shipped_model: Path, tmp_path: Path):
    checkpoint = read_checkpoint(shipped_model)
    text = (shipped_model / "heldout_sample.txt").read_text(encoding="utf-8")
    passages = tokenize(Tokenizer(shipped_model, checkpoint.config), text, 256, 400)
    base, lines = load_preset("sdllm-7"), []
    found = calibrate_scales(checkpoint, passages, base, lambda *step: lines.append(step))
    assert lines[0] == (f"second moments of {found.n_tokens} tokens", 1, 2)
    assert [line[1:] for line in lines[-3:]] == [(1, 3), (2, 3), (3, 3)]
    path = tmp_path / "mine.yaml"
    assert write_calibrated(found, path, base, "sample", "0" * 64) == tmp_path / "mine.npz"
    preset = load_preset(str(path))
    assert (preset.rotation, preset.timesteps, preset.moments) == ("online", 7, str(tmp_path / "mine.npz"))
    used, held_out = hold_out(passages)
    assert evaluate(checkpoint, preset, held_out).perplexity == found.after.perplexity
    moments = second_moments(checkpoint, used)
    assert found.moments.channels["blocks.2.mlp_hidden"] == pytest.approx(moments.channels["blocks.2.mlp_hidden"])
    assert found.float_perplexity < found.after.perplexity < 1.3 * found.float_perplexity


def test_a_preset_without_channel_scales_is_refused(shipped_model: Path):
    checkpoint = read_checkpoint(shipped_model)
    with pytest.raises(ModelError, match="rotation none has no channel scales"):
        calibrate_scales(checkpoint, (Passage(np.arange(20), 1, 0),), load_preset("int8"), print)
