"""Static energy in closed form where idle cores or chips are switched off (`chip.gating`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from simulator.arrays import Ints
from simulator.energy.prices import find_price, static_power_w
from simulator.energy.static_parts import PARTS, static_names
from simulator.engine.awake import stage_cores
from simulator.mapper.stage_cost import CostModel
from simulator.mapper.stage_work import Floats
from simulator.mapping.mapped import Mapped

Chips = Sequence[Collection[int]]  # of each stage


class Awake(NamedTuple):
    """Picoseconds in which a stage that uses them is under way, summed over cores and over chips."""

    core_ps: float
    chip_ps: float

    @classmethod
    def of(cls, under_way: Floats, n_cores: Sequence[int] | Ints, chips: Chips, total_ps: float) -> Awake:
        """For how long each stage is under way within ``total_ps``, its cores, and the chips on which they are.

        Stages on one chip are taken to be under way one after another, as far as the whole time allows.
        """
        on_chip: dict[int, float] = {}
        for taken, of_stage in zip(under_way.tolist(), chips, strict=True):
            for chip in of_stage:
                on_chip[chip] = min(on_chip.get(chip, 0.0) + taken, total_ps)
        return cls(float(under_way @ np.asarray(n_cores)), sum(on_chip.values()))


def static_pj(model: CostModel, chip_ps: float, awake: Awake) -> float:
    """Static energy of chips in use for ``chip_ps``, pJ: what is off draws `chip.retention` of its power."""
    chip = model.chip
    powered = {
        "none": chip_ps,
        "core": awake.core_ps / chip.chip.n_cores,
        "chip": awake.chip_ps,
    }
    on_ps = min(powered[chip.chip.gating], chip_ps)
    gated_ps = on_ps + chip.chip.retention * (chip_ps - on_ps)
    total = 0.0
    for name in static_names(chip):
        price = find_price(chip, name)
        if price is None or (name == "static.dram" and not model.uses_dram):
            continue
        total += price.pj_per_count * (gated_ps if _is_gated(PARTS[name].of, chip.chip.gating) else chip_ps)
    return total


def _is_gated(of: str, gating: str) -> bool:
    """Whether a part of a core, a chip or the board is off while that is idle."""
    return gating != "none" and of != "board" and not (gating == "core" and of == "chip")


def static_of_mapped_pj(mapped: Mapped, model: CostModel, under_way: Floats, total_ps: float) -> float:
    """Static energy of all chips in use over ``total_ps``, in which each stage is under way for its part."""
    n_chips = mapped.placement.n_chips
    if model.chip.chip.gating == "none":
        return total_ps * n_chips * static_pj_per_ps(model)
    cores_of, chip_of = stage_cores(mapped), mapped.placement.chip_of(mapped.placement.core_router)
    cores = [cores_of[stage.stage_id] for stage in mapped.trace.stages]
    chips = [set(chip_of[sorted(of_stage)].tolist()) for of_stage in cores]
    return static_pj(model, total_ps * n_chips, Awake.of(under_way, [len(each) for each in cores], chips, total_ps))


def static_pj_per_ps(model: CostModel) -> float:
    """Static power of one chip, nothing switched off: pJ in a picosecond."""
    return static_power_w(model.chip, model.uses_dram)
