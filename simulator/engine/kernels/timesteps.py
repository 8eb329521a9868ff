"""Compiled kernels of the engine: the timesteps of one stage. Arrays and scalars in, arrays out.

`simulator.engine.oracle.reference` says the same in plain Python; the two agree event for event.

Packets are a tuple of int64 arrays, one entry per packet of a timestep: (ready_ps, row, home, to). ``to`` is the
target, or with multicast the segment, whose targets all take the packet. After the merge of the home
cores the order is by (injection cycle, home core, sequence), and it stays so.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.compiled import ZERO, jit
from simulator.engine.kernels.carry import Links, carry
from simulator.engine.kernels.core_service import LOG_FIELDS, open_inputs
from simulator.engine.kernels.mesh_workspace import Indices

Counts = NDArray[np.int32]
Packets = tuple[Ints, Ints, Ints, Ints]
Soma = tuple[int, int, int, int]
Segments = tuple[Ints, Ints, Ints]
Homes = tuple[Ints, Ints, Ints]
Targets = tuple[Ints, Ints, Ints, Ints]
Alone = tuple[Ints, Ints, Targets]
Routes = tuple[Indices, Ints, Ints, Ints, Ints, Ints]
Scratch = tuple[Packets, Packets, Ints, Ints, Ints, Ints, Ints]
Out = tuple[Ints, Ints, Ints, Ints, Ints, Ints, Ints]

# How a count turns into packets: timestep by timestep (a graded count in its only one), bit by bit of its size or
# of its two's complement, or once as it is (dense replay).
UNARY, BITWISE, DENSE, TWOS = 0, 1, 2, 3
# Firing of a code (`simulator.trace.codes`) -> its number here.
FIRINGS: dict[str, int] = {"unary": UNARY, "bits": BITWISE, "twos": TWOS}


@jit
def fires(count: int, timestep: int, code: int) -> bool:
    """Whether an activation with this count sends a packet in this timestep."""
    if code == DENSE:
        return True
    if code == TWOS:
        return (count >> timestep) & 1 == 1
    size = -count if count < 0 else count
    if code == BITWISE:
        return (size >> timestep) & 1 == 1
    return size > timestep


@jit
def emit_home(
    counts: Counts,
    start: int,
    stop: int,
    timestep: int,
    code: int,
    soma: Soma,
    packet_ps: int,
    segments: Segments,
    multicast: bool,
    home: int,
    first: int,
    soma_ps: int,
    out_ps: int,
    packets: Packets,
) -> tuple[int, int, int, int]:
    """Encoder neurons of one home core in order: update, fire, one packet per target or one to all of them.

    ``soma`` is (lanes, update_ps, idle_ps, fire_ps). A group of lanes takes the idle time when none of it fires.
    ``soma_ps`` and ``out_ps`` are when the soma and the axons begin. Returns (packets so far, when these two are done,
    spikes).
    """
    lanes, update_ps, idle_ps, fire_ps = soma
    of_row, ptr, targets = segments
    ready, row_of, home_of, to = packets
    n = first
    spikes = 0
    for group in range(start, stop, lanes):
        end = min(group + lanes, stop)
        fired = 0
        for row in range(group, end):
            if fires(counts[row], timestep, code):
                fired += 1
        if fired == 0:
            soma_ps += idle_ps
            continue
        soma_ps += update_ps + fired * fire_ps
        spikes += fired
        for row in range(group, end):
            if fires(counts[row], timestep, code):
                segment = of_row[row]
                copies = ptr[segment + 1] - ptr[segment]
                for k in range(min(copies, 1) if multicast else copies):
                    out_ps = max(out_ps, soma_ps) + packet_ps
                    ready[n] = out_ps
                    row_of[n] = row
                    home_of[n] = home
                    to[n] = segment if multicast else targets[ptr[segment] + k]
                    n += 1
    return n, soma_ps, out_ps, spikes


@jit
def merge_homes(emitted: Packets, head: Ints, stop: Ints, cycle_ps: int, packets: Packets, cycle: Ints) -> int:
    """Packets of all home cores in the order of (injection cycle, home core, sequence).

    ``head`` and ``stop`` are the ranges of the homes in ``emitted``; ``head`` is used up.
    """
    n = 0
    while True:
        best = -1
        best_cycle = 0
        for home in range(len(head)):
            if head[home] < stop[home]:
                at = -(-emitted[0][head[home]] // cycle_ps)
                if best < 0 or at < best_cycle:
                    best = home
                    best_cycle = at
        if best < 0:
            return n
        p = head[best]
        for field in range(4):
            packets[field][n] = emitted[field][p]
        cycle[n] = best_cycle
        head[best] = p + 1
        n += 1


@jit
def serve_at_once(
    n: int,
    packets: Packets,
    cycle: Ints,
    cycle_ps: int,
    multicast: bool,
    ptr: Ints,
    target_of: Ints,
    targets: Targets,
    free_ps: Ints,
) -> None:
    """Target cores as FIFO servers if every packet were there as it is injected; ``free_ps`` is when each is free."""
    server, service_ps = targets[0], targets[1]
    free_ps[:] = 0
    for p in range(n):
        at_ps = cycle[p] * cycle_ps
        to = packets[3][p]
        first, stop = (ptr[to], ptr[to + 1]) if multicast else (to, to + 1)
        for k in range(first, stop):
            target = target_of[k] if multicast else k
            core = server[target]
            free_ps[core] = max(at_ps, free_ps[core]) + service_ps[target]


@jit
def step_end(free_ps: Ints, received: Ints, targets: Targets, emitted_ps: int) -> int:
    """End of a timestep: the last home has sent, the last target has served and updated its neurons.

    A core updates its targets one after another; ``free_ps`` ends as the time when it has.
    """
    server, _, update_ps, idle_ps = targets
    end = emitted_ps
    for target in range(len(server)):
        update = update_ps[target] if received[target] > 0 else idle_ps[target]
        free_ps[server[target]] += update
        end = max(end, free_ps[server[target]])
    return end


@jit
def mark_received(sent: Ints, ptr: Ints, target_of: Ints, received: Ints) -> None:
    """Set ``received`` to whether each target is in a segment that has sent something."""
    received[:] = 0
    for segment in range(len(sent)):
        if sent[segment] > 0:
            for k in range(ptr[segment], ptr[segment + 1]):
                received[target_of[k]] = 1


@jit
def write_event(
    event: Ints, token: int, timestep: int, row: int, packets: Packets, delivery: Ints, member_target: Ints
) -> None:
    """Fill an event with a delivery, an entry of the log, of a packet that a neuron of ``row`` has sent."""
    p = delivery[0]
    event[0], event[1] = token, timestep
    event[2], event[3], event[4] = row, packets[2][p], member_target[delivery[1]]
    event[5], event[6], event[7], event[8] = packets[0][p], delivery[2], delivery[3], delivery[4]


@jit
def write_events(log: Ints, token: int, timestep: int, packets: Packets, member_target: Ints, events: Ints) -> int:
    """Turn the deliveries of one timestep into events; returns how many."""
    n = 0
    while n < len(log) and log[n, 0] >= 0:
        write_event(events[n], token, timestep, packets[1][log[n, 0]], packets, log[n], member_target)
        n += 1
    return n


@jit
def run_timesteps(
    counts: Counts,
    n_timesteps: int,
    code: int,
    soma: Soma,
    packet_ps: int,
    cycle_ps: int,
    homes: Homes,
    segments: Segments,
    targets: Targets,
    alone: Alone,
    routes: Routes,
    network: Links,
    scratch: Scratch,
    out: Out,
) -> int:
    """All timesteps of one stage for all tokens, each timestep from an idle network.

    Parameters
    ----------
    counts
        int32 [tokens, n].
    n_timesteps, code
        Timesteps a count unrolls to, and how (`UNARY` and its like).
    soma, packet_ps, cycle_ps
        (lanes, update_ps, idle_ps, fire_ps) of the encoder neurons, time to send a packet, time of a network cycle.
    homes
        (start, stop, router) int64 [H].
    segments
        (segment of each row, CSR pointer, targets of the segments), see `servers.Servers`.
    targets
        (server, service_ps, update_ps, idle_ps) int64 [G]; targets on one core share a server.
    alone
        (CSR pointer, targets of the segments, targets) as they stand for all without a network.
    routes
        (nodes, root, router of each target, member_target, member_server, member_service_ps), see `routes.Routes`:
        without nodes each packet goes to one target.
    network
        See `carry.carry`.
    scratch
        (emitted, packets, cycle, src, dst, flits, delivered), each int64 [most packets of a timestep], the first two of
        four fields.
    out
        (compute_ps [tokens], network_ps [tokens], home_busy [H, 2], sent [H, S], active_steps [G], stall_ps [G, by
        server], events [E, 9]); all are added to, events are written from the start. `E` = 0 records none.
        ``home_busy`` is the time of each home, and of its soma alone; ``sent`` are the packets of each home to each
        segment. Fields of an event: token, timestep, row, home, target, ready_ps, delivered_cycle, start_ps, done_ps.

    Returns
    -------
    int
        Spikes.
    """
    start, stop, home_router = homes
    nodes, root, target_router, member_target, member_server, member_service = routes
    of_row, ptr, target_of = segments
    alone_ptr, alone_target_of, alone_targets = alone
    multicast = len(nodes) > 0
    emitted, packets, cycle, src, dst, flits, delivered = scratch
    compute_out, network_out, home_busy, sent, active_steps, stall_ps, events = out
    head = np.empty(len(start), np.int64)
    tail = np.empty(len(start), np.int64)
    free_ps = np.empty(len(targets[0]), np.int64)
    received = np.empty(len(targets[0]), np.int64)
    alone_free_ps = np.empty(len(alone_targets[0]), np.int64)
    alone_received = np.empty(len(alone_targets[0]), np.int64)
    sent_now = np.empty(sent.shape[1], np.int64)
    log = np.empty((len(events), LOG_FIELDS), np.int64)
    n_spikes = ZERO
    n_events = ZERO
    for token in range(counts.shape[0]):
        for timestep in range(n_timesteps):
            # the home cores update their neurons and send
            n = ZERO
            emitted_ps = ZERO
            for home in range(len(start)):
                head[home] = n
                n, soma_ps, out_ps, spikes = emit_home(
                    counts[token],
                    start[home],
                    stop[home],
                    timestep,
                    code,
                    soma,
                    packet_ps,
                    segments,
                    multicast,
                    home,
                    n,
                    ZERO,
                    ZERO,
                    emitted,
                )
                tail[home] = n
                home_busy[home, 0] += max(soma_ps, out_ps)
                home_busy[home, 1] += soma_ps
                emitted_ps = max(emitted_ps, soma_ps, out_ps)
                n_spikes += spikes
            merge_homes(emitted, head, tail, cycle_ps, packets, cycle)
            sent_now[:] = 0
            for p in range(n):
                home, to = packets[2][p], packets[3][p]
                segment = of_row[packets[1][p]]
                src[p] = home_router[home]
                dst[p] = root[home, to] if multicast else target_router[to]
                sent_now[segment] += 1
                sent[home, segment] += 1
            # without a network first: what the cores alone would take
            mark_received(sent_now, alone_ptr, alone_target_of, alone_received)
            serve_at_once(
                n, packets, cycle, cycle_ps, multicast, alone_ptr, alone_target_of, alone_targets, alone_free_ps
            )
            compute_ps = step_end(alone_free_ps, alone_received, alone_targets, emitted_ps)
            # then the network, which hands each packet to its cores as it comes
            mark_received(sent_now, ptr, target_of, received)
            active_steps += received
            free_ps[:] = 0
            inputs = open_inputs(network[6], len(free_ps), network[7], stall_ps)
            cores = (cycle_ps, packets[3], member_server, member_service, free_ps, inputs)
            log[:, 0] = -1
            room = log[: len(events) - n_events]
            last_ps = carry(n, cycle, src, dst, flits, delivered, network, nodes, cores, room)
            total_ps = max(step_end(free_ps, received, targets, emitted_ps), last_ps)
            compute_out[token] += compute_ps
            network_out[token] += total_ps - compute_ps
            n_events += write_events(room, token, timestep, packets, member_target, events[n_events:])
    return n_spikes
