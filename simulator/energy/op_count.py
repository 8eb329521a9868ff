"""The op count of the papers with its choices open: widths, attention, head, batch. `cmos45` is its usual form."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

from simulator.choices import Precision
from simulator.energy.cmos45 import PRESETS, OpEnergy, scaled_ac, scaled_mac
from simulator.trace.totals import layer_work, op_macs
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Op

Attention = Literal["none", "causal", "full"]
ATTENTION_KINDS, HEAD_KINDS = ("qk", "pv"), ("head",)


class Options(NamedTuple):
    """What is counted, and at what price.

    Attributes
    ----------
    precision
        Preset of Horowitz; ignored where ``bits`` is given.
    bits
        Width for linear scaling from FP32: ``4.6 b / 32`` and ``0.9 b / 32``.
    attention
        QK^T and PV left out (``none``), for the positions each token sees (``causal``), or for all pairs (``full``).
    head
        Whether the LM head counts.
    batch
        Copies of the trace.
    """

    precision: Precision = "fp32"
    bits: int | None = None
    attention: Attention = "none"
    head: bool = False
    batch: int = 1

    @property
    def unit(self) -> OpEnergy:
        """Energy of one multiply-accumulate and of one accumulate."""
        return PRESETS[self.precision] if self.bits is None else OpEnergy(scaled_mac(self.bits), scaled_ac(self.bits))


class OpCount(NamedTuple):
    """Operations and their energy in pJ; what no spike drives (attention products, head) is dense in both numbers."""

    synops: int
    layer_macs: int
    other_macs: int
    spiking_pj: float
    dense_pj: float


def op_count(trace: Trace, options: Options = Options()) -> OpCount:  # noqa: B008 - a frozen tuple
    """``E_AC x synops + E_MAC x other MACs`` and ``E_MAC x all MACs`` for the layers of ``trace``."""
    work = layer_work(trace).values()
    synops = options.batch * sum(layer.synops for layer in work)
    macs = options.batch * sum(layer.macs for layer in work)
    other = options.batch * sum(_macs(trace, op, options) for op in trace.ops)
    unit = options.unit
    spiking = math.fsum((synops * unit.ac_pj, other * unit.mac_pj))
    return OpCount(synops, macs, other, spiking, (macs + other) * unit.mac_pj)


def _macs(trace: Trace, op: Op, options: Options) -> int:
    """Multiply-accumulates of an op that the options let count, over the tokens of the trace."""
    if op.kind in HEAD_KINDS and options.head:
        return op_macs(trace, op, trace.contexts)
    if op.kind in ATTENTION_KINDS and options.attention != "none":
        full = options.attention == "full"
        return op_macs(trace, op, np.full_like(trace.contexts, trace.n_tokens) if full else trace.contexts)
    return 0
