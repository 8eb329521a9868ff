"""A torch model gives the trace that the same weights give from files."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from simulator.errors import ModelError
from simulator.mapping.place import map_trace
from simulator.model.checkpoint import read_checkpoint
from simulator.model.encoder import encode
from simulator.model.linear import SpikingLinear
from simulator.model.prepare import prepared
from simulator.model.preset import EncoderFields, Preset, WeightFields, as_preset, load_preset
from simulator.model.tokenizer import Passage
from simulator.model.torch_capture import capture_torch
from simulator.model.transformer import forward
from simulator.model.weights import quantize_weights
from simulator.trace.encoding import Encoding

torch = pytest.importorskip("torch", reason="needs the extra torch")
MODEL = Path(__file__).parents[3] / "traces" / "model"
T15 = Encoding("ternary", 15)
TOKENS = np.array([1, 17, 300, 42, 511, 8, 99, 1000, 3, 17, 64, 640])


@pytest.fixture(scope="module")
def llama():
    """``traces/model/llama.py``: the module that the sample model was trained with."""
    spec = importlib.util.spec_from_file_location("sample_llama", MODEL / "llama.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def sample(llama):
    """The sample model as a torch module with the weights of its file."""
    from safetensors.torch import load_file

    model = llama.Llama(llama.LlamaConfig())
    model.load_state_dict({name: t.float() for name, t in load_file(MODEL / "model.safetensors").items()})
    return model


def recorded(folder: Path, choice: Encoding | Preset) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Counts of the numpy path, and how many values it clipped by type of stream."""
    counts: dict[str, np.ndarray] = {}
    # A module has no tokenizer, so the channel scales of both come from the tokens.
    checkpoint = replace(read_checkpoint(folder), location=None)
    whole = as_preset(choice).model_copy(update={"prefix": None})  # the inputs of a module need not begin with BOS
    ready, preset, _ = prepared(checkpoint, whole, (Passage(TOKENS, 0, 0),))
    linear = SpikingLinear(ready, preset, counts.__setitem__)
    forward(ready, TOKENS, linear, spiking_head=preset.head == "spiking")
    return counts, {kind: n for kind, n in linear.n_clipped.items() if n}


