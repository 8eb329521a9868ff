"""The spike timesteps of stages, run by the compiled kernels: the cores alone, and with their network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.engine import handshake
from simulator.engine.kernels.emission import DENSE, FIRINGS
from simulator.engine.kernels.stage_records import (
    EVENT,
    CoreTotals,
    Events,
    Homes,
    HomeTotals,
    NetworkTotals,
    PacketForm,
    Paths,
    Receivers,
    Senders,
    Soma,
    StageArrays,
    Targets,
    scratch,
)
from simulator.engine.kernels.timesteps import run_cores, run_network
from simulator.engine.network.network import Network
from simulator.engine.plan import StagePlan
from simulator.engine.servers import Servers
from simulator.mapping.packet_format import address_bits, flits_per_spike, payload_bits
from simulator.mapping.spike_packets import spike_packets, spikes_of_row
from simulator.trace.encoding import Encoding


@dataclass(frozen=True)
class CoreSteps:
    """What the cores of a stage took for its timesteps, packets coming in the cycle in which they are sent.

    Attributes
    ----------
    spikes
        Spikes sent (activations sent, in dense replay).
    step_ps
        int64 [tokens, runs]: time of each timestep, or of all of them where no barrier closes these.
    home_busy_ps, home_soma_ps
        int64 [H]: time in which each home core was at work, and that of its soma alone.
    active_steps
        int64 [G]: timesteps in which a target received something.
    """

    spikes: int
    step_ps: Ints
    home_busy_ps: Ints
    home_soma_ps: Ints
    active_steps: Ints

    def of_all(self, carried: Ints) -> CoreSteps:
        """The steps of all tokens, of which these are some; ``carried`` as from `token_sample.stand_ins`."""
        n, known = len(carried), len(self.step_ps)
        if known == n:
            return self
        place = np.repeat(np.arange(known), carried[carried > 0])
        totals = (total * n // known for total in (self.home_busy_ps, self.home_soma_ps, self.active_steps))
        return CoreSteps(self.spikes, self.step_ps[place], *totals)


@dataclass(frozen=True)
class NetworkSteps:
    """What stages at work took for their timesteps with the network between their cores.

    Attributes
    ----------
    spikes
        Spikes sent (activations sent, in dense replay).
    total_ps
        int64 [tokens]: time of all timesteps.
    sent
        int64 [H, S]: packets of each home core to each segment of its rows, without markers.
    stall_ps
        int64 [G]: how long packets waited for a place in front of each core, by the number of the core among these.
    events
        `stage_records.EVENT` [packets recorded]; without markers.
    """

    spikes: int
    total_ps: Ints
    sent: Ints
    stall_ps: Ints
    events: Events


def replay_code(encoding: Encoding, chip: ChipConfig) -> tuple[int, int]:
    """(kernel code, timesteps) under which ``chip`` replays a trace of this encoding."""
    if chip.replay == "dense":
        return DENSE, 1
    return FIRINGS[encoding.spec.firing], encoding.n_timesteps


def run_alone(counts: NDArray[np.integer], plan: StagePlan, encoding: Encoding, chip: ChipConfig) -> CoreSteps:
    """Replay ``counts`` [tokens, n] on the cores of a stage, without a network."""
    code, n_timesteps = replay_code(encoding, chip)
    shakes = chip.sync.kind == "handshake"
    work = scratch(most_packets(plan, plan.without_network), gathers=chip.noc.packet.gathers)
    if shakes:
        work = handshake.work_alone(plan, spikes_of_row(counts, encoding, chip), n_timesteps, chip)
    steps, homes = np.zeros((len(counts), 1 if shakes else n_timesteps), np.int64), _no_homes(plan)
    active = np.zeros(len(plan.without_network.representatives), np.int64)
    spikes = run_cores(
        np.ascontiguousarray(counts, dtype=np.int32),
        _stage_arrays(plan, code, n_timesteps, encoding, chip),
        handshake.marker_ps(chip) if shakes else None,
        work,
        CoreTotals(steps, homes, active),
    )
    of_targets = active[plan.without_network.representative_of]
    return CoreSteps(int(spikes), steps, homes.busy_ps, homes.soma_ps, of_targets)


def run_networked(
    counts: NDArray[np.integer],
    plan: StagePlan,
    encoding: Encoding,
    chip: ChipConfig,
    network: Network,
    n_events: int = 0,
) -> NetworkSteps:
    """Replay ``counts`` [tokens, n] through the network; record at most ``n_events`` packets one by one.

    Raises
    ------
    ValueError
        When packets are to be recorded under a plan with deduplicated cores.
    """
    if n_events and len(plan.with_network.representatives) < len(plan.targets):
        raise ValueError("a record of packets needs a plan with deduplicate=False")
    code, n_timesteps = replay_code(encoding, chip)
    shakes = chip.sync.kind == "handshake"
    if shakes:
        marks = handshake.markers(plan, n_timesteps)
        work = handshake.work_space(plan, spikes_of_row(counts, encoding, chip), marks, chip)
    else:
        work = scratch(most_packets(plan, plan.with_network), log_rows=n_events, gathers=chip.noc.packet.gathers)
    totals = NetworkTotals(
        total_ps=np.zeros(len(counts), np.int64),
        homes=_no_homes(plan),
        sent=np.zeros((len(plan.homes), len(plan.segment_ptr) - 1), np.int64),
        stall_ps=np.zeros(len(plan.targets), np.int64),
        events=np.full(n_events, -1, EVENT).view(np.recarray),
    )
    spikes = run_network(
        np.ascontiguousarray(counts, dtype=np.int32),
        _stage_arrays(plan, code, n_timesteps, encoding, chip),
        network.arrays,
        handshake.marker_ps(chip) if shakes else None,
        work,
        totals,
    )
    n_recorded = min(n_events, int(flows_of(totals.sent, plan).sum())) if n_events else 0
    events = totals.events[:n_recorded]
    return NetworkSteps(int(spikes), totals.total_ps, totals.sent, totals.stall_ps, events)


@dataclass(frozen=True)
class Sent:
    """What each home core sends to each segment of its rows, copies included: int64 [H, S] each."""

    spikes: Ints
    packets: Ints
    flits: Ints


def packets_sent(counts: NDArray[np.integer], plan: StagePlan, encoding: Encoding, chip: ChipConfig) -> Sent:
    """Packets for ``counts`` [tokens, n], from these alone."""
    changes = np.flatnonzero(np.diff(plan.segment_of_row)) + 1
    edges = np.union1d(plan.home_start[plan.home_start < plan.home_stop], changes)
    of_rows = spike_packets(counts, edges, encoding, chip)
    home_of_row = np.repeat(np.arange(len(plan.homes)), plan.home_stop - plan.home_start)
    copies = copies_of(plan)

    def of_segments(per_row: Ints) -> Ints:
        found = np.zeros((len(plan.homes), len(copies)), np.int64)
        np.add.at(found, (home_of_row, plan.segment_of_row), per_row)
        return found * copies

    return Sent(of_segments(of_rows.spikes), of_segments(of_rows.packets), of_segments(of_rows.flits))


def copies_of(plan: StagePlan) -> Ints:
    """Packets that a spike of each segment is sent as, int64 [S]."""
    targets = np.diff(plan.segment_ptr)
    return np.minimum(targets, 1) if plan.routes.multicast else targets


def _no_homes(plan: StagePlan) -> HomeTotals:
    """Nothing done yet."""
    return HomeTotals(np.zeros(len(plan.homes), np.int64), np.zeros(len(plan.homes), np.int64))


def _stage_arrays(plan: StagePlan, code: int, n_timesteps: int, encoding: Encoding, chip: ChipConfig) -> StageArrays:
    """The plan as the kernel takes it."""
    routes = plan.routes
    homes = Homes(plan.home_start, plan.home_stop, plan.home_router)
    packet_ps = chip.core.axon_out.packet.latency.value
    sizes = flits_per_spike(encoding, chip), _form_of(encoding, chip)
    senders = Senders(n_timesteps, code, soma_of(chip), packet_ps, homes, plan.segment_of_row, *sizes)
    members = routes.member_target, routes.member_server, routes.member_service_ps
    paths = Paths(routes.nodes, routes.root, plan.target_router, *members)
    receivers = _receivers(plan, plan.with_network), _receivers(plan, plan.without_network)
    return StageArrays(senders, chip.noc.cycle.value, chip.core.overhead.value, *receivers, paths)


def _form_of(encoding: Encoding, chip: ChipConfig) -> PacketForm:
    """The packets of spikes, as the kernel takes them."""
    form = chip.noc.packet
    bits = form.header, address_bits(chip), payload_bits(encoding, chip), chip.noc.flit_bits
    return PacketForm(form.gathers, form.spikes, form.bitmap, *bits)


def _receivers(plan: StagePlan, servers: Servers) -> Receivers:
    """The simulated targets, as the kernel takes them."""
    some = servers.representatives
    after_ps = plan.target_suffix_ps[some]
    times = plan.target_row.ps[some], plan.target_update_ps[some] + after_ps, plan.target_idle_ps[some] + after_ps
    place = np.zeros_like(servers.place) if plan.routes.multicast else servers.place
    segments = servers.segment_ptr, servers.segment_target, place, copies_of(plan)
    return Receivers(*segments, Targets(servers.server, *times))


def flows_of(sent: Ints, plan: StagePlan) -> Ints:
    """What comes from each home core to each target, int64 [H, G]; in unicast ``sent`` has a copy for each target."""
    alone = sent if plan.routes.multicast else sent // np.maximum(np.diff(plan.segment_ptr), 1)
    flows = np.zeros((len(sent), len(plan.targets)), np.int64)
    for segment, targets in enumerate(np.split(plan.segment_target, plan.segment_ptr[1:-1])):
        flows[:, targets] += alone[:, segment, None]
    return flows


def soma_of(chip: ChipConfig) -> Soma:
    """The encoder neurons of a chip."""
    soma = chip.core.soma
    return Soma(soma.lanes, soma.update.latency.value, soma.update_idle.latency.value, soma.fire.latency.value)


def most_packets(plan: StagePlan, servers: Servers) -> int:
    """Packets to the simulated targets in a timestep in which every neuron fires."""
    if plan.routes.multicast:
        return len(plan.segment_of_row)
    return int(np.diff(servers.segment_ptr)[plan.segment_of_row].sum())
