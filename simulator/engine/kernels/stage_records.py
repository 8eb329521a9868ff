"""Records of one stage as its kernel takes them: who sends, who receives, what is written."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.engine.kernels.network_records import Indices, Log, empty_log

Counts = NDArray[np.int32]
MARKER = -1  # row of a packet that ends a timestep where no barrier does

# One delivery of a spike to a target, as `run_timesteps` records it.
EVENT_FIELDS = ("token", "timestep", "row", "home", "target", "ready_ps", "delivered_cycle", "start_ps", "done_ps")
EVENT = np.dtype([(name, np.int64) for name in EVENT_FIELDS])
Events = NDArray[Any]


class Soma(NamedTuple):
    """Encoder neurons of a home core: lanes, time of an update with and without a spike, of a spike, in ps."""

    lanes: int
    update_ps: int
    idle_ps: int
    fire_ps: int


class Homes(NamedTuple):
    """int64 [H]: range of the neurons that each home encodes, router of its core."""

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
    """The targets of each segment of rows in CSR form, and the targets themselves."""

    ptr: Ints
    target_of: Ints
    targets: Targets


class Paths(NamedTuple):
    """Where packets go, see `simulator.engine.network.routes.Routes`: without nodes each goes to one target.

    Attributes
    ----------
    nodes
        Table of the multicast trees.
    root
        int64 [H, S]: root of the tree of each home and segment.
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
        Flits of a spike packet.
    """

    n_timesteps: int
    code: int
    soma: Soma
    packet_ps: int
    homes: Homes
    segment_of_row: Ints
    spike_flits: int


class StageArrays(NamedTuple):
    """One stage, or several at work together.

    Attributes
    ----------
    senders
        The home cores.
    cycle_ps
        Time of a network cycle.
    with_network, without_network
        The receiving cores when packets come through the network, and when they come in the cycle they are sent.
    paths
        Where packets go.
    """

    senders: Senders
    cycle_ps: int
    with_network: Receivers
    without_network: Receivers
    paths: Paths


class Packets(NamedTuple):
    """int64, one entry per packet: when it is ready, its timestep in the run, its row (or `MARKER`), home, receiver.

    ``to`` is the target, or with multicast the segment, whose targets all take the packet.
    """

    ready_ps: Ints
    step: Ints
    row: Ints
    home: Ints
    to: Ints


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


class StageTotals(NamedTuple):
    """What a stage took, all added to.

    Attributes
    ----------
    compute_ps, network_ps
        int64 [tokens]: time the cores alone would take, and what the network adds.
    home_busy_ps, home_soma_ps
        int64 [H]: time of each home, and of its soma alone.
    sent
        int64 [H, S]: packets of each home to each segment, without markers.
    active_steps
        int64 [M]: timesteps in which each target received something.
    stall_ps
        int64 [G, by server]: time in which packets waited for a place in front of a core.
    events
        `EVENT` [E]: written from the start; of no length: nothing is recorded.
    """

    compute_ps: Ints
    network_ps: Ints
    home_busy_ps: Ints
    home_soma_ps: Ints
    sent: Ints
    active_steps: Ints
    stall_ps: Ints
    events: Events


def scratch(most: int, log_rows: int = 0, deliveries: int = 0) -> Scratch:
    """Work space for at most ``most`` packets at a time, and ``deliveries`` that are served afterwards."""

    def field(n: int = most) -> Ints:
        return np.empty(max(n, 1), np.int64)

    def packets() -> Packets:
        return Packets(*(field() for _ in Packets._fields))

    order = np.arange(max(most, deliveries, 1), dtype=np.int64)
    traffic = field(), field(), field(), field(), field()
    return Scratch(packets(), packets(), *traffic, empty_log(log_rows), order, field(deliveries))
