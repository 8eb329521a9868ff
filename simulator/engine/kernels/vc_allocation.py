"""How a router with four virtual channels allocates its switch and its channels: one iteration of iSLIP each.

Masks name the channels of a router as ``p * 4 + vc``. The loop that calls this is in `mesh_vc`, the rules to
read are in `reference_noc_vc`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.compiled import step
from simulator.engine.kernels.flit import signed
from simulator.engine.kernels.mesh_vc_workspace import ALL_VCS, VCS, MeshVcWorkspace
from simulator.engine.kernels.mesh_workspace import SOURCE

N_PORTS = 5
N_CHANNELS = N_PORTS * VCS


@step
def can_send(u: int, owner: int, here: Any, out: Any, to: Any, inp: Any) -> None:
    """Enter input channel ``owner`` as ready for output channel ``u`` if it has a flit and ``u`` a credit.

    ``here`` is the record of the router, ``out`` of the output, ``to`` and ``inp`` of the two channels.
    """
    if to.credits > 0 and inp.stored > 0:
        out.sendable |= 1 << owner
        here.sending |= 1 << ((u >> 2) & 7)


@step
def allocate_switch(r: int, mesh: MeshVcWorkspace) -> int:
    """One iteration of iSLIP between inputs and outputs.

    Returns the matches as a list of 9 bits each, zero at its end: ``input << 6 | output << 3 | channel << 1 | 1``.
    """
    port, pick = mesh.port, mesh.pick
    outputs = signed(mesh.router[r].sending & ~mesh.router[r].paused)
    granted = 0  # five bits per input: outputs that grant to it
    inputs = 0
    while outputs:
        o = signed(pick[np.uint64(outputs)])
        outputs &= outputs - 1
        out = port[r << 3 | o]
        i = signed(pick[np.uint64(out.grant_pointer << 5 | _inputs_of(signed(out.sendable)))])
        granted |= 1 << (i * N_PORTS + o)
        inputs |= 1 << i
    matches = 0
    while inputs:
        i = signed(pick[np.uint64(inputs)])
        inputs &= inputs - 1
        inp = port[r << 3 | i]
        o = signed(pick[np.uint64(inp.accept_pointer << 5 | (granted >> (i * N_PORTS) & 31))])
        sendable = signed(port[r << 3 | o].sendable)
        vc = signed(pick[np.uint64(inp.vc_pointer << 5 | (sendable >> (i * VCS) & ALL_VCS))])
        matches = matches << 9 | i << 6 | o << 3 | vc << 1 | 1
    return matches


@step
def _inputs_of(channels: int) -> int:
    """Inputs with a channel in the mask, as a mask of five bits."""
    any_of = channels | channels >> 1
    any_of |= any_of >> 2
    return any_of & 1 | any_of >> 3 & 2 | any_of >> 6 & 4 | any_of >> 9 & 8 | any_of >> 12 & 16


@step
def allocate_channels(r: int, o: int, mesh: MeshVcWorkspace) -> None:
    """One iteration of iSLIP between the input channels that want output ``o`` and its free channels."""
    here, out, channel = mesh.router[r], mesh.port[r << 3 | o], mesh.channel
    base = r << 5
    wanting = signed(out.wanting)
    free = signed(out.free)
    if wanting & (wanting - 1) == 0:  # all free channels grant to the only one that asks
        c = _first_from(wanting, 0)
        w = _nearest_free(o, free, signed(channel[base | c].accept_pointer))
        _own(o, w, c, here, out, channel[base | o * VCS + w], channel[base | c])
        return
    granted = 0  # five bits per channel of the output: the input channel it grants to
    for w in range(VCS):
        if free >> w & 1:
            granted |= _first_from(wanting, signed(channel[base | o * VCS + w].grant_pointer)) << (w * 5)
    accepted = 0
    for w in range(VCS):
        c = granted >> (w * 5) & 31
        if free >> w & 1 and _is_accepted(o, w, granted, free, signed(channel[base | c].accept_pointer)):
            accepted |= 1 << w
    for w in range(VCS):
        if accepted >> w & 1:
            c = granted >> (w * 5) & 31
            _own(o, w, c, here, out, channel[base | o * VCS + w], channel[base | c])


@step
def _own(o: int, w: int, c: int, here: Any, out: Any, to: Any, inp: Any) -> None:
    """Input channel ``c`` owns channel ``w`` of output ``o`` from the next cycle on; both pointers move past it."""
    u = o * VCS + w
    inp.output = u
    inp.accept_pointer = u + 1 if u + 1 < N_CHANNELS else 0
    to.owner = c
    to.grant_pointer = c + 1 if c + 1 < N_CHANNELS else 0
    out.wanting &= ~np.uint32(1 << c)
    out.free &= ~np.uint32(1 << w)
    can_send(u, c, here, out, to, inp)
    if out.wanting == 0 or out.free == 0:
        here.allocating &= ~np.uint32(1 << o)


@step
def _nearest_free(o: int, free: int, pointer: int) -> int:
    """The first of the free channels of output ``o`` from channel ``pointer`` of the router on, going round."""
    nearest = 0
    least = N_CHANNELS
    for w in range(VCS):
        distance = o * VCS + w - pointer
        if distance < 0:
            distance += N_CHANNELS
        if free >> w & 1 and distance < least:
            least = distance
            nearest = w
    return nearest


@step
def _is_accepted(o: int, w: int, granted: int, free: int, pointer: int) -> bool:
    """Whether channel ``w`` of output ``o`` is the first from ``pointer`` on of those that grant to the same input."""
    c = granted >> (w * 5) & 31
    distance = (o * VCS + w - signed(pointer)) % N_CHANNELS
    for other in range(VCS):
        rival = free >> other & 1 and granted >> (other * 5) & 31 == c
        if rival and (o * VCS + other - signed(pointer)) % N_CHANNELS < distance:
            return False
    return True


@step
def _first_from(mask: int, start: int) -> int:
    """First set bit of a mask that is not empty, from ``start`` on and then from 0."""
    rest = mask >> start << start
    if rest == 0:
        rest = mask
    bit = 0
    if rest & 0x3FF == 0:
        rest >>= 10
        bit = 10
    if rest & 0x1F == 0:
        rest >>= 5
        bit += 5
    while rest & 1 == 0:
        rest >>= 1
        bit += 1
    return bit


@step
def move_pointers(r: int, i: int, o: int, vc: int, mesh: MeshVcWorkspace) -> None:
    """Move the pointers of the switch past a match that has sent."""
    mesh.port[r << 3 | o].grant_pointer = i + 1
    mesh.port[r << 3 | i].accept_pointer = o + 1
    mesh.port[r << 3 | i].vc_pointer = vc + 1


@step
def reset_pointers(r: int, mesh: MeshVcWorkspace) -> None:
    """Put all pointers of router ``r`` back to their start."""
    mesh.router[r].used = 0
    mesh.port[r << 3 | SOURCE].vc = VCS - 1
    for p in range(N_PORTS):
        mesh.port[r << 3 | p].grant_pointer = 0
        mesh.port[r << 3 | p].accept_pointer = 0
        mesh.port[r << 3 | p].vc_pointer = 0
    for c in range(N_CHANNELS):
        mesh.channel[r << 5 | c].grant_pointer = 0
        mesh.channel[r << 5 | c].accept_pointer = 0
