"""The bridge: the steps that lead from the 45 nm op count of a trace to the energy that the chip uses for it."""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd

from simulator.actions import bridge_step
from simulator.errors import ConservationError
from simulator.report.run import Run, once_per_run

TOLERANCE = 1e-9  # relative to the largest of the sums; every part is correctly rounded


class Step(NamedTuple):
    """One step of the bridge: its key, what it adds in words, and the component whose fill its bar takes."""

    key: str
    label: str
    drawn_as: str | None = None


OP_COUNT, TOTAL = "op_count", "chip"
TOGETHER = Step("synapse", "weight fetch and accumulate", "synapse")
STEPS = (
    Step("accumulate", "accumulate at the chip's price", "dendrite"),
    Step("weight_fetch", "weight fetch", "synapse"),
    Step("membrane", "accumulators and membranes", "axon_in"),
    Step("routing", "routing", "noc"),
    Step("neurons", "encoding neurons", "soma"),
    Step("vector", "non-spiking operations", "vector"),
    Step("memory", "KV, spike and value storage", "memory"),
    Step("links", "links between chips, DRAM", "axon_out"),
    Step("static", "static power and barriers", "static"),
)
TOGETHER_OF = {"accumulate", "weight_fetch"}


@once_per_run
def bridge_frame(run: Run) -> pd.DataFrame:
    """The bridge of one token, first the op count (`Run.op_count`), then one row per step, last the chip's total.

    Returns
    -------
    pandas.DataFrame
        ``step, label, role (start | change | total), energy_pj, start_pj, stop_pj, share``, in pJ per token. The first
        change is the chip's price of the accumulates less what the op count billed for them, so it may be negative; a
        price that the chip file gives for fetch and accumulate together is one step. ``share`` is of the chip's total.

    Raises
    ------
    ConservationError
        When the op count and the steps do not add up to the ledger's total.
    """
    ac_pj = run.op_count.ac_pj
    total_pj = run.ledger.total_pj
    amounts = _amounts(run, ac_pj)
    reached = math.fsum([ac_pj, *(amount for _, amount in amounts)])
    if abs(reached - total_pj) > TOLERANCE * max(abs(ac_pj), total_pj):
        raise ConservationError(f"bridge: steps reach {reached!r} pJ, expected the total of the ledger {total_pj!r} pJ")
    rows = [(OP_COUNT, f"45 nm op count ({run.precision})", "start", ac_pj, 0.0, ac_pj)]
    for step, amount in amounts:
        rows.append((step.key, step.label, "change", amount, rows[-1][5], rows[-1][5] + amount))
    rows.append((TOTAL, f"chip: {run.chip.name}", "total", total_pj, 0.0, total_pj))
    frame = pd.DataFrame(rows, columns=["step", "label", "role", "energy_pj", "start_pj", "stop_pj"])
    frame[["energy_pj", "start_pj", "stop_pj"]] /= run.n_tokens
    frame["share"] = frame["energy_pj"] * run.n_tokens / total_pj if total_pj else 0.0
    return frame


def _amounts(run: Run, ac_pj: float) -> list[tuple[Step, float]]:
    """Energy of each step over the whole trace, pJ; components outside the steps make a step of their own."""
    rows = run.ledger.rows
    together = _priced_together(rows)
    layers = {layer.layer_id for layer in run.trace.layers}
    spent: dict[str, list[float]] = {}
    for layer, component, action, energy in zip(
        *(rows[column] for column in ("owner", "component", "action", "energy_pj")), strict=True
    ):
        key = bridge_step(component, action, layer in layers)
        inside = together and (key in TOGETHER_OF or component == "synapse")
        spent.setdefault(TOGETHER.key if inside else key, []).append(energy)
    known = [TOGETHER, *(step for step in STEPS if step.key not in TOGETHER_OF)] if together else list(STEPS)
    others = [Step(key, key) for key in spent if key not in {step.key for step in known}]
    amounts = [(step, math.fsum(spent.get(step.key, ()))) for step in (*known, *others)]
    step, amount = amounts[0]
    return [(step, amount - ac_pj), *amounts[1:]]


def _priced_together(rows: pd.DataFrame) -> bool:
    """Whether all accumulates are billed inside a price of the synapse, or all of the synapse inside the former."""
    accumulates = (rows["component"] == "dendrite") & rows["action"].isin(["accumulate", "multiply_accumulate"])
    for inside, other in ((accumulates, "synapse"), (rows["component"] == "synapse", "dendrite")):
        sources = rows.loc[inside, "source"]
        if len(sources) and sources.str.startswith(f"included in {other}.").all():
            return True
    return False
