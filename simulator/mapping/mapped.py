"""The Mapped record: a trace, the chip it is mapped on, where its blocks are and what else is in memory."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.config.chip import ChipConfig
from simulator.mapping.placement import Placement
from simulator.mapping.replayed import as_replayed
from simulator.mapping.scheduled import as_scheduled
from simulator.mapping.storage import Stored, place_storage
from simulator.mapping.storage_checks import check_storage
from simulator.trace.trace import Trace


@dataclass(frozen=True)
class Mapped:
    """A trace on a chip, as `simulator.mapping.place.map_trace` makes it: the input of every simulation.

    Attributes
    ----------
    trace, chip
        What is replayed, and on what.
    placement
        Which block of the trace's program is on which core of the chip.
    stored
        What is in memory besides the weights, in program order.
    """

    trace: Trace
    chip: ChipConfig
    placement: Placement
    stored: tuple[Stored, ...]

    @property
    def uses_dram(self) -> bool:
        """Whether anything lies in the DRAM of the chips: what the mapping put there, or streamed weights."""
        return bool(self.placement.streamed) or any(item.store == "dram" for item in self.stored)

    @classmethod
    def at(cls, trace: Trace, chip: ChipConfig, placement: Placement) -> Mapped:
        """``trace`` on ``chip`` at a placement, whoever made it, with everything in memory besides the weights.

        Raises
        ------
        CapacityError
            When a memory of the chip is too small for its part (`storage_checks`).
        """
        chip = as_scheduled(chip)
        trace = as_replayed(trace, chip)
        stored = place_storage(trace, chip, placement)
        check_storage(stored, trace, chip, placement)
        return cls(trace, chip, placement, stored)
