"""The spike timesteps of one stage, run by the compiled kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.engine import handshake
from simulator.engine.kernels.handshake_timesteps import run_handshake
from simulator.engine.kernels.timesteps import DENSE, FIRINGS, Targets, run_timesteps
from simulator.engine.kernels.timesteps import Routes as KernelRoutes
from simulator.engine.network.network import Network
from simulator.engine.plan import StagePlan
from simulator.engine.scratch import scratch
from simulator.engine.servers import Servers
from simulator.mapping.traffic import flits_per_spike
from simulator.trace.encoding import Encoding

EVENT_FIELDS = ("token", "timestep", "row", "home", "target", "ready_ps", "delivered_cycle", "start_ps", "done_ps")


@dataclass(frozen=True)
class SpikeRun:
    """What the spike timesteps of a stage took, for H home and G target blocks.

    Attributes
    ----------
    spikes
        Spikes sent (activations sent, in dense replay).
    compute_ps, network_ps
        int64 [tokens]: time the cores alone would take, and what the network adds to it.
    home_busy_ps
        int64 [H, 2]: time in which each home was at work, and that of its soma alone.
    sent
        int64 [H, S]: packets of each home to each segment of its rows.
    flows
        int64 [H, G]: deliveries from each home to each target.
    stall_ps
        int64 [G]: how long packets waited for a place in front of each core, by the number of the core among these.
    active_steps
        int64 [G]: timesteps in which a target received something.
    events
        int64 [packets recorded, 9], see `EVENT_FIELDS`; without markers.
    markers, marker_flows
        As ``sent`` and ``flows``, of the markers behind the timesteps; zero where barriers close these.
    """

    spikes: int
    compute_ps: Ints
    network_ps: Ints
    home_busy_ps: Ints
    sent: Ints
    flows: Ints
    active_steps: Ints
    stall_ps: Ints
    events: Ints
    markers: Ints
    marker_flows: Ints


def replay_code(encoding: Encoding, chip: ChipConfig) -> tuple[int, int]:
    """(kernel code, timesteps) under which ``chip`` replays a trace of this encoding."""
    if chip.replay == "dense":
        return DENSE, 1
    return FIRINGS[encoding.spec.firing], encoding.n_timesteps


def run_spikes(
    counts: NDArray[np.integer],
    plan: StagePlan,
    encoding: Encoding,
    chip: ChipConfig,
    network: Network,
    n_events: int = 0,
) -> SpikeRun:
    """Replay ``counts`` [tokens, n] through a stage; record at most ``n_events`` packets one by one.

    Raises
    ------
    ValueError
        When packets are to be recorded under a plan in which cores stand for others.
    """
    if n_events and len(plan.taking.kept) < len(plan.targets):
        raise ValueError("a record of packets needs a plan with all cores apart")
    code, n_timesteps = replay_code(encoding, chip)
    n_tokens, n_homes, n_targets = len(counts), len(plan.homes), len(plan.targets)
    compute, waiting = np.zeros(n_tokens, np.int64), np.zeros(n_tokens, np.int64)
    home_busy, sent = np.zeros((n_homes, 2), np.int64), np.zeros((n_homes, len(plan.segment_ptr) - 1), np.int64)
    active_steps, stall_ps = np.zeros(len(plan.taking.kept), np.int64), np.zeros(n_targets, np.int64)
    events = np.full((n_events, len(EVENT_FIELDS)), -1, np.int64)
    markers = handshake.markers(plan, n_timesteps) if chip.sync.kind == "handshake" else np.zeros_like(sent)
    arguments = (
        np.ascontiguousarray(counts, dtype=np.int32),
        n_timesteps,
        code,
        soma_of(chip),
        chip.core.axon_out.packet.latency.value,
        chip.noc.cycle.value,
        (plan.home_start, plan.home_stop, plan.home_router),
        (plan.segment_of_row, plan.taking.segment_ptr, plan.taking.segment_target),
        _targets(plan, plan.taking),
        (plan.alone.segment_ptr, plan.alone.segment_target, _targets(plan, plan.alone)),
        _routes(plan),
        network.for_kernel(),
    )
    out = (compute, waiting, home_busy, sent, active_steps, stall_ps, events)
    flits = flits_per_spike(encoding, chip)
    if chip.sync.kind == "handshake":
        spikes_of_row = encoding.spikes_per_count(counts) if chip.replay == "captured" else np.ones_like(counts)
        packets, log = handshake.work_space(plan, spikes_of_row, markers, flits)
        spikes = run_handshake(*arguments, handshake.marker_ps(chip), packets, log, out)
    else:
        spikes = run_timesteps(*arguments, scratch(most_packets(plan), flits), out)
    flows, markers = flows_of(sent, plan), markers * n_tokens
    recorded = events[: min(n_events, int(flows.sum()))]
    of_target = active_steps[plan.taking.stand_in]
    return SpikeRun(
        spikes,
        compute,
        waiting,
        home_busy,
        sent,
        flows,
        of_target,
        stall_ps,
        recorded,
        markers,
        flows_of(markers, plan),
    )


def _routes(plan: StagePlan) -> KernelRoutes:
    """The ways of the spikes, as the kernel takes them."""
    r = plan.routes
    return r.nodes, r.root, plan.target_router, r.member_target, r.member_server, r.member_service_ps


def _targets(plan: StagePlan, servers: Servers) -> Targets:
    """The targets that stand for all, as the kernel takes them."""
    kept = servers.kept
    return servers.server, plan.target_row.ps[kept], plan.target_update_ps[kept], plan.target_idle_ps[kept]


def flows_of(sent: Ints, plan: StagePlan) -> Ints:
    """Deliveries from each home to each target, int64 [H, G]; in unicast a spike is a packet for each target."""
    spikes = sent if plan.routes.multicast else sent // np.maximum(np.diff(plan.segment_ptr), 1)
    flows = np.zeros((len(sent), len(plan.targets)), np.int64)
    for segment, targets in enumerate(np.split(plan.segment_target, plan.segment_ptr[1:-1])):
        flows[:, targets] += spikes[:, segment, None]
    return flows


def soma_of(chip: ChipConfig) -> tuple[int, int, int, int]:
    """(lanes, update, idle update, fire) of the encoder neurons, times in ps."""
    soma = chip.core.soma
    return soma.lanes, soma.update.latency.value, soma.update_idle.latency.value, soma.fire.latency.value


def most_packets(plan: StagePlan) -> int:
    """Packets of a timestep in which every neuron fires."""
    if plan.routes.multicast:
        return len(plan.segment_of_row)
    targets_of_row = np.diff(plan.segment_ptr)[plan.segment_of_row]
    return int(targets_of_row.sum())
