"""A chip with every time at the low or at the high end of its range."""

from __future__ import annotations

from typing import Any, Literal

from simulator.config.chip import ChipConfig
from simulator.config.chip_network import ChipLink
from simulator.config.field_types import Frozen
from simulator.config.provenance import Delay

End = Literal["low", "high"]


def at_time_bound(chip: ChipConfig, end: End) -> ChipConfig:
    """``chip`` with each time that has a bound at this ``end``; a time without one stays. Energies stay too."""
    moved: ChipConfig = _moved(chip, end)
    return moved


def has_time_range(chip: ChipConfig) -> bool:
    """Whether any time of the chip file has a range."""
    return any(at_time_bound(chip, end) != chip for end in ("low", "high"))


def _moved(record: Any, end: End) -> Any:
    """A record with the times below it moved."""
    changes = {}
    for name in type(record).model_fields:
        value = getattr(record, name)
        if isinstance(value, Frozen):
            changes[name] = _moved(value, end)
    if isinstance(record, Delay):
        bound = getattr(record, end)
        changes |= {} if bound is None else {"value": bound}
    if isinstance(record, ChipLink):
        bound = getattr(record, f"{end}_cycles_per_flit")
        changes |= {} if bound is None else {"cycles_per_flit": bound}
    return record.model_copy(update=changes)
