"""Energy and rate of the steady state: one more token while the chip is full, filling and draining apart."""

from __future__ import annotations

import math

from simulator.energy.ledger import EnergyLedger
from simulator.report.run import Run
from simulator.report.tables import phase_ledgers
from simulator.units import PS_PER_S


def steady_energy_pj(run: Run) -> float:
    """Energy of one more token, pJ: what is counted per token, and static power over the steady time of a token.

    Where prompts are pipelined and generated tokens are not, it is the energy of a token of a prompt. The barriers of
    rounds that fill or drain the pipeline are left out like their time.
    """
    steady, ledger, n_tokens = run.result.steady, run.ledger, run.n_tokens
    if steady.pipelined and run.chip.schedule.kind == "auto":
        _, n_tokens, _, ledger = next(of_phase for of_phase in phase_ledgers(run) if of_phase[0] == "prefill")
    static = math.fsum(_of(run.ledger, "static"))
    barriers = math.fsum(_of(ledger, "sync"))
    counted = ledger.total_pj - math.fsum(_of(ledger, "static")) - barriers
    power_w = static / run.result.total_ps if run.result.total_ps else 0.0
    return (counted + barriers / (steady.rounds_per_token or 1.0)) / n_tokens + power_w * steady.time_per_token_ps


def steady_tokens_per_s(run: Run) -> float:
    """Tokens per second while the chip is full; NaN where a token takes no time."""
    time_ps = run.result.steady.time_per_token_ps
    return PS_PER_S / time_ps if time_ps else math.nan


def _of(ledger: EnergyLedger, component: str) -> list[float]:
    """Energies of a component, pJ."""
    rows = ledger.rows
    return [float(pj) for pj in rows.loc[rows["component"] == component, "energy_pj"]]
