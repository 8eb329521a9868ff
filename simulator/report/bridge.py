"""The bridge: the steps that lead from the 45 nm op count of a trace to the energy the chip spends on it."""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd

from simulator.errors import ConservationError
from simulator.report.run import Run

TOLERANCE = 1e-9  # relative to the largest of the sums; every part is correctly rounded


class Step(NamedTuple):
    """One step of the bridge: its name, what it adds, and the ledger components that pay for it."""

    key: str
    label: str
    components: tuple[str, ...]


OP_COUNT, TOTAL = "op_count", "chip"
ACCUMULATE = Step("accumulate", "accumulate at the chip's price", ("dendrite",))
FETCH = Step("weight_fetch", "weight fetch", ("synapse",))
FETCH_AND_ACCUMULATE = Step("synapse", "weight fetch and accumulate", ("synapse", "dendrite"))
LATER = (
    Step("routing", "routing", ("noc",)),
    Step("neurons", "neurons and axons", ("axon_in", "soma", "axon_out")),
    Step("vector", "non-spiking operations", ("vector",)),
    Step("memory", "memory behind the vector unit", ("memory",)),
    Step("static", "static power and barriers", ("static", "sync")),
)


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
        raise ConservationError(f"bridge: steps reach {reached!r} pJ, wanted the total of the ledger {total_pj!r} pJ")
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
    spent = run.ledger.by_component()
    first = (FETCH_AND_ACCUMULATE,) if _priced_together(run.ledger.rows) else (ACCUMULATE, FETCH)
    known = {component for step in (*first, *LATER) for component in step.components}
    others = tuple(Step(c, c, (c,)) for c in spent.index if c not in known)
    amounts = [(step, math.fsum(spent.get(c, 0.0) for c in step.components)) for step in (*first, *LATER, *others)]
    step, amount = amounts[0]
    return [(step, amount - ac_pj), *amounts[1:]]


def _priced_together(rows: pd.DataFrame) -> bool:
    """Whether all accumulates are billed inside a price of the synapse, or all of the synapse inside the former."""
    for component, other in (("dendrite", "synapse"), ("synapse", "dendrite")):
        sources = rows.loc[rows["component"] == component, "source"]
        if len(sources) and sources.str.startswith(f"included in {other}.").all():
            return True
    return False
