"""Standard errors of time and energy where the network is simulated for some tokens only."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from simulator.energy.ledger import EnergyLedger
from simulator.report.run import Run
from simulator.report.steady_figures import steady_energy_pj


class SamplingError(NamedTuple):
    """Relative standard errors; None where the sample is too small to say.

    What is counted is exact in a sample, so the energy is uncertain by the static energy of an uncertain time alone.
    """

    time: float | None
    energy: float | None
    steady_time: float | None
    steady_energy: float | None


def sampling_error(run: Run) -> SamplingError | None:
    """The errors of a sampled run; None where the network is simulated for every token."""
    sampling, steady = run.result.sampling, run.result.steady
    if sampling is None:
        return None
    static_pj = static_energy_pj(run.ledger)
    power_w = static_pj / run.result.total_ps if run.result.total_ps else 0.0
    error_ps = steady.error_ps
    return SamplingError(
        time=sampling.time_error,
        energy=_part(sampling.time_error, static_pj, run.ledger.total_pj),
        steady_time=_part(error_ps, 1.0, steady.time_per_token_ps),
        steady_energy=_part(error_ps, power_w, steady_energy_pj(run)),
    )


def sampling_dict(run: Run) -> dict[str, Any] | None:
    """How much of the network was simulated and the standard errors of that; null: all of it."""
    sampling, error = run.result.sampling, sampling_error(run)
    if sampling is None or error is None:
        return None
    errors = {f"{name}_error": part for name, part in error._asdict().items()}
    return {"simulated_tokens_of_stages": sampling.simulated, "tokens_of_stages": sampling.of, **errors}


def static_energy_pj(ledger: EnergyLedger) -> float:
    """Energy of static power, pJ."""
    rows = ledger.rows
    return math.fsum(float(pj) for pj in rows.loc[rows["component"] == "static", "energy_pj"])


def _part(error: float | None, factor: float, whole: float) -> float | None:
    """``error`` x ``factor`` over ``whole``."""
    return None if error is None else error * factor / whole if whole else 0.0
