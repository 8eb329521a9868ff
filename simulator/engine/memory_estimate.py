"""Memory that a simulation takes at its peak, from sizes alone: nothing of it is made to be measured.

`least_bytes` says without a mapping what it takes at least, `peak_bytes` with one what it takes.
"""

from __future__ import annotations

import numpy as np

from simulator.config.chip import ChipConfig
from simulator.engine.kernels.network_records import DELIVERY
from simulator.engine.machine_memory import process_bytes
from simulator.engine.network.network_memory import network_bytes, smallest_mesh
from simulator.engine.reach import routers_passed
from simulator.engine.schedule import in_rounds, segments
from simulator.engine.warmup import kernels_of
from simulator.mapping.capacity import ceil_div
from simulator.mapping.mapped import Mapped
from simulator.mapping.strategies import fewest_col_parts
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Stage

MIB = 1 << 20
# Measured: kernels of `kernels_of`, and the page that is drawn afterwards.
KERNEL_BYTES = {"loaded": 0, "begun": 36 * MIB, "cached": 96 * MIB, "missing": 160 * MIB}
PAGE_BYTES = 84 * MIB
TOKEN_BYTES, STAGE_TOKEN_BYTES = 140, 420  # measured: tables of results, for each token and its stages
PACKET_BYTES = 18 * 8  # a packet in `stage_records.scratch`, but for its place in the order
GATHERED_BYTES = 4 * 8  # more of one that may have several spikes
LOAD_WORDS = 7 + 2 * 12 + 3  # `CoreLoad` and `UnitLoad` of a core


def peak_bytes(mapped: Mapped, threads: int) -> int:
    """Memory of this process now, and what a simulation with its report adds to that.

    The page is drawn after the simulation, so the larger of the two counts.
    """
    kernels = KERNEL_BYTES[kernels_of(mapped.chip)]
    return process_bytes() + kernels + kept_bytes(mapped.trace) + max(PAGE_BYTES, work_bytes(mapped, threads))


def least_bytes(trace: Trace, chip: ChipConfig, threads: int) -> int:
    """Memory that `peak_bytes` comes to at least under the mapping of the chip file or one of the mapper.

    A trace that is far too large is refused by it at once, instead of after a search for its mapping.

    Raises
    ------
    CapacityError
        When a layer cannot be cut to fit.
    """
    mesh = smallest_mesh(trace, chip)
    copies = {stage.stage_id: _least_copies(stage, trace, chip) for stage in trace.stages}
    rings = chip.noc.topology == "torus" or len(in_rounds(trace, chip)) > 0
    per_spike = max(ceil_div(copies[stage.stage_id], stage.width) for stage in trace.stages)
    cycles = ceil_div(_spike_ps(1 if chip.noc.multicast else per_spike, chip), chip.noc.cycle.value)
    packets = max(_packet_bytes(stage, trace, chip, copies[stage.stage_id]) for stage in trace.stages)
    loads = _load_bytes(mesh.n_chips * chip.chip.n_cores)
    network = network_bytes(mesh, chip, cycles, mesh.routers if rings else 1)
    return process_bytes() + kept_bytes(trace) + max(PAGE_BYTES, threads * (network + packets) + loads)


def _least_copies(stage: Stage, trace: Trace, chip: ChipConfig) -> int:
    """As `_copies`, of the cut with the fewest blocks along the outputs."""
    layers = [trace.layer_by_id[layer_id] for layer_id in stage.layers]
    return sum(layer.n_in * fewest_col_parts(layer, chip) for layer in layers)


def kept_bytes(trace: Trace) -> int:
    """Bytes that stay until the end: counts, and times of all tokens."""
    counts = sum(stream.n for stream in trace.streams) * trace.n_tokens * np.dtype(np.int16).itemsize
    return counts + trace.n_tokens * (TOKEN_BYTES + len(trace.stages) * STAGE_TOKEN_BYTES)


def work_bytes(mapped: Mapped, threads: int) -> int:
    """Bytes of the work space: for each thread a network and packets; the loads of stages alone, and of all."""
    trace, chip, placement = mapped.trace, mapped.chip, mapped.placement
    of_stages = [_packet_bytes(stage, trace, chip, _copies(stage, mapped)) for stage in trace.stages]
    at_once = _stages_at_once(trace, chip)
    packets = max(sum(of_stages[first : first + at_once]) for first in range(len(of_stages)))
    cycles = max(_run_cycles(stage, mapped) for stage in trace.stages)
    network = network_bytes(placement, chip, cycles, routers_passed(mapped))
    return threads * (network + packets) + _load_bytes(placement.cores_total)


def _load_bytes(cores: int) -> int:
    """Bytes of the loads of stages alone, and of all."""
    return 2 * 8 * LOAD_WORDS * cores


def _stages_at_once(trace: Trace, chip: ChipConfig) -> int:
    """Most stages in a row whose packets pass the network together: one for each token in a pipeline of rounds."""
    in_pipeline = [len(segment.tokens) for segment in segments(trace, chip) if segment.order == "rounds"]
    return min(len(trace.stages), max(in_pipeline, default=1))


def _packet_bytes(stage: Stage, trace: Trace, chip: ChipConfig, copies: int) -> int:
    """Bytes of the packets of a timestep; under handshakes those of all timesteps of a token, and their deliveries.

    There is a place for every packet; those of packets that are sent are written to. ``copies``: see `_copies`.
    """
    places = stage.width if chip.noc.multicast else copies
    if stage.stream is None:
        return 0
    each = PACKET_BYTES + GATHERED_BYTES * chip.noc.packet.gathers
    sent = stage.width if chip.replay == "dense" else int(trace.spikes_per_token(stage.stream).max())
    if chip.sync.kind == "barrier":
        written = ceil_div(places * min(sent, stage.width), stage.width)
        return places * np.dtype(np.int64).itemsize + written * each
    delivered = ceil_div(copies * sent, stage.width)
    packets = sent if chip.noc.multicast else delivered
    return packets * (each + 8) + delivered * (DELIVERY.itemsize + 2 * 8)


def _copies(stage: Stage, mapped: Mapped) -> int:
    """Deliveries when every neuron of a stage fires once."""
    return sum(block.n_rows for layer_id in stage.layers for block in mapped.placement.of(layer_id))


def _run_cycles(stage: Stage, mapped: Mapped) -> int:
    """Cycles that a home core takes to send the spikes of a timestep in which every neuron of it fires."""
    chip = mapped.chip
    neurons = max((block.n_cols for block in mapped.placement.of(stage.stage_id)), default=0)
    copies = 1 if chip.noc.multicast else ceil_div(_copies(stage, mapped), max(stage.width, 1))
    spike_ps = _spike_ps(copies, chip)
    timesteps = mapped.trace.encoding.n_timesteps if chip.sync.kind == "handshake" else 1
    return ceil_div(timesteps * neurons * spike_ps, chip.noc.cycle.value) + neurons * copies


def _spike_ps(copies: int, chip: ChipConfig) -> int:
    """Time between two spikes of a home core that sends ``copies`` packets for each."""
    soma, packet_ps = chip.core.soma, chip.core.axon_out.packet.latency.value
    return soma.update.latency.value // soma.lanes + soma.fire.latency.value + copies * packet_ps
