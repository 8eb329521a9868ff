"""Memory that a network takes while packets pass it, from sizes alone: no array of it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from simulator.config.chip import ChipConfig
from simulator.engine.kernels.closed_form_workspace import closed_bytes
from simulator.engine.kernels.mesh_vc_workspace import mesh_vc_bytes
from simulator.engine.kernels.mesh_workspace import SlowestLink, mesh_bytes
from simulator.engine.network.links import N_PORTS
from simulator.mapping.capacity import ceil_div
from simulator.trace.trace import Trace


class Mesh(Protocol):
    """Chips and their routers; a `Placement` is one."""

    @property
    def n_chips(self) -> int:
        """Chips."""

    @property
    def routers(self) -> int:
        """Routers of all chips, those of a last row that is not full included."""


@dataclass(frozen=True)
class SmallestMesh:
    """The mesh that a trace takes at least."""

    n_chips: int
    routers: int


def smallest_mesh(trace: Trace, chip: ChipConfig) -> SmallestMesh:
    """Chips and routers that a trace takes wherever it is mapped: a core holds so many weights and neurons."""
    limits, layers = chip.core.limits, trace.layers
    weights = sum(layer.n_in * layer.n_out * layer.weight_bits for layer in layers)
    outputs = sum(layer.n_out for layer in layers)
    resident = max(ceil_div(weights, 8 * chip.core.sram.capacity), ceil_div(outputs, limits.neurons), 1)
    n_chips = ceil_div(1 if chip.mapping.weights == "streamed" else resident, chip.chip.n_cores)
    return SmallestMesh(n_chips, n_chips * chip.chip.tiles_x * chip.chip.tiles_y)


def network_bytes(placement: Mesh, chip: ChipConfig, cycles: int, passed: int | None = None) -> int:
    """Bytes of a network that the longest of its runs writes to, a run of ``cycles`` cycles.

    Packets of a run pass at most ``passed`` routers; None: all.
    """
    noc, n = chip.noc, placement.routers
    links = 2 * 2 * 8 * N_PORTS * n  # of all packets, and of the values under way
    if noc.model != "cycle":
        return links + closed_bytes(n)
    slowest = slowest_link(placement, chip)
    if noc.router == "V":
        return links + mesh_vc_bytes(n, noc.buffer_flits, slowest, cycles, passed)
    return links + mesh_bytes(n, noc.buffer_flits, slowest, cycles, asks=noc.router == "R", passed=passed)


def slowest_link(placement: Mesh, chip: ChipConfig) -> SlowestLink:
    """Most cycles of a link beyond the router's own, and of a flit of it."""
    noc = chip.noc
    extra, interval = max(noc.extra_cycles_x, noc.extra_cycles_y), 1
    if noc.chip_link is not None and placement.n_chips > 1:
        extra, interval = extra + noc.chip_link.extra_cycles, noc.chip_link.cycles_per_flit
    return SlowestLink(extra, interval)
