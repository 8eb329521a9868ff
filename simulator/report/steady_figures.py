"""Energy and rate of the steady state: one more token while the chip is full, filling and draining apart."""

from __future__ import annotations

import math

from simulator.config.chip import ChipConfig
from simulator.energy.ledger import EnergyLedger, build_ledger
from simulator.engine.result import SimResult
from simulator.report.run import Run
from simulator.units import PS_PER_S


def steady_energy_pj(run: Run) -> float:
    """`steady_pj` of a run."""
    return steady_pj(run.result, run.ledger, run.chip)


def steady_pj(result: SimResult, ledger: EnergyLedger, chip: ChipConfig) -> float:
    """Energy of one more token, pJ: what is counted per token, and static power over the steady time of a token.

    Under schedule ``auto`` it is the energy of a token of a prompt, where the trace has prompts. The barriers of
    rounds that fill or drain the pipeline are left out like their time.
    """
    steady, phases = result.steady, result.tokens["phase"].tolist()
    n_tokens, of_tokens = len(phases), ledger
    if steady.pipelined and chip.schedule.kind == "auto" and 0 < (n_prompt := phases.count("prefill")) < n_tokens:
        n_tokens, of_tokens = n_prompt, build_ledger(result.of_phase("prefill"), chip, allow_uncosted=True)
    static = math.fsum(_of(ledger, "static"))
    barriers = math.fsum(_of(of_tokens, "sync"))
    counted = of_tokens.total_pj - math.fsum(_of(of_tokens, "static")) - barriers
    power_w = static / result.total_ps if result.total_ps else 0.0
    return (counted + barriers / (steady.rounds_per_token or 1.0)) / n_tokens + power_w * steady.time_per_token_ps


def steady_tokens_per_s(run: Run) -> float:
    """Tokens per second while the chip is full; NaN where a token takes no time."""
    time_ps = run.result.steady.time_per_token_ps
    return PS_PER_S / time_ps if time_ps else math.nan


def _of(ledger: EnergyLedger, component: str) -> list[float]:
    """Energies of a component, pJ."""
    rows = ledger.rows
    return [float(pj) for pj in rows.loc[rows["component"] == component, "energy_pj"]]
