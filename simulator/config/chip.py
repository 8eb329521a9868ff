"""The chip file as frozen records: geometry, limits, and for every action an energy and a latency with their source.

Inside, energies are float pJ, times int ps, sizes int bytes, widths int bits, powers float W. The words follow
GLOSSARY; the component/action names here are the ones of the ledger (`simulator.energy.ledger`).
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from simulator.choices import Logits, SyncKind
from simulator.config.chip_core import Core
from simulator.config.chip_network import Noc
from simulator.config.chip_rules import broken_chip_rules
from simulator.config.core_widths import CoreWidth, CoreWidths
from simulator.config.field_types import (
    RULES_APART,
    AreaMm2,
    Count,
    Frozen,
    LengthNm,
    Name,
    Positive,
    Share,
    SizeBytes,
    Text,
    TimePs,
    WidthBits,
    broken_rule,
)
from simulator.config.provenance import Action, Delay, Price, Provenance, StaticPower


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


class Vector(Frozen):
    """Unit of the non-spiking work in each home core: `lanes` operations at a time."""

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
        default=None, description="of each core; without it everything is assumed to fit, and a warning says so"
    )
    in_sram: bool = Field(
        default=False,
        description="it is part of `core.sram`: what both hold on one core must fit there together",
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
    """How cores agree that a timestep has ended."""

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
        description="tiles and chips along a snake, row by row, or annealed from it for the fewest flits x links; a"
        " stage that fits a chip is placed on one",
    )
    seed: int = Field(default=0, ge=0, description="of the annealing")
    layer_cores: CoreWidths = Field(
        default="auto",
        description="cores of each layer, at least; or a table by kind of stage or layer, id or pattern (`mlp_in`, `q`,"
        " `blocks.3.*`); auto: as few as the limits of a core allow",
    )
    home_cores: CoreWidths = Field(
        default="auto",
        description="home cores of each stage, at least, or such a table; auto: as few as the limits of a core allow,"
        " and for attention one for each KV head",
    )
    head_cores: CoreWidth = Field(
        default="auto",
        description="cores of the LM head, in addition to those of its stage; auto: those of its stage, or as many"
        " as hold a"
        " dense head in their memory",
    )
    share_cores: bool = Field(
        default=False, description="several blocks on one core where they fit; in a stage it serves them one by one"
    )
    weights: Literal["resident", "streamed"] = Field(
        default="resident",
        description="on their cores for good; or loaded from `dram` for each stage, which all use the same cores",
    )
    kv_cache: Literal["memory", "sram", "dram", "auto"] = Field(
        default="memory",
        description="behind the vector unit of its home cores, in their SRAM next to the weights, or off the chip;"
        " auto: in memory where it fits, else in dram",
    )
    embedding: Literal["memory", "dram", "auto"] = Field(default="memory", description="its table, see kv_cache")
    head: Literal["memory", "dram", "auto"] = Field(default="memory", description="weights of a dense head")
    tables: Literal["memory", "dram", "auto"] = Field(
        default="memory", description="gains of norms, scales and rotary tables of a stage, see kv_cache"
    )


class Schedule(Frozen):
    """The order of tokens in the chip."""

    kind: Literal["auto", "sequential", "pipelined"] = Field(
        default="auto",
        description="one token in the chip at a time; or rounds in which every stage works on another token; auto:"
        " rounds for prompts, one at a time for generated tokens, and for all where stages share cores; with a chunk"
        " above 1 the default is sequential",
    )
    logits: Logits = Field(
        default="last",
        description="last: of the last token of a prompt and each decoded one, as serving needs; all: as scoring needs",
    )
    chunk: Count = Field(default=1, description="tokens of a prompt that pass each stage before the next begins")
    batch: Count = Field(
        default=1,
        description="texts whose generated tokens are in the chip together: under auto they fill the gaps of a"
        " pipeline, under sequential one token of each passes each stage before the next begins",
    )

    @property
    def together(self) -> int:
        """Most tokens that pass a stage before any of them goes on to the next."""
        return max(self.chunk, self.batch if self.kind == "sequential" else 1)

    @model_validator(mode="before")
    @classmethod
    def _chunks_in_sequence(cls, fields: Any) -> Any:
        """A chunk without a kind is that of a sequential schedule."""
        chunk = fields.get("chunk") if isinstance(fields, dict) else None
        in_chunks = isinstance(chunk, int) and chunk > 1 and "kind" not in fields
        return {**fields, "kind": "sequential"} if in_chunks else fields

    @model_validator(mode="after")
    def _one_token_per_stage(self) -> Self:
        if self.kind != "sequential" and self.chunk > 1:
            raise broken_rule("chunk", f"found {self.chunk} in a pipeline, expected 1, or schedule.kind sequential")
        return self


class ChipConfig(Frozen):
    """A chip file. Everything that the mapping, the engine and the energy ledger know of the hardware."""

    name: Name
    summary: Text = Field(description="one line for `spikewatt chips`")
    sources: dict[str, Text] = Field(description="short key -> citation")
    technology: Technology
    area: Areas | None = Field(default=None, description="absent if no source gives it")
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
