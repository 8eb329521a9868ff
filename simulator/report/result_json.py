"""``result.json``: a run as one dictionary of plain numbers, with a version of its schema."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from simulator.config.chip import ChipConfig
from simulator.energy.area import chip_area
from simulator.energy.cmos45 import Cmos45
from simulator.energy.uncertainty import TOTAL, Uncertainty
from simulator.engine.service import service
from simulator.report.analytic import analytic_dict
from simulator.report.causes import causes_dict
from simulator.report.ledger_kinds import by_kind
from simulator.report.run import DenseTwin, Run
from simulator.report.run_manifest import chip_sha256
from simulator.report.sampling_error import sampling_dict
from simulator.report.static_table import static_dict
from simulator.report.steady_figures import steady_energy_pj, steady_tokens_per_s
from simulator.report.storage_table import storage_dict
from simulator.report.tables import phase_ledgers
from simulator.report.unit_table import bank_conflicts, unit_table
from simulator.trace.totals import layer_work

SCHEMA = "spikewatt/result"
SCHEMA_VERSION = 2  # 1 said `by_layer` for `by_owner`


def result_dict(run: Run, *, bands: bool = True, unpriced: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Everything a program wants of ``run``, in a fixed order of keys.

    Energies are float pJ, times int ps (per token: float ps, the mean), shares in [0, 1], sizes bytes; null is a rate
    over no time. ``energy.cmos45`` shows the precision chosen (fp32 is what most papers print), its ``precisions`` all.
    Only ``elapsed`` (seconds of this machine) differs between two runs of the same inputs. Without ``bands`` it has no
    ``energy.uncertainty``, whose draws take several times as long as all else, ``energy.by_kind`` or ``causes``.
    ``unpriced`` is the `unpriced_dict` of a run that differs in prices alone; it is computed if none is given.
    """
    same = unpriced_dict(run) if unpriced is None else unpriced
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "command": run.command,
        "chip": _chip(run),
        "trace": same["trace"],
        "energy": _energy(run, bands),
        "analytic": analytic_dict(run),
        "break_even": _break_even(run),
        "area": _area(run),
        "static": static_dict(run),
        **({"causes": causes_dict(run)} if bands else {}),
        "latency": same["latency"],
        "steady": _steady(run),
        "sampling": sampling_dict(run),
        "phases": _phases(run),
        "counts": same["counts"],
        "neurobench": same["neurobench"],
        "utilization": same["utilization"],
        "storage": same["storage"],
        "warnings": list(run.all_warnings),
        "elapsed": {name: run.result.elapsed[name] for name in ("compile_s", "simulate_s")},
    }


def unpriced_dict(run: Run) -> dict[str, Any]:
    """The parts of `result_dict` that no price moves: made once for all prices of one simulation."""
    return {
        "trace": _trace(run),
        "latency": _latency(run),
        "counts": _counts(run),
        "neurobench": _neurobench(run),
        "utilization": _utilization(run),
        "storage": storage_dict(run),
    }


def _break_even(run: Run) -> dict[str, Any] | None:
    """Spikes per activation that break even with the twin, by bisection; null is at no rate."""
    if run.bisection is None:
        return None
    layers = run.bisection.layers
    by_kind = {
        f"{kind}_{n_in}x{n_out}": spikes if math.isfinite(spikes) else None
        for kind, n_in, n_out, spikes in layers[["kind", "n_in", "n_out", "break_even_spikes"]].itertuples(index=False)
    }
    spikes = run.bisection.spikes
    return {"spikes_per_activation": spikes if math.isfinite(spikes) else None, "layers": by_kind}


