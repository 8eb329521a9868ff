"""The schedule that a mapping allows: a pipeline needs stages with cores of their own."""

from __future__ import annotations

from simulator.config.chip import ChipConfig


def as_scheduled(chip: ChipConfig) -> ChipConfig:
    """``chip``, with schedule ``auto`` made sequential where stages share cores; an explicit pipeline stays one."""
    mapping, schedule = chip.mapping, chip.schedule
    shared = mapping.share_cores or mapping.weights == "streamed"
    if schedule.kind != "auto" or not shared:
        return chip
    return chip.model_copy(update={"schedule": schedule.model_copy(update={"kind": "sequential"})})
