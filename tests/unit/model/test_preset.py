"""Presets: the shipped ones, and every rule of the file."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.errors import ConfigError, ModelError
from simulator.model.attention_rule import DENSE, SPIKING
from simulator.model.preset import load_preset, shipped_presets
from simulator.model.threshold import EncoderRule
from simulator.trace.encoding import Encoding

WANTED = {
    "bf16",
    "fp16",
    "sdllm",
    "sdllm-4",
    "sdllm-4-mixed",
    "sdllm-7",
    "sdllm-7-mixed",
    "sdllm-attention",
    "sdllm-bitwise",
    "sdllm-paper",
    "spikingbrain",
    "unidirectional",
    "int8",
    "int4",
    "int4-group",
}


def test_every_shipped_preset_loads_under_its_name():
    assert set(shipped_presets()) == WANTED
    for name in WANTED:
        assert load_preset(name).name == name


def test_what_the_shipped_presets_say():
    sdllm = load_preset("sdllm")
    assert (sdllm.encoding, sdllm.rotation) == (Encoding("ternary", 15), "online")
    assert sdllm.encoder_of("blocks.3.mlp_in").rule.threshold == "least_error"
    assert load_preset("sdllm-bitwise").encoding == Encoding("bitwise", 15)
    assert load_preset("spikingbrain").encoder_of("attn_in").rule == EncoderRule("mean", k=3.0)
    assert load_preset("int4-group").weights.in_words.startswith("int4, symmetric for every 32 inputs")
    seven = sdllm.with_timesteps(7)
    assert seven.encoding == Encoding("ternary", 7)
    same = {"name", "summary"}
    assert seven.model_dump(exclude=same) == load_preset("sdllm-7").model_dump(exclude=same)
    assert sdllm.with_timesteps(4).model_dump(exclude=same) == load_preset("sdllm-4").model_dump(exclude=same)
    full = load_preset("sdllm-attention")
    assert (full.attention.rule(), full.head) == (SPIKING, "spiking")
    assert (sdllm.attention.rule(), sdllm.head) == (DENSE, "dense")
    assert full.encoder_of("blocks.0.attn_p").rule.threshold == "absmax"
    with pytest.raises(ModelError, match="timesteps 7, expected 1 for graded"):
        load_preset("int8").with_timesteps(7)


def test_the_presets_of_fewer_spikes_say_their_timesteps_and_weights():
    paper = load_preset("sdllm-paper")
    assert (paper.encoding, paper.weights.bits, paper.weights.group) == (Encoding("ternary", 7), 4, 64)
    assert load_preset("sdllm-4").encoding == Encoding("ternary", 4)


def test_timesteps_of_the_mixed_presets_are_those_of_their_names_on_average():
    """Means over the activations of SmolLM2-135M: 576 in front of q/k/v, o and gate/up, 1,536 in front of down."""
    widths = {"attn_in": 576, "attn_out": 576, "mlp_in": 576, "mlp_hidden": 1536}
    for name, mean in (("sdllm-7-mixed", 7), ("sdllm-4-mixed", 4)):
        preset = load_preset(name)
        rules = {kind: preset.encoder_of(kind).rule for kind in widths}
        assert all(rule.steps == rule.clip for rule in rules.values())
        assert max(rule.steps for rule in rules.values()) == preset.encoding.n_timesteps
        used = sum(rules[kind].steps * n for kind, n in widths.items()) / sum(widths.values())
        assert used == pytest.approx(mean, abs=0.2)
        assert preset.prefix == "bos"


def test_the_paper_preset_sends_0_86_spikes_per_value_of_a_normal_row():
    """The rate that SDLLM's 0.67 J implies; a row that a Hadamard transform has mixed is close to normal."""
    encoder = load_preset("sdllm-paper").encoder_of("mlp_in")
    row = np.random.default_rng(0).standard_normal((1, 200_000)).astype(np.float32)
    assert np.abs(encoder(row).counts).mean() == pytest.approx(0.86, abs=0.02)


def write(tmp_path, text: str) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nsummary: a test\n" + text, encoding="utf-8")
    return str(path)


