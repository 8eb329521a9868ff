"""How the units of the cores, the stages of their pipelines, spend the time of a run."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulator.engine.pipeline_units import UNITS
from simulator.report.format import format_count, format_share
from simulator.report.run import Run, once_per_run


@once_per_run
def unit_table(run: Run) -> pd.DataFrame:
    """One row per unit that worked, in the order of the pipeline.

    Columns: ``unit, cores`` (in which it worked), ``busy_share, stall_share, idle_share`` (of the elapsed time, mean
    over those cores; they add up to 1), ``wait_share`` (the part of idle in which a stage of the core was under way),
    ``network_share, barrier_share`` (parts of wait), ``busiest_core, busiest_share``. See `SimResult.units`.
    """
    units = run.result.units
    worked = units[units["busy_ps"] > 0] if run.result.total_ps else units.head(0)
    times = ["busy_ps", "stall_ps", "idle_ps", "wait_ps", "network_ps", "barrier_ps"]
    worked = worked.astype(dict.fromkeys(times, np.float64))
    worked[times] /= run.result.total_ps or 1
    by_unit = worked.groupby("unit", sort=False)
    table = by_unit[times].mean().rename(columns=lambda name: name.replace("_ps", "_share"))
    table.insert(0, "cores", by_unit.size())
    busiest = worked.loc[by_unit["busy_ps"].idxmax()].set_index("unit")
    table = table.assign(busiest_core=busiest["core"], busiest_share=busiest["busy_ps"])
    return table.reindex([unit for unit in UNITS if unit in table.index]).rename_axis("unit").reset_index()


def bank_conflicts(run: Run) -> dict[str, int]:
    """Slots in which lanes waited for a bank of the synaptic memory (``words``) or of that of the accumulators."""
    cores = run.result.cores
    return {name: int(cores[f"{name.removesuffix('s')}_conflicts"].sum()) for name in ("words", "accumulators")}


def unit_finding(run: Run) -> str:
    """Which unit is busiest and which is blocked most, and what bank conflicts cost, in words."""
    table = unit_table(run)
    if table.empty:
        return "No unit of a core took any time."
    busy, stalled = (table.set_index("unit")[column] for column in ("busy_share", "stall_share"))
    words = (
        f"The {busy.idxmax()} unit is busiest ({format_share(float(busy.max()))} of the time, mean over the cores in"
        " which it"
        " works)"
    )
    if stalled.max() > 0:
        words += f"; {stalled.idxmax()} is blocked most ({format_share(float(stalled.max()))})"
    lost = [f"{format_count(slots)} for {name}" for name, slots in bank_conflicts(run).items() if slots]
    return f"{words}. " + (f"Slots lost in bank conflicts: {', '.join(lost)}." if lost else "No bank conflicts.")
