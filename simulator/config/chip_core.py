"""One core of the chip file: its memory, limits and the stages of its pipeline (DESIGN section 5)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.config.field_types import Count, Frozen, Places, SizeBytes, WidthBits
from simulator.config.provenance import Action, Delay


class Sram(Frozen):
    """Synaptic memory of one core."""

    capacity: SizeBytes
    word: WidthBits
    banks: Places = Field(
        default=1,
        description="banks with one port each, words spread over them in turn: the number of words of a row that can"
        " be read at once",
    )
    read: Action | None = Field(
        default=None, description="one word for the vector unit; needed when mapping.kv_cache is sram"
    )
    write: Action | None = Field(
        default=None, description="one word by the vector unit; needed when mapping.kv_cache is sram"
    )


class Limits(Frozen):
    """Hard limits of one core."""

    axons_in: Count
    neurons: Count
    axons_out: Count | None = Field(
        default=None,
        description="targets of the spikes of a core: one for each neuron and core that it drives, with multicast one"
        " for each neuron; without it no bound",
    )


class AxonIn(Frozen):
    """Receiving end: one table lookup per packet."""

    lookup: Action
    fifo_packets: Places | None = Field(
        default=None,
        description="packets that can wait in front of the core; a full core blocks the local port of its router (model"
        " cycle only). Without it any number can",
    )


class Synapse(Frozen):
    """Row fetch: words of SRAM per packet or tile, then one synop per weight (per native weight slice)."""

    weight_bits: WidthBits = Field(description="widest weight held in one synapse; wider ones take several (slices)")
    lanes: Count = Field(description="synops served at once")
    tile: Count = Field(
        default=1,
        description="tokens of a chunk that share one fetch of a row in all their timesteps; 1: a fetch per packet",
    )
    reuse: Literal["none", "nested"] = Field(
        default="none",
        description="nested: a unary train is one packet and sums are over suffixes, for two accumulators each",
    )
    word_read: Action
    word_interval: Delay | None = Field(
        default=None, description="time from one word to the next where fetches overlap; by default that of `word_read`"
    )
    synop: Action


class Dendrite(Frozen):
    """Accumulation of one weight into the sum of one neuron: the AC (or MAC) of the 45 nm op count."""

    accumulator_bits: WidthBits
    accumulators_per_core: Count | None = Field(
        default=None,
        description="sums that a core can hold at once, one for each neuron and token of a tile; by default"
        " core.limits.neurons",
    )
    accumulate: Action
    multiply_accumulate: Action | None = Field(
        default=None, description="what `accumulate` is for a graded packet, whose count multiplies each weight"
    )
    accumulators: Literal["registers", "sram"] = Field(
        default="registers",
        description="registers next to the adders need no access of their own; in a memory, each accumulate and each"
        " reduce reads one and writes it back",
    )
    accumulator_banks: Places | None = Field(
        default=None,
        description="banks of that memory with one port each; neurons are spread over them in turn. Without it one"
        " per lane",
    )
    accumulator_read: Action | None = Field(default=None, description="one accumulator; with accumulators: sram")
    accumulator_write: Action | None = Field(default=None, description="one accumulator; with accumulators: sram")
    reduce: Action = Field(description="adding one partial sum that came from another core; no AC of the op count")


class Soma(Frozen):
    """Neuron update. `every: timestep` updates each neuron in each timestep, `stage` once after the last one."""

    every: Literal["timestep", "stage"]
    lanes: Count
    update: Action = Field(description="neuron that fires, or has received input in this timestep")
    update_idle: Action = Field(description="neuron that has not")
    fire: Action = Field(description="producing the spike of a neuron that fires")


class AxonOut(Frozen):
    """Sending end: one packet per spike and destination core, with multicast one per spike (more in `noc.packet`)."""

    packet: Action


class Core(Frozen):
    """One pipeline with its memory: axon_in, synapse, dendrite, soma, axon_out (DESIGN section 5)."""

    sram: Sram
    limits: Limits
    overhead: Delay = Field(description="added to the slowest stage for each packet served, whatever spikes it has")
    axon_in: AxonIn
    synapse: Synapse
    dendrite: Dendrite
    soma: Soma
    axon_out: AxonOut