def test_a_stream_says_only_in_what_it_differs(tmp_path):
    preset = load_preset(
        write(
            tmp_path,
            "timesteps: 7\nencoder: {threshold: quantile, gamma: 0.99, dead_zone: 0.6}\n"
            "streams:\n  mlp_hidden: {gamma: 0.9, clip: 5}\n  blocks.1.mlp_hidden: {threshold: static, step: 0.5}\n",
        )
    )
    assert preset.encoder_of("blocks.0.attn_in").rule == EncoderRule("quantile", gamma=0.99, dead_zone=0.6)
    assert preset.encoder_of("blocks.0.mlp_hidden").rule == EncoderRule("quantile", gamma=0.9, dead_zone=0.6, clip=5)
    assert preset.encoder_of("blocks.1.mlp_hidden").rule == EncoderRule(
        "static", gamma=0.9, dead_zone=0.6, clip=5, step=0.5
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "timesteps: found neither `timesteps` nor `levels`, expected one of them"),
        ("timesteps: 3\nlevels: 3\n", "timesteps: found both `timesteps` and `levels`, expected one of them"),
        ("code: bitwise\ntimesteps: 16\n", "timesteps: timesteps 16, expected 1 to 15 for bitwise"),
        ("levels: 40000\n", "levels: found 40000, expected 1 to 32767"),
        ("timesteps: 3\nencoder: {threshold: quantile}\n", "found 'quantile' without `gamma`, expected both"),
        ("timesteps: 3\nencoder: {threshold: mean}\n", "found 'mean' without `k`, expected both"),
        ("timesteps: 3\nencoder: {thresold: mean}\n", r"found an unknown key.*did you mean 'threshold'"),
        ("timesteps: 3\nencoder: {gamma: 1.5}\n", "encoder.gamma: found 1.5, expected"),
        ("timesteps: 3\nstreams: {mlp_hiden: {clip: 3}}\n", r"found no such stream, .*did you mean 'mlp_hidden'"),
        ("code: binary\ntimesteps: 3\nencoder: {clip: 2}\n", "found a clip for unsigned counts, expected none"),
        ("code: binary\ntimesteps: 3\nencoder: {threshold: mean, k: 3.0}\n", "found 'mean' for unsigned counts"),
        ("timesteps: 3\nweights: {bits: 5}\n", "weights.bits: found 5, expected"),
        ("timesteps: 3\nweights: {format: float16}\n", "found float16 for weights of 8 bits, expected 16 bits"),
        ("timesteps: 3\nweights: {bits: 16, group: 4}\n", "found a group for weights of 16 bits, expected 8 or 4"),
        ("timesteps: 3\nweights: {bits: 16, rounding: gptq}\n", "found gptq for weights of 16 bits, expected 8 or 4"),
        ("timesteps: 3\nhead: spiking\nweights: {head_bits: 8}\n", "weights.head_bits: found 8 for a spiking head"),
        ("timesteps: 3\nweights: {head_bits: 5}\n", "weights.head_bits: found 5, expected"),
        (
            "timesteps: 3\nweights: {text: a.txt}\n",
            "found a text for weights rounded to nearest, expected",
        ),
        ("timesteps: 3\nweights: {rounding: gtpq}\n", r"weights.rounding: found text 'gtpq', .*did you mean 'gptq'"),
        ("timesteps: 3\nattention: {queries: true}\n", "attention.kv_bits: attention: spikes of queries need integer"),
        ("timesteps: 15\nattention: {keys: true, kv_bits: 4}\n", "counts up to 15, a KV cache of 4 bits holds 7"),
        ("levels: 300\nattention: {values: true, kv_bits: 8}\n", "counts up to 300, a KV cache of 8 bits holds 127"),
        ("timesteps: 3\nattention: {kv_bits: 5}\n", "attention.kv_bits: found 5, expected"),
        ("timesteps: 3\nattention: {query: true}\n", r"found an unknown key.*did you mean 'queries'"),
        ("timesteps: 3\nhead: spikes\n", "head: found text 'spikes', expected one of dense"),
    ],
)
def test_refuses(tmp_path, text, line):
    with pytest.raises(ConfigError, match=line):
        load_preset(write(tmp_path, text))


def test_an_unknown_name_lists_the_known():
    with pytest.raises(
        ConfigError, match=r"unknown preset 'sdlm', expected one of bf16, fp16, int4, .*did you mean 'sdllm'"
    ):
        load_preset("sdlm")


def test_moments_lie_next_to_their_preset_and_need_the_rotation_online(tmp_path):
    path = write(tmp_path, "timesteps: 7\nrotation: online\nmoments: mine.npz\n")
    assert load_preset(path).moments == str(tmp_path / "mine.npz")
    with pytest.raises(ConfigError, match="found moments under rotation hadamard, expected rotation online"):
        load_preset(write(tmp_path, "timesteps: 7\nrotation: hadamard\nmoments: mine.npz\n"))
    with pytest.raises(ConfigError, match="found smoothing under rotation online"):
        load_preset(write(tmp_path, "timesteps: 7\nrotation: online\nsmooth: 0.5\n"))
