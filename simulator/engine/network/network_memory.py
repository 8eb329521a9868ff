"""Memory that a network takes while packets pass it, from sizes alone: no array of it is made."""

from __future__ import annotations

from simulator.config.chip import ChipConfig
from simulator.engine.kernels.closed_form_workspace import closed_bytes
from simulator.engine.kernels.mesh_vc_workspace import mesh_vc_bytes
from simulator.engine.kernels.mesh_workspace import SlowestLink, mesh_bytes
from simulator.engine.network.links import N_PORTS
from simulator.mapping.placement import Placement


def network_bytes(placement: Placement, chip: ChipConfig, cycles: int, passed: int | None = None) -> int:
    """Bytes of a network that the longest of its runs writes to, a run of ``cycles`` cycles.

    Packets of a run pass at most ``passed`` routers; None: all.
    """
    noc, n = chip.noc, placement.mesh_x * placement.mesh_y
    links = 2 * 2 * 8 * N_PORTS * n  # of all packets, and of the values under way
    if noc.model != "cycle":
        return links + closed_bytes(n)
    slowest = slowest_link(placement, chip)
    if noc.router == "V":
        return links + mesh_vc_bytes(n, noc.buffer_flits, slowest, cycles, passed)
    return links + mesh_bytes(n, noc.buffer_flits, slowest, cycles, asks=noc.router == "R", passed=passed)


def slowest_link(placement: Placement, chip: ChipConfig) -> SlowestLink:
    """Most cycles of a link beyond the router's own, and of a flit of it."""
    noc = chip.noc
    extra, interval = max(noc.extra_cycles_x, noc.extra_cycles_y), 1
    if noc.chip_link is not None and placement.n_chips > 1:
        extra, interval = extra + noc.chip_link.extra_cycles, noc.chip_link.cycles_per_flit
    return SlowestLink(extra, interval)
