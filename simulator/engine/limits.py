"""What is refused before a simulation starts: a placement beyond the chip's limits, more memory than allowed."""

from __future__ import annotations

from simulator.config.chip import ChipConfig
from simulator.engine.machine_memory import default_limit_bytes, process_bytes
from simulator.engine.memory_estimate import MIB, kept_bytes, least_bytes, peak_bytes
from simulator.errors import CapacityError, SpikewattError
from simulator.mapping.mapped import Mapped
from simulator.mapping.packet_format import address_bits, flits_per_spike, list_flits, payload_bits, value_flits
from simulator.trace.trace import Trace


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
        When ``noc.buffer_flits`` is below twice the flits of the largest packet, or packets of several sizes would
        travel together, as markers with longer spikes: places that the short ones leave over may never add up to one
        for a long one. With multicast every flit goes for itself.
    """
    if chip.noc.topology != "torus":
        return
    value = value_flits("collect", chip)
    spike = flits_per_spike(trace.encoding, chip)
    form = chip.noc.packet
    if form.gathers and not chip.noc.multicast and (form.bitmap or list_flits(form.spikes, trace.encoding, chip) > 1):
        raise CapacityError(
            f"{chip.name}: a torus carries packets of one size at a time; noc.packet.spikes and noc.packet.bitmap make"
            " packets of several; set noc.multicast, fewer spikes or noc.topology mesh"
        )
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


def check_lists(trace: Trace, chip: ChipConfig) -> None:
    """Check that one more spike in a list never takes more flits than a packet of its own.

    Raises
    ------
    CapacityError
        When address and payload of a spike are longer than a packet of one spike.
    """
    address, payload = address_bits(chip), payload_bits(trace.encoding, chip)
    alone = flits_per_spike(trace.encoding, chip) * chip.noc.flit_bits
    if chip.noc.packet.spikes > 1 and address + payload > alone:
        raise CapacityError(
            f"{chip.name}: noc.packet.spikes: one more spike of a list takes {address + payload} bit (address"
            f" {address}, payload {payload}), a packet of its own {alone}; set noc.packet.spikes to 1 or a shorter"
            " noc.packet.address"
        )


def check_memory(mapped: Mapped, threads: int, limit_bytes: int | None = None) -> None:
    """Raise SpikewattError when the process takes more than ``limit_bytes`` at its peak (`memory_estimate`).

    None stands for the limit of the machine, `machine_memory.default_limit_bytes`.
    """
    _check("about", peak_bytes(mapped, threads), limit_bytes)


def check_least_memory(trace: Trace, chip: ChipConfig, threads: int, limit_bytes: int | None = None) -> None:
    """As `check_memory`, before there is a mapping (`least_bytes`): first without a look at the counts of the trace."""
    _check("at least", process_bytes() + kept_bytes(trace), limit_bytes)
    _check("at least", least_bytes(trace, chip, threads), limit_bytes)


def _check(about: str, demand: int, limit_bytes: int | None) -> None:
    if limit_bytes is None:
        limit_bytes = default_limit_bytes()
    if limit_bytes is not None and demand > limit_bytes:
        raise SpikewattError(
            f"the simulation needs {about} {demand // MIB + 1} MiB of memory, limit {limit_bytes // MIB} MiB"
            f" ({(demand - limit_bytes) // MIB + 1} over); take fewer tokens or noc.multicast, or raise --memory-limit"
        )
