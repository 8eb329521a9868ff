"""Sweeps that capture their own traces: one forward pass per encoder setting."""

from pathlib import Path

import pytest
from tiny_model import write_tiny_model

from simulator.errors import ConfigError, ModelError
from simulator.sweep import captures
from simulator.sweep.rerun import rerun_point
from simulator.sweep.runner import run_sweep

LANES = "core.synapse.lanes"


@pytest.fixture
def capturing(sweep, monkeypatch):
    """Make a sweep over the encoders of a tiny model; the list holds the presets that were really captured."""
    write_tiny_model(Path("model"))
    Path("text.txt").write_text("hello world, this is a text.\n")
    passes = []
    real = captures.capture

    def counted(model, text, preset, *more, **options):
        passes.append(preset)
        return real(model, text, preset, *more, **options)

    monkeypatch.setattr(captures, "capture", counted)
    source = {"model": "model", "text": "text.txt", "tokens": 8, "preset": "sdllm"}
    return lambda axes, **more: (sweep(axes, base="sdllm-asic-45nm", trace=(), capture=source | more), passes)


def test_the_forward_pass_is_done_once_per_encoder(capturing):
    config, passes = capturing({"encoding.timesteps": [3, 7], LANES: [8, 16, 32]})
    found = run_sweep(config, "out")
    assert (found.computed, found.failed) == (6, 0)
    assert [preset.timesteps for preset in passes] == [3, 7]
    assert run_sweep(config, "out").reused == 6
    assert len(passes) == 2
    assert rerun_point(found.frame["point"][0], Path("out")).same_bytes


def test_presets_and_their_values_are_axes(capturing):
    config, passes = capturing({"preset": ["sdllm", "int8"], "encoding.encoder.gamma": [0.9, 1.0]})
    found = run_sweep(config, "out")
    assert found.axes == ("preset", "encoding.encoder.gamma")
    assert {preset.encoder.gamma for preset in passes} == {0.9, 1.0}


@pytest.mark.parametrize(
    ("axes", "line"),
    [
        ({"preset": ["sdlm"]}, r"preset: unknown preset 'sdlm'.*did you mean 'sdllm'"),
        ({"encoding.timesteps": [3, 0]}, "timesteps: found 0, expected a whole number of at least 1"),
        ({"encoding.cod": ["ternary"]}, r"cod: found an unknown key.*did you mean 'code'"),
    ],
)
def test_a_wrong_encoder_is_told_before_the_first_forward_pass(capturing, axes, line):
    config, passes = capturing(axes)
    with pytest.raises(ConfigError, match=line):
        run_sweep(config, "out")
    assert not passes


def test_a_model_that_fails_under_one_encoder_stops_no_other(capturing, monkeypatch):
    config, _ = capturing({"encoding.timesteps": [3, 7]})
    real = captures.capture

    def faulty(model, text, preset, *more, **options):
        if preset.timesteps == 3:
            raise ModelError("no")
        return real(model, text, preset, *more, **options)

    monkeypatch.setattr(captures, "capture", faulty)
    frame = run_sweep(config, "out").frame
    assert frame["status"].tolist() == ["failed", "ok"]
    assert frame["reason"][0] == "TraceError: its trace could not be captured: ModelError: no"
