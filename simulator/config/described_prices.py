"""Prices that a chip file describes rather than states: the number takes the place of the description.

``energy: {model: sram, capacity: core.sram.capacity, word: 512 bit, node: 45 nm, cell: LSTP}`` becomes a value with
bounds, source, grade and a note of how it was made. It happens on the marked tree, after overrides and before
validation, so that everything later sees a number, and a sweep over the capacity moves the price with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from simulator.config.chip import ChipConfig
from simulator.config.chip_network import Noc
from simulator.config.field_types import (
    AreaMm2,
    EnergyPj,
    Frozen,
    LengthNm,
    Positive,
    SizeBytes,
    Text,
    WidthBits,
    broken_rule,
)
from simulator.config.leakage_models import logic_leakage, sram_leakage
from simulator.config.price_models import Made, dram_energy, router_energy, scaled_energy, sram_energy, wire_energy
from simulator.config.provenance import Grade, StaticPower
from simulator.config.schema_words import model_at
from simulator.config.source_position import Place, Problem
from simulator.config.validate import check
from simulator.config.works import WORK, works
from simulator.config.yaml_marks import Entry, MapNode, Node, ScalarNode
from simulator.errors import did_you_mean

KEY = "model"
Path = tuple[str | int, ...]


class _Described(Frozen):
    """What every description may add in words."""

    note: Text | None = None


class SramModel(_Described):
    """One access of an on-chip memory, by CACTI 7 (`simulator.config.price_models.sram_energy`)."""

    model: Literal["sram"]
    capacity: SizeBytes = Field(description="of the whole memory, or the path of a field that holds it")
    word: WidthBits
    node: LengthNm
    cell: Literal["HP", "LSTP", "LOP"] = Field(description="high performance, low standby power, low operating power")
    access: Literal["read", "write"] = "read"
    per: Literal["word", "bit"] = "word"
    energy: EnergyPj | None = Field(default=None, description="published, of a memory of `at`, which CACTI then scales")
    low: EnergyPj | None = Field(default=None, description="of the published energy")
    high: EnergyPj | None = Field(default=None, description="of the published energy")
    at: SizeBytes | None = Field(default=None, description="capacity of the memory of the published energy")
    source: Text | None = Field(default=None, description="of the published energy: key of the file's `sources` table")
    grade: Grade = Field(default="published-model", description="of the published energy; at another capacity: scaled")

    @model_validator(mode="after")
    def _published_whole(self) -> Self:
        given = [name for name in ("energy", "at", "source") if getattr(self, name) is not None]
        if given and len(given) < 3:
            raise broken_rule(given[0], f"found {' and '.join(given)}, expected energy, at and source together")
        return self

    def make(self) -> Made:
        """The number."""
        memory = (self.word, self.node, self.cell, self.access, self.per)
        made = sram_energy(self.capacity, *memory)
        if self.energy is None or self.at is None or self.source is None:
            return made
        factor = made.value / sram_energy(self.at, *memory).value
        low, high = (None if pj is None else pj * factor for pj in (self.low, self.high))
        at, to = (f"{size / 1024:g} KiB" for size in (self.at, self.capacity))
        note = f"{self.energy:g} pJ at {at} x {factor:.4g} to {to}, as CACTI 7 has it for {self.cell}"
        grade = self.grade if factor == 1 else "scaled"
        return Made(self.energy * factor, low, high, grade, note, self.source, None)


class DramModel(_Described):
    """Bits over the interface of a DRAM."""

    model: Literal["dram"]
    kind: Text = Field(description="HBM2, HBM2E, HBM3E, GDDR5, LPDDR4, LPDDR5 or DDR-45nm")
    width: WidthBits = 1

    def make(self) -> Made:
        """The number."""
        return dram_energy(self.kind, self.width)


class WireModel(_Described):
    """A flit over repeated wires, by CACTI 7."""

    model: Literal["wire"]
    length: LengthNm
    width: WidthBits
    node: LengthNm

    def make(self) -> Made:
        """The number."""
        return wire_energy(self.length * 1e-6, self.width, self.node)


class RouterModel(_Described):
    """A flit through a router of five ports, by CACTI 7: an upper bound."""

    model: Literal["router"]
    width: WidthBits
    node: LengthNm

    def make(self) -> Made:
        """The number."""
        return router_energy(self.width, self.node)


class ScaledModel(_Described):
    """A published energy of logic, scaled to another node and supply by Stillmaker and Baas."""

    model: Literal["scaled"]
    energy: EnergyPj = Field(description="as published")
    low: EnergyPj | None = Field(default=None, description="as published")
    high: EnergyPj | None = Field(default=None, description="as published")
    node: LengthNm = Field(description="where it was published")
    voltage: Positive
    to_node: LengthNm
    to_voltage: Positive
    source: Text = Field(description="of the published energy: key of the file's `sources` table")
    grade: Literal["scaled", "assumed"] = "scaled"

    def make(self) -> Made:
        """The number."""
        here, there = (self.node, self.voltage), (self.to_node, self.to_voltage)
        made = scaled_energy(self.energy, *here, *there)
        low, high = (None if e is None else scaled_energy(e, *here, *there).value for e in (self.low, self.high))
        return made._replace(low=low, high=high, grade=self.grade, key=self.source, citation=None)


class LeakageModel(_Described):
    """Static power of a memory by its capacity, or of logic by its area, all of one class of cells."""

    model: Literal["leakage"]
    capacity: SizeBytes | None = Field(default=None, description="of a memory, or the path of a field that holds it")
    word: WidthBits | None = Field(default=None, description="of a memory")
    area: AreaMm2 | None = Field(default=None, description="of logic, in place of a memory")
    area_node: LengthNm | None = Field(default=None, description="node that the area is known at; by default `node`")
    node: LengthNm
    cell: Literal["HP", "LSTP", "LOP"] = Field(description="the class of transistors of the whole die")

    @model_validator(mode="after")
    def _memory_or_logic(self) -> Self:
        if self.area is not None and self.capacity is None and self.word is None:
            return self
        if self.area is None and self.area_node is None and self.capacity is not None and self.word is not None:
            return self
        raise broken_rule("", "found no single thing that leaks, expected `capacity` and `word`, or `area`")

    def make(self) -> Made:
        """The number."""
        if self.area is not None:
            return logic_leakage(self.area, self.area_node or self.node, self.node, self.cell)
        return sram_leakage(self.capacity or 0, self.word or 0, self.node, self.cell)


MODELS: dict[str, type[SramModel | DramModel | WireModel | RouterModel | ScaledModel | LeakageModel]] = {
    "sram": SramModel,
    "dram": DramModel,
    "wire": WireModel,
    "router": RouterModel,
    "scaled": ScaledModel,
    "leakage": LeakageModel,
}


def expand(root: Node) -> tuple[Node, tuple[Problem, ...]]:
    """``root`` with a number in the place of every description, and what is wrong with the descriptions.

    A description that is wrong keeps its place in the file in the problem and loses it in the tree.
    """
    problems: list[Problem] = []
    citations: dict[str, str] = {}
    if isinstance(root, MapNode):
        return _with_sources(_expanded(root, root, (), problems, citations), citations), tuple(problems)
    return root, ()


def _expanded(node: Any, root: MapNode, path: Path, problems: list[Problem], citations: dict[str, str]) -> Any:
    """``node``, which stands at ``path``, with the descriptions below it replaced."""
    if not isinstance(node, MapNode):
        return node
    if path == ("sources",):
        return MapNode(node.place, {key: _cited(key, entry, problems) for key, entry in node.items.items()})
    if KEY in node.items and "value" not in node.items and model_at(ChipConfig, path) is not Noc:
        return _made(node, root, path, problems, citations)
    items = {
        key: entry._replace(node=_expanded(entry.node, root, (*path, key), problems, citations))
        for key, entry in node.items.items()
    }
    return MapNode(node.place, items)


def _cited(key: str, entry: Entry, problems: list[Problem]) -> Entry:
    """A source with the citation of its work, where it names one of the table (`simulator.config.works`)."""
    node = entry.node
    if not isinstance(node, ScalarNode) or not isinstance(node.value, str) or WORK not in node.value:
        return entry
    work = works().get(key)
    if work is None:
        text = f"found {WORK}, expected a key of a known work{did_you_mean(key, works())}, or the citation itself"
        problems.append(Problem(node.place, ("sources", key), text))
        return entry
    text = node.value.replace(WORK, work.citation)
    return entry._replace(node=ScalarNode(node.place, text, text))


def _made(node: MapNode, root: MapNode, path: Path, problems: list[Problem], citations: dict[str, str]) -> Node:
    """The number that a description stands for."""
    named = node.items[KEY].node
    kind = MODELS.get(str(named.value)) if isinstance(named, ScalarNode) else None
    if kind is None:
        text = f"found '{getattr(named, 'value', 'a mapping')}', expected one of {', '.join(MODELS)}"
        problems.append(Problem(node.items[KEY].place, (*path, KEY), text))
        return _placeholder(node.place, root, path)
    described = MapNode(node.place, {key: _resolved(entry, root) for key, entry in node.items.items()})
    record, found = check(kind, described, lambda _: ())
    problems += [Problem(problem.place, (*path, *problem.path), problem.text) for problem in found]
    if record is None or found:
        return _placeholder(node.place, root, path)
    try:
        made = record.make()
    except ValueError as error:
        problems.append(Problem(node.items[KEY].place, path, str(error)))
        return _placeholder(node.place, root, path)
    if made.citation is not None:
        citations.setdefault(made.key, made.citation)
    return _price(node.place, made, record.note, _words(described))


def _resolved(entry: Entry, root: MapNode) -> Entry:
    """A field that names another field of the chip holds what that one holds."""
    named = entry.node
    if isinstance(named, ScalarNode) and isinstance(named.value, str) and named.value.partition(".")[0] in root.items:
        found: Node | None = root
        for key in named.value.split("."):
            found = found.items[key].node if isinstance(found, MapNode) and key in found.items else None
        if isinstance(found, ScalarNode):
            return entry._replace(node=ScalarNode(named.place, found.value, found.text))
    return entry


def _words(node: MapNode) -> str:
    """The description in one line, for those who ask what became of it."""
    return ", ".join(
        f"{key} {entry.node.text}"
        for key, entry in node.items.items()
        if isinstance(entry.node, ScalarNode) and key != "note"
    )


def _price(place: Place, made: Made, note: str | None, words: str) -> MapNode:
    """A stated price."""
    facts: Mapping[str, str | None] = {
        "value": f"{made.value!r} {made.unit}",
        "low": None if made.low is None else f"{made.low!r} {made.unit}",
        "high": None if made.high is None else f"{made.high!r} {made.unit}",
        "source": made.key,
        "grade": made.grade,
        "note": made.note if note is None else f"{made.note}. {note}",
        KEY: words,
    }
    return MapNode(place, dict(_entries(place, facts)))


def _placeholder(place: Place, root: MapNode, path: Path) -> Node:
    """Stands for a number that could not be made at ``path``; its own problem is reported already."""
    record = model_at(ChipConfig, path)
    unit = "W" if record is not None and issubclass(record, StaticPower) else "pJ"
    sources = root.items["sources"].node if "sources" in root.items else None
    known = next(iter(sources.items), "none") if isinstance(sources, MapNode) else "none"
    return _price(place, Made(0.0, None, None, "assumed", "none", known, None, unit), None, "none")


def _with_sources(root: MapNode, citations: Mapping[str, str]) -> MapNode:
    """``root`` with the citations of the numbers made, where the file has no source of that key."""
    sources = root.items.get("sources")
    if sources is None or not isinstance(sources.node, MapNode):
        return root
    place = sources.place
    items = dict(_entries(place, citations)) | sources.node.items
    return MapNode(root.place, {**root.items, "sources": sources._replace(node=MapNode(sources.node.place, items))})


def _entries(place: Place, facts: Mapping[str, str | None]) -> Iterator[tuple[str, Entry]]:
    """Keys and scalars of a mapping, all at one place; those without a text are left out."""
    for key, text in facts.items():
        if text is not None:
            yield key, Entry(place, ScalarNode(place, text, text))
