"""What each stage of the program takes of the time and, with the static power of that time, of the energy."""

from __future__ import annotations

import pandas as pd

from simulator.engine.batch_result import STAGE_TIMES
from simulator.engine.result import CHIP
from simulator.engine.timing import PIPELINE
from simulator.report.run import Run, once_per_run
from simulator.report.tables import owner_table, split_block


def pipelined(run: Run) -> bool:
    """Whether stages worked at the same time for most of the run."""
    stages = run.result.stages.set_index("stage")["total_ps"]
    return bool(PIPELINE in stages.index and 2 * stages[PIPELINE] > run.result.total_ps)


@once_per_run
def part_shares(run: Run) -> dict[str, float]:
    """Compute, network, transfer, vector and barrier -> its share of the time of all stages."""
    parts = run.result.stages[list(STAGE_TIMES)].sum()
    total = float(parts.sum()) or 1.0
    return {name.removesuffix("_ps"): float(parts[name]) / total for name in STAGE_TIMES}


@once_per_run
def stage_load(run: Run) -> pd.DataFrame:
    """One row per stage, in the order of the program.

    Columns: ``stage, kind`` (the stage without its block), ``block`` (missing outside blocks), ``cores``, ``core`` (the
    busiest), ``unit`` (the unit of that core that worked most, empty where none did), ``time_ps``. Where stages take
    turns, the time is that of the stage. In a pipeline it is the time that its busiest core worked: the stage with
    most of it sets the length of a round.
    """
    work = core_work(run)
    by_stage = work.groupby("stage", sort=False)
    busiest = work.loc[by_stage["busy_ps"].idxmax().to_list()].set_index("stage")
    names = [stage.stage_id for stage in run.trace.stages]
    table = pd.DataFrame({"stage": names, "kind": [split_block(name)[1] for name in names]})
    table["block"] = pd.array([split_block(name)[0] for name in names], dtype="Int64")
    table["cores"] = by_stage.size().reindex(names, fill_value=0).to_numpy()
    table["core"] = busiest["core"].reindex(names, fill_value=-1).to_numpy()
    table["unit"] = [_busiest_unit(run, core) for core in table["core"]]
    own = busiest["busy_ps"] if pipelined(run) else run.result.stages.set_index("stage")["total_ps"]
    table["time_ps"] = own.reindex(names).fillna(0.0).astype("float64").to_numpy()
    return table


def core_work(run: Run) -> pd.DataFrame:
    """Columns ``core, stage, busy_ps``: the cores in use, each for every stage that it works in."""
    stage_of = {stage.stage_id: stage.stage_id for stage in run.trace.stages}
    stage_of |= {layer: stage.stage_id for stage in run.trace.stages for layer in stage.layers}
    pairs = dict.fromkeys((block.core, stage_of[block.owner]) for block in run.placement.blocks)
    busy = run.result.cores.set_index("core")["busy_ps"]
    rows = [(core, stage, float(busy.get(core, 0))) for core, stage in pairs]
    return pd.DataFrame(rows, columns=["core", "stage", "busy_ps"])


def _busiest_unit(run: Run, core: int) -> str:
    """The unit of a core that worked most; empty where none did."""
    units = run.result.units[run.result.units["core"] == core]
    return str(units["unit"].iloc[int(units["busy_ps"].argmax())]) if units["busy_ps"].any() else ""


@once_per_run
def charged_table(run: Run) -> pd.DataFrame:
    """Energy by kind of stage with static power charged to it, largest first; adds up to the total of the ledger.

    Columns: ``stage, time_ps, time_share, own_pj, static_pj, energy_pj, share``. Where stages take turns, static power
    is charged by time: the chip leaks while the stage works. In a pipeline all stages work at once, so it is charged
    by the cores that a stage holds, and the time is that of the slowest stage of its kind. Barriers stay in a row of
    their own.
    """
    load, layers = stage_load(run), owner_table(run)
    owned = layers[layers["owner"] != CHIP]
    own = owned.groupby([split_block(stage)[1] for stage in owned["stage"]], sort=False)["energy_pj"].sum()
    by_kind = load.groupby("kind", sort=False).agg({"time_ps": "max" if pipelined(run) else "sum", "cores": "sum"})
    by_kind = by_kind.reindex(list(dict.fromkeys([*by_kind.index, *own.index])), fill_value=0)
    charged_by = by_kind["cores"] if pipelined(run) else by_kind["time_ps"]
    chip = run.ledger.rows[run.ledger.rows["owner"] == CHIP].groupby("component")["energy_pj"].sum()
    static = float(chip.get("static", 0.0))
    table = by_kind[["time_ps"]].copy()
    table["own_pj"] = own.reindex(table.index, fill_value=0.0)
    table["static_pj"] = charged_by / charged_by.sum() * static if charged_by.sum() else 0.0
    table = table.rename_axis("stage").reset_index()
    others = chip.drop("static", errors="ignore")
    rest = pd.DataFrame({"stage": "barriers", "time_ps": 0.0, "own_pj": [float(others.sum())], "static_pj": 0.0})
    if others.sum():
        table = pd.concat([table, rest], ignore_index=True)
    table["energy_pj"] = table["own_pj"] + table["static_pj"]
    table["share"] = table["energy_pj"] / (run.ledger.total_pj or 1.0)
    table["time_share"] = table["time_ps"] / (run.result.total_ps or 1)
    columns = ["stage", "time_ps", "time_share", "own_pj", "static_pj", "energy_pj", "share"]
    return table[columns].sort_values("energy_pj", ascending=False, kind="stable", ignore_index=True)
