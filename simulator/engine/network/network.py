"""The network of a placement on a chip: its arrays for the kernels, and what its flits have done so far."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.engine.kernels.carry import NetworkArrays
from simulator.engine.kernels.network_records import LinkTotals
from simulator.engine.kernels.value_transfer import ValuePackets, run_transfer
from simulator.engine.network.links import N_PORTS, link_timing
from simulator.engine.network.overload import overload, peak_load
from simulator.engine.network.shape import Mesh, Router, network_arrays, peak_queue, wait_units
from simulator.mapping.placement import Placement


@dataclass(frozen=True)
class CarriedValues:
    """A transfer step through the network, which is the same for every token.

    Attributes
    ----------
    taken_ps
        Until the last value is served.
    stall_ps
        int64 [receivers]: how long each receiver kept packets out.
    outputs
        int64 [n]: the outputs that carried something, few of those of a large mesh.
    links
        Flits and waiting on each of them, int64 [n].
    """

    taken_ps: int
    stall_ps: Ints
    outputs: Ints
    links: LinkTotals


class Network:
    """The mesh of a placement on a chip, with what its flits have done so far.

    Attributes
    ----------
    arrays
        What the kernels take; flits and waiting add to this network's.
    """

    def __init__(self, placement: Placement, chip: ChipConfig, passed: int | None = None) -> None:
        """``passed``: routers that the packets of one call pass at most (`engine.reach`); None: all."""
        noc = chip.noc
        extra, interval = (links.reshape(-1, N_PORTS) for links in link_timing(placement, chip))
        mesh = Mesh(placement.mesh_x, placement.mesh_y, extra, interval, noc.topology)
        router = Router(noc.router, noc.buffer_flits)
        places = chip.core.axon_in.fifo_packets or 0
        self.arrays: NetworkArrays = network_arrays(mesh, router, noc.model, places, passed)
        self._cycle_ps = chip.noc.cycle.value
        self._of_values = LinkTotals(np.zeros_like(self.flits), np.zeros_like(self.wait))  # zero between the calls

    @property
    def flits(self) -> Ints:
        """int64 [routers * 5]: flits that each output sent."""
        return self.arrays.links.flits

    @property
    def wait(self) -> Ints:
        """int64 [routers * 5]: cycles in which heads waited for each output, in `wait_units` a cycle.

        In closed form, what they wait on average.
        """
        return self.arrays.links.wait

    @property
    def wait_units(self) -> int:
        """Units of a cycle in which waiting is counted."""
        return wait_units(self.arrays)

    @property
    def peak_queue(self) -> Ints:
        """int64 [routers * 5]: most flits at once in the FIFO behind each link; zero in the closed forms."""
        return peak_queue(self.arrays)

    @property
    def peak_load(self) -> float:
        """Highest share of time in which a port was busy in any step; 0 but in the closed forms."""
        return peak_load(self.arrays)

    @property
    def overload(self) -> str:
        """Which port has more to do than the mean of steady traffic describes, in a line; empty where none has."""
        return overload(self.arrays)

    @contextmanager
    def standing_for(self, weight: int) -> Iterator[None]:
        """Packets wait ``weight`` times as long within: each token simulated stands for so many."""
        before = None if weight == 1 else self.wait.copy()
        yield
        if before is not None:
            self.wait[:] += (weight - 1) * (self.wait - before)

    def carry_values(self, packets: ValuePackets) -> CarriedValues:
        """One transfer step from an idle network; `count_values` counts it."""
        stall_ps = np.zeros(len(packets.receiver_router), np.int64)
        links = self._of_values
        taken_ps = run_transfer(packets, self._cycle_ps, self.arrays._replace(links=links), stall_ps)
        at = np.flatnonzero(links.flits | links.wait)
        carried = CarriedValues(int(taken_ps), stall_ps, at, LinkTotals(links.flits[at], links.wait[at]))
        links.flits[at] = links.wait[at] = 0
        return carried

    def count_values(self, values: CarriedValues, times: int, stands_for: int) -> None:
        """Count the flits of a step ``times`` times, for it is the same for every token; its waiting ``stands_for``."""
        self.flits[values.outputs] += values.links.flits * times
        self.wait[values.outputs] += values.links.wait * stands_for
