"""One figure of static power belongs to one size of chip: a change of that size is refused unless it is allowed.

A measured chip states its static power as a whole (``chip.static_power``). Nobody has measured it with other tiles,
lanes or memories, so a sweep over these would rank chips by a number that stands still.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from simulator.config.chip import ChipConfig
from simulator.config.overrides import Override
from simulator.config.schema_words import field_at
from simulator.config.source_position import Problem
from simulator.config.yaml_marks import MapNode, Node, ScalarNode

POWER, FIXED = ("chip", "static_power"), ("chip", "static_fixed")
# What holds transistors: more of it leaks more.
SIZES: tuple[tuple[str, ...], ...] = (
    ("chip", "tiles_x"),
    ("chip", "tiles_y"),
    ("chip", "cores_per_tile"),
    ("core", "sram", "capacity"),
    ("core", "synapse", "lanes"),
    ("core", "dendrite", "accumulator_bits"),
    ("core", "dendrite", "accumulators_per_core"),
    ("core", "soma", "lanes"),
    ("vector", "lanes"),
    ("memory", "capacity"),
    ("core", "limits", "neurons"),
)
# A lower limit uses less of a core that stays as large as it is.
LIMITS = {("core", "limits", "neurons")}
# A size that a file does not give is that of another field.
DEFAULTS = {("core", "dendrite", "accumulators_per_core"): ("core", "limits", "neurons")}
HELP = "set chip.static_power of the new size too, or chip.static_fixed=true to keep it"


def resized(tree: Node, changed: Node, overrides: Sequence[Override]) -> Iterator[Problem]:
    """A problem for each size that ``overrides`` change in ``tree``, to ``changed``, under one fixed figure.

    Nothing is wrong when they state the static power too, or when ``chip.static_fixed`` allows it.
    """
    stated = any(
        override.path[: len(POWER)] == POWER and override.path[2:] in ((), ("value",)) for override in overrides
    )
    if stated or allowed(changed):
        return
    for override in overrides:
        if override.path in SIZES:
            yield from _changed(tree, changed, override.path, Problem(override.place, override.path, ""))


def resized_by_file(base: MapNode, own: MapNode, merged: Node) -> Iterator[Problem]:
    """The same problems for a chip file ``own`` on top of the chip ``base`` that it extends."""
    if node_at(own, POWER) is not None or allowed(merged):
        return
    for path in SIZES:
        found = node_at(own, path)
        if found is not None:
            yield from _changed(base, merged, path, Problem(found.place, path, ""))


def allowed(tree: Node) -> bool:
    """Whether the chip may change its size: its figure is kept on purpose, or it has none."""
    fixed = node_at(tree, FIXED)
    return (isinstance(fixed, ScalarNode) and fixed.value is True) or node_at(tree, POWER) is None


def node_at(tree: Node, path: Sequence[str]) -> Node | None:
    """What stands at ``path``, or None."""
    found: Node | None = tree
    for key in path:
        found = found.items[key].node if isinstance(found, MapNode) and key in found.items else None
    return found


def _changed(before: Node, after: Node, path: tuple[str, ...], at: Problem) -> Iterator[Problem]:
    """What to say where the size at ``path`` is another one; nothing for a value that is not a size."""
    was, now = _size(before, path), _size(after, path)
    if was is not None and now is not None and (now > was if path in LIMITS else now != was):
        text = (
            f"found {_text(after, path)}, expected {_text(before, path)}, the size that chip.static_power is of:"
            f" one figure does not scale; {HELP}"
        )
        yield Problem(at.place, at.path, text)


def _size(tree: Node, path: tuple[str, ...]) -> Any:
    """The size at ``path`` in the unit used inside, or None where there is no valid one."""
    found = node_at(tree, path)
    if found is None and path in DEFAULTS:
        return _size(tree, DEFAULTS[path])
    if not isinstance(found, ScalarNode):
        return None
    try:
        return TypeAdapter(field_at(ChipConfig, path)).validate_python(found.value)
    except ValidationError:
        return None


def _text(tree: Node, path: tuple[str, ...]) -> str:
    """The size at ``path`` as the file writes it."""
    found = node_at(tree, path)
    if found is None and path in DEFAULTS:
        return _text(tree, DEFAULTS[path])
    return found.text if isinstance(found, ScalarNode) else "none"
