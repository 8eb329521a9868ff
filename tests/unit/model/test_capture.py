"""A capture is a Trace whose program follows the forward pass and whose counts are those that made the outputs."""

from __future__ import annotations

import hashlib
import json
import tracemalloc

import numpy as np
import pytest
from tiny_model import TINY, tiny_tensors

from simulator.errors import ModelError
from simulator.model.capture import capture
from simulator.model.checkpoint import read_checkpoint
from simulator.model.encoder import encode, encoding_for
from simulator.model.linear import SpikingLinear
from simulator.model.perplexity import perplexity
from simulator.model.prepare import prepared
from simulator.model.preset import as_preset
from simulator.model.transformer import forward, rms_norm
from simulator.trace.trace_program import Stage

TEXT = "the cat sat\n<|endoftext|>\non the mat."


@pytest.fixture
def folder(write_model):
    return write_model()


def test_stages_of_two_blocks(folder):
    trace, _ = capture(folder, TEXT, encoding_for("ternary", 3))
    # d = 12, h*hd = 16, f = 20.
    assert trace.stages == (
        Stage(
            "blocks.0.attn_in", 12, ("embedding", "blocks.0.norm_attn", "blocks.0.encode_attn_in"),
            "blocks.0.attn_in", ("blocks.0.q", "blocks.0.k", "blocks.0.v"), (),
        ),
        Stage(
            "blocks.0.attn_out", 16,
            ("blocks.0.dequant_qkv", "blocks.0.rotary", "blocks.0.kv_cache", "blocks.0.qk", "blocks.0.softmax",
             "blocks.0.pv", "blocks.0.encode_attn_out"),
            "blocks.0.attn_out", ("blocks.0.o",), ("blocks.0.q", "blocks.0.k", "blocks.0.v"),
        ),
        Stage(
            "blocks.0.mlp_in", 12,
            ("blocks.0.dequant_o", "blocks.0.residual_attn", "blocks.0.norm_mlp", "blocks.0.encode_mlp_in"),
            "blocks.0.mlp_in", ("blocks.0.gate", "blocks.0.up"), ("blocks.0.o",), ("blocks.0.attn_in",),
        ),
        Stage(
            "blocks.0.mlp_hidden", 20, ("blocks.0.dequant_gate_up", "blocks.0.silu", "blocks.0.encode_mlp_hidden"),
            "blocks.0.mlp_hidden", ("blocks.0.down",), ("blocks.0.gate", "blocks.0.up"),
        ),
        Stage(
            "blocks.1.attn_in", 12,
            ("blocks.0.dequant_down", "blocks.0.residual_mlp", "blocks.1.norm_attn", "blocks.1.encode_attn_in"),
            "blocks.1.attn_in", ("blocks.1.q", "blocks.1.k", "blocks.1.v"), ("blocks.0.down",), ("blocks.0.mlp_in",),
        ),
        Stage(
            "blocks.1.attn_out", 16,
            ("blocks.1.dequant_qkv", "blocks.1.rotary", "blocks.1.kv_cache", "blocks.1.qk", "blocks.1.softmax",
             "blocks.1.pv", "blocks.1.encode_attn_out"),
            "blocks.1.attn_out", ("blocks.1.o",), ("blocks.1.q", "blocks.1.k", "blocks.1.v"),
        ),
        Stage(
            "blocks.1.mlp_in", 12,
            ("blocks.1.dequant_o", "blocks.1.residual_attn", "blocks.1.norm_mlp", "blocks.1.encode_mlp_in"),
            "blocks.1.mlp_in", ("blocks.1.gate", "blocks.1.up"), ("blocks.1.o",), ("blocks.1.attn_in",),
        ),
        Stage(
            "blocks.1.mlp_hidden", 20, ("blocks.1.dequant_gate_up", "blocks.1.silu", "blocks.1.encode_mlp_hidden"),
            "blocks.1.mlp_hidden", ("blocks.1.down",), ("blocks.1.gate", "blocks.1.up"),
        ),
        Stage(
            "head", 12, ("blocks.1.dequant_down", "blocks.1.residual_mlp", "norm_final", "lm_head"),
            None, (), ("blocks.1.down",), ("blocks.1.mlp_in",),
        ),
    )  # fmt: skip


