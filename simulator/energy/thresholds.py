"""Published thresholds between a spiking and a dense layer, and on which side each layer of a trace stands."""

from __future__ import annotations

from typing import Literal, NamedTuple

import pandas as pd

from simulator.trace.totals import layer_work
from simulator.trace.trace import Trace

Measure = Literal["spikes_per_synapse", "spike_rate", "timesteps"]


class Threshold(NamedTuple):
    """Below ``low`` the source finds the spiking layer cheaper, above ``high`` the dense one; between, it depends.

    ``name`` is the column of a table, ``title`` the same for people; ``note`` says what it was found for.
    """

    name: str
    title: str
    measure: Measure
    low: float
    high: float
    source: str
    note: str

    @property
    def bounds(self) -> str:
        """The bounds with what they measure, in words."""
        return f"{self.words(self.low, self.high)} {self.measure.replace('_', ' ')}"

    def words(self, low: float, high: float) -> str:
        """The interval from ``low`` to ``high`` of the measure; a rate in per cent."""
        factor, unit = (100, " %") if self.measure == "spike_rate" else (1, "")
        return " to ".join(dict.fromkeys(f"{factor * end:.3g}" for end in (low, high))) + unit


THRESHOLDS = (
    Threshold(
        "davidson_furber_2021",
        "Davidson and Furber 2021",
        "spikes_per_synapse",
        1.72,
        1.72,
        "S. Davidson and S. B. Furber, Comparison of artificial and spiking neural networks on digital hardware, Front."
        " Neurosci. 15:651141, 2021 (by a secondary source)",
        "spikes per synapse and inference",
    ),
    Threshold(
        "dampfhoffer_2023",
        "Dampfhoffer et al. 2023",
        "spikes_per_synapse",
        0.15,
        1.38,
        "M. Dampfhoffer et al., Are SNNs really more energy-efficient than ANNs?, IEEE TETCI 7(3), 2023 (by a secondary"
        " source)",
        "spikes per synapse and inference, memory included; which end holds depends on the memory",
    ),
    Threshold(
        "yan_2024_crossover",
        "Yan et al. 2024, crossover",
        "spike_rate",
        0.0341,
        0.108,
        "Z. Yan et al., Reconsidering the energy efficiency of spiking neural networks, arXiv 2409.08290 v4, 2024",
        "5.7 % at T = 5, 4 bits, 4096 inputs; 3.41 to 10.8 % with movement and weight energies +-50 %",
    ),
    Threshold(
        "yan_2024_dataflow",
        "Yan et al. 2024, dataflow",
        "spike_rate",
        0.12,
        0.17,
        "Z. Yan et al., Reconsidering the energy efficiency of spiking neural networks, arXiv 2409.08290 v4, 2024",
        "above it a dense dataflow moves spikes for less than an event-driven one",
    ),
    Threshold(
        "yan_2024_timesteps",
        "Yan et al. 2024, timesteps",
        "timesteps",
        5,
        5,
        "Z. Yan et al., Reconsidering the energy efficiency of spiking neural networks, arXiv 2409.08290 v4, 2024",
        "at most five timesteps are recommended",
    ),
)


def side(value: float, threshold: Threshold) -> str:
    """``spiking``, ``dense``, or ``depends`` between the bounds (the bounds themselves are on the side of spiking)."""
    if value <= threshold.low:
        return "spiking"
    return "dense" if value > threshold.high else "depends"


def layer_activity(trace: Trace) -> pd.DataFrame:
    """One row per linear layer: ``layer, spikes_per_synapse, spike_rate, timesteps``.

    Spikes per synapse are per token, for an inference is a token; the rate is over neurons and timesteps.
    """
    timesteps = trace.encoding.n_timesteps
    rows, work = [], layer_work(trace)
    for layer in trace.layers:
        done = work[layer.layer_id]
        spikes = done.synops / done.macs
        rows.append((layer.layer_id, spikes, spikes / timesteps, timesteps))
    return pd.DataFrame(rows, columns=["layer", *("spikes_per_synapse", "spike_rate", "timesteps")])


def threshold_table(trace: Trace) -> pd.DataFrame:
    """`layer_activity` with a column per threshold of `THRESHOLDS`: the cheaper side by that source."""
    table = layer_activity(trace)
    for threshold in THRESHOLDS:
        table[threshold.name] = [side(value, threshold) for value in table[threshold.measure]]
    return table
