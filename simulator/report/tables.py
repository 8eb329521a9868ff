"""Tables of a run, one pure function each: Run -> DataFrame. Energies in pJ, times in ps, shares in [0, 1]."""

from __future__ import annotations

import math
import re

import pandas as pd

from simulator.actions import ACTIONS, COMPONENTS, billed_components
from simulator.config.chip import ChipConfig
from simulator.energy.ledger import TOLERANCE, UNCOSTED, EnergyLedger, build_ledger
from simulator.energy.lemaire import memory_inclusive
from simulator.energy.prices import UnitPrice, chip_prices
from simulator.engine.result import CHIP, SimResult
from simulator.engine.service import service
from simulator.errors import ConservationError
from simulator.report.format import format_time
from simulator.report.run import Run, once_per_run
from simulator.trace.trace import PHASES, Phase, Trace

LEMAIRE_SCOPE = (
    "Linear layers: arithmetic, weights, potentials, buffers and addresses, 8 KB banks at 10 pJ per 64 bits; no"
    " network, other operations or static power."
)
_TWIN_SCOPE = "the same trace, every activation once as one integer, same accounting as the chip"
_BLOCK = re.compile(r"blocks\.(\d+)\.(.+)")


def split_block(name: str) -> tuple[int | None, str]:
    """Block number (None outside the blocks) and the rest of an id: ``blocks.3.q`` -> (3, ``q``)."""
    match = _BLOCK.fullmatch(name)
    return (int(match[1]), match[2]) if match else (None, name)


@once_per_run
def owner_table(run: Run) -> pd.DataFrame:
    """One row per owner of the ledger (linear layer, op, encoder of a stage, chip), in program order.

    Columns: ``owner, kind, stage, block, operand_bits`` (width of the operands of an op, of the weights of a linear
    layer; missing where the trace does not say), then the count of each action as ``n_<component>.<action>`` (int64),
    then the energy of each component as ``<component>_pj``, then ``energy_pj`` (float64). The columns are the same for
    every chip; ``uncosted_pj`` comes last but one when there is uncosted work.
    """
    rows = run.ledger.rows
    homes = _homes(run.trace)
    unknown = [layer for layer in rows["owner"] if layer not in homes]
    if unknown:
        raise ConservationError(
            f"energy of {unknown[0]!r}, which is not a layer, op or stage of trace {run.trace.name}"
        )
    layers = list(dict.fromkeys(rows["owner"]))
    table = pd.DataFrame({"owner": layers}, index=layers)
    table["kind"] = [homes[layer][0] for layer in layers]
    table["stage"] = [homes[layer][1] for layer in layers]
    table["block"] = pd.array([split_block(layer)[0] for layer in layers], dtype="Int64")
    table["operand_bits"] = pd.array([_operand_bits(run.trace, layer) for layer in layers], dtype="Int64")
    # an uncosted row keeps component.action in its action
    actions = rows["action"].where(rows["component"] == UNCOSTED, rows["component"] + "." + rows["action"])
    counts = _pivot(rows, actions, "count").reindex(columns=_known_first(tuple(ACTIONS), actions), fill_value=0)
    energies = _pivot(rows, rows["component"], "energy_pj")
    energies = energies.reindex(columns=_known_first(billed_components(), rows["component"]), fill_value=0.0)
    numbers = counts.add_prefix("n_").astype("int64").join(energies.add_suffix("_pj"))
    return table.join(numbers).join(run.ledger.by_owner()).reset_index(drop=True)


@once_per_run
def stage_table(run: Run) -> pd.DataFrame:
    """One row per stage summed over the blocks, then one per component of the chip.

    Columns: ``stage, kinds, spikes, ac_ops`` (accumulates, one per native synapse served),
    ``<component>_pj`` of each component with energy, ``energy_pj, share, time_ps, time_share``. Time is NaN for the
    rows of the chip: barriers are inside the time of the stages.
    """
    layers = owner_table(run)
    layers["group"] = [split_block(stage)[1] for stage in layers["stage"]]
    owned = layers[layers["owner"] != CHIP]
    kinds = owned.groupby("group", sort=False)["kind"].agg(lambda kind: " ".join(dict.fromkeys(kind)))
    columns = _component_columns(layers)
    table = owned.groupby("group", sort=False)[["n_soma.fire", "n_dendrite.accumulate", *columns, "energy_pj"]].sum()
    table = table.rename(columns={"n_soma.fire": "spikes", "n_dendrite.accumulate": "ac_ops"})
    stages = run.result.stages
    times = stages.groupby([split_block(stage)[1] for stage in stages["stage"]], sort=False)["total_ps"].sum()
    table = table.reindex(list(dict.fromkeys([*times.index, *table.index])), fill_value=0)
    table.insert(0, "kinds", kinds.reindex(table.index).fillna(""))
    table["time_ps"] = times.reindex(table.index).astype("float64")
    table = pd.concat([table.rename_axis("stage").reset_index(), _chip_rows(run)], ignore_index=True)
    table[columns] = table[columns].fillna(0.0)
    table["share"] = _shares(table["energy_pj"], run.ledger.total_pj)
    table["time_share"] = table["time_ps"] / run.result.total_ps
    return table[["stage", "kinds", "spikes", "ac_ops", *columns, "energy_pj", "share", "time_ps", "time_share"]]


