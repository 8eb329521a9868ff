"""The shape of a network: a mesh or torus, its links, its routers, the model of its timing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from simulator.arrays import Ints
from simulator.choices import NetworkModel
from simulator.engine.kernels.carry import NetworkArrays
from simulator.engine.kernels.closed_form_workspace import FAMILIES, TICKS, closed_workspace
from simulator.engine.kernels.mesh_vc_workspace import mesh_vc_workspace
from simulator.engine.kernels.mesh_workspace import LINK_CYCLES, LINK_CYCLES_MAX, ONE_VC, mesh_workspace
from simulator.engine.kernels.network_records import LinkTotals
from simulator.errors import SpikewattError

SIDE_MAX = 8191  # hops in one direction that a flit can count
BUFFER_FLITS_MAX = 255

RouterFamily = Literal["P", "N", "R", "V"]
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
            in_range(f"mesh.{name}", side, 1, SIDE_MAX)
        if self.topology not in TOPOLOGIES:
            raise SpikewattError(f"mesh.topology: {self.topology!r}, expected one of {', '.join(TOPOLOGIES)}")
        for name, links, least in (("extra", self.extra, 0), ("interval", self.interval, 1)):
            if links is None:
                continue
            if np.shape(links) != (self.n_routers, 5):
                raise SpikewattError(f"mesh.{name}: shape {np.shape(links)}, expected ({self.n_routers}, 5)")
            for extreme in (np.min(links), np.max(links)):
                in_range(f"mesh.{name}", int(extreme), least, LINK_CYCLES_MAX - LINK_CYCLES)

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

    family: RouterFamily = "P"
    buffer_flits: int = 8

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise SpikewattError(f"router.family: {self.family!r}, expected one of {', '.join(FAMILIES)}")
        in_range("router.buffer_flits", self.buffer_flits, 1, BUFFER_FLITS_MAX)

    @classmethod
    def named(cls, name: str) -> Self:
        """The router of a name like ``P8``: its family, then the depth of its FIFOs."""
        parts = re.fullmatch(r"([A-Z])(\d+)", name)
        if parts is None:
            raise SpikewattError(f"router: {name!r}, expected a family and a depth such as P8")
        return cls(parts[1], int(parts[2]))  # type: ignore[arg-type]


def network_arrays(
    mesh: Mesh, router: Router, model: NetworkModel = "cycle", places: int = 0, passed: int | None = None
) -> NetworkArrays:
    """An idle network for `simulator.engine.kernels.carry.carry`, with its model alone.

    ``places`` is the number of places in front of a core, 0 for any number; only routers with one channel, cycle by
    cycle, push back where it is exceeded. Packets of one call pass at most ``passed`` routers; None: all.
    """
    links = LinkTotals(np.zeros(mesh.n_routers * 5, np.int64), np.zeros(mesh.n_routers * 5, np.int64))
    shape, timing = (mesh.x, mesh.y, router.buffer_flits), (mesh.extra, mesh.interval)
    one_vc = vc = closed = None
    if model != "cycle":
        closed = closed_workspace(*shape, router.family, *timing, mesh.torus, model == "estimate")
    elif router.family == "V":
        vc = mesh_vc_workspace(*shape, *timing, passed)
    else:
        one_vc = mesh_workspace(*shape, ONE_VC[router.family], *timing, mesh.torus, passed)
    places = places if one_vc is not None else 0
    return NetworkArrays(links, one_vc, vc, closed, places, np.zeros(mesh.n_routers if places else 0, np.int64))


def wait_units(network: NetworkArrays) -> int:
    """Units of a cycle in which a network counts waiting: ticks in the closed forms."""
    return 1 if network.closed is None else TICKS


def peak_queue(network: NetworkArrays) -> Ints:
    """int64 [routers * 5]: most flits at once in the FIFO behind each link; zero in the closed forms."""
    if network.mesh is not None:
        return network.mesh.peak
    return np.zeros_like(network.links.flits) if network.mesh_vc is None else network.mesh_vc.peak


def in_range(name: str, value: int, least: int, most: int) -> None:
    """Raise SpikewattError for a value outside of ``least..most``."""
    if not least <= value <= most:
        raise SpikewattError(f"{name}: {value}, expected {least}..{most}")