def test_layers_have_the_shapes_of_the_checkpoint(folder):
    trace, _ = capture(folder, TEXT, encoding_for("binary", 3))
    weights = read_checkpoint(folder).weights
    assert [(x.layer_id, x.n_out, x.n_in) for x in trace.layers] == [
        (x.layer_id, *weights[x.layer_id].shape) for x in trace.layers
    ]
    assert [x.kind for x in trace.layers] == ["q", "k", "v", "o", "gate", "up", "down"] * 2
    assert {x.weight_bits for x in trace.layers} == {8}
    assert {op.kind for op in trace.ops} == {
        "embedding", "norm", "encode", "dequantize", "rotary", "kv_cache", "qk", "softmax", "pv", "residual", "silu",
        "head",
    }  # fmt: skip


def test_passages_start_at_position_0(folder):
    trace, report = capture(folder, TEXT, encoding_for("ternary", 7), max_tokens=17)
    assert trace.positions.tolist() == [*range(12), *range(5)]
    assert (report.n_tokens, report.n_passages) == (17, 2)
    assert trace.phase == "prefill"
    assert report.warnings == ("1 of 2 passages are longer than --tokens or the context: 7 tokens are not used",)
    assert capture(folder, TEXT, encoding_for("ternary", 7), max_tokens=12)[1].warnings == (
        "1 passages are not used: the limit of tokens was reached",
    )


def test_first_counts_by_their_definition(folder):
    """The first stream is the encoded RMSNorm of the embedding: no layer lies between."""
    encoding = encoding_for("ternary", 7)
    trace, _ = capture(folder, "cab", encoding)
    checkpoint = prepared(read_checkpoint(folder), as_preset(encoding))[0]
    ids = np.array([1, 5, 3, 4])
    normed = rms_norm(checkpoint.weights["embedding"][ids], checkpoint.weights["blocks.0.norm_attn"], 1e-5)
    assert np.array_equal(trace.spike_counts("blocks.0.attn_in"), encode(normed, encoding).counts)


@pytest.mark.parametrize(("code", "timesteps"), [("ternary", 7), ("binary", 7), ("bitwise", 3)])
def test_counts_are_those_of_each_passage_on_its_own(folder, code, timesteps):
    encoding = encoding_for(code, timesteps)
    trace, report = capture(folder, TEXT, encoding)
    seen: dict[str, list[np.ndarray]] = {}
    ready = prepared(read_checkpoint(folder), as_preset(encoding))[0]
    linear = SpikingLinear(ready, encoding, lambda i, counts: seen.setdefault(i, []).append(counts))
    start = 0
    for n in (12, 12):
        letters = TEXT.split("\n<|endoftext|>\n")[0 if start == 0 else 1]
        ids = np.array([1, *("abcdefghijklmnopqrstuvwxyz .".index(c) + 3 for c in letters)])
        assert len(ids) == n
        forward(ready, ids, linear)
        start += n
    for stream in trace.streams:
        assert np.array_equal(trace.spike_counts(stream.stream_id), np.concatenate(seen[stream.stream_id]))
        assert trace.spike_counts(stream.stream_id).dtype == np.int8
    # One token of each of 2 passages: in each block 16 + 8 + 8 + 12 + 20 + 20 + 12 outputs.
    assert report.n_sums_verified == 2 * 2 * 96


def test_wide_counts_take_16_bits(folder):
    trace, _ = capture(folder, "cab", encoding_for("bitwise", 10))
    counts = trace.spike_counts("blocks.0.attn_in")
    assert counts.dtype == np.int16
    assert np.abs(counts).max() == 1023