@once_per_run
def phase_ledgers(run: Run) -> list[tuple[Phase, int, SimResult, EnergyLedger]]:
    """Phase, its tokens, its counts and times, and their energies, for each phase that has tokens."""
    phases, found = run.result.tokens["phase"].tolist(), []
    for phase in PHASES:
        n_tokens = phases.count(phase)
        if n_tokens == run.n_tokens:
            found.append((phase, n_tokens, run.result, run.ledger))
        elif n_tokens:
            of_phase = run.result.of_phase(phase)
            found.append((phase, n_tokens, of_phase, build_ledger(of_phase, run.chip, allow_uncosted=True)))
    return found


@once_per_run
def phase_table(run: Run) -> pd.DataFrame:
    """One row per phase that has tokens, prompt (prefill) and generated tokens (decode) apart.

    Columns: ``phase, tokens``, ``<component>_pj`` of each component with energy, ``energy_pj, energy_per_token_pj,
    share, time_ps, time_per_token_ps``. The energies add up to the ledger's total, the times to that of the run: static
    power is divided by time. Raises ConservationError when they do not.
    """
    rows = []
    for phase, n_tokens, of_phase, ledger in phase_ledgers(run):
        parts = {f"{component}_pj": energy for component, energy in ledger.by_component().items() if energy}
        numbers = {"energy_pj": ledger.total_pj, "energy_per_token_pj": ledger.total_pj / n_tokens}
        times = {"time_ps": of_phase.total_ps, "time_per_token_ps": of_phase.total_ps / n_tokens}
        rows.append({"phase": phase, "tokens": n_tokens, **parts, **numbers, **times})
    table = pd.DataFrame(rows).fillna(0.0)
    table.insert(table.columns.tolist().index("time_ps"), "share", _shares(table["energy_pj"], run.ledger.total_pj))
    if not math.isclose(table["energy_pj"].sum(), run.ledger.total_pj, rel_tol=TOLERANCE):
        raise ConservationError(f"energy: phases sum to {table['energy_pj'].sum()!r} pJ, not {run.ledger.total_pj!r}")
    if table["time_ps"].sum() != run.result.total_ps:
        raise ConservationError(f"time: phases sum to {table['time_ps'].sum()} ps, not {run.result.total_ps}")
    return table


def waits_finding(run: Run) -> str:
    """What a user waits for, in words: the first generated token, then each next; empty without generated tokens."""
    found = service(run.result.tokens)
    waits = (("first token after", found.first_token_ps), ("then one every", found.output_token_ps))
    return ", ".join(f"{words} {format_time(ps)}" for words, ps in waits if ps is not None)


@once_per_run
def consumer_table(run: Run) -> pd.DataFrame:
    """Energy by kind of layer and action, summed over the blocks, largest first.

    Columns: ``stage, kind, component, action, count, energy_pj, share``. Ties keep program order.
    """
    homes = _homes(run.trace)
    rows = run.ledger.rows.assign(
        kind=[homes[layer][0] for layer in run.ledger.rows["owner"]],
        stage=[split_block(homes[layer][1])[1] for layer in run.ledger.rows["owner"]],
    )
    keys = ["stage", "kind", "component", "action"]
    table = rows.groupby(keys, sort=False)[["count", "energy_pj"]].sum().reset_index()
    table["share"] = _shares(table["energy_pj"], run.ledger.total_pj)
    return table.sort_values("energy_pj", ascending=False, kind="stable", ignore_index=True)


@once_per_run
def comparison_table(run: Run) -> pd.DataFrame:
    """The chip compared with the 45 nm op count at each precision and with the dense twin.

    Columns: ``model, energy_pj, energy_per_token_pj, chip_over`` (energy of the chip over this one; NaN when this one
    is 0), ``time_per_token_ps`` (of the whole trace over its tokens; NaN for op counts, which know no time), ``scope``.
    """
    rows = [(f"chip {run.chip.name}", run.ledger.total_pj, run.time_per_token_ps, "everything that was counted")]
    for precision, ops in run.cmos45.items():
        rows.append((f"45 nm {precision} AC (spiking)", ops.ac_pj, math.nan, ops.scope))
        rows.append((f"45 nm {precision} MAC (dense)", ops.dense_mac_pj, math.nan, ops.scope))
    memory = memory_inclusive(run.trace)
    for column, kind in (("spiking_pj", "spiking"), ("dense_pj", "dense")):
        rows.append((f"memory-inclusive, Lemaire 2022 ({kind})", memory[column].sum(), math.nan, LEMAIRE_SCOPE))
    if run.dense is not None:
        twin = f"dense twin {run.dense.label(run.chip)}"
        rows.append((twin, run.dense.energy_pj, run.dense.latency_per_token_ps, _TWIN_SCOPE))
    table = pd.DataFrame(rows, columns=["model", "energy_pj", "time_per_token_ps", "scope"])
    table.insert(2, "energy_per_token_pj", table["energy_pj"] / run.n_tokens)
    table.insert(3, "chip_over", run.ledger.total_pj / table["energy_pj"].where(table["energy_pj"] > 0))
    return table[["model", "energy_pj", "energy_per_token_pj", "chip_over", "time_per_token_ps", "scope"]]


