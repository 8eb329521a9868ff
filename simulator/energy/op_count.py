"""The op count of the papers with its choices open: widths, attention, head, batch. `cmos45` is its usual form."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from simulator.energy.cmos45 import PRESETS, OpEnergy, Precision, scaled_ac, scaled_mac
from simulator.trace.totals import stream_spikes
from simulator.trace.trace import Op, Trace

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
    """``E_AC x synops + E_MAC x other MACs`` beside ``E_MAC x all MACs`` for the layers of ``trace``."""
    synops = options.batch * sum(stream_spikes(trace, layer.stream) * layer.n_out for layer in trace.layers)
    macs = options.batch * sum(trace.n_tokens * layer.n_in * layer.n_out for layer in trace.layers)
    other = options.batch * sum(_macs(trace, op, options) for op in trace.ops)
    unit = options.unit
    spiking = math.fsum((synops * unit.ac_pj, other * unit.mac_pj))
    return OpCount(synops, macs, other, spiking, (macs + other) * unit.mac_pj)


def _macs(trace: Trace, op: Op, options: Options) -> int:
    """Multiply-accumulates of an op that the options let count, over the tokens of the trace.

    Products that spikes drive (`Op.per_spike`) count as the dense products that they stand for.
    """
    if op.kind in HEAD_KINDS and options.head:
        positions = trace.contexts
    elif op.kind in ATTENTION_KINDS and options.attention != "none":
        full = options.attention == "full"
        positions = trace.contexts * 0 + trace.n_tokens if full else trace.contexts
    else:
        return 0
    fixed, per_position = op.work_per_token.get("vector.mac", (0, 0))
    if op.stream is not None:
        stream = trace.stream_by_id[op.stream]
        first, more = (stream.n, 0) if stream.live is None else stream.live
        live = first + more * positions
        a, b = op.dense().per_spike.get("vector.mac", (0, 0))
        driven = int(((a + b * positions) * live).sum())
    else:
        driven = 0
    return int((fixed + per_position * positions).sum()) + driven
