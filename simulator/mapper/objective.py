"""What the mapper minimizes."""

from __future__ import annotations

from typing import Literal, get_args

Objective = Literal["energy", "latency", "edp", "throughput"]
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)


def objective_value(objective: Objective, energy_pj: float, latency_ps: float, interval_ps: float) -> float:
    """What an objective minimizes: pJ, ps or pJ x ps of a token."""
    values = {
        "energy": energy_pj,
        "latency": latency_ps,
        "edp": energy_pj * interval_ps,
        "throughput": interval_ps,
    }
    return values[objective]