@once_per_run
def assumption_table(run: Run) -> pd.DataFrame:
    """Every price that was used, with its source and how much of the total rests on it; largest share first.

    Columns: ``action, pj_per_count`` (NaN when another price contains it), ``unit, low_pj_per_count, high_pj_per_count,
    path, grade, node_nm, voltage`` (where the number was found), ``source, citation, note, count,
    energy_pj, share``. Static power is counted in chip-ps: its pJ per count are W.
    """
    rows = run.ledger.rows
    used = rows[["count", "energy_pj"]].groupby(rows["component"] + "." + rows["action"], sort=False).sum()
    return price_rows(run.chip, used, run.ledger.total_pj)


def price_rows(chip: ChipConfig, used: pd.DataFrame, total_pj: float) -> pd.DataFrame:
    """`assumption_table` of a chip from ``count`` and ``energy_pj`` by ``component.action``."""
    prices = chip_prices(chip)
    records = [_assumption(chip, prices[name]) for name in used.index if name in prices]
    table = pd.DataFrame(records).set_index("action", drop=False).join(used, how="left").reset_index(drop=True)
    table["share"] = _shares(table["energy_pj"], total_pj)
    return table.sort_values("energy_pj", ascending=False, kind="stable", ignore_index=True)


def _assumption(chip: ChipConfig, price: UnitPrice) -> dict[str, object]:
    """One row of `assumption_table`, without its counts."""
    citation = price.source if price.included_in is not None else chip.sources[price.source]
    return {
        "action": price.name,
        "pj_per_count": price.pj_per_count,
        "unit": f"pJ/{COMPONENTS[ACTIONS[price.name].component].counted}",
        "low_pj_per_count": math.nan if price.low_pj_per_count is None else price.low_pj_per_count,
        "high_pj_per_count": math.nan if price.high_pj_per_count is None else price.high_pj_per_count,
        "path": price.path,
        "grade": price.grade,
        "node_nm": price.node_nm,
        "voltage": math.nan if price.voltage is None else price.voltage,
        "source": price.source,
        "citation": citation,
        "note": price.note or "",
    }


def _operand_bits(trace: Trace, layer: str) -> int | None:
    """Width of the operands of a row of `owner_table`, where it is known."""
    if layer in trace.layer_by_id:
        return trace.layer_by_id[layer].weight_bits
    return trace.op_by_id[layer].operand_bits or None if layer in trace.op_by_id else None


def _homes(trace: Trace) -> dict[str, tuple[str, str]]:
    """Owner of the ledger -> (kind, stage id)."""
    homes = {CHIP: (CHIP, CHIP)}
    for stage in trace.stages:
        homes[stage.stage_id] = ("encoder", stage.stage_id)
        homes |= {op_id: (trace.op_by_id[op_id].kind, stage.stage_id) for op_id in stage.ops}
        homes |= {layer_id: (trace.layer_by_id[layer_id].kind, stage.stage_id) for layer_id in stage.layers}
    return homes


def _pivot(rows: pd.DataFrame, columns: pd.Series[str], values: str) -> pd.DataFrame:
    """Sum of ``values`` per owner and per value of ``columns``, zero where there is none."""
    sums = rows[values].groupby([rows["owner"], columns.rename("column")], sort=False).sum()
    return sums.unstack("column", fill_value=0)


def _known_first(known: tuple[str, ...], found: pd.Series[str]) -> list[str]:
    """All known names, then all other names found (uncosted work)."""
    return list(dict.fromkeys([*known, *found]))


def _component_columns(layers: pd.DataFrame) -> list[str]:
    """Energy columns of the components that cost something."""
    columns = [c for c in layers.columns if c.endswith("_pj") and c != "energy_pj"]
    return [c for c in columns if layers[c].sum() > 0]


def _chip_rows(run: Run) -> pd.DataFrame:
    """Rows of `stage_table` for what no layer owns, one per component."""
    rows = run.ledger.rows[run.ledger.rows["owner"] == CHIP]
    records = [
        {"stage": f"chip {c}", "kinds": "", "spikes": 0, "ac_ops": 0, f"{c}_pj": e, "energy_pj": e, "time_ps": math.nan}
        for c, e in rows.groupby("component", sort=False)["energy_pj"].sum().items()
    ]
    return pd.DataFrame(records)


def _shares(energies: pd.Series[float], total_pj: float) -> pd.Series[float]:
    """Shares of the total; all zero when the total is zero."""
    return energies / total_pj if total_pj else energies * 0.0
