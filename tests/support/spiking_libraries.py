"""Stand-ins of snnTorch, Norse and SpikingJelly: what the examples use of them, with the same dynamics."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType

import torch
from torch import nn


class Leaky(nn.Module):
    """``snntorch.Leaky``: membrane handed in and out, reset by subtraction in the step after a spike."""

    def __init__(self, beta: float, threshold: float = 1.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def init_leaky(self):
        return torch.zeros(0)

    def forward(self, current, membrane):
        membrane = torch.zeros_like(current) if not membrane.numel() else membrane
        reset = (membrane > self.threshold).float() * self.threshold
        membrane = self.beta * membrane + current - reset
        return (membrane > self.threshold).float(), membrane


class LIFCell(nn.Module):
    """``norse.torch.LIFCell``: membrane and synaptic current in a state."""

    def forward(self, current, state=None):
        v, i = (torch.zeros_like(current), torch.zeros_like(current)) if state is None else state
        i = i + current
        v = v + 0.1 * (i - v)
        spike = (v > 1).float()
        return spike, (v * (1 - spike), 0.8 * i)


class SequentialState(nn.Sequential):
    """``norse.torch.SequentialState``: modules with and without a state."""

    def forward(self, x, state=None):
        states = [None] * len(self) if state is None else state
        for i, module in enumerate(self):
            if isinstance(module, LIFCell):
                x, states[i] = module(x, states[i])
            else:
                x = module(x)
        return x, states


class LIFNode(nn.Module):
    """``spikingjelly.activation_based.neuron.LIFNode``: the membrane stays in the module until it is reset."""

    def __init__(self) -> None:
        super().__init__()
        self.step_mode, self.v = "s", 0.0

    def forward(self, x):
        return torch.stack([self.step(current) for current in x]) if self.step_mode == "m" else self.step(x)

    def step(self, current):
        v = self.v + (current - self.v) / 2
        spike = (v >= 1).float()
        self.v = v * (1 - spike)
        return spike


def set_step_mode(net: nn.Module, mode: str) -> None:
    for module in net.modules():
        if isinstance(module, LIFNode):
            module.step_mode = mode


def reset_net(net: nn.Module) -> None:
    for module in net.modules():
        if isinstance(module, LIFNode):
            module.v = 0.0


STAND_INS = {
    "snntorch": {"snntorch": {"Leaky": Leaky}},
    "norse": {"norse": {}, "norse.torch": {"LIFCell": LIFCell, "SequentialState": SequentialState}},
    "spikingjelly": {
        "spikingjelly": {},
        "spikingjelly.activation_based": {},
        "spikingjelly.activation_based.layer": {"Linear": nn.Linear},
        "spikingjelly.activation_based.neuron": {"LIFNode": LIFNode},
        "spikingjelly.activation_based.functional": {"set_step_mode": set_step_mode, "reset_net": reset_net},
    },
}


def put_in_place(monkeypatch) -> None:
    """Let the libraries that are not installed be imported all the same, for the time of a test."""
    for library, modules in STAND_INS.items():
        if find_spec(library) is not None:
            continue
        made = {name: ModuleType(name) for name in modules}
        for name, module in made.items():
            vars(module).update(modules[name])
            parent, _, last = name.rpartition(".")
            if parent:
                setattr(made[parent], last, module)
            monkeypatch.setitem(sys.modules, name, module)
