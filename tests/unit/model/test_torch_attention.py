"""``nn.MultiheadAttention`` holds its projections as parameters; they are layers all the same."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.errors import ModelError
from simulator.model.encoder import encode
from simulator.model.torch_capture import capture_torch
from simulator.model.weights import quantize_weights
from simulator.trace.encoding import Encoding

torch = pytest.importorskip("torch", reason="needs the extra torch")
nn = torch.nn
T15 = Encoding("ternary", 15)


class SelfAttention(nn.Module):
    def __init__(self, need_weights: bool = True, **fields) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.attention = nn.MultiheadAttention(8, 2, **{"batch_first": True, **fields})
        self.need_weights = need_weights

    def forward(self, x):
        return self.attention(x, x, x, need_weights=self.need_weights)[0]


def layers(trace) -> dict[str, tuple[str, str, int, int]]:
    return {layer.layer_id: (layer.kind, layer.stream, layer.n_in, layer.n_out) for layer in trace.layers}


PROJECTIONS = {
    "attention.q": ("q", "attention.q.in", 8, 8),
    "attention.k": ("k", "attention.q.in", 8, 8),
    "attention.v": ("v", "attention.q.in", 8, 8),
    "attention.out_proj": ("o", "attention.out_proj.in", 8, 8),
}


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_self_attention_is_q_k_v_of_one_stream_and_its_output(need_weights, bias) -> None:
    x = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(1))
    model = SelfAttention(need_weights, bias=bias)
    trace = capture_torch(model, x, T15)
    assert layers(trace) == PROJECTIONS
    assert trace.positions.tolist() == [*range(5), *range(5)]
    np.testing.assert_array_equal(trace.spike_counts("attention.q.in"), encode(x.reshape(-1, 8).numpy(), T15).counts)


def test_the_output_projection_is_fed_what_spiking_q_k_v_give() -> None:
    """By hand: rounded weights on decoded counts, two heads of four, softmax of q k / 2."""
    x = torch.randn(1, 3, 8, generator=torch.Generator().manual_seed(2))
    model = SelfAttention()
    nn.init.normal_(model.attention.in_proj_bias)
    trace = capture_torch(model, x, T15)
    spikes = encode(x[0].numpy(), T15)
    decoded = spikes.counts * spikes.v_threshold[:, None]
    weights = quantize_weights(model.attention.in_proj_weight.detach().numpy())
    packed = decoded @ (weights.rows * weights.scale) + model.attention.in_proj_bias.detach().numpy()
    q, k, v = (part.reshape(3, 2, 4).transpose(1, 0, 2) for part in np.split(packed, 3, axis=1))
    scores = np.exp(q @ k.transpose(0, 2, 1) / 2)
    mixed = (scores / scores.sum(-1, keepdims=True)) @ v
    expected = encode(mixed.transpose(1, 0, 2).reshape(3, 8).astype(np.float32), T15).counts
    assert np.abs(trace.spike_counts("attention.out_proj.in") - expected).max() <= 1
    assert (trace.spike_counts("attention.out_proj.in") == expected).mean() > 0.9


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("norm_first", [True, False])
def test_an_encoder_layer_holds_all_of_its_weights(batch_first, norm_first) -> None:
    torch.manual_seed(3)
    layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=batch_first, norm_first=norm_first)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    x = torch.randn(3, 5, 8)
    trace = capture_torch(model, x, T15)
    assert sum(i.n_in * i.n_out for i in trace.layers) == sum(p.numel() for p in model.parameters() if p.dim() == 2)
    assert len(trace.streams) == 8  # q/k/v, out_proj, linear1, linear2 of each
    assert trace.positions.tolist() == ([*range(5)] * 3 if batch_first else [*range(3)] * 5)
    assert torch.backends.mha.get_fastpath_enabled()


def test_both_layouts_of_a_batch_give_the_same_rows() -> None:
    x = torch.randn(3, 5, 8)
    first, last = (
        nn.TransformerEncoderLayer(8, 2, 12, batch_first=True),
        nn.TransformerEncoderLayer(8, 2, 12, batch_first=False),
    )
    last.load_state_dict(first.state_dict())
    found = capture_torch(last, x.transpose(0, 1), T15)
    expected = capture_torch(first, x, T15)
    assert found.positions.tolist() == expected.positions.tolist()
    for stream in expected.streams:
        np.testing.assert_array_equal(found.spike_counts(stream.stream_id), expected.spike_counts(stream.stream_id))


class Cross(nn.Module):
    """Queries of 8 values; keys of 6 and values of 4, or both of 8."""

    def __init__(self, **fields) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True, **fields)

    def forward(self, q, k, v):
        return self.attention(q, k, v)[0]


def test_keys_and_values_of_their_own_widths() -> None:
    q, k, v = torch.randn(1, 3, 8), torch.randn(1, 3, 6), torch.randn(1, 3, 4)
    trace = capture_torch(Cross(kdim=6, vdim=4), (q, k, v), T15)
    assert layers(trace) == {
        "attention.q": ("q", "attention.q.in", 8, 8),
        "attention.k": ("k", "attention.k.in", 6, 8),
        "attention.v": ("v", "attention.v.in", 4, 8),
        "attention.out_proj": PROJECTIONS["attention.out_proj"],
    }
    np.testing.assert_array_equal(trace.spike_counts("attention.v.in"), encode(v[0].numpy(), T15).counts)


def test_keys_and_values_of_one_memory_share_its_stream() -> None:
    q, memory = torch.randn(1, 3, 8), torch.randn(1, 3, 8)
    trace = capture_torch(Cross(), (q, memory, memory), T15)
    assert [layer.stream.split(".")[1] for layer in trace.layers] == ["q", "k", "k", "out_proj"]


def test_a_memory_of_other_length_is_refused() -> None:
    with pytest.raises(ModelError, match=r"attention\.k: 5 tokens, expected 3 as the first linear layer has"):
        capture_torch(Cross(), (torch.randn(1, 3, 8), torch.randn(1, 5, 8), torch.randn(1, 5, 8)), T15)


def test_learned_keys_are_refused_by_name() -> None:
    with pytest.raises(ModelError, match=r"attention\.bias_k: .*add_bias_kv=False"):
        capture_torch(SelfAttention(add_bias_kv=True), torch.randn(1, 3, 8), T15)
