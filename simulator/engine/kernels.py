"""Compiled kernels of the engine: the timesteps of one stage. Arrays and scalars in, arrays out.

`simulator.engine.reference` says the same in plain Python; the two agree event for event.

Packets are a tuple of int64 arrays, one entry per packet of a timestep: (ready_ps, row, home, target). After the
merge of the home cores the order is by (injection cycle, home core, sequence), and it stays so.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.compiled import jit
from simulator.engine.kernels_noc import simulate_mesh
from simulator.engine.noc_workspace import NocWorkspace

Ints = NDArray[np.int64]
Counts = NDArray[np.int32]
Packets = tuple[Ints, Ints, Ints, Ints]
Soma = tuple[int, int, int, int]
Segments = tuple[Ints, Ints, Ints]
Homes = tuple[Ints, Ints, Ints]
Targets = tuple[Ints, Ints, Ints, Ints]
Links = tuple[Ints, Ints, NocWorkspace]
Scratch = tuple[Packets, Packets, Ints, Ints, Ints, Ints, Ints, Ints, Ints]
Out = tuple[Ints, Ints, Ints, Ints, Ints, Ints]

# How a count turns into packets: timestep by timestep (a graded count in its only one), bit by bit of its size or
# of its two's complement, or once as it is (dense replay).
UNARY, BITWISE, DENSE, TWOS = 0, 1, 2, 3


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
    home: int,
    first: int,
    packets: Packets,
) -> tuple[int, int, int]:
    """Encoder neurons of one home core in order: update, fire, one packet per target.

    ``soma`` is (lanes, update_ps, idle_ps, fire_ps). A group of lanes takes the idle time when none of it fires.
    Returns (packets so far, end of the core's work in ps, spikes).
    """
    lanes, update_ps, idle_ps, fire_ps = soma
    of_row, ptr, targets = segments
    ready, row_of, home_of, target_of = packets
    n = first
    soma_ps = 0
    out_ps = 0
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
                for k in range(ptr[segment], ptr[segment + 1]):
                    out_ps = max(out_ps, soma_ps) + packet_ps
                    ready[n] = out_ps
                    row_of[n] = row
                    home_of[n] = home
                    target_of[n] = targets[k]
                    n += 1
    return n, max(soma_ps, out_ps), spikes


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
def serve(
    order: Ints,
    arrival_cycle: Ints,
    cycle_ps: int,
    target_of: Ints,
    service_ps: Ints,
    free_ps: Ints,
    start_ps: Ints,
    done_ps: Ints,
) -> None:
    """Target cores as FIFO servers: packets in ``order`` of arrival; ``free_ps`` ends as the time each core is free."""
    free_ps[:] = 0
    for p in order:
        target = target_of[p]
        start_ps[p] = max(arrival_cycle[p] * cycle_ps, free_ps[target])
        done_ps[p] = start_ps[p] + service_ps[target]
        free_ps[target] = done_ps[p]


@jit
def step_end(free_ps: Ints, received: Ints, update_ps: Ints, idle_ps: Ints, emitted_ps: int) -> int:
    """End of a timestep: the last home has sent, the last target has served and updated its neurons."""
    end = emitted_ps
    for target in range(len(free_ps)):
        update = update_ps[target] if received[target] > 0 else idle_ps[target]
        end = max(end, free_ps[target] + update)
    return end


@jit
def run_timesteps(
    counts: Counts,
    n_timesteps: int,
    code: int,
    soma: Soma,
    packet_ps: int,
    cycle_ps: int,
    homes: Homes,
    targets: Targets,
    segments: Segments,
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
    targets
        (router, service_ps, update_ps, idle_ps) int64 [G].
    segments
        (segment of each row, CSR pointer, targets of the segments), see `plan.StagePlan`.
    network
        (link_flits, link_wait, workspace), see `kernels_noc.simulate_mesh`.
    scratch
        (emitted, packets, cycle, src, dst, flits, delivered, start_ps, done_ps), each int64 [most packets of a
        timestep], the first two of four fields.
    out
        (compute_ps [tokens], network_ps [tokens], home_busy [H], flows [H, G], active_steps [G], events [E, 9]);
        all are added to, events are written from the start. `E` = 0 records none. Fields of an event: token, timestep,
        row, home, target, ready_ps, delivered_cycle, start_ps, done_ps.

    Returns
    -------
    int
        Spikes.
    """
    start, stop, home_router = homes
    target_router, service_ps, update_ps, idle_ps = targets
    emitted, packets, cycle, src, dst, flits, delivered, start_ps, done_ps = scratch
    compute_out, network_out, home_busy, flows, active_steps, events = out
    head = np.empty(len(start), np.int64)
    tail = np.empty(len(start), np.int64)
    free_ps = np.empty(len(target_router), np.int64)
    received = np.empty(len(target_router), np.int64)
    n_spikes = 0
    n_events = 0
    for token in range(counts.shape[0]):
        for timestep in range(n_timesteps):
            # the home cores update their neurons and send
            n = 0
            emitted_ps = 0
            for home in range(len(start)):
                head[home] = n
                n, end, spikes = emit_home(
                    counts[token], start[home], stop[home], timestep, code, soma, packet_ps, segments, home, n, emitted
                )
                tail[home] = n
                home_busy[home] += end
                emitted_ps = max(emitted_ps, end)
                n_spikes += spikes
            merge_homes(emitted, head, tail, cycle_ps, packets, cycle)
            # the network carries the packets
            received[:] = 0
            for p in range(n):
                src[p] = home_router[packets[2][p]]
                dst[p] = target_router[packets[3][p]]
                received[packets[3][p]] += 1
                flows[packets[2][p], packets[3][p]] += 1
            for target in range(len(received)):
                active_steps[target] += received[target] > 0
            # without a network first: what the cores alone would take
            serve(np.arange(n), cycle, cycle_ps, packets[3], service_ps, free_ps, start_ps, done_ps)
            compute_ps = step_end(free_ps, received, update_ps, idle_ps, emitted_ps)
            simulate_mesh(n, cycle, src, dst, flits, delivered, network[0], network[1], network[2])
            order = np.argsort(delivered[:n], kind="mergesort")
            serve(order, delivered, cycle_ps, packets[3], service_ps, free_ps, start_ps, done_ps)
            total_ps = step_end(free_ps, received, update_ps, idle_ps, emitted_ps)
            compute_out[token] += compute_ps
            network_out[token] += total_ps - compute_ps
            for p in range(min(n, len(events) - n_events)):
                event = events[n_events]
                event[0], event[1] = token, timestep
                event[2], event[3], event[4] = packets[1][p], packets[2][p], packets[3][p]
                event[5], event[6], event[7], event[8] = packets[0][p], delivered[p], start_ps[p], done_ps[p]
                n_events += 1
    return n_spikes