CLIPPED = EncoderFields(threshold="quantile", gamma=0.9)
STATIC = EncoderFields(threshold="static", gamma=0.99)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("sdllm", {}),
        ("sdllm", {"rotation": "random", "smooth": 0.5, "head": "spiking"}),
        ("sdllm-7", {}),
        ("spikingbrain", {"encoder": CLIPPED, "streams": {"mlp_hidden": STATIC}, "smooth": 0.5}),
        ("int4-group", {"weights": WeightFields(bits=4, group=32, head_bits=16)}),
        ("bf16", {}),
        ("fp16", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_a_preset_counts_as_from_the_files(llama, sample, name, fields) -> None:
    preset = load_preset(name).model_copy(update=fields)
    trace = capture_torch(sample, torch.from_numpy(TOKENS)[None], preset, llama.LlamaConfig().to_hf())
    counts, clipped = recorded(MODEL, preset)
    assert set(counts) == {stream.stream_id for stream in trace.streams}
    for stream_id, expected in counts.items():
        found = trace.spike_counts(stream_id)
        if name in ("bf16", "fp16"):  # 32767 levels: 1e-6 of torch's own rounding is a step here and there
            assert np.abs(found.astype(int) - expected).max() < 40
        else:
            np.testing.assert_array_equal(found, expected, err_msg=stream_id)
    assert trace.origin["preset"]["name"] == name
    assert trace.origin["clipped"] == clipped
    assert any("clipped" in line for line in trace.origin["warnings"]) == bool(clipped)
    assert any("prefix of preset" in line for line in trace.origin["warnings"]) == (preset.prefix is not None)


def test_a_preset_by_name_leaves_the_model_as_it_was(llama, sample) -> None:
    tokens = torch.from_numpy(TOKENS)[None]
    before = sample(tokens)
    capture_torch(sample, tokens, "sdllm", llama.LlamaConfig().to_hf())
    assert torch.equal(sample(tokens), before)


@pytest.mark.parametrize("encoding", [T15, Encoding("binary", 14)], ids=str)
def test_the_sample_model_counts_as_from_its_files(llama, sample, encoding) -> None:
    trace = capture_torch(sample, torch.from_numpy(TOKENS)[None], encoding, llama.LlamaConfig().to_hf())
    counts, _ = recorded(MODEL, encoding)
    assert set(counts) == {stream.stream_id for stream in trace.streams}
    for stream_id, expected in counts.items():
        np.testing.assert_array_equal(trace.spike_counts(stream_id), expected, err_msg=stream_id)
    assert trace.positions.tolist() == list(range(len(TOKENS)))
    assert {op.kind for op in trace.ops} >= {"softmax", "silu", "rotary", "kv_cache", "head"}


def test_a_hugging_face_model_states_its_own_config(llama) -> None:
    """``model.config.to_dict()`` of transformers 5.24 holds these labels and sizes next to the fields of its file."""
    base = {"chunk_size_feed_forward": 0, "id2label": {0: "LABEL_0"}, "label2id": {"LABEL_0": 0}, "problem_type": None}
    sizes = llama.LlamaConfig(num_hidden_layers=1)
    model = llama.Llama(sizes)
    model.config = SimpleNamespace(to_dict=lambda: sizes.to_hf() | base | {"is_encoder_decoder": False})
    trace = capture_torch(model, torch.from_numpy(TOKENS)[None], T15)
    assert [stage.stage_id for stage in trace.stages][-1] == "head"
    assert len(trace.layers) == 7


def test_a_batch_is_sequences_from_position_0(llama, sample) -> None:
    batch = torch.from_numpy(np.stack([TOKENS, TOKENS[::-1].copy()]))
    trace = capture_torch(sample, {"ids": batch}, T15, llama.LlamaConfig().to_hf())
    alone = capture_torch(sample, batch[1:], T15, llama.LlamaConfig().to_hf())
    n = len(TOKENS)
    assert trace.positions.tolist() == [*range(n), *range(n)]
    np.testing.assert_array_equal(trace.spike_counts("blocks.0.attn_in")[n:], alone.spike_counts("blocks.0.attn_in"))


def test_biases_of_a_qwen2_tree_are_added(llama, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    torch.manual_seed(3)
    sizes = llama.LlamaConfig(hidden_size=64, intermediate_size=96, num_hidden_layers=2, head_dim=16)
    model = llama.Llama(sizes)
    for layer in model.model.layers:
        for kind in ("q_proj", "k_proj", "v_proj"):
            plain = getattr(layer.self_attn, kind)
            setattr(layer.self_attn, kind, torch.nn.Linear(plain.in_features, plain.out_features))
    fields = sizes.to_hf() | {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}
    (tmp_path / "config.json").write_text(json.dumps(fields))
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    trace = capture_torch(model, torch.from_numpy(TOKENS)[None], T15, fields)
    for stream_id, expected in recorded(tmp_path, T15)[0].items():
        np.testing.assert_array_equal(trace.spike_counts(stream_id), expected, err_msg=stream_id)
    (dequantize,) = (op for op in trace.ops if op.op_id == "blocks.1.dequant_qkv")
    assert dequantize.work_per_token["vector.add"] == (128, 0)


class Branches(torch.nn.Module):
    """Two layers on one input, a third on their product: 6 -> 4, 4 -> 3."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.left, self.right, self.out = (
            torch.nn.Linear(6, 4),
            torch.nn.Linear(6, 4, bias=False),
            torch.nn.Linear(4, 3),
        )

    def forward(self, x):
        return self.out(torch.relu(self.left(x)) * self.right(x))


def test_any_module_is_a_chain_of_its_linear_layers() -> None:
    model, x = Branches(), torch.randn(5, 6, generator=torch.Generator().manual_seed(1))
    before = model(x)
    trace = capture_torch(model, x, T15, name="branches")
    assert [(layer.layer_id, layer.stream) for layer in trace.layers] == [
        ("left", "left.in"),
        ("right", "left.in"),
        ("out", "out.in"),
    ]
    assert [stage.sources for stage in trace.stages] == [(), ("left", "right"), ("out",)]
    assert "the program of this model is not known" in trace.origin["warnings"][0]
    np.testing.assert_array_equal(trace.spike_counts("left.in"), encode(x.numpy(), T15).counts)
    torch.testing.assert_close(model(x), before)  # no hook is left


def test_what_follows_a_layer_sees_its_spiking_outputs() -> None:
    model, x = Branches(), torch.randn(5, 6, generator=torch.Generator().manual_seed(1))
    trace = capture_torch(model, x, T15)
    spikes = encode(x.numpy(), T15)
    decoded = spikes.counts * spikes.v_threshold[:, None]
    left, right = (quantize_weights(layer.weight.detach().numpy()) for layer in (model.left, model.right))
    hidden = np.maximum(decoded @ (left.rows * left.scale) + model.left.bias.detach().numpy(), 0)
    expected = encode((hidden * (decoded @ (right.rows * right.scale))).astype(np.float32), T15)
    np.testing.assert_allclose(trace.spike_counts("out.in"), expected.counts, atol=1)
    assert (trace.spike_counts("out.in") == expected.counts).mean() > 0.9


def test_a_captured_module_can_be_placed() -> None:
    from simulator.config import load_chip

    trace = capture_torch(Branches(), torch.ones(2, 6), T15)
    assert len(map_trace(trace, load_chip("loihi-like")).placement.blocks) >= 3


def test_a_chain_takes_the_encoder_and_the_weights_of_a_preset() -> None:
    preset = load_preset("int4-group").model_copy(
        update={"encoder": EncoderFields(threshold="quantile", gamma=0.5), "weights": WeightFields(bits=4, group=4)}
    )
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(1))
    trace = capture_torch(Branches(), x, preset)
    spikes = preset.encoder_of("in")(x.numpy())
    np.testing.assert_array_equal(trace.spike_counts("left.in"), spikes.counts)
    assert trace.origin["clipped"]["in"] >= spikes.n_clipped > 0
    assert {layer.weight_bits for layer in trace.layers} == {4}
    wide = capture_torch(Branches(), x, "bf16")
    assert np.abs(wide.spike_counts("out.in")).max() == 32767


class Twice(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 3)

    def forward(self, x):
        return self.layer(self.layer(x))


class Pooled(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)

    def forward(self, x):
        return self.second(self.first(x).mean(dim=0, keepdim=True))


@pytest.mark.parametrize(
    ("model", "value", "message"),
    [
        (torch.nn.ReLU(), 1.0, "ReLU calls no linear layer, expected at least one"),
        (Twice(), 1.0, "layer: its module is called twice, expected one pass without a cache"),
        (Pooled(), 1.0, "second: 1 tokens, expected 2 as the first linear layer has"),
        (Twice(), float("nan"), r"layer\.in: token 0 holds NaN or infinity"),
    ],
)
def test_what_cannot_be_captured_is_refused(model, value, message) -> None:
    with pytest.raises(ModelError, match=message):
        capture_torch(model, torch.full((2, 3), value), T15)


def test_a_tree_that_is_not_llama_is_refused(llama) -> None:
    with pytest.raises(ModelError, match=r"the module tree has no model\.embed_tokens\.weight \(47 weights missing\)"):
        capture_torch(Branches(), torch.ones(2, 6), T15, llama.LlamaConfig().to_hf())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sdllm", "preset sdllm: rotation online, a float prefix, expected a model with the tree of LLaMA"),
        ("sdllm-7", "preset sdllm-7: rotation online, a float prefix, expected a model with the tree of LLaMA"),
        (
            "sdllm-attention",
            "preset sdllm-attention: spiking attention, expected dense: a torch model computes its own",
        ),
    ],
)
def test_presets_that_need_more_than_linear_layers_are_refused(name, message) -> None:
    with pytest.raises(ModelError, match=message):
        capture_torch(Branches(), torch.ones(2, 6), name)


def test_weights_compensated_on_a_text_are_refused_without_a_model_that_reads_text() -> None:
    preset = load_preset("int8").model_copy(update={"weights": WeightFields(bits=4, rounding="gptq")})
    with pytest.raises(ModelError, match="weights rounded by gptq, expected a model with the tree of LLaMA"):
        capture_torch(Branches(), torch.ones(2, 6), preset)