def test_report(folder):
    encoding = encoding_for("bitwise", 3)
    trace, report = capture(folder, TEXT, encoding)
    assert report.float_perplexity == perplexity(folder, TEXT)
    assert report.spiking_perplexity == perplexity(folder, TEXT, encoding)
    assert report.tokens_per_s > 0
    activity = report.activity.set_index("kind")
    assert activity.index.tolist() == ["q/k/v", "o", "gate/up", "down", "all"]
    counts = np.concatenate([trace.spike_counts(f"blocks.{i}.attn_out") for i in (0, 1)])
    spikes = sum(int(n).bit_count() for n in np.abs(counts).ravel())
    assert activity.loc["o", "spikes_per_activation"] == pytest.approx(spikes / counts.size)
    assert activity.loc["o", "firing_rate"] == pytest.approx(spikes / counts.size / 3)
    assert activity.loc["o", "zero_share"] == pytest.approx((counts == 0).mean())
    assert activity.loc["all", "spikes"] == activity["spikes"].iloc[:4].sum()
    assert activity.loc["all", "activations"] == 24 * 2 * (12 + 16 + 12 + 20)


def test_origin_says_what_it_was_made_from(folder):
    trace, report = capture(folder, TEXT, encoding_for("ternary", 7))
    assert trace.name == "tiny-model-ternary-T7"
    assert capture(folder, TEXT, encoding_for("ternary", 7), name="mine")[0].name == "mine"
    origin = trace.origin
    assert origin["model"] == "tiny-model"
    assert origin["model_sha256"] == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert origin["text_sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()
    assert origin["perplexity"] == {
        "float": round(report.float_perplexity.perplexity, 4),
        "spiking": round(report.spiking_perplexity.perplexity, 4),
    }
    text = json.dumps(origin)
    assert str(folder.parent) not in text
    assert '"/' not in text


def test_same_inputs_same_trace(folder):
    first, second = (capture(folder, TEXT, encoding_for("ternary", 7))[0] for _ in range(2))
    assert first.origin == second.origin
    assert first.ops == second.ops
    for stream in first.streams:
        assert first.spike_counts(stream.stream_id).tobytes() == second.spike_counts(stream.stream_id).tobytes()


def test_defaults_of_the_config_become_warnings(write_model):
    folder = write_model(rope_theta=None)
    trace, report = capture(folder, TEXT, encoding_for("ternary", 7))
    assert report.warnings == ("config.json: no rope_theta, assumed 10000.0",)
    assert trace.origin["warnings"] == list(report.warnings)


def test_an_activation_that_overflows_is_named(write_model, tiny_tensors_of):
    tensors = tiny_tensors_of()
    tensors["model.layers.1.input_layernorm.weight"][:] = 3e38
    with pytest.raises(ModelError, match=r"blocks\.1\.attn_in: token \d+ holds NaN or infinity"):
        capture(write_model(tensors), TEXT, encoding_for("ternary", 7))


@pytest.mark.parametrize("text", ["the cat sat", TEXT])
def test_memory_of_a_capture_does_not_grow_with_the_layers(write_model, text):
    """But for the trace: each weight is read, rounded, used and dropped. A block has 2.3 MB in float32."""
    sizes = {"hidden_size": 192, "intermediate_size": 512, "head_dim": 48}
    wide = {**TINY, **sizes}

    def peak_bytes(n_blocks: int) -> tuple[int, int]:
        config = {**wide, "num_hidden_layers": n_blocks}
        folder = write_model(tiny_tensors(config), **sizes, num_hidden_layers=n_blocks)
        tracemalloc.start()
        trace, _ = capture(folder, text, "sdllm")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak, sum(trace.spike_counts(stream.stream_id).nbytes for stream in trace.streams)

    peak_bytes(1)  # what is loaded and compiled once
    (few, of_few), (many, of_many) = peak_bytes(2), peak_bytes(10)
    block_bytes = 4 * (2 * 192 * 192 + 2 * 192 * 96 + 3 * 192 * 512)
    assert (many - of_many) - (few - of_few) < block_bytes
