"""The memory-inclusive model of Lemaire et al. 2022: accesses to potentials, weights and buffers, and arithmetic.

E. Lemaire, L. Cordone, A. Castagnetti, P.-E. Novac, J. Courtois and B. Miramond, An Analytical Estimation of Spiking
Neural Networks Energy Efficiency, ICONIP 2022; fully connected layers, equation numbers as in the paper.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import pandas as pd

from simulator.trace.totals import layer_work
from simulator.trace.trace import Trace

Memory = Literal["fitted", "packed"]
Widths = Literal["saturation", "linear", "quadratic"]
SOURCE = "E. Lemaire et al., An Analytical Estimation of Spiking Neural Networks Energy Efficiency, ICONIP 2022"

ADD_PJ = {8: 0.03, 16: 0.05, 32: 0.1}  # Horowitz, ISSCC 2014
MULTIPLY_PJ = {8: 0.2, 32: 3.1}


class Layer(NamedTuple):
    """A fully connected layer and its traffic in one inference.

    ``spikes_in`` and ``spikes_out`` count over all timesteps; ``bias`` adds one per neuron and timestep, ``leaky`` one
    multiplication.
    """

    n_in: int
    n_out: int
    spikes_in: int
    spikes_out: int
    timesteps: int
    bits: int = 8
    bias: bool = False
    leaky: bool = False


class Energy(NamedTuple):
    """Energy of a layer in pJ, part by part."""

    potentials_pj: float
    weights_pj: float
    bias_pj: float
    buffers_pj: float
    operations_pj: float
    addresses_pj: float

    @property
    def total_pj(self) -> float:
        """All parts."""
        return sum(self)


def spiking_energy(layer: Layer, memory: Memory = "packed", widths: Widths = "saturation") -> Energy:
    """Energy of a spiking layer.

    Reads of weights ``spikes_in x n_out`` (8f), of biases ``n_out x T``, of inputs ``spikes_in`` (5), writes of outputs
    ``spikes_out`` (13); potentials are read and written ``spikes_in x n_out + n_out x T`` times each (15). Operations:
    ``spikes_in x n_out + T x n_out + spikes_out`` accumulates (2.4) and, if leaky, ``T x n_out`` multiply-accumulates
    (2.3); addresses: ``spikes_in x n_out`` additions (17.2).
    """
    n_in, n_out, spikes_in, spikes_out, timesteps, bits, bias, leaky = layer
    add, mac = add_pj(bits, widths), add_pj(bits, widths) + multiply_pj(bits, widths)
    events, steps = spikes_in * n_out, timesteps * n_out
    return Energy(
        potentials_pj=2 * (events + steps) * access_pj(n_out, bits, memory),
        weights_pj=events * access_pj(n_in * n_out, bits, memory),
        bias_pj=bias * steps * access_pj(n_out, bits, memory),
        buffers_pj=spikes_in * access_pj(n_in, bits, memory) + spikes_out * access_pj(n_out, bits, memory),
        operations_pj=(events + steps + spikes_out) * add + leaky * steps * mac,
        addresses_pj=events * add_pj(32, widths),
    )


def dense_energy(layer: Layer, memory: Memory = "packed", widths: Widths = "saturation") -> Energy:
    """Energy of the same layer as an artificial one: each weight read once, each input and output moved once."""
    n_in, n_out, bits = layer.n_in, layer.n_out, layer.bits
    return Energy(
        potentials_pj=0.0,
        weights_pj=n_in * n_out * access_pj(n_in * n_out, bits, memory),
        bias_pj=layer.bias * n_out * access_pj(n_out, bits, memory),
        buffers_pj=n_in * access_pj(n_in, bits, memory) + n_out * access_pj(n_out, bits, memory),
        operations_pj=n_in * n_out * (add_pj(bits, widths) + multiply_pj(bits, widths)),
        addresses_pj=0.0,
    )


def access_pj(elements: int, bits: int, memory: Memory) -> float:
    """Energy of one access to a memory of so many elements.

    ``fitted``: ``1.09e-5 x elements x bits + 13.2``, the line its authors drew through Horowitz's 8 KB, 32 KB and 1 MB.
    ``packed``: 10 pJ per 64-bit word of an 8 KB bank, elements packed into words.
    """
    if elements == 0:
        return 0.0
    return 1.09e-5 * elements * bits + 13.2 if memory == "fitted" else 10.0 * bits / 64


def add_pj(bits: int, widths: Widths) -> float:
    """Energy of an integer addition of any width, from Horowitz's 8 and 32 bits (and 16, where widths saturate)."""
    return _at_width(ADD_PJ, bits, widths)


def multiply_pj(bits: int, widths: Widths) -> float:
    """Energy of an integer multiplication of any width, from Horowitz's 8 and 32 bits."""
    return _at_width(MULTIPLY_PJ, bits, widths)


def _at_width(table: dict[int, float], bits: int, widths: Widths) -> float:
    """``saturation``: the next width of the table; ``linear``: through 8 and 32; ``quadratic``: through 0, 8, 32."""
    if widths == "saturation":
        return table[next((width for width in sorted(table) if width >= bits), max(table))]
    at_8, at_32 = table[8], table[32]
    if widths == "linear":
        return at_8 + (at_32 - at_8) * (bits - 8) / 24
    square = (at_32 / 32 - at_8 / 8) / 24
    return square * bits * bits + (at_8 / 8 - square * 8) * bits


def memory_inclusive(trace: Trace, memory: Memory = "packed") -> pd.DataFrame:
    """The model on every linear layer of a trace, summed over tokens, in pJ.

    Columns: ``layer, spiking_pj, dense_pj`` and the spiking parts. A token is an inference; an output is written once
    per token, for what a layer of a language model sends on is a value, not a spike. Potentials have the width of the
    weights, as in the model.
    """
    rows, work = [], layer_work(trace)
    for layer in trace.layers:
        spikes = work[layer.layer_id].spikes
        tokens, steps = trace.n_tokens, trace.n_tokens * trace.encoding.n_timesteps
        found = Layer(layer.n_in, layer.n_out, spikes, tokens * layer.n_out, steps, layer.weight_bits)
        spiking, dense = spiking_energy(found, memory), dense_energy(found, memory)
        rows.append((layer.layer_id, spiking.total_pj, tokens * dense.total_pj, *spiking))
    return pd.DataFrame(rows, columns=["layer", "spiking_pj", "dense_pj", *Energy._fields])
