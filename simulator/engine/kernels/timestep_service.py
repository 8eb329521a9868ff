"""Compiled steps of the receiving cores: what they serve, with and without a network, and when a timestep ends."""

from __future__ import annotations

from typing import NamedTuple

from simulator.arrays import Ints
from simulator.compiled import ZERO, step, subroutine
from simulator.engine.kernels.core_service import of_spikes
from simulator.engine.kernels.network_records import Log
from simulator.engine.kernels.stage_records import Events, Receivers, Scratch, StageArrays, Targets


class Steps(NamedTuple):
    """What is known of each timestep of a run.

    Attributes
    ----------
    begin
        int64 [steps + 1]: where each begins in the packets, or deliveries, by timestep.
    sent
        int64 [steps, S]: spike packets to each segment.
    """

    begin: Ints
    sent: Ints


class ServerState(NamedTuple):
    """int64: when each server is free; 1 for each target that has received something in a timestep."""

    free_ps: Ints
    received: Ints


@step
def order_by_step(n: int, step_of: Ints, begin: Ints, order: Ints) -> None:
    """Sort the numbers 0..n by timestep, those of one as they are; fills ``begin``.

    ``order`` ascends already where a run has one timestep.
    """
    n_steps = len(begin) - 1
    begin[:] = 0
    begin[n_steps] = n
    if n_steps == 1:
        return
    begin[n_steps] = 0
    for k in range(n):
        begin[step_of[k] + 1] += 1
    for now in range(n_steps):
        begin[now + 1] += begin[now]
    for k in range(n):
        order[begin[step_of[k]]] = k
        begin[step_of[k]] += 1
    for now in range(n_steps, 0, -1):
        begin[now] = begin[now - 1]
    begin[0] = 0


@step
def order_deliveries(n: int, log: Log, begin: Ints, work: Scratch) -> None:
    """Sort the deliveries of a run by timestep, those of one in the order of the log."""
    for k in range(n):
        work.step_of[k] = work.packets.step[log[k].packet]
    order_by_step(n, work.step_of, begin, work.order)


@step
def end_of_step(sent: Ints, receivers: Receivers, servers: ServerState, end_ps: int) -> int:
    """End of a timestep: the last target has served and updated its neurons, and not before ``end_ps``.

    ``sent`` int64 [S] are the packets of the timestep to each segment.
    """
    mark_received(sent, receivers, servers.received)
    return update_targets(receivers.targets, servers, end_ps)


@step
def mark_received(sent: Ints, receivers: Receivers, received: Ints) -> None:
    """Set ``received`` to whether each target is in a segment that has sent something."""
    received[:] = 0
    for segment in range(len(sent)):
        if sent[segment] > 0:
            for k in range(receivers.ptr[segment], receivers.ptr[segment + 1]):
                received[receivers.target_of[k]] = 1


@step
def update_targets(targets: Targets, servers: ServerState, end_ps: int) -> int:
    """Each core updates its targets one after another; returns when the last is done, not before ``end_ps``."""
    for target in range(len(targets.server)):
        update = targets.update_ps[target] if servers.received[target] > 0 else targets.idle_ps[target]
        core = targets.server[target]
        servers.free_ps[core] += update
        end_ps = max(end_ps, servers.free_ps[core])
    return end_ps


@subroutine
def serve_without_network(
    marker_ps: int | None, stage: StageArrays, steps: Steps, servers: ServerState, work: Scratch, active_steps: Ints
) -> int:
    """Time in ps until the cores are done if every packet is there in the cycle in which it is sent."""
    receivers, packets = stage.without_network, work.packets
    multicast, gathers = len(stage.paths.nodes) > 0, stage.senders.form.gathers
    servers.free_ps[:] = 0
    end_ps = ZERO
    for now in range(len(steps.begin) - 1):
        for k in range(steps.begin[now], steps.begin[now + 1]):
            p = work.order[k]
            at_ps, to = work.cycle[p] * stage.cycle_ps, packets.to[p]
            first, stop = (receivers.ptr[to], receivers.ptr[to + 1]) if multicast else (to, to + 1)
            for j in range(first, stop):
                target = receivers.target_of[j] if multicast else j
                core = receivers.targets.server[target]
                service_ps = receivers.targets.service_ps[target]
                if marker_ps is not None:
                    service_ps = marker_ps if packets.row[p] < 0 else service_ps
                if gathers:
                    service_ps = of_spikes(service_ps, packets.spikes[p], stage.overhead_ps)
                servers.free_ps[core] = max(at_ps, servers.free_ps[core]) + service_ps
        end_ps = end_of_step(steps.sent[now], receivers, servers, end_ps)
        active_steps += servers.received
    return end_ps


@subroutine
def serve_deliveries(
    log: Log, marker_ps: int, stage: StageArrays, steps: Steps, servers: ServerState, work: Scratch
) -> int:
    """Serve what the network has delivered, timestep by timestep; returns when the cores are done, in ps.

    Start and end of each service go into the log.
    """
    paths = stage.paths
    servers.free_ps[:] = 0
    end_ps = ZERO
    for now in range(len(steps.begin) - 1):
        for k in range(steps.begin[now], steps.begin[now + 1]):
            delivery = log[work.order[k]]
            core = paths.member_server[delivery.member]
            service_ps = paths.member_service_ps[delivery.member]
            if work.packets.row[delivery.packet] < 0:
                service_ps = marker_ps
            elif stage.senders.form.gathers:
                service_ps = of_spikes(service_ps, work.packets.spikes[delivery.packet], stage.overhead_ps)
            delivery.start_ps = max(delivery.start_ps, servers.free_ps[core])
            delivery.done_ps = delivery.start_ps + service_ps
            servers.free_ps[core] = delivery.done_ps
        end_ps = end_of_step(steps.sent[now], stage.with_network, servers, end_ps)
    return end_ps


@subroutine
def write_events(
    n: int, log: Log, token: int, first: int, stage: StageArrays, work: Scratch, events: Events, n_events: int
) -> int:
    """Turn the deliveries of spikes, not of markers, into events behind the first ``n_events``; returns how many."""
    packets = work.packets
    for k in range(n):
        delivery = log[k]
        p = delivery.packet
        if packets.row[p] < 0 or n_events >= len(events):
            continue
        event = events[n_events]
        event.token, event.timestep = token, first + packets.step[p]
        event.row, event.home = packets.row[p], packets.home[p]
        event.spikes = packets.spikes[p] if stage.senders.form.gathers else 1
        event.flits = work.flits[p]
        event.target = stage.paths.member_target[delivery.member]
        event.ready_ps, event.delivered_cycle = packets.ready_ps[p], delivery.cycle
        event.start_ps, event.done_ps = delivery.start_ps, delivery.done_ps
        n_events += 1
    return n_events
