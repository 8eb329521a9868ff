"""The oracle of timesteps without barriers (``sync.kind: handshake``): a core waits for its own home cores only.

All timesteps of a round are one run of the network. A home core goes from one timestep to the next without a pause.
Behind its spikes of a timestep it sends *markers*, packets of one flit: one for each run of its rows with the same
targets, to each of these, or with multicast one to all.

A target works timestep by timestep and serves the packets of the present one in order of arrival, markers too. When it
has the markers of all home cores that feed it, it has all their spikes. Then it updates its neurons and turns to the
next timestep. What has come early waits.
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from simulator.engine.oracle.reference_cores import Event, ReferenceCores
from simulator.engine.oracle.reference_network import Delivery, Packet
from simulator.engine.oracle.reference_schedule import Active
from simulator.mapping.placement import Block
from simulator.trace.trace_program import Stage


def timesteps(cores: ReferenceCores, active: Active) -> int:
    """All timesteps of the stages at work; returns the time in ps until all are done."""
    packets: list[Packet] = []
    step_of: dict[int, int] = {}  # of each packet, by identity
    end = 0
    for stage, token in active:
        for home in cores.blocks(stage.stage_id):
            soma_ps = out_ps = 0
            for t in range(cores.n_timesteps()):
                sent, soma_ps, out_ps = cores.emit(home, stage, t, cores.counts_of(stage, token), soma_ps, out_ps)
                marking, out_ps = markers(cores, home, stage, max(soma_ps, out_ps))
                packets += sent + marking
                step_of |= {id(packet): t for packet in sent + marking}
            cores.found.busy_ps[home.core] += max(soma_ps, out_ps)
            end = max(end, soma_ps, out_ps)
    end = max(end, cores.carry(packets))
    free: Counter[int] = Counter()
    for t in range(cores.n_timesteps()):
        present = [packet for packet in packets if step_of[id(packet)] == t]
        serve(cores, present, free)
        received = [d.receiver for p in present if p.rows for d in p.deliveries]
        for block in [b for stage, _ in active for layer_id in stage.layers for b in cores.blocks(layer_id)]:
            free[block.core] += cores.update(block, block in received)
        count(cores, present, {stage.stage_id: token for stage, token in active}, t)
    return max(end, *free.values())


def markers(cores: ReferenceCores, home: Block, stage: Stage, ready_ps: int) -> tuple[list[Packet], int]:
    """Markers of a home core after a timestep, one after another; returns them and when the last has left."""
    core = cores.chip.core
    service = core.axon_in.lookup.latency.value + core.overhead.value
    found = []
    for receivers, _ in groupby(cores.receivers(stage, row) for row in range(home.col_start, home.col_stop)):
        for group in receivers:
            ready_ps += core.axon_out.packet.latency.value
            packet = Packet(home, (), ready_ps, 1, multicast=cores.chip.noc.multicast)
            packet.deliveries += [Delivery(packet, block, service) for block in group]
            found.append(packet)
    return found, ready_ps


def serve(cores: ReferenceCores, packets: list[Packet], free: Counter[int]) -> None:
    """Cores serve the packets of a timestep in order of arrival; ``free`` is when each is free: in and out."""
    for d in sorted((d for p in packets for d in p.deliveries), key=lambda d: d.arrival_ps):
        d.start_ps = max(d.arrival_ps, free[d.receiver.core])
        d.done_ps = d.start_ps + d.service_ps
        free[d.receiver.core] = d.done_ps
        cores.found.busy_ps[d.receiver.core] += d.service_ps


def count(cores: ReferenceCores, packets: list[Packet], token_of: dict[str, int], t: int) -> None:
    """Count what the targets did for packets that they have served; a marker is looked up and no more."""
    for packet in packets:
        for delivery in packet.deliveries:
            if not packet.rows:
                cores.count(delivery.receiver.owner, "axon_in", "lookup")
                lookup = {"axon_in": cores.chip.core.axon_in.lookup.latency.value}
                cores.lockstep(delivery.receiver.core, lookup, delivery.service_ps)
                continue
            token = token_of[packet.sender.owner]
            cores.count_served(delivery.receiver, packet.rows, token)
            cores.found.events.append(Event(packet.sender.owner, token, t, delivery))
