"""Compiled kernels of the engine: the timesteps of stages. Arrays and scalars in, arrays out.

`simulator.engine.oracle.reference` says the same in plain Python; the two agree event for event.

The packets of a run go through the network together, from an idle network. With barriers a run is one timestep, and the
network hands each packet to its cores as it comes. Without barriers a run is all timesteps of a token: home cores send
markers behind each timestep, the network writes down what it delivers, and the cores then serve that in the order of
the timesteps.

Another kernel simulates the cores alone, as if each packet came in the cycle in which it is sent. Stages that work at
the same time share no core, so each of them takes the time that it takes by itself.
"""

from __future__ import annotations

import numpy as np

from simulator.compiled import ZERO, jit, step
from simulator.engine.kernels.carry import NetworkArrays, carry
from simulator.engine.kernels.core_service import open_inputs
from simulator.engine.kernels.emission import HomeRanges
from simulator.engine.kernels.network_records import Cores, Traffic
from simulator.engine.kernels.packet_queue import emit_run, order_packets
from simulator.engine.kernels.stage_records import CoreTotals, Counts, NetworkTotals, Scratch, StageArrays
from simulator.engine.kernels.timestep_service import (
    ServerState,
    Steps,
    end_of_step,
    order_by_step,
    order_deliveries,
    serve_deliveries,
    serve_without_network,
    write_events,
)


