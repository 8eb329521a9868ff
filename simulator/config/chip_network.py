"""The network of the chip file: routers, links, and the links between chips."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from simulator.choices import NetworkModel
from simulator.config.field_types import Count, Cycles, Depth, Frozen, HeaderBits, Quantity, WidthBits, broken_rule
from simulator.config.provenance import Delay, Grade, Price


class CycleTime(Delay):
    """Time of one cycle; without any, links would have no bandwidth to divide by."""

    value: Annotated[int, Quantity("time", least=1, most="1 s")]


class ChipLink(Frozen):
    """A link that leaves the chip: extra latency over an on-chip link, and how often it takes a flit."""

    extra_cycles: Cycles
    cycles_per_flit: Count = 1
    low_cycles_per_flit: Count | None = Field(default=None, description="lower bound of cycles_per_flit")
    high_cycles_per_flit: Count | None = Field(default=None, description="upper bound of cycles_per_flit")
    hop: Price
    source: str
    grade: Grade
    note: str | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        value, low, high = self.cycles_per_flit, self.low_cycles_per_flit, self.high_cycles_per_flit
        if low is not None and low > value:
            raise broken_rule("low_cycles_per_flit", f"found {low}, expected at most cycles_per_flit, {value}")
        if high is not None and high < value:
            raise broken_rule("high_cycles_per_flit", f"found {high}, expected at least cycles_per_flit, {value}")
        return self


class PacketFormat(Frozen):
    """What a packet of the network carries besides its payload, and how much of that (`mapping.packet_format`)."""

    header: HeaderBits = Field(
        default=0,
        description="bits of each packet that are no payload, such as its address; 0: they travel in addition to the"
        " bits of a flit",
    )
    values: Count = Field(
        default=1,
        description="values (outputs, residuals, partial sums) of one core to another that a packet has room for",
    )
    spikes: Count = Field(
        default=1,
        description="most spikes of a home core to the same cores that leave as one packet, a list of their addresses",
    )
    address: HeaderBits | None = Field(
        default=None,
        description="bits of the address of each spike of a list behind the first; without it as many as number the"
        " in-axons of a core",
    )
    bitmap: bool = Field(
        default=False,
        description="true: a home core sends its spikes of a timestep as a bit for each neuron where this takes fewer"
        " flits than lists",
    )

    @property
    def gathers(self) -> bool:
        """Whether a home core gathers spikes; otherwise each leaves at once, as a packet of its own."""
        return self.spikes > 1 or self.bitmap


class Noc(Frozen):
    """Mesh or torus of routers (docs/network_timing.md): XY routing, FIFOs, credits, round-robin."""

    model: NetworkModel = Field(
        default="cycle",
        description="cycle: flit by flit; estimate: mean waiting in closed form; ideal: no contention, a lower bound",
    )
    router: Literal["P", "N", "R", "V"] = Field(
        default="P",
        description="P: 3 cycles per hop; N: 4, a packet first acquires its output; R: 5, a routing cycle before; V: 4,"
        " four virtual channels per link, no multicast",
    )
    topology: Literal["mesh", "torus"] = Field(
        default="mesh",
        description="torus: every row and column of tiles closes to a ring; buffer_flits must hold two packets then",
    )
    buffer_flits: Depth = Field(default=8, description="depth of each FIFO; with V, of each channel")
    flit_bits: WidthBits
    packet: PacketFormat = Field(default=PacketFormat(), description="format of its packets")
    cycle: CycleTime = Field(description="time of one router cycle; an asynchronous chip gives its flit time")
    extra_cycles_x: Cycles = Field(default=0, description="cycles an east-west hop takes beyond the router's own")
    extra_cycles_y: Cycles = Field(default=0, description="cycles a north-south hop takes beyond the router's own")
    hop_x: Price = Field(description="one flit over an east-west link, its router included")
    hop_y: Price = Field(description="one flit over a north-south link, its router included")
    multicast: bool = Field(
        default=False,
        description="one packet per spike along an XY tree to all cores that need it, instead of one packet per core",
    )
    local: Price = Field(description="one flit from the router into a tile, taken by every core it is for")
    chip_link: ChipLink | None = Field(default=None, description="needed when max_chips > 1")

    @model_validator(mode="after")
    def _header_within_a_flit(self) -> Self:
        if self.packet.header >= self.flit_bits:
            raise broken_rule(
                "flit_bits",
                f"found {self.flit_bits} bit, expected more than the {self.packet.header} bit of packet.header",
            )
        return self
