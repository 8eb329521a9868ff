"""The units of a core, the stages of its pipeline: how long each worked, was blocked, or had nothing to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
import pandas as pd

from simulator.actions import core_units
from simulator.arrays import Ints
from simulator.errors import ConservationError
from simulator.mapping.placement import Placement

UNITS = core_units()


@dataclass(frozen=True)
class UnitLoad:
    """Times of the units of every core of the chips in use, in ps.

    Attributes
    ----------
    busy_ps
        int64 [units, cores]: own work, in the order of `UNITS`.
    stall_ps
        int64 [units, cores]: time in which a unit had done its part of a packet, or of an op, and waited for a slower
        one or for the overhead of the core.
    active_ps
        int64 [3, cores]: time in which a stage of the program that the core takes part in was under way; of that, what
        the network added to its timesteps, and its barriers.
    """

    busy_ps: Ints
    stall_ps: Ints
    active_ps: Ints
    lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    @classmethod
    def idle(cls, placement: Placement) -> UnitLoad:
        """Nothing done yet."""
        shape = len(UNITS), placement.cores_total
        return cls(np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros((3, shape[1]), np.int64))

    def work(self, unit: str, cores: Ints, ps: Ints | int) -> None:
        """A unit of ``cores``, which may repeat, works for ``ps`` and waits for no other."""
        self._add(self.busy_ps, unit, cores, ps)

    def lockstep(
        self, cores: Ints, parts: Mapping[str, Ints | int], taken_ps: Ints | int, times: Ints | int = 1
    ) -> None:
        """Units of ``cores`` work side by side, ``times`` over, until the last is done at ``taken_ps``.

        ``parts`` is the time of each; one without any takes no part. All are broadcast against each other.
        """
        for unit, ps in parts.items():
            self.work(unit, cores, ps * times)
            held_up = (taken_ps - ps) * (np.asarray(ps) > 0)
            self._add(self.stall_ps, unit, cores, held_up * times)

    def active(self, cores: Ints, whole_ps: int, network_ps: int, barrier_ps: int) -> None:
        """A stage that ``cores`` take part in was under way for so long; none of them repeats."""
        with self.lock:
            self.active_ps[:, cores] += np.array([whole_ps, network_ps, barrier_ps])[:, None]

    def add_all(self, other: UnitLoad) -> None:
        """Add another load."""
        for name in ("busy_ps", "stall_ps", "active_ps"):
            getattr(self, name)[:] += getattr(other, name)

    def _add(self, to: Ints, unit: str, cores: Ints, ps: Ints | int) -> None:
        """Add to the entries of a unit at ``cores``, which may repeat."""
        at, amount = np.broadcast_arrays(cores, ps)
        with self.lock:
            np.add.at(to[UNITS.index(unit)], at, amount)

    def frame(self, placement: Placement, total_ps: int, overlapping: bool = False) -> pd.DataFrame:
        """One row per core in use and unit, see `SimResult.units`.

        Where stages are ``overlapping`` on a core, what their networks add may overlap as well, and with work.

        Raises
        ------
        ConservationError
            When a unit was at work for longer than the whole run.
        """
        cores = np.array(sorted({block.core for block in placement.blocks}), dtype=np.int64)
        busy, stall = self.busy_ps[:, cores].T.reshape(-1), self.stall_ps[:, cores].T.reshape(-1)
        idle = total_ps - busy - stall
        active, network, barrier = np.repeat(self.active_ps[:, cores], len(UNITS), axis=1)
        wait = active - busy - stall
        if overlapping:
            network = np.clip(network, 0, np.maximum(wait - barrier, 0))
        for i in np.flatnonzero((wait < network + barrier) | (wait > idle))[:1]:
            raise ConservationError(
                f"time: {UNITS[i % len(UNITS)]} of core {cores[i // len(UNITS)]}: busy {busy[i]}, stall {stall[i]},"
                f" wait {wait[i]} of {total_ps} ps, expected a wait of at least {network[i]} (network) and {barrier[i]}"
                " (barriers)"
            )
        return pd.DataFrame(
            {
                "core": np.repeat(cores, len(UNITS)),
                "unit": np.tile(UNITS, len(cores)),
                "busy_ps": busy,
                "stall_ps": stall,
                "idle_ps": idle,
                "wait_ps": wait,
                "network_ps": network,
                "barrier_ps": barrier,
            }
        )
