"""The chip file as frozen records: geometry, limits, and for every action an energy and a latency with their source.

Inside, energies are float pJ, times int ps, sizes int bytes, widths int bits, powers float W. The words follow
GLOSSARY; the component/action names here are the ones of the ledger (`simulator.energy.ledger`).
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from simulator.choices import Logits, NetworkModel, SyncKind
from simulator.config.chip_rules import broken_chip_rules
from simulator.config.fields import (
    RULES_APART,
    AreaMm2,
    Count,
    Cycles,
    Depth,
    Frozen,
    LengthNm,
    Name,
    Places,
    Positive,
    Quantity,
    Share,
    SizeBytes,
    Text,
    TimePs,
    WidthBits,
    broken_rule,
)
from simulator.config.provenance import Action, Delay, Grade, Price, Provenance, StaticPower


class Technology(Frozen):
    """Process and supply of the chip, for the numbers that name none of their own."""

    node_nm: Positive
    voltage: Positive | None = None


class Area(Provenance):
    """Silicon of one part, in mm2."""

    value: AreaMm2


class SramArea(Frozen):
    """Memory cells by which the area of a memory follows its capacity (CACTI 7)."""

    node: LengthNm
    cell: Literal["HP", "LSTP", "LOP"]


class Areas(Frozen):
    """Silicon of one chip, where sources allow."""

    core: Area = Field(description="one core, without what the keys below give of it")
    lane: Area | None = Field(default=None, description="each of `core.synapse.lanes`")
    accumulator_bit: Area | None = Field(default=None, description="each bit of the accumulators of a core")
    vector_lane: Area | None = Field(default=None, description="each of `vector.lanes`")
    sram: SramArea | None = Field(default=None, description="`core.sram` of each core")
    memory: SramArea | None = Field(default=None, description="`memory` of each core, which needs a capacity")
    router: Area | None = Field(default=None, description="router of one tile, where `core` does not hold it")


class ChipGrid(Frozen):
    """A chip as a mesh of tiles, each a router with cores; several chips tile into a larger mesh."""

    tiles_x: Count
    tiles_y: Count
    cores_per_tile: Count
    max_chips: Count = 1
    static_power: StaticPower | None = Field(
        default=None,
        description="per chip in use, idle cores included: one figure that does not scale with the size of the chip, in"
        " place of the parts in `static`",
    )
    static_fixed: bool = Field(
        default=False,
        description="keep that figure when --set, a sweep or a file that extends this one changes tiles, lanes,"
        " memories or accumulators, which is refused otherwise",
    )
    gating: Literal["none", "core", "chip"] = Field(
        default="none",
        description="core: the parts of a core are switched off while no stage uses it; chip: all parts of a chip",
    )
    retention: Share = Field(default=0.0, description="share of its static power that a part draws while switched off")

    @property
    def n_tiles(self) -> int:
        """Tiles of one chip."""
        return self.tiles_x * self.tiles_y

    @property
    def n_cores(self) -> int:
        """Cores of one chip."""
        return self.n_tiles * self.cores_per_tile


class Static(Frozen):
    """Static power by part, so that the size of a chip moves it; a part without a figure draws none."""

    core: StaticPower | None = Field(default=None, description="what is in no other part, for each core")
    lanes: StaticPower | None = Field(default=None, description="each of `core.synapse.lanes`, adders and multipliers")
    sram: StaticPower | None = Field(default=None, description="`core.sram` of each core")
    accumulators: StaticPower | None = Field(default=None, description="each bit of the accumulators of a core")
    vector: StaticPower | None = Field(default=None, description="each of `vector.lanes`")
    memory: StaticPower | None = Field(default=None, description="`memory` of each core")
    router: StaticPower | None = Field(default=None, description="each tile")
    dram: StaticPower | None = Field(default=None, description="standby of the DRAM of each chip, if the run uses it")
    base: StaticPower | None = Field(default=None, description="each chip: pads, clock, its share of a board")


class CycleTime(Delay):
    """Time of one cycle; without any, links would have no bandwidth to divide by."""

    value: Annotated[int, Quantity("time", least=1, most="1 s")]


class ChipLink(Frozen):
    """A link that leaves the chip: extra latency over an on-chip link, and how often it takes a flit."""

    extra_cycles: Cycles
    cycles_per_flit: Count = 1
    hop: Price
    source: str
    grade: Grade
    note: str | None = None


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


class Sram(Frozen):
    """Synaptic memory of one core."""

    capacity: SizeBytes
    word: WidthBits
    banks: Places = Field(
        default=1,
        description="each of one port, words in them in turn: so many words of a row can be read at once",
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
        description="tokens of a chunk that share one fetch of a row, in all their timesteps; 1: a fetch per packet",
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
        description="beside the adders, without an access of their own; or in a memory, from which each accumulate and"
        " each reduce reads one and writes it back",
    )
    accumulator_banks: Places | None = Field(
        default=None,
        description="banks of that memory, of one port each; neurons lie in them in turn. Without it one per lane",
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
    fire: Action = Field(description="making the spike of a neuron that fires")


class AxonOut(Frozen):
    """Sending end: one packet per spike and destination core, with multicast one per spike."""

    packet: Action


class Core(Frozen):
    """One pipeline with its memory: axon_in, synapse, dendrite, soma, axon_out (DESIGN section 5)."""

    sram: Sram
    limits: Limits
    overhead: Delay = Field(description="added to the slowest stage for each packet served")
    axon_in: AxonIn
    synapse: Synapse
    dendrite: Dendrite
    soma: Soma
    axon_out: AxonOut


class Vector(Frozen):
    """Unit of the non-spiking work in each core that is home to a stream: `lanes` operations at a time."""

    lanes: Count
    add: Action
    mul: Action
    mac: Action
    compare: Action
    exp: Action
    div: Action


class Memory(Frozen):
    """Memory behind the vector unit of each home core (KV cache, dense head, embedding, values), priced per bit."""

    capacity: SizeBytes | None = Field(
        default=None, description="of each core; without it all that lies there is taken to fit, which a warning says"
    )
    in_sram: bool = Field(
        default=False,
        description="it is `core.sram` itself: what lies in both on one core has to fit there together",
    )
    word: WidthBits = Field(description="bits that one access moves")
    access: Delay = Field(description="time of one access; accesses overlap with vector operations, the slower counts")
    read: Price = Field(description="one bit")
    write: Price = Field(description="one bit")


class Dram(Frozen):
    """Memory off the chip, one channel for each chip, read and written in whole bursts."""

    capacity: SizeBytes | None = Field(default=None, description="of the channel of one chip; without it no bound")
    burst: WidthBits = Field(description="bits of one burst")
    access: Delay = Field(description="time of one burst, so that burst / access is the bandwidth of a channel")
    read: Price = Field(description="one bit")
    write: Price | None = Field(default=None, description="one bit; needed when mapping.kv_cache may be in dram")
    fetch: Literal["all", "active"] = Field(
        default="all", description="all weights of a stage, or the bursts that hold a row with a spike"
    )


class BarrierPoint(Frozen):
    """Barrier latency measured with this many tiles in use."""

    tiles: Count
    value: TimePs


class Barrier(Provenance):
    """Chip-wide close of a timestep; linear between the points, constant outside them."""

    latency: tuple[BarrierPoint, ...] = Field(min_length=1)
    energy: Price = Field(description="one barrier, all tiles together")


class Sync(Frozen):
    """How timesteps are kept apart."""

    kind: SyncKind = Field(
        default="barrier",
        description="barrier: all cores wait for the last; handshake: a core waits for those that send to it",
    )
    barrier: Barrier


class Mapping(Frozen):
    """How layers are cut into blocks, and where these go."""

    strategy: Literal["by_output", "by_input", "blocks_2d"] = Field(
        default="by_output",
        description="by_output: outputs are cut first, few partial sums travel; by_input: inputs; blocks_2d: both",
    )
    placement: Literal["snake", "in_order", "min_hops"] = Field(
        default="snake",
        description="tiles along a snake, row by row, or annealed from the snake for the fewest flits x hops",
    )
    seed: int = Field(default=0, ge=0, description="of the annealing")
    share_cores: bool = Field(
        default=False, description="several blocks on one core where they fit; in a stage it serves them one by one"
    )
    weights: Literal["resident", "streamed"] = Field(
        default="resident",
        description="on their cores for good; or loaded from `dram` for each stage, which all use the same cores",
    )
    kv_cache: Literal["memory", "sram", "dram", "auto"] = Field(
        default="memory",
        description="behind the vector unit of its home cores, in their SRAM beside weights, or off the chip; auto: in"
        " memory where it fits, else in dram",
    )
    embedding: Literal["memory", "dram", "auto"] = Field(default="memory", description="its table, see kv_cache")
    head: Literal["memory", "dram", "auto"] = Field(default="memory", description="weights of a dense head")
    tables: Literal["memory", "dram", "auto"] = Field(
        default="memory", description="gains of norms, scales and rotary tables of a stage, see kv_cache"
    )


class Schedule(Frozen):
    """How tokens follow one another."""

    kind: Literal["auto", "sequential", "pipelined"] = Field(
        default="sequential",
        description="one token in the chip at a time; or rounds in which every stage works on another token; auto:"
        " rounds for prompts, one at a time for generated tokens",
    )
    logits: Logits = Field(
        default="last",
        description="last: of the last token of a prompt and each decoded one, as serving needs; all: as scoring needs",
    )
    chunk: Count = Field(default=1, description="tokens of a prompt that pass each stage before the next begins")

    @model_validator(mode="after")
    def _one_token_per_stage(self) -> Self:
        if self.kind != "sequential" and self.chunk > 1:
            raise broken_rule("chunk", f"found {self.chunk} in a pipeline, expected 1: its stages take one token each")
        return self


class ChipConfig(Frozen):
    """A chip file. Everything that the mapping, the engine and the energy ledger know of the hardware."""

    name: Name
    summary: Text = Field(description="one line for `spikewatt chips`")
    sources: dict[str, Text] = Field(description="short key -> citation")
    technology: Technology
    area: Areas | None = Field(default=None, description="absent where no source gives it")
    replay: Literal["captured", "dense"] = Field(
        default="captured",
        description="captured: spikes as the trace encodes them; dense: every activation once, as one integer (MAC)",
    )
    chip: ChipGrid
    static: Static | None = Field(default=None, description="static power by part, in place of `chip.static_power`")
    noc: Noc
    core: Core
    vector: Vector
    memory: Memory
    sync: Sync
    mapping: Mapping = Mapping()
    schedule: Schedule = Schedule()
    dram: Dram | None = Field(default=None, description="needed when the mapping puts anything there")

    @model_validator(mode="after")
    def _rules(self, info: ValidationInfo) -> Self:
        if info.context == RULES_APART:  # whoever reads a file checks them on its tree, where they find their place
            return self
        broken = broken_chip_rules(self.model_dump())
        if broken:
            lines = [f"{'.'.join(map(str, path))}: {text}" for path, text in broken]
            raise PydanticCustomError("chip_rules", "{text}", {"text": "\n".join(lines)})
        return self