@jit
def run_cores(counts: Counts, stage: StageArrays, marker_ps: int | None, work: Scratch, totals: CoreTotals) -> int:
    """All timesteps of one stage for all tokens as its cores alone take them; returns the spikes.

    Parameters
    ----------
    counts
        int32 [tokens, n].
    stage
        Who sends, and to whom without a network.
    marker_ps
        Time that a core takes for a marker; None: barriers end the timesteps.
    work
        Work space with room for the packets of a run.
    totals
        Written, and added to.
    """
    n_timesteps = stage.senders.n_timesteps
    n_steps = 1 if marker_ps is None else n_timesteps
    n_homes, receivers = len(totals.homes.busy_ps), stage.without_network
    ranges, steps = home_ranges(n_homes, counts.shape[1]), no_steps(n_steps, len(receivers.copies))
    servers = idle_servers(len(receivers.targets.server))
    n_spikes = ZERO
    for token in range(counts.shape[0]):
        for first in range(0, n_timesteps, n_steps):
            n, emitted_ps, spikes = emit_run(
                counts[token], first, n_steps, marker_ps, stage, receivers, ranges, work.emitted, totals.homes
            )
            n_spikes += spikes
            order_packets(n, n_homes, ranges, stage.cycle_ps, work)
            count_sent(n, stage, steps, work)
            order_by_step(n, work.packets.step, steps.begin, work.order)
            served_ps = serve_without_network(marker_ps, stage, steps, servers, work, totals.active_steps)
            totals.step_ps[token, first // n_steps] = max(served_ps, emitted_ps)
    return n_spikes


@jit
def run_network(
    counts: Counts,
    stage: StageArrays,
    network: NetworkArrays,
    marker_ps: int | None,
    work: Scratch,
    totals: NetworkTotals,
) -> int:
    """All timesteps of stages at work together for all tokens, through the network; returns the spikes.

    Parameters
    ----------
    counts
        int32 [tokens, n].
    stage
        Who sends and who receives.
    network
        See `carry.NetworkArrays`.
    marker_ps
        Time that a core takes for a marker; None: barriers end the timesteps.
    work
        Work space with room for the packets of a run, and without barriers for the deliveries of a token.
    totals
        Written, and added to.
    """
    n_timesteps, paths, receivers = stage.senders.n_timesteps, stage.paths, stage.with_network
    n_steps = 1 if marker_ps is None else n_timesteps
    n_homes = len(totals.homes.busy_ps)
    ranges, steps = home_ranges(n_homes, counts.shape[1]), no_steps(n_steps, len(receivers.copies))
    servers = idle_servers(len(receivers.targets.server))
    # Without barriers the network serves nothing: the log holds when packets come.
    service_ps = paths.member_service_ps if marker_ps is None else np.zeros_like(paths.member_service_ps)
    spikes_of = work.packets.spikes if marker_ps is None else np.zeros(0, np.int64)
    n_spikes = ZERO
    n_events = ZERO
    for token in range(counts.shape[0]):
        for first in range(0, n_timesteps, n_steps):
            n, emitted_ps, spikes = emit_run(
                counts[token], first, n_steps, marker_ps, stage, receivers, ranges, work.emitted, totals.homes
            )
            n_spikes += spikes
            order_packets(n, n_homes, ranges, stage.cycle_ps, work)
            count_sent(n, stage, steps, work)
            address_packets(n, stage, work, totals)
            servers.free_ps[:] = 0
            places = network.places if marker_ps is None else 0
            inputs = open_inputs(places, len(servers.free_ps), network.port_ps, totals.stall_ps)
            cores = Cores(
                stage.cycle_ps,
                work.packets.to,
                paths.member_server,
                service_ps,
                spikes_of,
                stage.overhead_ps,
                servers.free_ps,
                inputs,
            )
            traffic = Traffic(n, work.cycle, work.src, work.dst, work.flits, work.delivered, paths.nodes)
            if marker_ps is None:
                log = work.log[: len(totals.events) - n_events]
                last_ps, n_log = carry(traffic, network, cores, log)
                total_ps = end_of_step(steps.sent[0], receivers, servers, last_ps)
            else:
                log = work.log
                last_ps, n_log = carry(traffic, network, cores, log)
                order_deliveries(n_log, log, steps.begin, work)
                total_ps = max(serve_deliveries(log, marker_ps, stage, steps, servers, work), last_ps)
            totals.total_ps[token] += max(total_ps, emitted_ps)
            n_events = write_events(n_log, log, token, first, stage, work, totals.events, n_events)
    return n_spikes


@jit
def home_ranges(n_homes: int, n_rows: int) -> HomeRanges:
    """HomeRanges of so many home cores with so many rows in all."""
    first, stop = np.empty(n_homes, np.int64), np.empty(n_homes, np.int64)
    return HomeRanges(first, stop, np.empty(n_rows, np.int64), np.empty(n_rows, np.int64))


@jit
def no_steps(n_steps: int, n_segments: int) -> Steps:
    """Steps of so many timesteps and segments."""
    return Steps(np.empty(n_steps + 1, np.int64), np.empty((n_steps, n_segments), np.int64))


@jit
def idle_servers(n_targets: int) -> ServerState:
    """ServerState of so many targets."""
    return ServerState(np.empty(n_targets, np.int64), np.empty(n_targets, np.int64))


@step
def count_sent(n: int, stage: StageArrays, steps: Steps, work: Scratch) -> None:
    """Count the spike packets of a run by timestep and segment."""
    packets = work.packets
    steps.sent[:] = 0
    for p in range(n):
        if packets.row[p] >= 0:
            steps.sent[packets.step[p], stage.senders.segment_of_row[packets.row[p]]] += 1


@step
def address_packets(n: int, stage: StageArrays, work: Scratch, totals: NetworkTotals) -> None:
    """Fill in routers and flits of the packets of a run, and count its spikes."""
    packets, paths, senders = work.packets, stage.paths, stage.senders
    multicast = len(paths.nodes) > 0
    for p in range(n):
        home, to, row = packets.home[p], packets.to[p], packets.row[p]
        work.src[p] = senders.homes.router[home]
        work.dst[p] = paths.root[home, to] if multicast else paths.target_router[to]
        work.flits[p] = 1
        if row >= 0:
            work.flits[p] = packets.flits[p] if senders.form.gathers else senders.spike_flits
            totals.sent[home, senders.segment_of_row[row]] += 1
