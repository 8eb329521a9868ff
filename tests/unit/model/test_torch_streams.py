"""Streams of a torch module are distinguished by what layers are fed, never by where a tensor lay in memory."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.config import load_chip
from simulator.model.encoder import encode
from simulator.model.torch_capture import capture_torch
from simulator.simulation.simulation import simulate
from simulator.trace.encoding import Encoding

torch = pytest.importorskip("torch", reason="needs the extra torch")
nn = torch.nn
T15 = Encoding("ternary", 15)


def streams(model, inputs, **choices) -> dict[str, str]:
    """Layer -> its stream."""
    return {layer.layer_id: layer.stream for layer in capture_torch(model, inputs, T15, **choices).layers}


def mlp() -> nn.Sequential:
    """Four layers of one width, each with an input of its own, none of which outlives its call."""
    torch.manual_seed(0)
    parts = [module for _ in range(4) for module in (nn.Linear(16, 16), nn.ReLU())]
    return nn.Sequential(*parts[:-1])


def test_a_plain_mlp_of_equal_widths_has_a_stream_per_layer() -> None:
    model = mlp()
    x = torch.randn(5, 16)
    freed = capture_torch(model, x, "int8")
    alive: list[object] = []
    for module in model:
        module.register_forward_pre_hook(lambda _, args: alive.append(args))
    held = capture_torch(model, x, "int8")
    assert [layer.stream for layer in freed.layers] == ["0.in", "2.in", "4.in", "6.in"]
    for stream in freed.streams:
        np.testing.assert_array_equal(freed.spike_counts(stream.stream_id), held.spike_counts(stream.stream_id))
    chip = load_chip("sdllm-asic-45nm")
    energies = [
        simulate(chip, trace).ledger.by_component().drop("static", errors="ignore").sum() for trace in (freed, held)
    ]
    assert energies[0] == energies[1]


class OneInput(nn.Module):
    """q, k and v of one input, which k gets as a copy; a layer after them gets it once more."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.q, self.k, self.v, self.o, self.late = (nn.Linear(6, 6) for _ in range(5))

    def forward(self, x):
        mixed = self.o(self.q(x) * self.k(x.clone()) + self.v(x.view_as(x)))
        return self.late(x) + mixed


def test_one_vector_that_feeds_several_layers_is_one_stream() -> None:
    found = streams(OneInput(), torch.randn(3, 6))
    assert found == {"q": "q.in", "k": "q.in", "v": "q.in", "late": "q.in", "o": "o.in"}


class InPlace(nn.Module):
    """The tensor that fed ``a`` is changed in place before it feeds ``b``, and again before ``c``."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.a, self.b, self.c = (nn.Linear(4, 4) for _ in range(3))

    def forward(self, x):
        x = x.clone()
        out = self.a(x)
        x += 1
        out = out + self.b(x)
        return out + self.c(torch.relu_(x.neg_()))


def test_a_tensor_that_changed_in_place_is_another_stream() -> None:
    x = torch.tensor([[0.5, -1.25, 2.0, 3.0], [1.0, 0.0, -2.5, 0.25]])
    trace = capture_torch(InPlace(), x, T15)
    assert [layer.stream for layer in trace.layers] == ["a.in", "b.in", "c.in"]
    for stream_id, values in (("a.in", x), ("b.in", x + 1), ("c.in", torch.relu(-(x + 1)))):
        np.testing.assert_array_equal(trace.spike_counts(stream_id), encode(values.numpy(), T15).counts)


def test_relu_in_place_between_layers() -> None:
    torch.manual_seed(3)
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    x = torch.randn(3, 4)
    there = capture_torch(nn.Sequential(first, nn.ReLU(inplace=True), second), x, T15)
    apart = capture_torch(nn.Sequential(first, nn.ReLU(), second), x, T15)
    assert len(there.streams) == 2
    np.testing.assert_array_equal(there.spike_counts("2.in"), apart.spike_counts("2.in"))


def test_silent_layers_one_behind_another_are_streams_of_their_own() -> None:
    zeros = nn.Sequential(nn.Linear(4, 4, bias=False), nn.ReLU(), nn.Linear(4, 4, bias=False))
    assert streams(zeros, torch.zeros(2, 4)) == {"0": "0.in", "2": "2.in"}
    one = OneInput()
    assert streams(one, torch.zeros(2, 6))["v"] == "q.in"  # the same zeros, unchanged
