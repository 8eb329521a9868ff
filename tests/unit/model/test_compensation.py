"""Weights rounded with compensated errors: right values by hand, and what the rounding must keep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from simulator.errors import SpikewattError
from simulator.model.checkpoint import read_checkpoint
from simulator.model.compensation import (
    CompensatedWeights,
    best_scale,
    error_factor,
    input_products,
    rounded,
    rounding_tokens,
    shrinkage,
)
from simulator.model.linear import SpikingLinear, side_by_side
from simulator.model.prepare import prepared
from simulator.model.preset import Preset, WeightFields, load_preset
from simulator.model.program import driven_layers, preset_origin, weight_of
from simulator.model.tokenizer import Passage, Tokenizer
from simulator.model.transformer import forward
from simulator.model.weights import quantize_weights

ROOT = Path(__file__).resolve().parents[3]
IDS = np.arange(1, 20)
Write = Callable[..., Path]


def gptq(group: int | None = None, name: str = "sdllm-7") -> Preset:
    """A preset with 4-bit weights whose errors are compensated."""
    fields = WeightFields(bits=4, group=group, rounding="gptq")
    return load_preset(name).model_copy(update={"weights": fields})


def correlated(rng: np.random.Generator, tokens: int, n: int) -> np.ndarray:
    """Inputs [tokens, n] that move together."""
    return (rng.standard_normal((tokens, n // 4)) @ rng.standard_normal((n // 4, n))).astype(np.float32)


def test_an_error_goes_to_a_correlated_input_by_hand():
    # Input 0 stands alone; inputs 1 and 2 have correlation 1/2. Scale 1. 2.4 -> 2 leaves 0.4, of which half goes to the
    # next weight: 3.4 + 0.2 = 3.6 -> 4, where rounding to nearest gives 3.
    products = np.array([[1, 0, 0], [0, 1, 0.5], [0, 0.5, 1]])
    weights = np.array([[7, 2.4, 3.4]], np.float32)
    found = rounded(weights, error_factor(products, 0), 4, None)
    assert found.scales.tolist() == [[1]]
    assert found.codes.tolist() == [[7, 2, 4]]
    assert quantize_weights(weights, 4).rows.T.tolist() == [[7, 2, 3]]


def test_the_stored_weights_stay_as_they_are():
    rng = np.random.default_rng(4)
    for weights in (rng.standard_normal((1, 24)), np.asfortranarray(rng.standard_normal((6, 24)))):
        stored = weights.astype(np.float32, order="K")
        before = stored.copy()
        rounded(stored, error_factor(input_products(correlated(rng, 50, 24)), 0.01), 4, 8)
        assert np.array_equal(stored, before)


def test_the_factor_is_that_of_the_inverse_of_the_damped_products():
    rng = np.random.default_rng(0)
    products = input_products(correlated(rng, 50, 12))
    factor = error_factor(products, 0.02).astype(np.float64)
    damped = 0.98 * products + 0.02 * np.trace(products) / 12 * np.eye(12)
    assert factor.T @ factor @ damped == pytest.approx(np.eye(12), abs=1e-4)
    assert np.array_equal(factor, np.triu(factor))


def test_shrinkage_by_hand_and_by_its_limits():
    # n = 2, squares 10, trace 4: 16 / (7 * (10 - 8)) is beyond 1, 16 / (39 * 2) is not
    assert shrinkage(np.diag([1.0, 3.0]), 7) == 1
    assert shrinkage(np.diag([1.0, 3.0]), 39) == pytest.approx(16 / 78)
    assert shrinkage(np.eye(5), 1000) == 1  # nothing is known beyond the mean
    rng = np.random.default_rng(5)
    few, many = (shrinkage(input_products(correlated(rng, tokens, 40)), tokens) for tokens in (20, 20_000))
    assert many < 0.01 < few


def test_a_large_token_counts_as_any_other():
    inputs = np.array([[3, 4], [0, 0], [-600, 800]], np.float32)
    # Of sizes sqrt(12.5) and sqrt(500000): squares 0.72 and 1.28 in both, products 0.96 and -0.96; a silent one adds 0.
    assert input_products(inputs) == pytest.approx(np.array([[1.44, 0], [0, 2.56]]) / 3)


@pytest.mark.parametrize("group", [None, 8, 32, 100])
def test_without_correlation_each_weight_is_rounded_to_nearest(group):
    weights = np.random.default_rng(1).standard_normal((5, 200)).astype(np.float32)
    found = rounded(weights, error_factor(np.eye(200), 0.01), 4, group)
    spread = np.repeat(found.scales, group or 200, axis=1)[:, :200]
    assert np.array_equal(found.codes, np.clip(np.rint(weights / spread), -7, 7))
    assert found.weights(group) == pytest.approx(found.codes * spread)


@pytest.mark.parametrize(("bits", "group"), [(4, None), (4, 32), (4, 48), (8, None)])
def test_outputs_are_nearer_than_those_of_nearest_weights(bits, group):
    rng = np.random.default_rng(2)
    weights, inputs = rng.standard_normal((40, 160)).astype(np.float32), correlated(rng, 400, 160)
    layer = rounded(weights, error_factor(input_products(inputs), 0.01), bits, group)
    alone = rounded(weights, error_factor(np.eye(160), 0.01), bits, group)  # the same scales, to nearest
    error, nearest = (np.square(inputs @ (x.weights(group) - weights).T).sum() for x in (layer, alone))
    assert error < 0.5 * nearest


def test_the_best_scale_has_less_error_than_the_full_range():
    columns = np.random.default_rng(3).standard_normal((500, 20)).astype(np.float32)

    def error(scale: np.ndarray) -> np.ndarray:
        return np.square(columns - np.clip(np.rint(columns / scale), -7, 7) * scale).sum(axis=0)

    best, full = best_scale(columns, 7), np.abs(columns).max(axis=0) / np.float32(7)
    assert (error(best) <= error(full)).all()
    assert error(best).sum() < 0.8 * error(full).sum()
    assert best_scale(np.zeros((4, 2), np.float32), 7).tolist() == [1, 1]  # no weights, no scale


@pytest.mark.parametrize("group", [None, 5])
@pytest.mark.parametrize("name", ["sdllm-7", "int8", "unidirectional"])
def test_layers_hold_the_codes_that_were_found(write_model: Write, group, name):
    """And their sums are those of the spikes, one by one (`verify_tokens`)."""
    checkpoint, preset = read_checkpoint(write_model()), gptq(group, name)
    ready, settled, _ = prepared(checkpoint, preset, (Passage(IDS, 1, 0),))
    weights = ready.weights
    assert isinstance(weights, CompensatedWeights)
    for stream_id in ("blocks.0.attn_in", "blocks.0.mlp_hidden"):
        for layer_id in driven_layers(stream_id):
            i = weight_of(layer_id)
            layers = side_by_side((layer_id,), [weights[i]], settled, [weights.scales(i)])
            codes = np.concatenate([part.weights.rows for part in layers.groups]).T
            assert np.abs(codes).max() <= 7
            scales = np.repeat(weights.scales(i), group or codes.shape[1], axis=1)[:, : codes.shape[1]]
            assert np.array_equal(codes * scales, weights[i])
    linear = SpikingLinear(ready, settled, verify_tokens=3)
    assert np.isfinite(forward(ready, IDS, linear)).all()
    assert linear.n_verified > 0


def test_a_text_of_ones_own_lies_next_to_the_preset_and_its_folder_stays_out_of_the_origin(tmp_path):
    fields = "name: mine\nsummary: s\ncode: ternary\ntimesteps: 3\nweights: {bits: 4, rounding: gptq, text: mine.txt}\n"
    (tmp_path / "mine.yaml").write_text(fields, encoding="utf-8")
    preset = load_preset(str(tmp_path / "mine.yaml"))
    assert preset.weights.text == str(tmp_path / "mine.txt")
    assert preset_origin(preset)["preset"]["weights"]["text"] == "mine.txt"
    checkpoint = read_checkpoint(ROOT / "traces" / "model")
    with pytest.raises(SpikewattError, match=r"mine\.txt"):
        rounding_tokens(checkpoint, preset, ())
    (tmp_path / "mine.txt").write_text("First Citizen: speak. " * 600, encoding="utf-8")
    found, notes = rounding_tokens(checkpoint, preset, ())
    whole = Tokenizer(ROOT / "traces" / "model", checkpoint.config).passage("First Citizen: speak. " * 600, 4096)
    assert np.concatenate(found).tolist() == whole.token_ids.tolist()
    assert max(map(len, found)) == min(512, checkpoint.config.max_position_embeddings)
    assert notes == ()
