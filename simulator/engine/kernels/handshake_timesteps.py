"""Compiled kernel of the timesteps of one stage that no barrier closes. Arrays and scalars in, arrays out.

`oracle.reference_handshake` says the same in plain Python; the two agree event for event. The packets of all
timesteps of a token are one run of the network. It hands nothing to the cores but writes down what it delivers; then
the cores serve that, timestep by timestep.

The row of a packet holds its timestep as well: ``timestep * stride + row``, where ``stride - 1`` stands for a marker.
"""

from __future__ import annotations

import numpy as np

from simulator.arrays import Ints
from simulator.compiled import ZERO, jit
from simulator.engine.kernels.carry import Links, carry
from simulator.engine.kernels.core_service import open_inputs
from simulator.engine.kernels.timesteps import (
    Alone,
    Counts,
    Homes,
    Out,
    Packets,
    Routes,
    Scratch,
    Segments,
    Soma,
    Targets,
    emit_home,
    mark_received,
    merge_homes,
    step_end,
    write_event,
)


@jit
def emit_timesteps(
    counts: Counts,
    rows: tuple[int, int, int],
    n_timesteps: int,
    code: int,
    soma: Soma,
    packet_ps: int,
    segments: Segments,
    multicast: bool,
    home: int,
    first: int,
    packets: Packets,
) -> tuple[int, int, int, int]:
    """All timesteps of one home core without a pause, each with its markers behind it.

    ``rows`` are (first, last + 1, stride). Returns (packets so far, when the soma and the axons are done, spikes).
    """
    start, stop, stride = rows
    of_row, ptr, targets = segments
    ready, row_of, home_of, to = packets
    n = first
    soma_ps = ZERO
    out_ps = ZERO
    spikes = 0
    for timestep in range(n_timesteps):
        begin = n
        n, soma_ps, out_ps, fired = emit_home(
            counts, start, stop, timestep, code, soma, packet_ps, segments, multicast, home, n, soma_ps, out_ps, packets
        )
        spikes += fired
        for p in range(begin, n):
            row_of[p] += timestep * stride
        out_ps = max(out_ps, soma_ps)
        before = -1
        for row in range(start, stop):
            segment = of_row[row]
            if segment == before:
                continue
            before = segment
            copies = ptr[segment + 1] - ptr[segment]
            for k in range(min(copies, 1) if multicast else copies):
                out_ps += packet_ps
                ready[n] = out_ps
                row_of[n] = timestep * stride + stride - 1
                home_of[n] = home
                to[n] = segment if multicast else targets[ptr[segment] + k]
                n += 1
    return n, soma_ps, out_ps, spikes


@jit
def order_by_step(n: int, step_of: Ints, n_timesteps: int, begin: Ints, order: Ints) -> None:
    """Sort the numbers 0..n by timestep, those of one as they are; ``begin`` [timesteps + 1] is where each begins."""
    begin[:] = 0
    for k in range(n):
        begin[step_of[k] + 1] += 1
    for timestep in range(n_timesteps):
        begin[timestep + 1] += begin[timestep]
    place = begin.copy()
    for k in range(n):
        order[place[step_of[k]]] = k
        place[step_of[k]] += 1


@jit
def serve_alone(
    rows: tuple[Ints, Ints],
    stride: int,
    packets: Packets,
    cycle: Ints,
    cycle_ps: int,
    marker_ps: int,
    multicast: bool,
    sent: Ints,
    alone: Alone,
) -> int:
    """End of the work of the target cores if every packet were there as it is injected, in ps.

    ``rows`` are (where each timestep begins, packets by timestep); ``sent`` int64 [timesteps, segments] are spikes.
    """
    begin, order = rows
    ptr, target_of, targets = alone
    server, service_ps = targets[0], targets[1]
    free_ps = np.zeros(len(server), np.int64)
    received = np.empty(len(server), np.int64)
    end = ZERO
    for timestep in range(len(begin) - 1):
        for p in order[begin[timestep] : begin[timestep + 1]]:
            at_ps, to = cycle[p] * cycle_ps, packets[3][p]
            marker = packets[1][p] % stride == stride - 1
            first, stop = (ptr[to], ptr[to + 1]) if multicast else (to, to + 1)
            for k in range(first, stop):
                target = target_of[k] if multicast else k
                core = server[target]
                free_ps[core] = max(at_ps, free_ps[core]) + (marker_ps if marker else service_ps[target])
        mark_received(sent[timestep], ptr, target_of, received)
        end = step_end(free_ps, received, targets, end)
    return end


