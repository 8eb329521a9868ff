"""Packets through a mesh or torus network without cores: the network model by itself, public as `simulate_packets`.

Rules of time: docs/network_timing.md. Routing is XY; every router has FIFOs of finite depth with credits
and round-robin arbitration. The families differ in what happens before a flit may cross a router:

- P: one allocation cycle, 3 cycles per hop;
- N: a packet first acquires its output, 4 cycles per hop;
- R: as N with a routing cycle before, 5 cycles per hop;
- V: as N with four virtual channels per link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.arrays import Ints
from simulator.choices import NetworkModel
from simulator.engine.kernels.carry import carry
from simulator.engine.kernels.network_records import NO_NODES, Cores, Traffic, empty_log, no_cores
from simulator.engine.network.overload import overload
from simulator.engine.network.shape import Mesh, Router, network_arrays, peak_queue, wait_units
from simulator.engine.network.trees import TreeTable, xy_tree
from simulator.errors import SpikewattError
from simulator.mapping.grid import Grid

PACKETS_MAX = 1 << 30
CYCLE_MAX = 1 << 62


@dataclass(frozen=True)
class Delivered:
    """What became of the packets.

    Attributes
    ----------
    cycle
        ``[n]`` cycle in which the last flit of each packet is delivered, in the order of the input; a float of
        1/1024 cycle where the model gives means (``estimate``).
    link_flits
        ``[n_routers, 5]`` flits sent per output (+x, -x, +y, -y, core).
    link_wait
        ``[n_routers, 5]`` cycles that heads of FIFOs have asked for this output in vain, all inputs added.
    link_peak
        ``[n_routers, 5]`` most flits at once in the FIFO behind this link; zero for the core and in closed form.
    last_cycle
        Cycle of the last delivery; -1 without packets.
    """

    cycle: Ints | NDArray[np.float64]
    link_flits: Ints
    link_wait: Ints | NDArray[np.float64]
    link_peak: Ints
    last_cycle: int | float

    @property
    def flit_hops(self) -> int:
        """Flits times the routers they went through."""
        return int(self.link_flits.sum())


def simulate_packets(
    cycle: ArrayLike,
    src: ArrayLike,
    dst: ArrayLike,
    n_flits: ArrayLike,
    mesh: Mesh,
    router: Router,
    model: NetworkModel = "cycle",
    refuse_overload: bool = True,
) -> Delivered:
    """Carry packets from router to router, on the network model of the engine and without cores.

    It is exact against BookSim2 for every reference trace (docs/validation.md). Example::

        from simulator import Mesh, Router, simulate_packets
        found = simulate_packets(cycle=[0, 3], src=[0, 1], dst=[2, 2], n_flits=1, mesh=Mesh(3, 1), router=Router("P"))

    Parameters
    ----------
    cycle
        ``[n]`` cycle in which each packet joins the queue of its source. Packets of one source leave in the order of
        their cycles; those of the same cycle in the order given.
    src, dst
        ``[n]`` routers.
    n_flits
        ``[n]`` flits per packet, or one number for all.
    mesh, router
        The network.
    model
        ``cycle``: flit by flit. ``estimate``: with the mean waiting of steady traffic, in closed form. ``ideal``: no
        packet waits, a lower bound (`reference_noc_closed` says what both are).
    refuse_overload
        Refuse ``estimate`` where a port is busy more than 0.9 of the time in which packets join, or a FIFO is full to
        more than 0.9 on average.

    Raises
    ------
    SpikewattError
        For a packet outside of the mesh, of no flit, of a negative cycle, or arrays that do not fit each other; on a
        torus for packets of several sizes, FIFOs that do not hold two packets, or virtual channels; for an
        overload, unless it is let pass.
    """
    cycles, sources, destinations, flits = _packets(cycle, src, dst, n_flits, mesh)
    if mesh.torus:
        _check_rings(flits, router)
    network, order = network_arrays(mesh, router, model), np.argsort(cycles, kind="stable")
    columns = (cycles[order], sources[order], destinations[order], flits[order])
    delivered = np.full(len(cycles), -1, np.int64)
    units = wait_units(network)
    last, _ = carry(Traffic(len(cycles), *columns, delivered, NO_NODES), network, no_cores(units), empty_log())
    if refuse_overload and (too_much := overload(network)):
        raise SpikewattError(too_much)
    in_given_order = np.empty_like(delivered)
    in_given_order[order] = delivered
    flits_of, waited, peak = network.links.flits, network.links.wait, peak_queue(network)
    links = flits_of.reshape(-1, 5), waited.reshape(-1, 5), peak.reshape(-1, 5)
    found = Delivered(in_given_order, *links, int(last))
    if units == 1:
        return found
    return replace(found, cycle=found.cycle / units, link_wait=found.link_wait / units, last_cycle=int(last) / units)


@dataclass(frozen=True)
class Multicast:
    """What became of multicast packets; the fields of `Delivered`, but the cycles are those of each copy.

    Attributes
    ----------
    cycle
        ``[n]`` for each packet its routers and the cycle in which its last flit is delivered there.
    """

    cycle: tuple[dict[int, int], ...]
    link_flits: Ints
    link_wait: Ints
    last_cycle: int


def simulate_multicast(
    cycle: ArrayLike, src: ArrayLike, trees: Sequence[Sequence[int]], n_flits: ArrayLike, mesh: Mesh, router: Router
) -> Multicast:
    """Carry packets along XY trees, packet i to all the routers ``trees[i]``; for the rest see `simulate_packets`.

    Raises
    ------
    SpikewattError
        As `simulate_packets`; also for a packet to no router, and for routers that take no multicast (family V).
    """
    if router.family == "V":
        raise SpikewattError("router.family: 'V' takes no multicast, expected one of P, N, R")
    empty = [i for i, routers in enumerate(trees) if not routers]
    if empty:
        raise SpikewattError(f"trees[{empty[0]}]: no router, expected at least one")
    cycles, sources, _, flits = _packets(cycle, src, [routers[0] for routers in trees], n_flits, mesh)
    if mesh.torus:
        _check_rings(np.ones_like(flits), router)
    n, network, grid = len(cycles), network_arrays(mesh, router), Grid(mesh.x, mesh.y, mesh.torus)
    order = np.argsort(cycles, kind="stable")
    table, roots = TreeTable(), np.zeros(n, np.int64)
    for i, routers in enumerate(trees):
        members = np.unique(_column(f"trees[{i}]", routers, 0, mesh.n_routers - 1))
        roots[i] = table.add(xy_tree(int(sources[i]), members, grid), members)
    router_of, log = table.members, empty_log(len(table.members))
    columns = (cycles[order], sources[order], roots[order], flits[order])
    last, _ = carry(
        Traffic(n, *columns, np.zeros(n, np.int64), table.nodes), network, _router_as_core(router_of, mesh), log
    )
    found: tuple[dict[int, int], ...] = tuple({} for _ in range(n))
    for packet, member, at in zip(*(log[field].tolist() for field in ("packet", "member", "cycle")), strict=True):
        found[order[packet]][int(router_of[member])] = at
    return Multicast(found, network.links.flits.reshape(-1, 5), network.links.wait.reshape(-1, 5), int(last))


def _router_as_core(router_of: Ints, mesh: Mesh) -> Cores:
    """One core per router that serves in no time, so that every delivery is logged."""
    free = np.zeros(mesh.n_routers, np.int64)
    return no_cores()._replace(server=router_of, service_ps=np.zeros_like(router_of), free_ps=free)


def _check_rings(flits: Ints, router: Router) -> None:
    """What keeps the rings of a torus from filling (`reference_noc`): one channel, one size, FIFOs of two packets."""
    if router.family == "V":
        raise SpikewattError("router.family: 'V' on a torus, expected one of P, N, R")
    if flits.size and flits.min() != flits.max():
        raise SpikewattError(f"n_flits: {flits.min()} to {flits.max()} on a torus, expected packets of one size")
    need = 2 * int(flits.max(initial=0))
    if router.buffer_flits < need:
        raise SpikewattError(
            f"router.buffer_flits: {router.buffer_flits} on a torus, expected at least {need}, two packets"
            f" ({need - router.buffer_flits} flits missing)"
        )


def _packets(
    cycle: ArrayLike, src: ArrayLike, dst: ArrayLike, n_flits: ArrayLike, mesh: Mesh
) -> tuple[Ints, Ints, Ints, Ints]:
    """The four columns as int64 arrays of one length, every value in its range."""
    cycles = _column("cycle", cycle, 0, CYCLE_MAX)
    n = len(cycles)
    if n > PACKETS_MAX:
        raise SpikewattError(f"packets: {n}, expected at most {PACKETS_MAX}; split the call")
    flits = np.full(n, n_flits) if np.ndim(n_flits) == 0 else n_flits
    columns = (
        _column("src", src, 0, mesh.n_routers - 1),
        _column("dst", dst, 0, mesh.n_routers - 1),
        _column("n_flits", flits, 1, CYCLE_MAX),
    )
    for name, column in zip(("src", "dst", "n_flits"), columns, strict=True):
        if len(column) != n:
            raise SpikewattError(f"{name}: {len(column)} values, expected {n}, as many as in cycle")
    return (cycles, *columns)


def _column(name: str, values: ArrayLike, least: int, most: int) -> Ints:
    """``values`` as a contiguous int64 array whose every entry lies in ``least..most``."""
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise SpikewattError(f"{name}: {array.dtype} of shape {array.shape}, expected integers in one dimension")
    outside = np.flatnonzero((array < least) | (array > most))
    if outside.size:
        at = int(outside[0])
        raise SpikewattError(f"{name}[{at}]: {array[at]}, expected {least}..{most}")
    return np.ascontiguousarray(array, np.int64)
