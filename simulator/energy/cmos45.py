"""The 45 nm op count: energy as papers on spiking language models report it, from the same Trace."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from simulator.choices import Precision
from simulator.config.works import works
from simulator.trace.totals import LayerWork, layer_work
from simulator.trace.trace import Trace

HOROWITZ = f"{works()['horowitz2014'].citation} (45 nm, 0.9 V); MAC = mult + add"
SCOPE = (
    "Linear layers only, arithmetic only: no weight fetch, routing, neuron update, softmax, norm, attention products,"
    " KV cache, head or static power."
)
PAPER_PRECISION: Precision = "fp32"  # what most papers print, whatever the width of their weights


class OpEnergy(NamedTuple):
    """Energy of one multiply-accumulate and of one accumulate, in pJ."""

    mac_pj: float
    ac_pj: float


# Horowitz, ISSCC 2014: FP32 mult 3.7 + add 0.9; FP16 mult 1.1 + add 0.4; INT8 mult 0.2 + add 0.03.
PRESETS: dict[Precision, OpEnergy] = {
    "fp32": OpEnergy(mac_pj=4.6, ac_pj=0.9),
    "fp16": OpEnergy(mac_pj=1.5, ac_pj=0.4),
    "int8": OpEnergy(mac_pj=0.23, ac_pj=0.03),
}


@dataclass(frozen=True)
class Cmos45:
    """Energy of a trace by the papers' formula; compute of the linear layers and nothing else (see ``scope``).

    Attributes
    ----------
    precision
        Preset of `PRESETS`.
    ac_pj
        Spiking: sum over layers of spikes x fan-out x E_AC.
    dense_mac_pj
        Dense twin: sum over layers of tokens x n_in x n_out x E_MAC.
    synops, macs
        Accumulates of the first, multiply-accumulates of the second.
    by_layer
        One row per layer: ``layer, kind, spikes, synops, macs, ac_pj, dense_mac_pj``.
    scope
        What the formula leaves out, for the report.
    source
        Citation of the two constants.
    """

    precision: Precision
    ac_pj: float
    dense_mac_pj: float
    synops: int
    macs: int
    by_layer: pd.DataFrame
    scope: str = SCOPE
    source: str = HOROWITZ


def cmos45(trace: Trace, precision: Precision = "fp32") -> Cmos45:
    """Price the linear layers of ``trace`` as the papers do: ``E = spikes x fan-out x E_AC``, in pJ.

    Only the synaptic operations of spike-driven layers are in the formula of the papers (Zhou et al. 2022; Yao et al.
    2023; SDLLM, SpikingBrain and others after them). Work that is not spike-driven (norm, softmax, QK^T, PV, rotation,
    SiLU, residual, KV cache, head) and everything around an operation (weight fetch, routing, neuron update, leakage)
    is not, for the spiking and the dense number alike.
    """
    return _priced(_op_counts(trace), precision, trace.encoding.multiplies)


def cmos45_all(trace: Trace) -> dict[str, Cmos45]:
    """`cmos45` at every precision of `PRESETS`; the spikes are counted once."""
    counts = _op_counts(trace)
    return {precision: _priced(counts, precision, trace.encoding.multiplies) for precision in PRESETS}


def scaled_mac(bits: int) -> float:
    """MAC energy in pJ scaled linearly in the width from FP32, ``4.6 x bits / 32``: the rule SDLLM's numbers fit."""
    return PRESETS["fp32"].mac_pj * bits / 32


def scaled_ac(bits: int) -> float:
    """AC energy in pJ scaled linearly in the width from FP32, ``0.9 x bits / 32``."""
    return PRESETS["fp32"].ac_pj * bits / 32


def _op_counts(trace: Trace) -> pd.DataFrame:
    """Spikes, synops and dense MACs of each layer, int64, in the order of the trace."""
    work = layer_work(trace)
    rows = [(x.layer_id, x.kind, *work[x.layer_id]) for x in trace.layers]
    frame = pd.DataFrame(rows, columns=["layer", "kind", *LayerWork._fields])
    return frame.astype(dict.fromkeys(LayerWork._fields, np.int64))


def _priced(counts: pd.DataFrame, precision: Precision, multiplies: bool) -> Cmos45:
    """Counts x the two constants of ``precision``; totals are exact sums over the layers, as in the ledger.

    A graded spike multiplies, so it is billed as a MAC.
    """
    unit = PRESETS[precision]
    synops, macs = int(counts["synops"].sum()), int(counts["macs"].sum())
    by_layer = counts.assign(
        ac_pj=counts["synops"] * (unit.mac_pj if multiplies else unit.ac_pj), dense_mac_pj=counts["macs"] * unit.mac_pj
    )
    ac_pj, dense_mac_pj = math.fsum(by_layer["ac_pj"]), math.fsum(by_layer["dense_mac_pj"])
    return Cmos45(precision, ac_pj, dense_mac_pj, synops, macs, by_layer)