@jit
def serve_delivered(
    rows: tuple[Ints, Ints],
    stride: int,
    packets: Packets,
    log: Ints,
    marker_ps: int,
    members: tuple[Ints, Ints],
    sent: Ints,
    segments: Segments,
    targets: Targets,
    active_steps: Ints,
) -> int:
    """End of the work of the target cores on what the network has delivered, in ps; start and end go into ``log``.

    ``rows`` are (where each timestep begins, deliveries by timestep), ``members`` (server of each, its ps for a spike).
    """
    begin, order = rows
    _, ptr, target_of = segments
    server, service_ps = members
    free_ps = np.zeros(len(targets[0]), np.int64)
    received = np.empty(len(targets[0]), np.int64)
    end = ZERO
    for timestep in range(len(begin) - 1):
        for k in order[begin[timestep] : begin[timestep + 1]]:
            member = log[k, 1]
            core = server[member]
            marker = packets[1][log[k, 0]] % stride == stride - 1
            log[k, 3] = max(log[k, 3], free_ps[core])
            log[k, 4] = log[k, 3] + (marker_ps if marker else service_ps[member])
            free_ps[core] = log[k, 4]
        mark_received(sent[timestep], ptr, target_of, received)
        active_steps += received
        end = step_end(free_ps, received, targets, end)
    return end


@jit
def write_spikes(
    n: int, log: Ints, token: int, stride: int, packets: Packets, member_target: Ints, events: Ints, n_events: int
) -> int:
    """Turn the deliveries of spikes, not of markers, into events behind the first ``n_events``; returns how many."""
    for k in range(n):
        timestep, row = divmod(packets[1][log[k, 0]], stride)
        if row == stride - 1 or n_events >= len(events):
            continue
        write_event(events[n_events], token, timestep, row, packets, log[k], member_target)
        n_events += 1
    return n_events


@jit
def run_handshake(
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
    marker_ps: int,
    scratch: Scratch,
    log: Ints,
    out: Out,
) -> int:
    """All timesteps of one stage for all tokens, those of a token in one run of the network.

    Parameters and result are those of `kernels.run_timesteps`, but ``scratch`` has room for the packets of a token;
    ``marker_ps`` is the time a core takes for a marker, ``log`` int64 [most deliveries of a token, LOG_FIELDS] work
    space.
    """
    start, stop, home_router = homes
    nodes, root, target_router, member_target, member_server, member_service = routes
    of_row = segments[0]
    multicast = len(nodes) > 0
    emitted, packets, cycle, src, dst, flits, delivered = scratch
    compute_out, network_out, home_busy, sent, active_steps, stall_ps, events = out
    stride = len(of_row) + 1
    spike_flits = flits[0]
    head = np.empty(len(start), np.int64)
    tail = np.empty(len(start), np.int64)
    sent_now = np.empty((n_timesteps, sent.shape[1]), np.int64)
    begin = np.empty(n_timesteps + 1, np.int64)
    step_of = np.empty(max(len(log), len(cycle)), np.int64)
    order = np.empty(len(step_of), np.int64)
    at_once = np.zeros(len(member_service), np.int64)  # the network serves nothing: what it logs is when packets come
    free_ps = np.empty(len(targets[0]), np.int64)
    inputs = open_inputs(ZERO, len(free_ps), network[7], stall_ps)
    n_spikes = ZERO
    n_events = ZERO
    for token in range(counts.shape[0]):
        n = ZERO
        emitted_ps = ZERO
        for home in range(len(start)):
            head[home] = n
            rows = (start[home], stop[home], stride)
            n, soma_ps, out_ps, spikes = emit_timesteps(
                counts[token], rows, n_timesteps, code, soma, packet_ps, segments, multicast, home, n, emitted
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
            timestep, row = divmod(packets[1][p], stride)
            step_of[p] = timestep
            src[p] = home_router[home]
            dst[p] = root[home, to] if multicast else target_router[to]
            flits[p] = 1
            if row < stride - 1:
                flits[p] = spike_flits
                sent_now[timestep, of_row[row]] += 1
                sent[home, of_row[row]] += 1
        # without a network first: what the cores alone would take
        order_by_step(n, step_of, n_timesteps, begin, order)
        compute_ps = serve_alone(
            (begin, order), stride, packets, cycle, cycle_ps, marker_ps, multicast, sent_now, alone
        )
        compute_ps = max(compute_ps, emitted_ps)
        # then the network, and the cores with what it has delivered
        free_ps[:] = 0
        log[:, 0] = -1
        cores = (cycle_ps, packets[3], member_server, at_once, free_ps, inputs)
        last_ps = carry(n, cycle, src, dst, flits, delivered, network, nodes, cores, log)
        n_delivered = ZERO
        while n_delivered < len(log) and log[n_delivered, 0] >= 0:
            step_of[n_delivered] = packets[1][log[n_delivered, 0]] // stride
            n_delivered += 1
        order_by_step(n_delivered, step_of, n_timesteps, begin, order)
        members = (member_server, member_service)
        total_ps = serve_delivered(
            (begin, order), stride, packets, log, marker_ps, members, sent_now, segments, targets, active_steps
        )
        total_ps = max(total_ps, emitted_ps, last_ps)
        compute_out[token] += compute_ps
        network_out[token] += total_ps - compute_ps
        n_events = write_spikes(n_delivered, log, token, stride, packets, member_target, events, n_events)
    return n_spikes