def leaves(record: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(path of keys, value) of everything in nested mappings that is no mapping itself, in their order."""
    for key, value in record.items():
        path = (*above, str(key))
        if isinstance(value, Mapping):
            yield from leaves(value, path)
        else:
            yield path, value


def result_text(run: Run) -> str:
    """`result_dict` as the text of ``result.json``; NaN and infinity are refused, JSON has none."""
    return json.dumps(result_dict(run), indent=2, allow_nan=False) + "\n"


def _chip(run: Run) -> dict[str, Any]:
    return {
        "name": run.chip.name,
        "summary": run.chip.summary,
        "sha256": chip_sha256(run.chip),
        "replay": run.chip.replay,
        "node_nm": run.chip.technology.node_nm,
        "voltage": run.chip.technology.voltage,
    }


def _trace(run: Run) -> dict[str, Any]:
    trace = run.trace
    return {
        "name": trace.name,
        "content_hash": trace.content_hash,
        "phase": trace.phase,
        "tokens": trace.n_tokens,
        "encoding": trace.encoding.label,
        "levels": trace.encoding.levels,
        "timesteps": trace.encoding.n_timesteps,
        "layers": len(trace.layers),
        "origin": dict(trace.origin),
    }


def _energy(run: Run, bands: bool) -> dict[str, Any]:
    ledger = run.ledger
    return {
        "total_pj": ledger.total_pj,
        "per_token_pj": run.energy_per_token_pj,
        "mean_power_w": _rate(run.mean_power_w),
        "by_owner": _floats(ledger.by_owner()),
        "by_component": _floats(ledger.by_component()),
        "by_grade": _floats(ledger.by_grade()),
        "share_by_grade": ledger.grade_shares(),
        **({"uncertainty": _uncertainty(run.uncertainty), "by_kind": by_kind(ledger)} if bands else {}),
        "cmos45": _cmos45(run.op_count, run.cmos45),
        "dense_twin": None if run.dense is None else _dense(run.dense, run.chip),
    }


def _uncertainty(found: Uncertainty) -> dict[str, Any]:
    """The energy of the whole trace with all prices at one end of their ranges, and quantiles of draws from them."""
    bands = found.bands().set_index("owner")
    return {
        "meaning": "low, high: all prices at that end of their ranges; q05, median, q95: quantiles of draws from them",
        "draws": found.draws,
        "seed": found.seed,
        "share_with_range": found.ranged_share,
        **found.total,
        "by_owner": {str(layer): _floats(band) for layer, band in bands.drop(TOTAL).iterrows()},
        "swings": {row["prices"]: {"low_pj": row["low_pj"], "high_pj": row["high_pj"]} for row in _swings(found)},
    }


def _swings(found: Uncertainty) -> list[dict[Any, Any]]:
    """The tornado as plain rows, widest first."""
    return list(found.tornado().to_dict("records"))


def _area(run: Run) -> dict[str, float] | None:
    """Silicon in mm2 of one chip and of all in use; null where the chip file has no source for it."""
    found = chip_area(run.chip)
    return None if found is None else {**found._asdict(), "total_mm2": found.chip_mm2 * run.result.n_chips}


def _cmos45(paper: Cmos45, by_precision: Mapping[str, Cmos45]) -> dict[str, Any]:
    return {
        "precision": paper.precision,
        "ac_pj": paper.ac_pj,
        "dense_mac_pj": paper.dense_mac_pj,
        "synops": paper.synops,
        "macs": paper.macs,
        "scope": paper.scope,
        "source": paper.source,
        "precisions": {
            name: {"ac_pj": ops.ac_pj, "dense_mac_pj": ops.dense_mac_pj} for name, ops in by_precision.items()
        },
    }


def _dense(dense: DenseTwin, chip: ChipConfig) -> dict[str, Any]:
    return {
        "name": dense.name,
        "label": dense.label(chip),
        "node_nm": dense.node_nm,
        "energy_pj": dense.energy_pj,
        "energy_per_token_pj": dense.energy_per_token_pj,
        "latency_ps": dense.latency_ps,
        "latency_per_token_ps": dense.latency_per_token_ps,
        "steady_energy_per_token_pj": dense.steady_pj,
        "steady_time_per_token_ps": dense.steady_ps,
        "time_util": _rate(dense.time_util),
        "area_mm2": dense.area_mm2,
    }


def _phases(run: Run) -> dict[str, Any]:
    """Tokens, energy and time of prompts and of generated tokens apart; each sums to the whole."""
    return {
        phase: {
            "n_tokens": n_tokens,
            "energy_pj": ledger.total_pj,
            "energy_per_token_pj": ledger.total_pj / n_tokens,
            "time_ps": of_phase.total_ps,
        }
        for phase, n_tokens, of_phase, ledger in phase_ledgers(run)
    }


def _latency(run: Run) -> dict[str, Any]:
    stages, times_seen = run.result.stages, service(run.result.tokens)
    parts = [column for column in stages.columns if column != "stage"]
    times = stages[parts].to_numpy()
    totals = dict(zip(parts, times.sum(axis=0).tolist(), strict=True))
    return {
        "total_ps": run.result.total_ps,
        "per_token_ps": run.latency_per_token_ps,
        "tokens_per_s": _rate(run.tokens_per_s),
        "schedule": run.chip.schedule.model_dump(),
        "sync": run.chip.sync.kind,
        "first_token_ps": times_seen.first_token_ps,
        "output_token_ps": times_seen.output_token_ps,
        "ttft_ps": times_seen.first_token_ps,
        "tpot_ps": times_seen.output_token_ps,
        "by_part": {part: total for part, total in totals.items() if part != "total_ps"},
        "by_stage": {
            str(stage): dict(zip(parts, row, strict=True))
            for stage, row in zip(stages["stage"].tolist(), times.tolist(), strict=True)
        },
    }


def _steady(run: Run) -> dict[str, Any]:
    """One more token while the chip is full, filling and draining a pipeline apart."""
    steady = run.result.steady
    return {
        "energy_per_token_pj": steady_energy_pj(run),
        "time_per_token_ps": steady.time_per_token_ps,
        "tokens_per_s": _rate(steady_tokens_per_s(run)),
        "pipelined": steady.pipelined,
        "filled": steady.filled,
    }


def _counts(run: Run) -> dict[str, Any]:
    rows = run.ledger.rows
    by_action: dict[str, int] = {}
    for component, action, count in zip(*(rows[c].tolist() for c in ("component", "action", "count")), strict=True):
        by_action[f"{component}.{action}"] = by_action.get(f"{component}.{action}", 0) + count
    return {
        "spikes": run.result.spikes,
        "synops": run.result.synops,
        "packets": run.result.packets,
        "packet_hops": run.result.packet_hops,
        "markers": run.result.markers,
        "activations": run.n_activations,
        "spikes_per_activation": run.spikes_per_activation,
        "firing_rate": run.firing_rate,
        "by_action": by_action,
    }


def _neurobench(run: Run) -> dict[str, Any]:
    """Metrics under their NeuroBench names (Yik et al. 2025), per token.

    Footprint: bytes of the weights of the linear layers. ActivationSparsity: share of neuron-timesteps without a
    spike. SynapticOperations: accumulates of spikes that arrived (Effective_ACs), multiply-accumulates of the vector
    unit (Effective_MACs), and both as if no activation in any timestep were zero (Dense).
    """
    trace, tokens = run.trace, run.n_tokens
    rows = run.ledger.rows
    is_mac = (rows["component"] + "." + rows["action"]).isin(["vector.mac", "dendrite.multiply_accumulate"])
    macs = int(rows.loc[is_mac, "count"].sum())
    dense = sum(work.macs for work in layer_work(trace).values()) * trace.encoding.n_timesteps
    return {
        "Footprint": sum(layer.n_in * layer.n_out * layer.weight_bits for layer in trace.layers) // 8,
        "ActivationSparsity": 1 - run.firing_rate,
        "SynapticOperations": {
            "Effective_MACs": macs / tokens,
            "Effective_ACs": run.result.synops / tokens,
            "Dense": dense / tokens + macs / tokens,
        },
    }


def _utilization(run: Run) -> dict[str, Any]:
    result = run.result
    return {
        "meaning": "busiest_core, mean: busy / elapsed time, idle cores count as 0; units: shares of elapsed time, mean"
        " over the cores in which a unit works; bank_conflicts: slots; sram: used / available space",
        "chips": result.n_chips,
        "tiles_used": result.tiles_used,
        "cores_used": len(result.cores),
        "cores_total": result.cores_total,
        "busiest_core": _rate(run.time_util_busiest),
        "busiest_core_id": run.busiest_core,
        "mean": _rate(run.time_util_mean),
        "units": unit_table(run).set_index("unit").drop(columns=["busiest_core", "busiest_share"]).to_dict("index"),
        "bank_conflicts": bank_conflicts(run),
        "sram": {"used_bytes": run.sram_used_bytes, "total_bytes": run.sram_total_bytes, "share": run.space_util},
    }


def _rate(value: float) -> float | None:
    """A rate, or null where it was one over no time."""
    return None if math.isnan(value) else value


def _floats(series: Any) -> dict[str, float]:
    """A Series as a dictionary in its own order."""
    return {str(key): float(value) for key, value in series.items()}
