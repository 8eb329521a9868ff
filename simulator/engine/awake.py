"""For how long cores and chips are at work: while a stage that uses them works on a token."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulator.arrays import Ints
from simulator.mapping.mapped import Mapped


def awake_core_ps(spans: pd.DataFrame, mapped: Mapped) -> int:
    """Core-picoseconds over all cores.

    A core serves the stages of which it is a home core or holds a block. Stages that share a core never work at the
    same time (`simulator.engine.schedule.check_pipeline`), so their times add up.
    """
    taken = (spans["end_ps"] - spans["start_ps"]).groupby(spans["stage"]).sum()
    cores = stage_cores(mapped)
    return sum(int(ps) * len(cores[str(stage)]) for stage, ps in taken.items())


def awake_chip_ps(spans: pd.DataFrame, mapped: Mapped) -> int:
    """Chip-picoseconds over all chips: the time in which at least one stage on a chip is under way."""
    chip_of = mapped.placement.chip_of(mapped.placement.core_router)
    chips = {stage: set(chip_of[sorted(cores)].tolist()) for stage, cores in stage_cores(mapped).items()}
    at = spans.groupby("stage", sort=False).indices
    bounds = spans[["start_ps", "end_ps"]].to_numpy()
    found = 0
    for chip in set().union(*chips.values()):
        on_chip = [at[stage] for stage, of_stage in chips.items() if chip in of_stage and stage in at]
        found += _covered(bounds[np.concatenate(on_chip)]) if on_chip else 0
    return found


def stage_cores(mapped: Mapped) -> dict[str, set[int]]:
    """Stage -> its home cores and the cores of the blocks that it drives."""
    placement = mapped.placement
    return {
        stage.stage_id: {block.core for owner in (stage.stage_id, *stage.layers) for block in placement.of(owner)}
        for stage in mapped.trace.stages
    }


def _covered(spans: Ints) -> int:
    """Length of the union of intervals, int64 [n, 2]."""
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    reached = np.maximum.accumulate(spans[:, 1])
    before = np.concatenate([spans[:1, 0], reached[:-1]])
    return int(np.maximum(reached - np.maximum(before, spans[:, 0]), 0).sum())
