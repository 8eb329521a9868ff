"""Traces of any shape, drawn like a captured one."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from simulator.config import load_chip
from simulator.errors import ModelError, TraceError
from simulator.model.checkpoint import tensor_specs
from simulator.model.statistical_trace import list_shapes, read_shape, statistical_trace
from simulator.simulation.simulation import simulate
from simulator.trace.statistical_counts import spread, token_activity
from simulator.trace.trace import Trace
from simulator.trace.trace_files import content_hash, load_trace

TRACES = Path(__file__).parents[3] / "traces"
SAMPLE = str(TRACES / "model" / "config.json")
# Parameters of the published checkpoints: bytes of the index of their files / bytes per weight.
PARAMETERS = {
    "llama-2-7b": 6_738_415_616,
    "llama-2-13b": 13_015_864_320,
    "llama-2-70b": 68_976_648_192,
    "llama-3-8b": 8_030_261_248,
    "qwen2.5-14b": 14_770_033_664,
}


@pytest.fixture(scope="module")
def captured() -> Trace:
    """Eight tokens of the shipped trace."""
    return load_trace(TRACES / "shakespeare-ternary-T15.npz").take(slice(8))


@pytest.mark.parametrize("chip", ["loihi-like", "sdllm-asic-45nm"])
def test_the_shape_of_the_source_costs_what_the_source_costs(chip: str, captured: Trace) -> None:
    drawn = statistical_trace(SAMPLE, captured, captured.n_tokens)
    assert (drawn.streams, drawn.layers, drawn.ops, drawn.stages) == (
        captured.streams,
        captured.layers,
        captured.ops,
        captured.stages,
    )
    np.testing.assert_array_equal(drawn.positions, captured.positions)
    source, run = simulate(load_chip(chip), captured), simulate(load_chip(chip), drawn)
    assert run.energy_per_token_pj == pytest.approx(source.energy_per_token_pj, rel=0.02)
    assert run.latency_per_token_ps == pytest.approx(source.latency_per_token_ps, rel=0.05)
    assert any("drawn from the statistics of shakespeare" in warning for warning in run.all_warnings)


def test_attention_and_head_of_the_source_are_drawn_too() -> None:
    """Four tokens of the prompt and four generated ones, spiking queries, probabilities and head, rotated."""
    captured = load_trace(TRACES / "shakespeare-attention-T15.npz").take(np.array([0, 9, 20, 40, 50, 56, 62, 68]))
    drawn = statistical_trace(SAMPLE, captured, captured.n_tokens)
    assert (drawn.streams, drawn.layers, drawn.ops, drawn.stages) == (
        captured.streams,
        captured.layers,
        captured.ops,
        captured.stages,
    )
    assert drawn.phases.tolist() == captured.phases.tolist()
    source, run = (simulate(load_chip("sdllm-asic-45nm"), trace) for trace in (captured, drawn))
    assert run.energy_per_token_pj == pytest.approx(source.energy_per_token_pj, rel=0.02)
    assert run.latency_per_token_ps == pytest.approx(source.latency_per_token_ps, rel=0.05)
    for stream in drawn.streams:
        drawn.spike_counts(stream.stream_id)  # none beyond its live activations
    longer = statistical_trace(SAMPLE, captured, 1, context=200)
    assert longer.stream_by_id["blocks.0.attn_p"].n == 4 * 201
    assert "probabilities at contexts up to 201 are drawn like captured ones up to 69" in longer.origin["warnings"]


@pytest.mark.parametrize("shape", sorted(PARAMETERS))
def test_a_shipped_shape_has_the_published_number_of_parameters(shape: str) -> None:
    assert sum(math.prod(spec.shape) for spec in tensor_specs(read_shape(shape)).values()) == PARAMETERS[shape]


def test_every_shipped_shape_is_listed_and_read() -> None:
    assert set(PARAMETERS) <= set(list_shapes())
    for shape in list_shapes():
        assert read_shape(shape).dtype in ("float16", "bfloat16")


def test_a_decode_token_of_a_7b_model(captured: Trace) -> None:
    trace = statistical_trace("llama-2-7b", captured, 1, phase="decode", context=1024)
    assert (trace.name, trace.phase) == ("llama-2-7b-like-shakespeare-ternary-T15", "decode")
    assert trace.positions.tolist() == [1024]
    assert sum(layer.n_in * layer.n_out for layer in trace.layers) == 32 * (4 * 4096**2 + 3 * 4096 * 11008)
    assert trace.spike_counts("blocks.31.mlp_hidden").shape == (1, 11008)
    drawn = [statistical_trace("llama-2-7b", captured, 1, phase="decode", context=1024, seed=seed) for seed in range(4)]
    counts = np.array([np.abs(trace.spike_counts("blocks.31.mlp_hidden")).mean() for trace in drawn])
    median = spread(token_activity(captured), 1)
    assert counts.mean() == pytest.approx(np.abs(captured.spike_counts("blocks.4.mlp_hidden")[median]).mean(), rel=0.05)
    assert "decode counts are drawn like captured prefill counts" in trace.origin["warnings"]


def test_equal_seeds_give_equal_content_hashes(captured: Trace) -> None:
    hashes = [content_hash(statistical_trace(SAMPLE, captured, 3, seed=seed)) for seed in (1, 1, 2)]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("shape", "tokens", "context", "message"),
    [
        ("llama-2-7", 1, None, r"shape 'llama-2-7', expected one of .*, or a model or its config.json \(did you mean"),
        ("no/config.json", 1, None, "no/config.json: no such file"),
        (SAMPLE, 0, None, "tokens 0, expected 1 or more"),
        (
            "llama-2-7b",
            10**9,
            None,
            "found 4096000000000 counts of a stream, expected at most 268435456",
        ),
        (SAMPLE, 1, -1, "context -1, expected 0 or more"),
        (SAMPLE, 2, 255, r"context of 257 tokens, expected at most 256 \(1 over\)"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    shape: str, tokens: int, context: int | None, message: str, captured: Trace
) -> None:
    with pytest.raises((ModelError, TraceError), match=message):
        statistical_trace(shape, captured, tokens, context=context)
