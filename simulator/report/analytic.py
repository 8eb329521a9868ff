"""The analytic models of the literature on the trace of a run, layer by layer, compared with what the chip spent."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Any, get_args

import pandas as pd

from simulator.choices import Precision
from simulator.energy.capacity_twin import YAN_22NM, break_even_rate, longest_window, twin_bits
from simulator.energy.lemaire import memory_inclusive
from simulator.energy.op_count import Attention, Options, op_count
from simulator.energy.thresholds import THRESHOLDS, threshold_table
from simulator.report.format import format_share
from simulator.report.run import Run
from simulator.report.tables import LEMAIRE_SCOPE
from simulator.trace.trace import Trace

LONGEST = 256  # timesteps that are tried


def analytic_table(run: Run) -> pd.DataFrame:
    """One row per linear layer, over the whole trace.

    Columns: ``layer, spikes_per_synapse, spike_rate, timesteps``; a column per published threshold with the cheaper
    side by its source (`simulator.energy.thresholds`); ``twin_bits, twin_break_even_rate, twin_longest_window``
    (most timesteps, up to `LONGEST`, at which the layer's rate costs no more than the twin), ``twin_side`` of the
    capacity-matched twin at the costs of Yan et al. 2024 (22 nm, one hop); ``lemaire_spiking_pj, lemaire_dense_pj``;
    ``chip_pj`` (rows of the layer in the ledger: what its encoder and network cost is in the row of the stage).
    """
    table = _trace_table(run.trace).copy()
    table["chip_pj"] = run.ledger.by_owner().reindex(table["layer"], fill_value=0.0).to_numpy()
    return table


@lru_cache(maxsize=2)  # the points of a sweep share a trace, and none of this knows a chip
def _trace_table(trace: Trace) -> pd.DataFrame:
    """`analytic_table` without what the chip spent."""
    table = threshold_table(trace)
    timesteps = trace.encoding.n_timesteps
    fan_out = [trace.layer_by_id[layer].n_out for layer in table["layer"]]
    table["twin_bits"] = twin_bits(timesteps)
    table["twin_break_even_rate"] = [break_even_rate(timesteps, n, YAN_22NM) for n in fan_out]
    table["twin_longest_window"] = [
        longest_window(rate, n, YAN_22NM, LONGEST) for rate, n in zip(table["spike_rate"], fan_out, strict=True)
    ]
    cheaper = table["spike_rate"] <= table["twin_break_even_rate"]
    table["twin_side"] = cheaper.map({True: "spiking", False: "dense"})
    by_memory = memory_inclusive(trace).set_index("layer").loc[table["layer"]]
    table["lemaire_spiking_pj"] = by_memory["spiking_pj"].to_numpy()
    table["lemaire_dense_pj"] = by_memory["dense_pj"].to_numpy()
    return table


def analytic_dict(run: Run) -> dict[str, Any]:
    """Sums over the layers, and how many stand on each side of each threshold."""
    return _sums(run.trace, run.precision)


@lru_cache(maxsize=2)
def _sums(trace: Trace, precision: Precision) -> dict[str, Any]:
    table = _trace_table(trace)
    sides = [threshold.name for threshold in THRESHOLDS] + ["twin_side"]
    return {
        "op_count": op_counts(trace, precision),
        "lemaire_2022": {
            "spiking_pj": float(table["lemaire_spiking_pj"].sum()),
            "dense_pj": float(table["lemaire_dense_pj"].sum()),
            "scope": LEMAIRE_SCOPE,
        },
        "thresholds": {
            name: {side: int((table[name] == side).sum()) for side in ("spiking", "depends", "dense")} for name in sides
        },
    }


def op_counts(trace: Trace, precision: Precision) -> dict[str, dict[str, Any]]:
    """The op count under its choices: this precision and linear scaling to the weights' width, attention, head.

    ``<precision>_<attention>_attention`` and the same with ``_head`` -> ``synops, macs, spiking_pj, dense_pj``; what no
    spike drives is dense in both.
    """
    bits = max(layer.weight_bits for layer in trace.layers)
    counts: dict[str, dict[str, Any]] = {}
    for width, name in ((None, precision), (bits, f"{bits}bit_linear")):
        for attention, head in product(get_args(Attention), (False, True)):
            found = op_count(trace, Options(precision, width, attention, head))
            key = f"{name}_{attention}_attention" + ("_head" if head else "")
            counts[key] = {"synops": found.synops, "macs": found.layer_macs + found.other_macs}
            counts[key] |= {"spiking_pj": found.spiking_pj, "dense_pj": found.dense_pj}
    return counts


def thresholds_finding(table: pd.DataFrame) -> str:
    """How many layers the published thresholds call cheaper as spikes, in words."""
    counts = [f"{(table[t.name] == 'spiking').sum()} by {t.title}" for t in THRESHOLDS]
    rate = format_share(float(table["spike_rate"].mean()))
    return (
        f"Mean spike rate {rate}. By published rules of thumb spiking is cheaper in this many of {len(table)} layers:"
        f" {'; '.join(counts)}."
    )


def threshold_sources() -> list[tuple[str, str]]:
    """Title of each threshold, and its bounds, conditions and citation."""
    return [(t.title, f"{t.bounds}: {t.note}. {t.source}.") for t in THRESHOLDS]
