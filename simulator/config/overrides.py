"""`--set core.sram.capacity="256 KiB"`: values of the command line on top of a chip file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.config.chip import ChipConfig
from simulator.config.chip_network import ChipLink
from simulator.config.provenance import Provenance
from simulator.config.schema_words import field_at, model_at
from simulator.config.source_position import Place
from simulator.config.yaml_marks import Entry, MapNode, Node, ScalarNode, parse_value
from simulator.errors import ConfigError

SOURCE, CITATION, NOTE = "--set", "command line", "set on the command line"
_STATED = ("value", "included_in")
_ABOUT = ("source", "grade", "note", "node_nm", "voltage", "low", "high")  # say something of a number, do not state it


@dataclass(frozen=True)
class Override:
    """One value to set: where it goes, what it is, and where it was asked for."""

    path: tuple[str, ...]
    value: Node
    place: Place


def parse_overrides(texts: Sequence[str]) -> list[Override]:
    """Read ``path=value`` texts.

    Raises
    ------
    ConfigError
        With every text that is no ``path=value``, and every path given twice.
    """
    overrides: list[Override] = []
    problems: list[str] = []
    for text in texts:
        path, equals, value = text.partition("=")
        place = Place(f"--set {text}")
        parts = tuple(path.strip().split("."))
        if not equals or not all(parts):
            problems.append(f'{place}: found no path=value, expected one such as core.sram.capacity="256 KiB"')
        elif any(parts == other.path for other in overrides):
            problems.append(f"{place}: found {path} set a second time, expected it once")
        else:
            try:
                overrides.append(Override(parts, parse_value(value.strip(), place), place))
            except ConfigError as error:
                problems += error.problems
    if problems:
        raise ConfigError(problems)
    return overrides


def with_varied(texts: Sequence[str], varied: Sequence[str]) -> list[str]:
    """The overrides of a command line, and those that its command makes by itself.

    Raises
    ------
    ConfigError
        With every override of the command line whose path the command sets.
    """
    own = {_path(text) for text in varied}
    taken = [text for text in texts if _path(text) in own]
    if taken:
        found = "found a key that this command sets itself, expected any other key"
        raise ConfigError([f"--set {text}: {found}" for text in taken])
    return [*texts, *varied]


def _path(text: str) -> str:
    return text.partition("=")[0].strip()


def apply_override(root: Node, override: Override) -> Node:
    """``root`` with one value set; a number so set is marked as assumed, and its source as the command line."""
    path, value = override.path, override.value
    if not isinstance(root, MapNode):
        return root
    root = without_other_static(root, ".".join(path[:2]))
    if _takes_value(path) and isinstance(value, ScalarNode):
        path = (*path, "value")
    record = model_at(ChipConfig, path[:-1])
    states = record is not None and issubclass(record, (Provenance, ChipLink)) and path[-1] not in _ABOUT
    if not states or field_at(ChipConfig, path) is None:
        return _set(root, path, value, override)
    if path[-1] in _STATED:
        root = _set(root, path[:-1], MapNode(override.place, {}), override)
    root = _set(root, path, value, override)
    for key, text in (("source", SOURCE), ("grade", "assumed"), ("note", NOTE)):
        root = _set(root, (*path[:-1], key), ScalarNode(override.place, text, text), override)
    return _set(root, ("sources", SOURCE), ScalarNode(override.place, CITATION, CITATION), override)


def without_other_static(root: MapNode, stated: str) -> MapNode:
    """``root`` without what new static power ``stated`` replaces: one figure replaces parts, parts one figure."""
    grid = root.items.get("chip")
    if stated == "chip.static_power":
        return MapNode(root.place, {key: entry for key, entry in root.items.items() if key != "static"})
    if stated.partition(".")[0] == "static" and grid is not None and isinstance(grid.node, MapNode):
        kept = {key: entry for key, entry in grid.node.items.items() if key != "static_power"}
        return MapNode(root.place, {**root.items, "chip": grid._replace(node=MapNode(grid.node.place, kept))})
    return root


def _takes_value(path: tuple[str, ...]) -> bool:
    """Whether a price, delay or power stands at ``path``."""
    record = model_at(ChipConfig, path)
    return record is not None and issubclass(record, Provenance) and "value" in record.model_fields


def set_value(node: MapNode, path: tuple[str, ...], override: Override) -> MapNode:
    """``node`` with the value of ``override`` at ``path``, as it is."""
    return _set(node, path, override.value, override)


def _set(node: MapNode, path: tuple[str, ...], value: Node, override: Override) -> MapNode:
    """``node`` with ``value`` at ``path``; what is missing on the path is made."""
    key, rest = path[0], path[1:]
    old = node.items.get(key)
    if not rest:
        entry = Entry(override.place, value)
    elif old and isinstance(old.node, MapNode):
        entry = old._replace(node=_set(old.node, rest, value, override))
    else:
        entry = Entry(override.place, _set(MapNode(override.place, {}), rest, value, override))
    return MapNode(node.place, {**node.items, key: entry})
