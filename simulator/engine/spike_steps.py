"""The spike timesteps of one stage, run by the compiled kernel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.engine import handshake
from simulator.engine.kernels.emission import DENSE, FIRINGS
from simulator.engine.kernels.stage_records import (
    EVENT,
    Events,
    Homes,
    Paths,
    Receivers,
    Senders,
    Soma,
    StageArrays,
    StageTotals,
    Targets,
    scratch,
)
from simulator.engine.kernels.timesteps import run_timesteps
from simulator.engine.network.network import Network
from simulator.engine.plan import StagePlan
from simulator.engine.servers import Servers
from simulator.mapping.traffic import flits_per_spike
from simulator.trace.encoding import Encoding


@dataclass(frozen=True)
class SpikeResult:
    """What the spike timesteps of a stage took, for H home and G target blocks.

    Attributes
    ----------
    spikes
        Spikes sent (activations sent, in dense replay).
    compute_ps, network_ps
        int64 [tokens]: time the cores alone would take, and what the network adds to it.
    home_busy_ps, home_soma_ps
        int64 [H]: time in which each home was at work, and that of its soma alone.
    sent
        int64 [H, S]: packets of each home to each segment of its rows.
    flows
        int64 [H, G]: deliveries from each home to each target.
    stall_ps
        int64 [G]: how long packets waited for a place in front of each core, by the number of the core among these.
    active_steps
        int64 [G]: timesteps in which a target received something.
    events
        `stage_records.EVENT` [packets recorded]; without markers.
    markers, marker_flows
        As ``sent`` and ``flows``, of the markers behind the timesteps; zero where barriers close these.
    """

    spikes: int
    compute_ps: Ints
    network_ps: Ints
    home_busy_ps: Ints
    home_soma_ps: Ints
    sent: Ints
    flows: Ints
    active_steps: Ints
    stall_ps: Ints
    events: Events
    markers: Ints
    marker_flows: Ints

    def standing_for(self, weight: int) -> SpikeResult:
        """The same where each token stands for ``weight`` of them: times repeated, everything else multiplied."""
        if weight == 1:
            return self
        times = {name: np.repeat(getattr(self, name), weight) for name in ("compute_ps", "network_ps")}
        names = ("home_busy_ps", "home_soma_ps", "sent", "flows", "active_steps", "stall_ps", "markers", "marker_flows")
        sums = {name: getattr(self, name) * weight for name in names}
        return replace(self, spikes=self.spikes * weight, **times, **sums)


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
) -> SpikeResult:
    """Replay ``counts`` [tokens, n] through a stage; record at most ``n_events`` packets one by one.

    Raises
    ------
    ValueError
        When packets are to be recorded under a plan with deduplicated cores.
    """
    if n_events and len(plan.with_network.representatives) < len(plan.targets):
        raise ValueError("a record of packets needs a plan with deduplicate=False")
    code, n_timesteps = replay_code(encoding, chip)
    handshake_chip = chip.sync.kind == "handshake"
    totals = _no_totals(len(counts), plan, n_events)
    markers = handshake.markers(plan, n_timesteps) if handshake_chip else np.zeros_like(totals.sent)
    if handshake_chip:
        spikes_of_row = encoding.spikes_per_count(counts) if chip.replay == "captured" else np.ones_like(counts)
        work = handshake.work_space(plan, spikes_of_row, markers)
    else:
        work = scratch(most_packets(plan), log_rows=n_events)
    spikes = run_timesteps(
        np.ascontiguousarray(counts, dtype=np.int32),
        _stage_arrays(plan, code, n_timesteps, flits_per_spike(encoding, chip), chip),
        network.arrays,
        handshake.marker_ps(chip) if handshake_chip else None,
        work,
        totals,
    )
    flows, markers = flows_of(totals.sent, plan), markers * len(counts)
    return SpikeResult(
        spikes=int(spikes),  # a kernel that is not compiled returns an integer of numpy
        compute_ps=totals.compute_ps,
        network_ps=totals.network_ps,
        home_busy_ps=totals.home_busy_ps,
        home_soma_ps=totals.home_soma_ps,
        sent=totals.sent,
        flows=flows,
        active_steps=totals.active_steps[plan.with_network.representative_of],
        stall_ps=totals.stall_ps,
        events=totals.events[: min(n_events, int(flows.sum()))],
        markers=markers,
        marker_flows=flows_of(markers, plan),
    )


def _no_totals(n_tokens: int, plan: StagePlan, n_events: int) -> StageTotals:
    """Nothing done yet."""

    def zeros(*shape: int) -> Ints:
        return np.zeros(shape, np.int64)

    n_homes, n_targets = len(plan.homes), len(plan.targets)
    return StageTotals(
        compute_ps=zeros(n_tokens),
        network_ps=zeros(n_tokens),
        home_busy_ps=zeros(n_homes),
        home_soma_ps=zeros(n_homes),
        sent=zeros(n_homes, len(plan.segment_ptr) - 1),
        active_steps=zeros(len(plan.with_network.representatives)),
        stall_ps=zeros(n_targets),
        events=np.full(n_events, -1, EVENT).view(np.recarray),
    )


def _stage_arrays(plan: StagePlan, code: int, n_timesteps: int, flits: int, chip: ChipConfig) -> StageArrays:
    """The plan as the kernel takes it."""
    routes = plan.routes
    homes = Homes(plan.home_start, plan.home_stop, plan.home_router)
    packet_ps = chip.core.axon_out.packet.latency.value
    senders = Senders(n_timesteps, code, soma_of(chip), packet_ps, homes, plan.segment_of_row, flits)
    members = routes.member_target, routes.member_server, routes.member_service_ps
    paths = Paths(routes.nodes, routes.root, plan.target_router, *members)
    receivers = _receivers(plan, plan.with_network), _receivers(plan, plan.without_network)
    return StageArrays(senders, chip.noc.cycle.value, *receivers, paths)


def _receivers(plan: StagePlan, servers: Servers) -> Receivers:
    """The simulated targets, as the kernel takes them."""
    some = servers.representatives
    after_ps = plan.target_suffix_ps[some]
    times = plan.target_row.ps[some], plan.target_update_ps[some] + after_ps, plan.target_idle_ps[some] + after_ps
    return Receivers(servers.segment_ptr, servers.segment_target, Targets(servers.server, *times))


def flows_of(sent: Ints, plan: StagePlan) -> Ints:
    """Deliveries from each home to each target, int64 [H, G]; in unicast a spike is a packet for each target."""
    spikes = sent if plan.routes.multicast else sent // np.maximum(np.diff(plan.segment_ptr), 1)
    flows = np.zeros((len(sent), len(plan.targets)), np.int64)
    for segment, targets in enumerate(np.split(plan.segment_target, plan.segment_ptr[1:-1])):
        flows[:, targets] += spikes[:, segment, None]
    return flows


def soma_of(chip: ChipConfig) -> Soma:
    """The encoder neurons of a chip."""
    soma = chip.core.soma
    return Soma(soma.lanes, soma.update.latency.value, soma.update_idle.latency.value, soma.fire.latency.value)


def most_packets(plan: StagePlan) -> int:
    """Packets of a timestep in which every neuron fires."""
    if plan.routes.multicast:
        return len(plan.segment_of_row)
    targets_of_row = np.diff(plan.segment_ptr)[plan.segment_of_row]
    return int(targets_of_row.sum())
