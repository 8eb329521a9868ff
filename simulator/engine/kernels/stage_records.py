"""Records of one stage as its kernel takes them: who sends, who receives, what is written."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.engine.kernels.network_records import Indices, Log, empty_log

Counts = NDArray[np.int32]
DIGIT_BITS = 9  # of a cycle that a pass of the sort of packets looks at: its buckets stay in the cache
MARKER = -1  # row of a packet that ends a timestep where no barrier does

# One delivery of a packet of spikes to a target, as `run_network` records it.
# The row is that of the first spike of the packet.
_SENT = ("token", "timestep", "row", "spikes", "flits", "home", "target")
EVENT = np.dtype([(name, np.int64) for name in (*_SENT, "ready_ps", "delivered_cycle", "start_ps", "done_ps")])
Events = NDArray[Any]


class Soma(NamedTuple):
    """Encoder neurons of a home core: lanes, time of an update with and without a spike, of a spike, in ps."""

    lanes: int
    update_ps: int
    idle_ps: int
    fire_ps: int


class Homes(NamedTuple):
    """int64 [H]: range of the neurons that each home core encodes, router of its core."""

    start: Ints
    stop: Ints
    router: Ints


class Targets(NamedTuple):
    """int64 [M]: server of each target (those of one core share it), times of a packet and of the neuron updates."""

    server: Ints
    service_ps: Ints
    update_ps: Ints
    idle_ps: Ints


class Receivers(NamedTuple):
    """The targets of each segment of rows in CSR form.

    Attributes
    ----------
    ptr, target_of
        int64 [S+1], [...].
    place
        int64 [...]: place of each among all packets that a spike of the segment sends, some of which are to targets
        that are not simulated.
    copies
        int64 [S]: packets that a spike of the segment sends.
    targets
        The targets themselves.
    """

    ptr: Ints
    target_of: Ints
    place: Ints
    copies: Ints
    targets: Targets


class Paths(NamedTuple):
    """Where packets go, see `simulator.engine.network.routes.Routes`: without nodes each goes to one target.

    Attributes
    ----------
    nodes
        Table of the multicast trees.
    root
        int64 [H, S]: root of the tree of each home core and segment.
    target_router
        int64 [G]: router of each target.
    member_target, member_server, member_service_ps
        int64 [members].
    """

    nodes: Indices
    root: Ints
    target_router: Ints
    member_target: Ints
    member_server: Ints
    member_service_ps: Ints


class PacketForm(NamedTuple):
    """How spikes fill packets, see `simulator.config.chip_network.PacketFormat`.

    Attributes
    ----------
    gathers
        Whether a home core gathers spikes at all; otherwise each leaves at once.
    spikes, bitmap
        Most spikes of a list; whether a bitmap may go in place of lists.
    header_bits, address_bits, payload_bits, flit_bits
        Bits of the header, of each address behind the first, of what each spike carries, of a flit.
    """

    gathers: bool
    spikes: int
    bitmap: bool
    header_bits: int
    address_bits: int
    payload_bits: int
    flit_bits: int


class Senders(NamedTuple):
    """The home cores of a stage and how they send.

    Attributes
    ----------
    n_timesteps, code
        Timesteps that a count unrolls to, and how (`UNARY` and its like).
    soma, packet_ps
        The encoder neurons, time to send a packet.
    homes
        Ranges of the neurons.
    segment_of_row
        int64 [n]: rows with the same set of targets form a segment.
    spike_flits
        Flits of a packet of one spike.
    form
        How several spikes fill a packet.
    """

    n_timesteps: int
    code: int
    soma: Soma
    packet_ps: int
    homes: Homes
    segment_of_row: Ints
    spike_flits: int
    form: PacketForm


class StageArrays(NamedTuple):
    """One stage, or several at work together.

    Attributes
    ----------
    senders
        The home cores.
    cycle_ps, overhead_ps
        Time of a network cycle; what a packet takes at a target in addition to its spikes.
    with_network, without_network
        The receiving cores when packets come through the network, and when they come in the cycle they are sent.
    paths
        Where packets go.
    """

    senders: Senders
    cycle_ps: int
    overhead_ps: int
    with_network: Receivers
    without_network: Receivers
    paths: Paths


class Packets(NamedTuple):
    """int64, one entry per packet: ready time, timestep in the run, its first row (or `MARKER`), home core, receiver.

    ``to`` is the target, or with multicast the segment, whose targets all take the packet. ``spikes`` and ``flits`` are
    of no length where each packet has one spike.
    """

    ready_ps: Ints
    step: Ints
    row: Ints
    home: Ints
    to: Ints
    spikes: Ints
    flits: Ints


class Scratch(NamedTuple):
    """Work space for one run of the network.

    Attributes
    ----------
    emitted, packets
        Packets by home, and in the order of (injection cycle, home, sequence).
    cycle, src, dst, flits, delivered
        int64: the packets as the network takes them, see `network_records.Traffic`.
    log
        `DELIVERY`: what the network delivers, as far as it is to be recorded or served afterwards.
    order, step_of
        int64: packets, then deliveries, by timestep; timestep of each delivery.
    keys, sorted, sorted_next, buckets
        int64: room to sort the packets.
    """

    emitted: Packets
    packets: Packets
    cycle: Ints
    src: Ints
    dst: Ints
    flits: Ints
    delivered: Ints
    log: Log
    order: Ints
    step_of: Ints
    keys: Ints
    sorted: Ints
    sorted_next: Ints
    buckets: Ints


class HomeTotals(NamedTuple):
    """int64 [H], added to: time of each home core, and of its soma alone."""

    busy_ps: Ints
    soma_ps: Ints


class CoreTotals(NamedTuple):
    """What the cores of a stage took if each packet came in the cycle in which it is sent.

    Attributes
    ----------
    step_ps
        int64 [tokens, runs]: time of each run, a timestep with barriers and all of them without.
    homes
        Added to.
    active_steps
        int64 [M], added to: timesteps in which each target received something.
    """

    step_ps: Ints
    homes: HomeTotals
    active_steps: Ints


class NetworkTotals(NamedTuple):
    """What the stages at work took with their network.

    Attributes
    ----------
    total_ps
        int64 [tokens]: time of all timesteps.
    homes
        As the cores alone took it.
    sent
        int64 [H, S], added to: packets of each home core to each segment, without markers.
    stall_ps
        int64 [G, by server], added to: time in which packets waited for a place in front of a core.
    events
        `EVENT` [E]: written from the start; of no length: nothing is recorded.
    """

    total_ps: Ints
    homes: HomeTotals
    sent: Ints
    stall_ps: Ints
    events: Events


def scratch(most: int, log_rows: int = 0, deliveries: int = 0, gathers: bool = False) -> Scratch:
    """Work space for at most ``most`` packets at a time, and ``deliveries`` that are served afterwards.

    ``gathers``: a packet may have several spikes.
    """

    def field(n: int = most) -> Ints:
        return np.empty(max(n, 1), np.int64)

    def packets() -> Packets:
        spikes, flits = (field() if gathers else np.empty(0, np.int64) for _ in range(2))
        return Packets(field(), field(), field(), field(), field(), spikes, flits)

    order = np.arange(max(most, deliveries, 1), dtype=np.int64)
    traffic = field(), field(), field(), field(), field()
    to_sort = field(), field(), field(), np.empty(1 << DIGIT_BITS, np.int64)
    return Scratch(packets(), packets(), *traffic, empty_log(log_rows), order, field(deliveries), *to_sort)
