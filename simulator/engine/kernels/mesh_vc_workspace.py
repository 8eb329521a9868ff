"""The state of a mesh with virtual channels as arrays, made once and handed to its kernel in every call.

A *port* is ``router * 8 + p`` as in `mesh_workspace`; port 5 is the source, which feeds input 4. A *channel* is
``port * 4 + vc``: as an input a FIFO, as an output the right to a FIFO at the other end of the link. Inside a router a
channel is ``p * 4 + vc``, 0..19, and a set of channels is a mask of 20 bits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.arrays import Ints
from simulator.engine.kernels.mesh_workspace import (
    SlowestLink,
    event_wheel,
    link_records,
    pick_table,
    power_of_two,
    wheel_bytes,
)
from simulator.engine.kernels.network_records import Indices, Records, Wheel

VCS = 4
ALL_VCS = (1 << VCS) - 1
NO_CHANNEL = 31

ROUTER = np.dtype(
    [
        ("allocating", np.uint32),  # bit o: output o has a free channel and an input channel that wants one
        ("sending", np.uint32),  # bit o: output o has a channel that could send
        ("paused", np.uint32),  # bit o: output o must wait for the end of its interval
        ("listed", np.uint32),  # 1 while in the list of active routers
        ("used", np.uint32),  # 1 once it has acted in this call
    ]
)

PORT_VC = np.dtype(
    [
        # as an output
        ("wanting", np.uint32),  # input channels that want a channel of this output
        ("free", np.uint32),  # its channels without owner, 4 bits
        ("sendable", np.uint32),  # input channels that own one, hold a flit, and have a credit
        ("grant_pointer", np.uint32),  # over inputs
        ("link", np.uint32),  # router * 5 + output
        ("cycles", np.int32),  # from grant to arrival; the credit takes as long
        ("interval", np.int32),  # least distance of two flits
        ("peer", np.uint32),  # other end of the link
        # as an input
        ("accept_pointer", np.uint32),  # over outputs
        ("vc_pointer", np.uint32),  # over its channels
        # as a source
        ("queued", np.uint32),  # 1 while packets wait
        ("queue_head", np.uint32),  # first packet that waits
        ("queue_tail", np.uint32),  # last packet that waits
        ("queue_sent", np.uint32),  # flits of the first one already sent
        ("vc", np.uint32),  # channel used last
        ("listed", np.uint32),  # 1 while in the list of active sources
    ]
)

CHANNEL = np.dtype(  # four to a cache line
    [
        # as an output
        ("credits", np.int32),  # free places in the FIFO at the other end
        ("owner", np.uint8),  # input channel that holds it, or NO_CHANNEL
        ("grant_pointer", np.uint8),  # over input channels
        # as an input
        ("output", np.uint8),  # output channel it owns, else NO_CHANNEL
        ("accept_pointer", np.uint8),  # over output channels
        ("ring", np.uint32),  # where its FIFO starts
        ("read", np.uint8),  # place of the head in the FIFO
        ("write", np.uint8),  # place of the next flit
        ("stored", np.uint8),  # flits that have arrived
        ("unused", np.uint8),
    ]
)


class MeshVcWorkspace(NamedTuple):
    """Arrays of the kernel with virtual channels; empty between calls.

    Attributes
    ----------
    ring_mask
        A FIFO is a ring of ``ring_mask + 1`` flits.
    x, y, fifo, wheel, peak
        As in `MeshWorkspace`; the wheel holds channels, or ports for the kind WAKE, and no cargo.
    router, port, channel
        `ROUTER`, `PORT_VC` and `CHANNEL` records.
    active, now, sources, used
        Routers that can act in the next and in this cycle, sources that may send, routers used in this call.
    pick
        As in `MeshWorkspace`.
    """

    ring_mask: int
    x: Ints
    y: Ints
    router: Records
    port: Records
    channel: Records
    fifo: Ints
    wheel: Wheel
    peak: Ints
    active: Indices
    now: Indices
    sources: Indices
    used: Indices
    pick: Indices


def mesh_vc_workspace(
    mesh_x: int,
    mesh_y: int,
    buffer_flits: int,
    extra: Ints | None = None,
    interval: Ints | None = None,
    passed: int | None = None,
) -> MeshVcWorkspace:
    """Empty state of a mesh of routers with four virtual channels; parameters as in `mesh_workspace`."""
    n = mesh_x * mesh_y
    ring = power_of_two(buffer_flits)
    port = link_records(PORT_VC, mesh_x, n, extra, interval)
    port["free"] = ALL_VCS
    port["vc"] = VCS - 1  # so that channel 0 comes first
    channel = np.zeros((n, 8, VCS), CHANNEL)
    channel["credits"] = buffer_flits
    channel["owner"] = NO_CHANNEL
    channel["output"] = NO_CHANNEL
    channel["ring"] = np.arange(n * 8 * VCS).reshape(n, 8, VCS) * ring
    return MeshVcWorkspace(
        ring_mask=ring - 1,
        x=np.arange(n, dtype=np.int64) % mesh_x,
        y=np.arange(n, dtype=np.int64) // mesh_x,
        router=np.zeros(n, ROUTER).view(np.recarray),
        port=port.reshape(-1).view(np.recarray),
        channel=channel.reshape(-1).view(np.recarray),
        fifo=np.zeros(n * 8 * VCS * ring, np.int64),
        wheel=event_wheel(port, with_cargo=False, passed=passed),
        peak=np.zeros(n * 5, np.int64),
        active=np.zeros(n, np.uint32),
        now=np.zeros(n, np.uint32),
        sources=np.zeros(n, np.uint32),
        used=np.zeros(n, np.uint32),
        pick=pick_table(),
    )


def mesh_vc_bytes(n: int, buffer_flits: int, slowest: SlowestLink, cycles: int, passed: int | None = None) -> int:
    """Bytes of a `mesh_vc_workspace` of ``n`` routers that runs of at most ``cycles`` cycles write to."""
    fifo = 8 * 8 * VCS * power_of_two(buffer_flits)
    records = ROUTER.itemsize + 8 * PORT_VC.itemsize + 8 * VCS * CHANNEL.itemsize
    lists = 2 * 8 + 5 * 8 + 4 * 4  # x and y; peak; active, now, sources and used
    routers, kinds = n if passed is None else passed, 2 + (slowest.interval > 1)
    return n * (fifo + records + lists) + wheel_bytes(routers, slowest, cycles, kinds, cargo=False)
