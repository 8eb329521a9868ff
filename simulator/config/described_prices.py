"""Prices that a chip file describes rather than states: the number takes the place of the description.

``energy: {model: sram, capacity: core.sram.capacity, word: 512 bit, node: 45 nm, cell: LSTP}`` becomes a value with
bounds, source, grade and a note of how it was made. It happens on the marked tree, after overrides and before
validation, so that everything later sees a number, and a sweep over the capacity moves the price with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from simulator.config.chip import ChipConfig
from simulator.config.chip_network import Noc
from simulator.config.fields import EnergyPj, Frozen, LengthNm, Positive, SizeBytes, Text, WidthBits
from simulator.config.price_models import Made, dram_energy, router_energy, scaled_energy, sram_energy, wire_energy
from simulator.config.schema_words import model_at
from simulator.config.source_position import Place, Problem
from simulator.config.validate import check
from simulator.config.yaml_marks import Entry, MapNode, Node, ScalarNode

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

    def make(self) -> Made:
        """The number."""
        return sram_energy(self.capacity, self.word, self.node, self.cell, self.access, self.per)


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


MODELS: dict[str, type[SramModel | DramModel | WireModel | RouterModel | ScaledModel]] = {
    "sram": SramModel,
    "dram": DramModel,
    "wire": WireModel,
    "router": RouterModel,
    "scaled": ScaledModel,
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
    if not isinstance(node, MapNode) or path[:1] == ("sources",):
        return node
    if KEY in node.items and "value" not in node.items and model_at(ChipConfig, path) is not Noc:
        return _made(node, root, path, problems, citations)
    items = {
        key: entry._replace(node=_expanded(entry.node, root, (*path, key), problems, citations))
        for key, entry in node.items.items()
    }
    return MapNode(node.place, items)


def _made(node: MapNode, root: MapNode, path: Path, problems: list[Problem], citations: dict[str, str]) -> Node:
    """The number that a description stands for."""
    named = node.items[KEY].node
    kind = MODELS.get(str(named.value)) if isinstance(named, ScalarNode) else None
    if kind is None:
        text = f"found '{getattr(named, 'value', 'a mapping')}', expected one of {', '.join(MODELS)}"
        problems.append(Problem(node.items[KEY].place, (*path, KEY), text))
        return _placeholder(node.place, root)
    described = MapNode(node.place, {key: _resolved(entry, root) for key, entry in node.items.items()})
    record, found = check(kind, described, lambda _: ())
    problems += [Problem(problem.place, (*path, *problem.path), problem.text) for problem in found]
    if record is None or found:
        return _placeholder(node.place, root)
    try:
        made = record.make()
    except ValueError as error:
        problems.append(Problem(node.items[KEY].place, path, str(error)))
        return _placeholder(node.place, root)
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
        f"{key} {entry.node.text}" for key, entry in node.items.items() if isinstance(entry.node, ScalarNode)
    )


def _price(place: Place, made: Made, note: str | None, words: str) -> MapNode:
    """A stated price."""
    facts: Mapping[str, str | None] = {
        "value": f"{made.value!r} pJ",
        "low": None if made.low is None else f"{made.low!r} pJ",
        "high": None if made.high is None else f"{made.high!r} pJ",
        "source": made.key,
        "grade": made.grade,
        "note": made.note if note is None else f"{made.note}. {note}",
        KEY: words,
    }
    return MapNode(place, dict(_entries(place, facts)))


def _placeholder(place: Place, root: MapNode) -> Node:
    """Stands for a number that could not be made; its own problem is told already."""
    sources = root.items["sources"].node if "sources" in root.items else None
    known = next(iter(sources.items), "none") if isinstance(sources, MapNode) else "none"
    return _price(place, Made(0.0, None, None, "assumed", "none", known, None), None, "none")


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
