"""Compiled kernel of the engine: the timesteps of one stage. Arrays and scalars in, arrays out.

`simulator.engine.oracle.reference` says the same in plain Python; the two agree event for event.

The packets of a run go through the network together, from an idle network. With barriers a run is one timestep, and the
network hands each packet to its cores as it comes. Without barriers a run is all timesteps of a token: homes send
markers behind each timestep, the network writes down what it delivers, and the cores then serve that in the order of
the timesteps.
"""

from __future__ import annotations

import numpy as np

from simulator.compiled import ZERO, jit, step
from simulator.engine.kernels.carry import NetworkArrays, carry
from simulator.engine.kernels.core_service import open_inputs
from simulator.engine.kernels.emission import HomeRanges, emit_run, merge_homes
from simulator.engine.kernels.network_records import Cores, Traffic
from simulator.engine.kernels.stage_records import Counts, Scratch, StageArrays, StageTotals
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
def run_timesteps(
    counts: Counts,
    stage: StageArrays,
    network: NetworkArrays,
    marker_ps: int | None,
    work: Scratch,
    totals: StageTotals,
) -> int:
    """All timesteps of one stage for all tokens; returns the spikes.

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
        Added to.
    """
    n_timesteps, paths = stage.senders.n_timesteps, stage.paths
    n_steps = 1 if marker_ps is None else n_timesteps
    n_homes = len(totals.home_busy_ps)
    ranges = HomeRanges(np.empty(n_homes, np.int64), np.empty(n_homes, np.int64), np.empty(n_homes, np.int64))
    steps = Steps(np.empty(n_steps + 1, np.int64), np.empty((n_steps, totals.sent.shape[1]), np.int64))
    servers, servers_alone = (
        idle_servers(len(stage.with_network.targets.server)),
        idle_servers(len(stage.without_network.targets.server)),
    )
    # Without barriers the network serves nothing: the log holds when packets come.
    service_ps = paths.member_service_ps if marker_ps is None else np.zeros_like(paths.member_service_ps)
    n_spikes = ZERO
    n_events = ZERO
    for token in range(counts.shape[0]):
        for first in range(0, n_timesteps, n_steps):
            n, emitted_ps, spikes = emit_run(counts[token], first, n_steps, marker_ps, stage, ranges, work, totals)
            n_spikes += spikes
            merge_homes(ranges, stage.cycle_ps, work)
            address_packets(n, stage, steps, work, totals)
            order_by_step(n, work.packets.step, steps.begin, work.order)
            compute_ps = serve_without_network(marker_ps, stage, steps, servers_alone, work)
            servers.free_ps[:] = 0
            places = network.places if marker_ps is None else 0
            inputs = open_inputs(places, len(servers.free_ps), network.port_ps, totals.stall_ps)
            cores = Cores(stage.cycle_ps, work.packets.to, paths.member_server, service_ps, servers.free_ps, inputs)
            traffic = Traffic(n, work.cycle, work.src, work.dst, work.flits, work.delivered, paths.nodes)
            if marker_ps is None:
                log = work.log[: len(totals.events) - n_events]
                last_ps, n_log = carry(traffic, network, cores, log)
                total_ps = end_of_step(steps.sent[0], stage.with_network, servers, last_ps)
                totals.active_steps[:] += servers.received
            else:
                log = work.log
                last_ps, n_log = carry(traffic, network, cores, log)
                order_deliveries(n_log, log, steps.begin, work)
                served_ps = serve_deliveries(log, marker_ps, stage, steps, servers, work, totals.active_steps)
                total_ps = max(served_ps, last_ps)
            compute_ps, total_ps = max(compute_ps, emitted_ps), max(total_ps, emitted_ps)
            totals.compute_ps[token] += compute_ps
            totals.network_ps[token] += total_ps - compute_ps
            n_events = write_events(n_log, log, token, first, stage, work, totals.events, n_events)
    return n_spikes


@jit
def idle_servers(n_targets: int) -> ServerState:
    """ServerState of so many targets."""
    return ServerState(np.empty(n_targets, np.int64), np.empty(n_targets, np.int64))


@step
def address_packets(n: int, stage: StageArrays, steps: Steps, work: Scratch, totals: StageTotals) -> None:
    """Fill in routers and flits of the packets of a run, and count its spikes."""
    packets, paths, senders = work.packets, stage.paths, stage.senders
    multicast = len(paths.nodes) > 0
    steps.sent[:] = 0
    for p in range(n):
        home, to, row = packets.home[p], packets.to[p], packets.row[p]
        work.src[p] = senders.homes.router[home]
        work.dst[p] = paths.root[home, to] if multicast else paths.target_router[to]
        work.flits[p] = 1
        if row >= 0:
            work.flits[p] = senders.spike_flits
            segment = senders.segment_of_row[row]
            steps.sent[packets.step[p], segment] += 1
            totals.sent[home, segment] += 1
