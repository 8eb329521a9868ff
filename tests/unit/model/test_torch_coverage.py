"""Every weight of a torch module is in a layer of the trace, or it is named."""

from __future__ import annotations

import pytest

from simulator.errors import ModelError
from simulator.model.torch_capture import capture_torch
from simulator.trace.encoding import Encoding

torch = pytest.importorskip("torch", reason="needs the extra torch")
nn = torch.nn
functional = torch.nn.functional
T15 = Encoding("ternary", 15)


class Then(nn.Module):
    """``part`` and then a captured layer of 8 to 4."""

    def __init__(self, part: nn.Module, use=None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.part, self.use, self.fc = part, use, nn.Linear(8, 4)

    def forward(self, x):
        found = self.part(x) if self.use is None else self.use(self.part, x)
        return self.fc(found)


class Weight(nn.Module):
    """A bare parameter [8, 16]."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(*(shape or (8, 16))))


def folded(part, x):
    return part(x[:, None]).flatten(1)[:, :8]


# What holds weights outside any linear layer -> its names, and its elements of all.
MISSING = {
    "convolution": (Then(nn.Conv1d(1, 3, 3), folded), ["part.weight"], 9),
    "lstm": (Then(nn.LSTM(16, 8), lambda m, x: m(x)[0]), ["part.weight_ih_l0", "part.weight_hh_l0"], 32 * 24),
    "gru": (Then(nn.GRU(16, 8), lambda m, x: m(x)[0]), ["part.weight_ih_l0", "part.weight_hh_l0"], 24 * 24),
    "lstm cell": (Then(nn.LSTMCell(16, 8), lambda m, x: m(x)[0]), ["part.weight_hh"], None),
    "bilinear": (Then(nn.Bilinear(16, 16, 8), lambda m, x: m(x, x)), ["part.weight"], 2048),
    "matmul": (Then(Weight(), lambda m, x: x @ m.w.T), ["part.w"], 128),
    "einsum": (Then(Weight(), lambda m, x: torch.einsum("ti,oi->to", x, m.w)), ["part.w"], 128),
    "cast": (Then(Weight(), lambda m, x: x @ m.w.T.clone().double().float()), ["part.w"], 128),
    "masked": (Then(Weight(), lambda m, x: x @ (m.w * (m.w > 0)).T), ["part.w"], 128),
    "vector": (Then(Weight(16), lambda m, x: (x @ m.w)[:, None].expand(-1, 8)), ["part.w"], 16),
    "element by element": (Then(Weight(5, 8), lambda m, x: x[:, :8] * m.w), ["part.w"], 40),
}


@pytest.mark.parametrize("case", MISSING)
def test_a_weight_outside_the_linear_layers_is_named_and_refused(case) -> None:
    model, names, n = MISSING[case]
    x = torch.randn(5, 16)
    with pytest.raises(ModelError) as refused:
        capture_torch(model, x, T15)
    assert all(name in str(refused.value) for name in names)
    assert "allow_partial" in str(refused.value)
    trace = capture_torch(model, x, T15, allow_partial=True)
    assert [layer.layer_id for layer in trace.layers][-1] == "fc"
    (line,) = (line for line in trace.origin["warnings"] if "in no captured layer" in line)
    if n is not None:
        assert line.startswith(f"{100 * n / (n + 32):.3g} % of the weights")


def test_a_product_of_a_frozen_buffer_is_named() -> None:
    part = nn.Module()
    part.register_buffer("projection", torch.randn(16, 8))
    with pytest.raises(ModelError, match=r"80 % of the weights are in no captured layer: part\.projection"):
        capture_torch(Then(part, lambda m, x: x @ m.projection), torch.randn(5, 16), T15)


def test_a_bare_parameter_in_f_linear_is_a_layer() -> None:
    model = Then(Weight(), lambda m, x: functional.linear(x, m.w))
    trace = capture_torch(model, torch.randn(5, 16), T15)
    assert [(layer.layer_id, layer.n_in, layer.n_out) for layer in trace.layers] == [("part.w", 16, 8), ("fc", 8, 4)]


def test_rows_of_one_parameter_are_layers_of_their_own() -> None:
    """As functional attention takes q, k and v from one packed weight."""
    model = Then(Weight(24, 16), lambda m, x: sum(functional.linear(x, rows) for rows in m.w.chunk(3)))
    trace = capture_torch(model, torch.randn(5, 16), T15)
    found = {layer.layer_id: (layer.n_out, layer.stream) for layer in trace.layers}
    assert found == {
        "part.w.0": (8, "part.w.0.in"),
        "part.w.8": (8, "part.w.0.in"),
        "part.w.16": (8, "part.w.0.in"),
        "fc": (4, "fc.in"),
    }


class Tables(nn.Module):
    """Embeddings, positions, a class token, gains, norms and biases: no weights of a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.norm, self.fc = nn.Embedding(10, 8), nn.LayerNorm(8), nn.Linear(8, 4)
        self.positions, self.token = nn.Parameter(torch.randn(1, 5, 8)), nn.Parameter(torch.randn(1, 1, 8))
        self.gain, self.bias = nn.Parameter(torch.ones(1, 1, 8)), nn.Parameter(torch.ones(8))
        self.register_buffer("cosines", torch.randn(6, 8))

    def forward(self, ids):
        x = self.table(ids) * self.gain + self.positions + self.bias
        return self.fc(self.norm(torch.cat([self.token, x], 1)) * self.cosines)


def test_tables_norms_and_biases_are_no_weights() -> None:
    trace = capture_torch(Tables(), torch.arange(5)[None], T15)
    assert [layer.layer_id for layer in trace.layers] == ["fc"]
    assert len(trace.origin["warnings"]) == 1  # that the program is not known


def test_a_layer_that_is_never_called_is_named() -> None:
    model = Then(nn.Linear(16, 8))
    model.unused = nn.Linear(4, 10)
    trace = capture_torch(model, torch.randn(5, 16), T15)
    (line,) = (line for line in trace.origin["warnings"] if "never called" in line)
    assert "unused.weight" in line
    assert "20 %" in line  # 40 of 128 + 32 + 40


class Lora(nn.Module):
    """A wrapper as of peft."""

    def __init__(self) -> None:
        super().__init__()
        self.base_layer = nn.Linear(16, 8)
        self.lora_A = nn.ModuleDict({"default": nn.Linear(16, 2, bias=False)})
        self.lora_B = nn.ModuleDict({"default": nn.Linear(2, 8, bias=False)})
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.base_layer(x) + 2 * self.lora_B["default"](self.lora_A["default"](self.drop(x)))


class Masked(nn.Linear):
    def __init__(self) -> None:
        super().__init__(16, 8)
        self.register_buffer("mask", torch.arange(128).reshape(8, 16) % 2)

    def forward(self, x):
        return functional.linear(x, self.weight * self.mask, self.bias)


class LoraParameters(nn.Linear):
    """As of loralib: the low ranks are parameters of the layer itself."""

    def __init__(self) -> None:
        super().__init__(16, 8)
        self.lora_A, self.lora_B = nn.Parameter(torch.randn(2, 16)), nn.Parameter(torch.randn(8, 2))

    def forward(self, x):
        return super().forward(x) + x @ self.lora_A.T @ self.lora_B.T


def test_the_ranks_of_lora_are_layers_that_share_the_input() -> None:
    trace = capture_torch(Then(Lora()), torch.randn(5, 16), T15)
    found = {layer.layer_id: (layer.stream, layer.n_in, layer.n_out) for layer in trace.layers}
    assert found == {
        "part.base_layer": ("part.base_layer.in", 16, 8),
        "part.lora_A.default": ("part.base_layer.in", 16, 2),
        "part.lora_B.default": ("part.lora_B.default.in", 2, 8),
        "fc": ("fc.in", 8, 4),
    }
    with pytest.raises(ModelError, match=r"part\.lora_A, part\.lora_B"):
        capture_torch(Then(LoraParameters()), torch.randn(5, 16), T15)


def test_a_masked_or_normalised_weight_is_captured_as_it_is_used() -> None:
    import numpy as np

    from simulator.model.encoder import encode

    x = torch.randn(5, 16)
    masked = Then(Masked())
    plain = Then(nn.Linear(16, 8))
    with torch.no_grad():
        plain.part.weight.copy_(masked.part.weight * masked.part.mask)
        plain.part.bias.copy_(masked.part.bias)
        plain.fc.load_state_dict(masked.fc.state_dict())
    found, expected = capture_torch(masked, x, T15), capture_torch(plain, x, T15)
    np.testing.assert_array_equal(found.spike_counts("fc.in"), expected.spike_counts("fc.in"))
    normed = Then(nn.utils.parametrizations.weight_norm(nn.Linear(16, 8)))
    trace = capture_torch(normed, x, T15)
    assert [layer.layer_id for layer in trace.layers] == ["part", "fc"]
    np.testing.assert_array_equal(trace.spike_counts("part.in"), encode(x.numpy(), T15).counts)


def test_wrappers_and_tied_weights() -> None:
    x = torch.randn(5, 16)
    model = Then(nn.Linear(16, 8))
    for wrapped in (nn.DataParallel(model), torch.compile(model, backend="eager")):
        assert [layer.layer_id for layer in capture_torch(wrapped, x, T15).layers] == ["part", "fc"]
    tied = nn.Sequential(nn.Embedding(10, 8), nn.Linear(8, 8), nn.Linear(8, 10, bias=False))
    tied[2].weight = tied[0].weight
    assert [layer.layer_id for layer in capture_torch(tied, torch.arange(3)[None], T15).layers] == ["1", "2"]


def test_low_precision_is_captured_as_its_values() -> None:
    model, x = Then(nn.Linear(16, 8)).bfloat16(), torch.randn(5, 16)
    trace = capture_torch(model, x.bfloat16(), T15)
    assert len(trace.layers) == 2
    with torch.autocast("cpu", torch.bfloat16):
        assert len(capture_torch(Then(nn.Linear(16, 8)), x, T15).layers) == 2


class Empty(nn.Module):
    """A layer for none of the tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(16, 2)

    def forward(self, x):
        return self.fc(x[:0])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Linear(3, 3, device="meta"), "weight: on device meta, which holds no values"),
        (nn.Linear(16, 3, dtype=torch.complex64), "linear: torch.complex64 weights, expected real numbers"),
        (nn.Linear(3, 3), "Linear fails on these inputs: RuntimeError: "),
        (nn.Sequential(nn.Flatten(), Empty()), "1.fc: called without a token, expected at least one"),
        (nn.Sequential(), "Sequential calls no linear layer, expected at least one"),
        (nn.MultiheadAttention(16, 2), "MultiheadAttention fails on these inputs: TypeError: "),
    ],
)
def test_what_cannot_be_read_is_one_line(model, message) -> None:
    values = torch.randn(5, 16)
    with pytest.raises(ModelError, match=message) as refused:
        capture_torch(model, values.to(torch.complex64) if "complex" in message else values, T15)
    assert "\n" not in str(refused.value)


def test_ids_that_a_trace_has_for_itself_are_changed() -> None:
    named = nn.Sequential()
    named.add_module("outputs", nn.Linear(16, 8))
    named.add_module("a b", nn.Linear(8, 8))
    named.add_module("a_b", nn.Linear(8, 4))
    trace = capture_torch(named, torch.randn(5, 16), T15)
    assert [layer.layer_id for layer in trace.layers] == ["outputs_", "a_b", "a_b_"]
