"""What is refused before a simulation starts: a placement beyond the chip's limits, more memory than allowed."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.config.chip import ChipConfig
from simulator.engine.core_load import CoreLoad
from simulator.engine.kernels.network_records import DELIVERY
from simulator.engine.kernels.stage_records import scratch
from simulator.engine.machine_memory import process_bytes
from simulator.engine.network.network import Network
from simulator.engine.pipeline_units import UnitLoad
from simulator.errors import CapacityError, SpikewattError
from simulator.mapping.capacity import ceil_div
from simulator.mapping.mapped import Mapped
from simulator.mapping.traffic import flits_per_spike
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Stage

MIB = 1 << 20
# Measured: what compiled kernels and the page add to a process, and tables of results to each token and its stages.
LATER_BYTES = 125 * MIB
TOKEN_BYTES, STAGE_TOKEN_BYTES = 140, 530


def check_placement(mapped: Mapped) -> None:
    """Check a placement, whoever made it, against the chip.

    Raises
    ------
    CapacityError
        A block with more rows, columns or weights than a core holds, a core or router that is not on the mesh, or a
        layer that is not on the chip as a whole.
    """
    trace, chip, placement = mapped.trace, mapped.chip, mapped.placement
    for block in placement.blocks:
        limits = (
            ("in-axons", block.n_rows, chip.core.limits.axons_in, "core.limits.axons_in"),
            ("neurons", block.n_cols, chip.core.limits.neurons, "core.limits.neurons"),
            ("bytes of SRAM", block.sram_bytes, chip.core.sram.capacity, "core.sram.capacity"),
            ("cores", block.core + 1, placement.cores_total, "chip.max_chips"),
        )
        for unit, demand, bound, lever in limits:
            if demand > bound:
                raise CapacityError(
                    f"{chip.name}: {block.owner} needs {demand} {unit} on core {block.core}, limit {bound}"
                    f" ({demand - bound} over); split it further or raise {lever}"
                )
    routers, used = placement.mesh_x * placement.mesh_y, int(placement.core_router.max()) + 1
    if used > routers:
        raise CapacityError(
            f"{chip.name}: the placement needs {used} routers, the mesh of {placement.mesh_x} x {placement.mesh_y} has"
            f" {routers} ({used - routers} missing); raise chip.tiles_x or chip.tiles_y"
        )
    for layer in trace.layers:
        placed, needed = sum(b.n_rows * b.n_cols for b in placement.of(layer.layer_id)), layer.n_in * layer.n_out
        if placed != needed:
            raise CapacityError(
                f"{chip.name}: layer {layer.layer_id}: {placed} of its {needed} weights are on a core, expected all"
            )


def check_rings(trace: Trace, chip: ChipConfig) -> None:
    """Check what keeps the rings of a torus from filling (`reference_topology`): room for two packets, all of one size.

    Raises
    ------
    CapacityError
        When ``noc.buffer_flits`` is below twice the flits of the largest packet, or markers of one flit would travel
        together with longer spikes: places that the short ones leave over may never add up to one for a long one. With
        multicast every flit goes for itself.
    """
    if chip.noc.topology != "torus":
        return
    value = ceil_div(chip.core.dendrite.accumulator_bits, chip.noc.flit_bits)
    spike = flits_per_spike(trace.encoding, chip)
    if chip.sync.kind == "handshake" and not chip.noc.multicast and spike > 1:
        raise CapacityError(
            f"{chip.name}: a torus carries packets of one size at a time; sync.kind handshake sends markers of 1 flit"
            f" and spikes of {spike}; set noc.multicast, sync.kind barrier or noc.topology mesh"
        )
    demand, bound = 2 * max(value, spike), chip.noc.buffer_flits
    if demand > bound:
        raise CapacityError(
            f"{chip.name}: a torus needs {demand} flits in each FIFO, two of its largest packets (values of {value},"
            f" spikes of {spike}), limit {bound} ({demand - bound} over); raise noc.buffer_flits or noc.flit_bits"
        )


def check_memory(mapped: Mapped, threads: int, limit_bytes: int) -> None:
    """Raise SpikewattError when the process with the arrays of the simulation takes more than ``limit_bytes``."""
    demand = process_bytes() + LATER_BYTES + memory_bytes(mapped, threads)
    if demand > limit_bytes:
        raise SpikewattError(
            f"the simulation needs about {demand // MIB + 1} MiB of memory, limit {limit_bytes // MIB} MiB"
            f" ({(demand - limit_bytes) // MIB + 1} over); take fewer tokens or noc.multicast, or raise --memory-limit"
        )


def memory_bytes(mapped: Mapped, threads: int) -> int:
    """Bytes of the largest arrays: counts, times of all tokens, and for each thread a network, packets and loads."""
    trace, chip, placement = mapped.trace, mapped.chip, mapped.placement
    counts = sum(stream.n for stream in trace.streams) * trace.n_tokens * np.dtype(np.int16).itemsize
    stages = [_packet_bytes(stage, mapped) for stage in trace.stages]
    packets = max(stages) if chip.schedule.kind == "sequential" else sum(stages)
    loads = 3 * _bytes(
        (vars(CoreLoad.idle(placement)), vars(UnitLoad.idle(placement)))
    )  # the one under way and two that wait
    times = trace.n_tokens * (TOKEN_BYTES + len(trace.stages) * STAGE_TOKEN_BYTES)
    return counts + times + threads * (_bytes(Network(placement, chip).arrays) + packets + loads)


def _packet_bytes(stage: Stage, mapped: Mapped) -> int:
    """Bytes of the packets of a timestep in which every neuron fires; under handshakes of all timesteps of a token."""
    trace, chip = mapped.trace, mapped.chip
    blocks = [block for layer_id in stage.layers for block in mapped.placement.of(layer_id)]
    if chip.sync.kind == "barrier" or stage.stream is None:
        packets = stage.width if chip.noc.multicast else sum(block.n_rows for block in blocks)
        return packets * _bytes(scratch(1))
    spikes = stage.width if chip.replay == "dense" else int(trace.spikes_per_token(stage.stream).max())
    delivered = spikes * len(blocks)  # at most: a row may have fewer targets
    return (spikes if chip.noc.multicast else delivered) * _bytes(scratch(1)) + delivered * (DELIVERY.itemsize + 16)


def _bytes(record: Any) -> int:
    """Bytes of all arrays in nested tuples."""
    if isinstance(record, np.ndarray):
        return record.nbytes
    if isinstance(record, dict):
        record = tuple(record.values())
    return sum(map(_bytes, record)) if isinstance(record, tuple) else 0
