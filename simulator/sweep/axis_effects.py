"""What the objectives of a sweep cannot feel of its axes, found from the chip files before any point is simulated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulator.config.chip import ChipConfig
from simulator.config.price_overrides import is_price
from simulator.config.sweep_axes import AxisValue, Range
from simulator.energy.area import chip_area
from simulator.energy.prices import chip_prices, static_power_w
from simulator.errors import SpikewattError
from simulator.report.format import format_power
from simulator.sweep.price_groups import timing_key
from simulator.sweep.sampling import Values
from simulator.sweep.space import Space, in_chip

HARDWARE = ("chip.", "core.", "dram.", "memory.", "noc.", "vector.")  # what is built, and so costs energy or area
TIMED = ("latency.", "counts.", "utilization.", "storage.", "neurobench.", "steady.time", "steady.tokens")
ENERGY = ("energy.", "steady.energy")


def axis_notes(space: Space, values: Values, mapping: str) -> list[str]:
    """A sentence for every axis that an objective does not feel, or that changes no price.

    Parameters
    ----------
    space
        Makes the chips.
    values
        Those of a point: the other axes stay at them.
    mapping
        ``auto`` where the mapper chooses widths, which looks at prices.
    """
    notes = []
    for axis in filter(in_chip, space.config.axes):
        chips = list(_along(space, axis, values))
        if len(chips) > 1:
            notes += [f"axis {axis}: {note}" for note in _notes(axis, chips, space.config.objectives, mapping)]
    return notes


def _along(space: Space, axis: str, values: Values) -> Iterator[ChipConfig]:
    """The chips at the values of one axis; of a range, at both ends. Values that are refused are left out."""
    entry = space.config.axes[axis]
    tried: Sequence[AxisValue] = (entry.at(0.0), entry.at(0.999999)) if isinstance(entry, Range) else entry
    for value in tried:
        try:
            yield space.chip(values | {axis: value})
        except SpikewattError:
            continue


def _notes(axis: str, chips: Sequence[ChipConfig], objectives: Sequence[str], mapping: str) -> Iterator[str]:
    """What the objectives do not feel of chips that differ in one axis."""
    same_time = mapping == "chip" and _same(timing_key(chip) for chip in chips)
    same_area = _same(chip_area(chip) for chip in chips)
    for objective in objectives:
        if objective.startswith(TIMED) and same_time:
            yield f"objective {objective} does not depend on it, because it is only a price"
        if objective.startswith("area.") and same_area:
            only = "only depends on it by the number of chips" if "total" in objective else "does not depend on it"
            yield f"objective {objective} {only}, because the chip file gives every value the same area"
    energies = [objective for objective in objectives if objective.startswith(ENERGY)]
    if energies and axis.startswith(HARDWARE) and not is_price(axis) and _same(_prices(chip) for chip in chips):
        static = static_power_w(chips[0])
        leak = f" and the same static power ({format_power(static)})" if static else ""
        yield (
            f"the chip file gives every value the same prices{leak}; {energies[0]} depends on it only by counts and"
            " time"
        )


def _prices(chip: ChipConfig) -> list[tuple[str, float]]:
    return [(name, price.pj_per_count) for name, price in chip_prices(chip).items()]


def _same(found: Iterator[object]) -> bool:
    first, *others = map(repr, found)  # repr: NaN equals itself
    return all(other == first for other in others)
