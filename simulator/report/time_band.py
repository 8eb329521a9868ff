"""What the ranges of the times of a chip file do to the time of a token, without another simulation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulator.config.chip import ChipConfig
from simulator.config.time_bounds import at_time_bound
from simulator.mapping.storage import stores
from simulator.report.run import Run, once_per_run

SAMPLED_TOKENS = 4  # that stand for the trace; both ends take the same ones


@once_per_run
def time_band(run: Run) -> tuple[float, float]:
    """Time of a token in ps with every time at its low end, and at its high end.

    The simulated time is scaled by what the closed form of the mapper makes of the moved times
    (`simulator.mapper.estimate`), which need not grow with each of them: the band holds the value in any case.
    """
    value = _closed_form_ps(run, run.chip)
    if value <= 0:
        return run.time_per_token_ps, run.time_per_token_ps
    low, high = (_closed_form_ps(run, at_time_bound(run.chip, end)) / value for end in ("low", "high"))
    return run.time_per_token_ps * min(low, 1.0), run.time_per_token_ps * max(high, 1.0)


def _closed_form_ps(run: Run, chip: ChipConfig) -> float:
    """Time from one token to the next, of a few tokens that stand for all."""
    # Loaded late: reports are read, and printed, without kernels.
    from simulator.mapper.estimate import estimate
    from simulator.mapper.stage_cost import CostModel
    from simulator.mapper.stage_work import stage_works

    trace = run.trace
    places = np.unique(np.linspace(0, trace.n_tokens - 1, min(trace.n_tokens, SAMPLED_TOKENS)).round().astype(np.int64))
    sample = trace.take(places)
    mapped = replace(run.mapped, chip=chip)
    works = stage_works(sample, chip, stores(mapped.stored, sample), whole=trace)
    works = [work for work in works if work.trace.n_tokens]
    return estimate(mapped, works, CostModel(chip), pipelined=run.result.steady.pipelined).interval_ps
