"""What the closed forms of the network need: the links, and sums per pair of ports, empty between calls."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F64, Ints
from simulator.engine.kernels.mesh_workspace import FAMILY_V, LINK, ONE_VC, link_records

FAMILIES = {**ONE_VC, "V": FAMILY_V}
TICKS = 1024  # per cycle
TICK_BITS = 10


class ClosedWorkspace(NamedTuple):
    """Arrays of `closed_form.carry_closed`.

    Attributes
    ----------
    estimate
        Whether packets wait the mean time of steady traffic; otherwise none waits (``ideal``).
    family, buffer_flits
        Of the routers.
    x, y
        Coordinates of each router.
    ring_x, ring_y
        Routers in the rings of a torus; 0 on a mesh.
    port
        `LINK` record of each port.
    work, packets, moved
        Per ``port * 8 + input``: cycles that packets keep the output busy, packets, flits.
    source_flits, source_packets, source_first
        Per router: what its source sends, and the cycle in which the first of it joins.
    first_grant
        Per port: cycle in which the first flit can be granted.
    waiting
        Per pair: mean waiting at its port; -1 when not found yet.
    head
        Per pair: mean cycles that the head of the FIFO waits for the output.
    at_port
        Per port: mean waiting for the output; -1 when not found yet.
    touched
        Pairs in use.
    peak
        Highest load of a port found so far, over all calls, the port that has it, and what is loaded: 0 an output, 1 an
        input, 2 the FIFO of an input.
    """

    estimate: bool
    family: int
    buffer_flits: int
    x: Ints
    y: Ints
    ring_x: int
    ring_y: int
    port: NDArray[Any]
    work: F64
    packets: Ints
    moved: Ints
    source_flits: Ints
    source_packets: Ints
    source_first: Ints
    first_grant: Ints
    waiting: F64
    head: F64
    at_port: F64
    touched: Ints
    peak: F64


def closed_workspace(
    mesh_x: int,
    mesh_y: int,
    buffer_flits: int,
    family: str = "P",
    extra: Ints | None = None,
    interval: Ints | None = None,
    torus: bool = False,
    estimate: bool = False,
) -> ClosedWorkspace:
    """Empty sums for a mesh; parameters as in `mesh_workspace`, ``family`` by its letter."""
    n = mesh_x * mesh_y

    def ints(per_router: int) -> Ints:
        return np.zeros(n * per_router, np.int64)

    return ClosedWorkspace(
        estimate=estimate,
        family=FAMILIES[family],
        buffer_flits=buffer_flits,
        x=np.arange(n, dtype=np.int64) % mesh_x,
        y=np.arange(n, dtype=np.int64) // mesh_x,
        ring_x=mesh_x if torus else 0,
        ring_y=mesh_y if torus else 0,
        port=link_records(LINK, mesh_x, n, extra, interval, torus).reshape(-1).view(np.recarray),
        work=np.zeros(n * 64),
        packets=ints(64),
        moved=ints(64),
        source_flits=ints(1),
        source_packets=ints(1),
        source_first=ints(1),
        first_grant=ints(8),
        waiting=np.full(n * 64, -1.0),
        head=np.zeros(n * 64),
        at_port=np.full(n * 8, -1.0),
        touched=ints(25),
        peak=np.zeros(3),
    )


def closed_bytes(n: int) -> int:
    """Bytes of a `closed_workspace` of ``n`` routers."""
    return n * (8 * LINK.itemsize + 8 * (2 + 5 * 64 + 3 + 2 * 8 + 25))
