"""Memory that a simulation takes at its peak, from sizes alone: nothing of it is made to be measured."""

from __future__ import annotations

import numpy as np

from simulator.engine.kernels.network_records import DELIVERY
from simulator.engine.machine_memory import process_bytes
from simulator.engine.network.network_memory import network_bytes
from simulator.engine.reach import routers_passed
from simulator.engine.warmup import kernels_of
from simulator.mapping.capacity import ceil_div
from simulator.mapping.mapped import Mapped
from simulator.trace.trace_program import Stage

MIB = 1 << 20
# Measured: kernels of `kernels_of`, and the page that is drawn afterwards.
KERNEL_BYTES = {"loaded": 0, "cached": 96 * MIB, "missing": 160 * MIB}
PAGE_BYTES = 84 * MIB
TOKEN_BYTES, STAGE_TOKEN_BYTES = 140, 420  # measured: tables of results, for each token and its stages
PACKET_BYTES = 18 * 8  # a packet in `stage_records.scratch`, but for its place in the order
LOAD_WORDS = 7 + 2 * 12 + 3  # `CoreLoad` and `UnitLoad` of a core


def peak_bytes(mapped: Mapped, threads: int) -> int:
    """Memory of this process now, and what a simulation with its report adds to that.

    The page is drawn after the simulation, so the larger of the two counts.
    """
    kernels = KERNEL_BYTES[kernels_of(mapped.chip)]
    return process_bytes() + kernels + kept_bytes(mapped) + max(PAGE_BYTES, work_bytes(mapped, threads))


def kept_bytes(mapped: Mapped) -> int:
    """Bytes that stay until the end: counts, and times of all tokens."""
    trace = mapped.trace
    counts = sum(stream.n for stream in trace.streams) * trace.n_tokens * np.dtype(np.int16).itemsize
    return counts + trace.n_tokens * (TOKEN_BYTES + len(trace.stages) * STAGE_TOKEN_BYTES)


def work_bytes(mapped: Mapped, threads: int) -> int:
    """Bytes of the work space: for each thread a network and packets; the loads of stages alone, and of all."""
    trace, chip, placement = mapped.trace, mapped.chip, mapped.placement
    together = [[stage] for stage in trace.stages] if chip.schedule.kind == "sequential" else [list(trace.stages)]
    packets = max(sum(_packet_bytes(stage, mapped) for stage in stages) for stages in together)
    cycles = max(_run_cycles(stage, mapped) for stage in trace.stages)
    loads = 2 * 8 * LOAD_WORDS * placement.cores_total
    return threads * (network_bytes(placement, chip, cycles, routers_passed(mapped)) + packets) + loads


def _packet_bytes(stage: Stage, mapped: Mapped) -> int:
    """Bytes of the packets of a timestep; under handshakes those of all timesteps of a token, and their deliveries.

    There is a place for every packet, and the places of packets that are sent are written to.
    """
    chip = mapped.chip
    places = stage.width if chip.noc.multicast else _copies(stage, mapped)
    if stage.stream is None:
        return 0
    sent = stage.width if chip.replay == "dense" else int(mapped.trace.spikes_per_token(stage.stream).max())
    if chip.sync.kind == "barrier":
        written = ceil_div(places * min(sent, stage.width), stage.width)
        return places * np.dtype(np.int64).itemsize + written * PACKET_BYTES
    delivered = ceil_div(_copies(stage, mapped) * sent, stage.width)
    packets = sent if chip.noc.multicast else delivered
    return packets * (PACKET_BYTES + 8) + delivered * (DELIVERY.itemsize + 2 * 8)


def _copies(stage: Stage, mapped: Mapped) -> int:
    """Deliveries when every neuron of a stage fires once."""
    return sum(block.n_rows for layer_id in stage.layers for block in mapped.placement.of(layer_id))


def _run_cycles(stage: Stage, mapped: Mapped) -> int:
    """Cycles that a home core takes to send the spikes of a timestep in which every neuron of it fires."""
    chip = mapped.chip
    neurons = max((block.n_cols for block in mapped.placement.of(stage.stage_id)), default=0)
    copies = 1 if chip.noc.multicast else ceil_div(_copies(stage, mapped), max(stage.width, 1))
    soma, packet_ps = chip.core.soma, chip.core.axon_out.packet.latency.value
    spike_ps = soma.update.latency.value // soma.lanes + soma.fire.latency.value + copies * packet_ps
    timesteps = mapped.trace.encoding.n_timesteps if chip.sync.kind == "handshake" else 1
    return ceil_div(timesteps * neurons * spike_ps, chip.noc.cycle.value) + neurons * copies
