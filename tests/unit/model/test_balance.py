"""Channel scales, transforms of heads and Hadamard transforms at run time: right values by hand, and exact folding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulator.errors import ModelError
from simulator.model.balance import balance_of, channel_scales, damped, geometric_mean, head_transforms, root
from simulator.model.checkpoint import Checkpoint, read_checkpoint
from simulator.model.linear import FloatLinear
from simulator.model.moments import moments_of, read_moments, second_moments, write_moments
from simulator.model.prepare import prepared
from simulator.model.preset import WeightFields, as_preset
from simulator.model.rotation import online_rotations
from simulator.model.tokenizer import Passage
from simulator.model.transformer import forward
from simulator.trace.encoding import Encoding

ONLINE = as_preset(Encoding("ternary", 15)).model_copy(update={"rotation": "online"})
IDS = np.arange(1, 20)
Write = Callable[..., Path]


def test_scales_by_hand():
    # fourth roots of 16 and 1/16
    assert channel_scales(np.array([16.0, 1.0]), np.array([1.0, 16.0])) == pytest.approx([2, 0.5])
    # a channel that is always zero, and one that no weight reads, stay as they are
    assert channel_scales(np.array([16.0, 1.0, 0.0]), np.array([1.0, 0.0, 1.0])) == pytest.approx([1, 1, 1])


def test_no_other_scales_have_less_noise():
    rng = np.random.default_rng(3)
    energy, moments = rng.lognormal(0, 2, 24), rng.lognormal(0, 2, 24)

    def noise(s: np.ndarray) -> float:
        return float((s**2 * moments).sum() * (energy / s**2).sum())

    scales = channel_scales(energy, moments)
    # Cauchy and Schwarz: the bound is met
    assert noise(scales) == pytest.approx(np.sqrt(energy * moments).sum() ** 2)
    assert all(noise(scales * rng.lognormal(0, 0.1, 24)) > noise(scales) for _ in range(50))


def test_damping_by_hand():
    assert damped(np.array([1.0, 3.0]), 0.5) == pytest.approx([1.5, 2.5])
    assert damped(np.array([[1.0, 0.5], [0.5, 3.0]]), 0.5) == pytest.approx(np.array([[1.5, 0.25], [0.25, 2.5]]))


def test_geometric_mean_by_hand_and_by_its_equation():
    assert geometric_mean(np.diag([1.0, 1 / 16]), np.diag([16.0, 1.0])) == pytest.approx(np.diag([4, 0.25]))
    rng = np.random.default_rng(1)
    a, b = (m @ m.T + np.eye(5) for m in rng.standard_normal((2, 5, 5)))
    mean = geometric_mean(a, b)
    assert mean @ np.linalg.inv(a) @ mean == pytest.approx(b)  # the one positive solution (Bhatia 2007)
    assert root(a) @ root(a) == pytest.approx(a)


def test_the_transform_of_a_head_by_hand(monkeypatch):
    monkeypatch.setattr("simulator.model.balance.MOMENT_DAMPING", 0.0)
    monkeypatch.setattr("simulator.model.balance.WEIGHT_DAMPING", 0.0)
    o = np.diag([4.0, 1.0])  # one head of two values; o reads the first four times as strongly
    found = head_transforms(o, np.diag([1.0, 16.0])[None])
    # scales 2 and 1/2, then the Hadamard matrix of order 2
    assert found[0] == pytest.approx(np.array([[2, 2], [0.5, -0.5]]) / np.sqrt(2))


def transformed(checkpoint: Checkpoint, ids: np.ndarray, spiking_head: bool = False) -> np.ndarray:
    """Logits of a balanced checkpoint in floats, every stream transformed as at run time."""
    dense, online = FloatLinear(checkpoint), online_rotations(checkpoint.config, "online")

    def linear(stream_id: str, values: np.ndarray) -> tuple[np.ndarray, ...]:
        return dense(stream_id, online[stream_id.rsplit(".", 1)[-1]](values))

    return forward(checkpoint, ids, linear, spiking_head=spiking_head)


def test_logits_are_unchanged_with_a_dense_and_a_spiking_head(write_model: Write):
    checkpoint = read_checkpoint(write_model())
    expected = forward(checkpoint, IDS, FloatLinear(checkpoint))
    for head in ("dense", "spiking"):
        weights = WeightFields(head_bits=16) if head == "dense" else WeightFields()
        preset = ONLINE.model_copy(update={"head": head, "weights": weights})
        ready, _, _ = prepared(checkpoint, preset, (Passage(IDS, 1, 0),))
        assert np.abs(transformed(ready, IDS, head == "spiking") - expected).max() < 1e-4


def test_rows_of_a_large_model_equal_those_of_a_small_one(write_model: Write, monkeypatch):
    checkpoint = read_checkpoint(write_model())
    preset = ONLINE.model_copy(update={"head": "spiking"})
    whole, _, _ = prepared(checkpoint, preset, (Passage(IDS, 1, 0),))
    expected = {i: whole.weights[i] for i in whole.weights}
    monkeypatch.setattr(Checkpoint, "kept", property(lambda self: False))
    parts, _, _ = prepared(checkpoint, preset, (Passage(IDS, 1, 0),))
    assert all(np.array_equal(parts.weights[i], weight) for i, weight in expected.items())
    for weight_id in ("embedding", "head"):
        assert np.array_equal(parts.rows(weight_id, slice(3, 7)), expected[weight_id][3:7])


def test_an_outlier_channel_is_evened_out(write_model: Write, tiny_tensors_of):
    """A gain of 40 in one channel: the rows that are encoded stay near the normal distribution."""
    tensors = tiny_tensors_of()
    tensors["model.layers.0.input_layernorm.weight"][5] *= 40
    checkpoint = read_checkpoint(write_model(tensors))
    moments = second_moments(checkpoint, [IDS])
    scales = balance_of(checkpoint, moments, spiking_head=False).scales["blocks.0.attn_in"]
    plain = np.sqrt(moments.channels["blocks.0.attn_in"])
    before, after = (x.max() / np.median(x) for x in (plain, scales * plain))
    assert before > 20
    assert after < before / 3


def test_moments_by_hand(write_model: Write):
    checkpoint = read_checkpoint(write_model())
    seen: dict[str, np.ndarray] = {}
    dense = FloatLinear(checkpoint)
    forward(
        checkpoint,
        IDS,
        lambda i, x: seen.__setitem__(i, x.astype(np.float64)) or dense(i, x),
        spiking_head=True,
    )
    found = second_moments(checkpoint, [IDS])
    assert set(found.channels) == set(seen)
    for stream_id, values in seen.items():
        assert found.channels[stream_id] == pytest.approx((values**2).mean(axis=0))
    config, values = checkpoint.config, seen["blocks.1.attn_out"]
    group, hd = config.num_attention_heads // config.num_key_value_heads, config.head_dim
    second = values.reshape(len(IDS), -1, hd)[:, group : 2 * group].reshape(-1, hd)  # of key/value head 1
    assert found.heads["blocks.1.attn_out"][1] == pytest.approx(second.T @ second / len(second))
    # the mean over two passages is that over their tokens
    parts = second_moments(checkpoint, [IDS, IDS[:5]])
    alone = second_moments(checkpoint, [IDS[:5]])
    stream_id = "blocks.0.mlp_in"
    both = (19 * found.channels[stream_id] + 5 * alone.channels[stream_id]) / 24
    assert parts.channels[stream_id] == pytest.approx(both)


def test_moments_go_to_a_file_and_back(write_model: Write, tmp_path: Path):
    checkpoint = read_checkpoint(write_model())
    moments, path = second_moments(checkpoint, [IDS]), tmp_path / "mine.npz"
    write_moments(moments, path)
    found = read_moments(path, checkpoint)
    kinds = ((moments.channels, found.channels), (moments.heads, found.heads), (moments.slopes, found.slopes))
    for before, after in kinds:
        assert set(before) == set(after)
        assert all(after[i] == pytest.approx(before[i], rel=1e-6) for i in before)


def test_moments_of_another_model_and_damaged_files_are_refused(write_model: Write, tmp_path: Path):
    checkpoint = read_checkpoint(write_model())
    moments = second_moments(checkpoint, [IDS])
    other = tmp_path / "other.npz"
    write_moments(replace(moments, channels={i: x[:-1] for i, x in moments.channels.items()}), other)
    with pytest.raises(ModelError, match=r"channels/blocks.0.attn_in: found shape \(11,\), expected \(12,\)"):
        read_moments(other, checkpoint)
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes(other.read_bytes()[:100])
    for path in (damaged, tmp_path / "none.npz"):
        with pytest.raises(ModelError, match="cannot read the moments"):
            read_moments(path, checkpoint)
    endless = tmp_path / "endless.npz"
    write_moments(replace(moments, channels={i: x * np.inf for i, x in moments.channels.items()}), endless)
    with pytest.raises(ModelError, match="NaN or infinity"):
        read_moments(endless, checkpoint)


def test_a_model_with_a_tokenizer_needs_no_text_and_does_not_depend_on_it(shipped_model: Path):
    checkpoint = read_checkpoint(shipped_model)
    first, notes = moments_of(checkpoint, None, ())
    second, _ = moments_of(checkpoint, None, (Passage(IDS, 1, 0),))
    assert notes == ()
    assert all(np.array_equal(first.channels[i], second.channels[i]) for i in first.channels)


def test_a_model_without_a_tokenizer_takes_the_text_and_says_so(write_model: Write):
    checkpoint = read_checkpoint(write_model())
    with pytest.raises(ModelError, match="no tokenizer for the shipped one; pass a text"):
        prepared(checkpoint, ONLINE)
    _, _, notes = prepared(checkpoint, ONLINE, (Passage(IDS, 1, 0),))
    assert notes[0].startswith("channel scales come from the first 19 tokens of the text itself")


def test_slopes_are_the_derivatives_of_the_gate(write_model: Write):
    """Against finite differences of silu(gate) * up."""
    checkpoint = read_checkpoint(write_model())
    seen: list[tuple[np.ndarray, ...]] = []
    dense = FloatLinear(checkpoint)

    def linear(stream_id: str, values: np.ndarray) -> tuple[np.ndarray, ...]:
        outputs = dense(stream_id, values)
        if stream_id == "blocks.1.mlp_in":
            seen.append(outputs)
        return outputs

    forward(checkpoint, IDS, linear)
    gate, up = (x.astype(np.float64) for x in seen[0])

    def hidden(g: np.ndarray, u: np.ndarray) -> np.ndarray:
        return g / (1 + np.exp(-g)) * u

    by_gate = (hidden(gate + 1e-5, up) - hidden(gate - 1e-5, up)) / 2e-5
    by_up = (hidden(gate, up + 1e-5) - hidden(gate, up - 1e-5)) / 2e-5
    expected = np.stack([(by_gate**2).mean(axis=0), (by_up**2).mean(axis=0)])
    assert second_moments(checkpoint, [IDS]).slopes["blocks.1.mlp_in"] == pytest.approx(expected, rel=1e-4)
