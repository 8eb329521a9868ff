"""The search for a preset: within its target, at fewer spikes, and written as it was measured."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.errors import ModelError
from simulator.model.calibrate import Rungs, calibrate, write_preset
from simulator.model.checkpoint import read_checkpoint
from simulator.model.encoder import encoding_for
from simulator.model.evaluate import evaluate, float_quality
from simulator.model.linear import FloatLinear
from simulator.model.preset import EncoderFields, as_preset, load_preset
from simulator.model.tokenizer import Passage
from simulator.model.transformer import forward


@pytest.fixture
def checkpoint(write_model):
    return read_checkpoint(write_model())


@pytest.fixture
def passages(checkpoint):
    """A text that the float model itself would write: every rounding makes it less likely."""
    ids = [1]
    while len(ids) < 20:
        ids.append(int(forward(checkpoint, np.array(ids), FloatLinear(checkpoint))[-1].argmax()))
    return (Passage(np.array(ids), 19, 0),)


def test_the_preset_found_is_within_the_target_at_fewer_spikes_and_reads_back(checkpoint, passages, tmp_path):
    said: list[str] = []
    found = calibrate(checkpoint, passages, load_preset("sdllm").with_timesteps(7), 0.05, said.append)
    assert found.baseline == evaluate(checkpoint, load_preset("int8"), passages).perplexity
    assert found.found.perplexity <= 1.05 * found.baseline
    assert found.found.tally.spikes_per_activation < found.base.tally.spikes_per_activation
    assert len(said) >= 1
    assert found.n_tried > len(said)
    write_preset(found, tmp_path / "mine.yaml", "tiny", "ab" * 32)
    text = (tmp_path / "mine.yaml").read_text(encoding="utf-8")
    assert f"# Perplexity {found.found.perplexity:.4f}" in text
    again = evaluate(checkpoint, load_preset(str(tmp_path / "mine.yaml")), passages)
    assert again.perplexity == found.found.perplexity
    assert again.tally.spikes == found.found.tally.spikes


def test_a_target_out_of_reach_says_by_how_much(checkpoint, passages):
    with pytest.raises(ModelError, match=r"the best of \d+ settings loses .* % of perplexity against INT8, .* 0.1 %"):
        calibrate(checkpoint, passages, as_preset(encoding_for("ternary", 1)), 0.001)


def test_unsigned_codes_are_refused(checkpoint, passages):
    with pytest.raises(ModelError, match="code binary, expected a signed one"):
        calibrate(checkpoint, passages, load_preset("unidirectional"), 0.1)


def test_rungs_move_one_at_a_time():
    assert Rungs().fields(10) == EncoderFields(threshold="quantile", gamma=1.0, steps=10, dead_zone=0.0)
    assert set(Rungs().neighbours()) == {Rungs(gamma=1), Rungs(steps=1), Rungs(clip=1), Rungs(dead_zone=1)}
    assert Rungs(clip=2).fields(10).clip == 6
    assert Rungs(steps=6).fields(1).steps == 1


def test_an_evaluation_counts_what_the_layers_saw(checkpoint, passages):
    counts: dict[str, np.ndarray] = {}
    found = evaluate(checkpoint, as_preset(encoding_for("ternary", 3)), passages, counts.__setitem__)
    everything = np.concatenate([c.ravel() for c in counts.values()]).astype(int)
    assert found.tally.spikes_per_activation == pytest.approx(np.abs(everything).mean())
    assert found.tally.firing_rate == pytest.approx(np.abs(everything).mean() / 3)
    assert found.tally.zero_share == pytest.approx((everything == 0).mean())
    assert float_quality(checkpoint, passages).n_tokens == 19
