"""Packets through a mesh or torus network: the Python shell of the cycle-accurate kernels.

Rules of time: TIMING of the BookSim2 reference data. Routing is XY; every router has FIFOs of finite depth with credits
and round-robin arbitration. The families differ in what happens before a flit may cross a router:

- P: one allocation cycle, 3 cycles per hop;
- N: a packet first acquires its output, 4 cycles per hop;
- R: as N with a routing cycle before, 5 cycles per hop;
- V: as N with four virtual channels per link.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.arrays import Ints
from simulator.choices import NetworkModel
from simulator.engine.kernels.closed_form import carry_closed
from simulator.engine.kernels.closed_form_workspace import FAMILIES, TICKS, ClosedWorkspace, closed_workspace
from simulator.engine.kernels.core_service import LOG_FIELDS, Cores
from simulator.engine.kernels.mesh import simulate_mesh
from simulator.engine.kernels.mesh_vc import simulate_mesh_vc
from simulator.engine.kernels.mesh_vc_workspace import noc_workspace_vc
from simulator.engine.kernels.mesh_workspace import (
    LINK_CYCLES,
    LINK_CYCLES_MAX,
    ONE_VC,
    NocWorkspace,
    noc_workspace,
)
from simulator.engine.network.trees import NO_NODES, TreeTable, xy_tree
from simulator.errors import SpikewattError
from simulator.mapping.grid import Grid

SIDE_MAX = 8191  # hops in one direction that a flit can count
PACKETS_MAX = 1 << 30
BUFFER_FLITS_MAX = 255
CYCLE_MAX = 1 << 62

TOPOLOGIES = ("mesh", "torus")


@dataclass(frozen=True)
class Mesh:
    """A mesh of ``x`` times ``y`` routers, or a torus; the router at column cx and row cy has the id ``cy * x + cx``.

    Attributes
    ----------
    extra
        ``[n_routers, 5]`` cycles a flit takes beyond the normal link, per output (+x, -x, +y, -y, core); None: 0.
    interval
        ``[n_routers, 5]`` cycles from one flit of an output to the next; None: 1.
    topology
        ``torus``: rows and columns are rings, which packets go round the shorter way.
    """

    x: int
    y: int
    extra: Ints | None = None
    interval: Ints | None = None
    topology: Literal["mesh", "torus"] = "mesh"

    def __post_init__(self) -> None:
        for name, side in (("x", self.x), ("y", self.y)):
            _in_range(f"mesh.{name}", side, 1, SIDE_MAX)
        if self.topology not in TOPOLOGIES:
            raise SpikewattError(f"mesh.topology: {self.topology!r}, want one of {', '.join(TOPOLOGIES)}")
        for name, links, least in (("extra", self.extra, 0), ("interval", self.interval, 1)):
            if links is None:
                continue
            if np.shape(links) != (self.n_routers, 5):
                raise SpikewattError(f"mesh.{name}: shape {np.shape(links)}, want ({self.n_routers}, 5)")
            for extreme in (np.min(links), np.max(links)):
                _in_range(f"mesh.{name}", int(extreme), least, LINK_CYCLES_MAX - LINK_CYCLES)

    @property
    def n_routers(self) -> int:
        """Routers of the mesh."""
        return self.x * self.y

    @property
    def torus(self) -> bool:
        """Whether rows and columns are rings."""
        return self.topology == "torus"


@dataclass(frozen=True)
class Router:
    """The router at every place of a mesh: its family and the depth of its FIFOs (per virtual channel)."""

    family: Literal["P", "N", "R", "V"] = "P"
    buffer_flits: int = 8

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise SpikewattError(f"router.family: {self.family!r}, want one of {', '.join(FAMILIES)}")
        _in_range("router.buffer_flits", self.buffer_flits, 1, BUFFER_FLITS_MAX)

    @classmethod
    def named(cls, name: str) -> Self:
        """The router of a name like ``P8``: its family, then the depth of its FIFOs."""
        parts = re.fullmatch(r"([A-Z])(\d+)", name)
        if parts is None:
            raise SpikewattError(f"router: {name!r}, want a family and a depth such as P8")
        return cls(parts[1], int(parts[2]))  # type: ignore[arg-type]


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
) -> Delivered:
    """Carry packets from router to router.

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

    Raises
    ------
    SpikewattError
        For a packet outside of the mesh, of no flit, of a negative cycle, or arrays that do not fit each other; on a
        torus for packets of several sizes, FIFOs that do not hold two packets, or virtual channels.
    """
    cycles, sources, destinations, flits = _packets(cycle, src, dst, n_flits, mesh)
    if mesh.torus:
        _check_rings(flits, router)
    n = len(cycles)
    order = np.argsort(cycles, kind="stable")
    delivered = np.full(n, -1, np.int64)
    link_flits = np.zeros(mesh.n_routers * 5, np.int64)
    link_wait = np.zeros(mesh.n_routers * 5, np.int64)
    packets = (n, cycles[order], sources[order], destinations[order], flits[order])
    if model != "cycle":
        peak = np.zeros_like(link_flits)
        closed = _closed(mesh, router)
        last = carry_closed(
            *packets, delivered, link_flits, link_wait, model == "estimate", closed, NO_NODES, no_cores(), no_log()
        )
    elif router.family == "V":
        state = noc_workspace_vc(mesh.x, mesh.y, router.buffer_flits, mesh.extra, mesh.interval)
        peak = state.peak
        last = simulate_mesh_vc(*packets, delivered, link_flits, link_wait, state, no_cores(), no_log())
    else:
        workspace = _one_vc(mesh, router)
        peak = workspace.peak
        last = simulate_mesh(*packets, delivered, link_flits, link_wait, workspace, NO_NODES, no_cores(), no_log())
    in_given_order = np.empty(n, np.int64)
    in_given_order[order] = delivered
    if model != "cycle":
        waited = link_wait.reshape(-1, 5) / TICKS
        return Delivered(in_given_order / TICKS, link_flits.reshape(-1, 5), waited, peak.reshape(-1, 5), last / TICKS)
    links = (link_flits.reshape(-1, 5), link_wait.reshape(-1, 5), peak.reshape(-1, 5))
    return Delivered(in_given_order, *links, int(last))


def no_cores() -> Cores:
    """No core behind the routers: packets are delivered and not served."""
    none = np.zeros(0, np.int64)
    return 1, none, none, none, none, (0, none, none, none, none)


def no_log(rows: int = 0) -> NDArray[np.int64]:
    """Room for the deliveries of ``rows`` packets to members."""
    return np.full((rows, LOG_FIELDS), -1, np.int64)


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
        raise SpikewattError("router.family: 'V' takes no multicast, want one of P, N, R")
    empty = [i for i, routers in enumerate(trees) if not routers]
    if empty:
        raise SpikewattError(f"trees[{empty[0]}]: no router, want at least one")
    cycles, sources, _, flits = _packets(cycle, src, [routers[0] for routers in trees], n_flits, mesh)
    if mesh.torus:
        _check_rings(np.ones_like(flits), router)
    n = len(cycles)
    order = np.argsort(cycles, kind="stable")
    table, roots, grid = TreeTable(), np.zeros(n, np.int64), Grid(mesh.x, mesh.y, mesh.torus)
    for i, routers in enumerate(trees):
        members = np.unique(_column(f"trees[{i}]", routers, 0, mesh.n_routers - 1))
        roots[i] = table.add(xy_tree(int(sources[i]), members, grid), members)
    link_flits = np.zeros(mesh.n_routers * 5, np.int64)
    link_wait = np.zeros(mesh.n_routers * 5, np.int64)
    router_of = table.members
    free = np.zeros(mesh.n_routers, np.int64)
    log = no_log(len(router_of))
    workspace = _one_vc(mesh, router)
    last = simulate_mesh(
        n,
        cycles[order],
        sources[order],
        roots[order],
        flits[order],
        np.zeros(n, np.int64),
        link_flits,
        link_wait,
        workspace,
        table.nodes,
        (1, np.zeros(0, np.int64), router_of, np.zeros_like(router_of), free, no_cores()[5]),
        log,
    )
    found: tuple[dict[int, int], ...] = tuple({} for _ in range(n))
    for packet, member, at, *_ in log.tolist():
        found[order[packet]][int(router_of[member])] = at
    return Multicast(found, link_flits.reshape(-1, 5), link_wait.reshape(-1, 5), int(last))


def _one_vc(mesh: Mesh, router: Router) -> NocWorkspace:
    """Empty state of a network of routers with one channel."""
    family = ONE_VC[router.family]
    return noc_workspace(mesh.x, mesh.y, router.buffer_flits, family, mesh.extra, mesh.interval, mesh.torus)


def _closed(mesh: Mesh, router: Router) -> ClosedWorkspace:
    """Empty sums of a network in closed form."""
    return closed_workspace(mesh.x, mesh.y, router.buffer_flits, router.family, mesh.extra, mesh.interval, mesh.torus)


def _check_rings(flits: Ints, router: Router) -> None:
    """What keeps the rings of a torus from filling (`reference_noc`): one channel, one size, FIFOs of two packets."""
    if router.family == "V":
        raise SpikewattError("router.family: 'V' on a torus, want one of P, N, R")
    if flits.size and flits.min() != flits.max():
        raise SpikewattError(f"n_flits: {flits.min()} to {flits.max()} on a torus, want packets of one size")
    need = 2 * int(flits.max(initial=0))
    if router.buffer_flits < need:
        raise SpikewattError(
            f"router.buffer_flits: {router.buffer_flits} on a torus, want at least {need}, two packets"
            f" ({need - router.buffer_flits} flits missing)"
        )


def _packets(
    cycle: ArrayLike, src: ArrayLike, dst: ArrayLike, n_flits: ArrayLike, mesh: Mesh
) -> tuple[Ints, Ints, Ints, Ints]:
    """The four columns as int64 arrays of one length, every value in its range."""
    cycles = _column("cycle", cycle, 0, CYCLE_MAX)
    n = len(cycles)
    if n > PACKETS_MAX:
        raise SpikewattError(f"packets: {n}, want at most {PACKETS_MAX}; split the call")
    flits = np.full(n, n_flits) if np.ndim(n_flits) == 0 else n_flits
    columns = (
        _column("src", src, 0, mesh.n_routers - 1),
        _column("dst", dst, 0, mesh.n_routers - 1),
        _column("n_flits", flits, 1, CYCLE_MAX),
    )
    for name, column in zip(("src", "dst", "n_flits"), columns, strict=True):
        if len(column) != n:
            raise SpikewattError(f"{name}: {len(column)} values, want {n}, as many as in cycle")
    return (cycles, *columns)


def _column(name: str, values: ArrayLike, least: int, most: int) -> Ints:
    """``values`` as a contiguous int64 array whose every entry lies in ``least..most``."""
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise SpikewattError(f"{name}: {array.dtype} of shape {array.shape}, want integers in one dimension")
    outside = np.flatnonzero((array < least) | (array > most))
    if outside.size:
        at = int(outside[0])
        raise SpikewattError(f"{name}[{at}]: {array[at]}, want {least}..{most}")
    return np.ascontiguousarray(array, np.int64)


def _in_range(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise SpikewattError(f"{name}: {value}, want {least}..{most}")
